//! A scene: one raster that landed below the watched root, and what became of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Footprint, name::SceneName};

/// Bytes that the indexer serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Path below the indexer's address, percent-encoded: `/files/…` or `/results/…`.
    pub href: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Number of bands.
    pub bands: u16,
    /// Sample type by rasterio's name, such as `uint16`.
    pub dtype: String,
    /// EPSG code of its coordinate reference system, if it has one.
    pub epsg: Option<u32>,
    /// Pixel spacing at the centre in metres.
    pub spacing_m: f64,
    /// Value that means "no data": declared, or 0 for an MBI, whose nodata is 0 though it seldom says so.
    pub nodata: Option<f64>,
    /// Lowest zoom of WebMercatorQuad that shows it sensibly.
    pub minzoom: u8,
    /// Zoom of WebMercatorQuad nearest to its own resolution.
    pub maxzoom: u8,
}

/// How far a scene has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SceneStatus {
    /// The raw file can be shown; its result is not there yet.
    Raw,
    /// The raw file cannot be shown directly; the scene waits for its result.
    Waiting,
    /// The result is there and is what is shown.
    Published,
}

/// One scene at one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// File name up to `.MBI` (or its extension), made unique; see [`crate::name::scene_id`].
    pub scene_id: String,
    /// 1 at first sight, one more with every change of what is shown (published, overwritten).
    pub revision: u64,
    /// How far it has come.
    pub status: SceneStatus,
    /// Path of the raw file below the root.
    pub path: String,
    /// What the name says, when it follows the COSMO-SkyMed convention.
    pub name: Option<SceneName>,
    /// When the satellite saw it: from the name, else unknown.
    pub observed_at: Option<Timestamp>,
    /// When it settled on disk.
    pub arrived_at: Timestamp,
    /// When its result was published.
    pub published_at: Option<Timestamp>,
    /// West, south, east, north in degrees; `None` while nothing is known of where it lies.
    pub bounds_wgs84: Option<[f64; 4]>,
    /// The raster's frame, later the outline of its valid pixels.
    pub footprint: Footprint,
    /// The raw file, when our reader can show it.
    pub raw: Option<Asset>,
    /// The published COG.
    pub light: Option<Asset>,
    /// Number of detections at this revision, once inference ran.
    pub detections: Option<u32>,
    /// Why the raw file cannot be shown, if so.
    pub note: Option<String>,
}

impl Scene {
    /// What is shown now: the result, else the raw file, else nothing yet.
    pub fn shown(&self) -> Option<&Asset> {
        self.light.as_ref().or(self.raw.as_ref())
    }
}
