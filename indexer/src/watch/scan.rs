//! What is there now: all that one sweep of the root saw (a [`walk`](super::walk) makes it), or a look at a single path.
//! Blocking; runs on a lane (`lane.rs`).
//!
//! Links to files are followed while they stay below the root, links to folders never (a loop would have no end).
//! Names that are not UTF-8 cannot be written in the catalogue; they are counted and left alone.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::Path,
};

use aurora_catalog::store::Stamp;

use super::{candidate, trust::RootId};
use crate::paths::Root;

/// All that one sweep saw.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Candidates by path below the root.
    pub files: HashMap<String, Stamp>,
    /// Candidates that are where they were, in folders that have not changed; what they look like now is not known.
    pub assumed: HashSet<String>,
    /// Folders below the root (`""` is the root) and files that could not be read; what lies there is not known.
    pub unreadable: Vec<String>,
    /// Which folder the root is.
    pub root: RootId,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Names that are not UTF-8.
    pub unnamed: u64,
    /// Whether the sweep ended at its limit of files.
    pub overfull: bool,
    /// Folders whose entries were read.
    pub folders_read: u64,
    /// Candidates whose size and time were asked for.
    pub files_looked_at: u64,
}

impl Sweep {
    /// Whether a candidate is at `path`.
    pub fn has(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.assumed.contains(path)
    }

    /// Paths of all candidates.
    fn paths(&self) -> impl Iterator<Item = &String> {
        self.files.keys().chain(&self.assumed)
    }

    /// Whether `path` is certainly not there: not seen, and in no folder that could not be read.
    pub fn lacks(&self, path: &str) -> bool {
        let is_below = |rest: &str| rest.is_empty() || rest.starts_with('/');
        let is_in = |unread: &str| unread.is_empty() || path.strip_prefix(unread).is_some_and(is_below);
        !self.overfull && !self.has(path) && !self.unreadable.iter().any(|unread| is_in(unread))
    }
}

/// What one look at a path saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// A candidate.
    File(Stamp),
    /// Nothing, and the folder above could be read.
    Absent,
    /// Something that needs a sweep: a folder, or a path that could not be read.
    Unclear,
    /// Nothing that concerns the indexer.
    Other,
}

/// A delivery beside the raster that was unpacked from it would be the same scene twice.
pub(super) fn leave_out_unpacked(sweep: &mut Sweep) {
    let deliveries: Vec<String> = sweep.paths().filter(|path| candidate::is_delivery(path)).cloned().collect();
    if deliveries.is_empty() {
        return;
    }
    let rasters: HashSet<(&str, &str)> =
        sweep.paths().filter(|path| !candidate::is_delivery(path)).map(|path| candidate::scene_place(path)).collect();
    let unpacked: Vec<String> =
        deliveries.into_iter().filter(|path| rasters.contains(&candidate::scene_place(path))).collect();
    for path in unpacked {
        sweep.files.remove(&path);
        sweep.assumed.remove(&path);
    }
}

/// What a link leads to, if that is below the root.
pub(super) fn linked(root: &Root, path: &Path) -> io::Result<Metadata> {
    let target = fs::canonicalize(path)?;
    if target.starts_with(&root.path) && !root.excludes(&target) {
        fs::metadata(target)
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Looks at one path below the root.
pub fn look(root: &Root, relative: &str) -> Look {
    let path = root.path.join(relative);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_dir() => {
            let looked_into = relative.split('/').all(candidate::is_looked_into) && !root.excludes(&path);
            if looked_into { Look::Unclear } else { Look::Other }
        }
        Ok(_) if !candidate::is_candidate_path(relative) => Look::Other,
        // Whether it counts depends on what lies beside it.
        Ok(metadata) if candidate::is_delivery(relative) && !metadata.is_symlink() => Look::Unclear,
        Ok(metadata) if metadata.is_symlink() => linked(root, &path).map_or(Look::Other, |target| seen(&target)),
        Ok(metadata) => seen(&metadata),
        // A whole folder may have left under this name.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !candidate::is_candidate_path(relative) => {
            Look::Unclear
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && root.path.is_dir() => Look::Absent,
        Err(_) => Look::Unclear,
    }
}

fn seen(metadata: &Metadata) -> Look {
    if metadata.is_file() { Look::File(stamp(metadata)) } else { Look::Other }
}

/// Size and modification time of a file.
pub fn stamp(metadata: &Metadata) -> Stamp {
    let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Stamp { size_bytes: metadata.len(), mtime_ns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::small_tree::{put, root};

    #[test]
    fn looks_tell_absent_from_unclear() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir, "folder/a.tif");
        let root = root(&dir);
        assert!(matches!(look(&root, "folder/a.tif"), Look::File(_)));
        assert_eq!(look(&root, "folder"), Look::Unclear);
        assert_eq!(look(&root, "gone.tif"), Look::Absent);
        assert_eq!(look(&root, "gone-folder"), Look::Unclear);
        assert_eq!(look(&root, "state"), Look::Unclear);
        let gone = Root { path: "/no such root".into(), excluded: Vec::new() };
        assert_eq!(look(&gone, "a.tif"), Look::Unclear);
    }

    #[test]
    fn what_cannot_be_read_is_not_lacking() {
        let sweep = Sweep { unreadable: vec!["a".to_owned(), "b/c.tif".to_owned()], ..Sweep::default() };
        assert!(!sweep.lacks("a/x.tif") && !sweep.lacks("b/c.tif"));
        assert!(sweep.lacks("ab/x.tif") && sweep.lacks("b/c.tiff"));
    }
}
