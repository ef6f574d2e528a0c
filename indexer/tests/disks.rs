//! Disks that are full, that say so only when asked to keep what was written, or that turn read-only: a clear state,
//! nothing lost, and all of it made good when they are well again.

mod support;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use support::{COPY, Indexer, tiff, until};

/// A file system of its own at `at`; gone with this.
struct Volume {
    at: PathBuf,
}

impl Volume {
    /// `None`, saying so, where mounting is not permitted.
    fn mount(at: &Path, how: &[&str]) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        match run("mount", &[how, &[text(at)]].concat()) {
            Ok(()) => Some(Self { at: at.to_owned() }),
            Err(said) => {
                aurora_database::trial::skipped(&format!("nothing can be mounted here: {said}"));
                None
            }
        }
    }

    fn in_memory(at: &Path, size: &str) -> Option<Self> {
        Self::mount(at, &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,bind,{how}"), text(&self.at)]).unwrap();
    }

    /// Takes all room but `left_bytes`.
    fn fill(&self, left_bytes: usize) {
        let path = self.at.join("filler");
        let mut filler = fs::File::create(&path).unwrap();
        let page = [1; 4096];
        while filler.write_all(&page).is_ok() {}
        let length = filler.metadata().unwrap().len();
        filler.set_len(length - left_bytes as u64).unwrap();
    }

    fn clear(&self) {
        fs::remove_file(self.at.join("filler")).unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // At once, whoever still has something open on it.
        let _ = run("umount", &["-l", text(&self.at)]);
    }
}

/// An ext4 file system of 64 MiB in an image that lies where there is room for 8: what is written is accepted, and
/// fails when it is to be kept.
struct Hollow {
    mounted: Option<Volume>,
    beneath: Volume,
    at: PathBuf,
}

impl Hollow {
    fn make(dir: &Path, at: &Path) -> Option<Self> {
        let beneath = Volume::in_memory(&dir.join("beneath"), "8m")?;
        let image = beneath.at.join("image");
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        run("mkfs.ext4", &["-q", text(&image)]).unwrap();
        let mut hollow = Self { mounted: None, beneath, at: at.to_owned() };
        hollow.mounted = Some(hollow.mount()?);
        Some(hollow)
    }

    fn mount(&self) -> Option<Volume> {
        Volume::mount(&self.at, &["-o", "loop", text(&self.beneath.at.join("image"))])
    }

    /// From now on nothing new can be kept.
    fn fill(&self) {
        self.beneath.fill(0);
    }

    /// What an operator does: more room, a check, and mounted anew.
    fn repair(&mut self) {
        self.mounted = None;
        run("mount", &["-o", "remount,size=128m", text(&self.beneath.at)]).unwrap();
        self.beneath.clear();
        let image = self.beneath.at.join("image");
        // Its status says that it repaired something.
        let _ = run("e2fsck", &["-fy", text(&image)]);
        self.mounted = self.mount();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}

fn put(indexer: &Indexer, name: &str, seed: u16) {
    fs::write(indexer.root().join(name), tiff(seed)).unwrap();
}

/// Waits until `part` is degraded, and answers why.
fn until_degraded(indexer: &Indexer, part: &str) -> String {
    let mut health = Value::Null;
    until(&format!("trouble of {part}"), || {
        health = indexer.json("/health");
        health[part] == "degraded" && health["status"] == "degraded"
    });
    health[format!("{part}_trouble")]["reason"].as_str().unwrap().to_owned()
}

fn until_well(indexer: &Indexer) {
    until("health", || indexer.json("/health")["status"] == "ok");
}

fn state_of(dir: &Path) -> PathBuf {
    dir.join("state")
}

/// The database is whole; asked while no indexer runs.
fn check_database(dir: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let said: String = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(state_of(dir).join("indexer.db"));
        let mut conn = options.connect().await.unwrap();
        let said = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut conn).await.unwrap();
        conn.close().await.unwrap();
        said
    });
    assert_eq!(said, "ok");
}

