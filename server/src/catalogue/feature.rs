//! Scenes and detections as GeoJSON features (RFC 7946): what `/scenes`, `/detections` and `/events` say of them.

use aurora_catalog::{Detection, Outline, Scene};
use serde_json::{Map, Value, json};

use crate::antimeridian;

/// Once round the globe.
const TURN_DEG: f64 = 360.0;

/// Where a scene lies: its footprint, else its bounds, else `null`.
pub(crate) fn scene_geometry(scene: &Scene) -> Value {
    let known = scene.footprint.geometry();
    known.or_else(|| scene.bounds_wgs84.map(box_polygon)).unwrap_or(Value::Null)
}

/// The box round an outline in degrees: west, south, east, north, with west > east round one that was cut at the
/// antimeridian; `None` without points.
pub(crate) fn bounds_of(outline: &Outline) -> Option<[f64; 4]> {
    let mut boxes = outline.boxes();
    let extents: Vec<_> = boxes.iter().map(|bounds| (bounds[0], bounds[2])).collect();
    for (bounds, _) in boxes.iter_mut().zip(antimeridian::behind(&extents, TURN_DEG)).filter(|(_, behind)| *behind) {
        (bounds[0], bounds[2]) = (bounds[0] + TURN_DEG, bounds[2] + TURN_DEG);
    }
    let is_cut = boxes.iter().zip(&extents).any(|(bounds, extent)| bounds[0] > extent.0);
    let joined = |a: [f64; 4], b: [f64; 4]| [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])];
    let [west, south, east, north] = boxes.into_iter().reduce(joined)?;
    Some([west, south, if is_cut { east - TURN_DEG } else { east }, north])
}

/// A scene as a feature, with links to what can be asked of it; `address` is its own.
pub(crate) fn scene_feature(scene: &Scene, address: &str) -> Value {
    let mut feature = json!({
        "type": "Feature",
        "id": scene.scene_id,
        "geometry": scene_geometry(scene),
        "properties": scene_properties(scene),
        "links": links(scene, address),
    });
    // A box that is not known is left out (RFC 7946, section 5).
    if let Some(bounds) = scene.bounds_wgs84 {
        feature["bbox"] = json!(bounds);
    }
    feature
}

/// Only to itself while there is nothing to show.
fn links(scene: &Scene, address: &str) -> Vec<Value> {
    let own = json!({ "rel": "self", "type": "application/geo+json", "href": address });
    let revision = scene.revision;
    let tiles = scene.shown().filter(|_| scene.bounds_wgs84.is_some()).map(|_| {
        let href = format!("{address}/WebMercatorQuad/tilejson.json?v={revision}");
        json!({ "rel": "tilejson", "type": "application/json", "href": href })
    });
    let preview = scene.shown().map(|_| {
        let href = format!("{address}/preview.png?v={revision}");
        json!({ "rel": "preview", "type": "image/png", "href": href })
    });
    std::iter::once(own).chain(tiles).chain(preview).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_of_an_earlier_feed_is_cut_at_the_antimeridian() {
        let scene = |ring: Value| -> Scene {
            serde_json::from_value(json!({
                "scene_id": "a", "revision": 1, "status": "raw", "path": "a.tif", "name": null, "observed_at": null,
                "arrived_at": "2024-05-01T10:00:00Z", "published_at": null, "bounds_wgs84": [179.0, 1.0, -179.0, 2.0],
                "footprint": ring, "raw": null, "light": null, "detections": null, "note": null,
            }))
            .unwrap()
        };
        let running_on = scene(json!([[179.0, 1.0], [181.0, 1.0], [181.0, 2.0], [179.0, 2.0], [179.0, 1.0]]));
        let geometry = scene_geometry(&running_on);
        assert_eq!((&geometry["type"], geometry["coordinates"].as_array().unwrap().len()), (&json!("MultiPolygon"), 2));
        assert_eq!(bounds_of(&geometry.into()), running_on.bounds_wgs84);
        let unknown = scene(json!([]));
        assert_eq!(scene_geometry(&unknown), box_polygon([179.0, 1.0, -179.0, 2.0]));
    }

    #[test]
    fn a_box_goes_round_what_was_cut_at_the_antimeridian() {
        let ring = |west: f64, east: f64| json!([[[west, 1], [east, 1], [east, 2], [west, 1]]]);
        let bounds =
            |kind: &str, coordinates: Value| bounds_of(&json!({ "type": kind, "coordinates": coordinates }).into());
        let cut = json!([ring(179.0, 180.0), ring(-180.0, -178.0)]);
        assert_eq!(bounds("MultiPolygon", cut), Some([179.0, 1.0, -178.0, 2.0]));
        let apart = json!([ring(10.0, 20.0), ring(-20.0, -10.0)]);
        assert_eq!(bounds("MultiPolygon", apart), Some([-20.0, 1.0, 20.0, 2.0]));
        assert_eq!(bounds("Polygon", ring(179.0, 181.0)), Some([179.0, 1.0, 181.0, 2.0]));
        assert_eq!(bounds("Polygon", json!([])), None);
    }
}
