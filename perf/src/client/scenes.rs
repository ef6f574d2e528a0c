//! Which scenes a server has, where they lie, and how their tiles are addressed.

use aurora_tile::{Bounds, TileId, lon_lat_to_mercator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Client;
use crate::Error;

/// A scene as a map sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Its identifier on the server.
    pub id: String,
    /// Where it lies, in web Mercator metres.
    pub bounds_m: Bounds,
    /// The zooms worth looking at, lowest and highest.
    pub zooms: (u8, u8),
    /// How its tiles are addressed.
    pub tiles: TileTemplate,
}

/// The operator's zooms, for a server that names none.
const USUAL_ZOOMS: (u8, u8) = (7, 14);

/// Scenes asked for at least, some of which may have nothing to show, and at most.
const MIN_LISTED: usize = 100;
const MAX_LISTED: usize = 1000;

/// What names a tile.
const PARTS: [&str; 3] = ["{z}", "{x}", "{y}"];

/// A tile address with `{z}`, `{x}` and `{y}` in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileTemplate(String);

impl TileTemplate {
    /// A template of another server, in which `{scene_id}` stands for the scene.
    pub fn of_peer(template: &str, scene_id: &str) -> Self {
        Self(template.replace("{scene_id}", scene_id))
    }

    /// Whether a template says where all three parts of a tile's name go.
    pub fn is_whole(template: &str) -> bool {
        PARTS.iter().all(|part| template.contains(part))
    }

    /// Whether a text is meant to be a template: it has at least one of the parts.
    pub fn is_meant(text: &str) -> bool {
        PARTS.iter().chain(&["{scene_id}"]).any(|part| text.contains(part))
    }

    /// The same with more in its query.
    #[must_use]
    pub fn with_query(&self, query: &str) -> Self {
        let sign = if self.0.contains('?') { '&' } else { '?' };
        Self(format!("{}{sign}{query}", self.0))
    }

    /// The address as a template.
    pub fn template(&self) -> &str {
        &self.0
    }

    /// The address of a tile.
    pub fn url(&self, tile: TileId) -> String {
        let url = self.0.replace("{z}", &tile.z.to_string());
        url.replace("{x}", &tile.x.to_string()).replace("{y}", &tile.y.to_string())
    }
}

/// Identifiers of up to `limit` scenes that can be shown, in the server's own order.
///
/// # Errors
/// [`Error::Unanswered`] when the list does not come or is no GeoJSON.
pub async fn list_scenes(client: &Client, server: &str, limit: usize) -> Result<Vec<String>, Error> {
    let url = format!("{server}/scenes?limit={}", limit.clamp(MIN_LISTED, MAX_LISTED));
    let list = client.fetch_json(&url).await?;
    let Some(features) = list["features"].as_array() else {
        return Err(Error::Unanswered { url, reason: "no GeoJSON feature collection".to_owned() });
    };
    let is_shown = |feature: &&Value| feature["properties"]["status"] != "waiting";
    let id = |feature: &Value| feature["id"].as_str().or(feature["properties"]["scene_id"].as_str()).map(str::to_owned);
    Ok(features.iter().filter(is_shown).filter_map(id).take(limit).collect())
}

/// Reads a scene's TileJSON.
///
/// # Errors
/// [`Error::Unanswered`] when it does not come or lacks tiles or bounds.
pub async fn open_scene(client: &Client, server: &str, id: &str) -> Result<Scene, Error> {
    let url = format!("{server}/scenes/{id}/WebMercatorQuad/tilejson.json");
    let tilejson = client.fetch_json(&url).await?;
    let missing = |what: &str| Error::Unanswered { url: url.clone(), reason: format!("TileJSON without {what}") };
    let template = tilejson["tiles"][0].as_str().ok_or_else(|| missing("tiles"))?;
    let bounds_m = mercator_bounds(&tilejson["bounds"]).ok_or_else(|| missing("bounds"))?;
    let absolute = if template.starts_with('/') { format!("{server}{template}") } else { template.to_owned() };
    let zooms = zooms(&tilejson).unwrap_or(USUAL_ZOOMS);
    Ok(Scene { id: id.to_owned(), bounds_m, zooms, tiles: TileTemplate(absolute) })
}

/// Scenes by identifier; the first `limit` that the server lists when none is named.
///
/// # Errors
/// [`Error::NoScenes`], and as [`list_scenes`] and [`open_scene`].
pub async fn open_scenes(client: &Client, server: &str, ids: &[String], limit: usize) -> Result<Vec<Scene>, Error> {
    let listed = if ids.is_empty() { list_scenes(client, server, limit).await? } else { ids.to_vec() };
    let mut scenes = Vec::new();
    for id in &listed {
        scenes.push(open_scene(client, server, id).await?);
    }
    if scenes.is_empty() { Err(Error::NoScenes { server: server.to_owned() }) } else { Ok(scenes) }
}

fn zooms(tilejson: &Value) -> Option<(u8, u8)> {
    let zoom = |name: &str| tilejson[name].as_u64().and_then(|zoom| u8::try_from(zoom).ok());
    let (low, high) = (zoom("minzoom")?, zoom("maxzoom")?.min(crate::user::MAX_ZOOM));
    (low <= high).then_some((low, high))
}

/// TileJSON's west, south, east, north in degrees as metres; nothing when they enclose no area.
fn mercator_bounds(degrees: &Value) -> Option<Bounds> {
    let number = |index: usize| degrees[index].as_f64();
    let (west, south) = lon_lat_to_mercator(number(0)?, number(1)?);
    let (east, north) = lon_lat_to_mercator(number(2)?, number(3)?);
    (west < east && south < north).then(|| Bounds::new(west, south, east, north))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let template = TileTemplate::of_peer("http://peer/{z}/{x}/{y}.png?url={scene_id}.tif", "A_B");
        assert_eq!(template.url(TileId::new(7, 48, 72)), "http://peer/7/48/72.png?url=A_B.tif");
        assert_eq!(template.with_query("a=1").template(), "http://peer/{z}/{x}/{y}.png?url=A_B.tif&a=1");
    }

    #[test]
    fn zooms_come_from_tilejson_or_not_at_all() {
        assert_eq!(zooms(&serde_json::json!({"minzoom": 5, "maxzoom": 13})), Some((5, 13)));
        assert_eq!(zooms(&serde_json::json!({"minzoom": 9, "maxzoom": 3})), None);
        assert_eq!(zooms(&serde_json::json!({})), None);
    }

    #[test]
    fn bounds_must_enclose_something() {
        assert!(mercator_bounds(&serde_json::json!([-44.0, -25.0, -41.0, -22.0])).is_some());
        assert!(mercator_bounds(&serde_json::json!([-41.0, -25.0, -44.0, -22.0])).is_none());
        assert!(mercator_bounds(&serde_json::json!([-41.0, -25.0])).is_none());
    }
}
