//! `/readyz` and `/health`: whether the indexer works, and how.

use aurora_daemon::{problem::Problem, process};
use aurora_queue::list;
use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Shared, problem};
use crate::{error::IndexerError, job_view};

/// 200 once the database answers.
///
/// # Errors
/// 503 while it does not.
pub async fn ready(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    let away = |error: IndexerError| Problem::server(StatusCode::SERVICE_UNAVAILABLE, error).retry_after(1);
    let mut conn = shared.database.read().await.map_err(away)?;
    sqlx::query("SELECT 1").execute(&mut conn).await.map_err(|error| away(error.into()))?;
    Ok("ready")
}

/// Everything an operator wants to see at once.
///
/// # Errors
/// 503 while the database is away, 500 when it fails.
pub async fn health(State(shared): State<Shared>) -> Result<Json<Value>, Problem> {
    let mut conn = shared.database.read().await.map_err(problem)?;
    let counts = list::counts(&mut conn).await.map_err(|error| problem(error.into()))?;
    let queue: Value = counts.iter().map(|(state, jobs)| (state.name().to_owned(), json!(jobs))).collect();
    job_view::gauge(&counts);
    let watch = shared.watch.figures();
    let verdict = |is_ok: bool| if is_ok { "ok" } else { "degraded" };
    let (work, database) = (shared.work.standing(), shared.database.trouble().standing());
    let watched = watch.degraded.is_none();
    let usage = process::usage();
    let feed = shared.database.feed().borrow().clone();
    Ok(Json(json!({
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
        "queue": queue,
        "feed": {"epoch": *feed.epoch, "head": feed.head},
    })))
}
