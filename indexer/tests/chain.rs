//! Files in, results out, with real files, a real database and real child processes.

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;
use support::{COPY, Indexer, is_alive, tiff, until};

#[test]
fn a_file_becomes_a_scene_and_then_a_result() {
    let indexer = Indexer::start(COPY, &[]);
    fs::create_dir_all(indexer.root().join("2026/ü b")).unwrap();
    fs::write(indexer.root().join("2026/ü b/one two.MBI.tif"), tiff(1)).unwrap();
    let scene = indexer.scene_at("one two", 2, "published");
    assert_eq!(scene["raw"]["href"], "/files/2026/%C3%BC%20b/one%20two.MBI.tif");
    assert_eq!(scene["raw"]["nodata"], 0.0, "an MBI's nodata is 0 though undeclared");
    assert_eq!((&scene["raw"]["epsg"], &scene["detections"]), (&32633.into(), &0.into()));
    let bounds: Vec<f64> = serde_json::from_value(scene["bounds_wgs84"].clone()).unwrap();
    assert!((bounds[0] - 15.0).abs() < 0.001 && (bounds[3] - 40.65).abs() < 0.01, "{bounds:?}");
    for asset in ["raw", "light"] {
        let answer = indexer.get(scene[asset]["href"].as_str().unwrap());
        assert_eq!((answer.status, answer.body.len() as u64), (200, scene[asset]["size_bytes"].as_u64().unwrap()));
    }
    let item = indexer.json("/catalog/items/one%20two");
    assert_eq!((&item["stac_version"], &item["id"]), (&"1.0.0".into(), &"one two".into()));
    assert_eq!(item["bbox"][0], bounds[0]);

    let changes = indexer.changes();
    let states: Vec<_> = changes.iter().filter_map(|change| change["job"]["state"].as_str()).collect();
    assert_eq!(states, ["queued", "leased", "submitted", "running", "collecting", "published"]);
    let kinds: Vec<_> =
        changes.iter().filter(|change| change["kind"] != "job").map(|change| change["kind"].clone()).collect();
    assert_eq!(kinds, ["scene", "detections", "scene"], "detections come before the scene that counts them");
    assert!(!indexer.dir.path().join("state/results/.attempts").join("x").exists());
}

