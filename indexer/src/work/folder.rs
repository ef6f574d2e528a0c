//! Whose the results folder is, and whether it still is the folder that it was.
//!
//! A hidden mark in it, written at the first use, names the folder and the database it belongs to. Another database's
//! folder is refused at the start. A folder whose mark is gone is not the one that results lie in, such as the empty
//! one below a mount that has gone away: nothing is published into it until the mark is there again. Which folder it
//! was is kept in the state folder too, so that this is noticed across restarts. An empty mark is an operator's word
//! that the folder, as it is, is to be taken.
//!
//! Every look at it is bounded in time: one that does not answer when the indexer starts is claimed as soon as it does.

mod mark;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aurora_catalog::store::scenes;
use aurora_database::Address;

use self::mark::{Found, Known, Mark, found, put};
use crate::{
    database::Database,
    error::{IndexerError, Result},
    lane::Lane,
    work::publish,
};

pub use self::mark::MARK;

/// Scenes whose results are looked for in a folder without a mark.
const SAMPLE: u32 = 200;

/// Time in which the folder must answer a look.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// The results folder.
pub struct Folder {
    path: PathBuf,
    state: PathBuf,
    standing: Mutex<Standing>,
    lane: Lane,
    /// Held over a look: others wait for their turn.
    looking: tokio::sync::Mutex<()>,
}

/// How matters stand with the folder.
#[derive(Debug, Clone)]
struct Standing {
    /// Its mark, or the one that it is to get.
    mark: Mark,
    /// The folder that it was in an earlier life.
    known: Option<String>,
    /// It has been told whose it is.
    is_claimed: bool,
    /// It has been marked, now or by an earlier life.
    is_marked: bool,
    /// Most of what was published is not in it, and no operator has said that this is right.
    is_doubted: bool,
    /// An operator has said that the folder, as it is, is to be taken.
    is_vouched: bool,
    /// Why it is not the folder that it was, as of the last look.
    away: Option<String>,
}

impl Folder {
    /// The folder at `path`, for the indexer with the state folder `state` on `database`, which `named` names in words.
    /// One that does not answer is away, and to be claimed [later](Self::claim_if_new).
    ///
    /// # Errors
    /// When it belongs to another database, or cannot be looked at.
    pub async fn claim(path: &Path, state: &Path, database: &Database, named: &Address) -> Result<Arc<Self>> {
        let lane = Lane::start("results", PATIENCE).map_err(IndexerError::io("start a thread for", path))?;
        let standing = Standing {
            mark: Mark::fresh(database, named),
            known: Known::read(state).filter(|known| known.path == path).map(|known| known.folder),
            is_claimed: false,
            is_marked: false,
            is_doubted: false,
            is_vouched: false,
            away: None,
        };
        let (path, state, looking) = (path.to_owned(), state.to_owned(), Default::default());
        let folder = Arc::new(Self { path, state, standing: Mutex::new(standing), lane, looking });
        match folder.claim_if_new(database).await {
            Err(error @ IndexerError::Hangs { .. }) => {
                tracing::error!(path = %folder.path.display(), %error, "the results folder is away");
            }
            claimed => claimed?,
        }
        Ok(folder)
    }

    /// Claims it, unless that is done.
    ///
    /// # Errors
    /// When it does not answer, belongs to another database, or cannot be looked at; it is away until it is claimed.
    pub async fn claim_if_new(self: &Arc<Self>, database: &Database) -> Result<()> {
        if self.standing().is_claimed {
            return Ok(());
        }
        let claimed = self.try_claim(database).await;
        if let Err(error) = &claimed {
            self.standing().away = Some(error.to_string());
        }
        claimed
    }

