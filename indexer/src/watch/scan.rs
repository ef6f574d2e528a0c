//! What is there now: all that one sweep of the root saw (a [`walk`](super::walk) makes it), or a look at a single
//! path. Blocking; runs on a lane (`lane.rs`).
//!
//! What is left alone although somebody may expect it to be seen is counted (`unseen.rs`).

use std::{
    collections::{HashMap, HashSet},
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt,
};

use aurora_catalog::store::Stamp;

use super::{candidate, link, trust::RootId, unseen::Unseen};
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
    /// Folders below it that something else is mounted at, by path.
    pub mounts: HashMap<String, RootId>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// What is left alone.
    pub unseen: Unseen,
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
    pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
        self.files.keys().chain(&self.assumed)
    }

    /// Whether `path` is certainly not there: not seen, and in no folder that could not be read.
    pub fn lacks(&self, path: &str) -> bool {
        !self.overfull && !self.has(path) && !self.unreadable.iter().any(|unread| is_in(path, unread))
    }
}

/// Whether `path` is `folder` (`""` is the root) or lies in it.
pub(super) fn is_in(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        Ok(metadata) if metadata.is_symlink() => {
            link::followed(root, &path).map_or(Look::Other, |target| seen(root, &target))
        }
        Ok(metadata) => seen(root, &metadata),
        // A whole folder may have left under this name.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !candidate::is_candidate_path(relative) => {
            Look::Unclear
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && root.path.is_dir() => Look::Absent,
        Err(_) => Look::Unclear,
    }
}

fn seen(root: &Root, metadata: &Metadata) -> Look {
    if metadata.is_file() { Look::File(stamp(root, metadata)) } else { Look::Other }
}

/// Size and times of a file below the root.
pub fn stamp(root: &Root, metadata: &Metadata) -> Stamp {
    let ns = |s: i64, ns| s.saturating_mul(1_000_000_000).saturating_add(ns);
    let ctime_ns = root.tells_ctime.then(|| ns(metadata.ctime(), metadata.ctime_nsec()));
    Stamp { size_bytes: metadata.len(), mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()), ctime_ns }
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
        let gone = Root { path: "/no such root".into(), ..root };
        assert_eq!(look(&gone, "a.tif"), Look::Unclear);
    }

    #[test]
    fn what_cannot_be_read_is_not_lacking() {
        let sweep = Sweep { unreadable: vec!["a".to_owned(), "b/c.tif".to_owned()], ..Sweep::default() };
        assert!(!sweep.lacks("a/x.tif") && !sweep.lacks("b/c.tif"));
        assert!(sweep.lacks("ab/x.tif") && sweep.lacks("b/c.tiff"));
    }
}
