//! Walks over small trees.

use std::os::unix::{ffi::OsStrExt, fs::symlink};

use super::*;
use crate::watch::{
    scan::{Look, look},
    small_tree::{put, root},
};

const WHOLE: Duration = Duration::from_secs(3600);

/// All folders changed long ago, as far as their times tell.
fn age(dir: &Path, seconds: u64) {
    for entry in fs::read_dir(dir).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        age(&entry.path(), seconds);
    }
    fs::File::open(dir).unwrap().set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
}

fn sweep(root: &Root, max_files: usize) -> io::Result<Sweep> {
    let mut walk = Walk::full(root.clone(), max_files, false)?;
    walk.go_on(WHOLE);
    Ok(walk.end().0)
}

/// A full walk and what it remembers.
fn remembered(root: &Root) -> Memory {
    let mut walk = Walk::full(root.clone(), 1000, true).unwrap();
    assert!(walk.go_on(WHOLE) && walk.is_full());
    walk.end().1.unwrap()
}

fn pruned(root: &Root, before: Memory) -> Sweep {
    let mut walk = Walk::pruned(root.clone(), 1000, before).unwrap();
    walk.go_on(WHOLE);
    walk.end().0
}

fn found(sweep: &Sweep) -> Vec<&str> {
    let mut found: Vec<_> = sweep.files.keys().chain(&sweep.assumed).map(String::as_str).collect();
    found.sort_unstable();
    found
}

#[test]
fn a_sweep_finds_deep_and_odd_names_and_leaves_out_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let wanted = ["2026/11/21/é ñ 名.TIFF", "a.tif", "a/b/c/d/e/f/g/h.tif"];
    for name in wanted.iter().chain(&["state/results/x.tif", "truth/t.tif", ".hidden/y.tif", "a.QLK.tif", "b.xml"]) {
        put(&dir, name);
    }
    let sweep = sweep(&root(&dir), 100).unwrap();
    assert_eq!(found(&sweep), wanted);
    assert_eq!(sweep.files["a.tif"].size_bytes, 5);
}

#[test]
fn whether_a_delivery_counts_a_sweep_of_all_must_tell() {
    let dir = tempfile::tempdir().unwrap();
    ["d/a.tgz", "d/a.MBI.tif"].iter().for_each(|name| put(&dir, name));
    assert_eq!(look(&root(&dir), "d/a.tgz"), Look::Unclear);
}

#[test]
fn links_are_followed_to_what_is_found_under_no_other_name_and_counted_where_they_lead_elsewhere() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ["real.tif", "a/data.bin", "state/own.bin"].iter().for_each(|name| put(&dir, name));
    fs::write(outside.path().join("secret.tif"), "x").unwrap();
    let link = |target: &Path, name: &str| symlink(target, dir.path().join(name)).unwrap();
    link(Path::new("a/data.bin"), "inside.tif");
    link(Path::new("real.tif"), "again.tif");
    link(Path::new("nothing"), "broken.tif");
    link(Path::new("../real.tif"), "a/readme.txt");
    link(Path::new("a/data.bin"), "notes");
    let (found_at, counted) = (found(&sweep(&root(&dir), 100).unwrap()).len(), ["inside.tif", "real.tif"]);
    assert_eq!(found_at, counted.len());
    link(&outside.path().join("secret.tif"), "outside.tif");
    link(&outside.path().join("secret.tif"), "outside.txt");
    link(Path::new("state/own.bin"), "own.tif");
    link(Path::new("."), "loop");
    link(Path::new("../a"), "a/deep.tif");
    let sweep = sweep(&root(&dir), 100).unwrap();
    assert_eq!(found(&sweep), counted);
    assert_eq!((sweep.unseen.links, sweep.unseen.names, sweep.unseen.too_deep), (5, 0, 0));
    for name in ["outside.tif", "again.tif", "own.tif"] {
        assert_eq!(look(&root(&dir), name), Look::Other, "{name}");
    }
    assert!(matches!(look(&root(&dir), "inside.tif"), Look::File(_)));
}