#[test]
fn without_room_for_results_jobs_wait_and_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results");
    let Some(volume) = Volume::in_memory(&results, "2m") else { return };
    fs::create_dir(dir.path().join("root")).unwrap();
    let needs_twice_the_room = format!(r#"cp "$1" "$2/scratch" && {COPY} && rm "$2/scratch""#);
    let indexer = Indexer::start_in(dir, &needs_twice_the_room, &["--results", text(&results)]);
    volume.fill(0);
    put(&indexer, "a.tif", 1);
    let reason = until_degraded(&indexer, "work");
    assert!(reason.contains("0 bytes are left"), "{reason}");
    assert_eq!(indexer.scene("a")["status"], "raw", "shown all the same");
    assert_eq!(indexer.job_in("a.tif", "queued")["attempt"], 0, "waiting is no attempt");

    // Enough to begin, and not to end.
    volume.fill(tiff(1).len().next_multiple_of(4096));
    let job = indexer.job_in("a.tif", "failed");
    assert!(job["reason"].as_str().unwrap().contains("No space left on device"), "{job}");

    volume.clear();
    assert_eq!(indexer.post(&format!("/jobs/{}/retry", job["job_id"].as_str().unwrap())).status, 200);
    indexer.scene_at("a", 2, "published");
    until_well(&indexer);
    assert_eq!(indexer.publications("a"), 1);
}

#[test]
fn a_scene_too_large_for_the_disk_waits_aside_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results");
    let Some(volume) = Volume::in_memory(&results, "8m") else { return };
    fs::create_dir(dir.path().join("root")).unwrap();
    let indexer = Indexer::start_in(dir, COPY, &["--results", text(&results)]);
    let mut large = tiff(1);
    large.resize(15 << 20, 0);
    fs::write(indexer.root().join("large.tif"), large).unwrap();
    let reason = until_degraded(&indexer, "work");
    assert!(reason.contains("large") && reason.contains(&format!("{} are needed", 15 << 20)), "{reason}");
    let job = indexer.job_in("large.tif", "queued");
    assert!(job["attempt"] == 0 && !job["retry_at"].is_null(), "{job}");
    assert!(job["reason"].as_str().unwrap().starts_with("no room for its result"), "{job}");
    for (name, seed) in [("a", 2), ("b", 3)] {
        put(&indexer, &format!("{name}.tif"), seed);
        indexer.scene_at(name, 2, "published");
    }
    assert_eq!(indexer.json("/health")["work"], "degraded", "it still waits");

    run("mount", &["-o", "remount,size=32m", text(&volume.at)]).unwrap();
    indexer.scene_at("large", 2, "published");
    until_well(&indexer);
}

#[test]
fn a_results_folder_that_goes_away_takes_nothing_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, results) = (dir.path().join("disk"), dir.path().join("results"));
    fs::create_dir(&disk).unwrap();
    let mounted = || Volume::mount(&results, &["--bind", text(&disk)]);
    let Some(volume) = mounted() else { return };
    fs::create_dir(dir.path().join("root")).unwrap();
    let mut indexer = Indexer::start_in(dir, COPY, &["--results", text(&results)]);
    put(&indexer, "a.tif", 1);
    indexer.scene_at("a", 2, "published");
    drop(volume);
    put(&indexer, "b.tif", 2);
    let reason = until_degraded(&indexer, "work");
    assert!(reason.contains("its mark is gone"), "{reason}");
    assert_eq!(indexer.job_in("b.tif", "queued")["attempt"], 0);
    assert!(!results.join("b").exists(), "published below the mount");
    assert!(indexer.stop().success());
    indexer.restart();
    let reason = until_degraded(&indexer, "work");
    assert!(reason.contains("its mark is gone") && indexer.scene("a")["status"] == "published", "{reason}");

    // Back, but without all that was in it.
    fs::remove_dir_all(disk.join("a")).unwrap();
    let _volume = mounted().unwrap();
    indexer.scene_at("b", 2, "published");
    indexer.scene_at("a", 4, "published");
    until_well(&indexer);
    for path in ["/results/a/4/x.MBI_light.tif", "/results/b/2/x.MBI_light.tif"] {
        assert_eq!(indexer.get(path).status, 200, "{path}");
    }
    assert_eq!((indexer.publications("a"), indexer.publications("b")), (2, 1));
}

