//! Answers from the catalogue, and lists that never change, kept until the catalogue moves.
//!
//! A list takes milliseconds to write and to compress, and everybody who opens the map asks for the same few. This
//! stands round their routes, outside of the layer that compresses. An answer is kept as it goes out, under its
//! address, the server's own address in its links, the encoding, and how far every feed was followed; so nothing is
//! ever invalidated, and equal requests meet. Its ETag is made of its bytes: a list that says the same has the same,
//! also after a restart. What lists hold is not known here; their bytes are accounted for by [`crate::features`].

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use aurora_daemon::problem::Problem;
use aurora_raster::cache::allocated_bytes;
use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{
    app::App,
    encodings,
    failure::Failure,
    flights::Flights,
    handlers::{conditions::Conditions, parameters::PublicAddress},
    tiles::{Key, Provenance},
};

/// What an entry costs beside its bytes: a head of half a dozen lines, and the cache's own node.
const ENTRY_OVERHEAD_BYTES: usize = 2 << 10;

/// What is said of the catalogue is asked for anew each time.
const NO_CACHE: &str = "no-cache";

/// About what an answer takes.
const USUAL_ANSWER_BYTES: u64 = 8 << 10;

/// Answers as they went out, within a number of bytes.
pub(crate) struct Listed {
    kept: Cache<Key, Arc<Answer>, ByBytes>,
    flights: Flights<Key, Arc<Answer>>,
    hits: AtomicU64,
    known: AtomicU64,
}

/// How often it was of use.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct ListedCounts {
    pub(crate) answers: u64,
    pub(crate) size_bytes: u64,
    pub(crate) hits: u64,
    /// Requesters who had the present answer.
    pub(crate) known: u64,
}

struct Answer {
    status: StatusCode,
    head: HeaderMap,
    bytes: Bytes,
    /// None of what is no answer.
    etag: Option<String>,
    /// Accounted for among lists.
    may_be_kept: bool,
}

#[derive(Debug, Clone, Copy)]
struct ByBytes;

impl Weighter<Key, Arc<Answer>> for ByBytes {
    fn weight(&self, _: &Key, answer: &Arc<Answer>) -> u64 {
        (allocated_bytes(answer.bytes.len()) + ENTRY_OVERHEAD_BYTES) as u64
    }
}

/// A request as the routes get it, and where its answer is kept.
struct Asked {
    request: Request,
    /// The catalogue's when it came.
    position: u64,
    key: Key,
    conditions: Conditions,
}

/// The layer.
pub(crate) async fn listed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let asked = Asked::of(&app, parts).await;
    let (key, conditions) = (asked.key, asked.conditions);
    let (answer, provenance) = match app.listed.kept.get(&key) {
        Some(answer) => (answer, Provenance::Hit),
        None => {
            let made = || make(Arc::clone(&app), key, asked.position, asked.request, next);
            let (flight, joined) = app.listed.flights.join(key, made);
            (flight.await, if joined { Provenance::Joined } else { Provenance::Miss })
        }
    };
    app.listed.hits.fetch_add(u64::from(provenance != Provenance::Miss), Relaxed);
    match answer.etag.as_ref().filter(|etag| conditions.any() || conditions.name(etag)) {
        Some(etag) => {
            app.listed.known.fetch_add(1, Relaxed);
            answer.not_modified(etag)
        }
        None => answer.response(provenance),
    }
}

impl Asked {
    async fn of(app: &Arc<App>, mut parts: Parts) -> Self {
        // Who names no host is told so by those routes that have links.
        let base =
            PublicAddress::from_request_parts(&mut parts, app).await.map_or_else(|_| String::new(), |base| base.0);
        let Ok::<_, Infallible>(conditions) = Conditions::from_request_parts(&mut parts, app).await;
        let encoding = encodings::taken(&parts.headers).next().map_or("identity", |encoding| encoding.name);
        // One request for all who would get the same.
        parts.method = Method::GET;
        parts.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        let address = parts.uri.path_and_query().map_or("/", |address| address.as_str());
        let position = app.catalogue.position();
        let key = Key::of(&["listed", &position.to_string(), &base, encoding, address]);
        Self { position, key, conditions, request: Request::from_parts(parts, Body::empty()) }
    }
}

