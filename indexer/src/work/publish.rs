//! Verified outputs into the results folder and the catalogue: made durable, renamed, then told in one transaction.
//!
//! A crash before the rename leaves an attempt that nobody knows. A crash after it leaves a folder that the catalogue
//! does not name; the job's next attempt puts its own in that place. So a result is told of exactly once, and what is
//! told of is there.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aurora_catalog::{
    Asset, ChangeBody, Footprint, Scene, SceneStatus,
    store::{Entry, scenes},
};
use aurora_queue::{Job, QueueError, State, attempt, list, person};

use super::{attempt::AttemptDir, collect::Outputs, folder::Folder, patience::patiently};
use crate::{
    database::{Database, Write},
    error::{IndexerError, Result},
    intake::describe,
    paths,
    step::{self, Step},
};

/// Moves results into place.
#[derive(Clone)]
pub struct Publisher {
    database: Arc<Database>,
    folder: Arc<Folder>,
}

/// How publishing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// The result is what is shown now.
    Done,
    /// The scene has moved on since the job was made; the result is of no use.
    Superseded,
}

/// Whose result lies in its place.
enum Whose {
    /// This attempt's: its commit was answered with silence.
    Ours,
    /// That of an attempt on another host, which took over while this one was held up.
    Anothers,
    /// A leftover that nothing names.
    Nobodys,
}

impl Publisher {
    /// A publisher into `folder`.
    pub fn new(database: Arc<Database>, folder: Arc<Folder>) -> Self {
        Self { database, folder }
    }

    /// Publishes the outputs of the attempt that holds `job`.
    ///
    /// # Errors
    /// When the files or the database fail, or the job is held by somebody else; then nothing was told.
    pub async fn publish(&self, job: &Job, outputs: Outputs) -> Result<Publication> {
        if !patiently(|| self.is_current(job)).await? {
            return patiently(|| self.supersede(job)).await;
        }
        let revision = job.revision + 1;
        let from = AttemptDir::of(self.folder.path(), job).out();
        let to = result_dir(self.folder.path(), &job.subject, revision);
        let (folder, placed) = (Arc::clone(&self.folder), to.clone());
        let placing = tokio::task::spawn_blocking(move || {
            folder.check()?;
            place(&from, &to).map_err(IndexerError::io("publish", &to))
        });
        placing.await.map_err(|error| IndexerError::io("publish", &placed)(error.into()))??;
        match patiently(|| self.tell(job, revision, &outputs)).await {
            Ok(Publication::Superseded) => {
                unplace(placed).await;
                patiently(|| self.supersede(job)).await
            }
            Err(error @ IndexerError::Queue(QueueError::Fenced { .. })) => {
                match patiently(|| self.whose(job, revision)).await? {
                    Whose::Ours => return Ok(Publication::Done),
                    Whose::Anothers => {}
                    Whose::Nobodys => unplace(placed).await,
                }
                Err(error)
            }
            // After a failed commit the folder stays: it may have been told of after all. The janitor knows later.
            told => told,
        }
    }

    /// Whether the scene still is what the job was made for, and the job still ours.
    async fn is_current(&self, job: &Job) -> Result<bool> {
        let mut conn = self.database.read().await?;
        attempt::held(&mut conn, &job.job_id, job.fence).await?;
        let entry = scenes::by_id(&mut conn, &job.subject).await?;
        Ok(entry.is_some_and(|entry| is_for(job, &entry)))
    }

    /// Whose result is told of at `revision`, now that `job` is not held any more.
    async fn whose(&self, job: &Job, revision: u64) -> Result<Whose> {
        let mut conn = self.database.read().await?;
        let stands = list::get(&mut conn, &job.job_id).await?;
        if stands.state == State::Published && stands.fence == job.fence {
            return Ok(Whose::Ours);
        }
        let entry = scenes::by_id(&mut conn, &job.subject).await?;
        let is_told_of = entry.is_some_and(|entry| entry.scene.revision >= revision);
        Ok(if is_told_of { Whose::Anothers } else { Whose::Nobodys })
    }

    async fn supersede(&self, job: &Job) -> Result<Publication> {
        let mut write = self.database.begin().await?;
        let now = write.now();
        let job = person::cancel(write.conn(), &job.job_id, "the scene has changed since", now).await?;
        write.job_moved(&job);
        write.commit().await?;
        Ok(Publication::Superseded)
    }

    async fn tell(&self, job: &Job, revision: u64, outputs: &Outputs) -> Result<Publication> {
        let mut write = self.database.begin_with_scenes().await?;
        let now = write.now();
        let published = attempt::advance(write.conn(), &job.job_id, job.fence, State::Published, now).await?;
        let Some(entry) = scenes::by_id(write.conn(), &job.subject).await?.filter(|entry| is_for(job, entry)) else {
            return Ok(Publication::Superseded);
        };
        put(&mut write, entry, revision, outputs.clone()).await?;
        write.job_moved(&published);
        write.commit().await?;
        let seconds = now.duration_since(job.created_at).as_secs_f64();
        metrics::histogram!("aurora_indexer_settled_to_published_seconds").record(seconds);
        tracing::info!(scene = %job.subject, job = %job.job_id, revision, attempt = job.attempt, "published");
        Ok(Publication::Done)
    }
}

