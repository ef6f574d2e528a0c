//! The watcher's loop: waits for a hint, a deadline or the next sweep; looks; hands over what settled.
//!
//! File work runs on two lanes, one to look and one to read, so that a hanging mount stalls neither this loop nor
//! the rest of the process.

use std::{
    collections::HashMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_catalog::store::Stamp;
use tokio_util::sync::CancellationToken;

use super::{
    candidate,
    events::{Hint, Hints},
    proof::{Proof, Proofs},
    scan::{self, Look, Sweep},
    status::WatchStatus,
    tracker::Tracker,
    trust::RootId,
    walk::{Memory, Walk},
};
use crate::{
    error::{IndexerError, Result},
    intake::{Content, Examined, Intake, examine::examine},
    lane::Lane,
    paths::Root,
    random,
    step::{self, Step},
};

/// Pause after a hint, so that one look serves a burst of them.
const HINT_PAUSE: Duration = Duration::from_millis(50);

/// Pause after something failed, so that a failure never spins.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// For about so long one piece of a sweep goes on, so that sweeps of slow mounts neither count as hanging nor hold up
/// what has settled meanwhile.
const SLICE: Duration = Duration::from_secs(1);

/// Between two sweeps that hints ask for lie at least this and ten times what a sweep takes.
const MIN_SWEEP_GAP: Duration = Duration::from_millis(200);

/// By this share of the interval a sweep comes earlier or later at most.
const MAX_JITTER: f64 = 0.1;

/// How often files that wait to become whole are counted.
const PENDING_TICK: Duration = Duration::from_secs(1);

/// The times the watcher keeps.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time that a file must stay unchanged.
    pub settle: Duration,
    /// Time between sweeps.
    pub scan_interval: Duration,
    /// Time after which an incomplete file is listed.
    pub incomplete_after: Duration,
    /// Time that file work may take.
    pub patience: Duration,
    /// Files that a sweep may find.
    pub max_files: usize,
    /// Whether the root lies on a network file system: sweeps come a little early or late, so that several indexers on
    /// one server do not come together, and every other one is pruned.
    pub network: bool,
}

impl Pace {
    /// Time until the sweep after next.
    fn interval(&self) -> Duration {
        let share = if self.network { 1.0 + MAX_JITTER * (2.0 * random::share() - 1.0) } else { 1.0 };
        self.scan_interval.mul_f64(share)
    }
}

/// The watcher and all it needs.
pub struct Patrol {
    root: Root,
    pace: Pace,
    looking: Lane,
    reading: Lane,
    hints: Option<Hints>,
    /// Identity of the root that `hints` come from.
    watched: Option<RootId>,
    tracker: Tracker,
    intake: Intake,
    status: Arc<WatchStatus>,
    proofs: Proofs,
    /// Paths listed as incomplete, and the stamp that was listed; `None` from an earlier life.
    listed: HashMap<String, Option<Stamp>>,
    /// What a sweep vouched for is not written down yet.
    unsaved: bool,
    next_sweep: Instant,
    earliest_sweep: Instant,
    /// A sweep under way.
    walk: Option<Walk>,
    /// What the last full sweep found, for a pruned one; `None` when the next is to be full.
    memory: Option<Memory>,
}

impl Patrol {
    /// A watcher that starts from what `intake`'s catalogue knows.
    ///
    /// # Errors
    /// When the catalogue cannot be read or threads cannot be had.
    pub async fn new(
        root: Root,
        pace: Pace,
        hints: Option<Hints>,
        intake: Intake,
        status: Arc<WatchStatus>,
    ) -> Result<Self> {
        let (known, trusted) = intake.known().await?;
        let listed = intake.listed_incomplete().await?.into_iter().map(|path| (path, None)).collect();
        let lane = |name| Lane::start(name, pace.patience).map_err(IndexerError::io("start a thread for", &root.path));
        let (looking, reading) = (lane("look")?, lane("read")?);
        let tracker = Tracker::new(pace.settle, known, trusted.map(RootId::written));
        let (next_sweep, earliest_sweep) = (Instant::now(), Instant::now());
        Ok(Self {
            root,
            pace,
            looking,
            reading,
            hints,
            watched: None,
            tracker,
            intake,
            status,
            proofs: Proofs::default(),
            listed,
            unsaved: false,
            next_sweep,
            earliest_sweep,
            walk: None,
            memory: None,
        })
    }

