//! Requests as a browser makes them: how many at once, over which connections, and how they fail.
//!
//! A client belongs to one user. To one host it keeps at most [`CONNECTIONS`] connections of HTTP/1.1, or one of
//! HTTP/2, as browsers do. A request whose future is dropped is cancelled as a browser cancels it: its connection is
//! closed (HTTP/1.1) or its stream reset (HTTP/2). It follows no redirect, waits for no `Retry-After` and keeps no
//! cache; [`crate::user`] and [`crate::stress`] decide what to ask for.

mod failure;
mod judge;
mod lane;
mod origin;
mod scenes;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};

pub use failure::Failure;
pub use judge::{Outcome, judge_tile, retry_after};
pub use origin::{Dialer, Protocol};
pub use scenes::{Scene, TileTemplate, list_scenes, open_scene, open_scenes};

use crate::Error;
use lane::{Lane, Seat};
use origin::Origin;

/// Connections of one browser to one host over HTTP/1.1.
pub const CONNECTIONS: usize = 6;
/// A kept body is no longer than this; what is longer is a failure.
const MAX_KEPT_BYTES: u64 = 64 << 20;
/// Enough of a body to tell an image by.
const SIGNATURE_BYTES: usize = 16;

/// One user's HTTP client. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    dialer: Arc<Dialer>,
    source: Option<IpAddr>,
    timeout: Duration,
    connections: usize,
    lanes: Mutex<Vec<(Origin, Arc<Lane>)>>,
}

/// What to ask for.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// `GET` by default.
    pub method: Method,
    /// Absolute address.
    pub uri: Uri,
    /// Headers beside `host` and `user-agent`.
    pub headers: HeaderMap,
    /// Empty for most.
    pub body: Bytes,
    /// Whether the answer's body is wanted; else only its length and first bytes.
    pub keep_body: bool,
}

/// What came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body if it was wanted, else its first bytes.
    pub body: Bytes,
    /// Length of the body.
    pub body_bytes: u64,
    /// Where the time went.
    pub timing: Timing,
}

/// Where a request's time went, by k6's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Waiting for one of the browser's connections to be free.
    pub blocked: Duration,
    /// Connecting, TLS included; nothing on a connection that was open.
    pub connecting: Option<Duration>,
    /// From sending to the head of the answer.
    pub waiting: Duration,
    /// From sending to the end: k6's `http_req_duration`.
    pub duration: Duration,
    /// Connections found dead when used again, and replaced.
    pub reconnects: u32,
}

impl Ask {
    /// A plain `GET`.
    ///
    /// # Errors
    /// [`Error::Address`] when the text is no absolute address.
    pub fn get(url: &str) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Address { url: url.to_owned(), reason };
        let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        if Origin::of(&uri).is_none() {
            return Err(wrong("not an absolute http or https address".to_owned()));
        }
        Ok(Self { uri, ..Self::default() })
    }

    /// The same with one more header; a value that cannot stand in a header is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// The same with the body kept.
    #[must_use]
    pub fn keeping_body(mut self) -> Self {
        self.keep_body = true;
        self
    }
}

impl Client {
    /// A client whose requests end `timeout` after they were begun, connecting included.
    pub fn new(dialer: Arc<Dialer>, source: Option<IpAddr>, timeout: Duration) -> Self {
        Self::with_connections(dialer, source, timeout, CONNECTIONS)
    }

    /// The same with another number of connections (at least 1) to a host.
    pub fn with_connections(
        dialer: Arc<Dialer>,
        source: Option<IpAddr>,
        timeout: Duration,
        connections: usize,
    ) -> Self {
        let lanes = Mutex::default();
        Self { shared: Arc::new(Shared { dialer, source, timeout, connections: connections.max(1), lanes }) }
    }

