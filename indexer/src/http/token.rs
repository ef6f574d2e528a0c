//! Who may change things: anybody on a loopback address, elsewhere who shows the token.
//!
//! On loopback a page in the operator's own browser could still send a form here, so requests that a browser marks as
//! coming from another site are refused.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use aurora_daemon::problem::Problem;
use axum::extract::FromRequestParts;
use http::{HeaderMap, StatusCode, header, request::Parts};

use super::Shared;
use crate::error::{IndexerError, Result};

/// What a request that changes something must show.
#[derive(Clone)]
pub enum Guard {
    /// Nothing: the address is loopback and no token is set.
    Open,
    /// The token whose hash this is.
    Token(Arc<blake3::Hash>),
    /// There is no way: the address is not loopback and no token is set.
    Closed,
}

impl Guard {
    /// The guard for a listener at `address`, with the first line of `token_file`.
    ///
    /// # Errors
    /// When the file cannot be read or has no token in it.
    pub fn new(address: SocketAddr, token_file: Option<&Path>) -> Result<Self> {
        let Some(path) = token_file else {
            return Ok(if address.ip().is_loopback() { Self::Open } else { Self::Closed });
        };
        let text = fs::read_to_string(path).map_err(IndexerError::io("read", path))?;
        let token = text.lines().next().unwrap_or_default().trim();
        if token.is_empty() {
            let reason = format!("{} has no token in its first line", path.display());
            return Err(IndexerError::Setting { setting: "token-file", reason });
        }
        Ok(Self::Token(Arc::new(blake3::hash(token.as_bytes()))))
    }

    fn allows(&self, headers: &HeaderMap) -> bool {
        match self {
            Self::Open => !is_cross_site(headers),
            Self::Closed => false,
            Self::Token(token) => {
                let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
                // Hashes are compared in constant time, so that nothing is learned of the token by trying.
                shown.is_some_and(|shown| blake3::hash(shown.trim().as_bytes()) == **token)
            }
        }
    }
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

/// Extracted by handlers that change something.
#[derive(Debug)]
pub struct Permitted;

impl FromRequestParts<Shared> for Permitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Problem> {
        if shared.token.allows(&parts.headers) {
            return Ok(Self);
        }
        let detail = match shared.token {
            Guard::Closed => "changes need --token-file, as the address is not loopback",
            _ => "this needs the token: Authorization: Bearer …",
        };
        Err(Problem::client(StatusCode::UNAUTHORIZED, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn loopback_is_open_but_not_to_other_sites_pages() {
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), None).unwrap();
        assert!(guard.allows(&HeaderMap::new()));
        assert!(!guard.allows(&headers("sec-fetch-site", "cross-site")));
    }

    #[test]
    fn elsewhere_only_the_token_opens() {
        let address = "0.0.0.0:1".parse().unwrap();
        assert!(!Guard::new(address, None).unwrap().allows(&HeaderMap::new()));
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Guard::new(address, Some(file.path())).is_err(), "an empty token is none");
        fs::write(file.path(), "secret\nmore\n").unwrap();
        let guard = Guard::new(address, Some(file.path())).unwrap();
        assert!(guard.allows(&headers("authorization", "Bearer secret")));
        for wrong in ["Bearer secre", "Bearer ", "Basic secret", "secret"] {
            assert!(!guard.allows(&headers("authorization", wrong)), "{wrong}");
        }
    }
}
