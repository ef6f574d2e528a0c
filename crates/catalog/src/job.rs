//! A job as everybody but the queue sees it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a job stands. The legal moves are the queue's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// The file is not whole yet, or never became so.
    Incomplete,
    /// Waits for an executor.
    Queued,
    /// Taken by a worker, which has not submitted it yet.
    Leased,
    /// Handed to the executor.
    Submitted,
    /// The executor runs it.
    Running,
    /// Finished; its outputs are being verified.
    Collecting,
    /// Its outputs are published.
    Published,
    /// Failed in a way that may pass; runs again at `retry_at`.
    Retryable,
    /// Failed for good.
    Failed,
    /// Cancelled by a person, or its file left.
    Cancelled,
}

/// One job, read-only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobView {
    /// Unique name.
    pub job_id: String,
    /// The scene it is for.
    pub scene_id: String,
    /// Revision of the scene it was made for.
    pub revision: u64,
    /// Path of its input below the root.
    pub path: String,
    /// Where it stands.
    pub state: JobState,
    /// Attempts begun, without those that were lost.
    pub attempt: u32,
    /// Attempts lost through no fault of the job's. An indexer that does not tell has none.
    #[serde(default)]
    pub losses: u32,
    /// Why it stands there, when that needs saying.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When it runs again.
    pub retry_at: Option<Timestamp>,
}
