//! Files that are overwritten, moved, renamed and deleted, and what becomes of their results.

use std::{
    fs,
    os::unix::fs::{FileExt, PermissionsExt},
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::support::{COPY, Indexer, tiff, until};

#[test]
fn overwritten_touched_deleted_and_back() {
    let indexer = Indexer::start(&counted(), &[]);
    let (path, other) = (indexer.root().join("a.tif"), indexer.root().join("other.tif"));
    fs::write(&other, tiff(9)).unwrap();
    fs::write(&path, tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");

    fs::write(&path, tiff(2)).unwrap();
    indexer.scene_at("a", 4, "published");

    // Copied over itself: other time, same content.
    fs::write(&path, tiff(2)).unwrap();
    until("no pending files", || indexer.json("/health")["watch_figures"]["pending"] == 0);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(indexer.scene("a")["revision"], 4);

    fs::remove_file(&path).unwrap();
    until("withdrawal", || indexer.scene("a").is_null());
    assert_eq!(indexer.get("/catalog/items/a").status, 404);

    // The same content has its result still; another one has to run.
    fs::write(&path, tiff(2)).unwrap();
    let back = indexer.scene_at("a", 5, "published");
    assert_eq!(indexer.get(back["light"]["href"].as_str().unwrap()).body, tiff(2));
    assert_eq!(runs(&indexer), 3);
    fs::write(&path, tiff(3)).unwrap();
    indexer.scene_at("a", 7, "published");
    assert_eq!((runs(&indexer), indexer.publications("other")), (4, 1));
}

/// Longer than what samples see all of.
fn long(seed: u16) -> Vec<u8> {
    [tiff(seed), vec![7; 3 << 20]].concat()
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn an_edit_in_place_and_another_file_of_its_size_and_time_are_new_revisions() {
    let mut indexer = Indexer::start(COPY, &[]);
    let (path, aside) = (indexer.root().join("a.tif"), indexer.dir.path().join("aside"));
    let time = SystemTime::now() - Duration::from_secs(1000);
    fs::write(&path, long(1)).unwrap();
    set_time(&path, time);
    indexer.scene_at("a", 2, "published");

    // Between two samples, and with its time set back.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&[9; 20_000], 20_000).unwrap();
    set_time(&path, time);
    indexer.scene_at("a", 4, "published");

    fs::write(&aside, long(2)).unwrap();
    set_time(&aside, time);
    fs::rename(&aside, &path).unwrap();
    indexer.scene_at("a", 6, "published");

    // The same while nobody looks.
    assert!(indexer.stop().success());
    fs::write(&aside, long(3)).unwrap();
    set_time(&aside, time);
    fs::rename(&aside, &path).unwrap();
    indexer.restart();
    indexer.scene_at("a", 8, "published");
}

#[test]
fn rights_links_and_moves_there_and_back_are_no_new_revisions_and_a_new_time_of_a_long_file_is() {
    // All but the head counts as long.
    let indexer = Indexer::start(COPY, &["--compare-whole", "1KiB"]);
    let path = indexer.root().join("a.tif");
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    fs::write(&path, long(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    let mut rights = fs::metadata(&path).unwrap().permissions();
    rights.set_mode(0o640);
    fs::set_permissions(&path, rights).unwrap();
    settled(&indexer);
    fs::hard_link(&path, indexer.dir.path().join("link")).unwrap();
    settled(&indexer);
    fs::rename(&path, indexer.dir.path().join("aside")).unwrap();
    fs::rename(indexer.dir.path().join("aside"), &path).unwrap();
    settled(&indexer);
    assert_eq!((indexer.scene("a")["revision"].clone(), indexer.publications("a")), (2.into(), 1));
    set_time(&path, SystemTime::now());
    indexer.scene_at("a", 4, "published");
}

/// Waits until what has just changed has been looked into.
fn settled(indexer: &Indexer) {
    std::thread::sleep(Duration::from_secs(2));
    until("no pending files", || indexer.json("/health")["watch_figures"]["pending"] == 0);
}

/// [`COPY`] that finds one spot and leaves a line behind for every run.
fn counted() -> String {
    let found = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[15,40.6],[15.01,40.6],[15,40.61],[15,40.6]]]},"properties":{"confidence":0.5}}]}"#;
    format!(r#"echo x >> "$4/runs"; {COPY}; echo '{found}' > "$2/x.detections.geojson""#)
}

