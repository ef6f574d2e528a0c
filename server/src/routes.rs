//! Every address of the server, in one table, and the layers around them.

use std::{any::Any, sync::Arc, time::Duration};

use aurora_daemon::{metrics as daemon_metrics, problem::Problem};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{Any as AnyOrigin, CorsLayer},
};

use crate::{
    app::App,
    assets,
    failure::Failure,
    handlers::{detections, events, health, info, jobs, lists, point, scenes, statistics, tile, tilejson},
    observe,
};

type Routes = Router<Arc<App>>;

/// How long browsers remember that they may ask from other origins.
const CORS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The server as clients see it.
pub(crate) fn all(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    let answered = Router::new()
        .nest("/cog", raster())
        .nest("/scenes/{scene_id}", raster())
        .merge(catalogue().layer(CompressionLayer::new()))
        .fallback_service(get(assets::asset).layer(CompressionLayer::new()))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), deadline));
    let routes = answered.route("/events", get(events::events)).merge(operation(metrics));
    layered(routes, app)
}

/// Health and metrics alone.
pub(crate) fn admin(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    layered(operation(metrics), app)
}

/// What can be asked of one raster.
fn raster() -> Routes {
    Router::new()
        .route("/tiles/{tms}/{z}/{x}/{y}", get(tile::tile))
        .route("/{tms}/tilejson.json", get(tilejson::tilejson))
        .route("/info", get(info::info))
        .route("/info.geojson", get(info::info_geojson))
        .route("/bounds", get(info::bounds))
        .route("/statistics", get(statistics::statistics))
        .route("/point/{place}", get(point::point))
}

/// What the catalogue knows, and what there is to choose from.
fn catalogue() -> Routes {
    Router::new()
        .route("/scenes", get(scenes::list))
        .route("/scenes/{scene_id}", get(scenes::one))
        .route("/detections", get(detections::list))
        .route("/detections/{id}", get(detections::one))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::one))
        .route("/colorMaps", get(lists::colormaps))
        .route("/colorMaps/{name}", get(lists::colormap))
        .route("/tileMatrixSets", get(lists::matrix_sets))
        .route("/tileMatrixSets/{id}", get(lists::one_matrix_set))
}

/// For those who run it.
fn operation(metrics: Option<PrometheusHandle>) -> Routes {
    let routes = Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/health", get(health::health));
    match metrics {
        Some(handle) => routes.merge(daemon_metrics::routes(handle)),
        None => routes,
    }
}

fn layered(routes: Routes, app: Arc<App>) -> Router {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

/// Headers that pages of other origins may send. `*` would leave out `Authorization` (Fetch standard).
const ALLOWED_HEADERS: [HeaderName; 12] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-request-id"),
];

/// Headers of answers that such pages may read, beside those that all may.
const EXPOSED_HEADERS: [HeaderName; 6] = [
    header::ETAG,
    header::RETRY_AFTER,
    HeaderName::from_static("content-bbox"),
    HeaderName::from_static("content-crs"),
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("x-request-id"),
];

/// Anybody may read from anywhere, be it by `POST`; there is nothing to write.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers(ALLOWED_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        .max_age(CORS_MAX_AGE)
}

/// Answers 504 when the request's time is over; what was under way for it alone is dropped.
async fn deadline(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(app.settings.request_timeout.0, next.run(request)).await;
    answer.unwrap_or_else(|_| Failure::Deadline.into_response())
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::client(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::server(StatusCode::INTERNAL_SERVER_ERROR, text.unwrap_or("a handler panicked")).into_response()
}
