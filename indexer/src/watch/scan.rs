//! What is there now: one sweep of the whole root, or a look at single paths. Blocking; runs on a
//! lane (`lane.rs`).
//!
//! Links to files are followed while they stay below the root, links to folders never (a loop would have no end).
//! Names that are not UTF-8 cannot be written in the catalogue; they are counted and left alone.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aurora_catalog::store::Stamp;

use super::{candidate, trust::RootId};
use crate::paths::Root;

/// Folders deeper than this are not looked into.
const MAX_DEPTH: usize = 64;

/// All that one sweep saw.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Candidates by path below the root.
    pub files: HashMap<String, Stamp>,
    /// Folders below the root (`""` is the root) that could not be read; what lies below them is not known.
    pub unreadable: Vec<String>,
    /// Which folder the root is.
    pub root: RootId,
    /// Names that are not UTF-8.
    pub unnamed: u64,
    /// Whether the sweep ended at its limit of files.
    pub overfull: bool,
}

impl Sweep {
    /// Whether `path` is certainly not there: not seen, and in no folder that could not be read.
    pub fn lacks(&self, path: &str) -> bool {
        let is_in =
            |folder: &str| folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        !self.overfull && !self.files.contains_key(path) && !self.unreadable.iter().any(|folder| is_in(folder))
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

/// Sweeps the whole root.
///
/// # Errors
/// When the root itself cannot be read.
pub fn sweep(root: &Root, max_files: usize) -> io::Result<Sweep> {
    let metadata = fs::metadata(&root.path)?;
    let mut sweep = Sweep { root: RootId::of(&metadata), ..Sweep::default() };
    fs::read_dir(&root.path)?;
    let mut folders = vec![(root.path.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>) else {
            sweep.unreadable.push(root.relative(&folder).unwrap_or_default());
            continue;
        };
        for entry in entries {
            if let Some(deeper) = visit(root, &entry, &mut sweep)
                && depth < MAX_DEPTH
            {
                folders.push((deeper, depth + 1));
            }
        }
        if sweep.files.len() > max_files {
            sweep.overfull = true;
            return Ok(sweep);
        }
    }
    leave_out_unpacked(&mut sweep.files);
    Ok(sweep)
}

/// A delivery beside the raster that was unpacked from it would be the same scene twice.
fn leave_out_unpacked(files: &mut HashMap<String, Stamp>) {
    let deliveries: Vec<String> = files.keys().filter(|path| candidate::is_delivery(path)).cloned().collect();
    if deliveries.is_empty() {
        return;
    }
    let rasters: HashSet<(&str, &str)> =
        files.keys().filter(|path| !candidate::is_delivery(path)).map(|path| candidate::scene_place(path)).collect();
    let unpacked: Vec<String> =
        deliveries.into_iter().filter(|path| rasters.contains(&candidate::scene_place(path))).collect();
    for path in unpacked {
        files.remove(&path);
    }
}

/// Notes a candidate; returns a folder to look into.
fn visit(root: &Root, entry: &DirEntry, sweep: &mut Sweep) -> Option<PathBuf> {
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        sweep.unnamed += 1;
        return None;
    };
    let kind = entry.file_type().ok()?;
    if kind.is_dir() {
        let path = entry.path();
        return (candidate::is_looked_into(name) && !root.excludes(&path)).then_some(path);
    }
    if candidate::is_candidate(name) {
        let path = entry.path();
        let metadata = if kind.is_symlink() { linked(root, &path) } else { entry.metadata() };
        if let (Ok(metadata), Some(relative)) = (metadata, root.relative(&path))
            && metadata.is_file()
        {
            sweep.files.insert(relative, stamp(&metadata));
        }
    }
    None
}

/// What a link leads to, if that is below the root.
fn linked(root: &Root, path: &Path) -> io::Result<Metadata> {
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
    use std::os::unix::fs::symlink;

    use super::*;

    fn root(dir: &tempfile::TempDir) -> Root {
        let path = dir.path().canonicalize().unwrap();
        Root { excluded: vec![path.join("state")], path }
    }

    fn put(dir: &tempfile::TempDir, name: &str) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }

    #[test]
    fn a_sweep_finds_deep_and_odd_names_and_leaves_out_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = ["a.tif", "2026/11/21/é ñ 名.TIFF", "a/b/c/d/e/f/g/h.tif"];
        for name in wanted.iter().chain(&["state/results/x.tif", "truth/t.tif", ".hidden/y.tif", "a.QLK.tif", "b.xml"])
        {
            put(&dir, name);
        }
        let sweep = sweep(&root(&dir), 100).unwrap();
        let mut found: Vec<_> = sweep.files.keys().map(String::as_str).collect();
        found.sort_unstable();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert_eq!(sweep.files["a.tif"].size_bytes, 5);
    }

    #[test]
    fn a_delivery_counts_until_its_raster_lies_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["d/a.tgz", "d/a.MBI.tif", "d/a.QLK.tif", "d/b.tgz", "d/c.h5", "e/a.tgz"] {
            put(&dir, name);
        }
        let sweep = sweep(&root(&dir), 100).unwrap();
        let mut found: Vec<_> = sweep.files.into_keys().collect();
        found.sort();
        assert_eq!(found, ["d/a.MBI.tif", "d/b.tgz", "d/c.h5", "e/a.tgz"]);
        assert_eq!(look(&root(&dir), "d/a.tgz"), Look::Unclear);
    }

    #[test]
    fn links_that_leave_the_root_are_refused() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(&dir, "real.tif");
        fs::write(outside.path().join("secret.tif"), "x").unwrap();
        symlink("real.tif", dir.path().join("inside.tif")).unwrap();
        symlink(outside.path().join("secret.tif"), dir.path().join("outside.tif")).unwrap();
        symlink(".", dir.path().join("loop")).unwrap();
        let root = root(&dir);
        let sweep = sweep(&root, 100).unwrap();
        let mut found: Vec<_> = sweep.files.into_keys().collect();
        found.sort();
        assert_eq!(found, ["inside.tif", "real.tif"]);
        assert_eq!(look(&root, "outside.tif"), Look::Other);
    }

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
        assert!(sweep(&gone, 1).is_err());
    }

    #[test]
    fn a_sweep_stops_at_its_limit() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..5 {
            put(&dir, &format!("{number}/a.tif"));
        }
        assert!(sweep(&root(&dir), 2).unwrap().overfull);
    }
}
