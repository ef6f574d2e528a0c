//! `compare`, `capacity` and `analyze` as programs, with what their exit status says.

mod support;

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
    path::Path,
    process::{Command, ExitStatus, Output},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{Ledger, read_report, relay, serve};
use tokio::sync::Semaphore;

fn serve_all(ledgers: Vec<Ledger>) -> (Vec<tokio::runtime::Runtime>, Vec<String>) {
    ledgers.into_iter().map(|ledger| serve(&Arc::new(ledger))).unzip()
}

fn perf(args: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aurora-perf")).args(args).arg("--out").arg(out).output().unwrap()
}

fn picture(gray: u8) -> Option<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    image::GrayImage::from_pixel(256, 256, image::Luma([gray])).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    Some(bytes.into_inner())
}

#[test]
fn a_slower_server_with_other_pixels_is_told_from_a_faster_one() {
    let slow = Ledger { delay: Duration::from_millis(40), picture: picture(103), ..Ledger::default() };
    let (_runtime, addresses) = serve_all(vec![Ledger { picture: picture(100), ..Ledger::default() }, slow]);
    let (a, b) = (format!("fast={}", addresses[0]), format!("slow={}/t/{{scene_id}}/{{z}}/{{x}}/{{y}}", addresses[1]));
    let out = tempfile::tempdir().unwrap();
    let short = ["--views", "3", "--users", "2", "--threshold"];
    let good = perf(&[&["compare", &a, &b], &short[..], &["ratio.tile_p50_ms<0.9"]].concat(), out.path());
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let found = read_report(out.path(), "compare");
    let rounds = found["compared"]["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 5);
    assert_eq!(rounds[0][0]["figures"]["failed"], 0.0);
    let metric = |name: &str| found["metrics"][name].as_f64().unwrap();
    assert_eq!((metric("pixels.max"), metric("pixels.differing"), metric("pixels.unlike")), (3.0, 1.0, 0.0));
    assert!((metric("ratio.kb_per_tile") - 1.0).abs() < 0.2);
    let bad = perf(&[&["compare", &a, &b], &short[..], &["ratio.tile_p50_ms>0.9"]].concat(), out.path());
    assert_eq!(bad.status.code(), Some(1));
    let few = perf(&[&["compare", &a, &b], &short[..], &["pixels.max<9", "--rounds", "2"]].concat(), out.path());
    assert!(!few.status.success() && String::from_utf8_lossy(&few.stderr).contains("5 rounds"));

    // The report is itself a run that can be compared.
    let report = out.path().join("compare.json").display().to_string();
    let elsewhere = tempfile::tempdir().unwrap();
    let recorded = perf(&["compare", &report, &report], elsewhere.path());
    assert!(recorded.status.success());
    assert!(String::from_utf8_lossy(&recorded.stdout).contains("| pixels.max | 3.0000 | 3.0000 | 1.000 |"));
}

#[test]
fn what_makes_no_sense_is_refused_and_named() {
    let out = tempfile::tempdir().unwrap();
    let report = out.path().join("report.json").display().to_string();
    let half = "http://h/{z}.png";
    let cases: &[(&[&str], &str)] = &[
        (&["stress", "--users", "99999999999"], "100000"),
        (&["stress", "--users", "-1"], "'--users <N>'"),
        (&["stress", "--stage", "1s:1e9"], "100000"),
        (&["stress", "--hot", "0"], "--hot"),
        (&["stress", "--connections", "0"], "--connections"),
        (&["stress", "--open", "--max-users", "0"], "--max-users"),
        (&["stress", "--watch", "x=2147483647"], "no process 2147483647"),
        (&["stress", "--source", "203.0.113.77"], "not an address of this machine"),
        (&["stress", "--plan", "/no/such.toml"], "/no/such.toml: No such file"),
        (&["stress", "--threshold", "x<nan"], "no number"),
        (&["stress", "--tiles-at", "http://h/a.png", "--bounds", "1,2,3,4"], "{z}, {x} and {y}"),
        (&["stress", "--tiles-at", "http://h/{z}/{x}.png", "--bounds", "1,2,3,4"], "{z}, {x} and {y}"),
        (&["capacity", "--from", "0"], "--from"),
        (&["capacity", "--from", "50", "--up-to", "4"], "--up-to 4"),
        (&["analyze", "x.log", "--cores", "0"], "--cores"),
        (&["compare", "a=http://h", &format!("b={half}")], "{z}, {x} and {y}"),
        (&["compare", "a=http://h", "a=http://i"], "a name of their own"),
        (&["compare", &report, "a=http://h"], "another report only"),
    ];
    for (args, told) in cases {
        let refused = perf(args, out.path());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && said.contains(told), "{args:?}: {:?} {said}", refused.status);
    }
}

