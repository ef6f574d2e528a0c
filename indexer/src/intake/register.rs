//! One transaction a file: scene, job and changes together, or nothing.

use std::{collections::HashSet, sync::Arc};

use aurora_catalog::{
    ChangeBody, Scene, name,
    store::{Entry, Stamp, scenes},
};
use aurora_queue::{NewJob, enqueue, list, person};

use super::{Examined, describe};
use crate::{
    database::{Database, Write},
    error::Result,
    paths,
};

/// Writes what the watcher found into the catalogue and the queue.
#[derive(Clone)]
pub struct Intake {
    database: Arc<Database>,
}

/// What a settled file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A scene not seen before.
    New,
    /// Other content at a known path, or content that had left and is back.
    Changed,
    /// A known scene at another path.
    Moved,
    /// The content that is catalogued already.
    Same,
}

impl Intake {
    /// An intake into `database`.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Catalogues the file at `path` and queues its job. `missing` are catalogued files that are not at their paths
    /// just now: one of them may have been moved here.
    ///
    /// # Errors
    /// When the database fails; then nothing changed.
    pub async fn settled(&self, path: &str, file: &Examined, missing: &HashSet<String>) -> Result<Arrival> {
        let mut write = self.database.begin().await?;
        let arrival = match scenes::by_path(write.conn(), path).await? {
            Some(entry) if !entry.withdrawn && entry.identity == file.identity => {
                touched(&mut write, entry, file).await?
            }
            Some(entry) => {
                replaced(&mut write, &entry, path, file).await?;
                Arrival::Changed
            }
            None => first_here(&mut write, path, file, missing).await?,
        };
        cancel_incomplete(&mut write, path).await?;
        write.commit().await?;
        tracing::info!(path, ?arrival, "settled");
        metrics::counter!("aurora_indexer_settled_total").increment(1);
        Ok(arrival)
    }

    /// Lists the file at `path` as incomplete.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incomplete(&self, path: &str, stamp: Stamp, missing: &str) -> Result<()> {
        let mut write = self.database.begin().await?;
        let entry = scenes::by_path(write.conn(), path).await?;
        let (scene_id, revision) = match entry {
            Some(entry) => (entry.scene.scene_id, entry.scene.revision + 1),
            None => (free_id(&mut write, path).await?, 1),
        };
        let new = NewJob { job_id: incomplete_id(path, stamp), ..new_job(&scene_id, revision, path, &write) };
        cancel_incomplete(&mut write, path).await?;
        let now = write.now();
        let job = enqueue::incomplete(write.conn(), new, missing, now).await?;
        write.job_moved(&job).await?;
        write.commit().await?;
        tracing::warn!(path, missing, "incomplete");
        Ok(())
    }

    /// The file at `path` left: its scene is withdrawn, its jobs are cancelled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn left(&self, path: &str) -> Result<()> {
        let mut write = self.database.begin().await?;
        cancel_incomplete(&mut write, path).await?;
        let entry = scenes::by_path(write.conn(), path).await?;
        if let Some(entry) = entry.filter(|entry| !entry.withdrawn) {
            let Scene { scene_id, revision, .. } = entry.scene.clone();
            cancel_jobs(&mut write, &scene_id, "its file left").await?;
            let now = write.now();
            scenes::put(write.conn(), &Entry { withdrawn: true, updated_at: now, ..entry }).await?;
            clear_detections(&mut write, &scene_id, revision).await?;
            write.change(&ChangeBody::Withdrawn { scene_id, revision }).await?;
            tracing::info!(path, "withdrawn");
        }
        write.commit().await
    }

    /// The file that was listed as incomplete at `path` is there no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unlist(&self, path: &str) -> Result<()> {
        let mut write = self.database.begin().await?;
        cancel_incomplete(&mut write, path).await?;
        write.commit().await
    }

    /// Paths that are listed as incomplete.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn listed_incomplete(&self) -> Result<HashSet<String>> {
        let mut conn = self.database.read().await?;
        Ok(list::incomplete_inputs(&mut conn).await?.into_iter().collect())
    }

    /// Path and stamp of every catalogued file.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stamps(&self) -> Result<Vec<(String, Stamp)>> {
        let mut conn = self.database.read().await?;
        Ok(scenes::stamps(&mut conn).await?)
    }
}

