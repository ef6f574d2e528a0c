//! Makes small trees for the tests of scans and walks.

use std::fs;

use crate::paths::Root;

/// The root at `dir`, whose folder `state` is the indexer's own.
pub(super) fn root(dir: &tempfile::TempDir) -> Root {
    let path = dir.path().canonicalize().unwrap();
    Root { excluded: vec![path.join("state")], path, tells_ctime: true }
}

/// A file below `dir` that holds its own name.
pub(super) fn put(dir: &tempfile::TempDir, name: &str) {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, name).unwrap();
}
