//! The main job: a scene lands, is shown, is looked at, and is told of; faults on the way lose nothing.

use std::{collections::BTreeMap, process::Command, time::Duration};

use aurora_e2e::{
    House, Web,
    house::Settings,
    journey,
    programs::{output, workspace},
};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test(flavor = "multi_thread")]
async fn a_scene_goes_all_the_way_and_its_result_is_a_valid_cog() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), Settings::default()).await.unwrap();
    let events = house.web().stream("/events", &[]).await.unwrap();
    let scene_id = house.drop_scene(5, 3000).unwrap();
    let journey = journey::follow(&house.web(), &scene_id, PATIENCE).await.unwrap();
    assert!(journey.detections > 0, "a scene of six slicks and more without one detection");
    let told = events_until(events, |kind, data| kind == "detection" && data["scene_id"] == scene_id.as_str()).await;
    assert!(told.contains_key("scene"), "{told:?}");

    let light = find_light(&house, &scene_id).await;
    let said =
        output(Command::new(workspace().join(".venv/bin/rio")).args(["cogeo", "validate", "--strict"]).arg(&light))
            .unwrap();
    assert!(said.contains("is a valid cloud optimized GeoTIFF"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indexer_killed_in_the_middle_of_a_job_loses_nothing_and_publishes_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path(), Settings::default()).await.unwrap();
    let scene_id = house.drop_scene(6, 5000).unwrap();
    let busy = async |web: &Web| Ok(states(web).await?.get(&scene_id).is_some_and(|state| state == "running"));
    house.indexer_web().until(PATIENCE, "running job", busy).await.unwrap();
    house.indexer.kill();
    house.restart_indexer().await.unwrap();
    journey::follow(&house.web(), &scene_id, PATIENCE).await.unwrap();

    // Long enough for a second publication, if there were to be one.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let scene = house.web().json(&format!("/scenes/{scene_id}")).await.unwrap();
    assert_eq!(scene["properties"]["revision"], 2, "seen once, published once");
    let jobs = house.indexer_web().json("/jobs").await.unwrap();
    assert_eq!(jobs["jobs"].as_array().unwrap().len(), 1, "{jobs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_goes_on_without_the_indexer_and_catches_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path(), Settings::default()).await.unwrap();
    let scene_id = house.drop_scene(7, 1500).unwrap();
    journey::follow(&house.web(), &scene_id, PATIENCE).await.unwrap();
    house.indexer.stop().unwrap();
    house.restart_server().await.unwrap();
    let list = house.web().json("/scenes").await.unwrap();
    assert_eq!(list["features"][0]["id"], scene_id.as_str(), "the snapshot on disk serves: {list}");

    let second = house.drop_scene(8, 1500).unwrap();
    house.restart_indexer().await.unwrap();
    journey::follow(&house.web(), &second, PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwritten_scene_is_shown_anew_and_a_deleted_one_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), Settings::default()).await.unwrap();
    let (first, second) = (house.drop_scene(9, 1200).unwrap(), house.drop_scene(10, 1200).unwrap());
    let web = house.web();
    let before = journey::follow(&web, &first, PATIENCE).await.unwrap();
    journey::follow(&web, &second, PATIENCE).await.unwrap();

    let (from, to) = (file_of(&house, &second), file_of(&house, &first));
    std::fs::rename(from, to).unwrap();
    let gone = async |web: &Web| Ok(web.status(&format!("/scenes/{second}")).await? == 404);
    web.until(PATIENCE, "withdrawal", gone).await.unwrap();
    let path = format!("/scenes/{first}");
    let renewed = async |web: &Web| {
        let scene = web.json(&path).await?;
        Ok(scene["properties"]["revision"] == 4 && scene["properties"]["status"] == "published")
    };
    web.until(PATIENCE, "second publication", renewed).await.unwrap();
    let after = journey::check_middle_tile(&web, &first).await.unwrap();
    assert_ne!(before.tile, after, "the new file lies elsewhere or has a new revision in its address");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_stop_on_sigterm_with_status_0() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::open(folder.path(), Settings::default()).await.unwrap();
    assert!(house.server.stop().unwrap().success(), "{}", house.server.log());
    assert!(house.indexer.stop().unwrap().success(), "{}", house.indexer.log());
}

fn file_of(house: &House, scene_id: &str) -> std::path::PathBuf {
    house.nas().join(format!("{scene_id}.MBI.tif"))
}

/// State of each scene's newest job.
async fn states(indexer: &Web) -> anyhow::Result<BTreeMap<String, String>> {
    let jobs = indexer.json("/jobs").await?;
    let jobs = jobs["jobs"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(jobs.iter().map(|job| (text(&job["scene_id"]), text(&job["state"]))).collect())
}

/// Downloads the published COG through the indexer and answers where it lies.
async fn find_light(house: &House, scene_id: &str) -> std::path::PathBuf {
    let web = house.indexer_web();
    let feed = web.json("/catalog/changes?since=0").await.unwrap();
    let is_ours = |change: &&Value| change["scene"]["scene_id"] == scene_id;
    let last = feed["changes"].as_array().unwrap().iter().rev().find(is_ours).unwrap();
    let href = last["scene"]["light"]["href"].as_str().unwrap();
    let light = web.get(href).await.unwrap();
    assert_eq!(light.status, 200);
    let path = house.folder().join("light.tif");
    std::fs::write(&path, &light.body).unwrap();
    path
}

/// Reads server-sent events until one satisfies `last`; answers the last data of each kind.
async fn events_until(mut events: reqwest::Response, last: impl Fn(&str, &Value) -> bool) -> BTreeMap<String, Value> {
    let (mut text, mut seen) = (String::new(), BTreeMap::new());
    let reading = async {
        while let Some(chunk) = events.chunk().await.unwrap() {
            text.push_str(&String::from_utf8_lossy(&chunk));
            while let Some((event, rest)) = text.split_once("\n\n").map(|(a, b)| (a.to_owned(), b.to_owned())) {
                text = rest;
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                let (Some(kind), Some(data)) = (field("event:"), field("data:")) else { continue };
                let data: Value = serde_json::from_str(data).unwrap();
                let done = last(kind, &data);
                seen.insert(kind.to_owned(), data);
                if done {
                    return seen;
                }
            }
        }
        panic!("the stream of events ended; seen {seen:?}");
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the event in time")
}
