//! `/readyz` and `/health`: whether the indexer works, and how.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use aurora_daemon::{problem::Problem, process};
use aurora_queue::list;
use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{DATABASE_AWAY, Shared};
use crate::{error::IndexerError, job_view, trouble::Standing};

/// How long `/health` waits for the database; who asks how things are is not to wait for what is not there.
const PATIENCE: Duration = Duration::from_secs(4);

/// 200 once the database answers and tells jobs as they are, not as an earlier run left them.
///
/// # Errors
/// 503 while it does not.
pub async fn ready(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    let away = |error: IndexerError| Problem::unavailable(DATABASE_AWAY, error);
    let mut conn = shared.database.read().await.map_err(away)?;
    sqlx::query("SELECT 1").execute(&mut conn).await.map_err(|error| away(error.into()))?;
    if shared.has_recovered.load(Relaxed) { Ok("ready") } else { Err(recovering()) }
}

fn recovering() -> Problem {
    let detail = "jobs that an earlier run left are still being recovered";
    Problem::client(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

/// Everything an operator wants to see at once. Always 200, `status` says `ok` or `degraded`; `queue` is null while the
/// database does not tell.
pub async fn health(State(shared): State<Shared>) -> Json<Value> {
    let queue = queue(&shared).await;
    let watch = shared.watch.figures();
    let verdict = |is_ok: bool| if is_ok { "ok" } else { "degraded" };
    let silent = queue.as_ref().err().map(|reason| Standing { reason: reason.clone(), since: Timestamp::now() });
    let (work, database) = (shared.work.standing(), shared.database.trouble().standing().or(silent));
    let watched = watch.degraded.is_none();
    let usage = process::usage();
    let feed = shared.database.feed().borrow().clone();
    Json(json!({
        "status": verdict(watched && work.is_none() && database.is_none()),
        "watch": verdict(watched),
        "watch_reason": watch.degraded,
        "watch_figures": watch,
        "work": verdict(work.is_none()),
        "work_trouble": work,
        "database": verdict(database.is_none()),
        "database_trouble": database,
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": jiff::Timestamp::now(),
        "uptime_s": shared.started.elapsed().as_secs(),
        "memory": {"rss": usage.rss_bytes, "peak_rss": usage.peak_rss_bytes},
        "connections": {"open": shared.connections.open(), "limit": shared.connections.limit()},
        "fds": {"open": usage.open_descriptors, "limit": shared.descriptor_limit},
        "queue": queue.ok(),
        "feed": {"epoch": *feed.epoch, "head": feed.head},
    }))
}

/// Jobs by state, or why the database does not tell.
async fn queue(shared: &Shared) -> Result<Value, String> {
    let counting = async {
        let mut conn = shared.database.read().await?;
        Ok::<_, IndexerError>(list::counts(&mut conn).await?)
    };
    let counted = tokio::time::timeout(PATIENCE, counting).await;
    let counts = counted.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
    let counts = counts.map_err(|error| error.to_string())?;
    job_view::gauge(&counts);
    Ok(counts.iter().map(|(state, jobs)| (state.name().to_owned(), json!(jobs))).collect())
}
