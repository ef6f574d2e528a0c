//! Bodies of requests: JSON of a bounded length, refused as problems, and a bound on those that are read at once.

use std::{sync::Arc, time::Duration};

use aurora_daemon::problem::Problem;
use axum::{
    body::{Bytes, HttpBody},
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{admission::Overloaded, app::App, failure::Failure};

/// Longest body read; outlines of a coast are long, those of anything larger belong into several requests.
pub(crate) const MAX_BODY_BYTES: usize = 2 << 20;

/// Bytes of bodies that are read at once, of all requests together; the others wait with what their connections hold.
const MOST_BODIES_BYTES: usize = 8 << 20;

/// Time in which a body must have come in once it is read.
const BODY_TIME: Duration = Duration::from_secs(10);

/// The unit of the account.
const UNIT_BYTES: u64 = 1024;

/// Room for bodies that are being read.
pub(crate) struct Bodies {
    units: Semaphore,
    patience: Duration,
}

impl Bodies {
    /// Nobody waits for room for longer than `patience`.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { units: Semaphore::new(MOST_BODIES_BYTES / UNIT_BYTES as usize), patience }
    }

    /// Waits for room for a body of so many bytes; of unknown length it counts as the longest.
    async fn room(&self, bytes: Option<u64>) -> Result<SemaphorePermit<'_>, Overloaded> {
        let bytes = bytes.map_or(MAX_BODY_BYTES as u64, |bytes| bytes.min(MAX_BODY_BYTES as u64));
        let units = bytes.div_ceil(UNIT_BYTES) as u32;
        let room = timeout(self.patience, self.units.acquire_many(units)).await;
        room.ok().and_then(Result::ok).ok_or(Overloaded)
    }
}

/// A JSON body, as [`axum::Json`], but refused as a problem. It may be called `application/json` or
/// `application/geo+json`, or nothing.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failure> {
        check_type(request.headers())?;
        let _room = app.bodies.room(request.body().size_hint().upper()).await?;
        let slow = |_| Problem::client(StatusCode::REQUEST_TIMEOUT, "body: it did not come in time");
        let body = timeout(BODY_TIME, Bytes::from_request(request, app)).await.map_err(slow)?.map_err(unread)?;
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn long_bodies_wait_for_each_other_and_short_ones_fit_beside() {
        let bodies = Bodies::new(Duration::from_millis(20));
        let mut held = Vec::new();
        for _ in 1..MOST_BODIES_BYTES / MAX_BODY_BYTES {
            held.push(bodies.room(None).await.expect("room"));
        }
        let short = bodies.room(Some(3000)).await.expect("room");
        assert!(bodies.room(Some(1 << 40)).await.is_err(), "nobody left while it waited");
        drop(short);
        let longest = bodies.room(Some(MAX_BODY_BYTES as u64)).now_or_never().expect("room at once").expect("room");
        assert!(bodies.room(Some(0)).await.is_ok(), "none is needed for nothing");
        drop((held, longest));
    }
}
