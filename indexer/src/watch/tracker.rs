//! From what was seen, when, to what has settled and what has left. Pure: no files, no clock of its own.
//!
//! A file settles when its stamp stays the same for the settle time. It has left when sweeps have missed it for the
//! settle time, [`trust`] believes the sweep, and no file of its size is settling elsewhere (it may have been moved
//! there).

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use aurora_catalog::store::{Stamp, scenes::KnownFile};

use super::{
    scan::{self, Sweep},
    trust::{self, Doubt, Evidence, RootId},
};

mod deliveries;
mod mounts;
mod pending;

use pending::Pending;

/// What is known of all files below the root.
pub struct Tracker {
    settle: Duration,
    /// Catalogued files.
    known: HashMap<String, Known>,
    pending: HashMap<String, Pending>,
    /// Catalogued files that the last looks missed, since when.
    missing: HashMap<String, Instant>,
    /// Catalogued files that were not at their paths when last looked for, believed or not.
    gone: HashSet<String>,
    /// Those of them that somebody has said will not come back.
    given_away: HashSet<String>,
    /// The root when it was last believed.
    root: Option<RootId>,
    /// What was mounted below the root when it was last believed, by path.
    mounts: HashMap<String, RootId>,
    /// Those of them that are not what they were.
    away: HashSet<String>,
    /// The root was writable once: one that is read-only by intent is so at the first look.
    was_writable: bool,
}

/// A catalogued file.
#[derive(Debug, Clone, Copy)]
struct Known {
    stamp: Stamp,
    /// A sweep that was believed has seen it.
    vouched: bool,
    /// It is a raster that our reader can show.
    shown: bool,
}

impl Known {
    fn of(file: &KnownFile) -> Self {
        Self { stamp: file.stamp, vouched: file.vouched, shown: file.shown }
    }
}

/// What a sweep that is believed makes certain.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Catalogued files that have left.
    pub left: Vec<String>,
    /// Whether there are new witnesses, or the root is another than before: worth remembering.
    pub news: bool,
}

impl Tracker {
    /// Starts from the catalogue's files, and the root as it was when it was last believed.
    pub fn new(settle: Duration, known: Vec<KnownFile>, root: Option<RootId>) -> Self {
        let known = known.into_iter().map(|file| (file.path.clone(), Known::of(&file)));
        Self {
            settle,
            known: known.collect(),
            pending: HashMap::new(),
            missing: HashMap::new(),
            gone: HashSet::new(),
            given_away: HashSet::new(),
            root,
            mounts: HashMap::new(),
            away: HashSet::new(),
            was_writable: false,
        }
    }

    fn still_there(&mut self, path: &str) {
        self.missing.remove(path);
        self.gone.remove(path);
        self.given_away.remove(path);
    }

    /// A candidate was seen.
    pub fn seen(&mut self, path: &str, stamp: Stamp, now: Instant) {
        self.still_there(path);
        if let Some(known) = self.known.get_mut(path).filter(|known| known.stamp.agrees(&stamp)) {
            known.stamp.ctime_ns = known.stamp.ctime_ns.or(stamp.ctime_ns);
            self.pending.remove(path);
            return;
        }
        let fresh = Pending { stamp, since: now, incomplete: false, unread: None };
        let pending = self.pending.entry(path.to_owned()).or_insert(fresh);
        if pending.stamp != stamp {
            *pending = fresh;
        }
    }

    /// A look found nothing at `path`.
    pub fn absent(&mut self, path: &str, now: Instant) {
        self.pending.remove(path);
        if self.known.contains_key(path) {
            self.gone.insert(path.to_owned());
            self.missing.entry(path.to_owned()).or_insert(now);
        }
    }

    /// Takes a sweep in.
    ///
    /// # Errors
    /// [`Doubt`] when more is gone than can be believed; then nothing has left.
    pub fn swept(&mut self, sweep: &Sweep, now: Instant) -> Result<Swept, Doubt> {
        for (path, stamp) in &sweep.files {
            self.seen(path, *stamp, now);
        }
        for path in &sweep.assumed {
            self.still_there(path);
        }
        self.was_writable |= !sweep.read_only;
        self.pending.retain(|path, _| !sweep.lacks(path));
        self.gone.extend(self.known.keys().filter(|path| sweep.lacks(path)).cloned());
        if let Err(doubt) = self.believe(sweep) {
            self.missing.clear();
            return Err(doubt);
        }
        let news = self.vouch(sweep);
        // What is shielded now was missed for nothing.
        self.missing.retain(|path, _| sweep.lacks(path));
        for path in self.known.keys().filter(|path| sweep.lacks(path)) {
            self.missing.entry(path.clone()).or_insert(now);
        }
        let settling = self.settling_sizes();
        let may_have_moved =
            |path: &String| self.known.get(path).is_some_and(|known| settling.contains(&known.stamp.size_bytes));
        let has_left = |path: &String, since: &Instant| {
            sweep.lacks(path) && now.duration_since(*since) >= self.settle && !may_have_moved(path)
        };
        let left = self.missing.iter().filter(|(path, since)| has_left(path, since));
        Ok(Swept { left: left.map(|(path, _)| path.clone()).collect(), news })
    }

