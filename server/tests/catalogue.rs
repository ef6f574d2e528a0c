//! The catalogue end to end: a feed changes, and lists, tiles and events follow.

mod support;

use aurora_catalog::{ChangeBody, JobState};
use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{
    LIVENESS, Server,
    feed::{Feed, job, scene, waiting},
    raster::{npy, tiff, tile},
};

const CSK: &str = "CSKS1_GEC_B_HR_00_VV_RA_FF_20230314085543_20230314085612";

async fn feed_and_server() -> (Feed, Server) {
    let feed = Feed::start("e1").await;
    let server = Server::start(&["--indexer", &feed.origin.address]);
    (feed, server)
}

fn ids(list: &Value) -> Vec<&str> {
    list["features"].as_array().unwrap().iter().map(|feature| feature["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_scene_that_lands_is_listed_and_shown() {
    let (feed, server) = feed_and_server().await;
    feed.land(CSK, 1, 10);
    let list = server.until("/scenes", |list| !ids(list).is_empty()).await;
    let properties = &list["features"][0]["properties"];
    assert_eq!(properties["mode_name"], "HugeRegion");
    assert_eq!((&properties["status"], &properties["revision"]), (&json!("raw"), &json!(1)));
    assert_eq!(properties["observed_at"], "2023-03-14T08:55:43Z");

    let tilejson = server.json(&format!("/scenes/{CSK}/WebMercatorQuad/tilejson.json?rescale=auto")).await;
    let template = tilejson["tiles"][0].as_str().unwrap();
    assert!(template.starts_with(&server.address) && template.ends_with(".png?rescale=auto&v=1"), "{template}");
    let address = template.replace("{z}/{x}/{y}", &tile(1, 1));
    let response = server.client.get(address).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    let unversioned = server.get(&format!("/scenes/{CSK}/tiles/WebMercatorQuad/{}.png", tile(1, 1))).await;
    assert_eq!(unversioned.headers()["cache-control"], "public, no-cache");
    assert_eq!(server.json(&format!("/scenes/{CSK}/info")).await["nodata_value"], 0.0);
    server.stop().await;
}

#[tokio::test]
async fn a_scene_that_cannot_be_shown_yet_is_listed_with_the_reason() {
    let (feed, server) = feed_and_server().await;
    feed.tell(ChangeBody::Scene { scene: waiting("w", "compression: JPEG XL") });
    let list = server.until("/scenes", |list| !ids(list).is_empty()).await;
    let listed = &list["features"][0];
    assert_eq!((&listed["properties"]["status"], &listed["geometry"]), (&json!("waiting"), &Value::Null));
    assert!(listed.get("bbox").is_none(), "{listed}");
    assert_eq!(relations(listed), ["self"]);
    assert_eq!(server.json("/scenes/w").await, *listed);
    assert!(ids(&server.json("/scenes?bbox=-180,-90,180,90").await).is_empty());
    for path in [&format!("tiles/WebMercatorQuad/{}.png", tile(1, 1)), "info", "WebMercatorQuad/tilejson.json"] {
        let (status, problem) = server.problem(&format!("/scenes/w/{path}")).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 404 && detail.contains("compression: JPEG XL"), "{path}: {problem}");
    }
    feed.publish("w", 2, 10);
    server.until("/scenes/w", |scene| scene["properties"]["status"] == "published").await;
    let list = server.json("/scenes").await;
    assert_eq!(relations(&list["features"][0]), ["self", "tilejson", "preview"]);
    for link in list["features"][0]["links"].as_array().unwrap() {
        let answer = server.client.get(link["href"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{link}");
        assert_eq!(answer.headers()["content-type"], link["type"].as_str().unwrap());
    }
}

fn relations(feature: &Value) -> Vec<&str> {
    feature["links"].as_array().unwrap().iter().map(|link| link["rel"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn nothing_is_said_of_scenes_before_an_indexer_was_heard() {
    let feed = Feed::start("e1").await;
    feed.set_away(true);
    let server = Server::start(&["--indexer", &feed.origin.address]);
    for path in ["/scenes", "/scenes/a", "/scenes/a/info", "/detections", "/jobs", "/jobs/1", "/stac", "/stac/search"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.headers()["retry-after"], "1", "{path}");
    }
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get("/stac/conformance").await.status(), StatusCode::OK);
    feed.set_away(false);
    assert_eq!(server.until("/scenes", |_| true).await["numberMatched"], 0);
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    assert_eq!(server.problem("/scenes/a").await.0, 404);
}

#[tokio::test]
async fn an_indexer_that_was_never_heard_hides_nothing_of_the_others() {
    let (feed, away) = (Feed::start("e1").await, Feed::start("e2").await);
    away.set_away(true);
    feed.land("a", 1, 10);
    let server = Server::start(&["--indexer", &feed.origin.address, "--indexer", &away.origin.address]);
    server.until("/scenes", |list| ids(list) == ["a"]).await;
    // The other may have it.
    assert_eq!(server.problem("/scenes/b").await.0, 503);
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_result_takes_the_raw_files_place_at_once() {
    let (feed, server) = feed_and_server().await;
    feed.land("a", 1, 10);
    server.until("/scenes", |list| !ids(list).is_empty()).await;
    let values = async |server: &Server| {
        let answer = server.get(&format!("/scenes/a/tiles/WebMercatorQuad/{}.npy", tile(2, 2))).await;
        npy(&answer.bytes().await.unwrap()).1[..256 * 256].to_vec()
    };
    assert!(values(&server).await.iter().all(|&value| value < 5000));
    feed.publish("a", 2, 5000);
    server.until("/scenes/a", |scene| scene["properties"]["revision"] == 2).await;
    assert!(values(&server).await.iter().all(|&value| value > 5000));

    let found = server.json("/detections?scene=a").await;
    assert_eq!(ids(&found), ["a.r2.1", "a.r2.2"]);
    assert_eq!(found["features"][0]["properties"]["verdict"], Value::Null);
    assert_eq!(ids(&server.json("/detections?bbox=0,-1.5,1.5,0").await).len(), 2);
    assert_eq!(ids(&server.json("/detections?scene=a&verdict=none").await).len(), 2);
    assert!(ids(&server.json("/detections?scene=a&verdict=slick").await).is_empty());
    assert_eq!(server.problem("/detections?verdict=maybe").await.0, 400);
    assert!(ids(&server.json("/detections?bbox=5,-1.5,6,0").await).is_empty());
    assert_eq!(server.json("/detections/a.r2.2").await["properties"]["confidence"], 0.4);
    assert_eq!(server.problem("/detections/a.r2.9").await.0, 404);
    assert_eq!(server.problem("/detections?scene=none").await.0, 404);
}

#[tokio::test]
async fn a_scene_overwritten_before_the_catalogue_knows_is_never_mixed() {
    let (feed, server) = feed_and_server().await;
    feed.land("a", 1, 10);
    server.until("/scenes", |list| !ids(list).is_empty()).await;
    let path = |tile: &str| format!("/scenes/a/tiles/WebMercatorQuad/{tile}.npy");
    let old = server.get(&path(&tile(2, 2))).await;
    feed.origin.put("a.MBI.tif", tiff(5000));
    // Far enough from the first tile that its block is yet to be read.
    let other = server.get(&path(&tile(80, 80))).await.bytes().await.unwrap();
    assert!(npy(&other).1[..256 * 256].iter().all(|&value| value > 5000));
    let new = server.get(&path(&tile(2, 2))).await;
    assert_ne!(old.headers()["etag"], new.headers()["etag"]);
    assert!(npy(&new.bytes().await.unwrap()).1[..256 * 256].iter().all(|&value| value > 5000));
}

#[tokio::test]
async fn pages_are_linked() {
    let (feed, server) = feed_and_server().await;
    (0..5).for_each(|number| feed.tell(ChangeBody::Scene { scene: scene(&format!("s {number}"), 1) }));
    server.until("/scenes", |list| list["numberMatched"] == 5).await;
    let first = server.json("/scenes?limit=3").await;
    let next = first["links"][0]["href"].as_str().unwrap();
    let second: Value = server.client.get(next).send().await.unwrap().json().await.unwrap();
    assert_eq!([ids(&first), ids(&second)].concat(), ["s 0", "s 1", "s 2", "s 3", "s 4"]);
    assert_eq!(second["links"], json!([]));
    assert_eq!(server.json("/scenes/s%200").await["id"], "s 0");
    for bad in ["limit=0", "limit=9999", "bbox=1,2", "datetime=x", "token=x"] {
        let (status, problem) = server.problem(&format!("/scenes?{bad}")).await;
        assert_eq!((status, problem["parameter"].as_str()), (400, bad.split('=').next()));
    }
}

#[tokio::test]
async fn jobs_are_listed_with_state_and_reason() {
    let (feed, server) = feed_and_server().await;
    feed.tell(ChangeBody::Job { job: job("j1", "a", JobState::Queued) });
    let failed =
        aurora_catalog::JobView { reason: Some("not a raster".to_owned()), ..job("j2", "b", JobState::Failed) };
    feed.tell(ChangeBody::Job { job: failed });
    let list = server.until("/jobs", |list| list["numberMatched"] == 2).await;
    assert_eq!(list["jobs"][0]["job_id"], "j2");
    assert_eq!(server.json("/jobs?state=failed").await["jobs"][0]["reason"], "not a raster");
    assert_eq!(server.json("/jobs/j1").await["state"], "queued");
    assert_eq!(server.problem("/jobs/none").await.0, 404);
}

/// Reads events until `count` with data have come; returns `(id, event, data)` of each.
async fn events(server: &Server, last_id: Option<&str>, count: usize) -> Vec<(String, String, Value)> {
    let mut request = server.client.get(format!("{}/events", server.address));
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    let mut stream = request.send().await.unwrap().bytes_stream();
    let (mut text, mut found) = (String::new(), Vec::new());
    let reading = async {
        while found.len() < count {
            text += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
            while let Some((block, rest)) = text.split_once("\n\n") {
                let field =
                    |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
                if let Ok(data) = serde_json::from_str(&field("data:")) {
                    found.push((field("id:"), field("event:"), data));
                }
                text = rest.to_owned();
            }
        }
    };
    tokio::time::timeout(LIVENESS, reading).await.expect("the events come");
    found
}

#[tokio::test]
async fn events_come_live_and_resume_without_loss_or_repeat() {
    let (feed, server) = feed_and_server().await;
    feed.land("first", 1, 1);
    server.until("/scenes", |list| !ids(list).is_empty()).await;

    let listening = async { events(&server, None, 3).await };
    let telling = async {
        server.until("/health", |health| health["listeners"] == 1).await;
        feed.land("a", 1, 1);
        feed.publish("a", 2, 2);
    };
    let (live, ()) = tokio::join!(listening, telling);
    let kinds: Vec<_> = live.iter().map(|(_, kind, data)| (kind.as_str(), data["change"].as_str())).collect();
    assert_eq!(kinds, [("scene", Some("arrived")), ("detection", None), ("scene", Some("published"))]);
    assert_eq!((&live[1].2["count"], &live[1].2["max_confidence"]), (&json!(2), &json!(0.9)));
    assert!(live[0].0.starts_with("e1:"), "{}", live[0].0);

    assert_eq!(events(&server, Some(&live[0].0), 2).await, live[1..]);
    assert_eq!(events(&server, Some("other:1"), 1).await[0].1, "reset");
}

#[tokio::test]
async fn a_new_epoch_replaces_everything_and_says_reset() {
    let (feed, server) = feed_and_server().await;
    feed.land("old", 1, 1);
    server.until("/scenes", |list| ids(list) == ["old"]).await;
    let listening = async { events(&server, None, 1).await };
    let telling = async {
        server.until("/health", |health| health["listeners"] == 1).await;
        feed.restart("e2");
        feed.land("new", 1, 1);
    };
    let (live, ()) = tokio::join!(listening, telling);
    assert_eq!((live[0].1.as_str(), live[0].0.split(':').next()), ("reset", Some("e2")));
    assert_eq!(ids(&server.json("/scenes").await), ["new"]);
    assert_eq!(server.problem("/scenes/old").await.0, 404);
}

#[tokio::test]
async fn the_snapshot_serves_while_the_indexer_is_away() {
    let feed = Feed::start("e1").await;
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--indexer", &feed.origin.address, "--state", folder.path().to_str().unwrap()];
    let server = Server::start(&flags);
    feed.land("a", 1, 1);
    feed.publish("a", 2, 2);
    server.until("/scenes", |list| list["features"][0]["properties"]["revision"] == 2).await;
    let last_id = events_id(&server).await;
    server.stop().await;

    feed.set_away(true);
    let server = Server::start(&flags);
    assert_eq!(server.get("/readyz").await.status(), StatusCode::OK);
    assert_eq!(ids(&server.json("/scenes").await), ["a"]);
    assert_eq!(ids(&server.json("/detections?scene=a").await).len(), 2);
    let health = server.until("/health", |health| health["indexers"][0]["error"].is_string()).await;
    assert_eq!((&health["status"], &health["indexers"][0]["connected"]), (&json!("degraded"), &json!(false)));

    feed.land("b", 1, 1);
    feed.set_away(false);
    server.until("/scenes", |list| list["numberMatched"] == 2).await;
    // What the client saw before the restart still counts.
    let missed = events(&server, Some(&last_id), 1).await;
    assert_eq!((missed[0].1.as_str(), &missed[0].2["scene_id"]), ("scene", &json!("b")));
}

#[tokio::test]
async fn events_resume_over_a_restart_with_nothing_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let state = ["--state", folder.path().to_str().unwrap()];
    for state in [&[][..], &state] {
        let feed = Feed::start("e1").await;
        let flags = [&["--indexer", &feed.origin.address], state].concat();
        let server = Server::start(&flags);
        server.until("/health", |health| health["indexers"][0]["epoch"] == "e1").await;
        let start = events_id(&server).await;
        feed.land("a", 1, 1);
        feed.publish("a", 2, 2);
        let before = events(&server, Some(&start), 3).await;
        server.stop().await;

        feed.land("b", 1, 1);
        let server = Server::start(&flags);
        // At once, before it has heard of the feed: what it said before, and then what is new.
        let after = events(&server, Some(&before[0].0), 3).await;
        assert_eq!(after[..2], before[1..], "{state:?}");
        assert_eq!((after[2].1.as_str(), &after[2].2["scene_id"]), ("scene", &json!("b")));
        server.stop().await;
    }
}

/// The id that a client which connects now is given.
async fn events_id(server: &Server) -> String {
    let response = server.get("/events").await;
    let mut stream = response.bytes_stream();
    let block = stream.next().await.unwrap().unwrap();
    let text = std::str::from_utf8(&block).unwrap();
    text.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim().to_owned()
}

#[tokio::test]
async fn without_a_catalogue_the_server_is_alive_but_not_ready() {
    let server = Server::start(&["--indexer", "http://127.0.0.1:9"]);
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Whether there is such a scene nobody can tell.
    assert_eq!(server.problem("/scenes/a/info").await.0, 503);
}
