//! The whole protocol against a small tile server.

mod support;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use aurora_perf::{
    Error,
    client::{Failure, Protocol},
    measure::{Count, Trend, Watch},
    protocol::{self, Group, Peer, SERVER, Settings},
    report::{Circumstances, Document, Language, Note},
    threshold::Threshold,
    user::{Habits, Viewport, WalkKind},
};
use serde_json::Value;
use support::{Ledger, PNG, start};

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
        protocol: Protocol::Http1,
        seed: 1,
        start: None,
        limit: None,
    }
}

fn document(settings: &Settings, run: &protocol::Run, thresholds: &[&str], lang: Language) -> Document {
    let thresholds: Vec<Threshold> = thresholds.iter().map(|text| text.parse().unwrap()).collect();
    let circumstances = Circumstances::now(Some("a test".to_owned()));
    protocol::document(&circumstances, settings, run, &thresholds, vec![Note::NotRestarted], lang)
}

#[tokio::test]
async fn users_walk_the_whole_protocol() {
    let ledger = Arc::new(Ledger::default());
    let run = protocol::run(&settings(start(Arc::clone(&ledger)).await)).await.unwrap();
    assert_eq!(run.scenes, ["a", "b", "c", "d"]);
    let steps: Vec<_> = run.steps.iter().map(|step| (step.group, step.ordinal, step.walk, step.users)).collect();
    assert_eq!(steps.len(), 2 * 5 + 3 * 3);
    assert_eq!(steps[1], (Group::Individual, 1, WalkKind::Initial, 1));
    assert_eq!(steps[18], (Group::TwoScenes, 1, WalkKind::Free, 3));

    let (_, total) = &run.totals[0];
    let asked = ledger.tiles.lock().unwrap();
    assert_eq!(total.groups["tile"].requests, asked.len() as u64);
    assert_eq!(total.count(Count::Images), asked.len() as u64);
    assert_eq!(total.failures.len(), 0);
    assert_eq!(total.groups["tile"].body_bytes, total.count(Count::Images) * PNG.len() as u64);
    assert_eq!((total.count(Count::IncompleteViews), total.count(Count::Cancelled)), (0, 0));
    assert!(total.trends[&Trend::ViewportComplete].count() > 20);

    // Each of 2 × 1 + 3 × 3 users opens the page, its one script and three lists.
    let opened = run.steps.iter().filter(|step| step.walk == WalkKind::Page);
    assert_eq!(opened.map(|step| step.tally.count(Count::HttpReqs)).sum::<u64>(), 11 * 5);
    // A scene of 2.4 by 2.3 degrees meets four tiles at zoom 7 at most; one user asks for each once.
    let first = run.steps[1].tally.count(Count::HttpReqs);
    assert!((1..=4).contains(&first), "{first} tiles at zoom 7");
    // Zooming in over the middle of a 1280 x 800 pane: at most 6 x 5 tiles a level, and zoom 7 is on the screen.
    let zoomed = run.steps[2].tally.count(Count::HttpReqs);
    assert!((7 * 12..=7 * 30).contains(&zoomed), "{zoomed} tiles from zoom 8 to 14");
    for zoom in 7..=14 {
        assert!(asked.iter().any(|tile| tile.1 == zoom), "nothing asked for at zoom {zoom}");
    }
    assert!(run.steps.iter().all(|step| step.usage.iter().any(|usage| usage.rss_mb > 1.0)));
    assert!(!run.samples.is_empty());
}

#[tokio::test]
async fn equal_seeds_ask_for_the_same_tiles_over_either_http() {
    let mut asked = Vec::new();
    for protocol in [Protocol::Http1, Protocol::Http1, Protocol::Http2] {
        let ledger = Arc::new(Ledger::default());
        let settings = Settings { protocol, ..settings(start(Arc::clone(&ledger)).await) };
        protocol::run(&settings).await.unwrap();
        let mut tiles = std::mem::take(&mut *ledger.tiles.lock().unwrap());
        tiles.sort();
        asked.push(tiles);
    }
    assert_eq!(asked[0], asked[1]);
    assert_eq!(asked[0], asked[2]);
}