#[test]
fn without_room_for_the_database_everything_waits_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let Some(volume) = Volume::in_memory(&state_of(dir.path()), "8m") else { return };
    let results = dir.path().join("results");
    fs::create_dir(dir.path().join("root")).unwrap();
    let mut indexer = Indexer::start_in(dir, COPY, &["--results", text(&results)]);
    put(&indexer, "a.tif", 1);
    indexer.scene_at("a", 2, "published");
    volume.fill(0);
    for number in 2..6 {
        put(&indexer, &format!("s{number}.tif"), number);
    }
    let reason = until_degraded(&indexer, "database");
    assert!(reason.contains("full"), "{reason}");
    assert_eq!(indexer.get("/results/a/2/x.MBI_light.tif").status, 200, "what is there is served");

    volume.clear();
    for number in 2..6 {
        indexer.scene_at(&format!("s{number}"), 2, "published");
        assert_eq!(indexer.publications(&format!("s{number}")), 1);
    }
    until_well(&indexer);
    assert!(indexer.stop().success());
    check_database(indexer.dir.path());
}

#[test]
fn a_database_that_cannot_be_kept_says_so_and_has_all_that_it_told_of() {
    let dir = tempfile::tempdir().unwrap();
    let Some(mut hollow) = Hollow::make(dir.path(), &state_of(dir.path())) else { return };
    let results = dir.path().join("results");
    fs::create_dir(dir.path().join("root")).unwrap();
    let mut indexer = Indexer::start_in(dir, COPY, &["--results", text(&results)]);
    put(&indexer, "a.tif", 1);
    indexer.scene_at("a", 2, "published");
    hollow.fill();
    put(&indexer, "b.tif", 2);
    until_degraded(&indexer, "database");
    let told = indexer.changes();
    assert_eq!(indexer.get("/results/a/2/x.MBI_light.tif").status, 200, "what is there is served");

    indexer.kill();
    hollow.repair();
    check_database(indexer.dir.path());
    indexer.restart();
    indexer.scene_at("b", 2, "published");
    until_well(&indexer);
    let now = indexer.changes();
    assert_eq!(now[..told.len()], told, "what was told of stands");
    assert_eq!((indexer.publications("a"), indexer.publications("b")), (1, 1));
    assert!(indexer.stop().success());
    drop(hollow.mounted.take());
}

#[test]
fn results_that_cannot_be_kept_are_not_told_of_and_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results");
    let Some(mut hollow) = Hollow::make(dir.path(), &results) else { return };
    fs::create_dir(dir.path().join("root")).unwrap();
    let indexer = Indexer::start_in(dir, COPY, &["--results", text(&results)]);
    put(&indexer, "a.tif", 1);
    indexer.scene_at("a", 2, "published");
    hollow.fill();
    put(&indexer, "b.tif", 2);
    until_degraded(&indexer, "work");
    assert_eq!(indexer.scene("b")["status"], "raw", "no result that may be gone is told of");

    hollow.repair();
    indexer.scene_at("b", 2, "published");
    until_well(&indexer);
    for path in ["/results/a/2/x.MBI_light.tif", "/results/b/2/x.MBI_light.tif"] {
        assert_eq!(indexer.get(path).status, 200, "{path}");
    }
    assert_eq!((indexer.publications("a"), indexer.publications("b")), (1, 1));
}

#[test]
fn a_root_that_turns_read_only_is_degraded_and_keeps_every_scene() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, root) = (dir.path().join("disk"), dir.path().join("root"));
    fs::create_dir(&disk).unwrap();
    let Some(volume) = Volume::mount(&root, &["--bind", text(&disk)]) else { return };
    let mut indexer = Indexer::start_in(dir, COPY, &[]);
    for (name, seed) in [("a", 1), ("b", 2)] {
        put(&indexer, &format!("{name}.tif"), seed);
        indexer.scene_at(name, 2, "published");
    }
    volume.remount("ro");
    until("degradation", || indexer.json("/health")["watch"] == "degraded");
    let health = indexer.json("/health");
    assert_eq!(
        (&health["status"], &health["watch_reason"]),
        (&"degraded".into(), &"the root has become read-only; nothing is withdrawn".into())
    );
    // What is gone now may be gone with the disk.
    fs::remove_file(disk.join("b.tif")).unwrap();
    scan_twice(&indexer);
    assert_eq!(indexer.scene("b")["status"], "published", "nothing is withdrawn");
    assert_eq!(indexer.get("/files/a.tif").status, 200, "files are served on");

    volume.remount("rw");
    until_well(&indexer);
    until("withdrawal", || indexer.scene("b").is_null());
    put(&indexer, "c.tif", 3);
    indexer.scene_at("c", 2, "published");

    // Read-only at the first look, it is meant to be.
    volume.remount("ro");
    assert!(indexer.stop().success());
    indexer.restart();
    until("a scan", || !indexer.json("/health")["watch_figures"]["scanned_at"].is_null());
    until_well(&indexer);
    fs::write(disk.join("d.tif"), tiff(4)).unwrap();
    indexer.scene_at("d", 2, "published");
}