#[test]
fn scans_alone_suffice() {
    let indexer = Indexer::start(COPY, &["--watch", "poll"]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    fs::write(indexer.root().join("b.tif"), tiff(2)).unwrap();
    indexer.scene_at("b", 2, "published");
    fs::remove_file(indexer.root().join("b.tif")).unwrap();
    until("withdrawal", || indexer.scene("b").is_null());
    assert_eq!(indexer.json("/health")["watch_figures"]["events"], false);
}

#[test]
fn a_delivery_is_a_scene_until_its_raster_is_unpacked_beside_it() {
    let indexer = Indexer::start(&format!(r#"case "$1" in *.tgz) exit 65;; esac; {COPY}"#), &[]);
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    fs::write(indexer.root().join("a.tgz"), "packed").unwrap();
    let job = indexer.job_in("a.tgz", "failed");
    assert_eq!((&job["scene_id"], &indexer.scene("a")["status"]), (&"a".into(), &"waiting".into()));
    fs::write(indexer.root().join("a.MBI.tif"), tiff(1)).unwrap();
    let scene = indexer.scene_at("a", 3, "published");
    assert_eq!(scene["path"], "a.MBI.tif");
    fs::write(indexer.root().join("other.h5"), "product").unwrap();
    long_enough();
    let scenes = indexer.json("/catalog/items")["features"].as_array().unwrap().len();
    assert_eq!((scenes, indexer.jobs().len()), (2, 3));
}

#[test]
fn results_are_no_scenes_in_whatever_folder_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    for folder in ["archive", "own"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let own = root.join("own");
    let (state, results) = (own.join("state").display().to_string(), own.join("shown").display().to_string());
    // Its own folders lie in the root too.
    let indexer = Indexer::start_in(dir, COPY, &["--state", &state, "--results", &results]);
    for name in ["X.MBI_light.tif", "archive/Y.MBI_light.tif", "X.MBI.tif"] {
        fs::write(root.join(name), tiff(1)).unwrap();
    }
    let scene = indexer.scene_at("X", 2, "published");
    let light = scene["light"]["href"].as_str().unwrap().strip_prefix("/results/").unwrap().to_owned();
    // Somebody copies a result into the root, under another name than a result's folder has.
    fs::copy(Path::new(&results).join(light), root.join("archive/X.MBI_light.tif")).unwrap();
    fs::write(root.join("Z.MBI.tif"), tiff(2)).unwrap();
    indexer.scene_at("Z", 2, "published");
    let ids = |changes: &[Value]| -> std::collections::BTreeSet<String> {
        changes.iter().filter_map(|change| Some(change["scene"]["scene_id"].as_str()?.to_owned())).collect()
    };
    assert_eq!(ids(&indexer.changes()).into_iter().collect::<Vec<_>>(), ["X", "Z"]);
    assert_eq!(indexer.jobs().len(), 2);
    assert_eq!(indexer.get("/files/archive/Y.MBI_light.tif").status, 200, "they are served all the same");
}

#[test]
fn two_files_of_one_name_are_two_scenes() {
    let indexer = Indexer::start(COPY, &[]);
    fs::create_dir(indexer.root().join("sub")).unwrap();
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    fs::write(indexer.root().join("sub/a.tif"), tiff(2)).unwrap();
    let hash = blake3::hash(b"sub/a.tif").to_hex();
    indexer.scene_at(&format!("a~{}", &hash[..8]), 2, "published");
}

#[test]
fn overwritten_touched_deleted_and_back() {
    let indexer = Indexer::start(&counted(), &[]);
    let (path, other) = (indexer.root().join("a.tif"), indexer.root().join("other.tif"));
    fs::write(&other, tiff(9)).unwrap();
    fs::write(&path, tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");

    fs::write(&path, tiff(2)).unwrap();
    indexer.scene_at("a", 4, "published");

    // Copied over itself: other time, same content.
    fs::write(&path, tiff(2)).unwrap();
    until("no pending files", || indexer.json("/health")["watch_figures"]["pending"] == 0);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(indexer.scene("a")["revision"], 4);

    fs::remove_file(&path).unwrap();
    until("withdrawal", || indexer.scene("a").is_null());
    assert_eq!(indexer.get("/catalog/items/a").status, 404);

    // The same content has its result still; another one has to run.
    fs::write(&path, tiff(2)).unwrap();
    let back = indexer.scene_at("a", 5, "published");
    assert_eq!(indexer.get(back["light"]["href"].as_str().unwrap()).body, tiff(2));
    assert_eq!(runs(&indexer), 3);
    fs::write(&path, tiff(3)).unwrap();
    indexer.scene_at("a", 7, "published");
    assert_eq!((runs(&indexer), indexer.publications("other")), (4, 1));
}

/// [`COPY`] that finds one spot and leaves a line behind for every run.
fn counted() -> String {
    let found = r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[15,40.6],[15.01,40.6],[15,40.61],[15,40.6]]]},"properties":{"confidence":0.5}}]}"#;
    format!(r#"echo x >> "$4/runs"; {COPY}; echo '{found}' > "$2/x.detections.geojson""#)
}

fn runs(indexer: &Indexer) -> usize {
    fs::read_to_string(indexer.dir.path().join("runs")).unwrap_or_default().lines().count()
}

/// Ids of the detections that the feed has last of a scene.
fn detections(indexer: &Indexer, scene_id: &str) -> Vec<Value> {
    let changes = indexer.changes();
    let last = changes.iter().rfind(|change| change["kind"] == "detections" && change["scene_id"] == scene_id);
    let all = last.and_then(|change| change["detections"].as_array()).cloned().unwrap_or_default();
    all.into_iter().map(|detection| detection["id"].clone()).collect()
}

