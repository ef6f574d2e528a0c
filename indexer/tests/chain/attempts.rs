//! Attempts that fail, are bad, take too much or are stopped.

use std::{fs, time::Duration};

use crate::support::{COPY, Indexer, is_alive, tiff, until};

#[test]
fn what_is_no_raster_fails_with_the_commands_reason() {
    let indexer = Indexer::start("echo noise; echo 'not a raster at all' >&2; exit 65", &[]);
    fs::write(indexer.root().join("text.tif"), "hello").unwrap();
    let job = indexer.job_in("text.tif", "failed");
    assert_eq!((&job["reason"], &job["attempt"]), (&"not a raster at all".into(), &1.into()));
    assert_eq!(indexer.scene("text")["status"], "waiting");
    let ignored = ["a.QLK.tif", "a.tif.part", ".a.tif", "a.tmp", "b.tif.tmp", "truth/c.tif"];
    fs::create_dir(indexer.root().join("truth")).unwrap();
    ignored.iter().for_each(|name| fs::write(indexer.root().join(name), tiff(1)).unwrap());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(indexer.jobs().len(), 1);
}

#[test]
fn failures_are_repeated_then_final_then_retried_by_hand() {
    let script = format!(r#"echo x >> "$4/runs"; test -e "$4/good" || {{ echo broken pipe >&2; exit 3; }}; {COPY}"#);
    let indexer = Indexer::start(&script, &["--max-attempts", "2"]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let job = indexer.job_in("a.tif", "failed");
    assert_eq!((&job["reason"], &job["attempt"]), (&"exit status 3: broken pipe".into(), &2.into()));
    assert_eq!(fs::read_to_string(indexer.dir.path().join("runs")).unwrap().lines().count(), 2);
    fs::write(indexer.dir.path().join("good"), "").unwrap();
    let id = job["job_id"].as_str().unwrap();
    assert_eq!(indexer.post(&format!("/jobs/{id}/retry")).status, 200);
    indexer.scene_at("a", 2, "published");
    let refused = indexer.post(&format!("/jobs/{id}/retry"));
    let said = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(refused.status == 409 && said.contains("is published"), "its file has not changed: {said}");
    assert_eq!(indexer.post("/jobs/none/retry").status, 404);
}

#[test]
fn a_command_that_cannot_start_holds_the_queue_until_it_can_and_costs_no_attempt() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("model");
    let command = format!("{} {{input}} {{output_dir}}", program.display());
    let indexer = Indexer::start(COPY, &["--max-attempts", "1", "--command", &command]);
    let is_held = |why: &str| {
        let health = indexer.json("/health");
        let reason = health["work_trouble"]["reason"].as_str().unwrap_or_default();
        health["work"] == "degraded" && reason.contains("cannot start") && reason.contains(why)
    };
    for name in ["a", "b"] {
        fs::write(indexer.root().join(name).with_extension("tif"), tiff(1)).unwrap();
    }
    until("trouble with what is missing", || is_held("No such file"));
    fs::write(&program, format!("#!/bin/sh\n{COPY}\n")).unwrap();
    until("trouble with what may not be executed", || is_held("Permission denied"));
    // One that is tried right now gives its attempt back; one that had spent it would have failed for good.
    until("no attempt to be spent", || indexer.jobs().iter().all(|job| job["attempt"] == 0));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["a.tif", "b.tif"] {
        assert_eq!(indexer.job_in(name, "published")["attempt"], 1);
    }
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

#[test]
fn a_command_that_says_it_is_not_ready_holds_the_queue_until_it_is() {
    let script = format!(r#"test -e "$4/model" || {{ echo 'no model' >&2; exit 78; }}; {COPY}"#);
    let indexer = Indexer::start(&script, &["--max-attempts", "1"]);
    for name in ["a", "b"] {
        fs::write(indexer.root().join(name).with_extension("tif"), tiff(1)).unwrap();
    }
    until("trouble with the model", || {
        let health = indexer.json("/health");
        health["work"] == "degraded" && health["work_trouble"]["reason"] == "the command is not ready: no model"
    });
    let given_back = || indexer.changes().iter().filter(|change| change["job"]["state"] == "queued").count() > 3;
    until("another try", given_back);
    fs::write(indexer.dir.path().join("model"), "").unwrap();
    for name in ["a.tif", "b.tif"] {
        let job = indexer.job_in(name, "published");
        assert_eq!((&job["attempt"], &job["losses"]), (&1.into(), &0.into()), "{job}");
    }
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

#[test]
fn a_scene_that_the_command_is_never_ready_for_lets_others_go_on() {
    let script = format!(r#"case "$1" in *z.tif) exit 78;; esac; {COPY}"#);
    let indexer = Indexer::start(&script, &["--jobs", "1"]);
    // The newest goes first, and would go first again.
    for name in ["a", "b", "z"] {
        fs::write(indexer.root().join(name).with_extension("tif"), tiff(1)).unwrap();
        indexer.scene_at(name, 1, "raw");
    }
    for name in ["a.tif", "b.tif"] {
        indexer.job_in(name, "published");
    }
    assert_eq!(indexer.job_in("z.tif", "queued")["attempt"], 0);
}

#[test]
fn a_process_that_leaves_its_group_holds_up_neither_its_attempt_nor_threads() {
    let script = format!(r#"setsid sleep 1000 & echo $! >> "$4/left"; {COPY}"#);
    let indexer = Indexer::start(&script, &[]);
    let pipes = || {
        let open = fs::read_dir(format!("/proc/{}/fd", indexer.pid())).unwrap();
        let links = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("pipe:")).count()
    };
    let before = pipes();
    for number in 1..6 {
        fs::write(indexer.root().join(format!("s{number}.tif")), tiff(number)).unwrap();
        indexer.scene_at(&format!("s{number}"), 2, "published");
    }
    until("pipes to be closed", || pipes() <= before);
    for pid in fs::read_to_string(indexer.dir.path().join("left")).unwrap().lines() {
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
}

#[test]
fn a_job_of_a_scene_that_has_moved_on_is_not_revived() {
    let indexer = Indexer::start(r#"test -e "$4/go" || exit 65; exit 66"#, &[]);
    let path = indexer.root().join("a.tif");
    fs::write(&path, tiff(1)).unwrap();
    let old = indexer.job_in("a.tif", "failed");
    fs::write(&path, tiff(2)).unwrap();
    until("the next revision's failure", || {
        indexer.jobs().iter().any(|job| job["revision"] == 2 && job["state"] == "failed")
    });
    let id = old["job_id"].as_str().unwrap();
    assert_eq!(indexer.json(&format!("/jobs/{id}"))["state"], "cancelled");
    let answer = indexer.post(&format!("/jobs/{id}/retry"));
    assert_eq!(answer.status, 409, "{}", String::from_utf8_lossy(&answer.body));
}

#[test]
fn bad_outputs_are_never_published() {
    let nowhere =
        r#"{"type":"FeatureCollection","features":[{"geometry":{"type":"Point","coordinates":[500000,4500000]}}]}"#;
    let nowhere = format!(r#"{COPY}; echo '{nowhere}' > "$2/x.detections.geojson""#);
    for (script, reason) in [
        (nowhere.as_str(), "feature 0: [500000.0, 4500000.0] in its geometry"),
        ("true", "left no *.MBI_light.tif"),
        (r#"head -c 4000 "$1" > "$2/x.MBI_light.tif"; cp "$1" "$2/x.detections.geojson""#, "x.MBI_light.tif ends at"),
        (r#"cp "$1" "$2/x.MBI_light.tif"; echo '{' > "$2/x.detections.geojson""#, "is not GeoJSON"),
    ] {
        let indexer = Indexer::start(script, &["--max-attempts", "1"]);
        fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
        let job = indexer.job_in("a.tif", "failed");
        assert!(job["reason"].as_str().unwrap().contains(reason), "{job}");
        assert_eq!(indexer.publications("a"), 0);
    }
}

#[test]
fn a_file_full_of_detections_costs_no_more_memory_than_those_that_are_kept() {
    const MAX_PEAK_RSS_BYTES: u64 = 256 << 20;
    let feature = r#"{"geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]},"properties":{}}"#;
    let many = format!(r#"yes '{feature},' | head -n 600000; printf '{feature}'"#);
    let script = format!(
        r#"{COPY}; {{ printf '{{"type":"FeatureCollection","features":['; {many}; printf ']}}'; }} > "$2/x.detections.geojson""#
    );
    let indexer = Indexer::start(&script, &["--max-detections", "100"]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    assert_eq!(indexer.scene_at("a", 2, "published")["detections"], 100);
    let peak_bytes = indexer.json("/health")["memory"]["peak_rss"].as_u64().unwrap();
    assert!(peak_bytes < MAX_PEAK_RSS_BYTES, "{} MiB", peak_bytes >> 20);
}

#[test]
fn an_attempt_has_its_time_and_leaves_nothing_running() {
    let indexer = Indexer::start(
        r#"sleep 1000 & echo $! > "$4/grandchild"; echo $$ > "$4/child"; wait"#,
        &["--job-timeout", "1s", "--max-attempts", "1"],
    );
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let job = indexer.job_in("a.tif", "failed");
    assert_eq!(job["reason"], "not done within 1 s");
    assert!(!is_alive(indexer.number_in("child")) && !is_alive(indexer.number_in("grandchild")));
}

#[test]
fn an_attempt_has_its_memory() {
    let indexer = Indexer::start(
        "exec python3 -c 'b = bytearray(1 << 30); print(len(b))'",
        &["--job-memory", "256MiB", "--max-attempts", "1"],
    );
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let job = indexer.job_in("a.tif", "failed");
    assert!(job["reason"].as_str().unwrap().contains("MemoryError"), "{job}");
}

#[test]
fn a_cancelled_job_stops_and_an_overwritten_one_starts_anew() {
    let script = format!(r#"test -e "$4/go" || {{ echo $$ > "$4/child"; exec sleep 1000; }}; {COPY}"#);
    let indexer = Indexer::start(&script, &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let job = indexer.job_in("a.tif", "running");
    let child = indexer.number_in("child");
    let id = job["job_id"].as_str().unwrap();
    assert_eq!(indexer.post(&format!("/jobs/{id}/cancel")).status, 200);
    until("end of the child", || !is_alive(child));
    assert_eq!(indexer.job_in("a.tif", "cancelled")["job_id"], id);

    fs::remove_file(indexer.dir.path().join("child")).unwrap();
    assert_eq!(indexer.post(&format!("/jobs/{id}/retry")).status, 200);
    let child = indexer.number_in("child");
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    fs::write(indexer.root().join("a.tif"), tiff(2)).unwrap();
    indexer.scene_at("a", 3, "published");
    until("end of the old child", || !is_alive(child));
    assert_eq!(indexer.publications("a"), 1);
}
