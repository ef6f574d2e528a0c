//! Several indexers on one PostgreSQL database, and a server of it that dies or is unplugged.

mod cable;
mod support;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use aurora_database::trial::Server;
use cable::Cable;
use serde_json::Value;
use support::{COPY, Indexer, request, tiff, until};

/// Notes the run in the indexer's own folder, takes a moment, then works.
fn noted() -> String {
    format!(r#"echo "$1" >> "$4/runs"; sleep 0.3; {COPY}"#)
}

fn runs(indexer: &Indexer) -> usize {
    fs::read_to_string(indexer.dir.path().join("runs")).unwrap_or_default().lines().count()
}

/// An indexer of `database` with results in `results`; on the root of `beside`, if that is given.
fn indexer(database: &str, results: &Path, beside: Option<&Indexer>) -> Indexer {
    let dir = tempfile::tempdir().unwrap();
    match beside {
        Some(other) => std::os::unix::fs::symlink(other.root(), dir.path().join("root")).unwrap(),
        None => fs::create_dir(dir.path().join("root")).unwrap(),
    }
    let results = results.display().to_string();
    Indexer::start_in(dir, &noted(), &["--database", database, "--results", &results, "--jobs", "2"])
}

fn drop_scenes(indexer: &Indexer, numbers: std::ops::Range<u16>) {
    for number in numbers {
        fs::write(indexer.root().join(format!("s{number}.tif")), tiff(number)).unwrap();
    }
}

/// Waits until all scenes are published, and sees that each is so once and that its result is there.
fn published_once(indexer: &Indexer, numbers: std::ops::Range<u16>) {
    for number in numbers.clone() {
        let id = format!("s{number}");
        let scene = indexer.scene_at(&id, 2, "published");
        assert_eq!(indexer.publications(&id), 1, "{id}");
        assert_eq!(indexer.get(scene["light"]["href"].as_str().unwrap()).status, 200);
    }
    let subjects: Vec<Value> = indexer.jobs().iter().map(|job| job["path"].clone()).collect();
    assert_eq!(subjects.len(), numbers.len(), "one job a scene: {subjects:?}");
}

fn watches(indexer: &Indexer) -> bool {
    indexer.json("/health")["watch_figures"]["watching"] == true
}

#[test]
fn two_indexers_share_the_work_and_one_takes_over_the_watching() {
    let Some(server) = Server::shared() else { return };
    let (database, results) = (server.database(), tempfile::tempdir().unwrap());
    let mut first = indexer(&database, results.path(), None);
    until("a watcher", || watches(&first));
    let second = indexer(&database, results.path(), Some(&first));
    assert!(!watches(&second));
    assert_eq!(second.post("/watch/give-away").status, 409);

    drop_scenes(&first, 0..12);
    published_once(&second, 0..12);
    let (one, other) = (runs(&first), runs(&second));
    assert!(one + other == 12 && one > 0 && other > 0, "{one} and {other} runs");
    until("the same feed", || first.changes() == second.changes());
    let numbers: Vec<u64> = first.changes().iter().map(|change| change["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());

    // The watcher dies while it works; the other one watches on, and what the dead one held is done at its next start.
    drop_scenes(&first, 12..18);
    until("work under way", || runs(&first) > one);
    first.kill();
    until("another watcher", || watches(&second));
    drop_scenes(&second, 18..20);
    first.restart();
    published_once(&second, 0..20);
    assert!(!watches(&first) && watches(&second));
    until("the same feed", || first.changes() == second.changes());
}

/// While the database is away `/health` answers, and names it with the reason; so do the metrics, and what is refused.
fn tells_that_it_is_away(indexer: &Indexer) {
    let trouble = r#"aurora_indexer_trouble{part="database"} 1"#;
    until("an alarm", || String::from_utf8_lossy(&indexer.get("/metrics").body).contains(trouble));
    let health = indexer.json("/health");
    let verdicts = [&health["status"], &health["database"], &health["watch"]];
    assert_eq!(verdicts, ["degraded", "degraded", "ok"], "{health}");
    assert!(
        !health["database_trouble"]["reason"].as_str().unwrap().is_empty() && health["queue"].is_null(),
        "{health}"
    );
    let refused = indexer.get("/readyz");
    let told = String::from_utf8_lossy(&refused.body).into_owned();
    assert!(refused.status == 503 && told.contains("the database does not answer"), "{told}");
}

#[test]
fn a_server_that_dies_for_ten_seconds_costs_time_and_nothing_else() {
    let Some(mut server) = Server::start() else { return };
    let results = tempfile::tempdir().unwrap();
    let indexer = indexer(&server.database(), results.path(), None);
    drop_scenes(&indexer, 0..8);
    until("work under way", || runs(&indexer) > 1);
    let epoch = indexer.json("/health")["feed"]["epoch"].clone();
    let (told, address) = (indexer.changes(), indexer.address);

    server.kill();
    let begun = Instant::now();
    // What was asked while it died may still be answered in the old way, or not in time.
    let away = |path: &str| {
        let answer = request(address, "GET", path, &[]);
        assert!(answer.status == 200 || answer.header("retry-after").is_some(), "{path}: {answer:?}");
        answer.status == 503
    };
    std::thread::scope(|scope| {
        for path in ["/jobs", "/catalog/changes?since=0", "/catalog/items", "/readyz"] {
            scope.spawn(move || until("a 503", || away(path)));
        }
    });
    tells_that_it_is_away(&indexer);
    assert_eq!((indexer.get("/livez").status, indexer.get("/files/s0.tif").status), (200, 200));
    drop_scenes(&indexer, 8..10);
    std::thread::sleep(Duration::from_secs(10).saturating_sub(begun.elapsed()));
    server.run();

    until("recovery", || indexer.get("/readyz").status == 200);
    until("all to be well", || indexer.json("/health")["database"] == "ok");
    published_once(&indexer, 0..10);
    let after = indexer.changes();
    assert_eq!(after[..told.len()], told, "what was told stays told");
    assert_eq!(indexer.json("/health")["feed"]["epoch"], epoch);
    assert_eq!(runs(&indexer), 10, "no work is done twice");
}

#[test]
fn a_server_that_is_unplugged_holds_nobody_up_for_ever() {
    let Some(server) = Server::shared() else { return };
    let results = tempfile::tempdir().unwrap();
    let cable = Cable::to(&server.database());
    let indexer = indexer(cable.database(), results.path(), None);
    drop_scenes(&indexer, 0..4);
    until("work under way", || runs(&indexer) > 1);
    let (told, address) = (indexer.changes(), indexer.address);

    cable.pull();
    drop_scenes(&indexer, 4..6);
    assert_eq!((indexer.get("/livez").status, indexer.get("/files/s0.tif").status), (200, 200));
    std::thread::scope(|scope| {
        for path in ["/jobs", "/catalog/changes?since=0", "/catalog/items", "/readyz"] {
            scope.spawn(move || until("a 503", || request(address, "GET", path, &[]).status == 503));
        }
    });
    tells_that_it_is_away(&indexer);
    cable.plug();

    until("recovery", || indexer.get("/readyz").status == 200);
    until("all to be well", || indexer.json("/health")["database"] == "ok");
    published_once(&indexer, 0..6);
    assert_eq!(indexer.changes()[..told.len()], told, "what was told stays told");
    assert_eq!(runs(&indexer), 6, "no work is done twice");
}

#[test]
fn a_restored_database_is_read_anew_and_nothing_of_it_runs_again() {
    let Some(server) = Server::shared() else { return };
    let results = tempfile::tempdir().unwrap();
    let url = server.database();
    let name = url.rsplit('/').next().unwrap();
    let mut indexer = indexer(&url, results.path(), None);
    drop_scenes(&indexer, 0..2);
    published_once(&indexer, 0..2);
    let dump = results.path().join("backup.dump").display().to_string();
    // A backup needs no stop.
    done(server.program("pg_dump", &["-Fc", "-f", &dump, name]));
    drop_scenes(&indexer, 2..3);
    published_once(&indexer, 0..3);
    let epoch = indexer.json("/health")["feed"]["epoch"].clone();
    assert!(indexer.stop().success());
    done(server.program("pg_restore", &["--clean", "--if-exists", "--single-transaction", "-d", name, &dump]));
    indexer.restart();
    let anew = indexer.json("/health")["feed"]["epoch"].clone();
    assert_ne!(anew, epoch);
    // What the backup does not know is found again by its result's place; the rest stands as it was.
    published_once(&indexer, 0..3);
    assert!(indexer.stop().success());
    indexer.restart();
    assert_eq!(indexer.json("/health")["feed"]["epoch"], anew, "a new epoch begins once");
}

fn done(mut command: Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_names_no_database_is_refused_and_a_password_is_never_shown() {
    let dir = tempfile::tempdir().unwrap();
    let asked = |url: &str, more: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_aurora-indexer"));
        program.arg("--root").arg(dir.path()).arg("--state").arg(dir.path().join("state"));
        let output = program.args(["--database", url]).args(more).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let mut seen = BTreeSet::new();
    for url in ["mysql://me:s3cret@h/x", "me:s3cret@h/x", "sqlite://x.db", "postgres://me:s3cret@[/x"] {
        let (success, text) = asked(url, &[]);
        assert!(!success && text.contains("--database: ") && !text.contains("s3cret"), "{url}: {text}");
        seen.insert(text);
    }
    let (success, text) = asked("postgres://me:s3cret@h/x", &["--print-config"]);
    assert!(success && text.contains("postgres://me:***@h/x") && !text.contains("s3cret"), "{text}");
    let (_, help) = asked("postgres://me:s3cret@h/x", &["--help"]);
    assert!(!help.contains("s3cret"), "{help}");
}
