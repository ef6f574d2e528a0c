//! The COG that comes out: its structure, its nodata, its place.

mod common;

use std::fs;

use aurora_inference::{Error, NodataChoice, run};
use common::{UTM_23_S, geotiff, job, level, north_up};
use gdal::{Dataset, Metadata as _};

#[test]
fn it_is_tiled_with_overviews_and_keeps_its_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.MBI.tif");
    let value = |x: usize, y: usize| (x * 7 + y * 3) as u16 % 4000 + 1;
    geotiff(&input, (1500, 1100), Some((UTM_23_S, north_up(30.0))), None, value);
    let summary = run(&job(&input, folder.path())).unwrap();
    let cog = folder.path().join("a.MBI_light.tif");
    let dataset = Dataset::open(&cog).unwrap();
    assert_eq!(dataset.metadata_item("LAYOUT", "IMAGE_STRUCTURE").as_deref(), Some("COG"));
    assert_eq!(dataset.metadata_item("COMPRESSION", "IMAGE_STRUCTURE").as_deref(), Some("ZSTD"));
    let band = dataset.rasterband(1).unwrap();
    assert_eq!((band.block_size(), band.overview_count().unwrap()), ((512, 512), 2));
    assert_eq!(band.overview(0).unwrap().block_size(), (512, 512));
    assert_eq!(dataset.spatial_ref().unwrap().auth_code().unwrap(), 32723);
    assert_eq!(dataset.geo_transform().unwrap(), north_up(30.0));
    assert_eq!((summary.epsg, summary.spacing_m, summary.nodata), (32723, 30.0, serde_json::Value::Null));
    let expected: Vec<f32> = (0..1500 * 1100).map(|i| f32::from(value(i % 1500, i / 1500))).collect();
    assert!(level(&cog, 0) == expected);
}

#[test]
fn one_a_pixel_wide_has_no_overviews() {
    let folder = tempfile::tempdir().unwrap();
    for (sides, overviews) in [((1, 1000), 0), ((2, 1000), 1)] {
        let input = folder.path().join("thin.tif");
        geotiff(&input, sides, Some((UTM_23_S, north_up(30.0))), None, |x, y| (x + y) as u16 % 200 + 1);
        run(&job(&input, folder.path())).unwrap();
        let cog = Dataset::open(folder.path().join("thin.MBI_light.tif")).unwrap();
        assert_eq!(cog.rasterband(1).unwrap().overview_count().unwrap(), overviews, "{sides:?}");
    }
}

/// A rotated footprint of 1000 on an undeclared border of 0.
fn rotated(x: usize, y: usize) -> u16 {
    let is_inside = (x as f64 - 800.0).abs() + (y as f64 - 800.0).abs() < 700.0;
    if is_inside { 1000 + ((x * 31 + y * 17) % 19) as u16 } else { 0 }
}

#[test]
fn no_overview_mixes_data_with_nodata() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("edge.tif");
    geotiff(&input, (1600, 1600), Some((UTM_23_S, north_up(30.0))), None, rotated);
    let summary = run(&job(&input, folder.path())).unwrap();
    assert_eq!(summary.nodata, 0.0);
    let cog = folder.path().join("edge.MBI_light.tif");
    assert_eq!(Dataset::open(&cog).unwrap().rasterband(1).unwrap().no_data_value(), Some(0.0));
    for index in 1..=2 {
        let values = level(&cog, index);
        assert!(values.contains(&0.0) && values.iter().any(|value| *value >= 1000.0));
        let between = values.iter().filter(|value| **value > 0.0 && **value < 1000.0).count();
        assert_eq!(between, 0, "overview {index}");
    }
}

#[test]
fn nodata_is_not_invented() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("full.tif");
    // Zeros inside and single ones at the border are data.
    let value = |x: usize, y: usize| if (x * 5 + y * 11).is_multiple_of(97) { 0 } else { (x % 200) as u8 + 1 };
    geotiff(&input, (600, 600), Some((UTM_23_S, north_up(30.0))), None, value);
    assert!(run(&job(&input, folder.path())).unwrap().nodata.is_null());
    let mut forced = job(&input, folder.path());
    forced.nodata = NodataChoice::Value(7.0);
    assert_eq!(run(&forced).unwrap().nodata, 7.0);
    forced.nodata = NodataChoice::Value(-1.0);
    assert!(matches!(run(&forced), Err(Error::NodataOutOfRange { .. })));
}

#[test]
fn a_south_up_raster_is_turned_without_a_change_of_values() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("south.tif");
    let transform = [600_000.0, 30.0, 0.0, 7_300_000.0, 0.0, 30.0];
    geotiff(&input, (300, 200), Some((UTM_23_S, transform)), None, |x, y| (x + 1000 * y) as f32);
    run(&job(&input, folder.path())).unwrap();
    let cog = folder.path().join("south.MBI_light.tif");
    assert_eq!(Dataset::open(&cog).unwrap().geo_transform().unwrap(), [600_000.0, 30.0, 0.0, 7_306_000.0, 0.0, -30.0]);
    let expected: Vec<f32> = (0..200).rev().flat_map(|y| (0..300).map(move |x| (x + 1000 * y) as f32)).collect();
    assert!(level(&cog, 0) == expected);
}

#[test]
fn a_rotated_raster_lies_north_up_with_its_corners_empty() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("turned.tif");
    let transform = [600_000.0, 26.0, 15.0, 7_400_000.0, 15.0, -26.0];
    geotiff(&input, (400, 400), Some((UTM_23_S, transform)), None, |x, y| ((x + y) % 900) as u16 + 100);
    let summary = run(&job(&input, folder.path())).unwrap();
    let cog = folder.path().join("turned.MBI_light.tif");
    let placed = Dataset::open(&cog).unwrap().geo_transform().unwrap();
    assert!(placed[2] == 0.0 && placed[4] == 0.0 && placed[5] < 0.0);
    assert_eq!(summary.nodata, 0.0);
    let values = level(&cog, 0);
    assert_eq!(values[0], 0.0);
    assert!(values.iter().all(|value| *value == 0.0 || *value >= 100.0));
}

#[test]
fn nothing_but_the_three_results_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.tif");
    geotiff(&input, (100, 100), Some((UTM_23_S, north_up(30.0))), None, |x, y| (x * y) as u16 + 1);
    let out = folder.path().join("out");
    let killed = out.join(".in.tmp");
    fs::create_dir_all(&killed).unwrap();
    fs::write(killed.join("in.MBI_light.tif.ovr.tmp"), b"half").unwrap();
    run(&job(&input, &out)).unwrap();
    let mut names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in.MBI_light.tif", "in.detections.geojson", "in.summary.json"]);
}

#[test]
fn the_longest_name_that_a_file_may_have_is_none_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join(format!("{}.tif", "L".repeat(251)));
    // Large enough for overviews, and with nodata, so that GDAL needs all the files beside it that it ever does.
    geotiff(&input, (1600, 1600), Some((UTM_23_S, north_up(30.0))), None, rotated);
    let out = folder.path().join("out");
    run(&job(&input, &out)).unwrap();
    let names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let light = names.iter().find(|name| name.ends_with(".MBI_light.tif")).unwrap();
    assert!(light.starts_with("LLLL") && Dataset::open(out.join(light)).is_ok(), "{light}");
}
