//! One indexer a database file, or a state folder.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use crate::error::{IndexerError, Result};

/// How long a start waits for the lock before it is held to be another indexer's.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two tries for it.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The held lock.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock at `path` for this process alone. A killed indexer's can outlive it for a moment: a child that it
    /// was just starting holds every descriptor until it runs its program or dies too.
    pub(super) async fn take(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(IndexerError::io("create", path))?;
        let begun = Instant::now();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                Err(Errno::WOULDBLOCK) => {
                    return Err(IndexerError::InUse { path: path.parent().unwrap_or(path).to_owned() });
                }
                Err(errno) => return Err(IndexerError::io("lock", path)(errno.into())),
            }
        }
    }
}
