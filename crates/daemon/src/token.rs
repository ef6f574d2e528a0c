//! The shared token: who may change things, and what one program shows another.
//!
//! Where a token is set, who shows it may change things, on loopback too: what listens there may stand behind a proxy.
//! Where none is, anybody on a loopback address may, and nobody elsewhere. On loopback a page in the operator's own
//! browser could still send a form here, so what a browser sends for another site's page is refused. It shows by
//! `Sec-Fetch-Site`, by `Origin`, and, where that page's own name was made to point here (DNS rebinding), by `Host`.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts, uri::Authority};

use crate::problem::Problem;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its first line cannot be sent in a header, or is empty.
    #[error("{path}: its first line is no token")]
    None {
        /// Which.
        path: PathBuf,
    },
}

/// How the token is shown (RFC 6750).
const SCHEME: &str = "Bearer";

/// A secret that programs and operators share.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl Token {
    /// The first line of a file.
    ///
    /// # Errors
    /// When the file cannot be read or has no token in it.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let text = fs::read_to_string(path).map_err(|source| TokenError::File { path: path.to_owned(), source })?;
        let none = || TokenError::None { path: path.to_owned() };
        let token = text.lines().next().map(str::trim).filter(|token| !token.is_empty()).ok_or_else(none)?;
        let mut value = HeaderValue::try_from(format!("{SCHEME} {token}")).map_err(|_| none())?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// What shows it: the value of `Authorization`.
    pub fn authorization(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether these headers show it, with the scheme in any case and any number of spaces after it (RFC 9110, section
    /// 11.4). Takes as long for a wrong token as for the right one of its length.
    fn is_shown(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(header::AUTHORIZATION).map_or(&b""[..], HeaderValue::as_bytes);
        let (Some(shown), Some(known)) = (bearer(shown), bearer(self.0.as_bytes())) else { return false };
        let differences = shown.iter().zip(known).fold(0, |sum, (shown, known)| sum | (shown ^ known));
        shown.len() == known.len() && differences == 0
    }
}

/// The token of the scheme `Bearer`.
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = authorization.split_at_checked(SCHEME.len())?;
    let token = rest.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) && token.len() < rest.len()).then_some(token)
}

/// What a request that changes something must show.
#[derive(Clone)]
pub enum Guard {
    /// That no other site's page sent it: the address is loopback and no token is set.
    Open,
    /// The token.
    Token(Token),
    /// There is no way: the address is not loopback and no token is set.
    Closed,
}

impl Guard {
    /// The guard for a listener at `address`, with the token of `token_file`.
    ///
    /// # Errors
    /// As [`Token::read`].
    pub fn new(address: SocketAddr, token_file: Option<&Path>) -> Result<Self, TokenError> {
        match token_file {
            Some(path) => Token::read(path).map(Self::Token),
            None if address.ip().is_loopback() => Ok(Self::Open),
            None => Ok(Self::Closed),
        }
    }

    /// Lets a request pass, or says what it lacks.
    ///
    /// # Errors
    /// 401 without the token, 403 where another site's page seems to ask.
    pub fn check(&self, request: &Parts) -> Result<(), Problem> {
        let unshown = |detail| Err(Problem::client(StatusCode::UNAUTHORIZED, detail));
        match self {
            Self::Open => of_our_own(request).map_err(|detail| Problem::client(StatusCode::FORBIDDEN, detail)),
            Self::Token(token) if token.is_shown(&request.headers) => Ok(()),
            Self::Token(_) => unshown("this needs the token: Authorization: Bearer …"),
            Self::Closed => unshown("changes need --token-file, as the address is not loopback"),
        }
    }
}

