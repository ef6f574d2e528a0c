//! The load tool on the real programs, at a size for every day: the operator's test, and the search for a capacity. The
//! same at a night's size is `perf/nightly.sh`.

use std::{path::Path, time::Duration};

use aurora_e2e::{House, Program, house::Settings, journey};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(180);
/// What two small scenes may take at the usual budget of tests: it, and the published overhead.
const MOST_MB: f64 = 128.0 + 29.0;

/// Runs the tool to its end; whether it was content, its report, and what it said.
async fn perf(command: &str, flags: &[&str], folder: &Path) -> (bool, Value, String) {
    let (report, log) = (folder.join(command), folder.join(format!("{command}.log")));
    let mut arguments = vec![command.to_owned(), "--out".to_owned(), report.display().to_string()];
    arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
    let kept = log.clone();
    let status = tokio::task::spawn_blocking(move || Program::run("aurora-perf", arguments, &log)).await;
    let said = std::fs::read_to_string(kept).unwrap();
    let text = std::fs::read_to_string(report.join(command).with_extension("json"));
    let report = text.ok().and_then(|text| serde_json::from_str(&text).ok());
    (status.unwrap().unwrap().success(), report.unwrap_or_else(|| panic!("no report: {said}")), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_test_and_a_capacity_are_measured_on_the_real_server() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path(), Settings::default()).await.unwrap();
    for seed in [5, 6] {
        let scene_id = house.drop_scene(seed, 1500).unwrap();
        journey::follow(&house.web(), &scene_id, PATIENCE).await.unwrap();
    }
    let (server, indexer) = (house.web().base().to_owned(), house.indexer_web().base().to_owned());

    let memory = format!("rss_mb.server<={MOST_MB}");
    let limits = ["--threshold", "http_req_failed<=0", "--threshold", &memory, "--threshold", "rss_mb.indexer>0"];
    let walk = ["--server", &server, "--indexer", &indexer, "--pace", "0", "--free-views", "4"];
    let (good, report, said) = perf("protocol", &[&walk[..], &limits].concat(), folder.path()).await;
    assert!(good, "{said}");
    let steps = report["run"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2 * 5 + 3 * 3, "two users alone, three together, apart, and with two scenes each");
    let of_server = |step: &Value| step["usage"].as_array().unwrap().iter().any(|usage| usage["process"] == "server");
    assert!(steps.iter().all(of_server));
    let share = report["metrics"]["frontend_cpu_share"].as_f64().expect("the server tells what its routes cost");
    assert!((0.0..=1.0).contains(&share), "{share}");

    // However slow the machine is just now, eight users who fail at nothing hold this level.
    let search =
        ["--server", &server, "--slo", "http_req_failed<0.001", "--from", "4", "--up-to", "8", "--timeout", "60"];
    let (good, report, said) =
        perf("capacity", &[&search[..], &["--warm-up", "1", "--hold", "2", "--dwell", "1"]].concat(), folder.path())
            .await;
    assert!(good, "{said}");
    assert_eq!(report["metrics"]["capacity.users"], 8.0);
    let trials = report["found"]["trials"].as_array().unwrap();
    assert!(trials.iter().all(|trial| trial["metrics"]["viewport_complete.p95"].as_f64().unwrap() > 0.0));
}