    /// Watches until `stop`, which waits for no file work: what a round leaves undone the next start finds.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.watch() => {}
        }
    }

    async fn watch(&mut self) {
        loop {
            if let Err(error) = self.round().await {
                self.fail(&error);
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
            let wake_at = self.wake_at();
            tokio::select! {
                hint = next_hint(&mut self.hints, &self.root) => self.take(hint).await,
                () = self.status.given_away() => self.give_away(),
                () = tokio::time::sleep_until(wake_at.into()) => {}
            }
        }
    }

    fn fail(&mut self, error: &IndexerError) {
        if matches!(error, IndexerError::Hangs { .. } | IndexerError::Io { .. }) {
            self.status.judge(Err(error.to_string()));
        } else {
            tracing::error!(%error, "the watcher failed; it tries again");
        }
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        if self.walk.is_some() {
            return now;
        }
        let tick = (self.tracker.pending_files() > 0).then(|| now + PENDING_TICK);
        let deadlines = [Some(self.next_sweep.max(self.earliest_sweep)), self.tracker.next_deadline(), tick];
        let first = deadlines.into_iter().flatten().min().unwrap_or(now + PENDING_TICK);
        first.max(now + HINT_PAUSE)
    }

    async fn take(&mut self, hint: Hint) {
        tokio::time::sleep(HINT_PAUSE).await;
        match hint {
            Hint::Sweep => self.want_sweep(),
            Hint::Look(paths) => {
                if let Err(error) = self.look(paths).await {
                    self.fail(&error);
                }
            }
        }
    }

    /// An operator has settled a doubt.
    fn give_away(&mut self) {
        let files = self.tracker.give_away();
        tracing::warn!(files, "an operator says that the files that are gone will not come back");
        self.want_sweep();
    }

    fn want_sweep(&mut self) {
        self.next_sweep = self.next_sweep.min(Instant::now());
    }

    /// Sweeps if it is time, takes in what settled, lists what never became whole.
    async fn round(&mut self) -> Result<()> {
        let now = Instant::now();
        let wanted = now >= self.next_sweep || self.tracker.wants_sweep(now);
        if self.walk.is_some() || wanted && now >= self.earliest_sweep {
            self.sweep().await?;
        }
        let due = self.tracker.due(Instant::now());
        if !due.is_empty() {
            self.look(due.clone()).await?;
            for path in due {
                self.settle(&path).await?;
            }
        }
        self.list_incomplete().await?;
        self.proofs.keep(|path| self.tracker.is_pending(path));
        self.publish_figures();
        Ok(())
    }

    /// Begins a sweep, or goes on with it; takes in what a whole one saw.
    async fn sweep(&mut self) -> Result<()> {
        let walk = self.walk.take();
        if walk.is_none() {
            self.next_sweep = Instant::now() + self.pace.interval();
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
        let (walk, is_over) = self.looking.run(walking).await?.map_err(IndexerError::io("read", &self.root.path))?;
        if !is_over {
            self.walk = Some(walk);
            return Ok(());
        }
        self.swept(walk).await
    }

    async fn swept(&mut self, walk: Walk) -> Result<()> {
        let (took, is_full) = (walk.busy(), walk.is_full());
        let (sweep, memory) = walk.end();
        self.memory = memory.filter(|_| is_full);
        self.earliest_sweep = Instant::now() + MIN_SWEEP_GAP.max(took * 10);
        let kind = if is_full { "full" } else { "pruned" };
        metrics::histogram!("aurora_indexer_scan_seconds", "sweep" => kind).record(took.as_secs_f64());
        metrics::counter!("aurora_indexer_scan_folders_read_total").increment(sweep.folders_read);
        metrics::counter!("aurora_indexer_scan_files_looked_at_total").increment(sweep.files_looked_at);
        self.status.update(|figures| {
            figures.scan_seconds = took.as_secs_f64();
            figures.scanned_at = Some(jiff::Timestamp::now());
            figures.unnamed = sweep.unnamed;
        });
        self.watch_anew(&sweep);
        self.take_in(&sweep).await
    }

    /// Events come from the folder that was watched, not from another that is mounted in its place.
    fn watch_anew(&mut self, sweep: &Sweep) {
        let watched = self.watched.replace(sweep.root.clone());
        if watched.is_some_and(|watched| watched != sweep.root) && self.hints.is_some() {
            self.hints =
                Hints::start(&self.root).inspect_err(|error| tracing::warn!(%error, "no events any more")).ok();
        }
    }

    async fn take_in(&mut self, sweep: &Sweep) -> Result<()> {
        let swept = match self.tracker.swept(sweep, Instant::now()) {
            Ok(swept) => swept,
            Err(doubt) => {
                self.status.judge(Err(doubt.0));
                return Ok(());
            }
        };
        self.unsaved |= swept.news;
        if self.unsaved {
            self.intake.vouch(&sweep.root.to_string()).await?;
            self.unsaved = false;
        }
        for path in swept.left {
            self.intake.left(&path).await?;
            self.tracker.forget(&path);
        }
        self.unlist_gone(sweep).await?;
        self.status.judge(match sweep.unreadable.first() {
            Some(unread) => Err(format!("`{unread}` cannot be read ({} such in all)", sweep.unreadable.len())),
            None => Ok(()),
        });
        Ok(())
    }

    /// What was listed as incomplete and is there no more is listed no more.
    async fn unlist_gone(&mut self, sweep: &Sweep) -> Result<()> {
        let gone: Vec<String> = self.listed.keys().filter(|path| sweep.lacks(path)).cloned().collect();
        for path in gone {
            self.intake.unlist(&path).await?;
            self.listed.remove(&path);
        }
        Ok(())
    }

    async fn look(&mut self, paths: Vec<String>) -> Result<()> {
        let root = self.root.clone();
        let looks = move || paths.into_iter().map(|path| (scan::look(&root, &path), path)).collect::<Vec<_>>();
        let looks = self.looking.run(looks).await?;
        let now = Instant::now();
        for (look, path) in looks {
            match look {
                Look::File(stamp) => self.tracker.seen(&path, stamp, now),
                Look::Absent => self.tracker.absent(&path, now),
                Look::Unclear => self.want_sweep(),
                Look::Other if self.tracker.has(&path) => self.want_sweep(),
                Look::Other => {}
            }
        }
        Ok(())
    }

    /// Reads and catalogues `path` if it still counts as settled.
    async fn settle(&mut self, path: &str) -> Result<()> {
        let Some(stamp) = self.tracker.settled(path, Instant::now()) else { return Ok(()) };
        let absolute = self.root.path.join(path);
        let examined = match self.reading.run(move || examine(&absolute)).await? {
            Ok(examined) => examined,
            Err(error) => {
                tracing::warn!(path, %error, "cannot be read; tried again after the settle time");
                self.tracker.postpone(path, Instant::now());
                return Ok(());
            }
        };
        let Some(file) = examined.filter(|file| file.stamp == stamp) else { return Ok(()) };
        let Some(file) = self.proven(path, file).await else { return Ok(()) };
        step::reached(Step::Settled);
        if matches!(file.content, Content::Incomplete(_)) {
            self.tracker.incomplete(path, stamp);
            return Ok(());
        }
        self.take_file(path, &file).await
    }

    /// `file` with what an archive lacks; `None` while that is not known.
    async fn proven(&mut self, path: &str, file: Examined) -> Option<Examined> {
        if !candidate::is_archive(path) || matches!(file.content, Content::Incomplete(_)) {
            return Some(file);
        }
        match self.proofs.ask(path, self.root.path.join(path), file.stamp).await {
            Proof::UnderWay => {
                self.tracker.wait_on(path, Instant::now());
                None
            }
            Proof::Ended(Ok(None)) => Some(file),
            Proof::Ended(Ok(Some(missing))) => Some(Examined { content: Content::Incomplete(missing), ..file }),
            Proof::Ended(Err(error)) => {
                tracing::warn!(path, %error, "cannot be read to its end; tried again after the settle time");
                self.tracker.postpone(path, Instant::now());
                None
            }
        }
    }

    async fn take_file(&mut self, path: &str, file: &Examined) -> Result<()> {
        let moved_from = self.intake.settled(path, file, self.tracker.gone()).await?;
        if let Some(changed_at) = self.tracker.changed_at(path) {
            let lag_s = changed_at.elapsed().as_secs_f64();
            metrics::histogram!("aurora_indexer_changed_to_catalogued_seconds").record(lag_s);
        }
        self.listed.remove(path);
        self.tracker.catalogued(path, file.stamp);
        if let Some(from) = moved_from {
            self.tracker.moved(&from, path);
        }
        Ok(())
    }

    async fn list_incomplete(&mut self) -> Result<()> {
        for (path, stamp) in self.tracker.given_up(self.pace.incomplete_after, Instant::now()) {
            if self.listed.get(&path) == Some(&Some(stamp)) {
                continue;
            }
            let absolute = self.root.path.join(&path);
            let Ok(Some(file)) = self.reading.run(move || examine(&absolute)).await? else { continue };
            let missing = match file.content {
                Content::Incomplete(missing) => Some(missing),
                _ => self.proofs.known(&path, stamp).flatten(),
            };
            if let (Some(missing), true) = (missing, file.stamp == stamp) {
                self.intake.incomplete(&path, stamp, &missing).await?;
                self.listed.insert(path, Some(stamp));
            }
        }
        Ok(())
    }

    fn publish_figures(&self) {
        let (files, pending, events) = (self.tracker.known_files(), self.tracker.pending_files(), self.hints.is_some());
        metrics::gauge!("aurora_indexer_files").set(files as f64);
        metrics::gauge!("aurora_indexer_files_pending").set(pending as f64);
        let gone = self.tracker.gone().len();
        metrics::gauge!("aurora_indexer_files_gone").set(gone as f64);
        self.status.update(|figures| {
            figures.gone = gone;
            figures.files = files;
            figures.pending = pending;
            figures.events = events;
        });
    }
}

/// The next hint; without events there is never one.
async fn next_hint(hints: &mut Option<Hints>, root: &Root) -> Hint {
    match hints {
        Some(hints) => hints.next(root).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_of_a_network_come_a_little_early_or_late_and_others_in_time() {
        let second = Duration::from_secs(1);
        let pace = |network| Pace {
            settle: second,
            scan_interval: second * 30,
            incomplete_after: second,
            patience: second,
            max_files: 1,
            network,
        };
        assert!((0..100).all(|_| pace(false).interval() == second * 30));
        let drawn: Vec<f64> = (0..1000).map(|_| pace(true).interval().as_secs_f64()).collect();
        assert!(drawn.iter().all(|seconds| (27.0..=33.0).contains(seconds)), "{drawn:?}");
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((29.5..30.5).contains(&mean), "{mean}");
        assert!(drawn.iter().any(|seconds| *seconds < 28.5) && drawn.iter().any(|seconds| *seconds > 31.5));
    }
}
