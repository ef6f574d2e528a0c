//! A detection: one dark spot that may be a slick.

use serde::{Deserialize, Serialize};

use crate::outline::Outline;

/// One detection of one scene revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// `{scene_id}.r{revision}.{index}`.
    pub id: String,
    /// Area in km².
    pub area_km2: f64,
    /// Length of the outline in km.
    pub perimeter_km: f64,
    /// How much darker than its surroundings, in dB, positive; absent where the model does not measure it.
    pub contrast_db: Option<f64>,
    /// Long over short axis, at least 1; absent where the model does not measure it.
    pub elongation: Option<f64>,
    /// 0 to 1.
    pub confidence: f64,
    /// Name and version of the model that found it.
    pub model: String,
    /// GeoJSON in WGS84.
    pub geometry: Outline,
}

impl Detection {
    /// The id of the `index`th detection (from 1) of a scene revision.
    pub fn id_of(scene_id: &str, revision: u64, index: u32) -> String {
        format!("{scene_id}.r{revision}.{index}")
    }
}
