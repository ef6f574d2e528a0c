//! What was at hand a moment ago and is asked for again at the same address: answered before the address is taken
//! apart.
//!
//! Stands before the router. Once the walk ([`crate::handlers`]) has found an answer at hand, the address as it was
//! spelt leads here to its key, the head it went out with, and the version it was of. That version is looked at anew
//! for every request, and the bytes are those of [`crate::tiles`]; what is not as it was, is not at hand, or is asked
//! for with conditions, goes the whole way. Nothing is ever invalidated here.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use aurora_daemon::serve::Answers;
use aurora_raster::source::FileVersion;
use axum::{
    Router,
    body::{Body, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderName, Method, header, uri::PathAndQuery},
    response::Response,
};
use moka::sync::Cache;

use crate::{
    app::App,
    bill,
    meters::Meters,
    observe::{self, Seen},
    source::Locator,
    target::{Origin, Target},
    tiles::{Key, Provenance, Tile},
};

/// What an entry costs beside its address, which the target repeats: a head of a dozen lines, and moka's own node.
const ENTRY_BYTES: usize = 2 << 10;

/// Longest address that is kept.
const LONGEST_KEPT_BYTES: usize = 2 << 10;

/// What makes an answer hang on more than the address (RFC 9110, section 13.1); `If-Range` does not where there are no
/// ranges.
const CONDITIONS: [HeaderName; 4] =
    [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE];

/// The server as clients see it: answers from memory where it can, else asks the router.
pub(crate) struct Front {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
}

/// Where an answer at hand was found. The walk puts it into the answer's extensions.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) key: Key,
    pub(crate) target: Target,
    pub(crate) of_file: FileVersion,
}

impl Found {
    /// Where an answer about `target` was found, unless it could never be told at once that it is the same still.
    pub(crate) fn of(app: &App, key: Key, target: &Target, of_file: FileVersion) -> Option<Self> {
        let is_of_use = match (&target.origin, &target.locator) {
            (Origin::Url(_), Locator::File(file)) => file.is_at_hand,
            (Origin::Url(_), Locator::Url(_)) => !app.settings.revalidate.0.is_zero(),
            (Origin::Scene { .. }, _) => true,
        };
        is_of_use.then(|| Self { key, target: target.clone(), of_file })
    }
}

/// All that is remembered, within a number of bytes.
pub(crate) struct Recall {
    kept: Cache<String, Arc<Recalled>>,
    answers: AtomicU64,
}

struct Recalled {
    found: Found,
    meters: Arc<Meters>,
    /// As it went out, without the request's id and the body's length.
    head: HeaderMap,
}

/// How often it was of use.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct RecallCounts {
    pub(crate) addresses: u64,
    pub(crate) size_bytes: u64,
    pub(crate) answers: u64,
}

impl Recall {
    /// Keeps at most `capacity_bytes`.
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let weigh =
            |address: &String, _: &Arc<Recalled>| u32::try_from(3 * address.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self { kept: Cache::builder().max_capacity(capacity_bytes).weigher(weigh).build(), answers: AtomicU64::new(0) }
    }

    pub(crate) fn counts(&self) -> RecallCounts {
        self.kept.run_pending_tasks();
        RecallCounts {
            addresses: self.kept.entry_count(),
            size_bytes: self.kept.weighted_size(),
            answers: self.answers.load(Relaxed),
        }
    }

    /// Remembers where the answer to `address` was found, if it was found at hand.
    fn remember(&self, address: &PathAndQuery, response: &Response) {
        let (Some(found), Some(meters)) =
            (response.extensions().get::<Found>(), response.extensions().get::<Arc<Meters>>())
        else {
            return;
        };
        let mut head = response.headers().clone();
        head.remove(observe::X_REQUEST_ID);
        // The connection says how long the body is that goes out.
        head.remove(header::CONTENT_LENGTH);
        let recalled = Recalled { found: found.clone(), meters: Arc::clone(meters), head };
        self.kept.insert(address.as_str().to_owned(), Arc::new(recalled));
    }
}

impl Recalled {
    /// The answer's bytes, if it is still what a walk would find.
    fn at_hand(&self, app: &App) -> Option<Arc<Tile>> {
        self.is_current(app).then(|| app.tiles.at_hand(self.found.key)).flatten()
    }

    fn is_current(&self, app: &App) -> bool {
        let Found { target, of_file, .. } = &self.found;
        match (&target.origin, &target.locator) {
            (Origin::Url(name), Locator::File(_)) => app.files.leads_to(name, of_file),
            (Origin::Scene { scene, .. }, _) => app.catalogue.shows(scene) && app.rasters.is_current(target, of_file),
            (Origin::Url(_), Locator::Url(_)) => app.rasters.is_current(target, of_file),
        }
    }

    fn answer(&self, tile: &Tile) -> Response {
        let mut response = Response::new(Body::from(tile.bytes.clone()));
        *response.headers_mut() = self.head.clone();
        response.extensions_mut().insert(Provenance::Hit);
        response
    }
}

impl Front {
    fn recalled(&self, address: &PathAndQuery, request: &Request) -> Option<Response> {
        let begun = Instant::now();
        let recalled = self.app.recall.kept.get(address.as_str())?;
        let tile = recalled.at_hand(&self.app)?;
        let seen = Seen::since(begun, &self.app, request);
        self.app.recall.answers.fetch_add(1, Relaxed);
        let mut response = recalled.answer(&tile);
        seen.end(&recalled.meters, &mut response);
        bill::charge(&recalled.meters.busy, begun);
        Some(response)
    }
}

impl Answers for Front {
    async fn answer(&self, request: Request, peer: SocketAddr) -> Response {
        let Some(address) = address(&request) else { return self.router.answer(request, peer).await };
        if let Some(response) = self.recalled(&address, &request) {
            return response;
        }
        let response = self.router.answer(request, peer).await;
        self.app.recall.remember(&address, &response);
        response
    }
}

/// The address of a request that is about nothing else.
fn address(request: &Request) -> Option<PathAndQuery> {
    let has_conditions = || CONDITIONS.iter().any(|name| request.headers().contains_key(name));
    let address = request.uri().path_and_query().filter(|address| address.as_str().len() <= LONGEST_KEPT_BYTES)?;
    let is_plain = *request.method() == Method::GET && request.body().is_end_stream() && !has_conditions();
    is_plain.then(|| address.clone())
}
