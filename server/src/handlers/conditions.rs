//! What a requester has already, `If-None-Match` and `If-Modified-Since`, or insists on, `If-Match` and
//! `If-Unmodified-Since` (RFC 9110, sections 13.1.1 to 13.1.4).

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Method, header, request::Parts},
};

/// Under which conditions an answer is wanted; none when nothing is said.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    /// Entity tags that are known, as they were sent; `*` among them.
    known: Vec<String>,
    since: Option<SystemTime>,
    /// Entity tags of which the answer must have one.
    wanted: Option<Vec<String>>,
    /// The answer must not have been modified later.
    until: Option<SystemTime>,
}

impl Conditions {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        // Entity tags are the better validator: where there are any, the date is not looked at.
        let is_dated = matches!(*method, Method::GET | Method::HEAD) && !headers.contains_key(header::IF_NONE_MATCH);
        let is_wanted = headers.contains_key(header::IF_MATCH);
        Self {
            known: tags(headers, &header::IF_NONE_MATCH),
            since: date(headers, &header::IF_MODIFIED_SINCE).filter(|_| is_dated),
            wanted: is_wanted.then(|| tags(headers, &header::IF_MATCH)),
            until: date(headers, &header::IF_UNMODIFIED_SINCE).filter(|_| !is_wanted),
        }
    }

    /// Whether they name `etag` (weak comparison).
    pub(crate) fn name(&self, etag: &str) -> bool {
        self.known.iter().any(|known| weak(known) == weak(etag))
    }

    /// Whether they want another answer than the one with `etag` (strong comparison), last modified at `at`.
    pub(crate) fn refuse(&self, etag: &str, at: Option<SystemTime>) -> bool {
        let is_other = |wanted: &Vec<String>| !wanted.iter().any(|tag| tag == "*" || tag == etag);
        let is_later = |until| at.is_some_and(|at| at >= until + Duration::from_secs(1));
        self.wanted.as_ref().is_some_and(is_other) || self.until.is_some_and(is_later)
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

fn tags(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(|tag| tag.trim().to_owned()).collect()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
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
    use axum::http::HeaderValue;

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
    fn another_answer_than_the_one_insisted_on_is_refused() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let refused = |name, text| conditions(&Method::GET, &[(name, text)]).refuse("\"a\"", Some(at));
        for (text, is_refused) in
            [("\"a\"", false), ("\"b\", \"a\"", false), ("*", false), ("\"b\"", true), ("W/\"a\"", true)]
        {
            assert_eq!(refused(header::IF_MATCH, text), is_refused, "{text}");
        }
        for (text, is_refused) in [("Sun, 06 Nov 1994 08:49:37 GMT", false), ("Sun, 06 Nov 1994 08:49:36 GMT", true)] {
            assert_eq!(refused(header::IF_UNMODIFIED_SINCE, text), is_refused, "{text}");
        }
        assert!(!refused(header::IF_UNMODIFIED_SINCE, "yesterday") && !Conditions::default().refuse("\"a\"", Some(at)));
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
