//! Detections as a command writes them: a GeoJSON `FeatureCollection` (RFC 7946) in WGS84.
//!
//! A feature without a geometry is left out, and one with a geometry that no map can draw spoils the file. Numbers that
//! a command does not give are 0 (elongation 1), since an operator's own model may not measure them.

use std::{fs::File, io::BufReader, path::Path};

use aurora_catalog::Detection;
use serde::Deserialize;

use super::outline;

/// Larger files are refused rather than read into memory.
const MAX_FILE_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "type")]
    kind: String,
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    geometry: Option<serde_json::Value>,
    properties: Option<Properties>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Properties {
    area_km2: Option<f64>,
    perimeter_km: Option<f64>,
    contrast_db: Option<f64>,
    elongation: Option<f64>,
    confidence: Option<f64>,
    model: Option<String>,
}

/// Reads at most `limit` detections, the most confident first, numbered for `revision` of the scene.
///
/// # Errors
/// Why the file is not what it should be, in words for the job's reason.
pub fn read(path: &Path, scene_id: &str, revision: u64, limit: usize) -> Result<Vec<Detection>, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
    let size_bytes = file.metadata().map_err(|error| format!("{name}: {error}"))?.len();
    if size_bytes > MAX_FILE_BYTES {
        return Err(format!("{name} has {size_bytes} bytes, more than {MAX_FILE_BYTES}"));
    }
    let collection: Collection =
        serde_json::from_reader(BufReader::new(file)).map_err(|error| format!("{name} is not GeoJSON: {error}"))?;
    if collection.kind != "FeatureCollection" {
        return Err(format!("{name} is a {}, not a FeatureCollection", collection.kind));
    }
    let placed = collection
        .features
        .into_iter()
        .enumerate()
        .filter_map(|(index, one)| Some((index, one.geometry?, one.properties)));
    let mut features: Vec<(serde_json::Value, Properties)> = placed
        .map(|(index, geometry, properties)| {
            outline::check(&geometry).map_err(|reason| format!("{name}, feature {index}: {reason}"))?;
            Ok((geometry, properties.unwrap_or_default()))
        })
        .collect::<Result<_, String>>()?;
    features.sort_by(|(_, one), (_, other)| confidence(other).total_cmp(&confidence(one)));
    let numbered = (1..).zip(features).take(limit);
    Ok(numbered
        .map(|(index, (geometry, properties))| detection(scene_id, revision, index, geometry, properties))
        .collect())
}

fn confidence(properties: &Properties) -> f64 {
    properties.confidence.unwrap_or_default().clamp(0.0, 1.0)
}

fn detection(
    scene_id: &str,
    revision: u64,
    index: u32,
    geometry: serde_json::Value,
    properties: Properties,
) -> Detection {
    Detection {
        id: Detection::id_of(scene_id, revision, index),
        area_km2: properties.area_km2.unwrap_or_default().max(0.0),
        perimeter_km: properties.perimeter_km.unwrap_or_default().max(0.0),
        contrast_db: properties.contrast_db.unwrap_or_default(),
        elongation: properties.elongation.unwrap_or(1.0).max(1.0),
        confidence: confidence(&properties),
        model: properties.model.unwrap_or_else(|| "unnamed".to_owned()),
        geometry: geometry.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str, limit: usize) -> Result<Vec<Detection>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), "s", 2, limit)
    }

    #[test]
    fn the_most_confident_come_first_and_are_numbered() {
        let feature = |confidence: f64| {
            format!(
                r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{{"confidence":{confidence},"area_km2":3}}}}"#
            )
        };
        let text = format!(
            r#"{{"type":"FeatureCollection","features":[{},{},{}]}}"#,
            feature(0.2),
            feature(0.9),
            feature(7.0)
        );
        let detections = read_text(&text, 2).unwrap();
        let seen: Vec<_> = detections.iter().map(|one| (one.id.as_str(), one.confidence)).collect();
        assert_eq!(seen, [("s.r2.1", 1.0), ("s.r2.2", 0.9)]);
        assert_eq!((detections[0].area_km2, detections[0].elongation), (3.0, 1.0));
    }

    #[test]
    fn features_without_a_place_are_left_out() {
        let text = r#"{"type":"FeatureCollection","features":[{"geometry":null,"properties":null}]}"#;
        assert_eq!(read_text(text, 9), Ok(Vec::new()));
    }

    #[test]
    fn a_geometry_that_is_none_spoils_the_file_and_is_named() {
        let features = r#"{"geometry":null},{"geometry":{"type":"Polygon","coordinates":[[[1,2],[3,4]]]}}"#;
        let error = read_text(&format!(r#"{{"type":"FeatureCollection","features":[{features}]}}"#), 9).unwrap_err();
        assert!(error.contains("feature 1: a part of its geometry has 2 positions"), "{error}");
    }

    #[test]
    fn what_is_no_collection_is_refused_with_the_reason() {
        assert!(read_text("{", 9).unwrap_err().contains("is not GeoJSON"));
        assert!(read_text(r#"{"type":"Feature","features":[]}"#, 9).unwrap_err().contains("is a Feature"));
    }
}
