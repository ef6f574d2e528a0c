//! Size, type, system, bounds and nodata of the sample data, against what rio-tiler reads.

use aurora_raster::{
    RasterError, facts,
    header::Placement,
    render::{self, ReadOptions, View},
};
use aurora_tile::{TileId, TileMatrixSet};
use serde_json::Value;

use crate::{
    little::{Doubles, end, geo_keys, image, open, pixels, tiff},
    sample,
};

const TOLERANCE_DEG: f64 = 2e-6;

/// Files whose georeferencing needs what only ingest has: they keep their header, and a note that says why.
const NOTES: [(&str, &str); 1] =
    [("cog/rio-tiler__cog_nonearth.tif", "user-defined datum of another body than the earth")];

fn numbers(value: &Value) -> [f64; 4] {
    let numbers: Vec<f64> =
        value.as_array().expect("bounds").iter().map(|number| number.as_f64().expect("number")).collect();
    numbers.try_into().expect("four bounds")
}

fn expected_crs(expected: &Value) -> Option<&str> {
    expected["crs"].as_str().filter(|crs| *crs != "None")
}

/// What of `facts` differs from what is expected, in words.
fn difference(facts: &facts::Facts, by_control_points: bool, expected: &Value) -> Option<String> {
    let found = serde_json::json!([facts.width_px, facts.height_px, facts.dtype]);
    let wanted = serde_json::json!([expected["width"], expected["height"], expected["dtype"]]);
    // Of rasters by control points rio-tiler gives the size they would have once warped.
    if found != wanted && !by_control_points {
        return Some(format!("{found} is not {wanted}"));
    }
    let Some(crs) = expected_crs(expected) else {
        return facts.epsg.map(|epsg| format!("EPSG:{epsg} where there is no system"));
    };
    if crs.starts_with("EPSG") && facts.epsg.map(|epsg| format!("EPSG:{epsg}")).as_deref() != Some(crs) {
        return Some(format!("{:?} is not {crs}", facts.epsg));
    }
    let bounds = facts.bounds_wgs84?;
    let wanted = numbers(&expected["bounds_wgs84"]);
    let is_near = bounds.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < TOLERANCE_DEG);
    (!is_near).then(|| format!("{bounds:?} is not {wanted:?}"))
}

#[test]
fn every_file_lies_where_rio_tiler_puts_it() {
    let Some(expected) = sample::json("expected.json") else { return };
    let folder = sample::folder().expect("checked above");
    let (mut equal, mut wrong, mut refused) = (0, Vec::new(), Vec::new());
    for (name, expected) in expected["files"].as_object().expect("files") {
        let note = NOTES.iter().find(|(file, _)| file == name).map(|(_, note)| *note);
        let opened = sample::open(&folder.join(name));
        let by_control_points = opened.as_ref().is_ok_and(|tiff| {
            tiff.header().georef.as_ref().is_some_and(|georef| matches!(georef.placement, Placement::ControlPoints(_)))
        });
        match opened.map(|tiff| facts::of(&tiff)) {
            Ok(facts) if facts.bounds_wgs84.is_none() && note.is_some() => {
                assert_eq!(facts.georef_note.as_deref(), note, "{name}");
            }
            Ok(facts) if expected_crs(expected).is_some() && facts.bounds_wgs84.is_none() => {
                wrong.push(format!("{name}: {:?}", facts.georef_note));
            }
            Ok(facts) => match difference(&facts, by_control_points, expected) {
                Some(difference) => wrong.push(format!("{name}: {difference}")),
                None => equal += 1,
            },
            Err(error) => refused.push((name.as_str(), sample::refusal(&error).unwrap_or_else(|| error.to_string()))),
        }
    }
    println!("{equal} equal, {} with a note, refused: {refused:?}", NOTES.len());
    wrong.iter().for_each(|line| println!("  wrong: {line}"));
    assert!(wrong.is_empty());
    assert!(refused.is_empty());
}

