//! Scenes and detections as GeoJSON features (RFC 7946): what `/scenes`, `/detections` and `/events` say of them.

use aurora_catalog::{Detection, Scene};
use serde_json::{Map, Value, json};

/// Whether a scene is listed: it is known where it lies, and there is something to show.
pub(crate) fn is_listed(scene: &Scene) -> bool {
    scene.bounds_wgs84.is_some() && scene.shown().is_some()
}

/// A scene as a feature; its footprint is the geometry.
pub(crate) fn scene_feature(scene: &Scene) -> Value {
    let geometry = match (&scene.footprint[..], scene.bounds_wgs84) {
        ([_, _, _, _, ..], _) => json!({ "type": "Polygon", "coordinates": [scene.footprint] }),
        (_, Some(bounds)) => box_polygon(bounds),
        (_, None) => Value::Null,
    };
    json!({
        "type": "Feature",
        "id": scene.scene_id,
        "bbox": scene.bounds_wgs84,
        "geometry": geometry,
        "properties": scene_properties(scene),
    })
}

/// The properties of a scene.
pub(super) fn scene_properties(scene: &Scene) -> Map<String, Value> {
    let name = scene.name.as_ref();
    let shown = scene.shown();
    let mut properties = object(json!({
        "scene_id": scene.scene_id,
        "revision": scene.revision,
        "status": scene.status,
        "observed_at": scene.observed_at,
        "arrived_at": scene.arrived_at,
        "published_at": scene.published_at,
        "detections": scene.detections,
        "note": scene.note,
    }));
    properties.append(&mut object(json!({
        "satellite": name.map(|name| &name.satellite),
        "mode": name.map(|name| &name.mode),
        "mode_name": name.and_then(|name| name.mode_name()),
        "polarisation": name.map(|name| &name.polarisation),
        "orbit_direction": name.map(|name| &name.orbit_direction),
        "look_direction": name.map(|name| &name.look_direction),
    })));
    properties.append(&mut object(json!({
        "minzoom": shown.map(|asset| asset.minzoom),
        "maxzoom": shown.map(|asset| asset.maxzoom),
        "width_px": shown.map(|asset| asset.width_px),
        "height_px": shown.map(|asset| asset.height_px),
        "dtype": shown.map(|asset| &asset.dtype),
        "spacing_m": shown.map(|asset| asset.spacing_m),
    })));
    properties
}

/// A detection of `scene` as a feature.
pub(crate) fn detection_feature(scene: &Scene, revision: u64, detection: &Detection) -> Value {
    json!({
        "type": "Feature",
        "id": detection.id,
        "geometry": detection.geometry,
        "properties": {
            "id": detection.id,
            "scene_id": scene.scene_id,
            "revision": revision,
            "observed_at": scene.observed_at,
            "area_km2": detection.area_km2,
            "perimeter_km": detection.perimeter_km,
            "contrast_db": detection.contrast_db,
            "elongation": detection.elongation,
            "confidence": detection.confidence,
            // Nobody has judged it.
            "verdict": null,
            "model": detection.model,
        },
    })
}

/// A box as a polygon, counter-clockwise; as two when it crosses the dateline (west > east).
pub(crate) fn box_polygon([west, south, east, north]: [f64; 4]) -> Value {
    let ring =
        |west: f64, east: f64| json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
    if west > east {
        return json!({ "type": "MultiPolygon", "coordinates": [ring(west, 180.0), ring(-180.0, east)] });
    }
    json!({ "type": "Polygon", "coordinates": ring(west, east) })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