#[test]
fn a_moved_file_keeps_its_result() {
    for more in [&[][..], &["--watch", "poll"]] {
        let indexer = Indexer::start(&counted(), more);
        fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
        fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
        let before = indexer.scene_at("a", 2, "published");
        indexer.scene_at("other", 2, "published");
        fs::create_dir(indexer.root().join("archive")).unwrap();
        fs::rename(indexer.root().join("a.tif"), indexer.root().join("archive/a.tif")).unwrap();
        until("new path", || indexer.scene("a")["path"] == "archive/a.tif");
        let after = indexer.scene("a");
        for same in ["revision", "status", "light", "detections", "published_at"] {
            assert_eq!(after[same], before[same], "{same}");
        }
        assert_eq!(indexer.get(after["raw"]["href"].as_str().unwrap()).status, 200);
        assert_eq!(indexer.get(after["light"]["href"].as_str().unwrap()).status, 200);
        assert_eq!(detections(&indexer, "a"), ["a.r2.1"]);
        assert!(indexer.changes().iter().all(|change| change["kind"] != "withdrawn"));
        assert_eq!((runs(&indexer), indexer.jobs().len()), (2, 2));
    }
}

#[test]
fn a_renamed_file_takes_its_result_to_its_new_name() {
    let indexer = Indexer::start(&counted(), &[]);
    fs::write(indexer.root().join("other.tif"), tiff(9)).unwrap();
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    indexer.scene_at("other", 2, "published");
    fs::rename(indexer.root().join("a.tif"), indexer.root().join("b.MBI.tif")).unwrap();
    let renamed = indexer.scene_at("b", 1, "published");
    until("withdrawal", || indexer.scene("a").is_null());
    assert_eq!((detections(&indexer, "a").len(), detections(&indexer, "b")), (0, vec!["b.r1.1".into()]));
    assert_eq!(indexer.get(renamed["light"]["href"].as_str().unwrap()).body, tiff(1));
    assert_eq!((runs(&indexer), indexer.jobs().len()), (2, 2));
    // Written anew it is a scene like any other.
    fs::write(indexer.root().join("b.MBI.tif"), tiff(4)).unwrap();
    indexer.scene_at("b", 3, "published");
    // A copy beside it is a scene of its own and has to run.
    fs::copy(indexer.root().join("other.tif"), indexer.root().join("copy.tif")).unwrap();
    indexer.scene_at("copy", 2, "published");
    assert!(!indexer.scene("other").is_null());
}

#[test]
fn a_renamed_folder_keeps_every_result() {
    let indexer = Indexer::start(&counted(), &["--jobs", "2"]);
    fs::create_dir(indexer.root().join("old")).unwrap();
    let names: Vec<String> = (0..6).map(|number| format!("s{number}")).collect();
    for (name, seed) in names.iter().zip(1..) {
        fs::write(indexer.root().join(format!("old/{name}.tif")), tiff(seed)).unwrap();
    }
    names.iter().for_each(|name| drop(indexer.scene_at(name, 2, "published")));
    fs::rename(indexer.root().join("old"), indexer.root().join("new")).unwrap();
    for name in &names {
        until("new path", || indexer.scene(name)["path"] == format!("new/{name}.tif"));
    }
    until("an end of the doubt", || indexer.json("/health")["watch"] == "ok");
    assert_eq!(runs(&indexer), 6);
    assert!(indexer.changes().iter().all(|change| change["kind"] != "withdrawn"));
}

#[test]
fn half_a_file_waits_is_listed_and_runs_once_whole() {
    let indexer = Indexer::start(COPY, &["--incomplete-after", "1s"]);
    let (path, whole) = (indexer.root().join("a.tif"), tiff(1));
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let listed = indexer.job_in("a.tif", "incomplete");
    assert!(listed["reason"].as_str().unwrap().contains("missing"), "{listed}");
    assert!(indexer.scene("a").is_null(), "half a file is no scene");
    fs::write(&path, &whole).unwrap();
    let job = indexer.job_in("a.tif", "published");
    assert_eq!(job["job_id"], listed["job_id"], "the listed job is the one that runs");
    assert_eq!(indexer.jobs().len(), 1);
}

