//! Removes what nobody needs any more: superseded results after their grace, leftovers of attempts, old changes.
//!
//! What is needed is read from the catalogue and the queue each time; no list of things to remove can be lost.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aurora_catalog::store::{changes, scenes};
use aurora_queue::{State, list};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{attempt::ATTEMPTS, folder::Folder};
use crate::{database::Database, error::Result};

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(300);

/// Changes removed in one transaction, so that the writer is never held up for long.
const BATCH: u32 = 5_000;

/// The janitor and what it keeps to.
pub struct Janitor {
    /// The catalogue and the queue.
    pub database: Arc<Database>,
    /// The results folder.
    pub folder: Arc<Folder>,
    /// How long superseded results stay.
    pub grace: Duration,
    /// Newest changes that are kept exactly.
    pub feed_keep: u64,
}

impl Janitor {
    /// Cleans now and then until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "cleaning failed; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    /// One round of everything.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn round(&self) -> Result<()> {
        self.compact().await?;
        if self.folder.look().await.is_err() {
            // What lies there now is not ours to clean.
            return Ok(());
        }
        for (scene_id, revisions) in folders_of_folders(self.folder.path()).await {
            self.clean_scene(&scene_id, &revisions).await?;
        }
        for (job_id, fences) in folders_of_folders(&self.folder.path().join(ATTEMPTS)).await {
            self.clean_job(&job_id, &fences).await?;
        }
        Ok(())
    }

    async fn compact(&self) -> Result<()> {
        loop {
            let mut write = self.database.begin().await?;
            let removed = changes::compact(write.conn(), self.feed_keep, BATCH).await?;
            write.commit().await?;
            if removed < u64::from(BATCH) {
                return Ok(());
            }
        }
    }

    /// Removes all revisions of a scene but the one shown, once the scene has been as it is for the grace.
    async fn clean_scene(&self, scene_id: &str, revisions: &[String]) -> Result<()> {
        let mut conn = self.database.read().await?;
        let Some(entry) = scenes::by_id(&mut conn, scene_id).await? else { return Ok(()) };
        let age = Timestamp::now().duration_since(entry.updated_at);
        if Duration::try_from(age).unwrap_or_default() < self.grace {
            return Ok(());
        }
        let shown = entry.scene.light.as_ref().filter(|_| !entry.withdrawn).and_then(|light| revision_of(&light.href));
        // A publication under way has placed its folder but not told of it.
        let coming = (entry.scene.revision + 1).to_string();
        for revision in revisions.iter().filter(|one| Some(one.as_str()) != shown && **one != coming) {
            remove(self.folder.path().join(scene_id).join(revision)).await;
        }
        Ok(())
    }

    /// Removes outputs of attempts that are over; logs go with their job's success.
    async fn clean_job(&self, job_id: &str, fences: &[String]) -> Result<()> {
        let mut conn = self.database.read().await?;
        let job = list::find(&mut conn, job_id).await?;
        let folder = self.folder.path().join(ATTEMPTS).join(job_id);
        let Some(job) = job.filter(|job| !matches!(job.state, State::Published | State::Cancelled)) else {
            remove(folder).await;
            return Ok(());
        };
        let current = job.fence.to_string();
        for fence in fences.iter().filter(|fence| !job.state.is_held() || **fence != current) {
            remove(folder.join(fence).join("out")).await;
        }
        Ok(())
    }
}

/// The revision in `/results/{scene}/{revision}/{name}`.
fn revision_of(href: &str) -> Option<&str> {
    href.rsplit('/').nth(1)
}

async fn remove(path: PathBuf) {
    let _ = tokio::task::spawn_blocking(move || {
        if path.exists() {
            tracing::debug!(path = %path.display(), "removed");
            let _ = fs::remove_dir_all(path);
        }
    })
    .await;
}

/// Names of the folders in `path` that are not hidden, each with the names in it.
async fn folders_of_folders(path: &Path) -> Vec<(String, Vec<String>)> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        names(&path)
            .into_iter()
            .map(|name| {
                let inner = names(&path.join(&name));
                (name, inner)
            })
            .collect()
    });
    reading.await.unwrap_or_default()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let names = folders.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_revision_stands_before_the_name() {
        assert_eq!(revision_of("/results/a%20b/12/a.MBI_light.tif"), Some("12"));
        assert_eq!(revision_of("x"), None);
    }
}