/// The same content with another time on it: nothing that anybody sees has changed.
async fn touched(write: &mut Write<'_>, entry: Entry, file: &Examined) -> Result<Arrival> {
    scenes::put(write.conn(), &Entry { stamp: file.stamp, ..entry }).await?;
    Ok(Arrival::Same)
}

async fn first_here(write: &mut Write<'_>, path: &str, file: &Examined, missing: &HashSet<String>) -> Result<Arrival> {
    let plain_id = name::scene_id(paths::file_name(path), None);
    let holder = scenes::by_id(write.conn(), &plain_id).await?;
    if let Some(entry) = holder.filter(|entry| entry.identity == file.identity) {
        if entry.withdrawn {
            replaced(write, &entry, path, file).await?;
            return Ok(Arrival::Moved);
        }
        if missing.contains(&entry.scene.path) {
            moved(write, entry, path, file).await?;
            return Ok(Arrival::Moved);
        }
    }
    let scene_id = free_id(write, path).await?;
    let now = write.now();
    put_with_job(write, describe::scene(&scene_id, 1, path, &file.content, now), file).await?;
    Ok(Arrival::New)
}

/// Other content under a known id: what was made of the old one is over.
async fn replaced(write: &mut Write<'_>, old: &Entry, path: &str, file: &Examined) -> Result<()> {
    let Scene { scene_id, revision, .. } = &old.scene;
    cancel_jobs(write, scene_id, "its file was replaced").await?;
    let now = write.now();
    let scene = describe::scene(scene_id, revision + 1, path, &file.content, now);
    clear_detections(write, scene_id, scene.revision).await?;
    put_with_job(write, scene, file).await
}

/// The same content at another path: results stay, but a job under way reads a path that is no more.
async fn moved(write: &mut Write<'_>, mut entry: Entry, path: &str, file: &Examined) -> Result<()> {
    describe::moved(&mut entry.scene, path);
    entry.scene.revision += 1;
    if entry.scene.light.is_none() {
        cancel_jobs(write, &entry.scene.scene_id, "its file moved").await?;
        return put_with_job(write, entry.scene, file).await;
    }
    put(write, entry.scene, file).await
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
    write.job_moved(&job).await
}

async fn put(write: &mut Write<'_>, scene: Scene, file: &Examined) -> Result<()> {
    let updated_at = write.now();
    let entry = Entry { scene, withdrawn: false, stamp: file.stamp, identity: file.identity.clone(), updated_at };
    scenes::put(write.conn(), &entry).await?;
    write.change(&ChangeBody::Scene { scene: entry.scene }).await
}

/// The name's own id, or the one with the path's hash when another file has it.
async fn free_id(write: &mut Write<'_>, path: &str) -> Result<String> {
    let file_name = paths::file_name(path);
    let plain = name::scene_id(file_name, None);
    if scenes::by_id(write.conn(), &plain).await?.is_none() {
        return Ok(plain);
    }
    let hash = blake3::hash(path.as_bytes());
    let bytes = hash.as_bytes();
    Ok(name::scene_id(file_name, Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))))
}

fn new_job(scene_id: &str, revision: u64, path: &str, write: &Write<'_>) -> NewJob {
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
fn incomplete_id(path: &str, stamp: Stamp) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(path.as_bytes()).update(&stamp.size_bytes.to_le_bytes()).update(&stamp.mtime_ns.to_le_bytes());
    format!("i{}", &hasher.finalize().to_hex()[..16])
}

async fn clear_detections(write: &mut Write<'_>, scene_id: &str, revision: u64) -> Result<()> {
    let scene_id = scene_id.to_owned();
    write.change(&ChangeBody::Detections { scene_id, revision, detections: Vec::new() }).await
}

async fn cancel_jobs(write: &mut Write<'_>, scene_id: &str, reason: &str) -> Result<()> {
    let now = write.now();
    for job in person::cancel_subject(write.conn(), scene_id, reason, now).await? {
        write.job_moved(&job).await?;
    }
    Ok(())
}

/// Whatever was listed as incomplete under this path is over: it is whole, gone, or incomplete in another way.
async fn cancel_incomplete(write: &mut Write<'_>, path: &str) -> Result<()> {
    let now = write.now();
    for listed in list::incomplete_of(write.conn(), path).await? {
        let job = person::cancel(write.conn(), &listed.job_id, "its file changed or left", now).await?;
        write.job_moved(&job).await?;
    }
    Ok(())
}
