//! What is seen of every request: an id, a log line, a counter and a duration. Callers: the router's layers, and
//! [`crate::recall`] for what does not come to them.

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
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri},
    middleware::Next,
    response::Response,
};

use crate::{
    app::App,
    bill,
    meters::{self, Meters},
    tiles::Provenance,
};

/// Header of the id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id taken over from a client.
const MAX_ID_LEN: usize = 64;

/// A request under way.
pub(crate) struct Seen {
    begun: Instant,
    id: HeaderValue,
    /// For the log, if there is one.
    asked: Option<(Method, Uri)>,
}

/// Outermost layer: everything below is timed and counted here.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let seen = Seen::since(Instant::now(), &app, &request);
    let meters = meters::of(request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str));
    let mut response = bill::for_route(meters.busy.clone(), next.run(request)).await;
    seen.end(&meters, &mut response);
    response.extensions_mut().insert(meters);
    response
}

impl Seen {
    /// Of a request that came in at `begun`.
    pub(crate) fn since(begun: Instant, app: &App, request: &Request) -> Self {
        let asked = app.access_log.then(|| (request.method().clone(), request.uri().clone()));
        Self { begun, id: request_id(request.headers()), asked }
    }

    /// Counts and logs the answer, and gives it the request's id.
    pub(crate) fn end(self, meters: &Meters, response: &mut Response) {
        let took = self.begun.elapsed();
        meters.count(response.status(), took);
        if let Some((method, uri)) = &self.asked {
            log(&Line { method: method.as_str(), uri, response, took, id: &self.id });
        }
        response.headers_mut().insert(X_REQUEST_ID, self.id);
    }
}

struct Line<'a> {
    method: &'a str,
    uri: &'a Uri,
    response: &'a Response,
    took: Duration,
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
        cache = line.response.extensions().get().copied().map(Provenance::name),
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
