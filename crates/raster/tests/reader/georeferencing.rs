//! Size, type, system, bounds and nodata of the sample data, against what rio-tiler reads.

use aurora_raster::{RasterError, facts, header::Placement};
use serde_json::Value;

use crate::sample;

const TOLERANCE_DEG: f64 = 2e-6;

/// Files whose georeferencing needs what only ingest has: they keep their header, and a note that says why.
const NOTES: [(&str, &str); 1] =
    [("cog/rio-tiler__cog_nonearth.tif", "user-defined projection on another datum than WGS84")];

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
