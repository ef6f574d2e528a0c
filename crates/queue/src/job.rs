//! A job: what it is for, where it stands, who holds it.

use jiff::Timestamp;

use crate::State;

/// What the caller knows of a job when making it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Unique name, chosen by the caller before anything else knows the job; making the same one twice makes one.
    pub job_id: String,
    /// What it is for.
    pub subject: String,
    /// Which version of the subject.
    pub revision: u64,
    /// What it works on.
    pub input: String,
    /// Higher goes first; among equals the newest does.
    pub priority: i64,
}

/// One job as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Unique name.
    pub job_id: String,
    /// What it is for.
    pub subject: String,
    /// Which version of the subject.
    pub revision: u64,
    /// What it works on.
    pub input: String,
    /// Higher goes first; among equals the newest does.
    pub priority: i64,
    /// Where it stands.
    pub state: State,
    /// Attempts begun; one that is released by a stopping worker, or was lost, does not count.
    pub attempt: u32,
    /// Attempts lost through no fault of the job's, since it was last queued anew.
    pub losses: u32,
    /// Number of its latest lease, from 1; 0 before the first. Never repeats.
    pub fence: u64,
    /// Who holds it, if somebody does.
    pub worker: Option<String>,
    /// Until when, unless renewed.
    pub lease_until: Option<Timestamp>,
    /// When it is due again, while retryable or put aside.
    pub retry_at: Option<Timestamp>,
    /// Why it stands there, when that needs saying.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}