/// Scenes at the poles: name, EPSG code, the outer corner of the first pixel, side of a pixel (600 of them a side), and
/// what rio-tiler 9.4.12 reads from them: bounds in degrees, first and last zoom of the web map.
type AtPole = (&'static str, u32, (f64, f64), f64, [f64; 4], (u8, u8));

const AT_POLES: [AtPole; 13] = [
    ("all of Antarctica", 3031, (-3e6, 3e6), 10_000.0, [-180.0, -90.0, 180.0, -52.317_100_799], (1, 2)),
    ("all of the Arctic", 3413, (-3e6, 3e6), 10_000.0, [-180.0, 52.211_749_904, 180.0, 90.0], (1, 2)),
    // Grids of sea ice, on an ellipsoid of their own.
    ("ice of the Arctic", 3411, (-3e6, 3e6), 10_000.0, [-180.0, 52.212_495_25, 180.0, 90.0], (1, 2)),
    ("ice of Antarctica", 3412, (-3e6, 3e6), 10_000.0, [-180.0, -90.0, 180.0, -52.212_495_25], (1, 2)),
    ("the North Pole", 3995, (-3e5, 3e5), 1000.0, [-180.0, 86.096_667_614, 180.0, 90.0], (2, 2)),
    ("the same, universal", 32_661, (1.7e6, 2.3e6), 1000.0, [-180.0, 86.179_979_538, 180.0, 90.0], (2, 2)),
    ("the South Pole, universal", 32_761, (1.7e6, 2.3e6), 1000.0, [-180.0, -90.0, 180.0, -86.179_979_538], (2, 2)),
    (
        "beside the pole",
        3413,
        (-5e5, -3e5),
        500.0,
        [-104.036_243_468, 82.799_248_176, -63.434_948_823, 86.672_511_837],
        (3, 5),
    ),
    ("degrees up to the pole", 4326, (10.0, 90.0), 0.01, [10.0, 84.0, 16.0, 90.0], (0, 0)),
    ("degrees down to the pole", 4326, (-30.0, -84.0), 0.01, [-30.0, -90.0, -24.0, -84.0], (0, 0)),
    (
        "beyond the web map",
        3857,
        (1e6, 2.3e7),
        10_000.0,
        [8.983_152_841, 82.040_160_203, 62.882_069_888, 86.888_640_727],
        (2, 4),
    ),
    (
        "far north of its zone",
        32_633,
        (4e5, 9.35e6),
        100.0,
        [6.211_656_673, 83.596_077_864, 11.759_610_102, 84.185_215_281],
        (5, 7),
    ),
    ("half of the globe, equal area", 3408, (-9e6, 9e6), 30_000.0, [-180.0, -84.526_388_065, 180.0, 90.0], (0, 1)),
];

#[test]
fn scenes_at_the_poles_lie_where_rio_tiler_puts_them() {
    for (name, epsg, (x, y), side, bounds, zooms) in AT_POLES {
        let (model, key) = if epsg == 4326 { (2, 2048) } else { (1, 3072) };
        let mut tags = image(600, 600);
        tags.extend([
            (33550, Doubles(vec![side, side, 0.0])),
            (33922, Doubles(vec![0.0, 0.0, 0.0, x, y, 0.0])),
            (34735, geo_keys(&[[1024, 0, 1, model], [1025, 0, 1, 1], [key, 0, 1, epsg as u16]])),
        ]);
        let scene = open(tiff(&tags, &pixels(600, 600), end)).expect("opens");
        let facts = facts::of(&scene);
        let found = facts.bounds_wgs84.expect("a place");
        let is_near = found.iter().zip(bounds).all(|(found, wanted)| (found - wanted).abs() < TOLERANCE_DEG);
        assert!(is_near, "{name}: {found:?}, not {bounds:?}");
        assert_eq!((facts.minzoom, facts.maxzoom), (Some(zooms.0), Some(zooms.1)), "{name}");
        // The first tile of a polar set shows more than half of the globe.
        for (set, is_seen) in [("UPSArcticWGS84Quad", bounds[3] > 0.0), ("UPSAntarcticWGS84Quad", bounds[1] < 0.0)] {
            let set = TileMatrixSet::named(set).expect("a set");
            let view = View::tile(set, TileId::new(0, 0, 0), 256).expect("a tile");
            let planned = render::plan(&scene, &view, &ReadOptions::default());
            assert!(planned.is_ok() == is_seen, "{name} in {}: {:?}", set.id, planned.err());
        }
    }
}

#[test]
fn nodata_and_masks_are_those_gdal_reports() {
    let Some(folder) = sample::folder() else { return };
    for name in std::fs::read_dir(folder.join("cog")).expect("folder").map(|entry| entry.expect("entry").path()) {
        let Ok(tiff) = sample::open(&name) else { continue };
        let dataset = gdal::Dataset::open(&name).expect("GDAL opens it");
        let band = dataset.rasterband(1).expect("band");
        let found = tiff.header().nodata;
        assert_eq!(found.map(f64::to_bits), band.no_data_value().map(f64::to_bits), "{}", name.display());
        let flags = band.mask_flags().expect("mask flags");
        let has_mask = !tiff.header().masks.is_empty();
        assert_eq!(has_mask, flags.is_per_dataset() && !flags.is_alpha(), "{}", name.display());
        // GDAL prefers a mask to an alpha band where a file has both.
        assert_eq!(tiff.header().alpha_band.is_some() && !has_mask, flags.is_alpha(), "{}", name.display());
    }
}

#[test]
fn a_half_copied_file_says_that_it_is_not_whole() {
    let Some(folder) = sample::folder() else { return };
    let whole = std::fs::read(folder.join("cog/rio-tiler__cog.tif")).expect("sample");
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("half.tif");
    std::fs::write(&path, &whole).expect("written");
    let limits = aurora_raster::Limits::default();
    let facts = facts::read_file(&path, &limits).expect("header");
    assert!(facts.is_whole() && facts.has_overviews);
    assert_eq!(facts.end_byte, facts.size_bytes);
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    let facts = facts::read_file(&path, &limits).expect("its header is there");
    assert!(!facts.is_whole());
    let tiff = sample::open(&path).expect("header");
    assert!(matches!(sample::pixels(&tiff, 0), Err(RasterError::Broken { .. })));
}
