//! Facts of a file in the catalogue's words.

use aurora_catalog::{Asset, Footprint, Scene, SceneName, SceneStatus, name};
use aurora_raster::facts::Facts;
use jiff::Timestamp;

use super::Content;
use crate::paths;

/// The raster behind `href`.
pub fn asset(href: String, facts: &Facts, nodata: Option<f64>) -> Asset {
    Asset {
        href,
        size_bytes: facts.size_bytes,
        width_px: facts.width_px,
        height_px: facts.height_px,
        bands: facts.bands,
        dtype: facts.dtype.to_owned(),
        epsg: facts.epsg,
        spacing_m: facts.spacing_m.unwrap_or_default(),
        nodata,
        minzoom: facts.minzoom.unwrap_or_default(),
        maxzoom: facts.maxzoom.unwrap_or_default(),
    }
}

/// The raw file of a scene at `path` below the root.
fn raw_asset(path: &str, facts: &Facts) -> Asset {
    // An MBI's nodata is 0, though its header seldom says so.
    let is_mbi = paths::file_name(path).contains(".MBI");
    asset(paths::href("/files/", path), facts, facts.nodata.or(is_mbi.then_some(0.0)))
}

/// A scene whose file has just settled, before any result.
pub fn scene(scene_id: &str, revision: u64, path: &str, content: &Content, now: Timestamp) -> Scene {
    let name = SceneName::parse(name::stem(paths::file_name(path)));
    let mut scene = Scene {
        scene_id: scene_id.to_owned(),
        revision,
        status: SceneStatus::Waiting,
        path: path.to_owned(),
        observed_at: name.as_ref().map(|name| name.start),
        name,
        arrived_at: now,
        published_at: None,
        bounds_wgs84: None,
        footprint: Footprint::default(),
        raw: None,
        light: None,
        detections: None,
        note: None,
    };
    match content {
        Content::Raster(facts) => {
            scene.status = SceneStatus::Raw;
            scene.bounds_wgs84 = facts.bounds_wgs84;
            scene.footprint = Footprint::of_ring(facts.footprint_wgs84.clone());
            scene.raw = Some(raw_asset(path, facts));
        }
        Content::NotShown(reason) | Content::Incomplete(reason) => scene.note = Some(reason.clone()),
    }
    scene
}

/// The scene's file lies at another path now.
pub fn moved(scene: &mut Scene, path: &str) {
    path.clone_into(&mut scene.path);
    if let Some(raw) = &mut scene.raw {
        raw.href = paths::href("/files/", path);
    }
}
