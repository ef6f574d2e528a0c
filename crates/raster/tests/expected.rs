//! Bounds, zooms, points and tiles of real files against what rio-tiler reads from them.
//!
//! `expected.json` beside the sample data holds rio-tiler's answers; files that the reader refuses are listed by the
//! reader's own tests. Seven tiles of files in the map's own projection, which rio-tiler pads before it picks pixels,
//! are held to `expected/exact.json`, GDAL's warp of the file as it is (`expected/exact.py` says how it was made).

mod support;

use std::path::Path;

use aurora_raster::{
    GeoTiff, RasterError,
    crs::Crs,
    facts,
    render::{self, ReadOptions},
    statistics,
};
use gdal::{DriverManager, raster::Buffer, spatial_ref::SpatialRef};
use serde_json::Value;
use support::{open, paint, sample_data, tile};

/// Largest difference of the bounds in degrees.
const BOUNDS_TOLERANCE_DEG: f64 = 2e-6;

/// Largest relative difference of a tile's mean.
const MEAN_TOLERANCE: f64 = 0.002;

/// The tile whose mean differs more, and by how much it does. By ground control points: rio-tiler warps to a grid in
/// degrees first and picks pixels of that for the tile.
const OTHER_MEAN: (&str, u64, f64) = ("sar/rio-tiler-pds__iw-vv.tiff", 5, 0.006);

/// The one file with subsampled colours in JPEG: its list was filled up by another version of libjpeg than the one
/// whose samples are served, which is the one that the GDAL beside these tests has.
const OTHER_CHROMA: (&str, f64) = ("cog/rio-tiler__cog_rgb.tif", 4.0);

/// Largest difference of a tile's valid pixels, as a share of them.
const VALID_TOLERANCE: f64 = 0.005;

/// Files that are not compared, and the note that says why they lie nowhere: no other may be, and none is refused.
/// Rio-tiler has no point and no tile of them either.
const NOT_PLACED: [(&str, &str); 7] = [
    ("cog/cogger__cog_gray.tif", NO_PLACE),
    ("cog/cogger__cog_graymask.tif", NO_PLACE),
    ("cog/cogger__cog_rgb.tif", NO_PLACE),
    ("cog/cogger__cog_rgbmask.tif", NO_PLACE),
    ("cog/cogger__cog_rgbmaskline.tif", NO_PLACE),
    ("cog/rio-cogeo__cog_no_offest.tif", NO_PLACE),
    // A map of Jupiter's moon Europa.
    ("cog/rio-tiler__cog_nonearth.tif", "user-defined datum of another body than the earth"),
];

/// The note of a file that has no tags of a place, and nothing to be said of them.
const NO_PLACE: &str = "";

/// What differs in one file, as lines for people.
fn differences(name: &str, tiff: &GeoTiff, expected: &Value) -> Vec<String> {
    let mut lines = place_differences(tiff, expected);
    let items = |key: &str| expected[key].as_array().cloned().unwrap_or_default();
    lines.extend(items("points").iter().filter_map(|point| point_difference(name, tiff, point)));
    lines.extend(items("tiles_webmercator_256_nearest").iter().filter_map(|one| tile_difference(name, tiff, one)));
    lines
}

fn place_differences(tiff: &GeoTiff, expected: &Value) -> Vec<String> {
    let facts = facts::of(tiff);
    let right = [("minzoom", facts.minzoom), ("maxzoom", facts.maxzoom)];
    let wrong = right.into_iter().filter(|(key, zoom)| expected[*key].as_u64() != zoom.map(u64::from));
    let mut lines: Vec<_> = wrong.map(|(key, zoom)| format!("{key} is {zoom:?}, not {}", expected[key])).collect();
    let bounds = facts.bounds_wgs84.expect("georeferenced");
    let wanted = numbers(&expected["bounds_wgs84"]);
    let off = bounds.iter().zip(&wanted).map(|(a, b)| b.map_or(f64::NAN, |b| (a - b).abs()));
    if !wanted.is_empty() && !off.clone().all(|off| off <= BOUNDS_TOLERANCE_DEG) {
        lines.push(format!("bounds are {bounds:?}, not {wanted:?}"));
    }
    lines
}

