//! What is lost while a load runs is told, and makes no good exit status.

mod support;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use serde_json::Value;
use support::{Ledger, read_report, serve};

struct Run {
    child: Child,
    out: tempfile::TempDir,
    stem: String,
}

impl Run {
    /// Begins a run and waits until the server was asked for some tiles.
    fn begin(args: &[&str], ledger: &Ledger) -> Self {
        let out = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_aurora-perf"));
        let child = command.args(args).arg("--out").arg(out.path()).stdout(Stdio::null()).spawn().unwrap();
        let mut run = Self { child, out, stem: args[0].to_owned() };
        while ledger.asked.load(Relaxed) < 20 {
            assert_eq!(run.child.try_wait().unwrap(), None, "ended before it began");
            std::thread::sleep(Duration::from_millis(20));
        }
        run
    }

    /// Its exit status, its report and the kinds of its notes.
    fn end(mut self) -> (Option<i32>, Value, Vec<String>) {
        let status = self.child.wait().unwrap().code();
        let report = read_report(self.out.path(), &self.stem);
        let kinds = report["notes"].as_array().unwrap().iter().map(|note| note["kind"].as_str().unwrap().to_owned());
        (status, report.clone(), kinds.collect())
    }
}

fn kill(pid: &str) {
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
}

/// A process that started others: their ids.
fn children(pid: u32) -> Vec<String> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let children = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    children.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A server that is a process of its own.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(folder: &Path, origin: &str) -> Self {
        let (address, command) = support::relay(folder, origin);
        let mut child = Command::new("sh").args(["-c", &format!("exec {command}")]).spawn().unwrap();
        while std::net::TcpStream::connect(address.trim_start_matches("http://")).is_err() {
            assert_eq!(child.try_wait().unwrap(), None, "the server ended before it answered");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_client_process_that_is_killed_is_missed() {
    let ledger = Arc::new(Ledger::default());
    let (_runtime, address) = serve(&ledger);
    let args = ["stress", "--server", &address, "--users", "4", "--for", "8", "--processes", "2"];
    let run = Run::begin(&args, &ledger);
    let clients = children(run.child.id());
    assert_eq!(clients.len(), 2);
    kill(&clients[0]);
    let (status, _, notes) = run.end();
    assert_eq!((status, notes.contains(&"clients_lost".to_owned())), (Some(1), true), "{notes:?}");
}

#[test]
fn a_server_that_ends_under_load_is_missed_by_all() {
    let folder = tempfile::tempdir().unwrap();
    for (command, more) in [
        ("stress", &["--users", "2", "--for", "8"][..]),
        ("protocol", &["--pace", "0", "--free-views", "30"]),
        ("capacity", &["--target", "tiles", "--hold", "8", "--warm-up", "0", "--slo", "http_req_failed<1"]),
    ] {
        let ledger = Arc::new(Ledger { delay: Duration::from_millis(5), ..Ledger::default() });
        let (_runtime, origin) = serve(&ledger);
        let server = Server::start(folder.path(), &origin);
        let run = Run::begin(&[&[command, "--server", &server.address], more].concat(), &ledger);
        drop(server);
        let (status, report, notes) = run.end();
        assert_eq!((status, notes.contains(&"gone".to_owned())), (Some(1), true), "{command}: {notes:?}");
        if command == "capacity" {
            assert_eq!(report["found"]["trials"].as_array().unwrap().len(), 1, "no server, no further search");
        }
    }
}

#[test]
fn a_side_that_gives_nothing_is_no_fast_one() {
    let ledger = Arc::new(Ledger::default());
    let (_runtime, address) = serve(&ledger);
    let out = tempfile::tempdir().unwrap();
    let dead = "b=http://127.0.0.1:9/{scene_id}/{z}/{x}/{y}";
    let mut command = Command::new(env!("CARGO_BIN_EXE_aurora-perf"));
    command.args(["compare", &format!("a={address}"), dead, "--views", "2", "--users", "1"]);
    let done = command.args(["--threshold", "ratio.tiles_per_s>0.95", "--out"]).arg(out.path()).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let report = read_report(out.path(), "compare");
    assert_eq!(
        (&report["thresholds"][0]["holds"], &report["metrics"]["b.tiles_per_s"]),
        (&Value::from(false), &Value::from(0.0))
    );
    assert!(report["metrics"].get("pixels.differing").is_none() && report["metrics"].get("b.tile_p95_ms").is_none());
}

#[test]
fn what_cannot_be_reported_or_says_nothing_is_refused_before_the_load() {
    let ledger = Arc::new(Ledger::default());
    let (_runtime, address) = serve(&ledger);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let file = file.display().to_string();
    for (more, reason) in [
        (["--out", &file], "no report can be written there"),
        (["--replay", &file], "it needs --target map"),
        (["--record", &file], "it needs --target map"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aurora-perf"));
        let done =
            command.args(["stress", "--server", &address, "--users", "1", "--for", "1"]).args(more).output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!((done.status.code(), told.contains(reason)), (Some(2), true), "{more:?}: {told}");
    }
    assert_eq!(ledger.asked.load(Relaxed), 0);
}
