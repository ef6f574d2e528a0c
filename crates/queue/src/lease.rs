//! Leases: taking a job, keeping it, and finding those whose holder is gone.

use std::time::Duration;

use aurora_database::{Connection, Spelled};
use jiff::Timestamp;

use crate::{Job, QueueError, Result, RetryPolicy, State, attempt, row};

/// The job that goes first. Where several workers look at once, each passes over what another is just taking.
const FIRST_DUE: Spelled = Spelled {
    sqlite: "SELECT * FROM job
             WHERE state IN ('queued', 'retryable') AND (state = 'queued' OR retry_at_ms <= $1)
             ORDER BY priority DESC, created_at_ms DESC, job_id LIMIT 1",
    postgres: "SELECT * FROM job
               WHERE state IN ('queued', 'retryable') AND (state = 'queued' OR retry_at_ms <= $1)
               ORDER BY priority DESC, created_at_ms DESC, job_id LIMIT 1 FOR UPDATE SKIP LOCKED",
};

/// Leases that ran out. Where several workers look at once, one gives each up; a renewal under way is not disturbed.
const RUN_OUT: Spelled = Spelled {
    sqlite: "SELECT * FROM job WHERE lease_until_ms < $1 ORDER BY job_id",
    postgres: "SELECT * FROM job WHERE lease_until_ms < $1 ORDER BY job_id FOR UPDATE SKIP LOCKED",
};

/// Takes the job that goes first for `worker` until `now + length`, or `None` when none is due. Begins an attempt under
/// a new fence.
///
/// # Errors
/// When the database fails.
pub async fn take(conn: &mut Connection, worker: &str, length: Duration, now: Timestamp) -> Result<Option<Job>> {
    let waiting = sqlx::query(FIRST_DUE.on(conn)).bind(now.as_millisecond()).fetch_optional(&mut *conn).await?;
    let Some(job) = waiting.as_ref().map(row::decode).transpose()? else {
        return Ok(None);
    };
    let from = job.state;
    let job = Job {
        state: State::Leased,
        attempt: job.attempt.saturating_add(1),
        fence: job.fence + 1,
        worker: Some(worker.to_owned()),
        lease_until: Some(after(now, length)),
        retry_at: None,
        reason: None,
        updated_at: now,
        ..job
    };
    row::moved(conn, from, job).await.map(Some)
}

/// Keeps a held job until `now + length`.
///
/// # Errors
/// [`QueueError::Fenced`] when it is no longer held under `fence`: stop working on it.
pub async fn renew(conn: &mut Connection, job_id: &str, fence: u64, length: Duration, now: Timestamp) -> Result<()> {
    let renewed = sqlx::query(
        "UPDATE job SET lease_until_ms = $1 WHERE job_id = $2 AND fence = $3
         AND state IN ('leased', 'submitted', 'running', 'collecting')",
    )
    .bind(after(now, length).as_millisecond())
    .bind(job_id)
    .bind(row::signed(fence))
    .execute(conn)
    .await?;
    if renewed.rows_affected() == 1 { Ok(()) } else { Err(QueueError::Fenced { job_id: job_id.to_owned(), fence }) }
}

/// Moves every job whose lease ran out to retryable (or failed); returns them.
///
/// # Errors
/// When the database fails.
pub async fn expire(conn: &mut Connection, policy: &RetryPolicy, now: Timestamp) -> Result<Vec<Job>> {
    let rows = sqlx::query(RUN_OUT.on(conn)).bind(now.as_millisecond()).fetch_all(&mut *conn).await?;
    let mut expired = Vec::with_capacity(rows.len());
    for row in &rows {
        let job = row::decode(row)?;
        let reason = format!("lease of {} ran out", job.worker.as_deref().unwrap_or("its worker"));
        expired.push(attempt::fail(conn, &job.job_id, job.fence, &reason, policy, now).await?);
    }
    Ok(expired)
}

/// What the worker's earlier life held: for a worker that has just started and knows that nothing of it runs any
/// more. Such jobs are due at once.
///
/// # Errors
/// When the database fails.
pub async fn recover(conn: &mut Connection, worker: &str, policy: &RetryPolicy, now: Timestamp) -> Result<Vec<Job>> {
    let at_once = RetryPolicy { base_delay: Duration::ZERO, ..*policy };
    let mut recovered = Vec::new();
    for job in held_by(conn, worker).await? {
        let reason = format!("{worker} ended while the job was {}", job.state);
        recovered.push(attempt::fail(conn, &job.job_id, job.fence, &reason, &at_once, now).await?);
    }
    Ok(recovered)
}

/// What `worker` holds.
///
/// # Errors
/// When the database fails.
pub async fn held_by(conn: &mut Connection, worker: &str) -> Result<Vec<Job>> {
    let rows = sqlx::query("SELECT * FROM job WHERE worker = $1 AND lease_until_ms IS NOT NULL ORDER BY job_id")
        .bind(worker)
        .fetch_all(conn)
        .await?;
    rows.iter().map(row::decode).collect()
}

/// Whether [`take`] would find a job.
///
/// # Errors
/// When the database fails.
pub async fn is_any_due(conn: &mut Connection, now: Timestamp) -> Result<bool> {
    let found = sqlx::query(
        "SELECT job_id FROM job
         WHERE state IN ('queued', 'retryable') AND (state = 'queued' OR retry_at_ms <= $1) LIMIT 1",
    );
    Ok(found.bind(now.as_millisecond()).fetch_optional(conn).await?.is_some())
}

/// When a retryable job is due next, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn next_due(conn: &mut Connection) -> Result<Option<Timestamp>> {
    let millis: Option<i64> =
        sqlx::query_scalar("SELECT MIN(retry_at_ms) FROM job WHERE state = 'retryable'").fetch_one(conn).await?;
    Ok(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
}

pub(crate) fn after(now: Timestamp, length: Duration) -> Timestamp {
    now.checked_add(length).unwrap_or(Timestamp::MAX)
}
