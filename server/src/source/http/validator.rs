//! What tells one version of a file behind an HTTP server from another (RFC 9110, section 8.8), and holds the server to it.

use std::time::SystemTime;

use reqwest::{
    Request,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// What tells one version from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Validator {
    /// Strong ETag.
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validator {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A weak ETag cannot vouch for bytes.
        let etag = text(header::ETAG).filter(|etag| !etag.starts_with("W/"));
        Self { etag, last_modified: text(header::LAST_MODIFIED) }
    }

    /// Asks the server to refuse any other version.
    pub(super) fn guard(&self, request: &mut Request) {
        let (name, text) = match (&self.etag, &self.last_modified) {
            (Some(etag), _) => (header::IF_MATCH, etag),
            (None, Some(date)) => (header::IF_UNMODIFIED_SINCE, date),
            (None, None) => return,
        };
        // It was a header's value when it came.
        if let Ok(value) = HeaderValue::try_from(text) {
            request.headers_mut().insert(name, value);
        }
    }

    /// Whether an answer with these headers is of this version. Where both have a tag, that alone tells: an answer of some
    /// bytes may go without its date (RFC 9110, section 15.3.7).
    pub(super) fn is_of(&self, headers: &HeaderMap) -> bool {
        let named = Self::of(headers);
        if self.etag.is_some() && named.etag.is_some() { named.etag == self.etag } else { named == *self }
    }

    /// Whether a server that refuses this version with these headers may have it all the same: it names no other.
    pub(super) fn may_be_of(&self, headers: &HeaderMap) -> bool {
        let named = Self::of(headers);
        let is_of_date = || named.last_modified.is_none() || named.last_modified == self.last_modified;
        if named.etag.is_some() { named.etag == self.etag } else { is_of_date() }
    }

    pub(super) fn version(&self, size_bytes: u64) -> String {
        let Self { etag, last_modified } = self;
        match (etag, last_modified) {
            (Some(etag), _) => etag.clone(),
            (None, Some(date)) => format!("{date}, {size_bytes} bytes"),
            (None, None) => format!("{size_bytes} bytes"),
        }
    }

    /// When the version was written, as the server says.
    pub(super) fn written_at(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.last_modified.as_deref()?).ok()
    }
}
