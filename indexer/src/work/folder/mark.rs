//! The mark in a results folder, and what the state folder remembers of it: how both are read and written.
//!
//! What follows from them is the folder's business.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use aurora_database::Address;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::{database::Database, random};

/// Name of the mark.
pub const MARK: &str = ".aurora-results";

/// Where the state folder keeps which folder it was.
const KNOWN: &str = "indexer.results";

/// A mark is a few words.
const MAX_MARK_BYTES: u64 = 64 << 10;

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Name of this folder alone.
    pub(super) folder: String,
    /// An epoch of the database whose it is.
    pub(super) epoch: String,
    /// Where that database is, in words for an operator.
    pub(super) database: String,
}

/// What lies in the mark's place.
pub(super) enum Found {
    Nothing,
    Empty,
    Mark(Mark),
}

/// The folder and its place, as the state folder remembers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) path: PathBuf,
    pub(super) folder: String,
}

impl Mark {
    /// A new name for a folder of `database`, which `named` names in words.
    pub(super) fn fresh(database: &Database, named: &Address) -> Self {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let database_named = match named {
            Address::Sqlite(_) => format!("{named} on {}", host.trim()),
            Address::Postgres(_) => named.to_string(),
        };
        Self { folder: random::name(), epoch: database.epoch().to_string(), database: database_named }
    }
}

impl Known {
    /// What is remembered in the folder `state`.
    pub(super) fn read(state: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(state.join(KNOWN)).ok()?).ok()
    }

    /// Remembers it there. Blocking.
    pub(super) fn write(&self, state: &Path) -> io::Result<()> {
        if Self::read(state).as_ref() == Some(self) {
            return Ok(());
        }
        let fresh = state.join(format!("{KNOWN}.new"));
        written(&fresh, self)?;
        fs::rename(fresh, state.join(KNOWN))
    }
}

/// What lies in the mark's place in `folder`. Blocking.
pub(super) fn found(folder: &Path) -> io::Result<Found> {
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

/// Puts the mark into the folder in one piece, unless another is there. Blocking.
pub(super) fn put(folder: &Path, mark: &Mark) -> io::Result<()> {
    let (fresh, at) = (folder.join(format!("{MARK}.{}", random::name())), folder.join(MARK));
    let putting = written(&fresh, mark).and_then(|()| match found(folder)? {
        Found::Empty => fs::rename(&fresh, &at),
        Found::Mark(_) => Err(io::ErrorKind::AlreadyExists.into()),
        Found::Nothing => fs::hard_link(&fresh, &at).or_else(|error| match Errno::from_io_error(&error) {
            // Some file systems have no such links.
            Some(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS | Errno::MLINK) => fs::rename(&fresh, &at),
            _ => Err(error),
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
