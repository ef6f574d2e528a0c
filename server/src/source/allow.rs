//! What `url=` may name: addresses below a listed prefix, files below a listed folder, and nothing else.
//!
//! Prefixes match whole path segments of the parsed, normalised address, so neither `..`, credentials, another port
//! nor an encoded slash leads out. Local paths are taken apart in the same way before the file system hears of them: a
//! look elsewhere could hang, as where an automounter waits for a host that is away. What is spelt below a folder is
//! resolved through every link and compared once more.

use std::{
    io,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use aurora_raster::source::SourceError;
use reqwest::Url;
use rustix::io::Errno;

use super::LocalFile;

/// The list in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowList {
    prefixes: Vec<Url>,
    folders: Vec<Folder>,
}

/// An allowed folder, in the two spellings that paths below it may have.
#[derive(Debug, Clone)]
struct Folder {
    /// As `--allow` has it, without dots.
    typed: PathBuf,
    /// With its links resolved.
    real: PathBuf,
    /// The name of its origin.
    origin: Arc<str>,
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
            let real = Path::new(entry).canonicalize()?;
            let origin = real.display().to_string().into();
            self.folders.push(Folder { typed: without_dots(Path::new(entry)), real, origin });
            return Ok(());
        }
        let prefix: Url = entry.parse()?;
        anyhow::ensure!(matches!(prefix.scheme(), "http" | "https"), "neither an absolute folder nor http(s)");
        self.prefixes.push(prefix);
        Ok(())
    }

    /// The address that `text` names.
    pub(crate) fn locate_url(&self, text: &str) -> Result<Url, Refusal> {
        // Whatever is neither an absolute path nor an address cannot be below anything that is allowed.
        let url: Url = text.parse().map_err(|_| Refusal::Forbidden)?;
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let plain = plain && !ENCODED_SEPARATORS.iter().any(|separator| url.path().contains(separator));
        let allowed = plain && self.prefixes.iter().any(|prefix| is_below(prefix, &url));
        allowed.then_some(url).ok_or(Refusal::Forbidden)
    }

    /// The path that `text` spells, and the origin of the allowed folder that it is spelt to lie in, if there is one.
    /// Leaves the file system alone.
    pub(super) fn by_spelling(&self, text: &str) -> Option<(PathBuf, Arc<str>)> {
        let path = without_dots(Path::new(text));
        let holds = |folder: &&Folder| path.starts_with(&folder.typed) || path.starts_with(&folder.real);
        let origin = self.folders.iter().find(holds).map(|folder| Arc::clone(&folder.origin))?;
        Some((path, origin))
    }

    /// Finds what `path` leads to, which is spelt to lie in an allowed folder, and looks at it. Blocks on the file
    /// system.
    ///
    /// # Errors
    /// `Unavailable` when its file system cannot tell, as while the server behind a mount is away.
    pub(super) fn find(&self, path: &Path) -> Result<Result<LocalFile, Refusal>, SourceError> {
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(error) => return refusal_by(path, &error).map(Err),
        };
        let Some(folder) = self.folders.iter().find(|folder| real.starts_with(&folder.real)) else {
            return Ok(Err(Refusal::Forbidden));
        };
        match LocalFile::find(Arc::clone(&folder.origin), &real) {
            Ok(file) => Ok(Ok(file)),
            Err(SourceError::Unavailable { .. }) if real.metadata().is_ok_and(|found| !found.is_file()) => {
                Ok(Err(Refusal::NotFound))
            }
            Err(error @ SourceError::Unavailable { .. }) => Err(error),
            Err(_) => Ok(Err(Refusal::NotFound)),
        }
    }
}

/// `path` with each `..` taking away the part before it, as in an address: the file system, which would follow a link
/// first, is not asked.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            // The root stays.
            Component::ParentDir => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