/// Whether the catalogued scene still is what `job` was made for.
pub(crate) fn is_for(job: &Job, entry: &Entry) -> bool {
    !entry.withdrawn && entry.scene.revision == job.revision
}

/// Writes that `entry`'s scene shows `outputs` from `revision` on, which lie in its [`result_dir`].
///
/// # Errors
/// When the database fails.
pub(crate) async fn put(write: &mut Write<'_>, mut entry: Entry, revision: u64, outputs: Outputs) -> Result<()> {
    let now = write.now();
    let Outputs { light_name, light, detections, footprint } = outputs;
    let scene = &mut entry.scene;
    let path = format!("{}/{revision}/{light_name}", scene.scene_id);
    scene.revision = revision;
    scene.status = SceneStatus::Published;
    scene.published_at = Some(now);
    scene.bounds_wgs84 = light.bounds_wgs84;
    scene.footprint = footprint.unwrap_or_else(|| Footprint::of_ring(light.footprint_wgs84.clone()));
    scene.light = Some(describe::asset(paths::href("/results/", &path), &light, light.nodata));
    scene.detections = Some(u32::try_from(detections.len()).unwrap_or(u32::MAX));
    entry.updated_at = now;
    scenes::put(write.conn(), &entry).await?;
    let scene_id = entry.scene.scene_id.clone();
    write.change(ChangeBody::Detections { scene_id, revision, detections });
    write.change(ChangeBody::Scene { scene: entry.scene });
    Ok(())
}

/// Whether the result that `scene` shows is not where it is said to be, though the folder of results can be read.
/// Blocking.
pub fn is_gone(results: &Path, scene: &Scene) -> bool {
    let light = scene.light.as_ref().and_then(|light| path_of(results, light));
    let looked = light.map(fs::symlink_metadata);
    looked.is_some_and(|looked| looked.is_err_and(|error| error.kind() == io::ErrorKind::NotFound))
}

/// Where the asset behind `/results/…` lies.
pub(crate) fn path_of(results: &Path, asset: &Asset) -> Option<PathBuf> {
    let path = String::from_utf8(paths::percent_decoded(asset.href.strip_prefix("/results/")?)?).ok()?;
    Some(results.join(path))
}

/// Where a published revision lies.
pub fn result_dir(results: &Path, scene_id: &str, revision: u64) -> PathBuf {
    results.join(scene_id).join(revision.to_string())
}

/// Nothing names the folder, and nothing will.
async fn unplace(folder: PathBuf) {
    let _ = tokio::task::spawn_blocking(move || fs::remove_dir_all(folder)).await;
}

/// Makes everything in `from` durable and renames it to `to`. What lies at `to` is left from a crash: no catalogue
/// names it, or the scene would be at that revision.
fn place(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        settle(&entry?)?;
    }
    File::open(from)?.sync_all()?;
    step::reached(Step::Synced);
    let parent = to.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(parent)?;
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    step::reached(Step::PlaceFreed);
    fs::rename(from, to)?;
    step::reached(Step::Renamed);
    sync_above(to)?;
    step::reached(Step::Placed);
    Ok(())
}

/// Makes one output durable. A result is files and folders of files: pipes, sockets and links that a command left are
/// taken away, as opening a pipe would wait for ever.
fn settle(entry: &fs::DirEntry) -> io::Result<()> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        for inner in fs::read_dir(entry.path())? {
            settle(&inner?)?;
        }
    } else if !kind.is_file() {
        tracing::warn!(path = %entry.path().display(), "an output that is no file is left out");
        return fs::remove_file(entry.path());
    }
    open_without_waiting(&entry.path())?.sync_all()
}

/// Opens what is a file or folder, or was when it was looked at: a pipe that took its place is not waited for.
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Makes the names that lead to a result durable.
pub(crate) fn sync_above(folder: &Path) -> io::Result<()> {
    for above in folder.ancestors().skip(1).take(2) {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_left_out_and_never_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("out"), dir.path().join("scene/2"));
        fs::create_dir_all(from.join("sub")).unwrap();
        for name in ["file", "sub/file"] {
            fs::write(from.join(name), "x").unwrap();
        }
        for name in ["pipe", "sub/pipe"] {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, from.join(name), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }
        std::os::unix::fs::symlink("/etc", from.join("link")).unwrap();
        place(&from, &to).unwrap();
        let names = |path: &Path| {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!((names(&to), names(&to.join("sub"))), (vec!["file".into(), "sub".into()], vec!["file".into()]));
    }

    #[test]
    fn what_a_crash_left_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("out"), dir.path().join("scene/2"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(from.join("new"), "new").unwrap();
        fs::write(to.join("old"), "old").unwrap();
        place(&from, &to).unwrap();
        assert!(to.join("new").exists() && !to.join("old").exists() && !from.exists());
    }
}
