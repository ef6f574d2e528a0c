//! Every address of the indexer.

use aurora_daemon::{metrics::routes as metrics_routes, problem::Problem};
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use http::{HeaderMap, Method, StatusCode, Uri};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};

use super::{Shared, catalog, events, health, items, jobs, watch};
use crate::files::{
    Tree,
    answer::{Asked, answer},
};

/// The router over `shared`.
pub fn routes(shared: Shared, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/health") }))
        .route("/files", get(|| async { Redirect::permanent("/files/") }))
        .route("/files/", get(files))
        .route("/files/{*path}", get(files))
        .route("/results", get(|| async { Redirect::permanent("/results/") }))
        .route("/results/", get(results))
        .route("/results/{*path}", get(results))
        .route("/catalog/changes", get(catalog::changes))
        .route("/catalog/items", get(items::list))
        .route("/catalog/items/{scene_id}", get(items::one))
        .route("/events", get(events::stream))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{job_id}", get(jobs::one))
        .route("/jobs/{job_id}/retry", post(jobs::retry))
        .route("/jobs/{job_id}/cancel", post(jobs::cancel))
        .route("/watch/give-away", post(watch::give_away))
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(health::ready))
        .route("/health", get(health::health))
        .merge(metrics_routes(metrics))
        .fallback(|uri: Uri| async move { Problem::not_found(format!("`{}`", uri.path())) })
        .method_not_allowed_fallback(|method: Method| async move {
            Problem::client(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not for this address"))
        })
        .with_state(shared)
        .layer(CatchPanicLayer::custom(|_| {
            Problem::server(StatusCode::INTERNAL_SERVER_ERROR, "a handler panicked").into_response()
        }))
        // Reads are open to any page; what changes something needs a token or a loopback address anyway.
        .layer(CorsLayer::new().allow_origin(tower_http::cors::Any).allow_methods([Method::GET, Method::HEAD]))
}

async fn files(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    from(&shared.files, "/files/", method, &uri, headers).await
}

async fn results(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    from(&shared.results, "/results/", method, &uri, headers).await
}

/// The path is taken from the address as it came: a decoded one could hide a slash.
async fn from(tree: &Tree, prefix: &str, method: Method, uri: &Uri, headers: HeaderMap) -> Response {
    let path = uri.path().strip_prefix(prefix).unwrap_or_default().to_owned();
    answer(tree, Asked { path, method, headers }).await
}
