//! What one transaction does to a scene, its job and what is told of them. Caller: [`super::register`], and whoever
//! makes a lost result again.

use aurora_catalog::{
    ChangeBody, Scene, SceneStatus,
    store::{Entry, Stamp, scenes},
};
use aurora_queue::{Job, NewJob, enqueue, list, person};

use super::{
    Examined, describe,
    plan::{Plan, Registration},
};
use crate::{
    database::Write,
    error::Result,
    work::{collect::Outputs, publish},
};

/// What was done with a file that settled; told once it is committed.
#[derive(Debug)]
pub(super) enum Done {
    /// Nothing that anybody sees has changed.
    Touched,
    /// The same content at another path under the same id.
    Moved { from: String },
    /// A new revision, which may have been at another path or have brought its result along.
    Settled { scene_id: String, revision: u64, carried: bool, moved_from: Option<String> },
}

impl Done {
    /// Says so of the file at `path`.
    pub(super) fn tell(&self, path: &str) {
        match self {
            Self::Touched => tracing::debug!(path, "touched"),
            Self::Moved { from } => tracing::info!(path, from, "moved"),
            Self::Settled { scene_id: scene, revision, carried, moved_from } => {
                tracing::info!(path, scene, revision, carried, moved_from = moved_from.as_deref(), "settled");
            }
        }
    }

    /// The path that the file was moved from.
    pub(super) fn moved_from(self) -> Option<String> {
        match self {
            Self::Touched => None,
            Self::Moved { from } => Some(from),
            Self::Settled { moved_from, .. } => moved_from,
        }
    }
}

/// Does as planned.
pub(super) async fn carry_out(
    write: &mut Write<'_>,
    plan: Plan,
    path: &str,
    file: &Examined,
    carried: Option<Outputs>,
) -> Result<Done> {
    match plan {
        Plan::Touch(entry) => {
            let identity = file.identity.kept().to_owned();
            scenes::put(write.conn(), &Entry { stamp: file.stamp, identity, ..entry }).await?;
            Ok(Done::Touched)
        }
        Plan::Move(entry) => {
            let from = entry.scene.path.clone();
            moved(write, entry, path, file).await?;
            Ok(Done::Moved { from })
        }
        Plan::Register(registration) => register(write, *registration, path, file, carried).await,
    }
}

async fn register(
    write: &mut Write<'_>,
    registration: Registration,
    path: &str,
    file: &Examined,
    carried: Option<Outputs>,
) -> Result<Done> {
    let Registration { scene_id, revision, old, renamed, .. } = registration;
    if old.is_some() {
        cancel_jobs(write, &scene_id, "its file was replaced").await?;
        clear_detections(write, &scene_id, revision);
    }
    let elsewhere = old.filter(|entry| !entry.withdrawn && entry.scene.path != path);
    let moved_from = renamed.as_ref().or(elsewhere.as_ref()).map(|entry| entry.scene.path.clone());
    if let Some(entry) = renamed {
        withdraw(write, entry, "its file was renamed").await?;
    }
    let is_carried = carried.is_some();
    let scene = describe::scene(&scene_id, revision, path, &file.content, write.now());
    match carried {
        Some(outputs) => {
            let entry = entry(scene, file, write);
            publish::put(write, entry, revision, outputs).await?;
        }
        None => put_with_job(write, scene, file).await?,
    }
    Ok(Done::Settled { scene_id, revision, carried: is_carried, moved_from })
}

/// The same content at another path under the same id: what is shown stays as it is, but a job under way reads a path
/// that is no more.
async fn moved(write: &mut Write<'_>, mut entry: Entry, path: &str, file: &Examined) -> Result<()> {
    describe::moved(&mut entry.scene, path);
    if entry.scene.light.is_none() {
        entry.scene.revision += 1;
        cancel_jobs(write, &entry.scene.scene_id, "its file moved").await?;
        return put_with_job(write, entry.scene, file).await;
    }
    put(write, entry.scene, file).await
}

/// The scene is listed no more, but not forgotten.
pub(super) async fn withdraw(write: &mut Write<'_>, entry: Entry, reason: &str) -> Result<()> {
    let Scene { scene_id, revision, .. } = entry.scene.clone();
    cancel_jobs(write, &scene_id, reason).await?;
    let updated_at = write.now();
    scenes::put(write.conn(), &Entry { withdrawn: true, updated_at, ..entry }).await?;
    clear_detections(write, &scene_id, revision);
    write.change(ChangeBody::Withdrawn { scene_id, revision });
    Ok(())
}

