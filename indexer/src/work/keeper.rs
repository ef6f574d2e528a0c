//! Keeps an eye on the results folder: whether it is the one that it was, and whether what was published is in it.
//!
//! Published results are looked for at the start and whenever the folder has come back, a page of scenes at a time
//! beside everything else. A scene whose result is gone is made again; where most are, it is the folder that is
//! doubted. It publishes and removes nothing.

use std::{sync::Arc, time::Duration};

use aurora_catalog::store::{Entry, scenes};
use aurora_queue::Job;
use tokio_util::sync::CancellationToken;

use super::{
    folder::{Folder, are_most_gone},
    publish,
};
use crate::{database::Database, error::Result, intake};

/// Time between two looks at the folder.
const LOOK: Duration = Duration::from_secs(5);

/// Scenes looked at together.
const PAGE: u32 = 200;

/// Pause between two pages, so that a slow disk has time for others.
const PAUSE: Duration = Duration::from_millis(50);

/// The keeper.
pub struct Keeper {
    /// The catalogue and the queue.
    pub database: Arc<Database>,
    /// The results folder.
    pub folder: Arc<Folder>,
}

impl Keeper {
    /// Keeps until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut all_there = false;
        while !stop.is_cancelled() {
            if let Err(error) = self.folder.claim_if_new(&self.database).await {
                tracing::warn!(%error, "the results folder cannot be claimed yet");
            }
            all_there &= self.folder.look().await.is_ok();
            if !all_there {
                all_there = match self.search(&stop).await {
                    Ok(ended) => ended,
                    Err(error) => {
                        tracing::warn!(%error, "published results cannot be looked for yet");
                        false
                    }
                };
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Looks for every published result, and has made again what is gone; answers whether it came to the end.
    async fn search(&self, stop: &CancellationToken) -> Result<bool> {
        let mut after = String::new();
        while !stop.is_cancelled() && self.folder.away().is_none() {
            let page = {
                let mut conn = self.database.read().await?;
                scenes::page(&mut conn, &after, PAGE).await?
            };
            let Some(last) = page.last() else { return Ok(true) };
            after.clone_from(&last.scene.scene_id);
            let published = page.iter().filter(|entry| entry.scene.light.is_some()).count();
            let folder = Arc::clone(&self.folder);
            let looking = tokio::task::spawn_blocking(move || {
                page.into_iter().filter(|entry| publish::is_gone(folder.path(), &entry.scene)).collect::<Vec<_>>()
            });
            let gone = looking.await.unwrap_or_default();
            if !gone.is_empty() && self.folder.look().await.is_err() {
                // It was the folder that went.
                return Ok(false);
            }
            if are_most_gone(gone.len(), published) {
                self.folder.doubt();
                if self.folder.look().await.is_err() {
                    return Ok(false);
                }
            }
            for entry in gone {
                make_again(&self.database, &entry).await?;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }
}

/// Has the result of `seen`'s scene made again, which is gone; `None` when the scene has moved on since it was seen.
///
/// # Errors
/// When the database fails.
pub async fn make_again(database: &Database, seen: &Entry) -> Result<Option<Job>> {
    let mut write = database.begin_with_scenes().await?;
    let entry = scenes::by_id(write.conn(), &seen.scene.scene_id).await?;
    let is_as_seen = |entry: &Entry| !entry.withdrawn && entry.scene == seen.scene;
    let Some(entry) = entry.filter(is_as_seen) else { return Ok(None) };
    let job = intake::make_again(&mut write, entry).await?;
    write.commit().await?;
    Ok(Some(job))
}
