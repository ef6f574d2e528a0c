//! What runs attempts: child processes here, a cluster elsewhere. The dispatcher knows nothing more of either.
//!
//! Tasks are known by *our* key, chosen before anything is submitted, because an executor's own number may be lost
//! with the answer that carried it, or be used again.

use std::path::PathBuf;

use futures_util::future::BoxFuture;

/// One attempt to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Unique among all attempts of all jobs.
    pub key: String,
    /// The scene it is for.
    pub scene_id: String,
    /// Attempts begun, from 1.
    pub attempt: u32,
    /// Absolute path of the raw file.
    pub input: PathBuf,
    /// Absolute path of an empty folder for the outputs.
    pub output_dir: PathBuf,
    /// Where to keep what it prints.
    pub log: PathBuf,
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Accepted, not begun; why not, where the executor tells.
    Waiting(Option<String>),
    /// Under way. What an executor cannot name counts as this.
    Running,
    /// Over.
    Ended(Outcome),
    /// The executor knows nothing of such a task.
    Unknown,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Exit status 0.
    Success,
    /// The command says that no further attempt will do better.
    Refused(String),
    /// It failed, by its own doing as far as can be told: may be tried again, for so many attempts.
    Failed(String),
    /// The command says that it is not fit to run, whatever the scene: that is no attempt of the job's.
    Unready(String),
    /// Whatever ran it lost it, by no doing of its own, such as a node that died: that is no attempt of the job's.
    Lost(String),
}

/// Why a task was not accepted.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct SubmitError {
    /// What the system said.
    pub reason: String,
    /// What follows.
    pub kind: Refusal,
}

/// What follows when a task is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is no use to try again.
    Permanent,
    /// The executor takes none just now, whichever it is: that is no attempt of the job's.
    Away,
}

impl SubmitError {
    /// It is no use to try again.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Refusal::Permanent }
    }

    /// The executor takes none just now.
    pub fn away(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Refusal::Away }
    }
}

/// Exit status by which a command refuses its input for good: `EX_DATAERR` of BSD's `sysexits.h`.
pub const REFUSED: i32 = 65;

/// Exit status by which a command says that it is itself not fit to run, such as for want of its model: `EX_CONFIG` of
/// BSD's `sysexits.h`.
pub const UNREADY: i32 = 78;

/// Runs tasks.
pub trait Executor: Send + Sync {
    /// Accepts a task. The same key twice is one task.
    fn submit(&self, task: Task) -> BoxFuture<'_, Result<(), SubmitError>>;

    /// Whether tasks go on without the indexer. If so they are neither stopped with it nor begun anew after it, but
    /// taken over by [`Executor::adopt`].
    fn outlives(&self) -> bool {
        false
    }

    /// Takes over a task that an earlier life of the indexer submitted, or was about to.
    fn adopt(&self, task: Task) {
        drop(task);
    }

    /// How each of these tasks stands, in one call.
    fn poll<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Vec<Status>>;

    /// Ends a task, politely first; returns at once. [`Executor::poll`] tells when it is over.
    fn cancel<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()>;

    /// Forgets a task that is over.
    fn forget(&self, key: &str);

    /// Returns when some task may have moved on.
    fn moved(&self) -> BoxFuture<'_, ()>;

    /// Why nothing is known of how its tasks stand, while that is so; none is begun meanwhile.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// What an operator should see to while tasks are begun all the same.
    fn complaint(&self) -> Option<String> {
        None
    }
}
