//! Real deliveries dropped into a running folder: what is a raster appears where it belongs, the rest harms nothing.

use std::{fs, path::Path, time::Duration};

use aurora_e2e::{House, Web, house::Settings, journey};
use aurora_fixtures::at_hand::sample_data;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(240);

/// Files of the malformed collection that are dropped; every `n`th so that all families are met.
const MALFORMED: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn real_files_appear_where_they_belong_and_broken_ones_harm_nothing() {
    let Some(data) = sample_data("") else { return };
    let folder = tempfile::tempdir().unwrap();
    let indexer = ["--incomplete-after", "3s"].map(str::to_owned).to_vec();
    let house = House::open(folder.path(), Settings { indexer, ..Settings::default() }).await.unwrap();
    drop_litter(&house, &data);
    let expected: Value = serde_json::from_str(&fs::read_to_string(data.join("expected.json")).unwrap()).unwrap();
    let mut scenes = Vec::new();
    for family in ["csk-like", "sar"] {
        for path in tifs(&data.join(family)) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            house.drop_file(&path, &name).unwrap();
            if !name.contains(".QLK.") {
                scenes.push((stem(&name), expected["files"][format!("{family}/{name}")]["bounds_wgs84"].clone()));
            }
        }
    }
    for seed in 31..34 {
        scenes.push((house.drop_scene(seed, 1500).unwrap(), Value::Null));
    }
    for (scene_id, bounds) in &scenes {
        journey::follow(&house.web(), scene_id, PATIENCE).await.unwrap();
        if bounds.is_array() {
            let tilejson =
                house.web().json(&format!("/scenes/{scene_id}/WebMercatorQuad/tilejson.json")).await.unwrap();
            assert_near(&tilejson["bounds"], bounds, scene_id);
        }
    }
    every_file_has_its_answer(&house, &scenes).await;
}

/// Real products as they are delivered: an HDF5 file by itself, and archives by either name.
#[tokio::test(flavor = "multi_thread")]
async fn packed_deliveries_and_products_appear_and_half_of_one_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let indexer = ["--incomplete-after", "3s"].map(str::to_owned).to_vec();
    let house = House::open(folder.path(), Settings { indexer, ..Settings::default() }).await.unwrap();
    let product = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/inference/tests/data/csk.h5");
    house.drop_file(&product, "product.h5").unwrap();
    let made = house.drop_scene(41, 600).unwrap();
    let raster = house.nas().join(format!("{made}.MBI.tif"));
    for (name, packed) in [("packed.tgz", &product), ("mosaic.tar.gz", &raster)] {
        house.drop_file(&archive(folder.path(), packed), name).unwrap();
    }
    let whole = fs::read(archive(folder.path(), &raster)).unwrap();
    fs::write(house.nas().join("half.tgz"), &whole[..whole.len() / 2]).unwrap();
    for scene_id in ["product", "packed", "mosaic", &made] {
        journey::follow(&house.web(), scene_id, PATIENCE).await.unwrap();
    }
    let listed = async |indexer: &Web| {
        let jobs = jobs(indexer).await?;
        Ok(jobs.iter().any(|job| job["path"] == "half.tgz" && job["state"] == "incomplete"))
    };
    house.indexer_web().until(PATIENCE, "half an archive to be listed", listed).await.unwrap();
    assert_eq!(house.web().status("/scenes/half").await.unwrap(), 404, "half an archive is shown");
    fs::write(house.nas().join("half.tgz"), &whole).unwrap();
    journey::follow(&house.web(), "half", PATIENCE).await.unwrap();
}

/// An archive of one file in a folder, as deliveries come.
fn archive(folder: &Path, packed: &Path) -> std::path::PathBuf {
    let (from, name) = (packed.parent().unwrap(), packed.file_name().unwrap());
    let path = folder.join("packed.tar.gz");
    let mut packing = std::process::Command::new("tar");
    packing.arg("-czf").arg(&path).arg("--transform=s,^,delivery/,").arg("-C").arg(from).arg(name);
    assert!(packing.status().unwrap().success());
    path
}