#[test]
fn half_an_archive_waits_is_listed_and_runs_once_whole() {
    let script = r#"gunzip -c "$1" >"$2/x.MBI_light.tif" && echo '{"type":"FeatureCollection","features":[]}' >"$2/x.detections.geojson""#;
    let indexer = Indexer::start(script, &["--incomplete-after", "1s"]);
    let packed = indexer.dir.path().join("packed");
    fs::write(&packed, tiff(1)).unwrap();
    assert!(std::process::Command::new("gzip").arg(&packed).status().unwrap().success());
    let whole = fs::read(indexer.dir.path().join("packed.gz")).unwrap();
    for (name, scene_id) in [("a.tgz", "a"), ("b.c.tar.gz", "b.c")] {
        let path = indexer.root().join(name);
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let listed = indexer.job_in(name, "incomplete");
        assert!(listed["reason"].as_str().unwrap().contains("does not end"), "{listed}");
        assert!(indexer.scene(scene_id).is_null(), "half an archive is no scene");
        fs::write(&path, &whole).unwrap();
        let job = indexer.job_in(name, "published");
        assert_eq!((&job["job_id"], &job["scene_id"]), (&listed["job_id"], &scene_id.into()));
    }
    assert_eq!(indexer.jobs().len(), 2);
}

#[test]
fn a_half_file_stays_listed_over_a_restart_and_runs_once_whole() {
    for whole_while_down in [false, true] {
        let mut indexer = Indexer::start(COPY, &["--incomplete-after", "500ms"]);
        let (path, whole) = (indexer.root().join("a.tif"), tiff(1));
        fs::write(&path, &whole[..5000]).unwrap();
        let listed = indexer.job_in("a.tif", "incomplete");
        indexer.kill();
        if whole_while_down {
            fs::write(&path, &whole).unwrap();
        }
        indexer.restart();
        if !whole_while_down {
            // Longer than settling and giving up take together.
            std::thread::sleep(Duration::from_secs(3));
            let jobs = indexer.jobs();
            assert_eq!(jobs, std::slice::from_ref(&listed), "nothing about it has changed");
            fs::write(&path, &whole).unwrap();
        }
        assert_eq!(indexer.job_in("a.tif", "published")["job_id"], listed["job_id"]);
        assert!(indexer.changes().iter().all(|change| change["job"]["state"] != "cancelled"));
    }
}

#[test]
fn a_half_file_that_leaves_is_listed_no_more() {
    let indexer = Indexer::start(COPY, &["--incomplete-after", "500ms"]);
    let (path, aside) = (indexer.root().join("a.tif"), indexer.dir.path().join("aside"));
    fs::write(&path, &tiff(1)[..5000]).unwrap();
    indexer.job_in("a.tif", "incomplete");
    fs::rename(&path, &aside).unwrap();
    let id = indexer.job_in("a.tif", "cancelled")["job_id"].as_str().unwrap().to_owned();
    assert_eq!(indexer.post(&format!("/jobs/{id}/retry")).status, 409, "there is nothing to run");
    fs::rename(&aside, &path).unwrap();
    assert_eq!(indexer.job_in("a.tif", "incomplete")["job_id"], id.as_str());
}

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
    assert_eq!(indexer.post(&format!("/jobs/{id}/retry")).status, 409);
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
    assert!(indexer.jobs().iter().all(|job| job["attempt"] == 0), "{:?}", indexer.jobs());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["a.tif", "b.tif"] {
        assert_eq!(indexer.job_in(name, "published")["attempt"], 1);
    }
    until("all to be well", || indexer.json("/health")["work"] == "ok");
}

