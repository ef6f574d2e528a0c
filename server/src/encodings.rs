//! How answers may be encoded on their way, and what a requester takes of it (RFC 9110, section 12.5.3). Callers:
//! [`crate::assets`] and [`crate::listed`].

use axum::http::{HeaderMap, header};

/// An encoding of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding {
    pub(crate) name: &'static str,
    /// What the name of a file that is so encoded ends in.
    pub(crate) ending: &'static str,
}

/// Those in use, the best first where a requester has no preference.
const ENCODINGS: [Encoding; 2] = [Encoding { name: "br", ending: ".br" }, Encoding { name: "gzip", ending: ".gz" }];

/// Those that the requester takes, the one it likes best first.
pub(crate) fn taken(headers: &HeaderMap) -> impl Iterator<Item = Encoding> {
    let weighed = ENCODINGS.map(|encoding| (encoding, weight(headers, encoding.name)));
    let mut taken: Vec<_> = weighed.into_iter().filter(|(_, weight)| *weight > 0.0).collect();
    taken.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    taken.into_iter().map(|(encoding, _)| encoding)
}

/// The weight with which `Accept-Encoding` names the encoding, 1 where it does without one; 0 where it does not.
fn weight(headers: &HeaderMap, encoding: &str) -> f32 {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named = lists.flat_map(|list| list.split(',')).filter_map(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix(['q', 'Q']).and_then(|weight| weight.strip_prefix('='));
        let weight = weight.and_then(|weight| weight.trim().parse::<f32>().ok()).unwrap_or(1.0);
        name.trim().eq_ignore_ascii_case(encoding).then_some(weight)
    });
    named.fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn encodings_are_taken_by_name_unless_they_weigh_nothing() {
        let taken = |text| {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]);
            taken(&headers).map(|encoding| encoding.name).collect::<Vec<_>>()
        };
        for text in ["br", "zstd, BR;q=1.0", "br; q=0.1"] {
            assert_eq!(taken(text), ["br"], "{text}");
        }
        for text in ["", "deflate", "br;q=0", "br;Q=0", "br; q=0.000, identity", "brotli"] {
            assert!(taken(text).is_empty(), "{text}");
        }
        assert_eq!(taken("gzip;q=0.5, deflate, br"), ["br", "gzip"]);
        assert_eq!(taken("br;q=0, gzip"), ["gzip"]);
        assert_eq!(taken("br;q=0.2, gzip;q=0.9"), ["gzip", "br"]);
        assert_eq!(taken("gzip, br"), ["br", "gzip"], "equals are sent as serves us best");
    }
}