#[test]
fn users_grow_until_the_queue_turns_them_away() {
    // One tile at a time, and eight may be there: up to eight users are all served, many more cannot be.
    let ledger = Ledger {
        delay: Duration::from_millis(10),
        at_once: Some(Semaphore::new(1)),
        queue: Some(8),
        ..Ledger::default()
    };
    let (_runtime, addresses) = serve_all(vec![ledger]);
    let out = tempfile::tempdir().unwrap();
    let args =
        ["capacity", "--target", "tiles", "--slo", "http_req_failed: rate<0.001", "--up-to", "64", "--from", "4"];
    let brief = ["--warm-up", "0.4", "--hold", "1", "--pause", "0", "--lang", "pt", "--server", &addresses[0]];
    let output = perf(&[&args[..], &brief[..]].concat(), out.path());
    let found = read_report(out.path(), "capacity");
    let metric = |name: &str| found["metrics"][format!("capacity.{name}")].as_f64().expect(name);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (holds, fails) = (metric("users"), metric("fails"));
    assert!((8.0..64.0).contains(&holds) && holds < fails && fails <= 64.0, "{holds} held, {fails} did not");
    assert!((metric("recommended") - (holds * 0.8).floor()).abs() < 1e-9);
    let trials = found["found"]["trials"].as_array().unwrap();
    assert!(trials.len() >= 3 && trials.iter().all(|trial| trial["metrics"]["http_reqs"].as_f64().unwrap() > 0.0));
    let gave_out = found["found"]["gave_out"].as_array().unwrap();
    assert!(gave_out.iter().any(|evidence| evidence["limit"] == "queue"), "{gave_out:?}");
    assert!(gave_out.iter().all(|evidence| evidence["limit"] != "origin"), "{gave_out:?}");
    let markdown = String::from_utf8_lossy(&output.stdout);
    assert!(markdown.contains("fila (") && markdown.contains("respostas 503 ou 429"), "{markdown}");
}

#[test]
fn two_recorded_protocols_are_laid_side_by_side_and_judged() {
    let large = Ledger { picture: picture(1), ..Ledger::default() };
    let (_runtime, addresses) = serve_all(vec![Ledger::default(), large]);
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    for (address, folder) in addresses.iter().zip(&folders) {
        let walked = ["protocol", "--pace", "0", "--free-views", "1", "--users", "2", "--server", address];
        assert!(perf(&walked, folder.path()).status.success());
    }
    let [a, b] = [0, 1].map(|side| folders[side].path().join("protocol.json").display().to_string());
    let compare = |limit: &str| perf(&["compare", &a, &b, "--threshold", limit], folders[2].path());
    let good = compare("ratio.data_received<0.9");
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let found = read_report(folders[2].path(), "compare");
    let metric = |name: &str| found["metrics"][name].as_f64().unwrap();
    let ratio = metric("a.data_received") / metric("b.data_received");
    assert!((metric("ratio.data_received") - ratio).abs() < 1e-9 && (metric("ratio.http_reqs") - 1.0).abs() < 1e-9);
    assert_eq!(found["thresholds"][0]["holds"], true);
    assert_eq!(found["recorded"][1]["circumstances"]["version"], env!("CARGO_PKG_VERSION"));
    let markdown = String::from_utf8_lossy(&good.stdout);
    let step =
        markdown.lines().find(|line| line.starts_with("| 2 users with two scenes each: free |")).expect("a step");
    assert_eq!(step.matches('|').count(), 11, "{step}");
    let memory: Vec<_> = step.split('|').skip(2).take(3).collect();
    assert!(!memory.concat().contains('–'), "both watched the server: {step}");
    for told in ["| A: measured from |", "| B: command | aurora-perf protocol --pace 0", "Linux ", "cores, "] {
        assert!(markdown.contains(told), "{told}: {markdown}");
    }
    assert_eq!(compare("ratio.data_received>0.9").status.code(), Some(1));
    assert_eq!(compare("ratio.no_such_metric>0").status.code(), Some(1));
}

