//! Hints from the operating system that something below the root changed. They may be lost, doubled or late; nothing
//! depends on them but how soon the watcher looks.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{Notify, mpsc};

use crate::paths::Root;

/// Hints that may wait to be read; beyond it a sweep takes their place.
const WAITING_HINTS: usize = 4096;

/// The receiving end, and the watcher that must live as long.
pub struct Hints {
    paths: mpsc::Receiver<PathBuf>,
    lost: Arc<Lost>,
    _watcher: RecommendedWatcher,
}

#[derive(Default)]
struct Lost {
    flag: AtomicBool,
    wake: Notify,
}

impl Lost {
    fn set(&self) {
        self.flag.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

/// What the hints say.
#[derive(Debug, PartialEq, Eq)]
pub enum Hint {
    /// Look at these paths below the root.
    Look(Vec<String>),
    /// Some were lost: sweep.
    Sweep,
}

impl Hints {
    /// Watches everything below the root.
    ///
    /// # Errors
    /// When the system refuses, such as at its limit of watches.
    pub fn start(root: &Root) -> notify::Result<Self> {
        let (sender, paths) = mpsc::channel(WAITING_HINTS);
        let lost = Arc::new(Lost::default());
        let (own, flag) = (root.clone(), Arc::clone(&lost));
        let handler = move |event: notify::Result<Event>| receive(&own, event, &sender, &flag);
        let mut watcher = RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))?;
        watcher.watch(&root.path, RecursiveMode::Recursive)?;
        Ok(Self { paths, lost, _watcher: watcher })
    }

    /// Waits for the next hint and takes all that came with it.
    pub async fn next(&mut self, root: &Root) -> Hint {
        let first = tokio::select! {
            path = self.paths.recv() => path,
            () = self.lost.wake.notified() => None,
        };
        let mut paths: Vec<String> = first.iter().filter_map(|path| root.relative(path)).collect();
        while let Ok(path) = self.paths.try_recv() {
            paths.extend(root.relative(&path));
        }
        if self.lost.flag.swap(false, Ordering::AcqRel) || first.is_none() {
            return Hint::Sweep;
        }
        paths.sort_unstable();
        paths.dedup();
        Hint::Look(paths)
    }
}

fn receive(root: &Root, event: notify::Result<Event>, paths: &mpsc::Sender<PathBuf>, lost: &Lost) {
    let Ok(event) = event else { return lost.set() };
    if event.need_rescan() {
        return lost.set();
    }
    if matches!(event.kind, EventKind::Access(_)) {
        return;
    }
    for path in event.paths.into_iter().filter(|path| !root.excludes(path)) {
        if paths.try_send(path).is_err() {
            lost.set();
        }
    }
}