#[test]
fn what_is_left_alone_is_counted_and_named_also_by_a_pruned_walk() {
    let dir = tempfile::tempdir().unwrap();
    let deepest = vec!["d"; MAX_DEPTH].join("/");
    put(&dir, &format!("{deepest}/seen.tif"));
    put(&dir, &format!("{deepest}/unseen/a.tif"));
    fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff.tif")), "x").unwrap();
    age(dir.path(), 100);
    let full = sweep(&root(&dir), 100).unwrap();
    assert_eq!(found(&full), [format!("{deepest}/seen.tif")]);
    assert_eq!((full.unseen.names, full.unseen.too_deep, full.unseen.links), (1, 1, 0));
    let example = full.unseen.example.as_deref().unwrap();
    assert!(!example.starts_with('/'), "{example}");
    let pruned = pruned(&root(&dir), remembered(&root(&dir)));
    assert_eq!((pruned.folders_read, pruned.unseen.names, pruned.unseen.too_deep), (0, 1, 1));
}

#[test]
fn a_sweep_stops_at_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..5 {
        put(&dir, &format!("{number}/a.tif"));
    }
    assert!(sweep(&root(&dir), 2).unwrap().overfull);
    assert!(sweep(&Root { path: "/no such root".into(), ..root(&dir) }, 1).is_err());
}

#[test]
fn a_walk_in_slices_sees_what_one_in_a_piece_does() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..30 {
        put(&dir, &format!("{}/{number}.tif", number % 4));
    }
    let whole = sweep(&root(&dir), 100).unwrap();
    let mut walk = Walk::full(root(&dir), 100, false).unwrap();
    let mut slices = 1;
    while !walk.go_on(Duration::ZERO) {
        slices += 1;
    }
    assert!(slices > 30, "{slices}");
    assert_eq!(walk.end().0.files, whole.files);
}

#[test]
fn a_pruned_walk_reads_only_folders_that_have_changed() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..200 {
        put(&dir, &format!("{}/{}/{number}.tif", number % 2, number % 20));
    }
    age(dir.path(), 100);
    let before = remembered(&root(&dir));
    let same = pruned(&root(&dir), before);
    assert_eq!((same.folders_read, same.files_looked_at, same.assumed.len()), (0, 0, 200));

    let before = remembered(&root(&dir));
    put(&dir, "0/0/new.tif");
    fs::remove_file(dir.path().join("1/1/1.tif")).unwrap();
    fs::rename(dir.path().join("1/3/3.tif"), dir.path().join("1/5/moved.tif")).unwrap();
    let changed = pruned(&root(&dir), before);
    assert_eq!(changed.folders_read, 4);
    assert!(changed.has("0/0/new.tif") && changed.has("1/5/moved.tif") && changed.has("0/0/0.tif"));
    assert!(changed.lacks("1/1/1.tif") && changed.lacks("1/3/3.tif") && !changed.lacks("0/2/2.tif"));
    assert_eq!(found(&changed).len(), 200);
}

#[test]
fn an_overwrite_in_place_is_left_to_the_full_walk() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir, "a/a.tif");
    age(dir.path(), 100);
    let before = remembered(&root(&dir));
    fs::write(dir.path().join("a/a.tif"), "something else").unwrap();
    let blind = pruned(&root(&dir), before);
    assert!(blind.has("a/a.tif") && blind.files.is_empty());
    assert_eq!(sweep(&root(&dir), 100).unwrap().files["a/a.tif"].size_bytes, 14);
}

#[test]
fn what_changed_just_now_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    put(&dir, "a/a.tif");
    let before = remembered(&root(&dir));
    // Within the same tick of the file system's clock, for all that can be known.
    assert_eq!(pruned(&root(&dir), before).folders_read, 2);
}

#[test]
fn another_root_is_walked_in_full() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(&dir, "a.tif");
    age(dir.path(), 100);
    let before = remembered(&root(&dir));
    let walk = Walk::pruned(root(&other), 1000, before).unwrap();
    assert!(walk.is_full());
}
