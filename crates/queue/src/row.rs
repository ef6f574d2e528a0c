//! Jobs to rows and back; the only SQL that reads or writes a whole job.

use aurora_database::{Connection, Row, Spelled};
use jiff::Timestamp;
use sqlx::Row as _;

use crate::{Job, QueueError, Result, State, state};

/// A job from a `SELECT *` row.
pub(crate) fn decode(row: &Row) -> Result<Job> {
    let job_id: String = row.try_get("job_id")?;
    let unreadable = |column| QueueError::Unreadable { job_id: job_id.clone(), column };
    let number =
        |column| -> Result<u64> { u64::try_from(row.try_get::<i64, _>(column)?).map_err(|_| unreadable(column)) };
    let time = |column| -> Result<Option<Timestamp>> {
        let millis: Option<i64> = row.try_get(column)?;
        millis.map(Timestamp::from_millisecond).transpose().map_err(|_| unreadable(column))
    };
    let state: State = row.try_get::<&str, _>("state")?.parse().map_err(|_| unreadable("state"))?;
    Ok(Job {
        subject: row.try_get("subject")?,
        revision: number("revision")?,
        input: row.try_get("input")?,
        priority: row.try_get("priority")?,
        state,
        attempt: u32::try_from(number("attempt")?).map_err(|_| unreadable("attempt"))?,
        losses: u32::try_from(number("losses")?).map_err(|_| unreadable("losses"))?,
        fence: number("fence")?,
        worker: row.try_get("worker")?,
        lease_until: time("lease_until_ms")?,
        retry_at: time("retry_at_ms")?,
        reason: row.try_get("reason")?,
        created_at: time("created_at_ms")?.ok_or_else(|| unreadable("created_at_ms"))?,
        updated_at: time("updated_at_ms")?.ok_or_else(|| unreadable("updated_at_ms"))?,
        job_id,
    })
}

pub(crate) async fn find(conn: &mut Connection, job_id: &str) -> Result<Option<Job>> {
    let row = sqlx::query("SELECT * FROM job WHERE job_id = $1").bind(job_id).fetch_optional(conn).await?;
    row.as_ref().map(decode).transpose()
}

pub(crate) async fn get(conn: &mut Connection, job_id: &str) -> Result<Job> {
    find(conn, job_id).await?.ok_or_else(|| QueueError::NoSuchJob { job_id: job_id.to_owned() })
}

/// The job as it stands, and stands still until the transaction ends: what a move starts from. SQLite has one writer,
/// so there it does anyway.
pub(crate) async fn lock(conn: &mut Connection, job_id: &str) -> Result<Job> {
    const LOCK: Spelled = Spelled {
        sqlite: "SELECT * FROM job WHERE job_id = $1",
        postgres: "SELECT * FROM job WHERE job_id = $1 FOR UPDATE",
    };
    let row = sqlx::query(LOCK.on(conn)).bind(job_id).fetch_optional(conn).await?;
    row.as_ref().map(decode).transpose()?.ok_or_else(|| QueueError::NoSuchJob { job_id: job_id.to_owned() })
}

/// Rows keep milliseconds, and reasons without control characters, which a command's last words can have: PostgreSQL
/// takes no NUL, and a terminal or a log would act on others. What is returned must equal what is read back.
fn to_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

pub(crate) fn as_kept(job: Job) -> Job {
    Job {
        lease_until: job.lease_until.map(to_millisecond),
        retry_at: job.retry_at.map(to_millisecond),
        created_at: to_millisecond(job.created_at),
        updated_at: to_millisecond(job.updated_at),
        reason: job.reason.map(|reason| reason.replace(char::is_control, "\u{fffd}")),
        ..job
    }
}

/// The databases' integers are signed; counts never come near the sign.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Writes a new job; answers the one that is there when there is one of its id.
pub(crate) async fn insert(conn: &mut Connection, job: Job) -> Result<Job> {
    let job = as_kept(job);
    let done = sqlx::query(
        "INSERT INTO job (job_id, subject, revision, input, priority, state, attempt, fence, reason,
                          created_at_ms, updated_at_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (job_id) DO NOTHING",
    )
    .bind(&job.job_id)
    .bind(&job.subject)
    .bind(signed(job.revision))
    .bind(&job.input)
    .bind(job.priority)
    .bind(job.state.name())
    .bind(i64::from(job.attempt))
    .bind(signed(job.fence))
    .bind(&job.reason)
    .bind(job.created_at.as_millisecond())
    .bind(job.updated_at.as_millisecond())
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 1 { Ok(job) } else { get(conn, &job.job_id).await }
}

/// Writes what is said of a job that stays where it stands, which the caller has locked: why, and until when.
pub(crate) async fn noted(conn: &mut Connection, job: Job) -> Result<Job> {
    let job = as_kept(job);
    sqlx::query("UPDATE job SET reason = $1, retry_at_ms = $2 WHERE job_id = $3")
        .bind(&job.reason)
        .bind(job.retry_at.map(|time| time.as_millisecond()))
        .bind(&job.job_id)
        .execute(conn)
        .await?;
    Ok(job)
}

/// Writes `job` as moved from `from`; the one place where the table of moves is held.
pub(crate) async fn moved(conn: &mut Connection, from: State, job: Job) -> Result<Job> {
    if !state::allowed(from, job.state) {
        return Err(QueueError::Illegal { job_id: job.job_id, from, to: job.state });
    }
    let job = as_kept(job);
    let done = sqlx::query(
        "UPDATE job SET state = $1, attempt = $2, fence = $3, worker = $4, lease_until_ms = $5, retry_at_ms = $6,
                        reason = $7, updated_at_ms = $8, losses = $9
         WHERE job_id = $10 AND state = $11",
    )
    .bind(job.state.name())
    .bind(i64::from(job.attempt))
    .bind(signed(job.fence))
    .bind(&job.worker)
    .bind(job.lease_until.map(|time| time.as_millisecond()))
    .bind(job.retry_at.map(|time| time.as_millisecond()))
    .bind(&job.reason)
    .bind(job.updated_at.as_millisecond())
    .bind(i64::from(job.losses))
    .bind(&job.job_id)
    .bind(from.name())
    .execute(conn)
    .await?;
    if done.rows_affected() == 1 { Ok(job) } else { Err(QueueError::Fenced { job_id: job.job_id, fence: job.fence }) }
}
