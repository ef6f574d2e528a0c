//! What the holder of a lease does with its job: every call names the fence it holds.

use aurora_database::Connection;
use jiff::Timestamp;

use crate::{Job, QueueError, Result, RetryPolicy, State, lease, row};

/// Moves a held job on to `to`: submitted, running, collecting or published.
///
/// # Errors
/// [`QueueError::Fenced`] when the job is no longer held under `fence`; [`QueueError::Illegal`] for a move that the
/// table does not have.
pub async fn advance(conn: &mut Connection, job_id: &str, fence: u64, to: State, now: Timestamp) -> Result<Job> {
    let job = lock(conn, job_id, fence).await?;
    if !to.is_held() && to != State::Published {
        return Err(QueueError::Illegal { job_id: job.job_id, from: job.state, to });
    }
    let from = job.state;
    let moved =
        if to.is_held() { Job { state: to, reason: None, updated_at: now, ..job } } else { unheld(job, to, None, now) };
    row::moved(conn, from, moved).await
}

/// Notes why a held job does not go on; `None` when that was known.
///
/// # Errors
/// [`QueueError::Fenced`] when the job is no longer held under `fence`.
pub async fn note(conn: &mut Connection, job_id: &str, fence: u64, reason: Option<&str>) -> Result<Option<Job>> {
    let job = lock(conn, job_id, fence).await?;
    // What was said before was kept in the form that is kept.
    let noted = row::as_kept(Job { reason: reason.map(ToOwned::to_owned), ..job.clone() });
    if job.reason == noted.reason {
        return Ok(None);
    }
    row::noted(conn, noted).await.map(Some)
}

/// The attempt failed in a way that may pass: retryable after the policy's delay, or failed when it was the last.
///
/// # Errors
/// [`QueueError::Fenced`] when the job is no longer held under `fence`.
pub async fn fail(
    conn: &mut Connection,
    job_id: &str,
    fence: u64,
    reason: &str,
    policy: &RetryPolicy,
    now: Timestamp,
) -> Result<Job> {
    let job = lock(conn, job_id, fence).await?;
    let from = job.state;
    if !policy.has_attempts_left(job.attempt) {
        return row::moved(conn, from, unheld(job, State::Failed, Some(reason), now)).await;
    }
    let retry_at = Some(lease::after(now, policy.delay(job.attempt)));
    row::moved(conn, from, Job { retry_at, ..unheld(job, State::Retryable, Some(reason), now) }).await
}

/// The attempt was lost through no fault of the job's: it does not count, and the job is retryable after the policy's
/// delay, or failed when that was one loss too many.
///
/// # Errors
/// [`QueueError::Fenced`] when the job is no longer held under `fence`.
pub async fn lose(
    conn: &mut Connection,
    job_id: &str,
    fence: u64,
    reason: &str,
    policy: &RetryPolicy,
    now: Timestamp,
) -> Result<Job> {
    let job = lock(conn, job_id, fence).await?;
    let from = job.state;
    let job = Job { attempt: job.attempt.saturating_sub(1), losses: job.losses.saturating_add(1), ..job };
    if !policy.has_losses_left(job.losses) {
        return row::moved(conn, from, unheld(job, State::Failed, Some(reason), now)).await;
    }
    let retry_at = Some(lease::after(now, policy.delay(job.losses)));
    row::moved(conn, from, Job { retry_at, ..unheld(job, State::Retryable, Some(reason), now) }).await
}

/// The input is of a kind that no further attempt will do better with: failed for good.
///
/// # Errors
/// [`QueueError::Fenced`] when the job is no longer held under `fence`.
pub async fn refuse(conn: &mut Connection, job_id: &str, fence: u64, reason: &str, now: Timestamp) -> Result<Job> {
    let job = lock(conn, job_id, fence).await?;
    let from = job.state;
    row::moved(conn, from, unheld(job, State::Failed, Some(reason), now)).await
}

/// The worker stops: the job waits again, and the attempt does not count.
///
/// # Errors
/// [`QueueError::Fenced`] when the job is no longer held under `fence`.
pub async fn release(conn: &mut Connection, job_id: &str, fence: u64, now: Timestamp) -> Result<Job> {
    let job = lock(conn, job_id, fence).await?;
    let attempt = job.attempt.saturating_sub(1);
    let from = job.state;
    row::moved(conn, from, Job { attempt, ..unheld(job, State::Queued, None, now) }).await
}

/// The job, if it is held under `fence`.
///
/// # Errors
/// [`QueueError::Fenced`] when it is not.
pub async fn held(conn: &mut Connection, job_id: &str, fence: u64) -> Result<Job> {
    under(fence, row::get(conn, job_id).await?)
}

/// The same, standing still for the rest of the transaction.
async fn lock(conn: &mut Connection, job_id: &str, fence: u64) -> Result<Job> {
    under(fence, row::lock(conn, job_id).await?)
}

fn under(fence: u64, job: Job) -> Result<Job> {
    let is_held = job.fence == fence && job.state.is_held();
    if is_held { Ok(job) } else { Err(QueueError::Fenced { job_id: job.job_id, fence }) }
}

/// `job` in a state in which nobody holds it.
pub(crate) fn unheld(job: Job, state: State, reason: Option<&str>, now: Timestamp) -> Job {
    Job {
        state,
        worker: None,
        lease_until: None,
        retry_at: None,
        reason: reason.map(ToOwned::to_owned),
        updated_at: now,
        ..job
    }
}