/// What `aurora-indexer jobs …` answers: whether all went well, and what it printed to either stream.
fn by_shell(indexer: &Indexer, words: &[&str]) -> (bool, String, String) {
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
        .arg("jobs")
        .args(words)
        .args(["--indexer", &format!("http://{}", indexer.address)])
        // As on the indexer's own host, whose state folder it is.
        .env("AURORA_STATE", "/var/lib/aurora")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (program.status.success(), text(program.stdout), text(program.stderr))
}

#[test]
fn no_more_run_at_once_than_may_and_a_shell_cancels_what_runs_and_what_waits() {
    // Each notes how many run beside it, itself included.
    let script = format!(
        r#"mkdir -p "$4/under-way"; touch "$4/under-way/$$"; ls "$4/under-way" | wc -l >>"$4/most"
        case "$1" in *wait*) echo $$ >"$4/pid"; sleep 1000;; esac
        sleep 0.1; {COPY}; rm "$4/under-way/$$""#
    );
    let indexer = Indexer::start(&script, &["--jobs", "2"]);
    fs::write(indexer.root().join("wait.tif"), tiff(99)).unwrap();
    let pid = indexer.number_in("pid");
    let running = indexer.job_in("wait.tif", "running");
    for seed in 0..6 {
        fs::write(indexer.root().join(format!("{seed}.tif")), tiff(seed)).unwrap();
    }
    for seed in 0..6 {
        indexer.job_in(&format!("{seed}.tif"), "published");
    }
    let most = fs::read_to_string(indexer.dir.path().join("most")).unwrap();
    let most = most.lines().map(|line| line.trim().parse::<u32>().unwrap()).max();
    assert_eq!(most, Some(2));

    // A second one fills what may run, so that a third waits.
    fs::write(indexer.root().join("wait-too.tif"), tiff(98)).unwrap();
    let too = indexer.job_in("wait-too.tif", "running");
    fs::write(indexer.root().join("third.tif"), tiff(97)).unwrap();
    let waiting = indexer.job_in("third.tif", "queued");
    for job in [&waiting, &running, &too] {
        let id = job["job_id"].as_str().unwrap();
        let (ok, said, _) = by_shell(&indexer, &["cancel", id]);
        assert!(ok && said.contains("cancelled"), "{said}");
        assert_eq!(indexer.json(&format!("/jobs/{id}"))["state"], "cancelled");
    }
    until("the end of what ran", || !is_alive(pid));
    assert_eq!((indexer.publications("third"), indexer.publications("wait")), (0, 0));
}

