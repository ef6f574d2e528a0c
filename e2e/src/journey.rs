//! One scene's way from the folder to the map, followed from outside.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use aurora_tile::TileMatrixSet;
use serde_json::Value;

use crate::Web;

/// What was seen of a scene on its way.
#[derive(Debug)]
pub struct Journey {
    /// The scene.
    pub scene_id: String,
    /// From the start of following to the first tile with pixels.
    pub visible: Duration,
    /// From the start of following to its published result.
    pub published: Duration,
    /// Detections listed for it.
    pub detections: usize,
    /// Path of a tile in its middle that holds pixels of the result.
    pub tile: String,
}

/// Follows a scene that has just landed until its result is published and listed.
///
/// # Errors
/// When a step does not happen within `patience`, or a tile holds no picture.
pub async fn follow(web: &Web, scene_id: &str, patience: Duration) -> Result<Journey> {
    let begun = Instant::now();
    let path = format!("/scenes/{scene_id}");
    let is_shown = async |web: &Web| {
        // A raw file that our reader does not read waits for its result and shows nothing until then.
        let answer = web.get(&path).await?;
        Ok(answer.status == 200 && answer.json()?["properties"]["status"] != "waiting")
    };
    web.until(patience, &format!("scene {scene_id}"), is_shown).await?;
    check_middle_tile(web, scene_id).await.context("the first tile of the scene")?;
    let visible = begun.elapsed();
    let is_published = async |web: &Web| Ok(web.json(&path).await?["properties"]["status"] == "published");
    web.until(patience, &format!("result of {scene_id}"), is_published).await?;
    let published = begun.elapsed();
    let tile = check_middle_tile(web, scene_id).await.context("the tile of the result")?;
    let detections = detections(web, scene_id).await?.len();
    Ok(Journey { scene_id: scene_id.to_owned(), visible, published, detections, tile })
}

/// The features listed as detections of a scene.
///
/// # Errors
/// When the list cannot be had.
pub async fn detections(web: &Web, scene_id: &str) -> Result<Vec<Value>> {
    let list = web.json(&format!("/detections?scene={scene_id}&limit=1000")).await?;
    list["features"].as_array().cloned().context("detections are a feature collection")
}

/// Renders the tile over the middle of a scene at its lowest zoom and demands a picture in it; answers its path.
///
/// # Errors
/// When there is no tile, or it holds fewer than eight levels of grey.
pub async fn check_middle_tile(web: &Web, scene_id: &str) -> Result<String> {
    let tilejson = web.json(&format!("/scenes/{scene_id}/WebMercatorQuad/tilejson.json")).await?;
    let path = middle_tile(&tilejson)?;
    let answer = web.get(&path).await?;
    ensure!(answer.status == 200, "GET {path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    let levels = levels(&answer.body)?;
    ensure!(levels >= 8, "GET {path}: a picture of only {levels} grey levels");
    Ok(path)
}

/// The address of the tile over the middle of a TileJSON's bounds at its lowest zoom, below the server's root.
///
/// # Errors
/// When the document lacks bounds, zoom or tiles.
pub fn middle_tile(tilejson: &Value) -> Result<String> {
    let bounds: Vec<f64> = serde_json::from_value(tilejson["bounds"].clone())?;
    let [west, south, east, north] = bounds[..] else { anyhow::bail!("bounds are not four numbers") };
    let zoom = tilejson["minzoom"].as_u64().context("minzoom")?;
    let (x, y) = aurora_tile::lon_lat_to_mercator((west + east) / 2.0, (south + north) / 2.0);
    let tile = TileMatrixSet::web_mercator_quad().tile_at(u8::try_from(zoom)?, x, y).context("a tile of the zoom")?;
    let template = tilejson["tiles"][0].as_str().context("tiles")?;
    let filled = [("{z}", u32::from(tile.z)), ("{x}", tile.x), ("{y}", tile.y)]
        .iter()
        .fold(template.to_owned(), |url, (key, value)| url.replace(key, &value.to_string()));
    let start = filled.find("/scenes").or_else(|| filled.find("/cog")).context("a tile below /scenes or /cog")?;
    Ok(filled[start..].to_owned())
}

/// Distinct grey levels of the visible pixels of a PNG.
///
/// # Errors
/// When the bytes are no picture.
pub fn levels(png: &[u8]) -> Result<usize> {
    let picture = image::load_from_memory(png)?.into_luma_alpha8();
    let levels: BTreeSet<u8> = picture.pixels().filter(|pixel| pixel.0[1] > 0).map(|pixel| pixel.0[0]).collect();
    Ok(levels.len())
}
