//! Validators and the preconditions on them (RFC 9110, sections 8.8 and 13).

use std::{fs::Metadata, os::unix::fs::MetadataExt};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{Timestamp, fmt::rfc2822};

/// What tells one version of a file from another: size, modification time in nanoseconds, inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Length in bytes.
    pub size_bytes: u64,
    mtime_s: i64,
    mtime_ns: i64,
    inode: u64,
}

/// What the preconditions make of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer it, with its `Range` or without.
    Proceed {
        /// Whether `If-Range` lets `Range` stand.
        use_range: bool,
    },
    /// 304: the client has this version.
    NotModified,
    /// 412: the client wants another version.
    Failed,
}

impl Version {
    /// The version of an open file.
    pub fn of(metadata: &Metadata) -> Self {
        let (size_bytes, inode) = (metadata.len(), metadata.ino());
        Self { size_bytes, mtime_s: metadata.mtime(), mtime_ns: metadata.mtime_nsec(), inode }
    }

    /// A strong entity tag.
    pub fn etag(&self) -> String {
        format!("\"{:x}-{:x}.{:x}-{:x}\"", self.size_bytes, self.mtime_s, self.mtime_ns, self.inode)
    }

    /// `Last-Modified`, when the time can be written as an HTTP date.
    pub fn last_modified(&self) -> Option<HeaderValue> {
        let time = Timestamp::from_second(self.mtime_s).ok()?;
        let text = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?;
        HeaderValue::try_from(text).ok()
    }

    /// Evaluates the preconditions in the order of RFC 9110, section 13.2.2. `etag` is this version's, `now_s` in
    /// seconds since 1970 is asked only where it matters.
    pub fn judge(&self, headers: &HeaderMap, etag: &str, now_s: impl FnOnce() -> i64) -> Verdict {
        if let Some(tags) = text(headers, &header::IF_MATCH) {
            if !lists(&tags, etag, false) {
                return Verdict::Failed;
            }
        } else if date(headers, &header::IF_UNMODIFIED_SINCE).is_some_and(|since_s| self.mtime_s > since_s) {
            return Verdict::Failed;
        }
        if let Some(tags) = text(headers, &header::IF_NONE_MATCH) {
            if lists(&tags, etag, true) {
                return Verdict::NotModified;
            }
        } else if date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|since_s| self.mtime_s <= since_s) {
            return Verdict::NotModified;
        }
        Verdict::Proceed { use_range: self.if_range_holds(headers, etag, now_s) }
    }

    /// A date holds only when it is this file's and lies far enough back to be a strong validator (section 8.8.2.2).
    fn if_range_holds(&self, headers: &HeaderMap, etag: &str, now_s: impl FnOnce() -> i64) -> bool {
        let Some(condition) = text(headers, &header::IF_RANGE) else { return true };
        if condition.starts_with('"') || condition.starts_with("W/") {
            return condition == etag;
        }
        date(headers, &header::IF_RANGE) == Some(self.mtime_s) && self.mtime_s < now_s()
    }
}

/// All values of a header as one list.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(",").trim().to_owned())
}

/// Seconds since 1970 of a date in any of the three ways that there are (RFC 9110, section 5.6.7).
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    Timestamp::try_from(date).ok().map(Timestamp::as_second)
}

/// Whether a list of entity tags has `etag`; a weak one in it counts only in a weak comparison.
fn lists(tags: &str, etag: &str, weakly: bool) -> bool {
    tags == "*" || split_tags(tags).any(|tag| tag == etag || weakly && tag.strip_prefix("W/") == Some(etag))
}

/// Our tags have no comma in them, so a foreign tag that has may be cut in two without harm.
fn split_tags(tags: &str) -> impl Iterator<Item = &str> {
    tags.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { size_bytes: 10, mtime_s: 784_111_777, mtime_ns: 5, inode: 3 };
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const PROCEED: Verdict = Verdict::Proceed { use_range: true };
    const WHOLE: Verdict = Verdict::Proceed { use_range: false };

    fn judge(headers: &[(&'static str, &str)]) -> Verdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        VERSION.judge(&map, &VERSION.etag(), || 2_000_000_000)
    }

    #[test]
    fn the_date_is_written_as_http_writes_it() {
        assert_eq!(VERSION.last_modified().unwrap(), DATE);
    }

    #[test]
    fn the_table_of_preconditions() {
        let etag = VERSION.etag();
        let weak = format!("W/{etag}");
        let list = format!("\"other\", {etag}");
        for (headers, verdict) in [
            (&[][..], PROCEED),
            (&[("if-match", etag.as_str())], PROCEED),
            (&[("if-match", "*")], PROCEED),
            (&[("if-match", list.as_str())], PROCEED),
            (&[("if-match", weak.as_str())], Verdict::Failed),
            (&[("if-match", "\"other\"")], Verdict::Failed),
            (&[("if-unmodified-since", DATE)], PROCEED),
            (&[("if-unmodified-since", EARLIER)], Verdict::Failed),
            (&[("if-none-match", etag.as_str())], Verdict::NotModified),
            (&[("if-none-match", weak.as_str())], Verdict::NotModified),
            (&[("if-none-match", "\"other\"")], PROCEED),
            (&[("if-modified-since", DATE)], Verdict::NotModified),
            (&[("if-modified-since", EARLIER)], PROCEED),
            (&[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")], Verdict::NotModified),
            (&[("if-modified-since", "Sun Nov  6 08:49:37 1994")], Verdict::NotModified),
            (&[("if-modified-since", "yesterday")], PROCEED),
            (&[("if-none-match", "\"other\""), ("if-modified-since", DATE)], PROCEED),
            (&[("if-match", "\"other\""), ("if-none-match", etag.as_str())], Verdict::Failed),
            (&[("if-range", etag.as_str())], PROCEED),
            (&[("if-range", weak.as_str())], WHOLE),
            (&[("if-range", "\"other\"")], WHOLE),
            (&[("if-range", DATE)], PROCEED),
            (&[("if-range", EARLIER)], WHOLE),
            (&[("if-range", "nonsense")], WHOLE),
        ] {
            assert_eq!(judge(headers), verdict, "{headers:?}");
        }
    }
}