    fn believe(&self, sweep: &Sweep) -> Result<(), Doubt> {
        if sweep.overfull {
            return Err(Doubt("more files than --max-files".to_owned()));
        }
        if sweep.unreadable.iter().any(String::is_empty) {
            return Err(Doubt("the root cannot be read".to_owned()));
        }
        // Systems do so when a disk or a server fails beneath.
        if sweep.read_only && self.was_writable {
            return Err(Doubt("the root has become read-only".to_owned()));
        }
        let same_root = self.root.as_ref().is_none_or(|root| *root == sweep.root);
        trust::judge(self.evidence(sweep, "", same_root))
    }

    /// Counts the witnesses in a folder; before there are any, all known files are.
    fn evidence(&self, sweep: &Sweep, folder: &str, same_root: bool) -> Evidence {
        let none_vouched = !self.known.values().any(|known| known.vouched);
        let witnesses = self.known.iter().filter(|(path, known)| {
            (known.vouched || none_vouched) && !self.given_away.contains(*path) && scan::is_in(path, folder)
        });
        let (mut present, mut missing) = (0, 0);
        for (path, _) in witnesses {
            present += usize::from(sweep.has(path));
            missing += usize::from(sweep.lacks(path));
        }
        Evidence { present, missing, same_root }
    }

    /// The root is what it should be: what is in it witnesses that from now on. Answers whether that is news.
    fn vouch(&mut self, sweep: &Sweep) -> bool {
        let mut news = self.root.as_ref() != Some(&sweep.root);
        self.root = Some(sweep.root.clone());
        news |= self.vouch_mounts(sweep);
        for known in self.known.iter_mut().filter(|(path, _)| sweep.has(path)).map(|(_, known)| known) {
            news |= !known.vouched;
            known.vouched = true;
        }
        news
    }

    /// Lengths of the files that are settling, in bytes: a missing one as long may have been moved.
    fn settling_sizes(&self) -> HashSet<u64> {
        let settling = self.pending.values().filter(|pending| !pending.incomplete && pending.unread.is_none());
        settling.map(|pending| pending.stamp.size_bytes).collect()
    }

    /// Somebody says that what is gone will not come back: it leaves with the next sweeps. Answers how many files.
    pub fn give_away(&mut self) -> usize {
        self.given_away.clone_from(&self.gone);
        self.given_away.len()
    }

    /// When the file at `path`, not catalogued as it is, was last seen to change.
    pub fn changed_at(&self, path: &str) -> Option<Instant> {
        self.pending.get(path).map(|pending| pending.since)
    }

    /// Catalogued files that were not at their paths when last looked for: one of them may have been moved.
    pub fn gone(&self) -> &HashSet<String> {
        &self.gone
    }

    /// Whether something seems to have left and wants a sweep to tell.
    pub fn wants_sweep(&self, now: Instant) -> bool {
        self.missing.values().any(|since| now.duration_since(*since) >= self.settle)
    }

    /// `path` is catalogued as it was under `stamp`, as a raster that can be shown or not.
    pub fn catalogued(&mut self, path: &str, stamp: Stamp, shown: bool) {
        if self.pending.get(path).is_some_and(|pending| pending.stamp == stamp) {
            self.pending.remove(path);
        }
        let vouched = self.known.get(path).is_some_and(|known| known.vouched);
        self.known.insert(path.to_owned(), Known { stamp, vouched, shown });
    }

    /// The file at `from` turned out to lie at `to`, where it is as good a witness.
    pub fn moved(&mut self, from: &str, to: &str) {
        let vouched = self.known.get(from).is_some_and(|known| known.vouched);
        self.forget(from);
        if let Some(known) = self.known.get_mut(to) {
            known.vouched |= vouched;
        }
    }

    /// `path` is catalogued no more.
    pub fn forget(&mut self, path: &str) {
        self.known.remove(path);
        self.missing.remove(path);
        self.gone.remove(path);
        self.given_away.remove(path);
    }

    /// Whether anything is known of a file at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.known.contains_key(path) || self.pending.contains_key(path)
    }

    /// Whether the file at `path` settles, or waits to become whole.
    pub fn is_pending(&self, path: &str) -> bool {
        self.pending.contains_key(path)
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
