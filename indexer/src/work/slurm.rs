//! Attempts as jobs of a Slurm cluster, by its own programs or by `slurmrestd`.
//!
//! A cluster's own job number is no identity: a controller that is killed early loses the job and gives its number to
//! the next. So everything goes by name, and the name is our key. Every attempt has a key and a folder of its own, and
//! Slurm is told never to run one again: it is the queue that repeats, under a new fence. What a node believed dead
//! still writes lands where nobody looks.
//!
//! How an attempt ended is told by the file that its script leaves behind, by the cluster where there is none, and by
//! the cluster's accounts, if it keeps any, where the controller has forgotten it. A state that is not known means that
//! it is still under way; so does a controller that does not answer. What the cluster itself lost is no attempt of the
//! job's.
//!
//! Whatever a cluster says no to at submission (a partition that is drained or misspelt, a limit on jobs, nodes that
//! are down) it would say of every scene, and it is the operator's to mend: nothing is begun until it says yes. The
//! cluster goes on while the indexer is away: attempts are adopted at the next start ([`Executor::outlives`]).

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, future::BoxFuture};

use super::{
    executor::{Executor, Status, SubmitError, Task},
    local::Limits,
    template::Template,
};

mod cluster;
mod command;
mod rest;
mod script;
mod verdict;

use cluster::{Cluster, Failure, Listed};
use command::Programs;
use rest::Rest;
pub use rest::RestAccess;
use verdict::{Traces, verdict};

/// Time between two looks at the cluster; doubles while it does not answer.
const LOOK: Duration = Duration::from_secs(2);

/// The longest time between two looks.
const MAX_LOOK: Duration = Duration::from_secs(60);

/// What the operator wants of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--gres`, such as `gpu:1`.
    pub gres: Option<String>,
    /// `--cpus-per-task`.
    pub cpus: Option<u16>,
    /// Further words for `sbatch`; `slurmrestd` has no use for them.
    pub more: Vec<String>,
    /// Time after which an attempt that the cluster does not list and that left no trace counts as lost.
    pub lost_after: Duration,
    /// Time after which a job that waits for somebody to see to it is complained of.
    pub stuck_after: Duration,
    /// Time that the cluster may take to answer. A submission whose answer comes later may have been accepted.
    pub patience: Duration,
}

/// Runs attempts on a cluster.
pub struct Slurm {
    cluster: Cluster,
    template: Template,
    limits: Limits,
    lost_after: Duration,
    stuck_after: Duration,
    tasks: Mutex<HashMap<String, Watched>>,
    /// Held while a task is handed over, so that none of one key is handed over twice.
    submitting: tokio::sync::Mutex<()>,
    look: tokio::sync::Mutex<Look>,
    /// Why the cluster tells nothing of what is watched, while that is so.
    silent: Mutex<Option<String>>,
}

struct Watched {
    task: Task,
    status: Status,
    /// Since when the cluster does not list it.
    unlisted: Option<Instant>,
    /// Since when it waits for a reason that somebody has to see to.
    stuck: Option<Instant>,
}

impl Watched {
    fn stands(&mut self, status: Status) {
        let is_stuck = matches!(&status, Status::Waiting(Some(reason)) if verdict::wants_somebody(reason));
        self.stuck = if is_stuck { self.stuck.or_else(|| Some(Instant::now())) } else { None };
        (self.status, self.unlisted) = (status, None);
    }
}

struct Look {
    next: Instant,
    pause: Duration,
}

impl Slurm {
    /// An executor of `template` under `limits`, as `wishes` say, by the cluster's programs.
    pub fn by_programs(template: Template, limits: Limits, wishes: Wishes) -> Self {
        let cluster = Cluster::Programs(Programs::new(wishes.clone(), limits));
        Self::new(template, limits, &wishes, cluster)
    }

    /// The same by `slurmrestd`.
    ///
    /// # Errors
    /// When `access` names no address: why.
    pub fn by_rest(template: Template, limits: Limits, wishes: Wishes, access: RestAccess) -> Result<Self, String> {
        let cluster = Cluster::Rest(Rest::new(access, wishes.clone(), limits)?);
        Ok(Self::new(template, limits, &wishes, cluster))
    }

    fn new(template: Template, limits: Limits, wishes: &Wishes, cluster: Cluster) -> Self {
        let (lost_after, stuck_after) = (wishes.lost_after, wishes.stuck_after);
        let look = tokio::sync::Mutex::new(Look { next: Instant::now(), pause: LOOK });
        let (tasks, submitting, silent) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        Self { cluster, template, limits, lost_after, stuck_after, tasks, submitting, look, silent }
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self, task: Task) {
        let watched = Watched { task: task.clone(), status: Status::Waiting(None), unlisted: None, stuck: None };
        self.tasks().insert(task.key, watched);
    }

