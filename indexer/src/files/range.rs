//! The `Range` header (RFC 9110, section 14).

use std::ops::Range;

/// Ranges that one request may ask for. More is an attack rather than a reader (RFC 9110, section 17.15): the header
/// is then ignored, as that section allows.
const MAX_RANGES: usize = 64;

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Everything: there is no `Range`, or one that is to be ignored.
    Whole,
    /// These bytes; never empty, each within the size and not empty.
    Parts(Vec<Range<u64>>),
    /// Nothing that was asked for is there.
    Unsatisfiable,
}

/// Reads a `Range` header for a representation of `size_bytes`.
pub fn wanted(header: Option<&str>, size_bytes: u64) -> Wanted {
    let Some(specs) = header.and_then(specs) else { return Wanted::Whole };
    let parts: Vec<Range<u64>> = specs.iter().filter_map(|spec| spec.resolve(size_bytes)).collect();
    if parts.is_empty() {
        return Wanted::Unsatisfiable;
    }
    // Sending more than the whole file in overlapping parts serves nobody.
    let total = parts.iter().map(|part| part.end - part.start).fold(0, u64::saturating_add);
    if parts.len() > 1 && total > size_bytes { Wanted::Whole } else { Wanted::Parts(parts) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    /// First and last byte; the last may be beyond the end, or open.
    From(u64, Option<u64>),
    /// The last so many bytes.
    Suffix(u64),
}

impl Spec {
    fn resolve(self, size_bytes: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From(first, last) => first..last.map_or(size_bytes, |last| last.saturating_add(1).min(size_bytes)),
            Self::Suffix(length) => size_bytes.saturating_sub(length)..size_bytes,
        };
        (range.start < range.end).then_some(range)
    }
}

/// The specs of a valid header; `None` for another unit, a syntax error, or too many.
fn specs(header: &str) -> Option<Vec<Spec>> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // Empty elements of a list are to be ignored (RFC 9110, section 5.6.1.2).
    let elements =
        set.split(',').map(|element| element.trim_matches([' ', '\t'])).filter(|element| !element.is_empty());
    let specs = elements.take(MAX_RANGES + 1).map(spec).collect::<Option<Vec<_>>>()?;
    (!specs.is_empty() && specs.len() <= MAX_RANGES).then_some(specs)
}

fn spec(text: &str) -> Option<Spec> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        return Some(Spec::Suffix(number(last)?));
    }
    let first = number(first)?;
    let last = if last.is_empty() { None } else { Some(number(last)?) };
    last.is_none_or(|last| first <= last).then_some(Spec::From(first, last))
}

/// Digits only; a number too large for any file counts as the largest.
fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_rfc_9110() {
        let part = |first, end| Wanted::Parts(vec![Range { start: first, end }]);
        for (header, expected) in [
            ("bytes=0-0", part(0, 1)),
            ("bytes=0-499", part(0, 500)),
            ("bytes=9500-", part(9500, 10_000)),
            ("bytes=-500", part(9500, 10_000)),
            ("bytes=-20000", part(0, 10_000)),
            ("bytes=9999-99999999999999999999999", part(9999, 10_000)),
            ("bytes=0-0,-1", Wanted::Parts(vec![0..1, 9999..10_000])),
            ("bytes= 0-0 ,, 5-6 ", Wanted::Parts(vec![0..1, 5..7])),
            ("Bytes=1-2", part(1, 3)),
            ("bytes=0-0,20000-", part(0, 1)),
            ("bytes=10000-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=0-9999,0-9999", Wanted::Whole),
            ("bytes=2-1", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 10_000), expected, "{header}");
        }
        assert_eq!(wanted(None, 10_000), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
        let many = format!("bytes={}", vec!["0-0"; MAX_RANGES + 1].join(","));
        assert_eq!(wanted(Some(&many), 10_000), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn parts_lie_within_the_file(header in "bytes=[0-9,-]{0,20}", size in 0..2000_u64) {
            if let Wanted::Parts(parts) = wanted(Some(&header), size) {
                prop_assert!(!parts.is_empty());
                for part in parts {
                    prop_assert!(part.start < part.end && part.end <= size);
                }
            }
        }
    }
}