/// Starts the tool, asks it to stop once the server was asked for some tiles, and waits: status, report, standard
/// error.
fn interrupted(args: &[&str], ledger: &Ledger, stem: &str) -> (ExitStatus, Value) {
    let out = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_aurora-perf")).args(args).arg("--out").arg(out.path()).spawn();
    let mut child = child.unwrap();
    while ledger.asked.load(Relaxed) < 20 {
        assert_eq!(child.try_wait().unwrap(), None, "ended before it was asked to");
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(told.success());
    (child.wait().unwrap(), read_report(out.path(), stem))
}

/// Whether control groups may be made here; says so where not.
fn can_limit() -> bool {
    let writable = ["/sys/fs/cgroup/cpu", "/sys/fs/cgroup"].into_iter().find(|path| Path::new(path).is_dir());
    let probe = writable.map(|path| Path::new(path).join(format!("aurora-perf-test-{}", std::process::id())));
    let can = probe.is_some_and(|probe| std::fs::create_dir(&probe).and_then(|()| std::fs::remove_dir(&probe)).is_ok());
    if !can {
        let told = writeln!(std::io::stderr(), "no control groups can be made here: the limit is left out");
        told.unwrap();
    }
    can
}

#[test]
fn whoever_is_told_to_stop_reports_what_there_is_and_leaves_nothing_behind() {
    let ledger = Arc::new(Ledger::default());
    let (_runtime, address) = serve(&ledger);
    let is_interrupted =
        |report: &Value| report["notes"].as_array().unwrap().iter().any(|note| note["kind"] == "interrupted");

    // A server whose process must be gone afterwards, and its control group with it.
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let (relayed, relay) = relay(folder.path(), &address);
    let start = format!("sh -c 'echo $$ >{}; exec {relay}'", pid_file.display());
    let args = ["protocol", "--server", &relayed, "--start", &start, "--pace", "0.2", "--free-views", "999"];
    let limit: &[&str] = if can_limit() { &["--limit", "1,2GB"] } else { &[] };
    let args = [&args[..], limit].concat();
    let (status, report) = interrupted(&args, &ledger, "protocol");
    assert_eq!(status.code(), Some(1), "a run cut short is not good");
    assert!(is_interrupted(&report) && !report["run"]["steps"].as_array().unwrap().is_empty());
    assert!(report["metrics"]["http_reqs"].as_f64().unwrap() >= 1.0);
    let pid = std::fs::read_to_string(&pid_file).unwrap();
    // Whoever inherits a process that ended may take a moment to see to it.
    let stat = Path::new("/proc").join(pid.trim()).join("stat");
    let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    let begun = Instant::now();
    while runs() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the started server still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
    for hierarchy in ["", "cpu", "memory"] {
        let group = Path::new("/sys/fs/cgroup").join(hierarchy).join(format!("aurora-perf-{}", pid.trim()));
        assert!(!group.exists(), "{} was left behind", group.display());
    }

    ledger.asked.store(0, Relaxed);
    let (a, b) = (format!("a={address}"), format!("b={address}"));
    let (status, report) = interrupted(&["compare", &a, &b, "--rounds", "9999"], &ledger, "compare");
    assert!(status.code() == Some(1) && is_interrupted(&report) && report["compared"]["interrupted"] == true);

    ledger.asked.store(0, Relaxed);
    let args = ["capacity", "--target", "tiles", "--server", &address, "--hold", "60", "--slo", "http_req_failed<1"];
    let (status, report) = interrupted(&args, &ledger, "capacity");
    assert!(status.code() == Some(1) && is_interrupted(&report) && report["found"]["interrupted"] == true);
}

/// Ten seconds of few quick tiles, ten of many that wait in the queue, some of them turned away, and five of few.
fn access_log() -> String {
    let mut log = String::from(
        "{\"timestamp\":\"2026-11-21T10:00:00Z\",\"message\":\"listening\",\"target\":\"aurora\"}\nno json\n",
    );
    for second in 0..25_u32 {
        let busy = (10..20).contains(&second);
        for number in 0..if busy { 100 } else { 5_u32 } {
            let queue_ms = if busy { 400.0 } else { 0.5 };
            let status = if busy && number >= 90 { 503 } else { 200 };
            let micros = number * 9_000;
            let _ = writeln!(
                log,
                "{{\"timestamp\":\"2026-11-21T10:00:{second:02}.{micros:06}Z\",\"method\":\"GET\",\"path\":\"/scenes/a/tiles/W/9/1/{number}.png\",\
                 \"status\":{status},\"duration_ms\":{},\"bytes\":1000,\"cache\":\"miss\",\
                 \"timing\":\"queue;dur={queue_ms}, encode;dur=2.0\",\"target\":\"access\"}}",
                queue_ms + 3.0
            );
        }
    }
    log
}

#[test]
fn a_log_of_another_time_than_the_load_is_refused() {
    let out = tempfile::tempdir().unwrap();
    let [log, load] = ["access.log", "stress.json"].map(|name| out.path().join(name));
    std::fs::write(&log, access_log()).unwrap();
    let stages = serde_json::json!([{"from_s": 0.0, "to_s": 25.0, "target": 5.0}]);
    for (day, good) in [("21", true), ("22", false)] {
        let report = serde_json::json!({"load_started_at": format!("2026-11-{day}T10:00:00Z"), "stages": stages});
        std::fs::write(&load, report.to_string()).unwrap();
        let [log, load] = [&log, &load].map(|path| path.display().to_string());
        let done = perf(&["analyze", &log, "--load", &load, "--threshold", "peak.failed<0.9"], out.path());
        let told = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.success(), good, "{told}");
        assert_eq!(told.contains("none of the log's requests falls into the load"), !good, "{told}");
    }
}

