//! What is seen of every request: an id, a log line, a counter and a duration.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use crate::{app::App, bill, meters, tiles::Provenance};

/// Header of the id.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken over from a client.
const MAX_ID_LEN: usize = 64;

/// Outermost layer: everything below is timed and counted here.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(request.headers());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let line = app.access_log.then(|| (request.method().clone(), request.uri().clone()));
    let meters = meters::of(route.as_ref().map_or("none", MatchedPath::as_str));
    let mut response = bill::for_route(meters.busy.clone(), next.run(request)).await;
    let took = begun.elapsed();
    let cache = response.extensions().get::<Provenance>().copied();
    meters.count(response.status(), took);
    if let Some((method, uri)) = line {
        log(&Line { method: method.as_str(), uri: &uri, response: &response, took, cache, id: &id });
    }
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

struct Line<'a> {
    method: &'a str,
    uri: &'a axum::http::Uri,
    response: &'a Response,
    took: Duration,
    cache: Option<Provenance>,
    id: &'a HeaderValue,
}

fn log(line: &Line<'_>) {
    tracing::info!(
        target: "access",
        method = line.method,
        path = line.uri.path(),
        query = line.uri.query(),
        status = line.response.status().as_u16(),
        duration_ms = line.took.as_secs_f64() * 1e3,
        bytes = line.response.body().size_hint().exact(),
        cache = line.cache.map(Provenance::name),
        timing = line.response.headers().get("server-timing").and_then(|value| value.to_str().ok()),
        request_id = line.id.to_str().unwrap_or_default(),
    );
}

/// The client's id if it has a sane one, so that its log and ours can be laid side by side; else one of ours.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let sane = |id: &&HeaderValue| {
        let text = id.as_bytes();
        !text.is_empty() && text.len() <= MAX_ID_LEN && text.iter().all(u8::is_ascii_graphic)
    };
    headers.get(X_REQUEST_ID).filter(sane).cloned().unwrap_or_else(|| {
        let text = format!("{:08x}-{:x}", *PROCESS, COUNTER.fetch_add(1, Relaxed));
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}

/// Tells the ids of one start of the program from those of another.
static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0) >> 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        let id_of = |text: &str| {
            let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(text).unwrap())]);
            request_id(&headers)
        };
        assert_eq!(id_of("abc-1"), "abc-1");
        assert_ne!(id_of("a b"), "a b");
        assert_ne!(id_of(&"x".repeat(65)), "x".repeat(65));
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
