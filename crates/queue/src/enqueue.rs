//! Making jobs, and telling that an input became whole.

use aurora_database::Connection;
use jiff::Timestamp;

use crate::{Job, NewJob, QueueError, Result, State, attempt::unheld, person, row};

/// Makes a job that waits for a worker. The same id again changes nothing and returns the job as it stands.
///
/// # Errors
/// When the database fails.
pub async fn queued(conn: &mut Connection, new: NewJob, now: Timestamp) -> Result<Job> {
    make(conn, new, State::Queued, None, now).await
}

/// Makes a job whose input is not whole; `missing` says what it lacks. Idempotent like [`queued`], but that a cancelled
/// one is listed again: its input had left and is back. One that a person cancelled stays so.
///
/// # Errors
/// When the database fails.
pub async fn incomplete(conn: &mut Connection, new: NewJob, missing: &str, now: Timestamp) -> Result<Job> {
    let reason = Some(missing.to_owned());
    let made = make(conn, new, State::Incomplete, reason.clone(), now).await?;
    if made.state != State::Cancelled || made.reason.as_deref() == Some(person::UNWANTED) {
        return Ok(made);
    }
    let job = row::lock(conn, &made.job_id).await?;
    row::moved(conn, job.state, unheld(job, State::Incomplete, reason.as_deref(), now)).await
}

/// An incomplete job's input became whole: it is queued with all its attempts.
///
/// # Errors
/// When there is no such job, or it is not incomplete.
pub async fn became_whole(conn: &mut Connection, job_id: &str, now: Timestamp) -> Result<Job> {
    let job = row::lock(conn, job_id).await?;
    if job.state != State::Incomplete {
        return Err(QueueError::Illegal { job_id: job.job_id, from: job.state, to: State::Queued });
    }
    row::moved(
        conn,
        job.state,
        Job { state: State::Queued, attempt: 0, losses: 0, reason: None, updated_at: now, ..job },
    )
    .await
}

async fn make(conn: &mut Connection, new: NewJob, state: State, reason: Option<String>, now: Timestamp) -> Result<Job> {
    let NewJob { job_id, subject, revision, input, priority } = new;
    let (attempt, losses, fence) = (0, 0, 0);
    let (worker, lease_until, retry_at) = (None, None, None);
    let (created_at, updated_at) = (now, now);
    let job = Job {
        job_id,
        subject,
        revision,
        input,
        priority,
        state,
        attempt,
        losses,
        fence,
        worker,
        lease_until,
        retry_at,
        reason,
        created_at,
        updated_at,
    };
    row::insert(conn, job).await
}