/// Whether no other site's page asks, as far as can be told; no browser leaves `Host` out.
///
/// # Errors
/// By what it shows.
fn of_our_own(request: &Parts) -> Result<(), String> {
    const ELSE: &str = "without --token-file only this host's own programs and pages may change anything";
    let text = |name: HeaderName| request.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let host = request.uri.authority().map(|authority| authority.as_str().into()).or_else(|| text(header::HOST));
    if let Some(host) = &host
        && !host.parse().is_ok_and(|host: Authority| is_loopback(host.host()))
    {
        return Err(format!("`Host: {host}` is no name of loopback: {ELSE}"));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let from = origin.parse::<Uri>().ok().and_then(|origin| origin.into_parts().authority);
        if from.as_ref().map(Authority::as_str) != host.as_deref() {
            return Err(format!("`Origin: {origin}` is another site: {ELSE}"));
        }
    }
    match text(HeaderName::from_static("sec-fetch-site")) {
        Some(site) if site != "same-origin" && site != "none" => {
            Err(format!("`Sec-Fetch-Site: {site}` is another site's page: {ELSE}"))
        }
        _ => Ok(()),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(guard: &Guard, name: &'static str, value: &str) -> bool {
        guard.check(&asked(&[(name, value)])).is_ok()
    }

    fn asked(headers: &[(&str, &str)]) -> Parts {
        let request = headers.iter().fold(http::Request::post("/jobs/j1/cancel"), |request, (name, value)| {
            request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn loopback_is_open_but_not_to_other_sites_pages() {
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), None).unwrap();
        assert!(guard.check(&asked(&[])).is_ok());
        for ours in [
            &[("host", "127.0.0.1:8081")][..],
            &[("host", "localhost")],
            &[("host", "LOCALHOST:1"), ("sec-fetch-site", "same-origin")],
            &[("host", "[::1]:8081"), ("origin", "http://[::1]:8081")],
            &[("host", "127.0.0.1:8081"), ("origin", "http://127.0.0.1:8081"), ("sec-fetch-site", "none")],
        ] {
            assert!(guard.check(&asked(ours)).is_ok(), "{ours:?}");
        }
        for (others, named) in [
            (&[("host", "evil.example:8081")][..], "evil.example"),
            (
                &[("host", "localhost.evil.example"), ("origin", "http://localhost.evil.example")],
                "`Host: localhost.evil",
            ),
            (&[("host", "192.0.2.1:8081")], "192.0.2.1"),
            (&[("host", "127.0.0.1:8081"), ("origin", "http://evil.example")], "`Origin: http://evil.example`"),
            (&[("host", "127.0.0.1:8081"), ("origin", "http://127.0.0.1:3000")], "`Origin: http://127.0.0.1:3000`"),
            (&[("host", "127.0.0.1:8081"), ("origin", "null")], "`Origin: null`"),
            (&[("origin", "http://evil.example")], "`Origin"),
            (&[("host", "127.0.0.1:8081"), ("sec-fetch-site", "cross-site")], "cross-site"),
        ] {
            let refused = guard.check(&asked(others)).unwrap_err();
            assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{others:?}");
            let said = format!("{refused:?}");
            assert!(said.contains(named) && said.contains("--token-file"), "{said}");
        }
    }

    #[test]
    fn a_token_that_is_set_is_needed_on_loopback_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "secret\n").unwrap();
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), Some(file.path())).unwrap();
        assert!(guard.check(&asked(&[])).is_err());
        assert!(passes(&guard, "authorization", "Bearer secret"));
    }

    #[test]
    fn elsewhere_only_the_token_opens() {
        let address = "0.0.0.0:1".parse().unwrap();
        assert!(Guard::new(address, None).unwrap().check(&asked(&[])).is_err());
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Guard::new(address, Some(file.path())).is_err(), "an empty token is none");
        assert!(Guard::new(address, Some(Path::new("/none"))).is_err());
        fs::write(file.path(), "secret\nmore\n").unwrap();
        let guard = Guard::new(address, Some(file.path())).unwrap();
        for right in ["Bearer secret", "bearer secret", "BEARER  secret"] {
            assert!(passes(&guard, "authorization", right), "{right}");
        }
        for wrong in [
            "Bearer secre",
            "Bearer Secret",
            "Bearersecret",
            "Bearer",
            "Bearer\u{a0}secret",
            "Bearer secrets",
            "Bearer ",
            "Basic secret",
            "secret",
        ] {
            assert!(!passes(&guard, "authorization", wrong), "{wrong}");
        }
    }
}
