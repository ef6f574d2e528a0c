//! What tells one version of a file behind an HTTP server from another (RFC 9110, section 8.8), and holds the server to it.

use std::time::SystemTime;

use reqwest::{
    RequestBuilder,
    header::{self, HeaderMap, HeaderName},
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
    pub(super) fn guard(&self, request: RequestBuilder) -> RequestBuilder {
        match (&self.etag, &self.last_modified) {
            (Some(etag), _) => request.header(header::IF_MATCH, etag),
            (None, Some(date)) => request.header(header::IF_UNMODIFIED_SINCE, date),
            (None, None) => request,
        }
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