async fn put_with_job(write: &mut Write<'_>, scene: Scene, file: &Examined) -> Result<()> {
    let new = new_job(&scene.scene_id, scene.revision, &scene.path, write);
    put(write, scene, file).await?;
    let now = write.now();
    let listed = list::incomplete_of(write.conn(), &new.input).await?;
    let job = match listed.iter().find(|job| job.subject == new.subject && job.revision == new.revision) {
        Some(listed) => enqueue::became_whole(write.conn(), &listed.job_id, now).await?,
        None => enqueue::queued(write.conn(), new, now).await?,
    };
    write.job_moved(&job);
    Ok(())
}

/// The result that `entry`'s scene shows is gone: its raw file is shown again at the next revision, for which a job is
/// made.
///
/// # Errors
/// When the database fails.
pub(crate) async fn make_again(write: &mut Write<'_>, mut entry: Entry) -> Result<Job> {
    let (now, scene) = (write.now(), &mut entry.scene);
    scene.revision += 1;
    scene.status = if scene.raw.is_some() { SceneStatus::Raw } else { SceneStatus::Waiting };
    (scene.light, scene.detections, scene.published_at) = (None, None, None);
    let (scene_id, revision) = (scene.scene_id.clone(), scene.revision);
    let new = new_job(&scene_id, revision, &scene.path, write);
    entry.updated_at = now;
    scenes::put(write.conn(), &entry).await?;
    clear_detections(write, &scene_id, revision);
    write.change(ChangeBody::Scene { scene: entry.scene });
    let job = enqueue::queued(write.conn(), new, now).await?;
    write.job_moved(&job);
    tracing::warn!(scene = scene_id, revision, "its result is gone; it is made again");
    Ok(job)
}

async fn put(write: &mut Write<'_>, scene: Scene, file: &Examined) -> Result<()> {
    let entry = entry(scene, file, write);
    scenes::put(write.conn(), &entry).await?;
    write.change(ChangeBody::Scene { scene: entry.scene });
    Ok(())
}

fn entry(scene: Scene, file: &Examined, write: &Write<'_>) -> Entry {
    Entry {
        scene,
        withdrawn: false,
        stamp: file.stamp,
        identity: file.identity.kept().to_owned(),
        updated_at: write.now(),
    }
}

/// The job of a scene's revision.
pub(super) fn new_job(scene_id: &str, revision: u64, path: &str, write: &Write<'_>) -> NewJob {
    NewJob {
        job_id: job_id(write.epoch(), scene_id, revision),
        subject: scene_id.to_owned(),
        revision,
        input: path.to_owned(),
        priority: 0,
    }
}

/// One job a scene revision, whoever asks and however often; the epoch keeps two databases apart on one cluster.
fn job_id(epoch: &str, scene_id: &str, revision: u64) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(epoch.as_bytes()).update(b"\0").update(scene_id.as_bytes()).update(&revision.to_le_bytes());
    format!("j{}", &hasher.finalize().to_hex()[..16])
}

/// A listing of its own for each form in which a file did not become whole.
pub(super) fn incomplete_id(path: &str, stamp: Stamp) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_bytes()).update(&stamp.size_bytes.to_le_bytes()).update(&stamp.mtime_ns.to_le_bytes());
    format!("i{}", &hasher.finalize().to_hex()[..16])
}

fn clear_detections(write: &mut Write<'_>, scene_id: &str, revision: u64) {
    let scene_id = scene_id.to_owned();
    write.change(ChangeBody::Detections { scene_id, revision, detections: Vec::new() });
}

async fn cancel_jobs(write: &mut Write<'_>, scene_id: &str, reason: &str) -> Result<()> {
    let now = write.now();
    for job in person::cancel_subject(write.conn(), scene_id, reason, now).await? {
        write.job_moved(&job);
    }
    Ok(())
}

/// Whatever was listed as incomplete under this path is over, but for `still`: it is whole, gone, or incomplete in
/// another way.
pub(super) async fn cancel_incomplete(write: &mut Write<'_>, path: &str, still: Option<&str>) -> Result<()> {
    let now = write.now();
    for listed in list::incomplete_of(write.conn(), path).await? {
        if Some(listed.job_id.as_str()) != still {
            let job = person::cancel(write.conn(), &listed.job_id, "its file changed or left", now).await?;
            write.job_moved(&job);
        }
    }
    Ok(())
}
