//! What several handlers read: lists of pairs, boxes, limits, the server's own address, the catalogue once there is
//! one.

use std::{fmt::Display, str::FromStr, sync::Arc};

use aurora_daemon::problem::Problem;
use axum::{
    extract::{FromRequestParts, Path, Query, path::ErrorKind, rejection::PathRejection},
    http::{HeaderName, StatusCode, header, request, uri::Authority},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::{app::App, catalogue::Catalogue, failure::Failure, query::read, settings::Settings};

/// The variable parts of a path, as [`axum::extract::Path`], but refused as a problem.
pub(crate) struct Parts<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Parts<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Failure> {
        let Path(path) = Path::from_request_parts(parts, state).await.map_err(refused_path)?;
        Ok(Self(path))
    }
}

/// What is wrong with a path; which part of it, if that is known.
fn refused_path(rejection: PathRejection) -> Problem {
    if let PathRejection::FailedToDeserializePathParams(error) = &rejection
        && let ErrorKind::ParseErrorAtKey { key, value, .. } = error.kind()
    {
        return Problem::parameter(key, format!("`{value}` is no such number"));
    }
    Problem::client(StatusCode::BAD_REQUEST, rejection.body_text())
}

/// The pairs of a query, in order.
pub(crate) struct Pairs(pub(crate) Vec<(String, String)>);

impl Pairs {
    /// The last value of a parameter that is not empty, if it is there, read as `T`.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let found = self.0.iter().rfind(|(other, value)| other == name && !value.is_empty());
        let read = |value: &str| {
            value.parse().map_err(|error| Problem::parameter(name, format!("`{value}` cannot be read: {error}")))
        };
        found.map(|(_, value)| read(value)).transpose()
    }

    /// The same of one that is true or false, however that is spelt.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.get::<String>(name)?.map(|value| read::boolean(name, &value)).transpose()
    }

    /// `limit`, from 1 to `max`.
    pub(crate) fn limit(&self, default: usize, max: usize) -> Result<usize, Problem> {
        let limit = self.get("limit")?.unwrap_or(default);
        if limit == 0 || limit > max {
            return Err(Problem::parameter("limit", format!("is not between 1 and {max}")));
        }
        Ok(limit)
    }

    /// `bbox`: west, south, east, north in degrees.
    pub(crate) fn bbox(&self) -> Result<Option<[f64; 4]>, Problem> {
        let Some(text) = self.get::<String>("bbox")? else { return Ok(None) };
        let numbers: Option<Vec<f64>> = text.split(',').map(|part| part.trim().parse().ok()).collect();
        bbox_of(&numbers.unwrap_or_default()).map(Some)
    }
}

/// A box of four numbers, or of six, whose heights do not matter (RFC 7946, section 5).
pub(crate) fn bbox_of(numbers: &[f64]) -> Result<[f64; 4], Problem> {
    let bbox = match *numbers {
        [west, south, east, north] | [west, south, _, east, north, _] => Some([west, south, east, north]),
        _ => None,
    };
    let is_box = |edges: &[f64; 4]| edges.iter().all(|edge| edge.is_finite()) && edges[1] <= edges[3];
    bbox.filter(is_box).ok_or_else(|| Problem::parameter("bbox", "is not west,south,east,north in degrees"))
}

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Failure> {
        let pairs = Query::from_request_parts(parts, state).await;
        let bad = |text: String| Problem::client(StatusCode::BAD_REQUEST, text);
        Ok(pairs.map(|Query(pairs)| Self(pairs)).map_err(|error| bad(error.body_text()))?)
    }
}

/// The catalogue, for lists: 503 until something is known to list.
pub(crate) struct Begun(pub(crate) Arc<Catalogue>);

impl FromRequestParts<Arc<App>> for Begun {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut request::Parts, app: &Arc<App>) -> Result<Self, Failure> {
        app.catalogue.is_begun().then(|| Self(Arc::clone(&app.catalogue))).ok_or(Failure::NoCatalogue)
    }
}

/// The address clients know this server by, without a slash at its end: links in answers begin with it.
pub(crate) struct PublicAddress(pub(crate) String);

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

impl FromRequestParts<Arc<App>> for PublicAddress {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, app: &Arc<App>) -> Result<Self, Failure> {
        Ok(Self(public_address(&app.settings, parts)?))
    }
}

