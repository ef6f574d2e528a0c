//! What a requester has already: `If-None-Match` and `If-Modified-Since` (RFC 9110, sections 13.1.2 and 13.1.3).

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, Method, header, request::Parts},
};

/// Under which conditions an answer is wanted; none when nothing is said.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// Entity tags that are known, as they were sent; `*` among them.
    known: Vec<String>,
    since: Option<SystemTime>,
}

impl Conditions {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let known = lists.flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned()).collect();
        // Entity tags are the better validator: where there are any, the date is not looked at.
        let is_dated = matches!(*method, Method::GET | Method::HEAD) && !headers.contains_key(header::IF_NONE_MATCH);
        let date = headers.get(header::IF_MODIFIED_SINCE).filter(|_| is_dated).and_then(|date| date.to_str().ok());
        Self { known, since: date.and_then(|date| httpdate::parse_http_date(date).ok()) }
    }

    /// Whether they name `etag` (weak comparison).
    pub(crate) fn name(&self, etag: &str) -> bool {
        self.known.iter().any(|known| weak(known) == weak(etag))
    }

    /// Whether nothing is wanted if there is anything.
    pub(crate) fn any(&self) -> bool {
        self.known.iter().any(|known| known == "*")
    }

    /// Whether what was modified at `at` is known. Dates count whole seconds.
    pub(crate) fn are_since(&self, at: SystemTime) -> bool {
        self.since.is_some_and(|since| at < since + Duration::from_secs(1))
    }
}

fn weak(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag)
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.method, &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn conditions(method: &Method, headers: &[(HeaderName, &'static str)]) -> Conditions {
        let headers = headers.iter().map(|(name, text)| (name.clone(), HeaderValue::from_static(text)));
        Conditions::of(method, &headers.collect())
    }

    #[test]
    fn if_none_match_is_compared_weakly() {
        let of = |text| conditions(&Method::GET, &[(header::IF_NONE_MATCH, text)]);
        for known in ["\"a\"", "W/\"a\"", "\"b\", \"a\""] {
            assert!(of(known).name("\"a\""), "{known}");
        }
        for other in ["\"b\"", "a", "", "*"] {
            assert!(!of(other).name("\"a\""), "{other}");
        }
        assert!(of("*").any() && !of("\"*\"").any());
        assert!(!Conditions::default().name("\"a\""));
    }

    #[test]
    fn dates_count_whole_seconds_and_only_where_no_tag_is_named() {
        // The three ways to write one second (RFC 9110, section 5.6.7).
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        let texts = ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];
        for text in texts {
            let conditions = conditions(&Method::GET, &[(header::IF_MODIFIED_SINCE, text)]);
            assert!(conditions.are_since(at), "{text}");
            assert!(!conditions.are_since(at + Duration::from_millis(100)), "{text}");
        }
        let tagged = [(header::IF_MODIFIED_SINCE, texts[0]), (header::IF_NONE_MATCH, "\"b\"")];
        assert!(!conditions(&Method::GET, &tagged).are_since(at));
        assert!(!conditions(&Method::POST, &tagged[..1]).are_since(at));
        assert!(!conditions(&Method::GET, &[(header::IF_MODIFIED_SINCE, "yesterday")]).are_since(at));
    }
}