fn runs(indexer: &Indexer) -> usize {
    fs::read_to_string(indexer.dir.path().join("runs")).unwrap_or_default().lines().count()
}

/// Ids of the detections that the feed has last of a scene.
fn detections(indexer: &Indexer, scene_id: &str) -> Vec<Value> {
    let changes = indexer.changes();
    let last = changes.iter().rfind(|change| change["kind"] == "detections" && change["scene_id"] == scene_id);
    let all = last.and_then(|change| change["detections"].as_array()).cloned().unwrap_or_default();
    all.into_iter().map(|detection| detection["id"].clone()).collect()
}

#[test]
fn a_moved_file_keeps_its_result() {
    for more in [&[][..], &["--watch", "poll"]] {
        let indexer = Indexer::start(&counted(), more);
        fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
        fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
        let before = indexer.scene_at("a", 2, "published");
        indexer.scene_at("other", 2, "published");
        fs::create_dir(indexer.root().join("archive")).unwrap();
        fs::rename(indexer.root().join("a.tif"), indexer.root().join("archive/a.tif")).unwrap();
        until("new path", || indexer.scene("a")["path"] == "archive/a.tif");
        let after = indexer.scene("a");
        for same in ["revision", "status", "light", "detections", "published_at"] {
            assert_eq!(after[same], before[same], "{same}");
        }
        assert_eq!(indexer.get(after["raw"]["href"].as_str().unwrap()).status, 200);
        assert_eq!(indexer.get(after["light"]["href"].as_str().unwrap()).status, 200);
        assert_eq!(detections(&indexer, "a"), ["a.r2.1"]);
        assert!(indexer.changes().iter().all(|change| change["kind"] != "withdrawn"));
        assert_eq!((runs(&indexer), indexer.jobs().len()), (2, 2));
    }
}

#[test]
fn a_renamed_file_takes_its_result_to_its_new_name() {
    let indexer = Indexer::start(&counted(), &[]);
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    indexer.scene_at("other", 2, "published");
    fs::rename(indexer.root().join("a.tif"), indexer.root().join("b.MBI.tif")).unwrap();
    let renamed = indexer.scene_at("b", 1, "published");
    until("withdrawal", || indexer.scene("a").is_null());
    assert_eq!((detections(&indexer, "a").len(), detections(&indexer, "b")), (0, vec!["b.r1.1".into()]));
    assert_eq!(indexer.get(renamed["light"]["href"].as_str().unwrap()).body, tiff(1));
    assert_eq!((runs(&indexer), indexer.jobs().len()), (2, 2));
    // Written anew it is a scene like any other.
    fs::write(indexer.root().join("b.MBI.tif"), tiff(4)).unwrap();
    indexer.scene_at("b", 3, "published");
    // A copy beside it is a scene of its own and has to run.
    fs::copy(indexer.root().join("other.tif"), indexer.root().join("copy.tif")).unwrap();
    indexer.scene_at("copy", 2, "published");
    assert!(!indexer.scene("other").is_null());
}

#[test]
fn a_renamed_folder_keeps_every_result() {
    let indexer = Indexer::start(&counted(), &["--jobs", "2"]);
    fs::create_dir(indexer.root().join("old")).unwrap();
    let names: Vec<String> = (0..6).map(|number| format!("s{number}")).collect();
    for (name, seed) in names.iter().zip(1..) {
        fs::write(indexer.root().join(format!("old/{name}.tif")), tiff(seed)).unwrap();
    }
    names.iter().for_each(|name| drop(indexer.scene_at(name, 2, "published")));
    fs::rename(indexer.root().join("old"), indexer.root().join("new")).unwrap();
    for name in &names {
        until("new path", || indexer.scene(name)["path"] == format!("new/{name}.tif"));
    }
    until("an end of the doubt", || indexer.json("/health")["watch"] == "ok");
    assert_eq!(runs(&indexer), 6);
    assert!(indexer.changes().iter().all(|change| change["kind"] != "withdrawn"));
}
