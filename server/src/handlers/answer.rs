//! Answers that clients and caches may keep: ETag, `304`, `Cache-Control`, timing.

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    settings::Settings,
    source::Locator,
    target::{Origin, Target},
    tiles::{Key, Provenance, Tile},
};

/// For what never changes under its address.
pub(crate) const IMMUTABLE: &str = "public, max-age=31536000, immutable";

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// How an answer about a raster is marked.
pub(crate) struct Marks {
    etag: String,
    cache_control: String,
}

impl Marks {
    /// For the answer of `key`; `revision` is the one the requester named.
    pub(crate) fn new(key: &Key, target: &Target, revision: Option<u64>, settings: &Settings) -> Self {
        let cache_control = match &target.origin {
            _ if target.is_revision(revision) => IMMUTABLE.to_owned(),
            // The next revision may come at any time, and shows at once.
            Origin::Scene { .. } => "public, no-cache".to_owned(),
            // So may another version of a local file, which is looked at for every request.
            Origin::Url(_) if matches!(target.locator, Locator::File(_)) => "public, no-cache".to_owned(),
            Origin::Url(_) => format!("public, max-age={}", settings.revalidate.0.as_secs()),
        };
        Self { etag: key.etag(), cache_control }
    }

    /// `304` when the requester has the answer already. `*` means "any", so it is not known before there is one.
    pub(crate) fn not_modified(&self, headers: &HeaderMap) -> Option<Response> {
        matches(headers, &self.etag).then(|| self.on(StatusCode::NOT_MODIFIED.into_response()))
    }

    /// `response`, or `304` to one who wants only what is not there at all.
    pub(crate) fn unless_any(&self, headers: &HeaderMap, response: Response) -> Response {
        if any(headers) { self.on(StatusCode::NOT_MODIFIED.into_response()) } else { response }
    }

    /// An answer that was made for this request.
    pub(crate) fn document(&self, media_type: &'static str, text: String) -> Response {
        self.on(([(header::CONTENT_TYPE, media_type)], text).into_response())
    }

    /// An answer that is kept.
    pub(crate) fn tile(&self, tile: &Arc<Tile>, provenance: Provenance) -> Response {
        let mut response = Response::new(Body::from(tile.bytes.clone()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(tile.media_type));
        let timing = match provenance {
            Provenance::Hit => "cache;desc=hit".to_owned(),
            _ => format!("cache;desc={}, {}", provenance.name(), tile.stages.server_timing()),
        };
        set(response.headers_mut(), SERVER_TIMING, timing);
        response.extensions_mut().insert(provenance);
        self.on(response)
    }

    fn on(&self, mut response: Response) -> Response {
        set(response.headers_mut(), header::ETAG, self.etag.clone());
        set(response.headers_mut(), header::CACHE_CONTROL, self.cache_control.clone());
        response
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: String) {
    // All texts set here are made by this program of visible ASCII.
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(name, value);
    }
}

/// Whether `If-None-Match` names `etag` (RFC 9110, section 13.1.2: weak comparison).
pub(crate) fn matches(headers: &HeaderMap, etag: &str) -> bool {
    known(headers).any(|known| weak(known) == weak(etag))
}

/// Whether `If-None-Match` is `*`: nothing is wanted if there is anything.
pub(crate) fn any(headers: &HeaderMap) -> bool {
    known(headers).any(|known| known == "*")
}

fn known(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

fn weak(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_is_compared_weakly() {
        let headers = |text| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]);
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\""] {
            assert!(matches(&headers(known), "\"a\""), "{known}");
        }
        for other in ["\"b\"", "a", "", "*"] {
            assert!(!matches(&headers(other), "\"a\""), "{other}");
        }
        assert!(any(&headers("*")) && !any(&headers("\"*\"")));
        assert!(!matches(&HeaderMap::new(), "\"a\""));
    }
}
