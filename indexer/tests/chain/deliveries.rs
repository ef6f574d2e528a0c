//! Deliveries and the rasters that are unpacked beside them: one scene, whichever of them is there.

use std::fs;

use crate::{
    long_enough,
    support::{Indexer, tiff},
};

/// Copies rasters, and what is packed in deliveries.
const UNPACK: &str = r#"case "$1" in *.tgz) gunzip -c "$1";; *) cat "$1";; esac >"$2/x.MBI_light.tif" || exit 65
echo '{"type":"FeatureCollection","features":[]}' >"$2/x.detections.geojson""#;

fn pack(indexer: &Indexer, seed: u16) {
    let packed = indexer.dir.path().join("packed");
    fs::write(&packed, tiff(seed)).unwrap();
    assert!(std::process::Command::new("gzip").arg(&packed).status().unwrap().success());
    fs::rename(indexer.dir.path().join("packed.gz"), indexer.root().join("a.tgz")).unwrap();
}

fn ids(indexer: &Indexer) -> Vec<String> {
    let items = indexer.json("/catalog/items");
    items["features"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_delivery_stays_a_scene_until_its_raster_is_whole_and_is_it_again_when_that_is_gone() {
    let indexer = Indexer::start(UNPACK, &["--incomplete-after", "1s"]);
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    indexer.scene_at("other", 2, "published");
    pack(&indexer, 1);
    indexer.scene_at("a", 2, "published");

    let (raster, whole) = (indexer.root().join("a.MBI.tif"), tiff(2));
    fs::write(&raster, &whole[..5000]).unwrap();
    let listed = indexer.job_in("a.MBI.tif", "incomplete");
    assert_eq!((&listed["scene_id"], &listed["revision"]), (&"a".into(), &3.into()));
    assert_eq!(
        (indexer.scene("a")["path"].clone(), indexer.scene("a")["revision"].clone()),
        ("a.tgz".into(), 2.into())
    );

    fs::write(&raster, &whole).unwrap();
    assert_eq!(indexer.scene_at("a", 4, "published")["path"], "a.MBI.tif");
    long_enough();
    assert_eq!(ids(&indexer), ["a", "other"]);

    fs::remove_file(&raster).unwrap();
    let mut back = serde_json::Value::Null;
    crate::support::until("the delivery's return", || {
        back = indexer.scene("a");
        back["path"] == "a.tgz" && back["status"] == "published"
    });
    long_enough();
    assert_eq!((ids(&indexer), indexer.scene("a")), (vec!["a".to_owned(), "other".to_owned()], back));
    assert!(
        indexer.changes().iter().all(|change| change["scene"]["scene_id"].as_str().is_none_or(|id| !id.contains('~')))
    );
}

#[test]
fn what_cannot_be_shown_does_not_take_a_good_deliverys_place() {
    let indexer = Indexer::start(&format!(r#"case "$1" in *a.MBI.tif) exit 65;; esac; {UNPACK}"#), &[]);
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    pack(&indexer, 1);
    let before = indexer.scene_at("a", 2, "published");
    fs::write(indexer.root().join("a.MBI.tif"), "no raster at all").unwrap();
    indexer.job_in("a.MBI.tif", "failed");
    long_enough();
    assert_eq!(indexer.scene("a"), before);
}

#[test]
fn of_both_at_once_only_the_raster_runs() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    for (name, bytes) in [("a.tgz", b"packed".to_vec()), ("a.MBI.tif", tiff(1))] {
        fs::write(dir.path().join("root").join(name), bytes).unwrap();
    }
    let indexer = Indexer::start_in(dir, UNPACK, &[]);
    indexer.scene_at("a", 2, "published");
    long_enough();
    assert_eq!((indexer.jobs().len(), ids(&indexer)), (1, vec!["a".to_owned()]));
}