#[tokio::test]
async fn browsers_keep_what_they_may_and_revalidate_the_rest() {
    let mut asked = Vec::new();
    for control in [None, Some("max-age=600"), Some("no-cache")] {
        let ledger = Arc::new(Ledger { cache_control: control, ..Ledger::default() });
        let run = protocol::run(&settings(start(Arc::clone(&ledger)).await)).await.unwrap();
        let total = &run.totals[0].1;
        asked.push((total.groups["tile"].requests, total.count(Count::CacheHits), total.count(Count::NotModified)));
        assert_eq!(u64::from(ledger.revalidated.load(Relaxed)), total.count(Count::NotModified));
    }
    let [(all, 0, 0), (fewer, hits, 0), (same, 0, revalidated)] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(all, fewer + hits, "fresh tiles are not asked for");
    assert_eq!(all, same);
    assert_eq!(hits, revalidated);
    assert!(hits > 0);
}

#[tokio::test]
async fn failures_are_told_apart_and_fail_the_thresholds() {
    let ledger = Ledger { overloaded_at: Some(14), page_at: Some(9), ..Ledger::default() };
    let settings = settings(start(Arc::new(ledger)).await);
    let run = protocol::run(&settings).await.unwrap();
    let (_, total) = &run.totals[0];
    let failed: u64 = total.failures.values().map(|seen| seen.count).sum();
    assert!(total.failures[&Failure::Overloaded].count > 0 && total.failures[&Failure::NotAnImage].count > 0);
    assert_eq!((total.failures.len(), failed), (2, total.count(Count::HttpReqFailed)));
    assert!(total.count(Count::IncompleteViews) > 0);
    let document = document(&settings, &run, &["http_req_failed<0.001", "rss_mb.server>1"], Language::En);
    assert!(!document.is_good());
    let holds: Vec<_> = document.verdicts.iter().map(|verdict| verdict.holds).collect();
    assert_eq!(holds, [false, true]);
    let markdown = document.markdown().unwrap();
    assert!(markdown.contains("| 503 or 429 |") && markdown.contains("| not an image |"), "{markdown}");
}

#[tokio::test]
async fn reports_show_every_step_beside_the_operators_figures() {
    let address = start(Arc::default()).await;
    let peer =
        Peer { name: "other".to_owned(), template: format!("http://{address}/t/{{scene_id}}/{{z}}/{{x}}/{{y}}") };
    let settings = Settings { peer: Some(peer), ..settings(address) };
    let run = protocol::run(&settings).await.unwrap();
    let tiles = |target: usize| run.totals[target].1.groups["tile"].requests;
    assert_eq!(tiles(0), tiles(1), "the peer sees the same walk");
    let limits = ["http_reqs>0", "other:http_reqs>0", "viewport_complete.p95<600000"];
    let document = document(&settings, &run, &limits, Language::En);
    assert!(document.is_good());

    let markdown = document.markdown().unwrap();
    let row = markdown.lines().find(|line| line.contains("users with two scenes each: free")).unwrap();
    assert!(row.ends_with("| 352 | 0.40 | 0.94 |"), "{row}");
    let columns = |line: &str| line.matches('|').count();
    let tables: Vec<_> = markdown.split("\n## ").filter(|section| section.contains("one user, scene")).collect();
    for table in &tables {
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.iter().all(|row| columns(row) == columns(rows[0])), "{table}");
    }
    assert!(tables.len() >= 3);
    let portuguese = self::document(&settings, &run, &[], Language::Pt);
    assert!(portuguese.markdown().unwrap().contains("visão inicial, zoom 7"));

    let folder = tempfile::tempdir().unwrap();
    let json = protocol::json(&Circumstances::now(None), &settings, &run, &document);
    document.save(folder.path(), "protocol", &json).unwrap();
    let html = std::fs::read_to_string(folder.path().join("protocol.html")).unwrap();
    assert_eq!(html.matches("<svg").count(), 6);
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("protocol.json")).unwrap()).unwrap();
    assert!(json["metrics"]["http_req_duration.p95"].as_f64().unwrap() > 0.0);
    assert_eq!(json["run"]["steps"].as_array().unwrap().len(), 19 + 14);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    assert!(matches!(protocol::run(&settings(address)).await, Err(Error::Unanswered { .. })));
}
