//! From what was seen, when, to what has settled and what has left. Pure: no files, no clock of its own.
//!
//! A file settles when its stamp stays the same for the settle time. It has left when sweeps have missed it for the
//! settle time. A root whose files all vanish at once, or whose identity changes, has not lost them: it is degraded.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use aurora_catalog::store::Stamp;

use super::scan::Sweep;

/// What is known of all files below the root.
pub struct Tracker {
    settle: Duration,
    /// Catalogued files as they were then.
    known: HashMap<String, Stamp>,
    pending: HashMap<String, Pending>,
    /// Catalogued files that the last looks missed, since when.
    missing: HashMap<String, Instant>,
    root_id: Option<(u64, u64)>,
}

/// A file that is new or changed.
#[derive(Debug, Clone, Copy)]
struct Pending {
    stamp: Stamp,
    /// Since when the stamp is so.
    since: Instant,
    /// It settled but is not whole; only a change makes it settle again.
    incomplete: bool,
}

/// Why nothing that seems gone is believed to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt(pub String);

impl Tracker {
    /// Starts from the catalogue's files.
    pub fn new(settle: Duration, known: HashMap<String, Stamp>) -> Self {
        Self { settle, known, pending: HashMap::new(), missing: HashMap::new(), root_id: None }
    }

    /// A candidate was seen.
    pub fn seen(&mut self, path: &str, stamp: Stamp, now: Instant) {
        self.missing.remove(path);
        if self.known.get(path) == Some(&stamp) {
            self.pending.remove(path);
            return;
        }
        let fresh = Pending { stamp, since: now, incomplete: false };
        let pending = self.pending.entry(path.to_owned()).or_insert(fresh);
        if pending.stamp != stamp {
            *pending = fresh;
        }
    }

    /// A look found nothing at `path`.
    pub fn absent(&mut self, path: &str, now: Instant) {
        self.pending.remove(path);
        if self.known.contains_key(path) {
            self.missing.entry(path.to_owned()).or_insert(now);
        }
    }

    /// Takes a sweep in and returns the catalogued files that have left.
    ///
    /// # Errors
    /// [`Doubt`] when more is gone than can be believed; then nothing has left.
    pub fn swept(&mut self, sweep: &Sweep, now: Instant) -> Result<Vec<String>, Doubt> {
        for (path, stamp) in &sweep.files {
            self.seen(path, *stamp, now);
        }
        self.pending.retain(|path, _| !sweep.lacks(path));
        if let Err(doubt) = self.believe(sweep) {
            self.missing.clear();
            return Err(doubt);
        }
        self.root_id = Some(sweep.root_id);
        for path in self.known.keys().filter(|path| sweep.lacks(path)) {
            self.missing.entry(path.clone()).or_insert(now);
        }
        let long_enough = |since: Instant| now.duration_since(since) >= self.settle;
        let left = self.missing.iter().filter(|(path, since)| sweep.lacks(path) && long_enough(**since));
        Ok(left.map(|(path, _)| path.clone()).collect())
    }

    fn believe(&self, sweep: &Sweep) -> Result<(), Doubt> {
        if sweep.overfull {
            return Err(Doubt("more files than --max-files".to_owned()));
        }
        if sweep.unreadable.iter().any(String::is_empty) {
            return Err(Doubt("the root cannot be read".to_owned()));
        }
        let still_there = self.known.keys().any(|path| sweep.files.contains_key(path));
        if still_there || self.known.is_empty() {
            return Ok(());
        }
        if self.root_id.is_some_and(|id| id != sweep.root_id) {
            return Err(Doubt("another folder is mounted at the root, without any known file".to_owned()));
        }
        // One file more or less is an operator's business; all of several at once is a mount that went away.
        if self.known.len() > 1 {
            return Err(Doubt(format!("all {} known files are gone at once", self.known.len())));
        }
        Ok(())
    }

    /// Files whose settle time is over, to be looked at once more.
    pub fn due(&self, now: Instant) -> Vec<String> {
        let over = |pending: &Pending| !pending.incomplete && now.duration_since(pending.since) >= self.settle;
        self.pending.iter().filter(|(_, pending)| over(pending)).map(|(path, _)| path.clone()).collect()
    }

    /// Whether `path` has settled, and as what.
    pub fn settled(&self, path: &str, now: Instant) -> Option<Stamp> {
        let pending = self.pending.get(path)?;
        let over = !pending.incomplete && now.duration_since(pending.since) >= self.settle;
        over.then_some(pending.stamp)
    }

    /// Catalogued files that have been missing since a look or sweep.
    pub fn missing(&self) -> HashSet<String> {
        self.missing.keys().cloned().collect()
    }

    /// Whether something seems to have left and wants a sweep to tell.
    pub fn wants_sweep(&self, now: Instant) -> bool {
        self.missing.values().any(|since| now.duration_since(*since) >= self.settle)
    }

    /// `path` is catalogued as it was under `stamp`.
    pub fn catalogued(&mut self, path: &str, stamp: Stamp) {
        if self.pending.get(path).is_some_and(|pending| pending.stamp == stamp) {
            self.pending.remove(path);
        }
        self.known.insert(path.to_owned(), stamp);
    }

    /// `path` settled but is not whole.
    pub fn incomplete(&mut self, path: &str, stamp: Stamp) {
        if let Some(pending) = self.pending.get_mut(path)
            && pending.stamp == stamp
        {
            pending.incomplete = true;
        }
    }

    /// `path` could not be read: its settle time begins anew.
    pub fn postpone(&mut self, path: &str, now: Instant) {
        if let Some(pending) = self.pending.get_mut(path) {
            pending.since = now;
        }
    }

    /// Files that have been incomplete, unchanged, for `patience`.
    pub fn given_up(&self, patience: Duration, now: Instant) -> Vec<(String, Stamp)> {
        let over = |pending: &Pending| pending.incomplete && now.duration_since(pending.since) >= patience;
        let given_up = self.pending.iter().filter(|(_, pending)| over(pending));
        given_up.map(|(path, pending)| (path.clone(), pending.stamp)).collect()
    }

    /// `path` is catalogued no more.
    pub fn withdrawn(&mut self, path: &str) {
        self.known.remove(path);
        self.missing.remove(path);
    }

    /// Whether anything is known of a file at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.known.contains_key(path) || self.pending.contains_key(path)
    }

    /// When the next file's settle time is over.
    pub fn next_deadline(&self) -> Option<Instant> {
        let settling = self.pending.values().filter(|pending| !pending.incomplete).map(|pending| pending.since);
        settling.chain(self.missing.values().copied()).min().map(|since| since + self.settle)
    }

    /// Catalogued files.
    pub fn known_files(&self) -> usize {
        self.known.len()
    }

    /// Files that settle or wait to become whole.
    pub fn pending_files(&self) -> usize {
        self.pending.len()
    }
}

#[cfg(test)]
mod tests;
