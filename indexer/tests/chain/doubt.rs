//! Roots that vanish, turn up empty or are swapped: degraded, and nothing is withdrawn.

use std::fs;

use crate::{
    long_enough,
    support::{COPY, Indexer, tiff, until},
};

/// An indexer with published scenes of these names.
fn with_scenes(names: &[&str]) -> Indexer {
    let indexer = Indexer::start(COPY, &["--jobs", "2"]);
    for (name, seed) in names.iter().zip(1..) {
        fs::write(indexer.root().join(format!("{name}.tif")), tiff(seed)).unwrap();
    }
    names.iter().for_each(|name| drop(indexer.scene_at(name, 2, "published")));
    // Only what a sweep has seen is known to belong to the root.
    let scanned = |indexer: &Indexer| indexer.json("/health")["watch_figures"]["scanned_at"].clone();
    let before = scanned(&indexer);
    until("another sweep", || scanned(&indexer) != before);
    indexer
}

fn withdrawals(indexer: &Indexer) -> usize {
    indexer.changes().iter().filter(|change| change["kind"] == "withdrawn").count()
}

fn degraded(indexer: &Indexer, why: &str) {
    until(&format!("degradation: {why}"), || {
        let health = indexer.json("/health");
        health["watch"] == "degraded" && health["watch_reason"].as_str().is_some_and(|reason| reason.contains(why))
    });
}

#[test]
fn a_root_that_is_taken_away_is_degraded_and_withdraws_nothing() {
    let indexer = with_scenes(&["a", "b"]);
    let aside = indexer.dir.path().join("aside");
    fs::rename(indexer.root(), &aside).unwrap();
    degraded(&indexer, "cannot");
    fs::create_dir(indexer.root()).unwrap();
    degraded(&indexer, "mounted");
    fs::remove_dir(indexer.root()).unwrap();
    fs::rename(&aside, indexer.root()).unwrap();
    until("recovery", || indexer.json("/health")["watch"] == "ok");
    assert_eq!(withdrawals(&indexer), 0);
    let metrics = String::from_utf8(indexer.get("/metrics").body).unwrap();
    assert!(metrics.contains("aurora_indexer_watch_degraded 0"), "{metrics}");
    let seconds = metrics.lines().find_map(|line| line.strip_prefix("aurora_indexer_watch_degraded_seconds "));
    assert!(seconds.unwrap().parse::<f64>().unwrap() > 0.0, "{metrics}");
}

#[test]
fn one_file_in_an_emptied_root_vouches_for_nothing() {
    let mut indexer = with_scenes(&["a", "b", "c"]);
    let aside = indexer.dir.path().join("aside");
    fs::create_dir(&aside).unwrap();
    for name in ["a.tif", "b.tif", "c.tif"] {
        fs::rename(indexer.root().join(name), aside.join(name)).unwrap();
    }
    fs::write(indexer.root().join("new.tif"), tiff(77)).unwrap();
    indexer.scene_at("new", 2, "published");
    degraded(&indexer, "gone at once");
    long_enough();
    indexer.kill();
    indexer.restart();
    degraded(&indexer, "gone at once");
    long_enough();
    assert_eq!(withdrawals(&indexer), 0);
    for name in ["a.tif", "b.tif", "c.tif"] {
        fs::rename(aside.join(name), indexer.root().join(name)).unwrap();
    }
    until("recovery", || indexer.json("/health")["watch"] == "ok");
    assert_eq!((withdrawals(&indexer), indexer.jobs().len()), (0, 4));
    // What leaves from now on leaves.
    fs::remove_file(indexer.root().join("b.tif")).unwrap();
    until("withdrawal", || indexer.scene("b").is_null());
    assert_eq!(withdrawals(&indexer), 1);
}

