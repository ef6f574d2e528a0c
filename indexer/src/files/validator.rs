//! Validators and the preconditions on them (RFC 9110, sections 8.8 and 13).

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    time::{Duration, SystemTime},
};

use aurora_raster::source::is_being_written;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::{Timestamp, fmt::rfc2822};

/// What tells one version of a file from another: size, modification time in nanoseconds, inode, and the time at which
/// the inode last changed, which no program can set back, as copying tools do with the modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Length in bytes.
    pub size_bytes: u64,
    mtime_s: i64,
    mtime_ns: i64,
    inode: u64,
    /// Seconds and nanoseconds of the inode's last change, where the file system keeps it itself.
    changed: Option<(i64, i64)>,
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
    /// The version of an open file; `has_change_time`: its file system keeps the times of inodes' changes itself.
    pub fn of(metadata: &Metadata, has_change_time: bool) -> Self {
        let (size_bytes, inode) = (metadata.len(), metadata.ino());
        let changed = has_change_time.then(|| (metadata.ctime(), metadata.ctime_nsec()));
        Self { size_bytes, mtime_s: metadata.mtime(), mtime_ns: metadata.mtime_nsec(), inode, changed }
    }

    /// A strong entity tag; another one while a write may be under way that set the times already, so that nobody takes
    /// for this version what was read meanwhile.
    pub fn etag(&self, is_being_written: bool) -> String {
        let changed = self.changed.map_or_else(String::new, |(s, ns)| format!("-{s:x}.{ns:x}"));
        let mark = if is_being_written { "-w" } else { "" };
        format!("\"{:x}-{:x}.{:x}-{:x}{changed}{mark}\"", self.size_bytes, self.mtime_s, self.mtime_ns, self.inode)
    }

    /// Whether a write may be under way.
    pub fn is_being_written(&self) -> bool {
        let since = u64::try_from(self.mtime_s).ok().zip(u32::try_from(self.mtime_ns).ok());
        let modified = since.and_then(|(s, ns)| SystemTime::UNIX_EPOCH.checked_add(Duration::new(s, ns)));
        modified.is_some_and(is_being_written)
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

    const VERSION: Version =
        Version { size_bytes: 10, mtime_s: 784_111_777, mtime_ns: 5, inode: 3, changed: Some((784_111_778, 0)) };
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const PROCEED: Verdict = Verdict::Proceed { use_range: true };
    const WHOLE: Verdict = Verdict::Proceed { use_range: false };

    fn judge(headers: &[(&'static str, &str)]) -> Verdict {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        VERSION.judge(&map, &VERSION.etag(false), || 2_000_000_000)
    }

    #[test]
    fn the_date_is_written_as_http_writes_it() {
        assert_eq!(VERSION.last_modified().unwrap(), DATE);
    }

    #[test]
    fn every_part_of_a_version_tells_in_its_tag() {
        let others = [
            Version { size_bytes: 11, ..VERSION },
            Version { mtime_s: 784_111_778, ..VERSION },
            Version { mtime_ns: 6, ..VERSION },
            Version { inode: 4, ..VERSION },
            Version { changed: Some((784_111_779, 0)), ..VERSION },
            Version { changed: Some((784_111_778, 1)), ..VERSION },
            Version { changed: None, ..VERSION },
        ];
        for other in others {
            assert_ne!(other.etag(false), VERSION.etag(false));
        }
        assert_ne!(VERSION.etag(true), VERSION.etag(false));
        assert!(!VERSION.is_being_written());
        let now = Timestamp::now();
        let fresh = Version { mtime_s: now.as_second(), mtime_ns: now.subsec_nanosecond().into(), ..VERSION };
        assert!(fresh.is_being_written());
    }

    #[test]
    fn the_table_of_preconditions() {
        let etag = VERSION.etag(false);
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
