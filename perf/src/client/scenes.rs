//! Which scenes a server has, where they lie, and how their tiles are addressed.

use aurora_tile::{Bounds, TileId, lon_lat_to_mercator};
use serde_json::Value;

use super::Client;
use crate::Error;

/// A scene as a map sees it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Its identifier on the server.
    pub id: String,
    /// Where it lies, in web Mercator metres.
    pub bounds_m: Bounds,
    /// How its tiles are addressed.
    pub tiles: TileTemplate,
}

/// A tile address with `{z}`, `{x}` and `{y}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileTemplate(String);

impl TileTemplate {
    /// A template of another server, in which `{scene_id}` stands for the scene.
    pub fn of_peer(template: &str, scene_id: &str) -> Self {
        Self(template.replace("{scene_id}", scene_id))
    }

    /// The address of a tile.
    pub fn url(&self, tile: TileId) -> String {
        let url = self.0.replace("{z}", &tile.z.to_string());
        url.replace("{x}", &tile.x.to_string()).replace("{y}", &tile.y.to_string())
    }
}

/// Identifiers of up to `limit` scenes, in the server's own order.
///
/// # Errors
/// [`Error::Unanswered`] when the list does not come or is no GeoJSON.
pub async fn list_scenes(client: &Client, server: &str, limit: usize) -> Result<Vec<String>, Error> {
    let url = format!("{server}/scenes?limit={limit}");
    let list = client.fetch_json(&url).await?;
    let Some(features) = list["features"].as_array() else {
        return Err(Error::Unanswered { url, reason: "no GeoJSON feature collection".to_owned() });
    };
    let id = |feature: &Value| feature["id"].as_str().or(feature["properties"]["scene_id"].as_str()).map(str::to_owned);
    Ok(features.iter().filter_map(id).take(limit).collect())
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
    Ok(Scene { id: id.to_owned(), bounds_m, tiles: TileTemplate(absolute) })
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
    }

    #[test]
    fn bounds_must_enclose_something() {
        assert!(mercator_bounds(&serde_json::json!([-44.0, -25.0, -41.0, -22.0])).is_some());
        assert!(mercator_bounds(&serde_json::json!([-41.0, -25.0, -44.0, -22.0])).is_none());
        assert!(mercator_bounds(&serde_json::json!([-41.0, -25.0])).is_none());
    }
}