fn numbers(value: &Value) -> Vec<Option<f64>> {
    value.as_array().map(|all| all.iter().map(Value::as_f64).collect()).unwrap_or_default()
}

fn point_difference(name: &str, tiff: &GeoTiff, point: &Value) -> Option<String> {
    let (lon, lat) = (point["lon"].as_f64()?, point["lat"].as_f64()?);
    let degrees = Crs::from_epsg(4326).expect("known");
    let plan = render::plan_point(tiff, &degrees, (lon, lat), &ReadOptions::default());
    let pixels = plan.and_then(|plan| paint(tiff, &plan));
    let values = match pixels {
        Ok(pixels) => (0..pixels.bands).map(|band| pixels.value(band, 0, 0)).collect(),
        Err(RasterError::OutsideBounds) => vec![None],
        Err(error) => return Some(format!("point {lon},{lat}: {error}")),
    };
    let wanted = numbers(&point["values"]);
    let same = |a: &Option<f64>, b: &Option<f64>| match (a, b) {
        (Some(a), Some(b)) if name == OTHER_CHROMA.0 => (a - b).abs() <= OTHER_CHROMA.1,
        // The list gives numbers of 32 bits in as many digits as tell them apart.
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs(),
        (a, b) => a.is_none() && b.is_none(),
    };
    let equal = values.len() == wanted.len() && values.iter().zip(&wanted).all(|(a, b)| same(a, b));
    (!equal).then(|| format!("point {lon},{lat} is {values:?}, not {wanted:?}"))
}

/// What a tile is held to: rio-tiler's own answer, or what GDAL gives once it is exact.
fn held_to(name: &str, expected: &Value) -> Value {
    let exact: Value = serde_json::from_str(include_str!("expected/exact.json")).expect("JSON");
    let tiles = exact["tiles"].as_array().expect("tiles");
    tiles.iter().find(|tile| tile["file"] == name && tile["z"] == expected["z"]).unwrap_or(expected).clone()
}

fn tile_difference(name: &str, tiff: &GeoTiff, expected: &Value) -> Option<String> {
    let number = |value: &Value, key: &str| value[key].as_u64().expect("a whole number");
    let (z, x, y) = (number(expected, "z"), number(expected, "x"), number(expected, "y"));
    let view = tile(z as u8, x as u32, y as u32, 256);
    let place = format!("tile {z}/{x}/{y}");
    let pixels = match support::render(tiff, &view, &ReadOptions::default()) {
        Ok(pixels) => pixels,
        Err(error) => return Some(format!("{place}: {error}")),
    };
    let expected = held_to(name, expected);
    let (valid, wanted_valid) = (pixels.valid_px() as f64, number(&expected, "valid_px") as f64);
    if (valid - wanted_valid).abs() > VALID_TOLERANCE * wanted_valid {
        return Some(format!("{place} has {valid} valid pixels, not {wanted_valid}"));
    }
    let tolerance = if (name, z) == (OTHER_MEAN.0, OTHER_MEAN.1) { OTHER_MEAN.2 } else { MEAN_TOLERANCE };
    let wrong_mean = |(band, wanted): (u16, Option<f64>)| {
        let mean = statistics::summarise(&pixels, band, &statistics::Wanted::default()).map(|numbers| numbers.mean);
        let close = match (mean, wanted) {
            (Some(mean), Some(wanted)) => (mean - wanted).abs() <= tolerance * wanted.abs(),
            (mean, wanted) => mean.is_none() && wanted.is_none(),
        };
        (!close).then(|| format!("{place} has mean {mean:?} in band {band}, not {wanted:?}"))
    };
    let means = numbers(&expected["mean"]);
    if means.len() != usize::from(pixels.bands) {
        return Some(format!("{place} has {} bands, not {}", pixels.bands, means.len()));
    }
    (0..pixels.bands).zip(means).find_map(wrong_mean)
}

