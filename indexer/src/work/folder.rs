//! Whose the results folder is, and whether it still is the folder that it was.
//!
//! A hidden mark in it, written at the first use, names the folder and the database it belongs to. Another database's
//! folder is refused at the start. A folder whose mark is gone is not the one that results lie in, such as the empty one
//! below a mount that has gone away: nothing is published into it until the mark is there again. Which folder it was is
//! kept in the state folder too, so that this is noticed across restarts. An empty mark is an operator's word that the
//! folder, as it is, is to be taken.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use aurora_catalog::store::scenes;
use aurora_database::Address;
use serde::{Deserialize, Serialize};

use crate::{
    database::Database,
    error::{IndexerError, Result},
    lane::Lane,
    random,
    work::publish,
};

/// Name of the mark.
pub const MARK: &str = ".aurora-results";

/// Where the state folder keeps which folder it was.
const KNOWN: &str = "indexer.results";

/// Scenes whose results are looked for in a folder without a mark.
const SAMPLE: u32 = 200;

/// A mark is a few words.
const MAX_MARK_BYTES: u64 = 64 << 10;

/// Time in which the folder must answer a look.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// Name of this folder alone.
    folder: String,
    /// An epoch of the database whose it is.
    epoch: String,
    /// Where that database is, in words for an operator.
    database: String,
}

/// What lies in the mark's place.
enum Found {
    Nothing,
    Empty,
    Mark(Mark),
}

/// The folder and its place, as the state folder remembers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    folder: String,
}

/// The results folder.
pub struct Folder {
    path: PathBuf,
    state: PathBuf,
    mark: Mark,
    /// It has been marked, now or by an earlier life.
    is_marked: AtomicBool,
    /// Why it is not the folder that it was, as of the last look.
    away: Mutex<Option<String>>,
    /// Most of what was published is not in it, and no operator has said that this is right.
    doubted: AtomicBool,
    /// An operator has said that the folder, as it is, is to be taken.
    is_vouched: AtomicBool,
    lane: Lane,
    /// Held over a look: others wait for their turn.
    looking: tokio::sync::Mutex<()>,
}

impl Folder {
    /// The folder at `path`, for the indexer with the state folder `state` on `database`, which `named` names in words.
    ///
    /// # Errors
    /// When it belongs to another database, or cannot be looked at.
    pub async fn claim(path: &Path, state: &Path, database: &Database, named: &Address) -> Result<Self> {
        let known = Known::read(state).filter(|known| known.path == path).map(|known| known.folder);
        let fresh = Mark::fresh(database, named);
        let look = || found(path).map_err(IndexerError::io("look at", path.join(MARK)));
        let mut there = look()?;
        // Before there were marks, or beside another state folder, only what lies in it tells whether it is the one.
        let is_bare = matches!((&there, &known), (Found::Nothing, None));
        let is_doubted = is_bare && lacks_most(path, database).await?;
        if is_bare && !is_doubted {
            // Another indexer on the database may be as quick: its mark then holds.
            if let Err(error) = put(path, &fresh) {
                tracing::warn!(path = %path.display(), %error, "the results folder is not marked yet");
            }
            there = look()?;
        }
        let (mark, is_marked) = match (there, known) {
            (Found::Mark(mark), known) => {
                if known.is_none_or(|known| known != mark.folder) && !database.has_lived_as(&mark.epoch).await? {
                    return Err(anothers(path, &mark));
                }
                (mark, true)
            }
            // It was marked before: what lies here now may be another folder.
            (_, Some(folder)) => (Mark { folder, ..fresh }, true),
            (_, None) => (fresh, false),
        };
        let lane = Lane::start("results", PATIENCE).map_err(IndexerError::io("start a thread for", path))?;
        let (path, state, is_marked) = (path.to_owned(), state.to_owned(), AtomicBool::new(is_marked));
        let folder = Self {
            path,
            state,
            mark,
            is_marked,
            away: Mutex::default(),
            doubted: AtomicBool::new(false),
            is_vouched: AtomicBool::new(false),
            lane,
            looking: Default::default(),
        };
        if is_doubted {
            folder.doubt();
        } else {
            folder.remember();
        }
        folder.note(folder.check().err().map(|error| error.to_string()));
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it is not the folder that it was, as of the last look.
    pub fn away(&self) -> Option<String> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes nothing for lost that is not in it, and takes nothing in, until an operator says that it is the right folder.
    pub fn doubt(&self) {
        self.doubted.store(!self.is_vouched.load(Relaxed), Relaxed);
    }

    fn note(&self, away: Option<String>) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }

    /// Looks at it, in bounded time.
    ///
    /// # Errors
    /// Why it is not the folder that it was, or that it does not answer.
    pub async fn look(self: &Arc<Self>) -> Result<(), String> {
        let (folder, _looking) = (Arc::clone(self), self.looking.lock().await);
        let looked = self.lane.run(move || folder.check()).await.and_then(|looked| looked);
        let looked = looked.map_err(|error| error.to_string());
        self.note(looked.clone().err());
        looked
    }

