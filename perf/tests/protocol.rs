//! The whole protocol against a small tile server that counts what it is asked for and fails on demand.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aurora_perf::{
    Error,
    client::Failure,
    measure::Watch,
    protocol::{self, Group, Peer, Run, SERVER, Settings},
    report::{Host, Language, Note, Report},
    threshold::Threshold,
    user::{Habits, Viewport, WalkKind},
};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// What the server was asked for, and how it answers.
#[derive(Default)]
struct Ledger {
    tiles: Mutex<Vec<(String, u8, u32, u32)>>,
    /// Zoom at which it says 503.
    overloaded_at: Option<u8>,
    /// Zoom at which it sends a page instead of an image.
    page_at: Option<u8>,
}

async fn start(ledger: Arc<Ledger>) -> SocketAddr {
    let tilejson = |Path(id): Path<String>| async move { Json(tilejson(&id)) };
    let app = Router::new()
        .route("/scenes", get(async || Json(scene_list())))
        .route("/scenes/{id}/WebMercatorQuad/tilejson.json", get(tilejson))
        .route("/t/{id}/{z}/{x}/{y}", get(tile))
        .with_state(ledger);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn scene_list() -> Value {
    let feature = |id| json!({ "type": "Feature", "id": id, "geometry": null, "properties": {} });
    let features: Vec<Value> = ["a", "b", "c", "d"].into_iter().map(feature).collect();
    json!({ "type": "FeatureCollection", "features": features })
}

fn tilejson(id: &str) -> Value {
    json!({ "tilejson": "3.0.0", "tiles": [format!("/t/{id}/{{z}}/{{x}}/{{y}}")], "bounds": [-44.2, -25.1, -41.8, -22.8] })
}

async fn tile(State(ledger): State<Arc<Ledger>>, Path((id, z, x, y)): Path<(String, u8, u32, u32)>) -> Response {
    ledger.tiles.lock().unwrap().push((id, z, x, y));
    if ledger.overloaded_at == Some(z) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if ledger.page_at == Some(z) {
        return "<html>".into_response();
    }
    PNG.into_response()
}

fn settings(address: SocketAddr) -> Settings {
    Settings {
        server: format!("http://{address}"),
        scenes: Vec::new(),
        peer: None,
        watches: vec![Watch { name: SERVER.to_owned(), pid: std::process::id() as i32 }],
        users: 3,
        habits: Habits {
            viewport: Viewport { width_px: 1280, height_px: 800 },
            pace: Duration::ZERO,
            free_views: 6,
            timeout: Duration::from_secs(30),
        },
        seed: 1,
    }
}

fn report(run: Run, thresholds: &[&str]) -> Report {
    let mut report = Report {
        version: "0",
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        host: Host::this(),
        server: "http://server".to_owned(),
        peer: None,
        seed: 1,
        viewport_px: (1280, 800),
        pace_s: 0.0,
        notes: vec![Note::NotRestarted],
        thresholds: Vec::new(),
        run,
    };
    let thresholds: Vec<Threshold> = thresholds.iter().map(|text| text.parse().unwrap()).collect();
    report.judge(&thresholds);
    report
}

#[tokio::test]
async fn users_walk_the_whole_protocol() {
    let ledger = Arc::new(Ledger::default());
    let run = protocol::run(&settings(start(Arc::clone(&ledger)).await)).await.unwrap();
    assert_eq!(run.scenes, ["a", "b", "c", "d"]);
    let steps: Vec<_> = run.steps.iter().map(|step| (step.group, step.ordinal, step.walk, step.users)).collect();
    assert_eq!(steps.len(), 2 * 4 + 3 * 2);
    assert_eq!(steps[0], (Group::Individual, 1, WalkKind::Initial, 1));
    assert_eq!(steps[13], (Group::TwoScenes, 1, WalkKind::Free, 3));

    let (_, total) = &run.totals[0];
    let asked = ledger.tiles.lock().unwrap();
    assert_eq!(total.http_reqs, asked.len() as u64);
    assert_eq!((total.images, total.http_req_failed), (total.http_reqs, 0.0));
    assert_eq!(total.body_bytes, total.images * PNG.len() as u64);
    assert_eq!(total.incomplete_views, 0);
    assert!(total.viewport_complete.count > 20 && total.viewport_complete.p95_ms >= total.tile_first.p50_ms);

    // A scene of 2.4 by 2.3 degrees meets four tiles at zoom 7 at most; one user asks for each once.
    let first = run.steps[0].traffic.http_reqs;
    assert!((1..=4).contains(&first), "{first} tiles at zoom 7");
    // Zooming in over the middle of a 1280 x 800 pane: at most 6 x 5 tiles a level, and zoom 7 is in the cache.
    let zoomed = run.steps[1].traffic.http_reqs;
    assert!((7 * 12..=7 * 30).contains(&zoomed), "{zoomed} tiles from zoom 8 to 14");
    for zoom in 7..=14 {
        assert!(asked.iter().any(|tile| tile.1 == zoom), "nothing asked for at zoom {zoom}");
    }
    assert!(run.steps.iter().all(|step| step.usage.iter().any(|usage| usage.rss_mb > 1.0)));
    assert!(!run.samples.is_empty());
}

#[tokio::test]
async fn equal_seeds_ask_for_the_same_tiles() {
    let mut asked = Vec::new();
    for _ in 0..2 {
        let ledger = Arc::new(Ledger::default());
        protocol::run(&settings(start(Arc::clone(&ledger)).await)).await.unwrap();
        let mut tiles = std::mem::take(&mut *ledger.tiles.lock().unwrap());
        tiles.sort();
        asked.push(tiles);
    }
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test]
async fn failures_are_told_apart_and_fail_the_thresholds() {
    let ledger = Ledger { overloaded_at: Some(14), page_at: Some(9), ..Ledger::default() };
    let run = protocol::run(&settings(start(Arc::new(ledger)).await)).await.unwrap();
    let (_, total) = &run.totals[0];
    let failed = total.failures.values().sum::<u64>() as f64 / total.http_reqs as f64;
    assert!(total.failures[&Failure::Overloaded] > 0 && total.failures[&Failure::NotAnImage] > 0);
    assert_eq!(total.failures.len(), 2);
    assert!(total.http_req_failed > 0.0 && (total.http_req_failed - failed).abs() < 1e-12);
    assert!(total.incomplete_views > 0);
    let report = report(run, &["http_req_failed<0.001", "rss_mb.server>1"]);
    assert!(!report.is_good());
    let holds: Vec<_> = report.thresholds.iter().map(|verdict| verdict.holds).collect();
    assert_eq!(holds, [false, true]);
    let markdown = report.markdown(Language::En).unwrap();
    assert!(markdown.contains("| 503 |") && markdown.contains("| not an image |"), "{markdown}");
}

#[tokio::test]
async fn reports_show_every_step_beside_the_operators_figures() {
    let address = start(Arc::default()).await;
    let peer =
        Peer { name: "other".to_owned(), template: format!("http://{address}/t/{{scene_id}}/{{z}}/{{x}}/{{y}}") };
    let run = protocol::run(&Settings { peer: Some(peer), ..settings(address) }).await.unwrap();
    assert_eq!(run.totals[0].1.http_reqs, run.totals[1].1.http_reqs, "the peer sees the same walk");
    let report = report(run, &["http_reqs>0", "other:http_reqs>0", "viewport_complete.p95<600000"]);
    assert!(report.is_good());

    let markdown = report.markdown(Language::En).unwrap();
    let row = markdown.lines().find(|line| line.contains("users with two scenes each: free")).unwrap();
    assert!(row.ends_with("| 352 | 0.40 | 0.94 |"), "{row}");
    let columns = |line: &str| line.matches('|').count();
    let tables: Vec<_> = markdown.split("\n## ").filter(|section| section.contains("one user, scene")).collect();
    for table in &tables {
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.iter().all(|row| columns(row) == columns(rows[0])), "{table}");
    }
    assert!(tables.len() >= 3);
    assert!(report.markdown(Language::Pt).unwrap().contains("visão inicial, zoom 7"));

    let folder = tempfile::tempdir().unwrap();
    report.save(folder.path(), Language::En).unwrap();
    let html = std::fs::read_to_string(folder.path().join("protocol.html")).unwrap();
    assert_eq!(html.matches("<svg").count(), 5);
    assert!(!html.contains("src=") && !html.contains("href="), "the page needs nothing else");
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("protocol.json")).unwrap()).unwrap();
    assert!(json["metrics"]["http_req_duration.p95"].as_f64().unwrap() > 0.0);
    assert_eq!(json["report"]["run"]["steps"].as_array().unwrap().len(), 28);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(matches!(protocol::run(&settings(address)).await, Err(Error::Unanswered { .. })));
}
