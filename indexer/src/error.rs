//! What can stop the indexer, or one step of it.

use std::{io, path::PathBuf};

use aurora_catalog::store::StoreError;
use aurora_database::failure;
use aurora_queue::QueueError;
use rustix::io::Errno;

/// The result of everything in this crate.
pub type Result<T, E = IndexerError> = std::result::Result<T, E>;

/// Why the indexer, or one step of it, failed. A job's own failure is not an error but its outcome.
#[derive(Debug, thiserror::Error)]
pub enum IndexerError {
    /// A file or folder could not be used.
    #[error("{}: cannot {doing}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database would lie on a file system that loses its locks.
    #[error("{}: a database cannot live on {file_system}; set --state to a local folder", path.display())]
    NetworkDatabase {
        /// The state folder.
        path: PathBuf,
        /// The file system's name.
        file_system: &'static str,
    },
    /// Another indexer uses the same state.
    #[error("{}: in use by another indexer", path.display())]
    InUse {
        /// The state folder.
        path: PathBuf,
    },
    /// The database failed.
    #[error("the database failed: {source}")]
    Database {
        /// What it said.
        #[from]
        source: sqlx::Error,
    },
    /// The database could not be opened.
    #[error(transparent)]
    Open(#[from] aurora_database::OpenError),
    /// Another indexer watches the root by now.
    #[error("another indexer watches the root by now")]
    TurnOver,
    /// The catalogue's tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A job's scene is not what the job was made for any more.
    #[error("job `{job_id}` is for a file that has left or changed since: there is nothing to retry")]
    Superseded {
        /// The job.
        job_id: String,
    },
    /// The results folder is not the one that it was.
    #[error("{}: not the results folder that it was: {reason}", path.display())]
    ResultsAway {
        /// The folder.
        path: PathBuf,
        /// What lies there instead.
        reason: String,
    },
    /// A running indexer could not be asked, or said no.
    #[error("{reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("--{setting}: {reason}")]
    Setting {
        /// The flag's name without dashes.
        setting: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread that does slow file work did not answer in time.
    #[error("no answer from the file system within {waited_s} s")]
    Hangs {
        /// How long was waited.
        waited_s: u64,
    },
    /// A metrics recorder is already there.
    #[error("metrics: {reason}")]
    Metrics {
        /// What the recorder said.
        reason: String,
    },
}

impl IndexerError {
    /// What the database itself said, if it was that which failed.
    fn of_database(&self) -> Option<&sqlx::Error> {
        match self {
            Self::Database { source }
            | Self::Store(StoreError::Database { source })
            | Self::Queue(QueueError::Database { source }) => Some(source),
            _ => None,
        }
    }

    /// Whether the database itself failed, such as for want of room: the same may succeed later.
    pub fn is_of_database(&self) -> bool {
        self.of_database().is_some()
    }

    /// Whether the same may work a moment later: the database is away, busy or starting.
    pub fn passes(&self) -> bool {
        self.of_database().is_some_and(failure::passes)
    }

    /// Whether the results folder takes nothing more: its disk is full, over a quota, read-only or fails at writing, or
    /// it is not there.
    pub fn is_of_results(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        let Self::Io { source, .. } = self else { return matches!(self, Self::ResultsAway { .. }) };
        matches!(source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
            || source.raw_os_error() == Some(Errno::IO.raw_os_error())
    }

    /// For `map_err` on file operations.
    pub fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { doing, path, source }
    }
}
