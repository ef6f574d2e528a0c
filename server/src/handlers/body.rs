//! Bodies of requests: JSON of a bounded length, refused as problems.

use aurora_daemon::problem::Problem;
use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// Longest body read; outlines of a coast are long, those of anything larger belong into several requests.
pub(crate) const MAX_BODY_BYTES: usize = 2 << 20;

/// A JSON body, as [`axum::Json`], but refused as a problem. It may be called `application/json` or
/// `application/geo+json`, or nothing.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        check_type(request.headers())?;
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        let read = serde_json::from_slice(&body);
        let malformed = |error: serde_json::Error| Problem::client(StatusCode::BAD_REQUEST, format!("body: {error}"));
        Ok(Self(read.map_err(malformed)?))
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(name) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let essence = name.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json")) {
        return Ok(());
    }
    Err(Problem::client(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("body: `{essence}` is not JSON")))
}

fn unread(error: BytesRejection) -> Problem {
    match error.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::client(StatusCode::PAYLOAD_TOO_LARGE, format!("body: more than {MAX_BODY_BYTES} bytes"))
        }
        _ => Problem::client(StatusCode::BAD_REQUEST, "body: it ended early"),
    }
}
