//! Paths below the root as text: how they become addresses, and what of the root is off limits.

use std::path::{Path, PathBuf};

/// The watched folder, and the indexer's own folders that may lie in it.
#[derive(Debug, Clone)]
pub struct Root {
    /// Where it is, with all links resolved.
    pub path: PathBuf,
    /// Folders that are never looked into nor served, links resolved.
    pub excluded: Vec<PathBuf>,
    /// Whether times of inodes' changes are the file system's own; behind FUSE they are whatever a program says.
    pub tells_ctime: bool,
}

impl Root {
    /// Whether `path` (absolute, links resolved) is in one of the indexer's own folders.
    pub fn excludes(&self, path: &Path) -> bool {
        self.excluded.iter().any(|own| path.starts_with(own))
    }

    /// The path below the root as text; `None` for the root itself, for what lies elsewhere, and for names that are
    /// not UTF-8.
    pub fn relative(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(&self.path).ok()?.to_str()?;
        (!relative.is_empty()).then(|| relative.to_owned())
    }
}

/// The last component of a path below the root.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// `prefix` and `path` as an address: every byte but unreserved characters and `/` percent-encoded (RFC 3986).
pub fn href(prefix: &str, path: &str) -> String {
    let mut href = String::with_capacity(prefix.len() + path.len());
    href.push_str(prefix);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            href.push(char::from(byte));
        } else {
            href.push('%');
            href.push(char::from(HEX[usize::from(byte >> 4)]));
            href.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    href
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Undoes percent-encoding; `None` for a `%` without two hex digits behind it.
pub fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
            decoded.push((high * 16 + low) as u8);
        } else {
            decoded.push(byte);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_are_encoded() {
        assert_eq!(href("/files/", "a b/ü#?.tif"), "/files/a%20b/%C3%BC%23%3F.tif");
        assert_eq!(percent_decoded("%zz"), None);
        assert_eq!(percent_decoded("a%2"), None);
    }

    proptest! {
        #[test]
        fn encoding_is_undone(path in ".*") {
            let encoded = href("", &path);
            prop_assert!(encoded.is_ascii());
            prop_assert_eq!(percent_decoded(&encoded), Some(path.into_bytes()));
        }
    }
}