#[test]
fn an_operator_can_settle_the_doubt() {
    let indexer = with_scenes(&["a", "b"]);
    assert_eq!(indexer.post("/watch/give-away").status, 409);
    for name in ["a", "b"] {
        fs::remove_file(indexer.root().join(format!("{name}.tif"))).unwrap();
    }
    degraded(&indexer, "gone at once");
    assert_eq!(indexer.post("/watch/give-away").status, 202);
    until("both withdrawals", || withdrawals(&indexer) == 2);
    until("recovery", || indexer.json("/health")["watch"] == "ok");
}

#[test]
fn a_root_swapped_while_nobody_looked_keeps_even_a_single_scene() {
    let mut indexer = with_scenes(&["a"]);
    let aside = indexer.dir.path().join("aside");
    assert!(indexer.stop().success());
    fs::rename(indexer.root(), &aside).unwrap();
    indexer.restart();
    degraded(&indexer, "cannot");
    fs::create_dir(indexer.root()).unwrap();
    degraded(&indexer, "mounted");
    long_enough();
    assert_eq!(withdrawals(&indexer), 0);
    assert!(indexer.stop().success());
    fs::remove_dir(indexer.root()).unwrap();
    fs::rename(&aside, indexer.root()).unwrap();
    indexer.restart();
    until("recovery", || indexer.json("/health")["watch"] == "ok");
    assert_eq!(indexer.scene("a")["revision"], 2);
    fs::remove_file(indexer.root().join("a.tif")).unwrap();
    until("withdrawal", || indexer.scene("a").is_null());
}

/// A command that stands in the middle of its attempt while it is told to, and then reads its input.
const WAITS: &str = r#"echo x >> "$4/began"; while test -e "$4/wait"; do sleep 0.05; done; test -e "$1" || exit 66; "#;

#[test]
fn scenes_wait_for_a_root_that_is_away_and_spend_no_attempt_on_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    fs::write(dir.path().join("wait"), "").unwrap();
    let mut indexer = Indexer::start_in(dir, &format!("{WAITS}{COPY}"), &["--jobs", "1", "--max-attempts", "1"]);
    let names = ["a", "b", "c"];
    for (name, seed) in names.iter().zip(1..) {
        fs::write(indexer.root().join(format!("{name}.tif")), tiff(seed)).unwrap();
    }
    until("three scenes and an attempt", || {
        let states: Vec<_> = indexer.jobs().iter().map(|job| job["state"].clone()).collect();
        states.len() == 3 && states.contains(&"running".into())
    });
    let aside = indexer.dir.path().join("aside");
    fs::rename(indexer.root(), &aside).unwrap();
    fs::remove_file(indexer.dir.path().join("wait")).unwrap();
    let is_held = |indexer: &Indexer| {
        let health = indexer.json("/health");
        health["work"] == "degraded" && health["work_trouble"]["reason"].as_str().unwrap().contains("wait for the root")
    };
    let spent = |indexer: &Indexer| {
        let jobs = indexer.jobs();
        jobs.iter().any(|job| job["state"] != "queued" || job["attempt"] != 0)
    };
    until("all to wait", || is_held(&indexer) && !spent(&indexer));
    long_enough();
    assert!(is_held(&indexer) && !spent(&indexer), "{:?}", indexer.jobs());

    // Another folder lies there when it starts.
    assert!(indexer.stop().success());
    fs::create_dir(indexer.root()).unwrap();
    indexer.restart();
    degraded(&indexer, "mounted");
    until("trouble told", || is_held(&indexer));
    long_enough();
    assert!(!spent(&indexer), "{:?}", indexer.jobs());
    let began = fs::read_to_string(indexer.dir.path().join("began")).unwrap();
    assert_eq!(began.lines().count(), 1, "attempts that began");

    fs::remove_dir(indexer.root()).unwrap();
    fs::rename(&aside, indexer.root()).unwrap();
    names.iter().for_each(|name| drop(indexer.scene_at(name, 2, "published")));
    let health = indexer.json("/health");
    assert_eq!((&health["work"], &health["watch"]), (&"ok".into(), &"ok".into()));
    assert!(indexer.jobs().iter().all(|job| job["attempt"] == 1), "{:?}", indexer.jobs());
}
