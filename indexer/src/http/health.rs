//! `/readyz` and `/health`: whether the indexer works, and how.

use aurora_daemon::{problem::Problem, process};
use aurora_queue::list;
use axum::{Json, extract::State};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Shared, problem};
use crate::job_view;

/// 200 once the database answers.
///
/// # Errors
/// 503 while it does not.
pub async fn ready(State(shared): State<Shared>) -> Result<&'static str, Problem> {
    let mut conn =
        shared.database.read().await.map_err(|error| Problem::server(StatusCode::SERVICE_UNAVAILABLE, error))?;
    let asked = sqlx::query_scalar::<_, i64>("SELECT 1").fetch_one(&mut *conn).await;
    asked.map_err(|error| Problem::server(StatusCode::SERVICE_UNAVAILABLE, error))?;
    Ok("ready")
}

/// Everything an operator wants to see at once.
///
/// # Errors
/// 500 when the database fails.
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
        "feed": {"epoch": shared.database.epoch(), "head": *shared.database.head().borrow()},
    })))
}