    async fn try_claim(self: &Arc<Self>, database: &Database) -> Result<()> {
        let folder = Arc::clone(self);
        let there = self.lane.run(move || folder.found()).await??;
        let Standing { mark: fresh, known, .. } = self.standing().clone();
        // Before there were marks, or beside another state folder, only what lies in it tells whether it is the one.
        let is_bare = matches!((&there, &known), (Found::Nothing, None));
        let is_doubted = is_bare && self.lacks_most(database).await?;
        let (mark, is_marked) = match (there, known) {
            (Found::Mark(mark), known) => {
                if known.is_none_or(|known| known != mark.folder) && !database.has_lived_as(&mark.epoch).await? {
                    return Err(anothers(&self.path, &mark));
                }
                (mark, true)
            }
            // It was marked before: what lies here now may be another folder.
            (_, Some(folder)) => (Mark { folder, ..fresh }, true),
            (_, None) => (fresh, false),
        };
        {
            let mut standing = self.standing();
            (standing.mark, standing.is_marked) = (mark, is_marked);
            (standing.is_doubted, standing.is_claimed) = (is_doubted, true);
        }
        let folder = Arc::clone(self);
        let looked = self.lane.run(move || {
            folder.remember();
            folder.check()
        });
        self.standing().away = looked.await?.err().map(|error| error.to_string());
        Ok(())
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn found(&self) -> Result<Found> {
        found(&self.path).map_err(IndexerError::io("look at", self.path.join(MARK)))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it is not the folder that it was, as of the last look.
    pub fn away(&self) -> Option<String> {
        self.standing().away.clone()
    }

    /// Takes nothing for lost that is not in it, and takes nothing in, until an operator says that it is the right
    /// folder.
    pub fn doubt(&self) {
        let mut standing = self.standing();
        standing.is_doubted = !standing.is_vouched;
    }

    /// Looks at it, in bounded time.
    ///
    /// # Errors
    /// Why it is not the folder that it was, or that it does not answer.
    pub async fn look(self: &Arc<Self>) -> Result<(), String> {
        let (folder, _looking) = (Arc::clone(self), self.looking.lock().await);
        if let Standing { is_claimed: false, away: Some(reason), .. } = &*self.standing() {
            return Err(reason.clone());
        }
        let looked = self.lane.run(move || folder.check()).await.and_then(|looked| looked);
        let looked = looked.map_err(|error| error.to_string());
        self.standing().away = looked.clone().err();
        looked
    }

    /// Looks at it, and marks it where that is still to be done. Blocking.
    ///
    /// # Errors
    /// [`IndexerError::ResultsAway`] with why it is not the folder that it was.
    pub fn check(&self) -> Result<()> {
        let away = |reason: String| Err(IndexerError::ResultsAway { path: self.path.clone(), reason });
        let Standing { mark: own, is_claimed, is_marked, is_doubted, .. } = self.standing().clone();
        if !is_claimed {
            return away("it has not answered since the start".to_owned());
        }
        let found = found(&self.path);
        if is_doubted && !matches!(found, Ok(Found::Empty)) {
            return away(format!(
                "most of what was published is not in it, as when it is not mounted; start anew once it is there, or, if all that is \
                 lost, put an empty file `{MARK}` there"
            ));
        }
        match found {
            Ok(Found::Mark(mark)) if mark.folder == own.folder => Ok(()),
            // Another indexer on the database was quicker: its mark holds for both.
            Ok(Found::Mark(mark)) if !is_marked && mark.epoch == own.epoch => {
                self.marked(mark);
                Ok(())
            }
            Ok(Found::Mark(mark)) => away(format!("another folder lies there, of {}", mark.database)),
            Ok(Found::Nothing) if is_marked => away(format!(
                "its mark is gone, as when it is not mounted; if what was in it is lost, make an empty file `{MARK}` there"
            )),
            Ok(Found::Empty) => {
                {
                    let mut standing = self.standing();
                    (standing.is_vouched, standing.is_doubted) = (true, false);
                }
                self.mark_it(own);
                Ok(())
            }
            Ok(Found::Nothing) => {
                self.mark_it(own);
                Ok(())
            }
            Err(error) => away(error.to_string()),
        }
    }

    /// A folder that takes no mark just now, such as a full one, is marked later.
    fn mark_it(&self, mark: Mark) {
        match put(&self.path, &mark) {
            Ok(()) => self.marked(mark),
            Err(error) => tracing::debug!(path = %self.path.display(), %error, "the results folder is not marked yet"),
        }
    }

    fn marked(&self, mark: Mark) {
        {
            let mut standing = self.standing();
            (standing.mark, standing.is_marked) = (mark, true);
        }
        self.remember();
    }

    fn remember(&self) {
        let Standing { mark, is_marked, is_doubted, .. } = self.standing().clone();
        if !is_marked || is_doubted {
            return;
        }
        let known = Known { path: self.path.clone(), folder: mark.folder };
        if let Err(error) = known.write(&self.state) {
            tracing::warn!(%error, "which folder the results lie in cannot be remembered");
        }
    }

    /// Whether most results of the first published scenes are not in it.
    async fn lacks_most(self: &Arc<Self>, database: &Database) -> Result<bool> {
        let page = {
            let mut conn = database.read().await?;
            scenes::page(&mut conn, "", SAMPLE).await?
        };
        let published: Vec<_> = page.into_iter().filter(|entry| entry.scene.light.is_some()).collect();
        let folder = Arc::clone(self);
        let looking = move || {
            let gone = published.iter().filter(|entry| publish::is_gone(&folder.path, &entry.scene)).count();
            are_most_gone(gone, published.len())
        };
        self.lane.run(looking).await
    }
}

/// Of so many published scenes, how many results must be missing before the folder is doubted instead of the results.
pub const FEWEST_MISSING: usize = 10;

/// Whether more results of these scenes are gone from the folder than would be lost one by one.
pub fn are_most_gone(gone: usize, published: usize) -> bool {
    gone >= FEWEST_MISSING && gone * 2 > published
}

fn anothers(path: &Path, mark: &Mark) -> IndexerError {
    let reason = format!(
        "{} holds the results of another indexer, whose database is {}; give this one a folder of its own. If that database \
         is no more, remove the file `{MARK}` in it",
        path.display(),
        mark.database
    );
    IndexerError::Setting { setting: "results", reason }
}

#[cfg(test)]
mod tests;
