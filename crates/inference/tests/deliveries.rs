//! Whole deliveries and unusual rasters: archives, HDF5, control points, several bands, floats with gaps.

mod common;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use aurora_fixtures::at_hand;
use aurora_inference::run;
use common::{UTM_23_S, geotiff, job, level, north_up};
use flate2::{Compression, write::GzEncoder};
use gdal::{
    Dataset, DriverManager,
    raster::{Buffer, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

/// Packs files as a delivery under their own names.
fn tgz(path: &Path, files: &[&Path]) {
    let mut builder = tar::Builder::new(GzEncoder::new(File::create(path).unwrap(), Compression::fast()));
    for file in files {
        let name = Path::new("delivery").join(file.file_name().unwrap());
        builder.append_path_with_name(file, name).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
}

fn product() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/csk.h5")
}

#[test]
fn a_product_gives_its_mosaic_bare_or_packed() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("CSKS1_GEC.tgz");
    tgz(&packed, &[&product()]);
    for input in [product(), packed] {
        let summary = run(&job(&input, folder.path())).unwrap();
        assert_eq!((summary.width_px, summary.height_px, summary.epsg), (80, 60, 32723));
        assert_eq!((summary.spacing_m, summary.nodata), (125.0, 0.0.into()));
    }
    assert!(
        folder.path().join("CSKS1_GEC.MBI_light.tif").is_file() && folder.path().join("csk.MBI_light.tif").is_file()
    );
}

#[test]
fn a_delivery_gives_its_mosaic_and_no_quick_look() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let place = Some((UTM_23_S, north_up(30.0)));
    geotiff(&file("A.MBI.tif"), (300, 200), place, None, |x, y| (x * y % 900) as u16 + 1);
    geotiff(&file("A.QLK.tif"), (400, 400), place, None, |x, y| (x + y) as u8);
    fs::write(file("A.attribs.xml"), "<x/>").unwrap();
    let delivery = file("A.tar.gz");
    tgz(&delivery, &[&file("A.QLK.tif"), &file("A.attribs.xml"), &file("A.MBI.tif")]);
    let summary = run(&job(&delivery, folder.path())).unwrap();
    assert_eq!((summary.width_px, summary.height_px, &*summary.scene_id), (300, 200, "A"));
    assert!(
        level(&file("A.MBI_light.tif"), 0)
            .iter()
            .enumerate()
            .all(|(i, value)| { *value == (((i % 300) * (i / 300)) % 900 + 1) as f32 })
    );
}

#[test]
fn a_delivery_with_one_byte_changed_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    geotiff(&file("A.MBI.tif"), (300, 200), Some((UTM_23_S, north_up(30.0))), None, |x, y| (x * y % 900) as u16 + 1);
    fs::write(file("A.attribs.xml"), "<x/>".repeat(9_000)).unwrap();
    let delivery = file("A.tgz");
    tgz(&delivery, &[&file("A.MBI.tif"), &file("A.attribs.xml")]);
    let whole = fs::read(&delivery).unwrap();
    run(&job(&delivery, folder.path())).unwrap();
    let behind_the_header = (10..whole.len() - 8).step_by(whole.len() / 40);
    for at in behind_the_header.chain(whole.len() - 8..whole.len()) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&delivery, damaged).unwrap();
        let error = run(&job(&delivery, folder.path())).unwrap_err();
        assert!(error.exit_code() == 65 && error.to_string().contains("archive is damaged"), "byte {at}: {error}");
    }
}

#[test]
fn floats_with_gaps_and_several_bands_keep_both() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("stack.tif");
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options = RasterCreationOptions::from_iter(["INTERLEAVE=BAND"]);
    let mut dataset = driver.create_with_band_type_with_options::<f32, _>(&input, 600, 600, 3, &options).unwrap();
    dataset.set_spatial_ref(&SpatialRef::from_epsg(UTM_23_S).unwrap()).unwrap();
    dataset.set_geo_transform(&north_up(30.0)).unwrap();
    for index in 1..=3 {
        let mut band = dataset.rasterband(index).unwrap();
        band.set_no_data_value(Some(f64::NAN)).unwrap();
        let value = |i: usize| if i % 600 < 100 { f32::NAN } else { index as f32 + (i % 7) as f32 / 10.0 };
        let mut buffer = Buffer::new((600, 600), (0..600 * 600).map(value).collect());
        band.write((0, 0), (600, 600), &mut buffer).unwrap();
    }
    dataset.close().unwrap();
    let summary = run(&job(&input, folder.path())).unwrap();
    assert_eq!((summary.bands, &*summary.dtype, summary.nodata), (3, "Float32", "nan".into()));
    let overview = level(&folder.path().join("stack.MBI_light.tif"), 1);
    assert!(overview[..50].iter().all(|value| value.is_nan()) && overview[50..300].iter().all(|value| *value >= 1.0));
}

#[test]
fn jpeg_2000_is_read_where_gdal_can() {
    let Ok(driver) = DriverManager::get_driver_by_name("JP2OpenJPEG") else {
        return at_hand::skipped("this GDAL has no JPEG 2000 driver");
    };
    let folder = tempfile::tempdir().unwrap();
    let tiff = folder.path().join("plain.tif");
    geotiff(&tiff, (256, 128), Some((UTM_23_S, north_up(30.0))), None, |x, y| (x * 3 + y) as u16 + 1);
    let input = folder.path().join("scene.jp2");
    let options = RasterCreationOptions::from_iter(["QUALITY=100", "REVERSIBLE=YES"]);
    Dataset::open(&tiff).unwrap().create_copy(&driver, &input, &options).unwrap().close().unwrap();
    run(&job(&input, folder.path())).unwrap();
    let pixels = level(&folder.path().join("scene.MBI_light.tif"), 0);
    assert!(pixels.iter().enumerate().all(|(i, value)| *value == ((i % 256) * 3 + i / 256 + 1) as f32));
}

/// The worked example of an operator's own model in `docs/own-model.md` really runs.
#[test]
fn the_documented_model_of_ones_own_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let Some(python) = at_hand::python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("A.MBI.tif");
    let is_dark = |x: usize, y: usize| (300..500).contains(&x) && (350..400).contains(&y);
    let value = |x: usize, y: usize| {
        let db = if is_dark(x, y) { -8.0 } else { 0.0 };
        (500.0 * (10_f64.powf(db / 10.0) * common::speckle(x, y, 4)).sqrt()).round() as u16 + 1
    };
    geotiff(&input, (900, 800), Some((UTM_23_S, north_up(30.0))), Some(0.0), value);
    let out = folder.path().join("out");
    let script = root.join("docs/examples/own_model.py");
    let run = Command::new(python).arg(script).arg(&input).arg("--out").arg(&out).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let cog = Dataset::open(out.join("A.MBI_light.tif")).unwrap();
    assert_eq!((cog.raster_size(), cog.rasterband(1).unwrap().overview_count().unwrap()), ((900, 800), 1));
    let text = fs::read(out.join("A.detections.geojson")).unwrap();
    let detections: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(detections["features"].as_array().unwrap().len(), 1, "{detections}");
    let broken = folder.path().join("broken.tif");
    fs::write(&broken, b"II*\0").unwrap();
    let script = root.join("docs/examples/own_model.py");
    let refused = Command::new(root.join(".venv/bin/python")).arg(script).arg(&broken).arg("--out").arg(&out).output();
    assert_eq!(refused.unwrap().status.code(), Some(65));
}
