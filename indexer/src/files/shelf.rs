//! Open files, shared between all who read them, and never more than there are descriptors for.
//!
//! A reader holds no descriptor while it waits for its client: it takes the file from the shelf for each portion, and
//! whoever finds it gone from there opens it anew and makes sure that it still is the same version. So a thousand slow
//! clients of a thousand files need no more descriptors than one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::tree::OpenFile;

/// Files that nobody asked for in this time are closed, so that what was deleted gives its room back.
const IDLE: Duration = Duration::from_secs(5);

/// How long a request waits for a descriptor before it is told to come again.
const DESCRIPTOR_WAIT: Duration = Duration::from_secs(10);

/// The shelf; cheap to clone through an `Arc`.
pub struct Shelf {
    files: Mutex<HashMap<String, Kept>>,
    capacity: usize,
    opening: Arc<Semaphore>,
}

struct Kept {
    file: Arc<OpenFile>,
    asked_at: Instant,
}

impl Shelf {
    /// A shelf of `descriptors` in all: half for files that are kept open, half for files that are being opened or
    /// read on a thread of their own.
    pub fn new(descriptors: usize) -> Self {
        let kept = (descriptors / 2).max(1);
        let opening = Arc::new(Semaphore::new(descriptors.saturating_sub(kept).max(1)));
        Self { files: Mutex::default(), capacity: kept, opening }
    }

    fn files(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The open file under `key`, if it is kept.
    pub(super) fn find(&self, key: &str) -> Option<Arc<OpenFile>> {
        let mut files = self.files();
        let kept = files.get_mut(key)?;
        kept.asked_at = Instant::now();
        Some(Arc::clone(&kept.file))
    }

    /// Keeps a file that was just opened; what was asked for longest ago makes room.
    pub(super) fn keep(&self, key: String, file: Arc<OpenFile>) {
        let mut files = self.files();
        if !files.contains_key(&key) && files.len() >= self.capacity {
            let oldest = files.iter().min_by_key(|(_, kept)| kept.asked_at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| files.remove(&oldest));
        }
        files.insert(key, Kept { file, asked_at: Instant::now() });
    }

    /// Closes `file` under `key`: it is not what lies at its path any more.
    pub(super) fn drop_stale(&self, key: &str, file: &Arc<OpenFile>) {
        let mut files = self.files();
        if files.get(key).is_some_and(|kept| Arc::ptr_eq(&kept.file, file)) {
            files.remove(key);
        }
    }

    /// Closes what nobody asked for of late, until `stop`.
    pub async fn close_idle_until(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.close_idle(IDLE);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        }
    }

    fn close_idle(&self, idle: Duration) {
        self.files().retain(|_, kept| kept.asked_at.elapsed() < idle);
    }

    /// Files open now.
    pub fn open(&self) -> usize {
        self.files().len()
    }

    /// Waits for leave to open or read a file on a thread; `None` when there was none in time.
    pub(super) async fn leave(&self) -> Option<OwnedSemaphorePermit> {
        let leave = Arc::clone(&self.opening).acquire_owned();
        tokio::time::timeout(DESCRIPTOR_WAIT, leave).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files::{Tree, tree::Opened};

    fn opened(tree: &Tree, path: &str) -> Arc<OpenFile> {
        match tree.open(path) {
            Ok(Opened::File(file)) => file,
            _ => panic!("no file at {path}"),
        }
    }

    #[test]
    fn a_file_is_opened_once_for_all_and_never_more_than_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Arc::new(Shelf::new(6));
        let tree = Tree::new(dir.path().canonicalize().unwrap(), Vec::new(), Arc::clone(&shelf));
        for number in 0..10 {
            fs::write(dir.path().join(format!("{number}.bin")), "x").unwrap();
            let path = format!("{number}.bin");
            assert!(Arc::ptr_eq(&opened(&tree, &path), &opened(&tree, &path)));
            assert!(shelf.open() <= 3);
        }
        assert!(tree.at_hand("9.bin").is_some() && tree.at_hand("0.bin").is_none());
        shelf.close_idle(Duration::ZERO);
        assert_eq!(shelf.open(), 0);
    }

    fn is_at_hand(tree: &Tree, path: &str) -> bool {
        tree.at_hand(path).is_some_and(|file| tree.is_still_there(path, &file))
    }

    #[test]
    fn a_file_that_is_written_anew_or_gone_is_not_at_hand() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Arc::new(Shelf::new(8));
        let tree = Tree::new(dir.path().canonicalize().unwrap(), Vec::new(), shelf);
        let path = dir.path().join("a");
        fs::write(&path, "old").unwrap();
        let old = opened(&tree, "a").version;
        fs::write(&path, "newer").unwrap();
        assert!(!is_at_hand(&tree, "a"));
        assert_ne!(opened(&tree, "a").version, old);
        assert!(tree.reopen("a", &old).is_err());
        fs::remove_file(&path).unwrap();
        assert!(!is_at_hand(&tree, "a") && tree.open("a").is_err());
    }
}
