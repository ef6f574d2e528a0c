//! What people, and events outside the job, do to it: cancel and retry. No lease is needed; a holder notices by its
//! fence.

use aurora_database::{Connection, Spelled};
use jiff::Timestamp;

use crate::{Job, Result, State, attempt::unheld, row};

/// Why a job is cancelled that a person does not want: it stays so.
pub const UNWANTED: &str = "cancelled by a person";

/// Cancels a job wherever it stands; a published one cannot be.
///
/// # Errors
/// When there is no such job, or the table has no such move.
pub async fn cancel(conn: &mut Connection, job_id: &str, reason: &str, now: Timestamp) -> Result<Job> {
    let job = row::lock(conn, job_id).await?;
    let from = job.state;
    row::moved(conn, from, unheld(job, State::Cancelled, Some(reason), now)).await
}

/// Jobs of a subject that may be cancelled; they stand still until the transaction ends.
const OPEN: Spelled = Spelled {
    sqlite: "SELECT job_id FROM job WHERE subject = $1 AND state NOT IN ('published', 'cancelled') ORDER BY job_id",
    postgres: "SELECT job_id FROM job WHERE subject = $1 AND state NOT IN ('published', 'cancelled') ORDER BY job_id
               FOR UPDATE",
};

/// Cancels every job of `subject` that is neither published nor cancelled; returns them.
///
/// # Errors
/// When the database fails.
pub async fn cancel_subject(conn: &mut Connection, subject: &str, reason: &str, now: Timestamp) -> Result<Vec<Job>> {
    let ids: Vec<String> = sqlx::query_scalar(OPEN.on(conn)).bind(subject).fetch_all(&mut *conn).await?;
    let mut cancelled = Vec::with_capacity(ids.len());
    for job_id in ids {
        cancelled.push(cancel(conn, &job_id, reason, now).await?);
    }
    Ok(cancelled)
}

/// Queues a failed, cancelled or waiting-for-retry job anew, with all its attempts.
///
/// # Errors
/// When there is no such job, or it stands where nothing is to be retried.
pub async fn retry(conn: &mut Connection, job_id: &str, now: Timestamp) -> Result<Job> {
    let job = row::lock(conn, job_id).await?;
    let from = job.state;
    if !matches!(from, State::Failed | State::Cancelled | State::Retryable) {
        return Err(crate::QueueError::Illegal { job_id: job.job_id, from, to: State::Queued });
    }
    row::moved(conn, from, Job { attempt: 0, losses: 0, ..unheld(job, State::Queued, None, now) }).await
}
