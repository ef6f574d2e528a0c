//! Files that are new or changed: until when they settle, and what is to be done with those that are not whole or
//! cannot be read.

use std::time::{Duration, Instant};

use aurora_catalog::store::Stamp;

use super::Tracker;

/// So many files at most are taken in between two looks at what else has happened.
pub(super) const DUE_AT_ONCE: usize = 500;

/// A file that is new or changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) stamp: Stamp,
    /// Since when the stamp is so, or when it was last looked into in vain.
    pub(super) since: Instant,
    /// It settled but is not whole; only a change makes it settle again.
    pub(super) incomplete: bool,
    /// It settled but could not be read, since when.
    pub(super) unread: Option<Instant>,
}

impl Tracker {
    /// Files whose settle time is over, to be looked at once more: new ones before those that are catalogued already,
    /// and not too many at once, so that what lands does not wait for a tree whose owner has just changed.
    pub fn due(&self, now: Instant) -> Vec<String> {
        let over = |pending: &Pending| !pending.incomplete && now.duration_since(pending.since) >= self.settle;
        let over = self.pending.iter().filter(|(_, pending)| over(pending)).map(|(path, _)| path.clone());
        let (mut due, known): (Vec<_>, Vec<_>) = over.partition(|path| !self.known.contains_key(path));
        due.extend(known);
        due.truncate(DUE_AT_ONCE);
        due
    }

    /// Whether `path` has settled, and as what.
    pub fn settled(&self, path: &str, now: Instant) -> Option<Stamp> {
        let pending = self.pending.get(path)?;
        let over = !pending.incomplete && now.duration_since(pending.since) >= self.settle;
        over.then_some(pending.stamp)
    }

    /// `path` settled but is not whole.
    pub fn incomplete(&mut self, path: &str, stamp: Stamp) {
        if let Some(pending) = self.pending.get_mut(path)
            && pending.stamp == stamp
        {
            pending.incomplete = true;
        }
    }

    /// `path` could not be read: its settle time begins anew. Answers whether that is news.
    pub fn postpone(&mut self, path: &str, now: Instant) -> bool {
        let Some(pending) = self.pending.get_mut(path) else { return false };
        pending.since = now;
        pending.unread.replace(pending.unread.unwrap_or(now)).is_none()
    }

    /// It takes longer to tell whether `path` is whole: it is asked about again after the settle time.
    pub fn wait_on(&mut self, path: &str, now: Instant) {
        if let Some(pending) = self.pending.get_mut(path) {
            pending.since = now;
        }
    }

    /// `path` is no scene as long as things are as they are.
    pub fn left_out(&mut self, path: &str) {
        self.pending.remove(path);
    }

    /// Files that have been incomplete, unchanged, or could not be read for `patience`.
    pub fn given_up(&self, patience: Duration, now: Instant) -> Vec<(String, Stamp)> {
        let waits_since = |pending: &Pending| pending.incomplete.then_some(pending.since).or(pending.unread);
        let over = |pending: &Pending| waits_since(pending).is_some_and(|since| now.duration_since(since) >= patience);
        let given_up = self.pending.iter().filter(|(_, pending)| over(pending));
        given_up.map(|(path, pending)| (path.clone(), pending.stamp)).collect()
    }
}
