//! What tells one version of a file behind an HTTP server from another (RFC 9110, section 8.8), and holds the server to
//! it.

use std::time::SystemTime;

use reqwest::{
    Request,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// What tells one version from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Validator {
    /// As it came; a weak one, which begins so, cannot vouch for bytes, but another one tells of another version.
    etag: Option<String>,
    last_modified: Option<String>,
}

/// How a weak ETag begins.
const WEAK: &str = "W/";

impl Validator {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { etag: text(header::ETAG), last_modified: text(header::LAST_MODIFIED) }
    }

    fn strong(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with(WEAK))
    }

    /// Asks the server to refuse any other version.
    pub(super) fn guard(&self, request: &mut Request) {
        let (name, text) = match (self.strong(), &self.last_modified) {
            (Some(etag), _) => (header::IF_MATCH, etag),
            (None, Some(date)) => (header::IF_UNMODIFIED_SINCE, date.as_str()),
            (None, None) => return,
        };
        // It was a header's value when it came.
        if let Ok(value) = HeaderValue::try_from(text) {
            request.headers_mut().insert(name, value);
        }
    }

    /// Whether an answer with these headers is of this version. A strong tag alone tells; beside a weak one the dates
    /// do, too, but an answer of some bytes may go without its date (RFC 9110, section 15.3.7).
    pub(super) fn is_of(&self, headers: &HeaderMap) -> bool {
        let named = Self::of(headers);
        let may_be_of_date = named.last_modified.is_none() || named.last_modified == self.last_modified;
        match (&self.etag, &named.etag) {
            (Some(known), Some(tag)) => known == tag && (self.strong().is_some() || may_be_of_date),
            // A weak tag may be left out beside some bytes.
            (Some(_), None) if self.strong().is_none() => named.last_modified == self.last_modified,
            _ => named == *self,
        }
    }

    /// Whether a server that refuses this version with these headers may have it all the same: it names no other.
    pub(super) fn may_be_of(&self, headers: &HeaderMap) -> bool {
        let named = Self::of(headers);
        let is_of_date = || named.last_modified.is_none() || named.last_modified == self.last_modified;
        if named.etag.is_some() { named.etag == self.etag } else { is_of_date() }
    }

    /// The name of this version of a file that is so long and begins with `head`. Without a strong ETag these bytes
    /// count as well: a date is kept by tools that copy, and some servers tell nothing at all.
    pub(super) fn version(&self, size_bytes: u64, head: &[u8]) -> String {
        if let Some(etag) = self.strong() {
            return etag.to_owned();
        }
        let told = self.etag.iter().chain(&self.last_modified).map(|text| format!("{text}, "));
        format!("{}{size_bytes} bytes, {}", told.collect::<String>(), blake3::hash(head).to_hex())
    }

    /// When the version was written, as the server says.
    pub(super) fn written_at(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.last_modified.as_deref()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: &str = "Mon, 01 Jan 2024 00:00:00 GMT";
    const TUESDAY: &str = "Tue, 02 Jan 2024 00:00:00 GMT";

    fn headers(etag: &str, date: &str) -> HeaderMap {
        let told = [(header::ETAG, etag), (header::LAST_MODIFIED, date)];
        let told = told.into_iter().filter(|(_, value)| !value.is_empty());
        told.map(|(name, value)| (name, value.parse().unwrap())).collect()
    }

    #[test]
    fn answers_of_another_version_are_told_by_tags_of_either_kind_and_by_dates() {
        for (known, named, is_same) in [
            (("\"1\"", MONDAY), ("\"1\"", MONDAY), true),
            (("\"1\"", MONDAY), ("\"1\"", TUESDAY), true),
            (("\"1\"", MONDAY), ("\"1\"", ""), true),
            (("\"1\"", MONDAY), ("\"2\"", MONDAY), false),
            (("\"1\"", MONDAY), ("W/\"1\"", MONDAY), false),
            (("W/\"1\"", MONDAY), ("W/\"1\"", MONDAY), true),
            (("W/\"1\"", MONDAY), ("W/\"1\"", ""), true),
            (("W/\"1\"", MONDAY), ("W/\"1\"", TUESDAY), false),
            (("W/\"1\"", MONDAY), ("W/\"2\"", MONDAY), false),
            (("W/\"1\"", ""), ("W/\"1\"", ""), true),
            (("W/\"1\"", ""), ("W/\"2\"", ""), false),
            (("W/\"1\"", MONDAY), ("", MONDAY), true),
            (("W/\"1\"", MONDAY), ("", TUESDAY), false),
            (("\"1\"", MONDAY), ("", MONDAY), false),
            (("", MONDAY), ("", MONDAY), true),
            (("", MONDAY), ("", TUESDAY), false),
            (("", ""), ("", ""), true),
        ] {
            let known_by = Validator::of(&headers(known.0, known.1));
            assert_eq!(known_by.is_of(&headers(named.0, named.1)), is_same, "{known:?} {named:?}");
        }
    }

    #[test]
    fn without_a_strong_tag_a_version_is_all_that_is_known_of_it() {
        let version =
            |etag, date, size_bytes, head: &[u8]| Validator::of(&headers(etag, date)).version(size_bytes, head);
        let one = version("W/\"1\"", MONDAY, 9, b"II*");
        assert_eq!(one, version("W/\"1\"", MONDAY, 9, b"II*"));
        for other in [
            version("W/\"2\"", MONDAY, 9, b"II*"),
            version("W/\"1\"", TUESDAY, 9, b"II*"),
            version("W/\"1\"", MONDAY, 8, b"II*"),
            version("W/\"1\"", MONDAY, 9, b"MM*"),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(version("", "", 9, b"II*"), version("", "", 9, b"MM*"));
        assert_eq!(version("\"1\"", MONDAY, 9, b"II*"), version("\"1\"", TUESDAY, 9, b"MM*"));
    }

    #[test]
    fn nobody_is_asked_to_match_a_weak_tag() {
        let guarded = |etag, date| {
            let mut request = Request::new(reqwest::Method::GET, "http://a/".parse().unwrap());
            Validator::of(&headers(etag, date)).guard(&mut request);
            request.headers().keys().map(HeaderName::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(guarded("\"1\"", MONDAY), "if-match");
        assert_eq!(guarded("W/\"1\"", MONDAY), "if-unmodified-since");
        assert_eq!(guarded("W/\"1\"", ""), "");
    }
}
