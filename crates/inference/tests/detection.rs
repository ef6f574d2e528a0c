//! The detector on small made seas: what it must find, and what it must not.

mod common;

use std::{fs, path::Path};

use aurora_inference::{Summary, run};
use common::{UTM_23_S, geotiff, job, north_up, speckle};
use serde_json::Value;

const SIDE_PX: usize = 1200;
const SPACING_M: f64 = 30.0;

/// Amplitude of a sea with a fall-off of 4 dB from west to east, 4 looks, and a darkening in dB.
fn sea(darkening_db: impl Fn(f64, f64) -> f64) -> impl Fn(usize, usize) -> u16 {
    move |x, y| {
        let db = -4.0 * x as f64 / SIDE_PX as f64 - darkening_db(x as f64, y as f64);
        (500.0 * (10_f64.powf(db / 10.0) * speckle(x, y, 4)).sqrt()).round() as u16 + 1
    }
}

fn detect(folder: &Path, value: impl Fn(usize, usize) -> u16) -> (Summary, Vec<Value>) {
    let input = folder.join("sea.MBI.tif");
    geotiff(&input, (SIDE_PX, SIDE_PX), Some((UTM_23_S, north_up(SPACING_M))), None, value);
    let summary = run(&job(&input, folder)).unwrap();
    let text = fs::read(folder.join("sea.detections.geojson")).unwrap();
    let collection: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(collection["type"], "FeatureCollection");
    (summary, collection["features"].as_array().unwrap().clone())
}

/// Radius in units of an ellipse of 150 × 30 px in the middle.
fn ellipse(x: f64, y: f64) -> f64 {
    ((x - 600.0) / 150.0).hypot((y - 600.0) / 30.0)
}

#[test]
fn a_dark_ellipse_is_found_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, features) = detect(folder.path(), sea(|x, y| if ellipse(x, y) < 1.0 { 7.0 } else { 0.0 }));
    assert_eq!((summary.detections, features.len()), (1, 1), "{features:?}");
    let properties = &features[0]["properties"];
    let number = |key: &str| properties[key].as_f64().unwrap();
    let expected_km2 = std::f64::consts::PI * 150.0 * 30.0 * SPACING_M * SPACING_M / 1e6;
    assert!((number("area_km2") / expected_km2 - 1.0).abs() < 0.15, "{properties}");
    assert!((number("contrast_db") - 7.0).abs() < 0.8, "{properties}");
    assert!((number("elongation") - 5.0).abs() < 0.8, "{properties}");
    assert!(number("confidence") > 0.8 && number("perimeter_km") > 9.0, "{properties}");
    assert_eq!((&properties["index"], &properties["model"]), (&1.into(), &aurora_inference::MODEL.into()));
    let ring: Vec<[f64; 2]> = serde_json::from_value(features[0]["geometry"]["coordinates"][0].clone()).unwrap();
    // The middle of the ellipse, 618 km east and 7,382 km north in UTM 23 S.
    let middle = ring.iter().fold([0.0, 0.0], |sum, c| [sum[0] + c[0], sum[1] + c[1]]).map(|s| s / ring.len() as f64);
    assert!((middle[0] + 43.846).abs() < 0.01 && (middle[1] + 23.666).abs() < 0.01, "{middle:?}");
}

#[test]
fn calm_wind_that_fades_in_is_not_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (_, features) =
        detect(folder.path(), sea(|x, y| 5.0 * (-0.5 * ((x - 600.0).hypot(y - 600.0) / 200.0).powi(2)).exp()));
    assert!(features.is_empty(), "{features:?}");
}

#[test]
fn open_sea_has_no_spots() {
    let folder = tempfile::tempdir().unwrap();
    let (summary, features) = detect(folder.path(), sea(|_, _| 0.0));
    assert!(features.is_empty() && summary.detection_note.is_none(), "{features:?}");
}

/// Streaks of wind of 1.4 dB, 1.2 to 4.5 km apart and tens of km long, at a pixel.
fn streaks_db(x: f64, y: f64) -> f64 {
    const WAVES: u8 = 24;
    let (x_km, y_km) = (x * SPACING_M / 1e3, y * SPACING_M / 1e3);
    let (across, along) = (0.8 * y_km - 0.6 * x_km, 0.8 * x_km + 0.6 * y_km);
    let wave = |index: f64| {
        let (t, u) = ((index * 0.618_034).fract(), (index * 0.414_214).fract());
        let turns = across / (1.2 + 3.3 * t) + along / (18.0 + 20.0 * u) + (index * index * 0.377).fract();
        (std::f64::consts::TAU * turns).cos()
    };
    1.4 * (0..WAVES).map(|index| wave(f64::from(index))).sum::<f64>() * (2.0 / f64::from(WAVES)).sqrt()
}

