//! What a sudden end leaves, and what an orderly one does.

mod support;

use std::fs;

use aurora_database::{Address, Pools};
use support::{COPY, Indexer, is_alive, tiff, until};

/// Waits in the first run, works in every later one.
fn waits_first() -> String {
    format!(r#"test -e "$4/go" || {{ echo $$ > "$4/child"; exec sleep 1000; }}; {COPY}"#)
}

#[test]
fn killed_in_the_middle_of_a_job_it_loses_nothing_and_publishes_once() {
    let mut indexer = Indexer::start(&waits_first(), &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.job_in("a.tif", "running");
    let child = indexer.number_in("child");
    indexer.kill();
    until("end of the orphan", || !is_alive(child));
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    indexer.restart();
    let job = indexer.job_in("a.tif", "published");
    assert_eq!(
        (&job["attempt"], &job["losses"]),
        (&1.into(), &1.into()),
        "an end of the indexer's is no attempt: {job}"
    );
    assert_eq!((indexer.jobs().len(), indexer.publications("a")), (1, 1));
    assert_eq!(indexer.scene("a")["revision"], 2);
}

#[test]
fn however_often_it_is_killed_a_scene_keeps_its_attempts_and_one_that_kills_it_ends_some_time() {
    const LOSSES: u64 = 4;
    let mut indexer = Indexer::start(&waits_first(), &["--max-attempts", "1", "--max-losses", "5"]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    for losses in 0..LOSSES {
        let job = indexer.job_in("a.tif", "running");
        assert_eq!((&job["attempt"], &job["losses"]), (&1.into(), &losses.into()), "{job}");
        indexer.kill();
        indexer.restart();
    }
    indexer.job_in("a.tif", "running");
    indexer.kill();
    indexer.restart();
    let job = indexer.job_in("a.tif", "failed");
    assert!(job["losses"] == 5 && job["reason"].as_str().unwrap().contains("ended while the job was running"), "{job}");
}

#[test]
fn the_results_of_another_indexer_are_left_alone() {
    let first = Indexer::start(&waits_first(), &[]);
    fs::write(first.root().join("x.tif"), tiff(1)).unwrap();
    first.job_in("x.tif", "running");
    let dir = tempfile::tempdir().unwrap();
    let results = first.dir.path().join("state/results");
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
        .arg("--root")
        .arg(dir.path())
        .arg("--state")
        .arg(dir.path().join("state"))
        .arg("--results")
        .arg(&results)
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    let whose = format!("whose database is sqlite://{}", first.dir.path().join("state/indexer.db").display());
    assert!(!second.status.success() && said.contains(&whose), "{said}");
    fs::write(first.dir.path().join("go"), "").unwrap();
    assert_eq!(first.get("/livez").status, 200);
    first.job_in("x.tif", "running");
}

#[test]
fn a_result_that_is_gone_is_made_again_at_the_start_or_when_asked_for() {
    let mut indexer = Indexer::start(COPY, &[]);
    for (name, seed) in [("a", 1), ("b", 2)] {
        fs::write(indexer.root().join(format!("{name}.tif")), tiff(seed)).unwrap();
        indexer.scene_at(name, 2, "published");
    }
    let results = indexer.dir.path().join("state/results");
    let job = indexer.job_in("a.tif", "published");
    let retry = |indexer: &Indexer| indexer.post(&format!("/jobs/{}/retry", job["job_id"].as_str().unwrap()));
    assert_eq!(retry(&indexer).status, 409, "its result is there");
    fs::remove_dir_all(results.join("a")).unwrap();
    let answer = retry(&indexer);
    let again: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &again["revision"]), (200, &3.into()), "{again}");
    let scene = indexer.scene_at("a", 4, "published");
    assert_eq!(indexer.get(scene["light"]["href"].as_str().unwrap()).status, 200);

    assert!(indexer.stop().success());
    fs::remove_dir_all(results.join("b")).unwrap();
    indexer.restart();
    let scene = indexer.scene_at("b", 4, "published");
    assert_eq!(indexer.get(scene["light"]["href"].as_str().unwrap()).status, 200);
    assert_eq!((indexer.publications("a"), indexer.publications("b")), (2, 2));
    assert_eq!(indexer.scene("a")["revision"], 4, "what is there stays as it is");
}

#[test]
fn killed_at_any_moment_every_scene_is_published_once() {
    let mut indexer = Indexer::start(COPY, &["--jobs", "2", "--max-attempts", "50"]);
    for round in 0..6_u64 {
        for number in 0..3 {
            let seed = round * 10 + number;
            fs::write(indexer.root().join(format!("s{seed}.tif")), tiff(seed as u16)).unwrap();
        }
        // Ends fall into settling, registering, running and publishing alike.
        std::thread::sleep(std::time::Duration::from_millis(250 + round * 60));
        indexer.kill();
        indexer.restart();
    }
    for round in 0..6_u64 {
        for number in 0..3 {
            let id = format!("s{}", round * 10 + number);
            indexer.scene_at(&id, 2, "published");
            assert_eq!(indexer.publications(&id), 1, "{id}");
            let light = indexer.scene(&id)["light"]["href"].as_str().unwrap().to_owned();
            assert_eq!(indexer.get(&light).status, 200, "{light}");
        }
    }
    assert_eq!(indexer.jobs().len(), 18);
}

#[test]
fn what_a_crash_left_after_the_rename_is_replaced() {
    let indexer = Indexer::start(COPY, &[]);
    let left = indexer.dir.path().join("state/results/a/2");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("left.MBI_light.tif"), "half").unwrap();
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    let scene = indexer.scene_at("a", 2, "published");
    assert_eq!(scene["light"]["href"], "/results/a/2/x.MBI_light.tif");
    assert!(!left.join("left.MBI_light.tif").exists());
}

