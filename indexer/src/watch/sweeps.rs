//! When the root is swept and how: at intervals and when asked, in slices, on network mounts full and pruned in turn.
//!
//! One that fails is begun anew, as a full one. [`patrol`](super::patrol) asks for sweeps and takes in what they saw;
//! [`walk`](super::walk) does the walking.

use std::{
    io,
    time::{Duration, Instant},
};

use super::{
    pace::Pace,
    scan::Sweep,
    walk::{Memory, Walk},
};
use crate::{
    error::{IndexerError, Result},
    lane::Lane,
    paths::Root,
};

/// For about so long one piece of a sweep goes on, so that sweeps of slow mounts neither count as hanging nor hold up
/// what has settled meanwhile.
const SLICE: Duration = Duration::from_secs(1);

/// Between two sweeps that hints ask for lie at least this and ten times what a sweep takes.
const MIN_GAP: Duration = Duration::from_millis(200);

/// The sweep under way, and what the next is to be.
pub(super) struct Sweeps {
    root: Root,
    pace: Pace,
    next: Instant,
    earliest: Instant,
    walk: Option<Walk>,
    /// What the last full sweep found, for a pruned one; `None` when the next is to be full.
    memory: Option<Memory>,
}

/// A sweep that has come to its end.
pub(super) struct Swept {
    pub(super) sweep: Sweep,
    /// How long the file system was busy with it.
    pub(super) took: Duration,
    /// It looked at everything.
    pub(super) is_full: bool,
}

impl Sweeps {
    /// Sweeps of `root`, the first of them at once.
    pub(super) fn new(root: Root, pace: Pace) -> Self {
        let (next, earliest) = (Instant::now(), Instant::now());
        Self { root, pace, next, earliest, walk: None, memory: None }
    }

    /// The next one is to come as soon as may be.
    pub(super) fn ask(&mut self) {
        self.next = self.next.min(Instant::now());
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.walk.is_some()
    }

    /// When the next one begins.
    pub(super) fn due_at(&self) -> Instant {
        self.next.max(self.earliest)
    }

    /// Whether there is sweeping to do; `is_wanted` ones need not wait for the interval.
    pub(super) fn is_due(&self, is_wanted: bool, now: Instant) -> bool {
        self.is_under_way() || (is_wanted || now >= self.next) && now >= self.earliest
    }

    /// Begins a sweep on `lane`, or goes on with it; answers a whole one.
    ///
    /// # Errors
    /// When the root cannot be read or hangs.
    pub(super) async fn go_on(&mut self, lane: &Lane) -> Result<Option<Swept>> {
        let walk = self.walk.take();
        if walk.is_none() {
            self.next = Instant::now() + self.pace.interval();
        }
        // Whatever comes of this piece, the sweep after it is a full one unless it leaves something to prune by.
        let (memory, root, pace) = (self.memory.take(), self.root.clone(), self.pace);
        let walking = move || -> io::Result<(Walk, bool)> {
            let mut walk = match (walk, memory) {
                (Some(walk), _) => walk,
                (None, Some(memory)) => Walk::pruned(root, pace.max_files, memory)?,
                (None, None) => Walk::full(root, pace.max_files, pace.network)?,
            };
            let is_over = walk.go_on(SLICE);
            Ok((walk, is_over))
        };
        let (walk, is_over) = lane.run(walking).await?.map_err(IndexerError::io("read", &self.root.path))?;
        if is_over {
            return Ok(Some(self.ended(walk)));
        }
        self.walk = Some(walk);
        Ok(None)
    }

    fn ended(&mut self, walk: Walk) -> Swept {
        let (took, is_full) = (walk.busy(), walk.is_full());
        let (sweep, memory) = walk.end();
        self.memory = memory.filter(|_| is_full);
        self.earliest = Instant::now() + MIN_GAP.max(took * 10);
        let kind = if is_full { "full" } else { "pruned" };
        metrics::histogram!("aurora_indexer_scan_seconds", "sweep" => kind).record(took.as_secs_f64());
        metrics::counter!("aurora_indexer_scan_folders_read_total").increment(sweep.folders_read);
        metrics::counter!("aurora_indexer_scan_files_looked_at_total").increment(sweep.files_looked_at);
        Swept { sweep, took, is_full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::small_tree::{put, root};

    fn pace(network: bool) -> Pace {
        let second = Duration::from_secs(1);
        Pace {
            settle: second,
            scan_interval: second * 30,
            incomplete_after: second,
            patience: second * 60,
            compare_whole_bytes: 0,
            max_files: 100,
            network,
        }
    }

    /// Whether each of so many sweeps in a row is full.
    async fn kinds(sweeps: &mut Sweeps, lane: &Lane, count: usize) -> Vec<bool> {
        let mut kinds = Vec::new();
        while kinds.len() < count {
            kinds.extend(sweeps.go_on(lane).await.unwrap().map(|swept| swept.is_full));
        }
        kinds
    }

    #[tokio::test]
    async fn full_and_pruned_sweeps_alternate_on_a_network_and_a_failed_one_is_followed_by_a_full_one() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir, "tree/2026/a.tif");
        let (lane, place) = (Lane::start("test", pace(true).patience).unwrap(), root(&dir));
        let place = Root { path: place.path.join("tree"), ..place };
        let mut sweeps = Sweeps::new(place.clone(), pace(true));
        assert_eq!(kinds(&mut sweeps, &lane, 7).await, [true, false, true, false, true, false, true]);
        // The next would have been a pruned one.
        std::fs::rename(&place.path, dir.path().join("away")).unwrap();
        assert!(sweeps.go_on(&lane).await.is_err());
        std::fs::rename(dir.path().join("away"), &place.path).unwrap();
        assert_eq!(kinds(&mut sweeps, &lane, 3).await, [true, false, true]);

        let mut local = Sweeps::new(place, pace(false));
        assert_eq!(kinds(&mut local, &lane, 4).await, [true; 4]);
    }

    #[tokio::test]
    async fn what_is_wanted_waits_for_the_gap_and_not_for_the_interval() {
        let dir = tempfile::tempdir().unwrap();
        let lane = Lane::start("test", pace(false).patience).unwrap();
        let mut sweeps = Sweeps::new(root(&dir), pace(false));
        assert!(sweeps.is_due(false, Instant::now()), "the first comes at once");
        kinds(&mut sweeps, &lane, 1).await;
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        assert!(!sweeps.is_due(false, now + second) && sweeps.is_due(true, now + second));
        assert!(!sweeps.is_due(true, sweeps.earliest - MIN_GAP / 2));
        assert!(sweeps.is_due(false, now + pace(false).scan_interval));
        sweeps.ask();
        assert!(sweeps.due_at() == sweeps.earliest && sweeps.is_due(false, sweeps.earliest));
    }
}