fn public_address(settings: &Settings, parts: &request::Parts) -> Result<String, Problem> {
    if let Some(url) = &settings.public_url {
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    // Anybody can send these; only a proxy that overwrites them makes them true. Of several proxies the first knew the
    // client.
    let forwarded = |name: HeaderName| {
        let first = text(name).filter(|_| settings.trust_forwarded)?.split(',').next()?.trim();
        Some(first).filter(|first| !first.is_empty())
    };
    let own_scheme = if settings.tls.tls_cert.is_some() { "https" } else { "http" };
    let scheme = forwarded(X_FORWARDED_PROTO).map_or(own_scheme, |told| match told.eq_ignore_ascii_case("https") {
        true => "https",
        false => "http",
    });
    let own = text(header::HOST).or(parts.uri.authority().map(Authority::as_str));
    let host: Option<Authority> = forwarded(X_FORWARDED_HOST).or(own).and_then(|host| host.parse().ok());
    let host = host.ok_or_else(|| Problem::client(StatusCode::BAD_REQUEST, "the request names no host"))?;
    Ok(format!("{scheme}://{host}"))
}

/// `pairs` as the query of an address, `?` included; empty without pairs.
pub(crate) fn query_text<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut url = Url::parse("http://host/").expect("a constant address");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default()
}

/// `segment` as one segment of an address's path.
pub(crate) fn path_segment(segment: &str) -> String {
    // What an address holds elsewhere is encoded, too, and so are line feeds, which the parser of addresses would drop.
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(segment, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(name: &str, value: &str) -> Pairs {
        Pairs(vec![(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn boxes_and_limits_are_checked() {
        assert_eq!(pairs("bbox", "-1, -2,3,4").bbox().unwrap(), Some([-1.0, -2.0, 3.0, 4.0]));
        assert_eq!(pairs("bbox", "179,-2,-179,4").bbox().unwrap(), Some([179.0, -2.0, -179.0, 4.0]));
        assert_eq!(pairs("bbox", "1,2,-9,3,4,9").bbox().unwrap(), Some([1.0, 2.0, 3.0, 4.0]));
        assert_eq!(pairs("bbox", "").bbox().unwrap(), None);
        for bad in ["1,2,3", "1,2,3,x", "1,5,3,4", "1,2,3,inf"] {
            assert!(pairs("bbox", bad).bbox().is_err(), "{bad}");
        }
        assert_eq!(pairs("x", "").limit(5, 10).unwrap(), 5);
        for bad in ["0", "11", "-1", "x"] {
            assert!(pairs("limit", bad).limit(5, 10).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_begin_with_the_address_that_people_know() {
        let address_by = |flags: &[&str], host: &str, proto: &str| {
            let argv = [&["aurora-server"], flags].concat();
            let request = axum::http::Request::builder()
                .header("host", "inside:8080")
                .header("x-forwarded-host", host)
                .header("x-forwarded-proto", proto);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            public_address(&aurora_daemon::config::try_parse(&argv).unwrap(), &parts).unwrap()
        };
        let address = |flags: &[&str]| address_by(flags, "outside", "https");
        assert_eq!(address(&[]), "http://inside:8080");
        assert_eq!(address(&["--trust-forwarded"]), "https://outside");
        assert_eq!(address_by(&["--trust-forwarded"], "outside, between", "HTTPS, http"), "https://outside");
        assert_eq!(address_by(&["--trust-forwarded"], "", ""), "http://inside:8080");
        let secured = &["--tls-cert", "cert.pem", "--tls-key", "key.pem", "--trust-forwarded"];
        assert_eq!(address(&secured[..4]), "https://inside:8080");
        assert_eq!(address_by(secured, "outside", "http"), "http://outside");
        assert_eq!(address(&["--public-url", "https://maps.example/aurora/"]), "https://maps.example/aurora");
    }

    #[test]
    fn parts_of_addresses_are_encoded() {
        assert_eq!(query_text([("a", "b c"), ("d", "&")]), "?a=b+c&d=%26");
        assert_eq!(query_text([]), "");
        assert_eq!(path_segment("a b/c?é"), "a%20b%2Fc%3F%C3%A9");
        assert_eq!(path_segment("CSKS1_a-b.MBI~\n"), "CSKS1_a-b.MBI~%0A");
    }
}