/// What it means that the links of an allowed path cannot be followed: it is not there, or not for us. Anything else is
/// an ailment of the file system, which says nothing of the path.
fn refusal_by(path: &Path, error: &io::Error) -> Result<Refusal, SourceError> {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => Ok(Refusal::NotFound),
        // Without a number it never came to the file system: a name with a zero in it.
        Some(Errno::ACCESS | Errno::PERM | Errno::INVAL) | None => Ok(Refusal::Forbidden),
        Some(_) => Err(SourceError::Unavailable { name: path.display().to_string(), reason: error.to_string() }),
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
        assert!(list.locate_url("http://nas:8081/files/a.tif").is_ok());
        assert!(list.locate_url("http://nas:8081/results/a/2/a.tif?x=1").is_ok());
        for other in
            ["http://nas:8081/health", "http://nas:8082/files/a.tif", "https://nas:8081/files/a.tif", "/etc/passwd"]
        {
            assert_eq!(list.locate_url(other), Err(Refusal::Forbidden), "{other}");
        }
    }

    #[test]
    fn no_spelling_leads_out_of_a_prefix() {
        let list = list(&["http://host/a/b"]);
        assert!(list.locate_url("http://host/a/b/c.tif").is_ok());
        assert!(list.locate_url("http://host/a/b").is_ok());
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
            assert_eq!(list.locate_url(outside), Err(Refusal::Forbidden), "{outside}");
        }
        for nonsense in ["", "a.tif", "file:///a/b", "ftp://host/a/b/c.tif", "s3://a/b"] {
            assert_eq!(list.locate_url(nonsense), Err(Refusal::Forbidden), "{nonsense}");
        }
    }

    /// As [`super::super::LocalFiles`] asks, on a file system that answers.
    fn locate(list: &AllowList, path: &Path) -> Result<PathBuf, Refusal> {
        let (path, _) = list.by_spelling(path.to_str().unwrap()).ok_or(Refusal::Forbidden)?;
        list.find(&path).unwrap().map(|file| file.path.to_path_buf())
    }

    /// A folder with a file `a.tif`.
    fn folder(at: PathBuf) -> PathBuf {
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join("a.tif"), b"II").unwrap();
        at
    }

    #[test]
    fn no_link_and_no_dots_lead_out_of_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder(dir.path().join("in")), folder(dir.path().join("out")));
        std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
        let list = list(&[inside.to_str().unwrap()]);
        let locate = |path: PathBuf| locate(&list, &path);
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

    #[test]
    fn the_file_system_hears_of_nothing_that_is_spelt_outside() {
        let dir = tempfile::tempdir().unwrap();
        let inside = folder(dir.path().join("in"));
        let list = list(&[inside.to_str().unwrap()]);
        for outside in ["../../net/10.255.255.1/x", "..", "a/../../in2/a.tif", "/net/10.255.255.1/x"] {
            assert_eq!(list.by_spelling(inside.join(outside).to_str().unwrap()), None, "{outside}");
        }
        // It would say that there is no way through what is not there.
        for way in ["none/../a.tif", "../none/../in/a.tif", "./a.tif/x/../../a.tif"] {
            assert_eq!(locate(&list, &inside.join(way)), Ok(inside.canonicalize().unwrap().join("a.tif")), "{way}");
        }
    }

    #[test]
    fn a_folder_behind_a_link_is_known_in_either_spelling_and_as_one_origin() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (folder(dir.path().join("real")), dir.path().join("link"));
        std::os::unix::fs::symlink(&real, &link).unwrap();
        for typed in [link.clone(), link.join("../link/"), real.clone()] {
            let list = list(&[typed.to_str().unwrap()]);
            let spellings = [&real, &link].map(|folder| folder.join("a.tif"));
            let known = spellings.map(|path| list.by_spelling(path.to_str().unwrap()));
            let [by_real, by_link] = known.map(|known| known.map(|(_, origin)| origin));
            assert!(by_real.is_some_and(|origin| *origin == *real.canonicalize().unwrap().to_str().unwrap()));
            assert_eq!(by_link.is_some(), typed != real);
            assert!(locate(&list, &real.join("a.tif")).is_ok());
            assert_eq!(locate(&list, &link.join("a.tif")).is_ok(), typed != real);
        }
    }

    #[test]
    fn what_is_not_there_is_told_from_a_file_system_that_cannot_tell() {
        let dir = tempfile::tempdir().unwrap();
        let inside = folder(dir.path().join("in"));
        std::os::unix::fs::symlink("circle", inside.join("circle")).unwrap();
        let list = list(&[inside.to_str().unwrap()]);
        let long = "x".repeat(300);
        for (name, refusal) in [
            ("none", Refusal::NotFound),
            ("a.tif/none", Refusal::NotFound),
            ("circle", Refusal::NotFound),
            (&long, Refusal::NotFound),
            ("zero\0", Refusal::Forbidden),
        ] {
            assert_eq!(locate(&list, &inside.join(name)), Err(refusal), "{name}");
        }
        let said = |errno: Errno| refusal_by(&inside, &errno.into());
        for not_for_us in [Errno::ACCESS, Errno::PERM] {
            assert!(matches!(said(not_for_us), Ok(Refusal::Forbidden)), "{not_for_us}");
        }
        // What network file systems say while their server is away, and what a host says that is short of something.
        for passing in [
            Errno::IO,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::STALE,
            Errno::TIMEDOUT,
            Errno::NOTCONN,
            Errno::CONNABORTED,
            Errno::AGAIN,
            Errno::NODEV,
            Errno::NFILE,
            Errno::NOMEM,
        ] {
            assert!(matches!(said(passing), Err(SourceError::Unavailable { .. })), "{passing}");
        }
    }
}