#[test]
fn a_small_sea_that_wind_roughens_everywhere_is_no_land() {
    let folder = tempfile::tempdir().unwrap();
    let slick = |x: f64, y: f64| if ((x - 600.0) / 200.0).hypot((y - 600.0) / 30.0) < 1.0 { 9.0 } else { 0.0 };
    let (summary, features) = detect(folder.path(), sea(|x, y| slick(x, y) - streaks_db(x, y)));
    assert_eq!(summary.detection_note, None);
    assert_eq!(features.len(), 1, "{features:?}");
    let area_km2 = features[0]["properties"]["area_km2"].as_f64().unwrap();
    let expected_km2 = std::f64::consts::PI * 200.0 * 30.0 * SPACING_M * SPACING_M / 1e6;
    assert!((0.7..1.3).contains(&(area_km2 / expected_km2)), "{area_km2} of {expected_km2}");
}

#[test]
fn a_scene_of_hills_alone_holds_no_open_water() {
    let folder = tempfile::tempdir().unwrap();
    let relief = |x: f64, y: f64| -3.0 * ((x / 9.0).sin() + (y / 11.0).sin() + ((x + 2.0 * y) / 40.0).sin());
    let (summary, features) = detect(folder.path(), sea(relief));
    assert!(features.is_empty(), "{features:?}");
    assert!(summary.detection_note.is_some_and(|note| note.contains("no open water")));
}

#[test]
fn a_dark_field_on_rough_bright_land_is_not_reported() {
    let folder = tempfile::tempdir().unwrap();
    let open_sea = sea(|_, _| 0.0);
    let (_, features) = detect(folder.path(), |x, y| {
        if x + y > 900 {
            return open_sea(x, y);
        }
        let relief = ((x as f64 / 9.0).sin() + (y as f64 / 11.0).sin()) * 2.0;
        let field = if (150..260).contains(&x) && (150..200).contains(&y) { 8.0 } else { 0.0 };
        (1000.0 * (10_f64.powf((relief - field) / 10.0) * speckle(x, y, 4)).sqrt()) as u16 + 1
    });
    assert!(features.is_empty(), "{features:?}");
}

#[test]
fn a_slick_in_a_bay_between_capes_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let open_sea = sea(|x, y| if (520.0..640.0).contains(&x) && (260.0..330.0).contains(&y) { 8.0 } else { 0.0 });
    // 36 km of coast, and in it a bay 3.6 km wide and 6 km deep that opens to the south.
    let is_land = |x: usize, y: usize| y < 400 && !((520..640).contains(&x) && y >= 200);
    let (_, features) = detect(folder.path(), |x, y| {
        if !is_land(x, y) {
            return open_sea(x, y);
        }
        let relief = ((x as f64 / 9.0).sin() + (y as f64 / 11.0).sin()) * 2.0;
        (1200.0 * (10_f64.powf(relief / 10.0) * speckle(x, y, 4)).sqrt()) as u16 + 1
    });
    assert_eq!(features.len(), 1, "{features:?}");
    let expected_km2 = 120.0 * 70.0 * SPACING_M * SPACING_M / 1e6;
    let area_km2 = features[0]["properties"]["area_km2"].as_f64().unwrap();
    assert!((0.6..1.2).contains(&(area_km2 / expected_km2)), "{area_km2} of {expected_km2}");
}

#[test]
fn decibels_are_read_as_decibels() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("db.tif");
    geotiff(&input, (SIDE_PX, SIDE_PX), Some((UTM_23_S, north_up(SPACING_M))), Some(-99.0), |x, y| {
        let dark = if ellipse(x as f64, y as f64) < 1.0 { 7.0 } else { 0.0 };
        (-12.0 - dark + 10.0 * speckle(x, y, 4).log10()) as f32
    });
    assert_eq!(run(&job(&input, folder.path())).unwrap().detections, 1);
}

#[test]
fn what_is_no_radar_image_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = Some((UTM_23_S, north_up(30.0)));
    let classes = folder.path().join("classes.tif");
    geotiff(&classes, (300, 300), place, None, |x, y| ((x / 50 + y / 50) % 4) as u8);
    let relief = folder.path().join("relief.tif");
    geotiff(&relief, (300, 300), place, None, |x, y| 800.0 + x as f32 + 0.5 * y as f32);
    for (input, reason) in [(classes, "classes"), (relief, "speckle")] {
        let summary = run(&job(&input, folder.path())).unwrap();
        assert_eq!(summary.detections, 0);
        assert!(summary.detection_note.as_ref().is_some_and(|note| note.contains(reason)), "{summary:?}");
    }
}
