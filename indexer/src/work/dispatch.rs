//! The one loop that moves jobs: takes leases while there is room, asks the executor how its tasks stand, sends what
//! ended to be verified and published, and keeps its leases.
//!
//! The parts: `leases` holds on to jobs, `begin` takes them and submits attempts, `aside` lets those wait that do not
//! fit or whose files are away, `hold` pauses all, `finish` ends them, `drain` stops.
//!
//! It wakes on every change of the feed (a new job, a cancelled one), when the executor says so, and at its heartbeat.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use aurora_queue::{Job, QueueError, RetryPolicy, State, attempt, lease};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    executor::{Executor, Outcome, Status},
    folder::Folder,
    publish::Publisher,
};
use crate::{database::Database, error::Result, trouble::Trouble, watch::status::WatchStatus};

mod aside;
mod begin;
mod drain;
mod finish;
mod hold;
mod leases;

use aside::Aside;
use finish::Finish;
use hold::Hold;

/// The longest pause between two rounds.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Pause after the database failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What the dispatcher keeps to.
#[derive(Clone)]
pub struct Terms {
    /// The watched folder.
    pub root: PathBuf,
    /// The results folder.
    pub results: PathBuf,
    /// Whether it is the folder that it was.
    pub folder: Arc<Folder>,
    /// Jobs at once.
    pub concurrency: usize,
    /// When failed attempts are repeated.
    pub policy: RetryPolicy,
    /// Detections taken of one scene.
    pub max_detections: usize,
    /// What the watcher thinks of the root.
    pub watch: Arc<WatchStatus>,
}

/// The loop and what it holds.
pub struct Dispatcher {
    database: Arc<Database>,
    executor: Arc<dyn Executor>,
    publisher: Publisher,
    terms: Terms,
    active: HashMap<String, Active>,
    finishing: JoinSet<(String, Finish)>,
    next_heartbeat: Instant,
    /// Work on the results folder that did not end in time.
    making: Option<JoinHandle<()>>,
    hold: Hold,
    /// Which jobs are put aside while others are not; read from the queue.
    aside: Aside,
    /// The watcher doubted the root in the last round.
    was_doubted: bool,
    /// Why nothing is begun, or nothing known of what was, for whoever asks.
    trouble: Arc<Trouble>,
    /// What an earlier run left has been seen to, for whoever asks.
    has_recovered: Arc<AtomicBool>,
}

/// A job that this dispatcher holds.
struct Active {
    job: Job,
    /// Its outputs are being verified and published.
    finishing: bool,
    /// Somebody cancelled it; only its end is awaited.
    lost: bool,
}

impl Dispatcher {
    /// A dispatcher of `database`'s jobs to `executor`; `trouble` is told why nothing can be begun.
    pub fn new(database: Arc<Database>, executor: Arc<dyn Executor>, terms: Terms, trouble: Arc<Trouble>) -> Self {
        let publisher = Publisher::new(Arc::clone(&database), Arc::clone(&terms.folder));
        let (active, finishing) = (HashMap::new(), JoinSet::new());
        let (next_heartbeat, hold) = (Instant::now(), Hold::default());
        let (making, aside) = (None, Aside::default());
        let was_doubted = false;
        Self {
            database,
            executor,
            publisher,
            terms,
            active,
            finishing,
            next_heartbeat,
            making,
            hold,
            aside,
            was_doubted,
            trouble,
            has_recovered: Arc::default(),
        }
    }