    /// Looks at it, and marks it where that is still to be done. Blocking.
    ///
    /// # Errors
    /// [`IndexerError::ResultsAway`] with why it is not the folder that it was.
    pub fn check(&self) -> Result<()> {
        let away = |reason: String| Err(IndexerError::ResultsAway { path: self.path.clone(), reason });
        let is_marked = self.is_marked.load(Relaxed);
        let found = found(&self.path);
        if self.doubted.load(Relaxed) && !matches!(found, Ok(Found::Empty)) {
            return away(format!(
                "most of what was published is not in it, as when it is not mounted; start anew once it is there, or, if all that is \
                 lost, put an empty file `{MARK}` there"
            ));
        }
        match found {
            Ok(Found::Mark(mark)) if mark.folder == self.mark.folder => Ok(()),
            Ok(Found::Mark(mark)) if !is_marked && mark.epoch == self.mark.epoch => Ok(()),
            Ok(Found::Mark(mark)) => away(format!("another folder lies there, of {}", mark.database)),
            Ok(Found::Nothing) if is_marked => away(format!(
                "its mark is gone, as when it is not mounted; if what was in it is lost, make an empty file `{MARK}` there"
            )),
            Ok(Found::Empty) => {
                self.is_vouched.store(true, Relaxed);
                self.doubted.store(false, Relaxed);
                self.mark_it();
                Ok(())
            }
            Ok(Found::Nothing) => {
                self.mark_it();
                Ok(())
            }
            Err(error) => away(error.to_string()),
        }
    }

    /// A folder that takes no mark just now, such as a full one, is marked later.
    fn mark_it(&self) {
        match put(&self.path, &self.mark) {
            Ok(()) => {
                self.is_marked.store(true, Relaxed);
                self.remember();
            }
            Err(error) => tracing::debug!(path = %self.path.display(), %error, "the results folder is not marked yet"),
        }
    }

    fn remember(&self) {
        if !self.is_marked.load(Relaxed) {
            return;
        }
        let known = Known { path: self.path.clone(), folder: self.mark.folder.clone() };
        if let Err(error) = known.write(&self.state) {
            tracing::warn!(%error, "which folder the results lie in cannot be remembered");
        }
    }
}

/// Of so many published scenes, how many results must be missing before the folder is doubted instead of the results.
pub const FEWEST_MISSING: usize = 10;

/// Whether more results of these scenes are gone from the folder than would be lost one by one.
pub fn are_most_gone(gone: usize, published: usize) -> bool {
    gone >= FEWEST_MISSING && gone * 2 > published
}

/// Whether most results of the first published scenes are not in the folder at `path`.
async fn lacks_most(path: &Path, database: &Database) -> Result<bool> {
    let page = {
        let mut conn = database.read().await?;
        scenes::page(&mut conn, "", SAMPLE).await?
    };
    let published: Vec<_> = page.into_iter().filter(|entry| entry.scene.light.is_some()).collect();
    let path = path.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let gone = published.iter().filter(|entry| publish::is_gone(&path, &entry.scene)).count();
        are_most_gone(gone, published.len())
    });
    looking.await.map_err(|error| IndexerError::ResultsAway { path: PathBuf::new(), reason: error.to_string() })
}

impl Mark {
    fn fresh(database: &Database, named: &Address) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let database_named = match named {
            Address::Sqlite(_) => format!("{named} on {}", host.trim()),
            Address::Postgres(_) => named.to_string(),
        };
        Self { folder: random::name(), epoch: database.epoch().to_string(), database: database_named }
    }
}

impl Known {
    fn read(state: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state.join(KNOWN)).ok()?).ok()
    }

    fn write(&self, state: &Path) -> io::Result<()> {
        if Self::read(state).as_ref() == Some(self) {
            return Ok(());
        }
        let fresh = state.join(format!("{KNOWN}.new"));
        written(&fresh, self)?;
        fs::rename(fresh, state.join(KNOWN))
    }
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

fn found(folder: &Path) -> io::Result<Found> {
    let file = match File::open(folder.join(MARK)) {
        Ok(file) => file,
        // Without the folder itself there is no mark in it either.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(MAX_MARK_BYTES).read_to_end(&mut text)?;
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Found::Empty);
    }
    serde_json::from_slice(&text).map(Found::Mark).map_err(|error| io::Error::other(format!("`{MARK}`: {error}")))
}

/// Puts the mark into the folder in one piece, unless another is there.
fn put(folder: &Path, mark: &Mark) -> io::Result<()> {
    let (fresh, at) = (folder.join(format!("{MARK}.{}", random::name())), folder.join(MARK));
    let putting = written(&fresh, mark).and_then(|()| match found(folder)? {
        Found::Empty => fs::rename(&fresh, &at),
        _ => fs::hard_link(&fresh, &at).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Err(error),
            // Some file systems have no such links.
            _ => fs::rename(&fresh, &at),
        }),
    });
    let _ = fs::remove_file(&fresh);
    putting.and_then(|()| File::open(folder)?.sync_all())
}

fn written<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