#[test]
fn a_log_is_cut_into_phases_and_the_queue_is_named_first() {
    let out = tempfile::tempdir().unwrap();
    let log = out.path().join("access.log");
    std::fs::write(&log, access_log()).unwrap();
    let log = log.display().to_string();
    let good = perf(&["analyze", &log, "--cores", "2", "--threshold", "start.failed<0.01"], out.path());
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let found = read_report(out.path(), "analyze");
    let kinds: Vec<_> =
        found["analysis"]["phases"].as_array().unwrap().iter().map(|phase| &phase["phase"]["kind"]).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), (&Value::from("start"), &Value::from("recovery")));
    assert_eq!(found["bottlenecks"][0]["stage"], "queue");
    assert_eq!(found["bottlenecks"][0]["kind"], "waiting");
    let failures = &found["analysis"]["failures"][0];
    assert_eq!((failures["status"].as_u64(), failures["count"].as_u64()), (Some(503), Some(100)));
    assert!((10.0..11.0).contains(&failures["first_s"].as_f64().unwrap()));
    assert_eq!(found["analysis"]["other_lines"], 2);
    assert_eq!(perf(&["analyze", &log, "--threshold", "peak.failed<0.01"], out.path()).status.code(), Some(1));
}

#[test]
fn a_load_and_its_log_share_their_stages() {
    let out = tempfile::tempdir().unwrap();
    let (log, load) = (out.path().join("access.log"), out.path().join("stress.json"));
    std::fs::write(&log, access_log()).unwrap();
    let stage = |from: u32, to: u32, target: u32| serde_json::json!({"from_s": from, "to_s": to, "target": target});
    let stages = [stage(0, 5, 5), stage(5, 10, 50), stage(10, 20, 50), stage(20, 25, 0)];
    let report = serde_json::json!({"load_started_at": "2026-11-21T10:00:00Z", "stages": stages});
    std::fs::write(&load, report.to_string()).unwrap();
    let (log, load) = (log.display().to_string(), load.display().to_string());
    assert!(perf(&["analyze", &log, "--load", &load], out.path()).status.success());
    let found = read_report(out.path(), "analyze");
    assert_eq!(found["metrics"]["peak.requests"], 1000.0);
    assert_eq!(found["metrics"]["growth.requests"], 25.0);
}