/// The points and tiles that rio-tiler could read.
fn known_to_rio_tiler(expected: &Value) -> impl Iterator<Item = &Value> {
    let places = ["points", "tiles_webmercator_256_nearest"].map(|key| expected[key].as_array().expect("a list"));
    places.into_iter().flatten().filter(|place| place["error"].is_null())
}

#[test]
fn files_render_as_rio_tiler_reads_them() {
    let Some(folder) = sample_data() else { return };
    let text = std::fs::read_to_string(folder.join("expected.json")).expect("the list beside the data");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let (mut not_placed, mut wrong) = (Vec::new(), Vec::new());
    for (name, expected) in list["files"].as_object().expect("files by name") {
        match open(&folder.join(Path::new(name))) {
            Ok(tiff) if tiff.header().georef.is_some() => {
                let lines = differences(name, &tiff, expected);
                wrong.extend(lines.into_iter().map(|line| format!("{name}: {line}")));
            }
            Ok(tiff) => {
                not_placed.push((name.as_str(), tiff.header().georef_note.clone().unwrap_or_default()));
                wrong
                    .extend(known_to_rio_tiler(expected).map(|place| format!("{name}: {place} is known to rio-tiler")));
            }
            Err(error) => wrong.push(format!("{name}: refused: {error}")),
        }
    }
    let not_placed: Vec<_> = not_placed.iter().map(|(name, reason)| (*name, reason.as_str())).collect();
    assert_eq!(not_placed, NOT_PLACED);
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// A raster of which every pixel's value is its place.
fn write_places(path: &Path, side_px: usize, epsg: u32, transform: &[f64]) {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let mut file = driver.create_with_band_type::<u16, _>(path, side_px, side_px, 1).expect("created");
    file.set_spatial_ref(&SpatialRef::from_epsg(epsg).expect("known")).expect("written");
    let &[a, b, c, d, e, f] = transform else { panic!("six numbers") };
    file.set_geo_transform(&[c, a, b, f, d, e]).expect("written");
    let places = (0..side_px * side_px).map(|place| place as u16).collect();
    let mut band = file.rasterband(1).expect("a band");
    band.write((0, 0), (side_px, side_px), &mut Buffer::new((side_px, side_px), places)).expect("written");
    file.close().expect("written");
}

/// Where rounding decides: at the corners of pixels, in the raster's own system (`expected/corners.py` says how it was
/// made).
#[test]
fn the_corner_of_a_pixel_belongs_to_whom_rio_tiler_gives_it() {
    let expected: Value = serde_json::from_str(include_str!("expected/corners.json")).expect("JSON");
    let side_px = expected["side_px"].as_u64().expect("a number") as usize;
    let folder = tempfile::tempdir().expect("a folder");
    for raster in expected["rasters"].as_array().expect("a list") {
        let transform: Vec<f64> = numbers(&raster["transform"]).into_iter().flatten().collect();
        let (epsg, path) = (raster["epsg"].as_u64().expect("a code") as u32, folder.path().join("a.tif"));
        write_places(&path, side_px, epsg, &transform);
        let (tiff, crs) = (open(&path).expect("it is read"), Crs::from_epsg(epsg).expect("known"));
        let corners = (0..=side_px).flat_map(|row| (0..=side_px).map(move |col| (col as f64, row as f64)));
        for ((col, row), found) in corners.zip(raster["found"].as_array().expect("a list")) {
            let [a, b, c, d, e, f] = transform[..] else { panic!("six numbers") };
            let place = (a * col + b * row + c, d * col + e * row + f);
            let plan = render::plan_point(&tiff, &crs, place, &ReadOptions::default());
            let ours = match plan.and_then(|plan| paint(&tiff, &plan)) {
                Ok(pixels) => pixels.value(0, 0, 0).map_or(Value::Null, Value::from),
                Err(RasterError::OutsideBounds) => "outside".into(),
                Err(error) => panic!("{place:?}: {error}"),
            };
            let same = ours == *found || ours.as_f64().is_some() && ours.as_f64() == found.as_f64();
            assert!(same, "{epsg} {transform:?}: {col},{row} is {ours}, not {found}");
        }
    }
}