/// Files that are no scenes, or not yet: half of one, quick looks, temporary names, texts, broken rasters.
fn drop_litter(house: &House, data: &Path) {
    let nas = house.nas();
    fs::write(nas.join("readme.txt"), "not a raster").unwrap();
    fs::write(nas.join("text.tif"), "not a raster either").unwrap();
    fs::write(nas.join("empty.tif"), "").unwrap();
    let delivery =
        tifs(&data.join("csk-like")).into_iter().find(|path| path.to_str().unwrap().contains(".MBI.")).unwrap();
    let bytes = fs::read(&delivery).unwrap();
    fs::write(nas.join("half.MBI.tif"), &bytes[..bytes.len() / 2]).unwrap();
    for name in ["whole.QLK.tif", "whole.MBI.tif.tmp", "whole.MBI.tif.part", ".whole.MBI.tif"] {
        fs::write(nas.join(name), &bytes).unwrap();
    }
    // Most have no extension of their own; as `.tif` each is taken for a scene.
    let entries = fs::read_dir(data.join("malformed")).unwrap().map(|entry| entry.unwrap().path());
    let mut broken: Vec<_> = entries.collect();
    broken.sort();
    for path in broken.iter().step_by((broken.len() / MALFORMED).max(1)).take(MALFORMED) {
        house.drop_file(path, &format!("broken/{}.tif", path.file_name().unwrap().to_str().unwrap())).unwrap();
    }
}

/// Every dropped file is a scene, a job with a reason, or ignored by its name; nothing crashed on the way.
async fn every_file_has_its_answer(house: &House, scenes: &[(String, Value)]) {
    let all_answered = async |web: &Web| {
        let jobs = jobs(web).await?;
        let listed = jobs.iter().filter(|job| job["path"].as_str().is_some_and(|path| path.starts_with("broken/")));
        let ended = |job: &&Value| matches!(job["state"].as_str(), Some("failed" | "published" | "incomplete"));
        Ok(listed.filter(ended).count() == MALFORMED)
    };
    house.indexer_web().until(PATIENCE, "answer for every broken file", all_answered).await.unwrap();
    let jobs = jobs(&house.indexer_web()).await.unwrap();
    let half = jobs.iter().filter(|job| job["path"] == "half.MBI.tif" && job["state"] == "incomplete");
    assert_eq!(half.count(), 1, "{jobs:#?}");
    for job in jobs.iter().filter(|job| job["state"] == "failed") {
        assert!(job["reason"].as_str().is_some_and(|reason| reason.len() > 10), "a failure without a reason: {job}");
    }
    let texts = jobs.iter().filter(|job| job["path"] == "text.tif" && job["state"] == "failed");
    assert_eq!(texts.count(), 1, "{jobs:#?}");
    for ignored in ["readme.txt", "whole.QLK.tif", "whole.MBI.tif.tmp", "whole.MBI.tif.part", ".whole.MBI.tif"] {
        assert!(!jobs.iter().any(|job| job["path"] == ignored), "{ignored} was taken for a scene");
    }
    assert_eq!(house.web().status("/scenes/half").await.unwrap(), 404, "half a file is shown");
    for (scene_id, _) in scenes {
        journey::check_middle_tile(&house.web(), scene_id).await.unwrap();
    }
    let health = house.indexer_web().json("/health").await.unwrap();
    assert_eq!(health["watch"], "ok", "{health}");
}

async fn jobs(indexer: &Web) -> anyhow::Result<Vec<Value>> {
    Ok(indexer.json("/jobs?limit=1000").await?["jobs"].as_array().cloned().unwrap_or_default())
}

fn tifs(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_tif =
        |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "tif" || extension == "tiff");
    let mut paths: Vec<_> = entries.filter(is_tif).collect();
    paths.sort();
    paths
}

/// The scene id of a file name, as the contract has it.
fn stem(name: &str) -> String {
    let end = name.find(".MBI").or_else(|| name.rfind('.')).unwrap_or(name.len());
    name[..end].to_owned()
}

fn assert_near(bounds: &Value, expected: &Value, scene_id: &str) {
    for (ours, theirs) in bounds.as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
        let off = (ours.as_f64().unwrap() - theirs.as_f64().unwrap()).abs();
        // The result of a warped source may grow by one pixel; 0.01° is far below a tile.
        assert!(off < 0.01, "{scene_id} lies at {bounds}, expected {expected}");
    }
}
