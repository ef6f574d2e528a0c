//! Tiles, points and zooms of real files against what rio-tiler reads from them.
//!
//! `expected.json` beside the sample data holds rio-tiler's answers; files that the reader refuses are listed by the
//! reader's own tests.

mod support;

use std::path::Path;

use aurora_raster::{
    GeoTiff, RasterError, facts,
    render::{self, ReadOptions},
    statistics::{self, Statistics},
};
use serde_json::Value;
use support::{open, paint, sample_data, tile};

/// Largest relative difference of a tile's mean. rio-tiler warps at full size and then picks pixels of the result, so its
/// pixels are other neighbours of the same places; where values are noise, that moves the mean by its standard error; without
/// overviews the two pick from far apart, and it may be two.
const MEAN_TOLERANCE: f64 = 0.002;

/// Tiles of fewer pixels say nothing about a mean.
const LEAST_PIXELS_FOR_MEAN: usize = 50;

/// Largest difference of a tile's valid pixels, as a share of them; or one row or column of a square that size.
const VALID_TOLERANCE: f64 = 0.005;

/// A point exactly on the edge between pixels, which rounding gives to one side or the other.
const POINTS_ON_EDGES: [(&str, f64, f64); 1] = [("cog/rio-tiler__cog_fullearth.tif", -90.0, 45.0)];

/// In its own projection rio-tiler reads beyond the raster's edge and counts a row and a column of zeros as valid; GDAL's
/// warp of these tiles has our pixels and our mean.
const TILES_WITH_EXTRA_ZEROS: [(&str, u64); 2] = [("cog/rio-tiler__noweb.tif", 4), ("cog/rio-tiler__noweb.tif", 6)];

/// Largest difference at the points of JPEGs with subsampled colours. The list's were filled up by another version of
/// libjpeg than the one whose samples are served, and which the GDAL beside these tests has.
const OTHER_CHROMA: f64 = 6.0;

/// What differs in one file, as lines for people.
fn differences(name: &str, tiff: &GeoTiff, expected: &Value) -> Vec<String> {
    let mut lines = zoom_differences(tiff, expected);
    let items = |key: &str| expected[key].as_array().cloned().unwrap_or_default();
    lines.extend(items("points").iter().filter_map(|point| point_difference(name, tiff, point)));
    lines.extend(items("tiles_webmercator_256_nearest").iter().filter_map(|one| tile_difference(name, tiff, one)));
    lines
}

fn zoom_differences(tiff: &GeoTiff, expected: &Value) -> Vec<String> {
    let facts = facts::of(tiff);
    let right = [("minzoom", facts.minzoom), ("maxzoom", facts.maxzoom)];
    let wrong = right.into_iter().filter(|(key, zoom)| expected[*key].as_u64() != zoom.map(u64::from));
    wrong.map(|(key, zoom)| format!("{key} is {zoom:?}, not {}", expected[key])).collect()
}

fn numbers(value: &Value) -> Vec<Option<f64>> {
    value.as_array().map(|all| all.iter().map(Value::as_f64).collect()).unwrap_or_default()
}

fn point_difference(name: &str, tiff: &GeoTiff, point: &Value) -> Option<String> {
    let (lon, lat) = (point["lon"].as_f64()?, point["lat"].as_f64()?);
    if POINTS_ON_EDGES.contains(&(name, lon, lat)) {
        return None;
    }
    let pixels = render::plan_point(tiff, lon, lat, &ReadOptions::default()).and_then(|plan| paint(tiff, &plan));
    let values = match pixels {
        Ok(pixels) => (0..pixels.bands).map(|band| pixels.value(band, 0, 0)).collect(),
        Err(RasterError::OutsideBounds) => vec![None],
        Err(error) => return Some(format!("point {lon},{lat}: {error}")),
    };
    let wanted = numbers(&point["values"]);
    let same = |a: &Option<f64>, b: &Option<f64>| match (a, b) {
        (Some(a), Some(b)) if tiff.header().ycbcr => (a - b).abs() <= OTHER_CHROMA,
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs().max(1e-6),
        (a, b) => a.is_none() && b.is_none(),
    };
    let equal = values.len() == wanted.len() && values.iter().zip(&wanted).all(|(a, b)| same(a, b));
    (!equal).then(|| format!("point {lon},{lat} is {values:?}, not {wanted:?}"))
}

fn tile_difference(name: &str, tiff: &GeoTiff, expected: &Value) -> Option<String> {
    let number = |key: &str| expected[key].as_u64().expect("a whole number");
    let (z, x, y) = (number("z"), number("x"), number("y"));
    if TILES_WITH_EXTRA_ZEROS.contains(&(name, z)) {
        return None;
    }
    let view = tile(z as u8, x as u32, y as u32, 256);
    let place = format!("tile {z}/{x}/{y}");
    let pixels = match support::render(tiff, &view, &ReadOptions::default()) {
        Ok(pixels) => pixels,
        Err(error) => return Some(format!("{place}: {error}")),
    };
    let (valid, wanted_valid) = (pixels.valid_px() as f64, number("valid_px") as f64);
    if (valid - wanted_valid).abs() > (VALID_TOLERANCE * wanted_valid).max(wanted_valid.sqrt()) {
        return Some(format!("{place} has {valid} valid pixels, not {wanted_valid}"));
    }
    let standard_errors = if tiff.header().levels.len() > 1 { 1.0 } else { 2.0 };
    let wrong_mean = |(band, wanted): (u16, Option<f64>)| {
        let numbers = statistics::summarise(&pixels, band, &statistics::Wanted::default());
        let close = match (&numbers, wanted) {
            (Some(numbers), Some(wanted)) if tiff.header().ycbcr => (numbers.mean - wanted).abs() <= 1.0,
            (Some(numbers), Some(wanted)) => mean_is_close(numbers, wanted, standard_errors),
            (numbers, wanted) => numbers.is_none() && wanted.is_none(),
        };
        (!close).then(|| format!("{place} has mean {:?}, not {wanted:?}", numbers.map(|numbers| numbers.mean)))
    };
    (0..pixels.bands).zip(numbers(&expected["mean"])).find_map(wrong_mean)
}

fn mean_is_close(numbers: &Statistics, wanted: f64, standard_errors: f64) -> bool {
    let standard_error = numbers.std / (numbers.valid_px as f64).sqrt();
    numbers.valid_px < LEAST_PIXELS_FOR_MEAN
        || (numbers.mean - wanted).abs() <= (standard_errors * standard_error).max(MEAN_TOLERANCE * wanted.abs())
}

#[test]
fn files_render_as_rio_tiler_reads_them() {
    let Some(folder) = sample_data() else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("the list beside the data");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let (mut compared, mut wrong) = (0, Vec::new());
    for (name, expected) in list["files"].as_object().expect("files by name") {
        match open(&folder.join(Path::new(name))) {
            Ok(tiff) if tiff.header().georef.is_some() => {
                compared += 1;
                let lines = differences(name, &tiff, expected);
                wrong.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
            }
            Ok(tiff) => println!("{name}: no georeferencing: {:?}", tiff.header().georef_note),
            Err(error) => println!("{name}: refused: {error}"),
        }
    }
    println!("{compared} files compared");
    assert!(compared >= 25, "only {compared} files were compared");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
