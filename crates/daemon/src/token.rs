//! The shared token: who may change things, and what one program shows another.
//!
//! Where a token is set, who shows it may change things, on loopback too: what listens there may stand behind a proxy. Where
//! none is, anybody on a loopback address may, and nobody elsewhere. On loopback a page in the operator's
//! own browser could still send a form here, so requests that a browser marks as coming from another site are refused.

use std::{fs, net::SocketAddr, path::Path, path::PathBuf};

use http::{HeaderMap, HeaderValue, StatusCode, header};

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
    /// Nothing: the address is loopback and no token is set.
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
    /// 401.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let (passes, detail) = match self {
            Self::Open => (!is_cross_site(headers), "other sites' pages may not change anything here"),
            Self::Token(token) => (token.is_shown(headers), "this needs the token: Authorization: Bearer …"),
            Self::Closed => (false, "changes need --token-file, as the address is not loopback"),
        };
        if passes { Ok(()) } else { Err(Problem::client(StatusCode::UNAUTHORIZED, detail)) }
    }
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(guard: &Guard, name: &'static str, value: &str) -> bool {
        let headers = HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())]);
        guard.check(&headers).is_ok()
    }

    #[test]
    fn loopback_is_open_but_not_to_other_sites_pages() {
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), None).unwrap();
        assert!(guard.check(&HeaderMap::new()).is_ok());
        assert!(passes(&guard, "sec-fetch-site", "same-origin"));
        assert!(!passes(&guard, "sec-fetch-site", "cross-site"));
    }

    #[test]
    fn a_token_that_is_set_is_needed_on_loopback_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "secret\n").unwrap();
        let guard = Guard::new("127.0.0.1:1".parse().unwrap(), Some(file.path())).unwrap();
        assert!(guard.check(&HeaderMap::new()).is_err());
        assert!(passes(&guard, "authorization", "Bearer secret"));
    }

    #[test]
    fn elsewhere_only_the_token_opens() {
        let address = "0.0.0.0:1".parse().unwrap();
        assert!(Guard::new(address, None).unwrap().check(&HeaderMap::new()).is_err());
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
