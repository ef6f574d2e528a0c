//! What `url=` may name: addresses below a listed prefix, files below a listed folder, and nothing else.
//!
//! Prefixes match whole path segments of the parsed, normalised address, so neither `..`, credentials, another port
//! nor an encoded slash leads out. Local paths are resolved through every link before they are compared.

use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use reqwest::Url;

use super::{LocalFile, Locator};

/// The list in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowList {
    prefixes: Vec<Url>,
    folders: Vec<PathBuf>,
}

/// Why `url=` was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("not among the sources this server is allowed to read")]
    Forbidden,
    #[error("no such file")]
    NotFound,
}

/// Encoded separators: some servers decode them into a path that was never compared.
const ENCODED_SEPARATORS: [&str; 4] = ["%2f", "%2F", "%5c", "%5C"];

impl AllowList {
    /// Reads the entries of `--allow`; without any, the files of the indexers.
    pub(crate) fn new(entries: &[String], indexers: &[Url]) -> anyhow::Result<Self> {
        let mut list = Self::default();
        for entry in entries {
            list.add(entry).map_err(|error| anyhow::anyhow!("--allow {entry}: {error}"))?;
        }
        if entries.is_empty() {
            list.prefixes = indexers.iter().flat_map(|base| [below(base, "files/"), below(base, "results/")]).collect();
        }
        Ok(list)
    }

    fn add(&mut self, entry: &str) -> anyhow::Result<()> {
        if entry.starts_with('/') {
            self.folders.push(Path::new(entry).canonicalize()?);
            return Ok(());
        }
        let prefix: Url = entry.parse()?;
        anyhow::ensure!(matches!(prefix.scheme(), "http" | "https"), "neither an absolute folder nor http(s)");
        self.prefixes.push(prefix);
        Ok(())
    }

    /// Finds what `text` names. Blocks on the file system for local paths.
    pub(crate) fn locate(&self, text: &str) -> Result<Locator, Refusal> {
        if text.starts_with('/') {
            return self.locate_file(Path::new(text)).map(Locator::File);
        }
        // Whatever is neither an absolute path nor an address cannot be below anything that is allowed.
        let url: Url = text.parse().map_err(|_| Refusal::Forbidden)?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let plain = plain && !ENCODED_SEPARATORS.iter().any(|separator| url.path().contains(separator));
        let allowed = plain && self.prefixes.iter().any(|prefix| is_below(prefix, &url));
        allowed.then_some(Locator::Url(url)).ok_or(Refusal::Forbidden)
    }

    /// Finds what `path` names and looks at it. Blocks on the file system.
    pub(super) fn locate_file(&self, path: &Path) -> Result<LocalFile, Refusal> {
        match path.canonicalize() {
            Ok(real) if !self.holds(&real) => Err(Refusal::Forbidden),
            // What does not exist is only admitted to for places that may be asked about.
            Ok(real) => LocalFile::find(self.folder_of(&real), real).map_err(|_| Refusal::NotFound),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.would_hold(path) => Err(Refusal::NotFound),
            Err(_) => Err(Refusal::Forbidden),
        }
    }

    /// The allowed folder that `path` lies in, by its spelling alone: the name of its origin.
    pub(super) fn folder_of(&self, path: &Path) -> Arc<str> {
        let folder = self.folders.iter().find(|folder| path.starts_with(folder));
        folder.map_or_else(|| "elsewhere".into(), |folder| folder.display().to_string().into())
    }

    fn holds(&self, real: &Path) -> bool {
        self.folders.iter().any(|folder| real.starts_with(folder))
    }

    fn would_hold(&self, path: &Path) -> bool {
        self.holds(path) && !path.components().any(|part| part == Component::ParentDir)
    }
}

fn is_below(prefix: &Url, url: &Url) -> bool {
    let path = prefix.path();
    let rest = url.path().strip_prefix(path);
    url.origin() == prefix.origin()
        && rest.is_some_and(|rest| path.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

/// `tail` below `base`, whether or not `base` ends in a slash.
pub(crate) fn below(base: &Url, tail: &str) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.set_path(&format!("{}/{}", base.path().trim_end_matches('/'), tail.trim_start_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> AllowList {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        AllowList::new(&entries, &["http://nas:8081".parse().unwrap()]).unwrap()
    }

    #[test]
    fn the_indexers_files_are_the_default() {
        let list = list(&[]);
        assert!(list.locate("http://nas:8081/files/a.tif").is_ok());
        assert!(list.locate("http://nas:8081/results/a/2/a.tif?x=1").is_ok());
        for other in
            ["http://nas:8081/health", "http://nas:8082/files/a.tif", "https://nas:8081/files/a.tif", "/etc/passwd"]
        {
            assert_eq!(list.locate(other), Err(Refusal::Forbidden), "{other}");
        }
    }

    #[test]
    fn no_spelling_leads_out_of_a_prefix() {
        let list = list(&["http://host/a/b"]);
        assert!(list.locate("http://host/a/b/c.tif").is_ok());
        assert!(list.locate("http://host/a/b").is_ok());
        for outside in [
            "http://host/a/bc.tif",
            "http://host/a/b/../c.tif",
            "http://host/a/b/%2e%2e/c.tif",
            "http://host/a/b/..%2fc.tif",
            "http://host/a/b/..%5Cc.tif",
            "http://host/a/b\\..\\c.tif",
            "http://user@host/a/b/c.tif",
            "http://host@evil/a/b/c.tif",
            "http://host.evil/a/b/c.tif",
            "http://host:81/a/b/c.tif",
        ] {
            assert_eq!(list.locate(outside), Err(Refusal::Forbidden), "{outside}");
        }
        for nonsense in ["", "a.tif", "file:///a/b", "ftp://host/a/b/c.tif", "s3://a/b"] {
            assert_eq!(list.locate(nonsense), Err(Refusal::Forbidden), "{nonsense}");
        }
    }

    #[test]
    fn no_link_and_no_dots_lead_out_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("in"), dir.path().join("out"));
        for folder in [&inside, &outside] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join("a.tif"), b"II").unwrap();
        }
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        let list = list(&[inside.to_str().unwrap()]);
        let locate = |path: PathBuf| list.locate(path.to_str().unwrap());
        assert!(locate(inside.join("a.tif")).is_ok());
        assert!(locate(inside.join("../in/a.tif")).is_ok());
        assert_eq!(locate(inside.join("b.tif")), Err(Refusal::NotFound));
        assert_eq!(locate(inside.clone()), Err(Refusal::NotFound));
        for path in
            [inside.join("link/a.tif"), inside.join("../out/a.tif"), inside.join("../out/none"), outside.join("none")]
        {
            assert_eq!(locate(path.clone()), Err(Refusal::Forbidden), "{}", path.display());
        }
    }
}
