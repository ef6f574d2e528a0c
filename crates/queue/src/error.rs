//! What can go wrong between a job and its row.

use crate::State;

/// The result of everything in this crate.
pub type Result<T, E = QueueError> = std::result::Result<T, E>;

/// Why a job could not be moved or read.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The database failed.
    #[error("the job database failed: {source}")]
    Database {
        /// What it said.
        #[from]
        source: sqlx::Error,
    },
    /// No job has this id.
    #[error("no job `{job_id}`")]
    NoSuchJob {
        /// The id asked for.
        job_id: String,
    },
    /// The table of moves does not have this one.
    #[error("job `{job_id}` is {from} and cannot become {to}")]
    Illegal {
        /// The job.
        job_id: String,
        /// Where it stands.
        from: State,
        /// Where it should have gone.
        to: State,
    },
    /// Somebody else holds the job by now.
    #[error("job `{job_id}` is no longer held under fence {fence}")]
    Fenced {
        /// The job.
        job_id: String,
        /// The fence that is no longer in force.
        fence: u64,
    },
    /// A row holds what this version never writes.
    #[error("job `{job_id}` has an unreadable {column}")]
    Unreadable {
        /// The job.
        job_id: String,
        /// The column.
        column: &'static str,
    },
}
