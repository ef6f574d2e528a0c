//! The folders that an indexer works in: the root is found, the others are made.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::RecvTimeoutError,
    time::Duration,
};

use aurora_daemon::file_system;
use aurora_database::Address;

use crate::{
    database::Database,
    error::{IndexerError, Result},
    paths::Root,
    settings::Settings,
};

/// How long a start waits for the root, and for the results folder, to answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands for the network file system of a root that is away when the indexer starts.
const AWAY: &str = "a file system that is away";

/// The folders, made where needed, with all links resolved.
pub(super) struct Places {
    pub(super) root: Root,
    /// Name of the network file system that the root lies on, if it does.
    pub(super) network: Option<&'static str>,
    /// The root is away, or did not answer.
    pub(super) is_away: bool,
    pub(super) state: PathBuf,
    pub(super) database: Address,
    pub(super) results: PathBuf,
}

impl Places {
    /// Finds the root and makes the others.
    ///
    /// # Errors
    /// When there is no such root, it is no folder, or it lies in one of the others.
    pub(super) fn make(settings: &Settings) -> Result<Self> {
        let missing = || IndexerError::Setting { setting: "root", reason: "is missing".to_owned() };
        let state = std::path::absolute(&settings.state).map_err(IndexerError::io("find", &settings.state))?;
        let was_here_before = Database::was_used(&state, &settings.database_address(&state)?);
        let Found { path: root, network, is_away } =
            found(settings.root.as_deref().ok_or_else(missing)?, was_here_before)?;
        let state = made(&settings.state)?;
        let results = made_in_time(&settings.results_dir())?;
        if root.starts_with(&results) || root.starts_with(&state) {
            let reason = "lies in the state or results folder".to_owned();
            return Err(IndexerError::Setting { setting: "root", reason });
        }
        let excluded = vec![state.clone(), results.clone()];
        let database = settings.database_address(&state)?;
        let tells_ctime = file_system::has_change_times(network) && network != Some(AWAY);
        Ok(Self { root: Root { path: root, excluded, tells_ctime }, network, is_away, state, database, results })
    }
}

/// The root as it was found.
struct Found {
    /// All links resolved, where it answered.
    path: PathBuf,
    network: Option<&'static str>,
    is_away: bool,
}

/// Finds the root. One that hangs, or has gone away since an earlier start, is taken as it is named, and for a
/// network's: it may come back.
fn found(root: &Path, was_here_before: bool) -> Result<Found> {
    let (answer, answered) = std::sync::mpsc::channel();
    let asked = root.to_owned();
    // Nobody waits any more when a send fails.
    let asking = move || {
        let found = resolved(&asked).and_then(folder).map(|path| {
            let network = file_system::network_name(&path).ok().flatten();
            Found { path, network, is_away: false }
        });
        let _ = answer.send(found);
        // Where it is may be known without asking who has its files.
        let _ = fs::read_dir(&asked).map(|mut entries| entries.next());
    };
    let thread = std::thread::Builder::new().name("find".to_owned());
    thread.spawn(asking).map_err(IndexerError::io("start a thread for", root))?;
    let found = match answered.recv_timeout(PATIENCE) {
        Ok(Ok(found)) => {
            let is_away = answered.recv_timeout(PATIENCE).err() == Some(RecvTimeoutError::Timeout);
            Found { is_away, ..found }
        }
        // A root that was never there is a slip of the pen.
        Ok(Err(error)) if !was_here_before => return Err(error),
        Ok(Err(_)) | Err(_) => {
            let path = std::path::absolute(root).map_err(IndexerError::io("find", root))?;
            Found { path, network: Some(AWAY), is_away: true }
        }
    };
    if found.is_away {
        tracing::error!(root = %root.display(), "the root is away or does not answer");
    }
    Ok(found)
}

/// `path`, if a folder lies there.
fn folder(path: PathBuf) -> Result<PathBuf> {
    let found = fs::metadata(&path).map_err(IndexerError::io("look at", &path))?;
    if found.is_dir() {
        return Ok(path);
    }
    Err(IndexerError::Setting { setting: "root", reason: format!("{} is no folder", path.display()) })
}

/// Makes a folder that may hang: then it is taken as it is named.
fn made_in_time(path: &Path) -> Result<PathBuf> {
    let (answer, answered) = std::sync::mpsc::channel();
    let asked = path.to_owned();
    let thread = std::thread::Builder::new().name("make".to_owned());
    // Nobody waits any more when the send fails.
    let making = move || drop(answer.send(made(&asked)));
    thread.spawn(making).map_err(IndexerError::io("start a thread for", path))?;
    answered.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        tracing::error!(results = %path.display(), "the results folder does not answer");
        std::path::absolute(path).map_err(IndexerError::io("find", path))
    })
}

fn made(path: &Path) -> Result<PathBuf> {
    fs::create_dir_all(path).map_err(IndexerError::io("make", path))?;
    resolved(path)
}

fn resolved(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(IndexerError::io("find", path))
}