    /// Asks, and reads the whole answer. Waiting for one of the browser's own connections is no part of the timeout.
    ///
    /// # Errors
    /// The class of the failure, and where the time went. Any status is an answer, no failure.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, (Failure, Timing)> {
        let mut timing = Timing::default();
        let lane = self.lane(&ask.uri).map_err(|failure| (failure, timing))?;
        let queued = Instant::now();
        let _permit = lane.wait().await;
        timing.blocked = queued.elapsed();
        let started = Instant::now();
        let asked = tokio::time::timeout(self.shared.timeout, self.ask_on(&lane, ask, &mut timing)).await;
        match asked {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(failure)) => Err((failure, finished(timing, started))),
            Err(_) => Err((Failure::Timeout, finished(timing, started))),
        }
    }

    async fn ask_on(&self, lane: &Lane, ask: &Ask, timing: &mut Timing) -> Result<Answer, Failure> {
        loop {
            let mut seat = lane.seat(&self.shared.dialer, self.shared.source, timing).await?;
            let reused = seat.reused;
            let sent = Instant::now();
            match self.exchange(ask, &mut seat, sent, timing).await {
                Ok(answer) => return Ok(answer),
                // The server may close an idle connection at any time; browsers then ask again on a new one.
                Err((failure, false)) if reused && ask.method.is_idempotent() && is_dead(failure) => {
                    timing.reconnects += 1;
                }
                Err((failure, _)) => return Err(failure),
            }
        }
    }

    /// One request on one connection. A failure says whether anything of an answer had come.
    async fn exchange(
        &self,
        ask: &Ask,
        seat: &mut Seat<'_>,
        sent: Instant,
        timing: &mut Timing,
    ) -> Result<Answer, (Failure, bool)> {
        let request = request(ask, seat.is_http2());
        let response = seat.send(request).await.map_err(|error| (Failure::of_answer(&error), false))?;
        timing.waiting = sent.elapsed();
        let keep_alive = !says_close(&response);
        let (head, mut incoming) = response.into_parts();
        let (body, body_bytes) = read_body(&mut incoming, ask.keep_body).await.map_err(|failure| (failure, true))?;
        timing.duration = sent.elapsed();
        seat.finish(keep_alive);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, body_bytes, timing: *timing })
    }

    /// A failure with its reason, where its class says too little.
    fn told(&self, failure: Failure) -> String {
        let says_little = matches!(failure, Failure::Connect | Failure::Tls);
        let reason = if says_little { self.shared.dialer.reason() } else { None };
        reason.map_or_else(|| failure.to_string(), |reason| format!("{failure}: {reason}"))
    }

    fn lane(&self, uri: &Uri) -> Result<Arc<Lane>, Failure> {
        let origin = Origin::of(uri).ok_or(Failure::Connect)?;
        let mut lanes = self.shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lane)) = lanes.iter().find(|(other, _)| *other == origin) {
            return Ok(Arc::clone(lane));
        }
        let lane = Arc::new(Lane::new(origin.clone(), self.shared.dialer.protocol(), self.shared.connections));
        lanes.push((origin, Arc::clone(&lane)));
        Ok(lane)
    }

    /// Asks for JSON that must be there.
    ///
    /// # Errors
    /// [`Error::Unanswered`] for any failure, status other than 200, or text that is no JSON.
    pub async fn fetch_json(&self, url: &str) -> Result<serde_json::Value, Error> {
        let unanswered = |reason: String| Error::Unanswered { url: url.to_owned(), reason };
        let ask = Ask::get(url)?.keeping_body();
        let answer = self.ask(&ask).await.map_err(|(failure, _)| unanswered(self.told(failure)))?;
        if answer.status != 200 {
            return Err(unanswered(format!("status {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|error| unanswered(error.to_string()))
    }
}

/// What was under way when it ended counts up to now.
fn finished(timing: Timing, started: Instant) -> Timing {
    let connecting = timing.connecting.unwrap_or_default();
    Timing { duration: started.elapsed().saturating_sub(connecting), ..timing }
}

fn is_dead(failure: Failure) -> bool {
    matches!(failure, Failure::Closed | Failure::Reset)
}

fn request(ask: &Ask, http2: bool) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.headers_mut() = ask.headers.clone();
    let agent = HeaderValue::from_static(concat!("aurora-perf/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().entry(header::USER_AGENT).or_insert(agent);
    if http2 {
        // HTTP/2 carries scheme and authority beside the path.
        *request.uri_mut() = ask.uri.clone();
        return request;
    }
    // Credentials in an address are not for everybody who logs hosts.
    let host = ask.uri.authority().and_then(|authority| authority.as_str().rsplit('@').next());
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        request.headers_mut().entry(header::HOST).or_insert(host);
    }
    let path = ask.uri.path_and_query().cloned();
    *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
    request
}

fn says_close(response: &Response<Incoming>) -> bool {
    let values = response.headers().get_all(header::CONNECTION);
    values.iter().any(|value| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("close")))
}

async fn read_body(incoming: &mut Incoming, keep: bool) -> Result<(Bytes, u64), Failure> {
    let (mut kept, mut length) = (BytesMut::new(), 0_u64);
    let wanted = if keep { usize::MAX } else { SIGNATURE_BYTES };
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::of_answer(&error))?;
        let Some(data) = frame.data_ref() else { continue };
        length += data.len() as u64;
        if keep && length > MAX_KEPT_BYTES {
            return Err(Failure::Protocol);
        }
        let room = wanted.saturating_sub(kept.len()).min(data.len());
        kept.extend_from_slice(&data[..room]);
    }
    debug_assert!(incoming.is_end_stream());
    Ok((kept.freeze(), length))
}
