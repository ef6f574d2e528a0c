//! Links below the root: those to files are followed while they stay below it and lead to no scene that is found there
//! anyway; those to folders never are (a loop would have no end). Blocking; runs on a lane (`lane.rs`).

use std::{
    fs::{self, Metadata},
    io,
    path::{Component, Path, PathBuf},
};

use super::candidate;
use crate::paths::Root;

/// The file that the link at `path` leads to, if that is a scene under the link's name alone.
///
/// # Errors
/// `PermissionDenied` when it leads out of the root or to a folder; others when it leads to a scene of its own, or
/// nowhere.
pub(super) fn followed(root: &Root, path: &Path) -> io::Result<Metadata> {
    let target = fs::canonicalize(path)?;
    if !target.starts_with(&root.path) || root.excludes(&target) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    if root.relative(&target).is_some_and(|target| candidate::is_candidate_path(&target)) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let metadata = fs::metadata(target)?;
    if metadata.is_dir() { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(metadata) }
}

/// Whether the link at `path`, which has no scene's name, leads out of the root or to a folder. What lies outside is
/// not asked: it may hang.
pub(super) fn leads_elsewhere(root: &Root, path: &Path) -> bool {
    let (Ok(target), Some(folder)) = (fs::read_link(path), path.parent()) else { return false };
    let target = folder.join(target).components().fold(PathBuf::new(), |so_far, part| match part {
        Component::ParentDir => so_far.parent().map(Path::to_owned).unwrap_or_default(),
        part => so_far.join(part),
    });
    !target.starts_with(&root.path) || target.is_dir()
}