#[test]
fn a_portuguese_report_is_portuguese_throughout() {
    let out = tempfile::tempdir().unwrap();
    let log = out.path().join("access.log");
    // Half of the time at the peak lies in no stage.
    std::fs::write(&log, access_log().replace("queue;dur=400", "queue;dur=200")).unwrap();
    for (lang, named) in [("pt", "entre etapas"), ("en", "between stages")] {
        let output = perf(&["analyze", &log.display().to_string(), "--lang", lang], out.path());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let others = ["entre etapas", "between stages"].into_iter().filter(|name| *name != named);
        assert!(said.contains(named) && !others.into_iter().any(|name| said.contains(name)), "{said}");
    }
}

#[test]
fn what_is_wrong_with_the_flags_is_told_by_the_status() {
    let out = tempfile::tempdir().unwrap();
    let plan = out.path().join("plan.toml");
    std::fs::write(&plan, "stagse = []").unwrap();
    let plan = plan.display().to_string();
    let (_runtime, addresses) = serve_all(vec![Ledger::default(), Ledger::default()]);
    let (a, b) = (format!("a={}", addresses[0]), format!("b={}", addresses[1]));
    for (args, named) in [
        (&["stress", "--server", "notaurl"][..], "notaurl"),
        (&["protocol", "--server", "notaurl"], "notaurl"),
        (&["capacity", "--server", "notaurl"], "notaurl"),
        (&["stress", "--target", "requests"], "--plan"),
        (&["stress", "--target", "requests", "--plan", &plan], "stagse"),
        (&["stress", "--users", "1", "--for", "0"], "no time"),
        (&["stress", "--hot-share", "2"], "0 to 1"),
        (&["stress", "--hot-share", "NaN"], "0 to 1"),
        (&["compare", "a", "b"], "NAME=ADDRESS"),
        (&["compare", &a, &b, "--rounds", "1"], "5 rounds"),
    ] {
        let output = perf(args, out.path());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(named), "{args:?}: {:?} {said}", output.status);
    }
    let missing = perf(&["stress", "--plan", "/no/such.toml"], out.path());
    let said = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
    let help = perf(&["stress", "--help"], out.path());
    assert!(String::from_utf8_lossy(&help.stdout).contains("an n in braces"), "{help:?}");
}

#[test]
fn a_log_without_requests_is_refused_with_advice() {
    let out = tempfile::tempdir().unwrap();
    let log = out.path().join("text.log");
    std::fs::write(&log, "INFO listening\n").unwrap();
    let output = perf(&["analyze", &log.display().to_string()], out.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--log json"));
}
