//! A network of the operator's in place of the detector. The files in `data` are made by `data/make.py`.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use aurora_inference::{Error, Model, Summary, run};
use common::{UTM_23_S, geotiff, job, north_up, speckle};
use serde_json::Value;

const SIDE_PX: usize = 1200;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A sea with a dark ellipse of 150 × 30 px that lies across the middle, where tiles of 512 cells of two pixels meet.
fn sea(x: usize, y: usize) -> u16 {
    let (dx, dy) = (x as f64 - 760.0, y as f64 - 760.0);
    let radius = (dx / 150.0).hypot(dy / 30.0);
    let db = if radius < 1.0 { -8.0 } else { 0.0 };
    (500.0 * (10_f64.powf(db / 10.0) * speckle(x, y, 4)).sqrt()).round() as u16 + 1
}

/// `dark.onnx` with all left out that ONNX has defaults for.
fn terse(folder: &Path) -> PathBuf {
    use rten_onnx::onnx::ModelProto;
    let mut model = ModelProto::parse_buf(&fs::read(data("dark.onnx")).unwrap()).unwrap();
    let mut left_out = 0;
    for node in &mut model.graph.as_mut().unwrap().node {
        let before = node.attribute.len();
        node.attribute.retain(|attribute| match attribute.name.as_deref() {
            Some("strides" | "dilations") => false,
            Some("pads") => attribute.ints.iter().any(|pad| *pad != 0),
            _ => true,
        });
        left_out += before - node.attribute.len();
        assert!(!node.attribute.iter().any(|attribute| attribute.name.as_deref() == Some("kernel_shape")));
    }
    assert!(left_out >= 9, "strides and dilations of four convolutions, and padding of one");
    let path = folder.join("terse.onnx");
    fs::write(&path, model.write_buf().unwrap()).unwrap();
    path
}

#[test]
fn a_network_that_leaves_defaults_out_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (_, full) = found_by("dark.onnx", folder.path());
    let terse = terse(folder.path());
    let (_, terse) = found_by(terse.to_str().unwrap(), folder.path());
    assert_eq!(full.len(), 1);
    assert_eq!(full[0]["geometry"], terse[0]["geometry"]);
}

fn found_by(model: &str, folder: &Path) -> (Summary, Vec<Value>) {
    let input = folder.join("sea.MBI.tif");
    geotiff(&input, (SIDE_PX, SIDE_PX), Some((UTM_23_S, north_up(30.0))), None, sea);
    let mut job = job(&input, folder);
    job.model = Model::Network(data(model));
    let summary = run(&job).unwrap();
    let text = fs::read(folder.join("sea.detections.geojson")).unwrap();
    let collection: Value = serde_json::from_slice(&text).unwrap();
    (summary, collection["features"].as_array().unwrap().clone())
}

#[test]
fn a_network_finds_what_it_was_made_for_and_tiles_leave_no_seam() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, tiled) = found_by("dark.onnx", folder.path());
    assert_eq!((summary.detections, &*summary.model), (1, "dark.onnx"), "{tiled:?}");
    let properties = &tiled[0]["properties"];
    let number = |properties: &Value, key: &str| properties[key].as_f64().unwrap();
    let expected_km2 = std::f64::consts::PI * 150.0 * 30.0 * 900.0 / 1e6;
    assert!((number(properties, "area_km2") / expected_km2 - 1.0).abs() < 0.2, "{properties}");
    assert!(number(properties, "confidence") > 0.8 && number(properties, "contrast_db") > 6.0, "{properties}");
    assert_eq!(properties["model"], "dark.onnx");
    // The whole scene in one tile gives the same.
    let (_, whole) = found_by("dark-640.onnx", folder.path());
    assert_eq!(whole.len(), 1);
    let difference = number(&whole[0]["properties"], "area_km2") - number(properties, "area_km2");
    assert!(difference.abs() < 0.01 * expected_km2, "{difference}");
}

#[test]
fn a_file_that_is_no_network_is_not_the_scenes_fault() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.tif");
    geotiff(&input, (50, 50), Some((UTM_23_S, north_up(30.0))), None, |x, y| (x + y) as u8);
    let fake = folder.path().join("fake.onnx");
    fs::write(&fake, b"no network").unwrap();
    let mut job = job(&input, folder.path());
    for path in [fake, folder.path().join("missing.onnx")] {
        job.model = Model::Network(path);
        let error = run(&job).unwrap_err();
        assert!(matches!(error, Error::Model { .. }) && !error.is_permanent() && error.exit_code() == 78, "{error}");
    }
}