/// Has the routes answer, and keeps what they say unless the catalogue moved meanwhile.
async fn make(app: Arc<App>, key: Key, position: u64, request: Request, next: Next) -> Arc<Answer> {
    let answer = Arc::new(collected(&app, next.run(request).await).await);
    let is_of_key = answer.is_list() && app.catalogue.position() == position;
    if is_of_key && answer.may_be_kept {
        app.listed.kept.insert(key, Arc::clone(&answer));
    }
    answer
}

/// The whole answer in memory. Its length is bounded by what makes it: a page of a list, one document, or the picture
/// of a colormap.
async fn collected(app: &App, response: Response) -> Answer {
    match whole(app, response).await {
        Ok(answer) => answer,
        // Problems are short.
        Err(failure) => {
            let (parts, body) = failure.into_response().into_parts();
            let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
            Answer { status: parts.status, head: parts.headers, bytes, etag: None, may_be_kept: false }
        }
    }
}

async fn whole(app: &App, response: Response) -> Result<Answer, Failure> {
    let (mut parts, body) = response.into_parts();
    let failed = |error| Problem::server(StatusCode::INTERNAL_SERVER_ERROR, error);
    // Copied, as what it was written into may be larger, and may hold what the list has taken.
    let bytes = Bytes::copy_from_slice(&to_bytes(body, usize::MAX).await.map_err(failed)?);
    let accounted = app.lists.account(&bytes, parts.extensions.remove());
    let may_be_kept = accounted.is_some();
    // What is no page may find its place among other answers.
    let bytes = accounted.map_or_else(|| app.tiles.accounted(bytes), Ok)?;
    let etag = (parts.status == StatusCode::OK).then(|| Key::of_bytes(&bytes).etag());
    let mut head = parts.headers;
    if let Some(etag) = &etag {
        head.extend(HeaderValue::try_from(etag).ok().map(|etag| (header::ETAG, etag)));
        head.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(NO_CACHE));
    }
    Ok(Answer { status: parts.status, head, bytes, etag, may_be_kept })
}

impl Answer {
    /// Whether it is worth keeping: pictures of colormaps are drawn as quickly, and there are as many as addresses.
    fn is_list(&self) -> bool {
        let kind = self.head.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        self.etag.is_some() && !kind.starts_with(b"image/")
    }

    fn response(&self, provenance: Provenance) -> Response {
        let mut response = Response::new(Body::from(self.bytes.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.head.clone();
        response.extensions_mut().insert(provenance);
        response
    }

    /// What a 304 repeats of the head of the whole answer (RFC 9110, 15.4.5).
    fn not_modified(&self, etag: &str) -> Response {
        let mut response = (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
        for name in [header::CACHE_CONTROL, header::VARY] {
            let lines = self.head.get_all(&name).iter();
            response.headers_mut().extend(lines.map(|line| (name.clone(), line.clone())));
        }
        response
    }
}

impl Listed {
    /// Keeps at most `capacity_bytes`.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(capacity_bytes)
            .estimated_items_capacity(usize::try_from(capacity_bytes / USUAL_ANSWER_BYTES).unwrap_or(usize::MAX))
            // Shards would each have their share of the bytes, and a long list would fit into none.
            .shards(1)
            .build()
            .expect("capacity and number of items are all that must be given");
        let kept = Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { kept, flights: Flights::new(), hits: AtomicU64::new(0), known: AtomicU64::new(0) }
    }

    pub(crate) fn counts(&self) -> ListedCounts {
        ListedCounts {
            answers: self.kept.len() as u64,
            size_bytes: self.kept.weight(),
            hits: self.hits.load(Relaxed),
            known: self.known.load(Relaxed),
        }
    }
}
