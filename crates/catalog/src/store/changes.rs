//! The feed's rows: appended, paged, compacted.
//!
//! A follower that starts at 0 always ends with the present state: compaction removes a change only when a newer one
//! about the same thing exists.

use aurora_database::{Connection, Row};
use jiff::Timestamp;
use sqlx::Row as _;

use super::{Result, StoreError};
use crate::{Change, ChangeBody, ChangePage};

/// How much one page may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// Changes.
    pub changes: u32,
    /// Bytes of bodies; one change is always given, however long.
    pub body_bytes: u32,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self { changes: 1000, body_bytes: 8 << 20 }
    }
}

/// Appends changes in their order and returns the number of the last. Make it the transaction's last step: from here to
/// the commit nobody else appends, so that numbers are committed in their order and none is left out.
///
/// # Errors
/// When the database fails.
pub async fn append(conn: &mut Connection, bodies: &[ChangeBody], at: Timestamp) -> Result<u64> {
    let count = i64::try_from(bodies.len()).unwrap_or(i64::MAX);
    let newest: i64 =
        sqlx::query_scalar("UPDATE feed SET head = head + $1 RETURNING head").bind(count).fetch_one(&mut *conn).await?;
    for (seq, body) in (newest - count + 1..).zip(bodies) {
        insert(conn, seq, body, at).await?;
    }
    Ok(newest.unsigned_abs())
}

async fn insert(conn: &mut Connection, seq: i64, body: &ChangeBody, at: Timestamp) -> Result<()> {
    let key = key(body);
    let text = serde_json::to_string(body).map_err(|source| StoreError::Unwritable { what: key.clone(), source })?;
    sqlx::query("INSERT INTO change (seq, at_ms, key, body) VALUES ($1, $2, $3, $4)")
        .bind(seq)
        .bind(at.as_millisecond())
        .bind(key)
        .bind(text)
        .execute(conn)
        .await?;
    Ok(())
}

/// What a change is about.
fn key(body: &ChangeBody) -> String {
    match body {
        ChangeBody::Scene { scene } => format!("scene:{}", scene.scene_id),
        ChangeBody::Withdrawn { scene_id, .. } => format!("scene:{scene_id}"),
        ChangeBody::Detections { scene_id, .. } => format!("detections:{scene_id}"),
        ChangeBody::Job { job } => format!("job:{}", job.job_id),
    }
}

/// The newest number; 0 before the first change.
///
/// # Errors
/// When the database fails.
pub async fn head(conn: &mut Connection) -> Result<u64> {
    let head: i64 = sqlx::query_scalar("SELECT head FROM feed").fetch_one(conn).await?;
    Ok(head.unsigned_abs())
}

/// The changes after `since`, in order. Empty when there are none yet.
///
/// # Errors
/// When the database fails.
pub async fn page(conn: &mut Connection, epoch: &str, since: u64, limits: PageLimits) -> Result<ChangePage> {
    let head = head(conn).await?;
    let rows = sqlx::query(
        "SELECT seq, at_ms, body FROM (
             SELECT seq, at_ms, body, SUM(LENGTH(body)) OVER (ORDER BY seq) - LENGTH(body) AS before_bytes
             FROM (SELECT seq, at_ms, body FROM change WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3) AS first)
         AS weighed WHERE before_bytes < $4 ORDER BY seq",
    )
    .bind(i64::try_from(since).unwrap_or(i64::MAX))
    .bind(i64::try_from(head).unwrap_or(i64::MAX))
    .bind(i64::from(limits.changes.max(1)))
    .bind(i64::from(limits.body_bytes.max(1)))
    .fetch_all(conn)
    .await?;
    let changes = rows.iter().map(decode).collect::<Result<Vec<_>>>()?;
    let next = changes.last().map_or(since.min(head), |change| change.seq);
    Ok(ChangePage { epoch: epoch.to_owned(), changes, next, head })
}

fn decode(row: &Row) -> Result<Change> {
    let seq: i64 = row.try_get("seq")?;
    let body = serde_json::from_str(row.try_get("body")?)
        .map_err(|source| StoreError::Unreadable { what: format!("change {seq}"), source })?;
    let at = Timestamp::from_millisecond(row.try_get("at_ms")?).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Change { seq: seq.unsigned_abs(), at, body })
}

/// Removes at most `batch` changes that are superseded and not among the newest `keep` numbers; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn compact(conn: &mut Connection, keep: u64, batch: u32) -> Result<u64> {
    let before = head(conn).await?.saturating_sub(keep);
    let done = sqlx::query(
        "DELETE FROM change WHERE seq IN (
             SELECT seq FROM change AS old WHERE seq <= $1
             AND EXISTS (SELECT 1 FROM change AS newer WHERE newer.key = old.key AND newer.seq > old.seq)
             LIMIT $2)",
    )
    .bind(i64::try_from(before).unwrap_or(i64::MAX))
    .bind(i64::from(batch))
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