#[test]
fn jobs_are_seen_and_moved_from_a_shell() {
    let indexer = Indexer::start(&format!(r#"test -e "$4/good" || exit 65; {COPY}"#), &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let id = indexer.job_in("a.tif", "failed")["job_id"].as_str().unwrap().to_owned();
    let jobs = |words: &[&str]| by_shell(&indexer, words);
    let (ok, list, _) = jobs(&["list"]);
    assert!(ok && list.contains(&id) && list.contains("failed") && list.contains("refused"), "{list}");
    let (_, list, _) = jobs(&["list", "--state", "queued", "--json"]);
    assert_eq!(list.trim(), "[]");
    let (ok, shown, _) = jobs(&["show", &id]);
    assert!(ok && shown.contains("file      a.tif"), "{shown}");
    fs::write(indexer.dir.path().join("good"), "").unwrap();
    assert!(jobs(&["retry", &id]).0);
    indexer.scene_at("a", 2, "published");
    let (ok, _, said) = jobs(&["cancel", &id]);
    assert!(!ok && said.contains("published and cannot become cancelled"), "{said}");
    assert!(!jobs(&["show", "none"]).0);
    let (ok, _, said) = jobs(&["list", "--state", "bogus"]);
    assert!(!ok && said.contains("bogus") && said.contains("retryable"), "it names the states: {said}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = std::process::Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
        .args(["jobs", "list", "--indexer", &format!("http://{nobody}")])
        .output()
        .unwrap();
    let said = String::from_utf8(program.stderr).unwrap();
    assert!(said.contains(&format!("no indexer answers at http://{nobody}: Connection refused")), "{said}");
    let token = indexer.dir.path().join("token");
    assert!(!jobs(&["list", "--token-file", token.to_str().unwrap()]).0, "a token file that is not there");
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

/// Longer than a file needs to settle and sweeps to withdraw what they miss.
fn long_enough() {
    std::thread::sleep(Duration::from_secs(3));
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

#[test]
fn a_query_that_cannot_be_read_is_a_problem_that_names_it() {
    let indexer = Indexer::start(COPY, &[]);
    for (path, parameter) in [
        ("/jobs?limit=many", "limit"),
        ("/jobs?state=lost", "state"),
        ("/catalog/changes?since=-1", "since"),
        ("/catalog/items?limit=", "limit"),
        ("/catalog/items/%ff", "path"),
        ("/jobs/%ff", "path"),
    ] {
        let answer = indexer.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{path}");
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["parameter"], parameter, "{path}: {problem}");
    }
}

#[test]
fn the_feed_resumes_waits_and_tells_another_epoch() {
    let indexer = Indexer::start(COPY, &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    until("the end of the job", || indexer.changes().len() == 9);
    let page = indexer.json("/catalog/changes?since=4&limit=3");
    let numbers: Vec<_> = page["changes"].as_array().unwrap().iter().map(|change| change["seq"].clone()).collect();
    assert_eq!((numbers, &page["next"], &page["head"]), (vec![5.into(), 6.into(), 7.into()], &7.into(), &9.into()));
    let other = indexer.json("/catalog/changes?since=9&epoch=other&wait=30");
    assert_eq!(other["changes"].as_array().unwrap().len(), 9, "another epoch starts anew, at once");
    let epoch = other["epoch"].as_str().unwrap();
    let ahead = indexer.json(&format!("/catalog/changes?since=99&epoch={epoch}&wait=30"));
    assert_eq!(ahead["changes"].as_array().unwrap().len(), 9, "a follower from the future starts anew too");
    assert_ne!(ahead["epoch"], other["epoch"]);

    let address = indexer.address;
    let waiting = std::thread::spawn(move || support::request(address, "GET", "/catalog/changes?since=9&wait=50", &[]));
    std::thread::sleep(Duration::from_millis(300));
    fs::write(indexer.root().join("b.tif"), tiff(2)).unwrap();
    let page: Value = serde_json::from_slice(&waiting.join().unwrap().body).unwrap();
    assert_eq!(page["changes"][0]["seq"], 10, "{page}");
}

/// Events of a stream until `last`: ids and names.
fn events(indexer: &Indexer, headers: &str, last: &str) -> Vec<(String, String)> {
    let mut stream = TcpStream::connect(indexer.address).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    write!(stream, "GET /events HTTP/1.1\r\nHost: a\r\n{headers}\r\n").unwrap();
    let (mut seen, mut id, mut name) = (Vec::new(), String::new(), String::new());
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if let Some(value) = line.strip_prefix("id: ") {
            value.clone_into(&mut id);
        } else if let Some(value) = line.strip_prefix("event: ") {
            value.clone_into(&mut name);
        } else if line.is_empty() && !name.is_empty() {
            seen.push((id.clone(), std::mem::take(&mut name)));
            if id.ends_with(last) {
                return seen;
            }
        }
    }
    panic!("the stream ended early: {seen:?}");
}

#[test]
fn the_event_stream_resumes_with_nothing_lost_or_doubled() {
    let indexer = Indexer::start(COPY, &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    until("the end of the job", || indexer.changes().len() == 9);
    let epoch = indexer.json("/catalog/changes")["epoch"].as_str().unwrap().to_owned();
    let seen = events(&indexer, &format!("Last-Event-ID: {epoch}:4\r\n"), ":9");
    let names: Vec<_> = seen.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["job", "job", "detections", "scene", "job"]);
    let other = events(&indexer, "Last-Event-ID: other:4\r\n", ":9");
    assert_eq!((other.len(), other[0].1.as_str()), (10, "reset"), "{other:?}");
}
