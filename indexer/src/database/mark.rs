//! How far the feed had been told when the database was last written, kept beside the database.
//!
//! A database that was restored from a backup goes back in time: it would give the numbers that its followers have seen
//! to other changes. So its epoch must change. A restored database shows by this mark, which is ahead of it, or by
//! being another file than the one it says it is. The mark is not forced to disk: it may fall behind the database,
//! never get ahead of it.

use std::{
    fs::{self, File, Metadata},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use aurora_database::Address;

use crate::error::{IndexerError, Result};

/// The open mark.
pub(super) struct Mark(File);

/// A file that belongs to the database at `address`: beside it, or in the state folder where it is no file.
pub(super) fn beside(state_dir: &Path, address: &Address, extension: &str) -> PathBuf {
    match address {
        Address::Sqlite(path) => path.with_extension(extension),
        Address::Postgres(_) => state_dir.join("indexer").with_extension(extension),
    }
}

/// Where the mark lies.
pub(super) fn path(state_dir: &Path, address: &Address) -> PathBuf {
    beside(state_dir, address, "mark")
}

/// What a mark says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// Of which life of the database.
    pub(super) epoch: String,
    /// Number of the newest change.
    pub(super) head: u64,
}

/// A mark is one short line of fixed length, so that it is written in one piece.
const LENGTH: usize = 64;

impl Mark {
    /// Opens the mark at `path`, and reads what it says; `None` when it says nothing yet.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Told>)> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let file = File::options().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(IndexerError::io("open", path))?;
        let mut words = text.split_whitespace();
        let told = words.next().zip(words.next().and_then(|head| head.parse().ok()));
        Ok((Self(file), told.map(|(epoch, head)| Told { epoch: epoch.to_owned(), head })))
    }

    /// Notes how far the feed has been told.
    pub(super) fn note(&self, epoch: &str, head: u64) {
        let line = format!("{:<width$}\n", format!("{epoch} {head}"), width = LENGTH - 1);
        if let Err(error) = self.0.write_all_at(line.as_bytes(), 0) {
            tracing::warn!(%error, "the mark of the feed cannot be written");
        }
    }
}

/// Which file `metadata` is of, whatever its name: a copy is another one.
pub(super) fn file_id(metadata: &Metadata) -> String {
    let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    format!("{:x}:{:x}", metadata.ino(), born.as_ref().map(Duration::as_nanos).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_and_never_keeps_an_old_tail() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mark");
        let (mark, told) = Mark::open(&path).unwrap();
        assert_eq!(told, None);
        for head in [u64::MAX, 7] {
            mark.note("0123456789abcdef0123456789abcdef", head);
            let told = Mark::open(&path).unwrap().1.unwrap();
            assert_eq!((told.epoch.len(), told.head), (32, head));
        }
        fs::write(&path, "nonsense").unwrap();
        assert_eq!(Mark::open(&path).unwrap().1, None);
    }
}
