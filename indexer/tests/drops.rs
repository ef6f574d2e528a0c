//! Many scenes at once: all of them published, each once, and the memory for it bounded.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use aurora_database::trial::Server;
use serde_json::Value;
use support::{COPY, Indexer, PATIENCE, tiff};

/// What the indexer may ever have resident, however many scenes land.
const MAX_PEAK_BYTES: u64 = 128 << 20;

#[test]
fn three_hundred_scenes_dropped_at_once_are_published_once_each() {
    drop_at_once(300, None);
}

#[test]
fn scenes_dropped_at_once_are_published_once_each_on_a_database_server() {
    let Some(server) = Server::shared() else { return };
    drop_at_once(100, Some(&server.database()));
}

#[test]
#[ignore = "takes minutes: `make nightly` runs it"]
fn ten_thousand_scenes_dropped_at_once_are_published_once_each() {
    drop_at_once(10_000, None);
}

fn drop_at_once(scenes: u16, database: Option<&str>) {
    let mut flags = vec!["--jobs", "4", "--feed-keep", "1000000"];
    flags.extend(database.into_iter().flat_map(|url| ["--database", url]));
    let indexer = Indexer::start(COPY, &flags);
    // Written aside, so that all of them land within a moment.
    let aside = indexer.dir.path().join("aside");
    fs::create_dir(&aside).unwrap();
    for number in 0..scenes {
        fs::write(aside.join(name(number)), tiff(number)).unwrap();
    }
    for number in 0..scenes {
        fs::rename(aside.join(name(number)), indexer.root().join(name(number))).unwrap();
    }
    let begun = Instant::now();
    until_published(&indexer, u64::from(scenes));
    println!("{scenes} scenes published {:.1} s after they landed", begun.elapsed().as_secs_f64());

    let told = told(&indexer);
    let once: Vec<(u64, String)> = vec![(1, "raw".to_owned()), (2, "published".to_owned())];
    for number in 0..scenes {
        assert_eq!(told[&format!("s{number}")], once, "s{number}");
        let folder = indexer.dir.path().join(format!("state/results/s{number}"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "{}", folder.display());
    }
    let health = indexer.json("/health");
    assert_eq!(health["queue"], serde_json::json!({"published": scenes}), "no other job was made");
    let peak = health["memory"]["peak_rss"].as_u64().unwrap();
    println!("at most {} MiB resident", peak >> 20);
    assert!(peak < MAX_PEAK_BYTES, "{peak} bytes at the peak");
}

fn name(number: u16) -> String {
    format!("s{number}.tif")
}

/// Waits for as long as there is progress.
fn until_published(indexer: &Indexer, scenes: u64) {
    let (mut published, mut moved) = (0, Instant::now());
    while published < scenes {
        let queue = indexer.json("/health")["queue"].clone();
        let now = queue["published"].as_u64().unwrap_or_default();
        if now > published {
            (published, moved) = (now, Instant::now());
        }
        assert!(moved.elapsed() < PATIENCE, "nothing more was published: {queue}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What the feed told of each scene, in order: revision and status.
fn told(indexer: &Indexer) -> BTreeMap<String, Vec<(u64, String)>> {
    let mut told: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    let mut since = 0;
    loop {
        let page = indexer.json(&format!("/catalog/changes?since={since}&limit=5000"));
        for scene in page["changes"].as_array().unwrap().iter().map(|change| &change["scene"]) {
            if let (Some(id), Some(status)) = (scene["scene_id"].as_str(), scene["status"].as_str()) {
                let revision = scene["revision"].as_u64().unwrap();
                told.entry(id.to_owned()).or_default().push((revision, status.to_owned()));
            }
        }
        since = page["next"].as_u64().unwrap();
        if page["next"] == page["head"] || page["changes"] == Value::Array(Vec::new()) {
            return told;
        }
    }
}
