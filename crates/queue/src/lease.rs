//! Leases: taking a job, keeping it, and finding those whose holder is gone.

use std::time::Duration;

use aurora_database::{Connection, Spelled};
use jiff::Timestamp;

use crate::{Job, QueueError, Result, RetryPolicy, State, attempt, row};

/// The job that goes first. Where several workers look at once, each passes over what another is just taking.
const FIRST_DUE: Spelled = Spelled {
    sqlite: "SELECT * FROM job
             WHERE state IN ('queued', 'retryable') AND (retry_at_ms IS NULL OR retry_at_ms <= $1)
             ORDER BY priority DESC, created_at_ms DESC, job_id LIMIT 1",
    postgres: "SELECT * FROM job
               WHERE state IN ('queued', 'retryable') AND (retry_at_ms IS NULL OR retry_at_ms <= $1)
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

/// Gives up every job whose lease ran out: its worker is gone, which is a loss and no attempt of the job's. Returns
/// them, retryable or failed.
///
/// # Errors
/// When the database fails.
pub async fn expire(conn: &mut Connection, policy: &RetryPolicy, now: Timestamp) -> Result<Vec<Job>> {
    let rows = sqlx::query(RUN_OUT.on(conn)).bind(now.as_millisecond()).fetch_all(&mut *conn).await?;
    let mut expired = Vec::with_capacity(rows.len());
    for row in &rows {
        let job = row::decode(row)?;
        let reason = format!("lease of {} ran out", job.worker.as_deref().unwrap_or("its worker"));
        expired.push(attempt::lose(conn, &job.job_id, job.fence, &reason, policy, now).await?);
    }
    Ok(expired)
}

/// What the worker's earlier life held: for a worker that has just started and knows that nothing of it runs any more.
/// Its end is a loss and no attempt of the jobs': they are due at once, or failed when that was one loss too many,
/// since one of them may be what ends the worker.
///
/// # Errors
/// When the database fails.
pub async fn recover(conn: &mut Connection, worker: &str, policy: &RetryPolicy, now: Timestamp) -> Result<Vec<Job>> {
    let at_once = RetryPolicy { base_delay: Duration::ZERO, ..*policy };
    let mut recovered = Vec::new();
    for job in held_by(conn, worker).await? {
        let reason = format!("{worker} ended while the job was {}", job.state);
        recovered.push(attempt::lose(conn, &job.job_id, job.fence, &reason, &at_once, now).await?);
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

/// The jobs that [`take`] would find one after the other, `limit` at most.
///
/// # Errors
/// When the database fails.
pub async fn due(conn: &mut Connection, limit: u32, now: Timestamp) -> Result<Vec<Job>> {
    let rows = sqlx::query(
        "SELECT * FROM job
         WHERE state IN ('queued', 'retryable') AND (retry_at_ms IS NULL OR retry_at_ms <= $1)
         ORDER BY priority DESC, created_at_ms DESC, job_id LIMIT $2",
    )
    .bind(now.as_millisecond())
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.iter().map(row::decode).collect()
}

/// Puts a waiting job aside until `until`, so that others go first: it stands where it stood, with the reason. `None`
/// when it does not wait any more.
///
/// # Errors
/// When there is no such job, or the database fails.
pub async fn put_aside(conn: &mut Connection, job_id: &str, reason: &str, until: Timestamp) -> Result<Option<Job>> {
    let job = row::lock(conn, job_id).await?;
    if !matches!(job.state, State::Queued | State::Retryable) {
        return Ok(None);
    }
    row::noted(conn, Job { reason: Some(reason.to_owned()), retry_at: Some(until), ..job }).await.map(Some)
}

/// Brings times that lie further ahead than any is ever set, since the clock was set back, to where they can be:
/// retries to `now + max_delay`, leases to `now + length`. Returns the jobs whose retry was brought nearer.
///
/// # Errors
/// When the database fails.
pub async fn rein_in(conn: &mut Connection, max_delay: Duration, length: Duration, now: Timestamp) -> Result<Vec<Job>> {
    sqlx::query("UPDATE job SET lease_until_ms = $1 WHERE lease_until_ms > $1")
        .bind(after(now, length).as_millisecond())
        .execute(&mut *conn)
        .await?;
    let rows = sqlx::query(
        "UPDATE job SET retry_at_ms = $1 WHERE state IN ('queued', 'retryable') AND retry_at_ms > $1 RETURNING *",
    )
    .bind(after(now, max_delay).as_millisecond())
    .fetch_all(conn)
    .await?;
    rows.iter().map(row::decode).collect()
}

/// When a waiting job is due next that is not due yet, if there is one.
///
/// # Errors
/// When the database fails.
pub async fn next_due(conn: &mut Connection) -> Result<Option<Timestamp>> {
    let millis: Option<i64> =
        sqlx::query_scalar("SELECT MIN(retry_at_ms) FROM job WHERE state IN ('queued', 'retryable')")
            .fetch_one(conn)
            .await?;
    Ok(millis.and_then(|millis| Timestamp::from_millisecond(millis).ok()))
}

pub(crate) fn after(now: Timestamp, length: Duration) -> Timestamp {
    now.checked_add(length).unwrap_or(Timestamp::MAX)
}
