//! Looking at jobs without moving them.

use std::collections::BTreeMap;

use aurora_database::Connection;
use sqlx::Row as _;

use crate::{Job, Result, State, row};

/// Which jobs, in what portion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<State>,
    /// Only those after this job in the list's order.
    pub after: Option<String>,
    /// At most this many.
    pub limit: u32,
}

/// One job.
///
/// # Errors
/// [`crate::QueueError::NoSuchJob`], or the database failed.
pub async fn get(conn: &mut Connection, job_id: &str) -> Result<Job> {
    row::get(conn, job_id).await
}

/// The job, or `None`.
///
/// # Errors
/// When the database fails.
pub async fn find(conn: &mut Connection, job_id: &str) -> Result<Option<Job>> {
    row::find(conn, job_id).await
}

/// Jobs, the last moved first.
///
/// # Errors
/// When the database fails, or `after` names no job.
pub async fn page(conn: &mut Connection, filter: &Filter) -> Result<Vec<Job>> {
    let (before_ms, before_id) = match &filter.after {
        Some(job_id) => {
            let job = row::get(conn, job_id).await?;
            (job.updated_at.as_millisecond(), job.job_id)
        }
        None => (i64::MAX, String::new()),
    };
    let rows = sqlx::query(
        "SELECT * FROM job
         WHERE (updated_at_ms < $1 OR (updated_at_ms = $1 AND job_id > $2)) AND ($3 IS NULL OR state = $3)
         ORDER BY updated_at_ms DESC, job_id LIMIT $4",
    )
    .bind(before_ms)
    .bind(before_id)
    .bind(filter.state.map(State::name))
    .bind(i64::from(filter.limit))
    .fetch_all(conn)
    .await?;
    rows.iter().map(row::decode).collect()
}

/// How many jobs stand in each state that has any.
///
/// # Errors
/// When the database fails.
pub async fn counts(conn: &mut Connection) -> Result<BTreeMap<State, u64>> {
    let rows = sqlx::query("SELECT state, COUNT(*) AS jobs FROM job GROUP BY state").fetch_all(conn).await?;
    let mut counts = BTreeMap::new();
    for row in rows {
        if let Ok(state) = row.try_get::<&str, _>("state")?.parse() {
            counts.insert(state, row.try_get::<i64, _>("jobs")?.unsigned_abs());
        }
    }
    Ok(counts)
}

/// How many waiting jobs are put aside for a reason that begins with `why` (which has no wildcards of
/// `LIKE`), and the one of them that goes first.
///
/// # Errors
/// When the database fails.
pub async fn put_aside(conn: &mut Connection, why: &str) -> Result<Option<(u64, Job)>> {
    let counting = sqlx::query_scalar(
        "SELECT COUNT(*) FROM job
         WHERE state IN ('queued', 'retryable') AND retry_at_ms IS NOT NULL AND reason LIKE $1",
    );
    let pattern = format!("{why}%");
    let count: i64 = counting.bind(&pattern).fetch_one(&mut *conn).await?;
    let first = sqlx::query(
        "SELECT * FROM job
         WHERE state IN ('queued', 'retryable') AND retry_at_ms IS NOT NULL AND reason LIKE $1
         ORDER BY priority DESC, created_at_ms DESC, job_id LIMIT 1",
    );
    let first = first.bind(&pattern).fetch_optional(conn).await?;
    let first = first.as_ref().map(row::decode).transpose()?;
    Ok(first.map(|job| (count.unsigned_abs(), job)))
}

/// Inputs of all jobs that are listed as incomplete.
///
/// # Errors
/// When the database fails.
pub async fn incomplete_inputs(conn: &mut Connection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT input FROM job WHERE state = 'incomplete'").fetch_all(conn).await?)
}

/// Jobs on `input` that are listed as incomplete.
///
/// # Errors
/// When the database fails.
pub async fn incomplete_of(conn: &mut Connection, input: &str) -> Result<Vec<Job>> {
    let rows =
        sqlx::query("SELECT * FROM job WHERE state = 'incomplete' AND input = $1").bind(input).fetch_all(conn).await?;
    rows.iter().map(row::decode).collect()
}