    /// Tells whether jobs that an earlier run left have been recovered, from now on.
    pub fn has_recovered(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.has_recovered)
    }

    /// Dispatches until `stop`, then gives its jobs back.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut feed = self.database.feed();
        self.recover(&stop).await;
        while !stop.is_cancelled() {
            let pause = match self.round().await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(%error, "the dispatcher failed; it tries again");
                    FAILURE_PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(finished) = self.finishing.join_next(), if !self.finishing.is_empty() => self.finished(finished).await,
                () = self.executor.moved() => {}
                _ = feed.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.drain().await;
    }

    async fn round(&mut self) -> Result<Duration> {
        self.keep_leases().await?;
        self.drop_lost().await?;
        self.catch_up().await?;
        self.ask().await?;
        self.heed_root();
        let goes_on = self.fill().await?;
        if self.aside.is_any() {
            self.read_aside().await?;
        }
        self.tell_trouble();
        if goes_on { Ok(Duration::ZERO) } else { self.pause().await }
    }

    /// A root that the watcher doubts no more is worth a try at once.
    fn heed_root(&mut self) {
        let is_doubted = self.terms.watch.doubt().is_some();
        if std::mem::replace(&mut self.was_doubted, is_doubted) && !is_doubted {
            self.hold.ease();
        }
    }

    /// Says what stands in the way of all attempts, or of some, or that nothing does.
    fn tell_trouble(&self) {
        let stands_still = self.terms.folder.away().or_else(|| self.executor.trouble()).or_else(|| self.hold.reason());
        let waits = || self.aside.told(self.terms.watch.doubt().as_deref());
        match stands_still.or_else(waits).or_else(|| self.executor.complaint()) {
            Some(reason) => self.trouble.is(reason),
            None => self.trouble.over(),
        }
    }

    /// Notes what the executor accepted while the database could not be written.
    async fn catch_up(&mut self) -> Result<()> {
        for held in self.active.values_mut().filter(|held| !held.lost && held.job.state == State::Leased) {
            held.job = advance(&self.database, &held.job, State::Submitted).await?;
        }
        Ok(())
    }

    /// One status call for all attempts under way, and what follows from it.
    async fn ask(&mut self) -> Result<()> {
        let asked = self.active.iter().filter(|(_, held)| !held.finishing);
        let keys: Vec<String> = asked.map(|(key, _)| key.clone()).collect();
        let statuses = self.executor.poll(&keys).await;
        for (key, status) in keys.into_iter().zip(statuses) {
            match status {
                Status::Waiting(why) => self.waiting(&key, why.as_deref()).await?,
                Status::Running => self.running(&key).await?,
                Status::Unknown => self.over(&key, Outcome::Lost("the executor lost it".to_owned())).await?,
                Status::Ended(outcome) => self.over(&key, outcome).await?,
            }
        }
        Ok(())
    }

    async fn waiting(&mut self, key: &str, why: Option<&str>) -> Result<()> {
        let Some(held) = self.active.get_mut(key) else { return Ok(()) };
        if held.lost || held.job.reason.as_deref() == why {
            return Ok(());
        }
        let mut write = self.database.begin().await?;
        let noted = match attempt::note(write.conn(), &held.job.job_id, held.job.fence, why).await {
            Ok(Some(job)) => job,
            // Cancelled in the meantime: that stands.
            Ok(None) | Err(QueueError::Fenced { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        write.job_noted(&noted);
        write.commit().await?;
        held.job = noted;
        Ok(())
    }

    async fn running(&mut self, key: &str) -> Result<()> {
        let Some(held) = self.active.get_mut(key) else { return Ok(()) };
        if held.job.state == State::Submitted && !held.lost {
            held.job = advance(&self.database, &held.job, State::Running).await?;
        }
        Ok(())
    }

    /// Until the next retry is due, or the next heartbeat.
    async fn pause(&self) -> Result<Duration> {
        let mut conn = self.database.read().await?;
        let due = lease::next_due(&mut conn).await?;
        let until_due = due.and_then(|due| Duration::try_from(due.duration_since(self.database.now())).ok());
        let has_room = self.active.len() < self.terms.concurrency;
        let wait = if has_room { until_due.unwrap_or(MAX_PAUSE) } else { MAX_PAUSE };
        Ok(wait.clamp(Duration::from_millis(10), MAX_PAUSE))
    }
}

async fn advance(database: &Database, job: &Job, to: State) -> Result<Job> {
    let mut write = database.begin().await?;
    let now = write.now();
    let job = match attempt::advance(write.conn(), &job.job_id, job.fence, to, now).await {
        // It was so committed, and the answer lost.
        Err(QueueError::Illegal { from, .. }) if from == to => {
            return Ok(attempt::held(write.conn(), &job.job_id, job.fence).await?);
        }
        moved => moved?,
    };
    write.job_moved(&job);
    write.commit().await?;
    Ok(job)
}
