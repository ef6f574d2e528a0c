//! What a run says of a scene: the summary and the detections, as JSON.
//!
//! The field names are what callers rely on; see the crate's documentation. It computes nothing. `run` calls it.

use std::{collections::BTreeMap, fs::File, io::Write as _, path::Path};

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    detect::Spot,
    error::{Error, Result},
    frame::Frame,
    geojson::{self, rounded},
};

/// Everything in `NAME.summary.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// File name of the input.
    pub input: String,
    /// Id of the scene: as given, else the input's name up to `.MBI` or its extension.
    pub scene_id: String,
    /// Columns of the COG.
    pub width_px: usize,
    /// Rows of the COG.
    pub height_px: usize,
    /// Bands of the COG, alpha included.
    pub bands: usize,
    /// GDAL's name of the data type of the first band.
    pub dtype: String,
    /// EPSG code of the COG.
    pub epsg: u32,
    /// Ground size of a pixel in metres along x.
    pub spacing_m: f64,
    /// West, south, east, north in degrees; west is greater than east across the antimeridian.
    pub bounds_wgs84: [f64; 4],
    /// GeoJSON geometry of the valid data, at most 64 vertices.
    pub footprint: Value,
    /// The nodata value: a number, `"nan"`, or null.
    pub nodata: Value,
    /// Percentiles of the first band's valid values; null without any.
    pub percentiles: Option<Percentiles>,
    /// Number of detections.
    pub detections: usize,
    /// Why there may be none or fewer, or null.
    pub detection_note: Option<String>,
    /// Detector and version.
    pub model: String,
    /// Seconds by stage.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Highest resident set of the process in bytes.
    pub peak_rss_bytes: u64,
}

/// The stretch that shows a scene well.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Percentiles {
    /// 2 % of the valid values lie below.
    pub p2: f32,
    /// 2 % of the valid values lie above.
    pub p98: f32,
}

/// A nodata value in JSON, which has no NaN.
pub(crate) fn nodata_value(nodata: Option<f64>) -> Value {
    match nodata {
        Some(value) if value.is_finite() => json!(value),
        Some(value) => json!(value.to_string().to_lowercase()),
        None => Value::Null,
    }
}

/// The detections of a model as a GeoJSON feature collection; spots that lie off the Earth are left out.
pub(crate) fn collection(spots: &[Spot], frame: &Frame, model: &str) -> Value {
    let placed = spots.iter().filter_map(|spot| Some((spot, frame.wgs84(&spot.outline)?)));
    let features: Vec<Value> = placed
        .enumerate()
        .map(|(index, (spot, outline))| {
            json!({
                "type": "Feature",
                "geometry": geojson::geometry(&outline),
                "properties": {
                    "index": index + 1,
                    "area_km2": decimals(spot.area_km2, 3),
                    "perimeter_km": decimals(spot.perimeter_km, 3),
                    "contrast_db": decimals(spot.contrast_db, 2),
                    "elongation": decimals(spot.elongation, 2),
                    "edge_db_per_km": decimals(spot.edge_db_per_km, 2),
                    "confidence": decimals(spot.confidence, 3),
                    "model": model,
                },
            })
        })
        .collect();
    json!({"type": "FeatureCollection", "features": features})
}

fn decimals(value: f64, count: i32) -> f64 {
    let unit = 10_f64.powi(count);
    (value * unit).round() / unit
}

/// Bounds with as many decimals as geometries have.
pub(crate) fn rounded_bounds(bounds: [f64; 4]) -> [f64; 4] {
    bounds.map(rounded)
}

/// Writes one JSON document.
///
/// # Errors
/// [`Error::Output`] if the disk will not take it.
pub(crate) fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(value)
        .map_err(|error| Error::Output { action: "encode a result", reason: error.to_string() })?;
    text.push(b'\n');
    let mut file = File::create(path).map_err(Error::output("create a result"))?;
    file.write_all(&text).map_err(Error::output("write a result"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodata_is_always_valid_json() {
        assert_eq!(nodata_value(Some(0.0)), json!(0.0));
        assert_eq!(nodata_value(Some(f64::NAN)), json!("nan"));
        assert_eq!(nodata_value(None), Value::Null);
    }
}