#[test]
fn changes_while_it_was_down_are_found_at_the_start() {
    let mut indexer = Indexer::start(COPY, &[]);
    for (name, seed) in [("a", 1), ("b", 2), ("c", 3)] {
        fs::write(indexer.root().join(format!("{name}.tif")), tiff(seed)).unwrap();
        indexer.scene_at(name, 2, "published");
    }
    indexer.kill();
    fs::write(indexer.root().join("a.tif"), tiff(4)).unwrap();
    fs::remove_file(indexer.root().join("b.tif")).unwrap();
    fs::write(indexer.root().join("d.tif"), tiff(5)).unwrap();
    indexer.restart();
    indexer.scene_at("a", 4, "published");
    indexer.scene_at("d", 2, "published");
    until("withdrawal", || indexer.scene("b").is_null());
    assert_eq!(indexer.scene("c")["revision"], 2);
}

#[test]
fn an_orderly_stop_gives_the_job_back_without_an_attempt() {
    let mut indexer = Indexer::start(&waits_first(), &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.job_in("a.tif", "running");
    let child = indexer.number_in("child");
    assert!(indexer.stop().success());
    assert!(!is_alive(child));
    fs::write(indexer.dir.path().join("go"), "").unwrap();
    indexer.restart();
    let job = indexer.job_in("a.tif", "published");
    assert_eq!(job["attempt"], 1, "the attempt that was stopped does not count");
    let changes = indexer.changes();
    assert!(changes.iter().any(|change| change["job"]["state"] == "queued"
        && change["job"]["attempt"] == 0
        && change["seq"].as_u64() > Some(2)));
}

#[test]
fn a_pipe_left_by_a_command_holds_up_neither_publishing_nor_the_stop() {
    let mut indexer = Indexer::start(&format!(r#"mkfifo "$2/pipe"; {COPY}"#), &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    assert!(!indexer.dir.path().join("state/results/a/2/pipe").exists());
    assert!(indexer.stop().success());
}

#[test]
fn a_restored_database_is_read_anew_under_another_epoch() {
    let mut indexer = Indexer::start(COPY, &[]);
    fs::write(indexer.root().join("a.tif"), tiff(1)).unwrap();
    indexer.scene_at("a", 2, "published");
    let (file, backup) = (indexer.dir.path().join("state/indexer.db"), indexer.dir.path().join("backup"));
    // A backup needs no stop.
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let pools = Pools::open(&Address::Sqlite(file.clone())).await.unwrap();
        let mut conn = pools.write().await.unwrap();
        sqlx::query("VACUUM INTO $1").bind(backup.to_str().unwrap()).execute(&mut conn).await.unwrap();
    });
    let before = indexer.json("/catalog/changes")["epoch"].clone();
    fs::write(indexer.root().join("b.tif"), tiff(2)).unwrap();
    indexer.scene_at("b", 2, "published");
    assert!(indexer.stop().success());
    fs::copy(&backup, &file).unwrap();
    indexer.restart();
    assert_ne!(indexer.json("/catalog/changes")["epoch"], before);
    indexer.scene_at("b", 2, "published");
}

#[test]
fn a_second_indexer_on_the_same_state_is_refused() {
    let indexer = Indexer::start(COPY, &[]);
    let dir = indexer.dir.path();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_aurora-indexer"))
        .arg("--root")
        .arg(dir.join("root"))
        .arg("--state")
        .arg(dir.join("state"))
        .args(["--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("in use by another indexer"), "{output:?}");
}

#[test]
fn a_folder_without_most_results_is_doubted_and_not_the_results() {
    let mut indexer = Indexer::start(COPY, &[]);
    let results = indexer.dir.path().join("state/results");
    for number in 0..12 {
        fs::write(indexer.root().join(format!("s{number}.tif")), tiff(number)).unwrap();
    }
    let ids: Vec<String> = (0..12).map(|number| format!("s{number}")).collect();
    ids.iter().for_each(|id| drop(indexer.scene_at(id, 2, "published")));
    assert!(indexer.stop().success());

    // The disk is not there at the next start, and nothing remembers which it was: as before there were marks.
    let kept = results.with_extension("kept");
    fs::rename(&results, &kept).unwrap();
    fs::create_dir(&results).unwrap();
    fs::remove_file(indexer.dir.path().join("state/indexer.results")).unwrap();
    indexer.restart();
    fs::write(indexer.root().join("new.tif"), tiff(99)).unwrap();
    indexer.scene_at("new", 1, "raw");
    let trouble = || indexer.json("/health")["work_trouble"]["reason"].to_string();
    until("doubt", || trouble().contains("most of what was published is not in it"));
    assert!(ids.iter().all(|id| indexer.scene(id)["revision"] == 2), "no result is made again");
    assert_eq!(fs::read_dir(&results).unwrap().count(), 0, "nothing is put into it");
    assert!(indexer.stop().success());

    // The disk is back, or an operator says that all is lost.
    fs::remove_dir(&results).unwrap();
    fs::rename(&kept, &results).unwrap();
    indexer.restart();
    indexer.scene_at("new", 2, "published");
    for id in &ids {
        fs::remove_dir_all(results.join(id)).unwrap();
    }
    assert!(indexer.stop().success());
    indexer.restart();
    until("doubt", || {
        indexer.json("/health")["work_trouble"]["reason"].to_string().contains("most of what was published")
    });
    fs::write(results.join(".aurora-results"), "").unwrap();
    ids.iter().for_each(|id| drop(indexer.scene_at(id, 4, "published")));
}
