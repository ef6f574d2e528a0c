//! What an attempt left: verified before anybody sees it. Blocking.

use std::{fs, path::Path};

use aurora_catalog::{Detection, Footprint, footprint::Ring};
use aurora_raster::{
    Limits,
    facts::{self, Facts},
};
use serde::Deserialize;

use super::detections;

/// The verified outputs of one attempt.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// File name of the COG.
    pub light_name: String,
    /// Its header's facts.
    pub light: Facts,
    /// Its detections, the most confident first.
    pub detections: Vec<Detection>,
    /// The outline of the valid pixels, when the summary tells.
    pub footprint: Option<Footprint>,
}

/// The part of `*.summary.json` that the catalogue wants.
#[derive(Deserialize)]
struct Summary {
    footprint: Option<Shape>,
}

/// GeoJSON (RFC 7946): in two or more parts across the antimeridian.
#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Shape {
    Polygon(Vec<Ring>),
    MultiPolygon(Vec<Vec<Ring>>),
}

/// A summary is a page of text.
const MAX_SUMMARY_BYTES: u64 = 4 << 20;

/// Verifies what lies in `out`: exactly one `*.MBI_light.tif` that opens, is whole and lies somewhere on Earth, and
/// one `*.detections.geojson`.
///
/// # Errors
/// What is wrong, in words for the job's reason.
pub fn verify(out: &Path, scene_id: &str, revision: u64, max_detections: usize) -> Result<Outputs, String> {
    let names = file_names(out).map_err(|error| format!("the outputs cannot be listed: {error}"))?;
    let light_name = only(&names, ".MBI_light.tif")?.to_owned();
    let light = facts::read_file(&out.join(&light_name), &Limits::default())
        .map_err(|error| format!("{light_name} does not open: {error}"))?;
    if !light.is_whole() {
        return Err(format!("{light_name} ends at {} of {} bytes", light.size_bytes, light.end_byte));
    }
    if light.bounds_wgs84.is_none() {
        let note = light.georef_note.clone().unwrap_or_default();
        return Err(format!("{light_name} lies nowhere on Earth {note}").trim_end().to_owned());
    }
    let detections = out.join(only(&names, ".detections.geojson")?);
    let detections = detections::read(&detections, scene_id, revision, max_detections)?;
    let footprint =
        names.iter().find(|name| name.ends_with(".summary.json")).and_then(|name| footprint(&out.join(name)));
    Ok(Outputs { light_name, light, detections, footprint })
}

fn file_names(folder: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

fn only<'n>(names: &'n [String], ending: &str) -> Result<&'n str, String> {
    let mut found = names.iter().filter(|name| name.ends_with(ending) && !name.starts_with('.'));
    match (found.next(), found.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => Err(format!("the command left no *{ending}")),
        (Some(_), Some(_)) => Err(format!("the command left several *{ending}")),
    }
}

/// The footprint is a nicety: without it the raster's frame does.
fn footprint(summary: &Path) -> Option<Footprint> {
    if fs::metadata(summary).ok()?.len() > MAX_SUMMARY_BYTES {
        return None;
    }
    let summary: Summary = serde_json::from_slice(&fs::read(summary).ok()?).ok()?;
    let footprint = Footprint::of_polygons(match summary.footprint? {
        Shape::Polygon(rings) => vec![rings],
        Shape::MultiPolygon(polygons) => polygons,
    });
    Some(footprint).filter(|footprint| !footprint.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_counted_by_their_endings() {
        let names = ["a.MBI_light.tif", "a.detections.geojson", ".b.MBI_light.tif"].map(str::to_owned);
        assert_eq!(only(&names, ".MBI_light.tif"), Ok("a.MBI_light.tif"));
        assert_eq!(only(&names, ".summary.json"), Err("the command left no *.summary.json".to_owned()));
        let twice = ["a.MBI_light.tif", "b.MBI_light.tif"].map(str::to_owned);
        assert!(only(&twice, ".MBI_light.tif").unwrap_err().contains("several"));
    }

    #[test]
    fn the_footprint_is_what_the_summary_says() {
        let summary = tempfile::NamedTempFile::new().unwrap();
        let read = |shape: serde_json::Value| {
            fs::write(summary.path(), serde_json::json!({ "scene_id": "a", "footprint": shape }).to_string()).unwrap();
            footprint(summary.path()).and_then(|footprint| footprint.geometry())
        };
        let part = |west: f64| [[[west, 1.0], [west + 1.0, 1.0], [west + 1.0, 2.0], [west, 1.0]]];
        let across = serde_json::json!({ "type": "MultiPolygon", "coordinates": [part(179.0), part(-180.0)] });
        assert_eq!(read(across.clone()), Some(across));
        let one = serde_json::json!({ "type": "Polygon", "coordinates": part(3.0) });
        assert_eq!(read(one.clone()), Some(one));
        for none in [
            serde_json::json!(null),
            serde_json::json!({ "type": "Polygon", "coordinates": [] }),
            serde_json::json!({ "type": "Point", "coordinates": [1.0, 2.0] }),
            serde_json::json!({ "type": "MultiPolygon", "coordinates": [[[[1.0, 2.0, 3.0]]]] }),
        ] {
            assert_eq!(read(none.clone()), None, "{none}");
        }
    }

    #[test]
    fn a_light_that_is_no_raster_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.MBI_light.tif"), "not a raster").unwrap();
        let error = verify(dir.path(), "s", 2, 10).unwrap_err();
        assert!(error.contains("does not open"), "{error}");
    }
}
