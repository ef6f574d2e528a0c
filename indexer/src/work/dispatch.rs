//! The one loop that moves jobs: takes leases while there is room, asks the executor how its tasks stand, sends what
//! ended to be verified and published, and keeps its leases.
//!
//! It wakes on every change of the feed (a new job, a cancelled one), when the executor says so, and at its heartbeat.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_queue::{Job, QueueError, RetryPolicy, State, attempt, lease, list};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{
    attempt::{AttemptDir, task},
    executor::{Executor, Outcome, Refusal, Status, SubmitError},
    publish::Publisher,
    room,
};
use crate::{
    database::Database,
    error::Result,
    job_view,
    step::{self, Step},
    trouble::Trouble,
};

mod drain;
mod finish;

use finish::Finish;

/// Length of a lease; three heartbeats.
const LEASE: Duration = Duration::from_secs(60);

/// Time between renewals.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// The longest pause between two rounds.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Pause after the database failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Pause in which nothing is begun after the executor was away or the results folder had no room.
const AWAY_PAUSE: Duration = Duration::from_secs(5);

/// What the dispatcher keeps to.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The watched folder.
    pub root: PathBuf,
    /// The results folder.
    pub results: PathBuf,
    /// Jobs at once.
    pub concurrency: usize,
    /// When failed attempts are repeated.
    pub policy: RetryPolicy,
    /// Detections taken of one scene.
    pub max_detections: usize,
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
    /// Until when nothing is begun: the executor is away, or there is no room.
    away_until: Option<Instant>,
    /// Why, for whoever asks.
    trouble: Arc<Trouble>,
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
        let publisher = Publisher::new(Arc::clone(&database), terms.results.clone());
        let (active, finishing) = (HashMap::new(), JoinSet::new());
        let (next_heartbeat, away_until) = (Instant::now(), None);
        Self { database, executor, publisher, terms, active, finishing, next_heartbeat, away_until, trouble }
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

    /// What an earlier life of the indexer held is due again, or goes on where the executor went on with it.
    async fn recover(&mut self, stop: &CancellationToken) {
        while let Err(error) = self.recover_once().await {
            tracing::error!(%error, "earlier jobs cannot be recovered yet");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(FAILURE_PAUSE) => {}
            }
        }
    }

    async fn recover_once(&mut self) -> Result<()> {
        if self.executor.outlives() {
            return self.adopt().await;
        }
        let mut write = self.database.begin().await?;
        let now = write.now();
        for job in lease::recover(write.conn(), self.database.worker(), &self.terms.policy, now).await? {
            tracing::warn!(job = %job.job_id, scene = %job.subject, state = %job.state, "recovered after a sudden end");
            write.job_moved(&job);
        }
        write.commit().await
    }

    /// Takes over what goes on. A job that was only leased may have been submitted or not: the executor will know.
    async fn adopt(&mut self) -> Result<()> {
        let mut write = self.database.begin().await?;
        let now = write.now();
        let mut adopted = Vec::new();
        for mut job in lease::held_by(write.conn(), self.database.worker()).await? {
            lease::renew(write.conn(), &job.job_id, job.fence, LEASE, now).await?;
            if job.state == State::Leased {
                job = attempt::advance(write.conn(), &job.job_id, job.fence, State::Submitted, now).await?;
                write.job_moved(&job);
            }
            adopted.push(job);
        }
        write.commit().await?;
        for job in adopted {
            tracing::info!(job = %job.job_id, scene = %job.subject, state = %job.state, "adopted");
            let task = task(&self.terms.root, &self.terms.results, &job);
            let key = task.key.clone();
            self.executor.adopt(task);
            self.active.insert(key, Active { job, finishing: false, lost: false });
        }
        Ok(())
    }

    async fn round(&mut self) -> Result<Duration> {
        self.keep_leases().await?;
        self.drop_lost().await?;
        self.catch_up().await?;
        self.ask().await?;
        self.fill().await?;
        self.pause().await
    }

    /// Renews all leases at the heartbeat, and gives up those that nobody renewed.
    async fn keep_leases(&mut self) -> Result<()> {
        if Instant::now() < self.next_heartbeat {
            return Ok(());
        }
        let mut write = self.database.begin().await?;
        let now = write.now();
        for held in self.active.values().filter(|held| !held.lost) {
            match lease::renew(write.conn(), &held.job.job_id, held.job.fence, LEASE, now).await {
                Ok(()) | Err(QueueError::Fenced { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for job in self.unknown(lease::held_by(write.conn(), self.database.worker()).await?) {
            tracing::warn!(job = %job.job_id, "was leased without our knowing; it is given back");
            let released = attempt::release(write.conn(), &job.job_id, job.fence, now).await?;
            write.job_moved(&released);
        }
        for job in lease::expire(write.conn(), &self.terms.policy, now).await? {
            write.job_moved(&job);
        }
        job_view::gauge(&list::counts(write.conn()).await?);
        write.commit().await?;
        self.next_heartbeat = Instant::now() + HEARTBEAT;
        Ok(())
    }

    /// Of `leased` jobs those that nobody works on: the database went away before it could answer that they are ours.
    fn unknown(&self, leased: Vec<Job>) -> Vec<Job> {
        let is_known = |job: &Job| self.active.values().any(|held| held.job.job_id == job.job_id);
        leased.into_iter().filter(|job| job.state == State::Leased && !is_known(job)).collect()
    }

    /// Stops attempts whose job was cancelled or taken away.
    async fn drop_lost(&mut self) -> Result<()> {
        let mut conn = self.database.read().await?;
        for (key, held) in self.active.iter_mut().filter(|(_, held)| !held.lost && !held.finishing) {
            match attempt::held(&mut conn, &held.job.job_id, held.job.fence).await {
                Ok(_) => {}
                Err(QueueError::Fenced { .. }) => {
                    held.lost = true;
                    self.executor.cancel(key).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
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
                Status::Waiting => {}
                Status::Running => self.running(&key).await?,
                Status::Unknown => self.over(&key, Outcome::Failed("the executor lost it".to_owned())).await?,
                Status::Ended(outcome) => self.over(&key, outcome).await?,
            }
        }
        Ok(())
    }

    async fn running(&mut self, key: &str) -> Result<()> {
        let Some(held) = self.active.get_mut(key) else { return Ok(()) };
        if held.job.state == State::Submitted && !held.lost {
            held.job = advance(&self.database, &held.job, State::Running).await?;
        }
        Ok(())
    }

    /// An attempt ended: on to verifying, or back to the queue with the reason.
    async fn over(&mut self, key: &str, outcome: Outcome) -> Result<()> {
        let Some(held) = self.active.get_mut(key) else { return Ok(()) };
        if held.lost {
            self.let_go(key).await;
            return Ok(());
        }
        let job = held.job.clone();
        match outcome {
            Outcome::Success => {
                step::reached(Step::Ended);
                // An adopted one may have come so far before.
                if job.state != State::Collecting {
                    held.job = advance(&self.database, &job, State::Collecting).await?;
                }
                held.finishing = true;
                let finish = finish::finish(self.publisher.clone(), self.terms.clone(), job);
                let key = key.to_owned();
                self.finishing.spawn(async move { (key, finish.await) });
            }
            Outcome::Refused(reason) => {
                self.end(&job, End::Refused, &reason).await?;
                self.let_go(key).await;
            }
            Outcome::Failed(reason) => {
                self.end(&job, End::Failed, &reason).await?;
                self.let_go(key).await;
            }
        }
        Ok(())
    }

    async fn finished(&mut self, finished: Result<(String, Finish), tokio::task::JoinError>) {
        let Ok((key, finish)) = finished else {
            tracing::error!("verifying ended in a panic; its lease runs out");
            return;
        };
        let Some(job) = self.active.get(&key).map(|held| held.job.clone()) else { return };
        let noted = match finish {
            Finish::Done => Ok(()),
            // Not the attempt's fault: it is made again when the disk is well.
            Finish::Failed(error) if error.is_of_disk() => {
                self.hold_up(&job, format!("publishing failed: {error}")).await
            }
            Finish::Failed(error) => self.end(&job, End::Failed, &format!("publishing failed: {error}")).await,
            Finish::Bad(reason) => self.end(&job, End::Failed, &reason).await,
        };
        if let Err(error) = noted {
            tracing::error!(job = %job.job_id, %error, "its failure cannot be noted");
            if error.is_of_database()
                && let Some(held) = self.active.get_mut(&key)
            {
                // It ended as it did: the executor says so again in the next round.
                held.finishing = false;
                return;
            }
        }
        self.let_go(&key).await;
    }

    async fn end(&self, job: &Job, end: End, reason: &str) -> Result<()> {
        tracing::warn!(job = %job.job_id, scene = %job.subject, attempt = job.attempt, reason, "attempt failed");
        let mut write = self.database.begin().await?;
        let now = write.now();
        let ended = match end {
            End::Refused => attempt::refuse(write.conn(), &job.job_id, job.fence, reason, now).await,
            End::Failed => attempt::fail(write.conn(), &job.job_id, job.fence, reason, &self.terms.policy, now).await,
            End::Released => attempt::release(write.conn(), &job.job_id, job.fence, now).await,
        };
        match ended {
            Ok(job) => write.job_moved(&job),
            // Cancelled in the meantime: that stands.
            Err(QueueError::Fenced { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        write.commit().await
    }

    /// Forgets an attempt and removes its outputs; its log stays until the janitor finds its job
    /// published.
    async fn let_go(&mut self, key: &str) {
        self.executor.forget(key);
        let Some(held) = self.active.remove(key) else { return };
        let dir = AttemptDir::of(&self.terms.results, &held.job);
        let _ = tokio::task::spawn_blocking(move || dir.clear()).await;
        step::reached(Step::Cleared);
    }

    /// Takes jobs while more may run.
    async fn fill(&mut self) -> Result<()> {
        while self.active.len() < self.terms.concurrency && !self.is_away() {
            if !self.is_any_due().await? {
                self.trouble.over();
                return Ok(());
            }
            let mut write = self.database.begin().await?;
            let now = write.now();
            let Some(job) = lease::take(write.conn(), self.database.worker(), LEASE, now).await? else { return Ok(()) };
            write.job_moved(&job);
            write.commit().await?;
            self.submit(job).await?;
        }
        Ok(())
    }

    fn is_away(&self) -> bool {
        self.away_until.is_some_and(|until| Instant::now() < until)
    }

    async fn is_any_due(&self) -> Result<bool> {
        let mut conn = self.database.read().await?;
        Ok(lease::is_any_due(&mut conn, self.database.now()).await?)
    }

    async fn submit(&mut self, job: Job) -> Result<()> {
        if let Err(error) = self.make_room(&job).await {
            return self.hold_up(&job, format!("no room for an attempt: {error}")).await;
        }
        step::reached(Step::FolderMade);
        let task = task(&self.terms.root, &self.terms.results, &job);
        let key = task.key.clone();
        if let Err(error) = self.executor.submit(task).await {
            return self.not_accepted(&job, &error).await;
        }
        step::reached(Step::Accepted);
        self.trouble.over();
        let submitted = advance(&self.database, &job, State::Submitted).await;
        let lost = submitted.as_ref().is_err_and(|error| !error.is_of_database());
        self.active.insert(key.clone(), Active { job: submitted.unwrap_or(job), finishing: false, lost });
        if lost {
            self.executor.cancel(&key).await;
        }
        Ok(())
    }

    /// Makes the attempt's folder, where there is room for its result.
    async fn make_room(&self, job: &Job) -> std::io::Result<()> {
        let dir = AttemptDir::of(&self.terms.results, job);
        let (results, input) = (self.terms.results.clone(), self.terms.root.join(&job.input));
        let making = tokio::task::spawn_blocking(move || room::check(&results, &input).and_then(|()| dir.make()));
        making.await?
    }

    async fn not_accepted(&mut self, job: &Job, error: &SubmitError) -> Result<()> {
        let reason = format!("not accepted: {error}");
        match error.kind {
            Refusal::Permanent => self.end(job, End::Refused, &reason).await,
            Refusal::Failed => self.end(job, End::Failed, &reason).await,
            Refusal::Away => self.hold_up(job, reason).await,
        }
    }

    /// Nothing can be begun just now: the job waits again, and that was no attempt of its.
    async fn hold_up(&mut self, job: &Job, reason: String) -> Result<()> {
        self.away_until = Some(Instant::now() + AWAY_PAUSE);
        self.trouble.is(reason.clone());
        self.end(job, End::Released, &reason).await
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

/// Ways to end an attempt without a result.
#[derive(Debug, Clone, Copy)]
enum End {
    Refused,
    Failed,
    Released,
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
