//! What stands around every address: whose pages may read, how long an answer may take, and what is said of a failure
//! that no handler foresaw.

use std::{any::Any, sync::Arc, time::Duration};

use aurora_daemon::problem::Problem;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any as AnyOrigin, CorsLayer},
};

use super::Routes;
use crate::{app::App, failure::Failure, observe};

/// How long browsers remember that they may ask from other origins.
const CORS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Headers that pages of other origins may send. `*` would leave out `Authorization` (Fetch standard).
const ALLOWED_HEADERS: [HeaderName; 15] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
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

/// The routes with all of it around them.
pub(super) fn around(routes: Routes, app: Arc<App>) -> Router {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

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
pub(super) async fn deadline(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(app.settings.request_timeout.0, next.run(request)).await;
    answer.unwrap_or_else(|_| Failure::Deadline.into_response())
}

pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(uri.path())
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::client(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::server(StatusCode::INTERNAL_SERVER_ERROR, text.unwrap_or("a handler panicked")).into_response()
}
