//! An indexer as far as the server sees one: the change feed of `aurora-catalog`, and files beside it.
//!
//! The real indexer stands in the end-to-end tests; here the test decides what changes and when.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use aurora_catalog::{
    Asset, Change, ChangeBody, ChangePage, Detection, Footprint, JobState, JobView, Scene, SceneName, SceneStatus,
};
use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use jiff::Timestamp;
use serde_json::json;

use super::{origin::Origin, raster};

#[derive(Debug, Default)]
struct Log {
    epoch: String,
    changes: Vec<Change>,
    away: bool,
}

/// The fake indexer.
pub(crate) struct Feed {
    pub(crate) origin: Origin,
    log: Arc<Mutex<Log>>,
}

impl Feed {
    pub(crate) async fn start(epoch: &str) -> Self {
        let log = Arc::new(Mutex::new(Log { epoch: epoch.to_owned(), ..Log::default() }));
        let router = Router::new().route("/catalog/changes", get(changes)).with_state(Arc::clone(&log));
        Self { origin: Origin::start_with(router).await, log }
    }

    pub(crate) fn tell(&self, body: ChangeBody) {
        let mut log = self.log.lock().unwrap();
        let seq = log.changes.len() as u64 + 1;
        log.changes.push(Change { seq, at: Timestamp::now(), body });
    }

    /// Begins a new database that holds nothing.
    pub(crate) fn restart(&self, epoch: &str) {
        *self.log.lock().unwrap() = Log { epoch: epoch.to_owned(), ..Log::default() };
    }

    /// Makes the feed fail, or work again.
    pub(crate) fn set_away(&self, away: bool) {
        self.log.lock().unwrap().away = away;
    }

    /// Puts a scene's raw file there and tells of it.
    pub(crate) fn land(&self, id: &str, revision: u64, seed: u16) {
        self.origin.put(&format!("{id}.MBI.tif"), raster::tiff(seed));
        self.tell(ChangeBody::Scene { scene: scene(id, revision) });
    }

    /// Publishes a result with detections for it.
    pub(crate) fn publish(&self, id: &str, revision: u64, seed: u16) {
        self.origin.put(&format!("{id}.MBI_light.tif"), raster::tiff(seed));
        let detections = vec![detection(id, revision, 1, 0.9), detection(id, revision, 2, 0.4)];
        self.tell(ChangeBody::Detections { scene_id: id.to_owned(), revision, detections });
        let mut scene = scene(id, revision);
        scene.status = SceneStatus::Published;
        scene.published_at = Some(Timestamp::now());
        scene.light = Some(asset(&format!("{id}.MBI_light.tif")));
        scene.detections = Some(2);
        self.tell(ChangeBody::Scene { scene });
    }
}

async fn changes(
    State(log): State<Arc<Mutex<Log>>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<ChangePage>, axum::http::StatusCode> {
    let since: usize = query["since"].parse().unwrap();
    let limit: usize = query["limit"].parse().unwrap();
    // Long polling, shortened so that no test waits for it.
    for _ in 0..20 {
        {
            let log = log.lock().unwrap();
            let other_epoch = query.get("epoch").is_some_and(|epoch| *epoch != log.epoch);
            if log.away {
                return Err(axum::http::StatusCode::SERVICE_UNAVAILABLE);
            }
            if log.changes.len() > since || other_epoch {
                let first = if other_epoch { 0 } else { since };
                let changes: Vec<Change> = log.changes.iter().skip(first).take(limit).cloned().collect();
                let next = changes.last().map_or(first as u64, |change| change.seq);
                return Ok(Json(ChangePage {
                    epoch: log.epoch.clone(),
                    changes,
                    next,
                    head: log.changes.len() as u64,
                }));
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let log = log.lock().unwrap();
    let head = log.changes.len() as u64;
    Ok(Json(ChangePage { epoch: log.epoch.clone(), changes: Vec::new(), next: since as u64, head }))
}

/// A scene whose raw file cannot be shown.
pub(crate) fn waiting(id: &str, reason: &str) -> Scene {
    let (bounds_wgs84, footprint, raw) = (None, Default::default(), None);
    let note = Some(reason.to_owned());
    Scene { status: SceneStatus::Waiting, bounds_wgs84, footprint, raw, note, ..scene(id, 1) }
}

/// A raw scene whose file is the raster of [`raster`].
pub(crate) fn scene(id: &str, revision: u64) -> Scene {
    let side_deg = f64::from(raster::SIDE_PX) * raster::PIXEL_DEG;
    let name = SceneName::parse(id);
    Scene {
        scene_id: id.to_owned(),
        revision,
        status: SceneStatus::Raw,
        path: format!("{id}.MBI.tif"),
        observed_at: name.as_ref().map(|name| name.start),
        name,
        arrived_at: "2024-01-01T00:00:00Z".parse().unwrap(),
        published_at: None,
        bounds_wgs84: Some([0.0, -side_deg, side_deg, 0.0]),
        footprint: Footprint::of_ring(vec![
            [0.0, 0.0],
            [side_deg, 0.0],
            [side_deg, -side_deg],
            [0.0, -side_deg],
            [0.0, 0.0],
        ]),
        raw: Some(asset(&format!("{id}.MBI.tif"))),
        light: None,
        detections: None,
        note: None,
    }
}

fn asset(file: &str) -> Asset {
    Asset {
        href: format!("/files/{file}"),
        size_bytes: 1,
        width_px: raster::SIDE_PX,
        height_px: raster::SIDE_PX,
        bands: 1,
        dtype: "uint16".to_owned(),
        epsg: Some(4326),
        spacing_m: 1113.0,
        nodata: Some(0.0),
        minzoom: 5,
        maxzoom: 7,
    }
}

pub(crate) fn detection(scene_id: &str, revision: u64, index: u32, confidence: f64) -> Detection {
    let ring = [[1.0, -1.0], [2.0, -1.0], [2.0, -2.0], [1.0, -1.0]];
    Detection {
        id: Detection::id_of(scene_id, revision, index),
        area_km2: 3.5,
        perimeter_km: 12.0,
        contrast_db: Some(6.0),
        elongation: Some(3.0),
        confidence,
        model: "test 1".to_owned(),
        geometry: json!({ "type": "Polygon", "coordinates": [ring] }).into(),
    }
}

pub(crate) fn job(id: &str, scene_id: &str, state: JobState) -> JobView {
    JobView {
        job_id: id.to_owned(),
        scene_id: scene_id.to_owned(),
        revision: 1,
        path: format!("{scene_id}.MBI.tif"),
        state,
        losses: 0,
        attempt: 1,
        reason: None,
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
        retry_at: None,
    }
}
