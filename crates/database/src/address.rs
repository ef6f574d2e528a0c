//! Where a database is: `sqlite:///path/to/file` or `postgres://user@host:port/name`.
//!
//! Shown without its password, wherever it is shown.

use std::{fmt, path::PathBuf, str::FromStr};

use url::Url;

/// What stands in place of a password.
const HIDDEN: &str = "***";

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// A file, by its absolute path.
    Sqlite(PathBuf),
    /// A database of a server.
    Postgres(Url),
}

/// Why a text names no database. The text itself is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL.
    #[error("not a URL ({reason}): write sqlite:///PATH or postgres://USER@HOST/NAME")]
    NoUrl {
        /// Why not.
        reason: String,
    },
    /// It is a URL of something else.
    #[error("`{scheme}:` is no database that Aurora knows: write sqlite:///PATH or postgres://USER@HOST/NAME")]
    UnknownScheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// SQLite's file is not named by its whole path, or by more than that.
    #[error("an SQLite database is named by its absolute path alone, three slashes in all: sqlite:///PATH")]
    NotAPath,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text).map_err(|error| AddressError::NoUrl { reason: error.to_string() })?;
        match url.scheme() {
            "postgres" | "postgresql" => Ok(Self::Postgres(url)),
            "sqlite" => sqlite_path(text).map(Self::Sqlite).ok_or(AddressError::NotAPath),
            scheme => Err(AddressError::UnknownScheme { scheme: scheme.to_owned() }),
        }
    }
}

/// The path in `sqlite:///path`, percent-decoded.
fn sqlite_path(text: &str) -> Option<PathBuf> {
    let path = text.split_once("://").map(|(_, path)| path).filter(|path| path.starts_with('/'))?;
    let url = Url::parse(&format!("file://{path}")).ok()?;
    let is_path_alone = url.query().is_none() && url.fragment().is_none() && !path.ends_with('/');
    url.to_file_path().ok().filter(|_| is_path_alone)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => f.write_str(masked(url.clone()).as_str()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// `url` without its passwords, before the host or among the parameters.
fn masked(mut url: Url) -> Url {
    if url.password().is_some() {
        // Fails only for URLs that cannot have a password, and this one has.
        let _ = url.set_password(Some(HIDDEN));
    }
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(key, _)| is_secret(key)) {
        let shown = pairs.iter().map(|(key, value)| (key, if is_secret(key) { HIDDEN } else { value }));
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url
}

fn is_secret(key: &str) -> bool {
    key.contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_read() {
        let path = |text: &str| match text.parse() {
            Ok(Address::Sqlite(path)) => path,
            other => panic!("{other:?}"),
        };
        assert_eq!(path("sqlite:///var/lib/a%20b/100%25.db"), PathBuf::from("/var/lib/a b/100%.db"));
        for text in ["postgres://u:p@h:5432/aurora", "postgresql://h/aurora?sslmode=require"] {
            assert!(matches!(text.parse(), Ok(Address::Postgres(_))), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_by_name() {
        let refused = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert!(refused("mysql://u:secret@h/x").starts_with("`mysql:` is no database"));
        assert!(refused("/var/lib/aurora.db").starts_with("not a URL"));
        for text in ["sqlite://state/a.db", "sqlite:a.db", "sqlite:///a.db?mode=ro", "sqlite:///a/"] {
            assert!(refused(text).contains("three slashes"), "{text}");
        }
        assert!(!refused("mysql://u:secret@h/x").contains("secret"));
        assert!(!refused("postgres://u:secret@h:port/x").contains("secret"));
    }

    #[test]
    fn a_password_is_never_shown() {
        for text in ["postgres://me:s3cret@db/aurora", "postgres://me@db/aurora?password=s3cret&sslmode=require"] {
            let address: Address = text.parse().unwrap();
            let shown = format!("{address} {address:?}");
            assert!(!shown.contains("s3cret") && shown.contains(HIDDEN) && shown.contains("me"), "{shown}");
        }
    }
}
