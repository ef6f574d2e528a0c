//! The watcher's loop: waits for a hint, a deadline or the next sweep; looks; hands over what settled.
//!
//! File work runs on two lanes, one to look and one to read, so that a hanging mount stalls neither this loop nor
//! the rest of the process. What a sweep saw is taken in in `swept`, what settled in `settle`; when and how is swept
//! `sweeps` decides.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_catalog::store::Stamp;
use tokio_util::sync::CancellationToken;

use super::{
    events::{Hint, Hints},
    pace::Pace,
    proof::Proofs,
    scan::{self, Look},
    status::WatchStatus,
    sweeps::Sweeps,
    tracker::Tracker,
    trust::RootId,
};
use crate::{
    error::{IndexerError, Result},
    intake::Intake,
    lane::Lane,
    paths::Root,
};

mod settle;
mod swept;

/// Pause after a hint, so that one look serves a burst of them.
const HINT_PAUSE: Duration = Duration::from_millis(50);

/// Pause after something failed, so that a failure never spins.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// How often files that wait to become whole are counted.
const PENDING_TICK: Duration = Duration::from_secs(1);

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
    sweeps: Sweeps,
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
        let (known, believed) = (intake.known().await?, intake.believed().await?);
        let listed = intake.listed_incomplete().await?.into_iter().map(|path| (path, None)).collect();
        let lane = |name| Lane::start(name, pace.patience).map_err(IndexerError::io("start a thread for", &root.path));
        let (looking, reading) = (lane("look")?, lane("read")?);
        let mounts = believed.mounts.into_iter().map(|(path, id)| (path, RootId::written(id)));
        let tracker =
            Tracker::new(pace.settle, known, believed.root.map(RootId::written)).with_mounts(mounts.collect());
        let sweeps = Sweeps::new(root.clone(), pace);
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
            sweeps,
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
            self.status.judge(Err(format!("{error}; nothing is withdrawn")));
        } else {
            tracing::error!(%error, "the watcher failed; it tries again");
        }
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        if self.sweeps.is_under_way() {
            return now;
        }
        let tick = (self.tracker.pending_files() > 0).then(|| now + PENDING_TICK);
        let deadlines = [Some(self.sweeps.due_at()), self.tracker.next_deadline(), tick];
        let first = deadlines.into_iter().flatten().min().unwrap_or(now + PENDING_TICK);
        first.max(now + HINT_PAUSE)
    }

    async fn take(&mut self, hint: Hint) {
        tokio::time::sleep(HINT_PAUSE).await;
        match hint {
            Hint::Sweep => self.sweeps.ask(),
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
        self.sweeps.ask();
    }

    /// Sweeps if it is time, takes in what settled, lists what never became whole.
    async fn round(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.sweeps.is_due(self.tracker.wants_sweep(now), now)
            && let Some(swept) = self.sweeps.go_on(&self.looking).await?
        {
            self.swept(swept).await?;
        }
        let due = self.tracker.due(Instant::now());
        if !due.is_empty() {
            self.look(due.clone()).await?;
            self.settle_all(due).await?;
        }
        self.list_incomplete().await?;
        self.proofs.keep(|path| self.tracker.is_pending(path));
        self.publish_figures();
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
                Look::Unclear => self.sweeps.ask(),
                Look::Other if self.tracker.has(&path) => self.sweeps.ask(),
                Look::Other => {}
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
