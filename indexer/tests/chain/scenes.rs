//! Which files become scenes, and what a scene is on its way to its result.

use std::{fs, path::Path};

use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use crate::{
    long_enough,
    support::{COPY, Indexer, tiff, until},
};

#[test]
fn a_file_becomes_a_scene_and_then_a_result() {
    // It waits until it was seen to run: a command that ends at once may have ended before anybody looked.
    let indexer = Indexer::start(&format!(r#"while ! test -e "$4/go"; do sleep 0.1; done; {COPY}"#), &[]);
    fs::create_dir_all(indexer.root().join("2026/ü b")).unwrap();
    fs::write(indexer.root().join("2026/ü b/one two.MBI.tif"), tiff(1)).unwrap();
    indexer.job_in("2026/ü b/one two.MBI.tif", "running");
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    let scene = indexer.scene_at("one two", 2, "published");
    assert_eq!(scene["raw"]["href"], "/files/2026/%C3%BC%20b/one%20two.MBI.tif");
    assert_eq!(scene["raw"]["nodata"], 0.0, "an MBI's nodata is 0 though undeclared");
    assert_eq!((&scene["raw"]["epsg"], &scene["detections"]), (&32633.into(), &0.into()));
    let bounds: Vec<f64> = serde_json::from_value(scene["bounds_wgs84"].clone()).unwrap();
    assert!((bounds[0] - 15.0).abs() < 0.001 && (bounds[3] - 40.65).abs() < 0.01, "{bounds:?}");
    for asset in ["raw", "light"] {
        let answer = indexer.get(scene[asset]["href"].as_str().unwrap());
        assert_eq!((answer.status, answer.body.len() as u64), (200, scene[asset]["size_bytes"].as_u64().unwrap()));
    }
    let item = indexer.json("/catalog/items/one%20two");
    assert_eq!((&item["stac_version"], &item["id"]), (&"1.0.0".into(), &"one two".into()));
    assert_eq!(item["bbox"][0], bounds[0]);

    let changes = indexer.changes();
    let states: Vec<_> = changes.iter().filter_map(|change| change["job"]["state"].as_str()).collect();
    assert_eq!(states, ["queued", "leased", "submitted", "running", "collecting", "published"]);
    let kinds: Vec<_> =
        changes.iter().filter(|change| change["kind"] != "job").map(|change| change["kind"].clone()).collect();
    assert_eq!(kinds, ["scene", "detections", "scene"], "detections come before the scene that counts them");
    assert!(!indexer.dir.path().join("state/results/.attempts").join("x").exists());
}

#[test]
fn scans_alone_suffice() {
    let indexer = Indexer::start(COPY, &["--watch", "poll"]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    fs::write(indexer.root().join("b.tif"), tiff(2)).unwrap();
    indexer.scene_at("b", 2, "published");
    fs::remove_file(indexer.root().join("b.tif")).unwrap();
    until("withdrawal", || indexer.scene("b").is_null());
    assert_eq!(indexer.json("/health")["watch_figures"]["events"], false);
}

#[test]
fn a_delivery_is_a_scene_until_its_raster_is_unpacked_beside_it() {
    let indexer = Indexer::start(&format!(r#"case "$1" in *.tgz) exit 65;; esac; {COPY}"#), &[]);
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    fs::write(indexer.root().join("a.tgz"), "packed").unwrap();
    let job = indexer.job_in("a.tgz", "failed");
    assert_eq!((&job["scene_id"], &indexer.scene("a")["status"]), (&"a".into(), &"waiting".into()));
    fs::write(indexer.root().join("a.MBI.tif"), tiff(1)).unwrap();
    let scene = indexer.scene_at("a", 3, "published");
    assert_eq!(scene["path"], "a.MBI.tif");
    fs::write(indexer.root().join("other.h5"), "product").unwrap();
    long_enough();
    let scenes = indexer.json("/catalog/items")["features"].as_array().unwrap().len();
    assert_eq!((scenes, indexer.jobs().len()), (2, 3));
}

#[test]
fn results_are_no_scenes_in_whatever_folder_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    for folder in ["archive", "own"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let own = root.join("own");
    let (state, results) = (own.join("state").display().to_string(), own.join("shown").display().to_string());
    // Its own folders lie in the root too.
    let indexer = Indexer::start_in(dir, COPY, &["--state", &state, "--results", &results]);
    for name in ["X.MBI_light.tif", "archive/Y.MBI_light.tif", "X.MBI.tif"] {
        fs::write(root.join(name), tiff(1)).unwrap();
    }
    let scene = indexer.scene_at("X", 2, "published");
    let light = scene["light"]["href"].as_str().unwrap().strip_prefix("/results/").unwrap().to_owned();
    // Somebody copies a result into the root, under another name than a result's folder has.
    fs::copy(Path::new(&results).join(light), root.join("archive/X.MBI_light.tif")).unwrap();
    fs::write(root.join("Z.MBI.tif"), tiff(2)).unwrap();
    indexer.scene_at("Z", 2, "published");
    let ids = |changes: &[Value]| -> std::collections::BTreeSet<String> {
        changes.iter().filter_map(|change| Some(change["scene"]["scene_id"].as_str()?.to_owned())).collect()
    };
    assert_eq!(ids(&indexer.changes()).into_iter().collect::<Vec<_>>(), ["X", "Z"]);
    assert_eq!(indexer.jobs().len(), 2);
    assert_eq!(indexer.get("/files/archive/Y.MBI_light.tif").status, 200, "they are served all the same");
}

#[test]
fn two_files_of_one_name_are_two_scenes() {
    let indexer = Indexer::start(COPY, &[]);
    fs::create_dir(indexer.root().join("sub")).unwrap();
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    fs::write(indexer.root().join("sub/a.tif"), tiff(2)).unwrap();
    let hash = blake3::hash(b"sub/a.tif").to_hex();
    indexer.scene_at(&format!("a~{}", &hash[..8]), 2, "published");
}

/// Changes the indexer's database behind its back.
fn change(indexer: &Indexer, statements: &'static str) {
    let options = SqliteConnectOptions::new().filename(indexer.dir.path().join("state/indexer.db"));
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut conn = options.connect().await.unwrap();
        sqlx::raw_sql(statements).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    });
}

#[test]
fn the_log_tells_of_a_file_once_it_is_committed_and_of_no_folder_that_left() {
    let indexer = Indexer::start(COPY, &[]);
    let log = || fs::read_to_string(indexer.dir.path().join("log")).unwrap();
    // What it asks for is looked at only by the commit, and is never there.
    change(
        &indexer,
        "CREATE TABLE trial_parent (id INTEGER PRIMARY KEY);
         CREATE TABLE trial_child (id INTEGER REFERENCES trial_parent DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER trial AFTER INSERT ON scene BEGIN INSERT INTO trial_child VALUES (1); END",
    );
    fs::create_dir_all(indexer.root().join("day/pass")).unwrap();
    fs::write(indexer.root().join("day/pass/a.tif"), tiff(1)).unwrap();
    until("a commit that fails", || log().contains("FOREIGN KEY"));
    assert_eq!(log().matches("settled path=").count(), 0);
    change(&indexer, "DROP TRIGGER trial");
    indexer.scene_at("a", 2, "published");
    assert_eq!(log().matches("settled path=").count(), 1);

    fs::remove_dir_all(indexer.root().join("day")).unwrap();
    until("withdrawal", || indexer.scene("a").is_null());
    assert!(!log().contains("watch descriptor"), "{}", log());
}
