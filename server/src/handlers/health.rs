//! `/livez`, `/readyz`, `/health`: is it alive, can it serve, how is it.

use std::sync::Arc;

use aurora_daemon::process;
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header::CACHE_CONTROL},
    response::IntoResponse,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{admission::Depth, app::App, catalogue::Mirror, gpus};

/// Alive: answers as long as the async threads do, whatever the render threads are at.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// The same under TiTiler's name, with what answers: for load balancers that were set up for it.
pub(crate) async fn healthz() -> Json<Value> {
    Json(json!({ "versions": { "aurora": env!("CARGO_PKG_VERSION") } }))
}

/// Ready: the catalogue of every indexer that was named is known, be it from the snapshot, and the server is not
/// stopping.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
    } else if !app.catalogue.is_whole() {
        (StatusCode::SERVICE_UNAVAILABLE, "no catalogue yet\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

/// Everything an operator asks first. Always 200: `status` says `ok` or `degraded`.
pub(crate) async fn health(State(app): State<Arc<App>>) -> impl IntoResponse {
    let usage = process::usage();
    let indexers: Vec<Value> = app.catalogue.mirrors().iter().map(indexer).collect();
    // One that nobody named and that never answered is not missed.
    let is_missed = |indexer: &Value| {
        indexer["connected"] != true && (app.settings.expects_indexers() || !indexer["last_answer_at"].is_null())
    };
    let database = database(&app);
    let is_whole = !indexers.iter().any(is_missed) && database["status"] == "ok";
    let document = json!({
        "status": if is_whole { "ok" } else { "degraded" },
        "version": env!("CARGO_PKG_VERSION"),
        "timestamp": Timestamp::now(),
        "uptime_s": app.started.elapsed().as_secs(),
        "memory": {
            "rss": usage.rss_bytes,
            "peak_rss": usage.peak_rss_bytes,
            "budget": app.settings.memory.0,
            "parts": app.budget,
            // Tiles at hand are told among the caches.
            "in_flight_bytes": app.in_flight.used_bytes().saturating_sub(app.tiles.counts().size_bytes),
            "caches": caches(&app),
        },
        "connections": { "open": app.connections.open(), "limit": app.connections.limit() },
        "fds": { "open": usage.open_descriptors, "limit": app.descriptors.limit },
        "threads": { "process": usage.threads, "render": app.pool.threads() },
        "queue": queue(&app),
        "cancelled": app.pool.cancelled(),
        "busy_ms": u64::try_from(app.pool.busy().as_millis()).unwrap_or(u64::MAX),
        "wasted_ms": u64::try_from(app.pool.wasted().as_millis()).unwrap_or(u64::MAX),
        "listeners": app.catalogue.listeners(),
        "indexers": indexers,
        "database": database,
        "gpus": gpus::all().await,
    });
    ([(CACHE_CONTROL, "no-store")], Json(document))
}

/// What the server keeps on disk: the catalogue's snapshot, and nothing else.
fn database(app: &App) -> Value {
    let (folder, unsaved) = (app.settings.state.as_ref(), app.catalogue.unsaved());
    let status = if unsaved.is_none() { "ok" } else { "degraded" };
    let mut told = json!({ "kind": folder.map_or("none", |_| "snapshot"), "path": folder, "status": status });
    if let Some(reason) = unsaved {
        told["reason"] = reason.into();
    }
    told
}

/// How far renders fill their places; lists that had no room are counted with the renders that were sent away.
fn queue(app: &App) -> Depth {
    let depth = app.admission.depth();
    Depth { shed: depth.shed + app.lists.shed(), ..depth }
}

fn caches(app: &App) -> Value {
    let (rasters, headers_bytes) = app.rasters.counts();
    let blocks = app.blocks.counts();
    json!({
        "headers": { "rasters": rasters, "size_bytes": headers_bytes },
        "blocks": {
            "blocks": blocks.blocks, "size_bytes": blocks.size_bytes, "capacity_bytes": blocks.capacity_bytes,
            "hits": blocks.hits, "misses": blocks.misses,
        },
        "tiles": app.tiles.counts(),
        "recall": app.recall.counts(),
        "lists": app.listed.counts(),
    })
}

fn indexer(mirror: &Mirror) -> Value {
    let (epoch, next) = mirror.position();
    let link = &mirror.link;
    json!({
        "url": mirror.indexer().as_str(),
        "connected": link.connected,
        "error": link.error,
        "last_answer_at": link.last_answer_at,
        "epoch": epoch,
        "position": next,
        "head": link.head,
        "scenes": mirror.scenes().len(),
        "jobs": mirror.jobs().len(),
    })
}