    async fn try_submit(&self, task: Task) -> Result<(), SubmitError> {
        let _submitting = self.submitting.lock().await;
        if self.tasks().contains_key(&task.key) {
            return Ok(());
        }
        let words = self.template.fill_for(&task)?;
        let script =
            script::write(&task, &words, &self.limits).map_err(|error| SubmitError::away(error.to_string()))?;
        match self.cluster.submit(&task.key, &script).await {
            Ok(()) => {}
            // It may have been accepted all the same. If so it will be listed; if not it will count as lost.
            Err(Failure::NoAnswer) => {
                tracing::warn!(key = task.key, "the cluster did not answer a submission in time");
                self.is_silent(Some("the cluster did not answer a submission in time".to_owned()));
            }
            Err(Failure::Away(reason) | Failure::Refused(reason)) => return Err(SubmitError::away(reason)),
        }
        self.watch(task);
        Ok(())
    }

    fn is_silent(&self, why: Option<String>) {
        *self.silent.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// One status call for everything that is watched, unless the last one was just now.
    async fn look(&self) {
        let mut look = self.look.lock().await;
        let names: Vec<String> = self.tasks().keys().cloned().collect();
        if names.is_empty() {
            return self.is_silent(None);
        }
        if Instant::now() < look.next {
            return;
        }
        match self.cluster.list(&names).await {
            Ok(listed) => {
                look.pause = LOOK;
                self.is_silent(None);
                self.take_in(&listed).await;
            }
            Err(failure) => {
                look.pause = (look.pause * 2).min(MAX_LOOK);
                self.is_silent(Some(format!("the cluster does not tell how its jobs stand: {failure}")));
                tracing::warn!(%failure, pause_s = look.pause.as_secs(), "the cluster does not answer");
            }
        }
        look.next = Instant::now() + look.pause;
    }

    async fn take_in(&self, listed: &HashMap<String, Listed>) {
        let asked: Vec<Task> = self.tasks().values().map(|watched| watched.task.clone()).collect();
        let reading = tokio::task::spawn_blocking(move || {
            asked.into_iter().map(|task| (task.key.clone(), Traces::of(&task))).collect::<Vec<_>>()
        });
        let traces = reading.await.unwrap_or_default();
        let unlisted = traces.iter().filter(|(key, traces)| !listed.contains_key(key) && !traces.are_enough());
        let ended = self.cluster.ended(&unlisted.map(|(key, _)| key.clone()).collect::<Vec<_>>()).await;
        let listed = |key: &String| listed.get(key).or_else(|| ended.get(key));
        let verdicts = traces.iter().map(|(key, traces)| verdict(listed(key), traces, &self.limits));
        let verdicts: Vec<_> = traces.iter().map(|(key, _)| key.clone()).zip(verdicts).collect();
        self.note(verdicts);
    }

    fn note(&self, verdicts: Vec<(String, Option<Status>)>) {
        let mut tasks = self.tasks();
        for (key, verdict) in verdicts {
            let Some(watched) = tasks.get_mut(&key) else { continue };
            match verdict {
                Some(status) => watched.stands(status),
                None => {
                    let since = *watched.unlisted.get_or_insert_with(Instant::now);
                    if since.elapsed() >= self.lost_after {
                        watched.status = Status::Unknown;
                    }
                }
            }
        }
    }
}

/// Minutes that a job gets: the attempt ends itself before.
fn time_minutes(limits: &Limits) -> u64 {
    limits.time.as_secs().div_ceil(60) + 1
}

/// MiB that a job gets.
fn memory_mib(limits: &Limits) -> u64 {
    limits.memory_bytes.div_ceil(1 << 20)
}

impl Executor for Slurm {
    fn submit(&self, task: Task) -> BoxFuture<'_, Result<(), SubmitError>> {
        async move { self.try_submit(task).await }.boxed()
    }

    fn outlives(&self) -> bool {
        true
    }

    fn adopt(&self, task: Task) {
        self.watch(task);
    }

    fn poll<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Vec<Status>> {
        async move {
            self.look().await;
            let tasks = self.tasks();
            keys.iter().map(|key| tasks.get(key).map_or(Status::Unknown, |watched| watched.status.clone())).collect()
        }
        .boxed()
    }

    fn cancel<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        async move { self.cluster.cancel(key).await }.boxed()
    }

    /// What is left of it on the cluster, such as an attempt that was only thought lost, is not wanted any more.
    fn forget(&self, key: &str) {
        if self.tasks().remove(key).is_some() {
            let (cluster, key) = (self.cluster.clone(), key.to_owned());
            tokio::spawn(async move { cluster.cancel(&key).await });
        }
    }

    fn moved(&self) -> BoxFuture<'_, ()> {
        async move {
            if self.tasks().is_empty() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(LOOK).await;
        }
        .boxed()
    }

    fn trouble(&self) -> Option<String> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn complaint(&self) -> Option<String> {
        let tasks = self.tasks();
        let is_stuck = |watched: &&Watched| watched.stuck.is_some_and(|since| since.elapsed() >= self.stuck_after);
        let mut stuck: Vec<&Watched> = tasks.values().filter(is_stuck).collect();
        stuck.sort_by_key(|watched| watched.stuck);
        let (first, count) = (stuck.first()?, stuck.len());
        let Status::Waiting(Some(reason)) = &first.status else { return None };
        Some(format!(
            "jobs that wait on the cluster until somebody sees to them: {count}, first {}: {reason}",
            first.task.key
        ))
    }
}