#[test]
fn a_disk_below_the_root_that_goes_away_takes_no_scene_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, below) = (dir.path().join("disk"), dir.path().join("root/vol2"));
    let Some(_disk) = Volume::in_memory(&disk, "1m") else { return };
    let bind = || Volume::mount(&below, &["--bind", text(&disk)]).unwrap();
    let mut mounted = Some(bind());
    let mut indexer = Indexer::start_in(dir, COPY, &["--jobs", "2"]);
    let names = ["a.tif", "b.tif", "c.tif", "vol2/d.tif", "vol2/e.tif"];
    names.iter().zip(1..).for_each(|(name, seed)| put(&indexer, name, seed));
    ["a", "b", "c", "d", "e"].iter().for_each(|id| drop(indexer.scene_at(id, 2, "published")));
    scan_twice(&indexer);
    let keeps_all = |indexer: &Indexer| {
        until("degradation", || {
            let reason = indexer.json("/health")["watch_reason"].clone();
            reason.as_str().is_some_and(|reason| reason.contains("nothing is mounted at `vol2` any more: 2 of 2"))
        });
        scan_twice(indexer);
        assert!(indexer.changes().iter().all(|change| change["kind"] != "withdrawn"));
        assert_eq!(indexer.json("/health")["watch_figures"]["gone"], 2);
    };
    mounted.take();
    keeps_all(&indexer);
    assert!(indexer.stop().success());
    assert!(!log(&indexer).contains("well again"), "at its end it knows no better");
    indexer.restart();
    keeps_all(&indexer);
    // What is deleted elsewhere has left all the same.
    fs::remove_file(indexer.root().join("a.tif")).unwrap();
    until("withdrawal", || indexer.scene("a").is_null());

    mounted.replace(bind());
    until_well(&indexer);
    assert_eq!(indexer.scene("d")["revision"], 2);
    fs::remove_file(indexer.root().join("vol2/d.tif")).unwrap();
    until("withdrawal", || indexer.scene("d").is_null());
    mounted.take();
    until("degradation", || indexer.json("/health")["watch"] == "degraded");
    assert_eq!(indexer.post("/watch/give-away").status, 202);
    until("withdrawal", || indexer.scene("e").is_null());
    until_well(&indexer);
}

fn log(indexer: &Indexer) -> String {
    fs::read_to_string(indexer.dir.path().join("log")).unwrap()
}

fn scan_twice(indexer: &Indexer) {
    let scanned_at = || indexer.json("/health")["watch_figures"]["scanned_at"].clone();
    for _ in 0..2 {
        let before = scanned_at();
        until("another scan", || scanned_at() != before);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_listed_with_the_reason_and_told_of_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    let path = dir.path().join("root/a.tif");
    fs::write(&path, tiff(1)).unwrap();
    // One that nobody can read, whoever they are.
    let mounted = run("mount", &["--bind", "/sys/bus/platform/uevent", text(&path)]);
    if let Err(said) = mounted {
        return aurora_database::trial::skipped(&format!("nothing can be mounted here: {said}"));
    }
    let unreadable = Volume { at: path };
    let indexer = Indexer::start_in(dir, COPY, &["--incomplete-after", "2s"]);
    let listed = indexer.job_in("a.tif", "incomplete");
    assert!(listed["reason"].as_str().unwrap().contains("cannot be read"), "{listed}");
    scan_twice(&indexer);
    assert_eq!(log(&indexer).matches("cannot be read; it is tried again").count(), 1);
    assert_eq!(indexer.json("/health")["watch"], "ok");
    drop(unreadable);
    indexer.scene_at("a", 2, "published");
    assert!(indexer.jobs().iter().all(|job| job["state"] != "incomplete"));
}
