//! `GET /catalog/items[/{id}]`: scenes as STAC Items (STAC specification 1.0.0, item-spec).

use aurora_catalog::{Asset, Scene, store::scenes};
use aurora_daemon::problem::Problem;
use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Shared, problem,
    query::{Part, Typed},
};
use crate::paths;

/// Items in a page, unless asked otherwise, and at most.
const MAX_PAGE: u32 = 1_000;

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Asked {
    limit: Option<u32>,
    /// The last id of the page before.
    #[serde(default)]
    after: String,
}

/// One page of items, by id.
///
/// # Errors
/// 500 when the database fails.
pub async fn list(State(shared): State<Shared>, Typed(asked): Typed<Asked>) -> Result<Json<Value>, Problem> {
    let limit = asked.limit.unwrap_or(100).clamp(1, MAX_PAGE);
    let mut conn = shared.database.read().await.map_err(problem)?;
    let page = scenes::page(&mut conn, &asked.after, limit).await.map_err(|error| problem(error.into()))?;
    let mut links = vec![json!({"rel": "self", "type": "application/geo+json", "href": "/catalog/items"})];
    if let Some(last) = page.last().filter(|_| page.len() == limit as usize) {
        let href = format!("{}&limit={limit}", paths::href("/catalog/items?after=", &last.scene.scene_id));
        links.push(json!({"rel": "next", "type": "application/geo+json", "href": href}));
    }
    let features: Vec<Value> = page.iter().map(|entry| item(&entry.scene)).collect();
    Ok(Json(json!({"type": "FeatureCollection", "features": features, "links": links})))
}

/// One item.
///
/// # Errors
/// 404 for a scene that is not there (any more).
pub async fn one(State(shared): State<Shared>, Part(scene_id): Part) -> Result<Json<Value>, Problem> {
    let mut conn = shared.database.read().await.map_err(problem)?;
    let entry = scenes::by_id(&mut conn, &scene_id).await.map_err(|error| problem(error.into()))?;
    let there = entry.filter(|entry| !entry.withdrawn);
    there.map(|entry| Json(item(&entry.scene))).ok_or_else(|| Problem::not_found(format!("scene `{scene_id}`")))
}

fn item(scene: &Scene) -> Value {
    let mut item = json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": scene.scene_id,
        "geometry": geometry(scene),
        "properties": properties(scene),
        "links": [{
            "rel": "self",
            "type": "application/geo+json",
            "href": paths::href("/catalog/items/", &scene.scene_id),
        }],
        "assets": assets(scene),
    });
    // An item has a bbox exactly when it has a geometry.
    if let (Some(bounds), true) = (scene.bounds_wgs84, !item["geometry"].is_null()) {
        item["bbox"] = json!(bounds);
    }
    item
}

fn geometry(scene: &Scene) -> Value {
    scene.footprint.geometry().filter(|_| scene.bounds_wgs84.is_some()).unwrap_or(Value::Null)
}

fn properties(scene: &Scene) -> Value {
    let shown = scene.shown();
    let mut properties = json!({
        // The time of seeing is what STAC wants; files that do not tell have only their arrival.
        "datetime": scene.observed_at.unwrap_or(scene.arrived_at),
        "created": scene.arrived_at,
        "aurora:revision": scene.revision,
        "aurora:status": scene.status,
        "aurora:detections": scene.detections,
    });
    if let Some(name) = &scene.name {
        properties["platform"] = json!(name.satellite.to_lowercase());
        properties["constellation"] = json!("cosmo-skymed");
        properties["start_datetime"] = json!(name.start);
        properties["end_datetime"] = json!(name.stop);
    }
    if let Some(spacing_m) = shown.map(|asset| asset.spacing_m) {
        properties["gsd"] = json!(spacing_m);
    }
    properties
}

fn assets(scene: &Scene) -> Value {
    let mut assets = Map::new();
    if let Some(raw) = &scene.raw {
        assets.insert("mbi".to_owned(), asset(raw, "image/tiff; application=geotiff"));
    }
    if let Some(light) = &scene.light {
        assets.insert("mbi_light".to_owned(), asset(light, "image/tiff; application=geotiff; profile=cloud-optimized"));
    }
    Value::Object(assets)
}

fn asset(asset: &Asset, media_type: &str) -> Value {
    json!({"href": asset.href, "type": media_type, "roles": ["data"], "file:size": asset.size_bytes})
}
