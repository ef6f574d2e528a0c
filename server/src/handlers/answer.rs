//! Answers that clients and caches may keep: ETag, `Last-Modified`, `304`, `Cache-Control`, timing.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use aurora_daemon::problem::Problem;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::conditions::Conditions;
use crate::{
    rasters::Pinned,
    settings::Settings,
    source::Locator,
    target::{Origin, Target},
    tiles::{Key, Provenance, Tile},
};

/// For what never changes under its address.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// For what may be kept, but is to be asked after before every use.
const NO_CACHE: &str = "public, no-cache";

/// Headers of a tile's answer, with those that the layers above set.
const HEADERS: usize = 12;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// How an answer about a raster is marked.
pub(crate) struct Marks {
    etag: String,
    modified_at: Option<SystemTime>,
    cache_control: Cow<'static, str>,
}

impl Marks {
    /// For the answer of `key` from the pinned version; `revision` is the one the requester named.
    pub(crate) fn new(key: &Key, target: &Target, pinned: &Pinned, revision: Option<u64>, settings: &Settings) -> Self {
        let cache_control = match &target.origin {
            _ if target.is_revision(revision) => IMMUTABLE.into(),
            // The next revision may come at any time, and shows at once.
            Origin::Scene { .. } => NO_CACHE.into(),
            // So may another version of a local file, which is looked at for every request.
            Origin::Url(_) if matches!(target.locator, Locator::File(_)) => NO_CACHE.into(),
            Origin::Url(_) => format!("public, max-age={}", settings.revalidate.0.as_secs()).into(),
        };
        let modified_at = target.modified_at(pinned.written_at()).and_then(date);
        Self { etag: key.etag(), modified_at, cache_control }
    }

    /// `412` when the requester wants another answer than this, `304` when it names this very one: before it is made,
    /// since only who was given it knows its name.
    pub(crate) fn decided(&self, conditions: &Conditions) -> Option<Response> {
        if conditions.refuse(&self.etag, self.modified_at) {
            let detail = "the answer is not the one that the request insists on";
            return Some(Problem::client(StatusCode::PRECONDITION_FAILED, detail).into_response());
        }
        conditions.name(&self.etag).then(|| self.on(StatusCode::NOT_MODIFIED.into_response()))
    }

    /// `response`, or `304` to one who needs none now that there is one: `*` and dates say nothing of what is not
    /// there.
    pub(crate) fn unless_known(&self, conditions: &Conditions, response: Response) -> Response {
        match conditions.any() || self.modified_at.is_some_and(|at| conditions.are_since(at)) {
            true => self.on(StatusCode::NOT_MODIFIED.into_response()),
            false => response,
        }
    }

    /// An answer that was made for this request, of bytes that are accounted for.
    pub(crate) fn document(&self, media_type: &'static str, bytes: Bytes) -> Response {
        self.on(([(header::CONTENT_TYPE, media_type)], bytes).into_response())
    }

    /// An answer that is kept.
    pub(crate) fn tile(&self, tile: &Arc<Tile>, provenance: Provenance) -> Response {
        let mut response = Response::new(Body::from(tile.bytes.clone()));
        // Else the table grows twice on its way up.
        response.headers_mut().reserve(HEADERS);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(tile.media_type));
        let timing = match provenance {
            Provenance::Hit => "cache;desc=hit".into(),
            _ => {
                let stages = tile.stages.server_timing();
                // HTTP/2 has no value that ends in a space (RFC 9113, 8.2.1).
                let separator = if stages.is_empty() { "" } else { ", " };
                format!("cache;desc={}{separator}{stages}", provenance.name()).into()
            }
        };
        set(response.headers_mut(), SERVER_TIMING, timing);
        response.extensions_mut().insert(provenance);
        self.on(response)
    }

    fn on(&self, mut response: Response) -> Response {
        set(response.headers_mut(), header::ETAG, self.etag.clone().into());
        if let Some(at) = self.modified_at {
            set(response.headers_mut(), header::LAST_MODIFIED, httpdate::fmt_http_date(at).into());
        }
        set(response.headers_mut(), header::CACHE_CONTROL, self.cache_control.clone());
        response
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: Cow<'static, str>) {
    let value = match text {
        Cow::Borrowed(text) => Ok(HeaderValue::from_static(text)),
        Cow::Owned(text) => HeaderValue::try_from(text),
    };
    // All texts set here are made by this program of visible ASCII.
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}

/// `at` as the date of an answer: not later than the answer itself (RFC 9110, section 8.8.2.1), and none before 1970,
/// which stands for "unknown" on many file systems and cannot be written by all.
fn date(at: SystemTime) -> Option<SystemTime> {
    (at > SystemTime::UNIX_EPOCH).then(|| at.min(SystemTime::now()))
}
