//! Every address of the indexer; [`Front`] stands before the table.

use std::sync::Arc;

use aurora_daemon::{metrics::routes as metrics_routes, problem::Problem};
use axum::{
    Router,
    response::Redirect,
    routing::{get, post},
};
use http::{Method, StatusCode, Uri};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};

use super::{
    Shared, catalog, events,
    front::{self, Front},
    health, items, jobs, watch,
};

/// All of it over `shared`.
pub fn routes(shared: Shared, metrics: PrometheusHandle) -> Front {
    let (files, results, folder) = (shared.files.clone(), shared.results.clone(), Arc::clone(&shared.folder));
    Front { files, results, folder, table: table(shared, metrics) }
}

fn table(shared: Shared, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/health") }))
        .route("/files", get(|| async { Redirect::permanent(front::FILES) }))
        .route("/results", get(|| async { Redirect::permanent(front::RESULTS) }))
        // Below these `GET` and `HEAD` never come to the table; they stand here for the `Allow` of other methods' 405.
        .route(front::FILES, get(not_for_this_address))
        .route("/files/{*path}", get(not_for_this_address))
        .route(front::RESULTS, get(not_for_this_address))
        .route("/results/{*path}", get(not_for_this_address))
        .route("/catalog/changes", get(catalog::changes))
        .route("/catalog/items", get(items::list))
        .route("/catalog/items/{scene_id}", get(items::one))
        .route("/events", get(events::stream))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job_id}", get(jobs::one))
        .route("/jobs/{job_id}/retry", post(jobs::retry))
        .route("/jobs/{job_id}/cancel", post(jobs::cancel))
        .route("/watch/give-away", post(watch::give_away))
        .merge(operation(metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(not_for_this_address)
        .with_state(shared)
        .layer(CatchPanicLayer::custom(|_| front::panicked()))
        // Reads are open to any page; what changes something needs a token, or a loopback address and no token set.
        .layer(
            CorsLayer::new()
                .allow_origin(tower_http::cors::Any)
                .allow_methods([Method::GET, Method::HEAD])
                .allow_headers(front::ASKED_WITH),
        )
}

/// Health and metrics alone.
pub fn admin(shared: Shared, metrics: PrometheusHandle) -> Router {
    let table = operation(metrics).fallback(nowhere).method_not_allowed_fallback(not_for_this_address);
    table.with_state(shared).layer(CatchPanicLayer::custom(|_| front::panicked()))
}

fn operation(metrics: PrometheusHandle) -> Router<Shared> {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(health::ready))
        .route("/health", get(health::health))
        .merge(metrics_routes(metrics))
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::not_found(format!("`{}`", uri.path()))
}

async fn not_for_this_address(method: Method) -> Problem {
    Problem::client(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this address"))
}
