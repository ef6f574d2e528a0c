//! `/detections` and `/detections/{id}`: what inference found, as GeoJSON.

use std::{cmp::Reverse, str::FromStr, sync::Arc};

use aurora_catalog::{Detection, Scene};
use axum::{extract::State, response::IntoResponse};
use serde_json::json;

use super::{
    parameters::{Begun, Pairs, Parts},
    scenes::geojson,
};
use crate::{
    app::App,
    catalogue::{Catalogue, Interval, SceneDetections, bounds_of, detection_feature, overlaps},
    failure::Failure,
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

type OfScene = (Arc<Scene>, Arc<SceneDetections>);

/// What analysts may have said of a detection; `None` is what they have said of all so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Slick,
    LookAlike,
    Ship,
    Unsure,
    None,
}

impl FromStr for Verdict {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "slick" => Self::Slick,
            "look_alike" => Self::LookAlike,
            "ship" => Self::Ship,
            "unsure" => Self::Unsure,
            "none" => Self::None,
            _ => return Err("is none of slick, look_alike, ship, unsure and none"),
        })
    }
}

/// Detections by scene, place, time and verdict: newest scene first, within a scene by confidence.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Begun(catalogue): Begun,
    pairs: Pairs,
) -> Result<impl IntoResponse, Failure> {
    let (bbox, limit) = (pairs.bbox()?, pairs.limit(DEFAULT_LIMIT, MAX_LIMIT)?);
    let interval: Interval = pairs.get("datetime")?.unwrap_or_default();
    let verdict: Option<Verdict> = pairs.get("verdict")?;
    let scenes = match pairs.get::<String>("scene")? {
        Some(id) => vec![catalogue.detections_of(&id).ok_or_else(|| catalogue.absent(format!("scene {id}")))?],
        None => all(&catalogue),
    };
    let mut matched = 0;
    let mut wanted = Vec::new();
    for (scene, found) in &scenes {
        if !interval.contains(scene.observed_at.unwrap_or(scene.arrived_at)) {
            continue;
        }
        let is_wanted = |detection: &&Detection| {
            bbox.is_none_or(|bbox| lies_in(detection, bbox)) && verdict.is_none_or(|wanted| wanted == Verdict::None)
        };
        for detection in found.detections.iter().filter(is_wanted) {
            matched += 1;
            if wanted.len() < limit {
                wanted.push((scene, found.revision, detection));
            }
        }
    }
    let mut features = app.lists.begin().await?;
    let push = |(scene, revision, detection): &(&Arc<Scene>, u64, &Detection)| {
        features.push(&detection_feature(scene, *revision, detection))
    };
    wanted.iter().all(push);
    let rest = json!({ "numberMatched": matched, "numberReturned": features.count() });
    Ok(features.answer(&rest))
}

/// One detection.
pub(crate) async fn one(State(app): State<Arc<App>>, Parts(id): Parts<String>) -> Result<impl IntoResponse, Failure> {
    let missing = || app.catalogue.absent(format!("detection {id}"));
    // `{scene_id}.r{revision}.{index}`; the id of a scene may hold dots itself.
    let scene_id = id.rsplitn(3, '.').nth(2).ok_or_else(missing)?;
    let (scene, found) = app.catalogue.detections_of(scene_id).ok_or_else(missing)?;
    let detection = found.detections.iter().find(|detection| detection.id == id).ok_or_else(missing)?;
    Ok(geojson(&detection_feature(&scene, found.revision, detection)))
}

fn all(catalogue: &Catalogue) -> Vec<OfScene> {
    let mut scenes: Vec<OfScene> = catalogue.everything_found();
    let key = |scene: &Scene| Reverse(scene.observed_at.unwrap_or(scene.arrived_at));
    // Scenes of one time have an order, too, or a list would be another each time.
    scenes.sort_unstable_by(|(a, _), (b, _)| (key(a), &a.scene_id).cmp(&(key(b), &b.scene_id)));
    scenes
}

/// Whether the outline's bounding box meets `bbox`.
fn lies_in(detection: &Detection, bbox: [f64; 4]) -> bool {
    bounds_of(&detection.geometry).is_some_and(|bounds| overlaps(bbox, bounds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detection_lies_where_its_outline_does() {
        let ring = json!([[[1.0, 2.0], [3.0, 2.0], [3.0, 5.0], [1.0, 2.0]]]);
        let detection = Detection {
            id: "a.r1.1".to_owned(),
            area_km2: 1.0,
            perimeter_km: 1.0,
            contrast_db: Some(5.0),
            elongation: Some(2.0),
            confidence: 0.5,
            model: "m".to_owned(),
            geometry: json!({ "type": "Polygon", "coordinates": ring }).into(),
        };
        assert!(lies_in(&detection, [2.0, 4.0, 9.0, 9.0]));
        assert!(!lies_in(&detection, [3.5, 2.0, 9.0, 9.0]));
        let nowhere = Detection { geometry: json!({ "type": "Polygon", "coordinates": [] }).into(), ..detection };
        assert!(!lies_in(&nowhere, [-180.0, -90.0, 180.0, 90.0]));
    }
}
