//! Loads of every kind against a small tile server, in this process and in several.

mod support;

use std::{
    process::Command,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use aurora_perf::{
    client::{Client, Dialer, Protocol, open_scenes},
    load::{Beside, Map, Model, Plan, Size, Stages, Target, Tiles},
    measure::{Count, Probe, Trend},
    report::Note,
    stress::{self, Run, Template},
    user::{Recording, Viewport},
};
use serde_json::Value;
use support::Ledger;

/// A server on a runtime of its own, as the load blocks this thread.
struct Served {
    ledger: Arc<Ledger>,
    base: String,
    runtime: tokio::runtime::Runtime,
}

fn serve(ledger: Ledger) -> Served {
    let ledger = Arc::new(ledger);
    let (runtime, base) = support::serve(&ledger);
    Served { ledger, base, runtime }
}

impl Served {
    fn tiles(&self, hot_share: f64) -> Target {
        Target::Tiles(Tiles { scenes: self.scenes(), hot: 8, hot_share, distinct_query: None })
    }

    fn scenes(&self) -> Vec<aurora_perf::client::Scene> {
        let client = Client::new(Arc::new(Dialer::default()), None, Duration::from_secs(10));
        self.runtime.block_on(open_scenes(&client, &self.base, &[], 2)).unwrap()
    }

    fn map(&self, dwell_ms: u64) -> Map {
        Map {
            server: None,
            scenes: self.scenes(),
            viewport: Viewport { width_px: 1280, height_px: 800 },
            dwell: Duration::from_millis(dwell_ms),
            views: 5,
            record: None,
            replay: None,
        }
    }
}

fn plan(model: Model, number: f64, seconds: f64, target: Target) -> Plan {
    Plan {
        model,
        stages: Stages::constant(number, Duration::from_secs_f64(seconds)),
        target,
        pause: Duration::from_millis(2),
        timeout: Duration::from_secs(10),
        retries: 2,
        connections: 6,
        protocol: Protocol::Http1,
        sources: Vec::new(),
        seed: 1,
    }
}

fn run(plan: &Plan) -> Run {
    stress::run(plan, Size { processes: 1, threads: 2 }, &Beside::default()).unwrap()
}

#[test]
fn what_users_count_is_what_the_server_saw() {
    let served = serve(Ledger { shed_every: Some(5), ..Ledger::default() });
    let run = run(&plan(Model::Closed, 8.0, 1.0, served.tiles(0.75)));
    let (total, asked) = (&run.total, served.ledger.tiles.lock().unwrap());
    assert_eq!(total.count(Count::HttpReqs), asked.len() as u64);
    let (first, later) = (total.count(Count::ServedFirstTry), total.count(Count::ServedAfterRetries));
    assert_eq!(first + later + total.count(Count::NotServed), total.count(Count::Iterations));
    assert!(later > 0 && total.count(Count::Retries) >= later, "every fifth was asked to come back");
    assert!(run.metrics["served_share"] > run.metrics["served_first_try_share"]);
    assert_eq!(run.metrics["vus_max"], 8.0);
    let mut often: std::collections::BTreeMap<_, u32> = std::collections::BTreeMap::new();
    asked.iter().for_each(|tile| *often.entry(tile.clone()).or_default() += 1);
    let mut counts: Vec<u32> = often.values().copied().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let hot: u32 = counts[..8].iter().sum();
    assert!((0.6..0.9).contains(&(f64::from(hot) / asked.len() as f64)), "{hot} of {} hot", asked.len());
    assert!(counts[8] <= 3, "the others are distinct but for repetitions");
}

#[test]
fn an_open_load_keeps_its_rate_and_counts_from_when_it_should_have_begun() {
    let served = serve(Ledger { delay: Duration::from_millis(100), ..Ledger::default() });
    let open = |max_users| plan(Model::Open { max_users, random: false }, 100.0, 2.0, served.tiles(1.0));
    let roomy = run(&open(100));
    assert!((195..=201).contains(&roomy.total.count(Count::Iterations)), "{:?}", roomy.total.counts);
    // Four rounds of a tenth of a second at once are at most forty a second: the others wait, and their waiting counts.
    let tight = run(&open(4));
    let p95 = |run: &Run, trend: Trend| run.total.trends[&trend].quantile_ms(0.95);
    assert!(p95(&tight, Trend::HttpReqDuration) < 1000.0);
    assert!(p95(&tight, Trend::CorrectedDuration) > 1500.0);
    let came = tight.total.count(Count::Iterations) + tight.total.count(Count::DroppedIterations);
    assert!((195..=201).contains(&came), "{:?}", tight.total.counts);
}

#[test]
fn rounds_that_nobody_was_free_for_are_told_and_count_as_not_served() {
    let served = serve(Ledger { delay: Duration::from_millis(100), ..Ledger::default() });
    let model = Model::Open { max_users: 2, random: false };
    let timeout = Duration::from_millis(300);
    let run = run(&Plan { timeout, ..plan(model, 100.0, 2.0, served.tiles(1.0)) });
    let dropped = run.total.count(Count::DroppedIterations);
    assert!(dropped > 20 && run.total.count(Count::NotServed) >= dropped, "{:?}", run.total.counts);
    assert!(run.metrics["served_share"] < 0.9 && run.metrics["dropped_iterations_share"] > 0.1, "{:?}", run.metrics);
    let notes = run.measured.notes(&run.total, 0.0);
    let of = dropped + run.total.count(Count::Iterations);
    assert!(notes.contains(&Note::Dropped { rounds: dropped, of }), "{notes:?}");

    // A whole session on a map is no request, and how long it takes says nothing of one.
    let map = self::run(&plan(Model::Open { max_users: 4, random: false }, 2.0, 1.0, Target::Map(served.map(60))));
    assert!(map.total.count(Count::Iterations) > 0 && !map.total.trends.contains_key(&Trend::CorrectedDuration));
}

#[test]
fn map_users_cancel_what_they_have_moved_away_from() {
    let served = serve(Ledger { delay: Duration::from_millis(150), ..Ledger::default() });
    let run = run(&plan(Model::Closed, 2.0, 2.0, Target::Map(served.map(60))));
    let total = &run.total;
    assert!(total.count(Count::Cancelled) > 0 && total.count(Count::AbandonedViews) > 0, "{:?}", total.counts);
    assert_eq!(total.failures.len(), 0, "what is cancelled has not failed");
    let patient = self::run(&plan(Model::Closed, 2.0, 2.0, Target::Map(served.map(1500))));
    assert_eq!(patient.total.count(Count::AbandonedViews), 0, "{:?}", patient.total.counts);
}

#[test]
fn browsers_open_six_connections_or_one_and_reset_what_they_moved_away_from() {
    let walked = |protocol: Protocol, dwell_ms: u64| {
        let served = serve(Ledger { delay: Duration::from_millis(100), ..Ledger::default() });
        let map = served.map(dwell_ms);
        let before = served.ledger.accepted.load(Relaxed);
        let run = run(&Plan { protocol, ..plan(Model::Closed, 2.0, 2.0, Target::Map(map)) });
        let accepted = served.ledger.accepted.load(Relaxed) - before;
        (accepted, served.ledger.given_up.load(Relaxed), run.total.count(Count::Cancelled), run)
    };
    let (accepted, _, cancelled, run) = walked(Protocol::Http1, 1500);
    assert_eq!(cancelled, 0);
    assert!((7..=12).contains(&accepted), "two users who wait, six connections each: {accepted}");
    let views: u64 = run.total.depths.values().sum();
    assert!(views >= run.total.count(Count::Views) && views > 0, "the zoom mix walked is known");

    let (accepted, given_up, cancelled, _) = walked(Protocol::Http1, 60);
    assert!(cancelled > 0 && given_up > 0 && accepted > 12, "a request is cancelled by closing its connection");
    let (accepted, given_up, cancelled, _) = walked(Protocol::Http2, 60);
    assert_eq!(accepted, 2, "one connection each, whatever is cancelled");
    assert!(cancelled > 0 && given_up > 0, "the server saw the streams reset: {given_up} of {cancelled}");
}

#[test]
fn a_recorded_session_is_walked_again() {
    let served = serve(Ledger::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("session.jsonl");
    let first = Map { record: Some(path.clone()), ..served.map(100) };
    run(&plan(Model::Closed, 2.0, 1.5, Target::Map(first)));
    let seen = |served: &Served| {
        let mut tiles = std::mem::take(&mut *served.ledger.tiles.lock().unwrap());
        tiles.sort();
        tiles.dedup();
        tiles
    };
    let before = seen(&served);
    assert_eq!(Recording::open(&path).unwrap().users(), 2);
    let again = Map { replay: Some(path), ..served.map(100) };
    run(&Plan { seed: 99, ..plan(Model::Closed, 2.0, 1.2, Target::Map(again)) });
    let replayed = seen(&served);
    assert!(replayed.len() > 10 && replayed.iter().all(|tile| before.contains(tile)), "nothing but what was recorded");
}

#[test]
fn templated_requests_are_posted_judged_and_checked() {
    let served = serve(Ledger::default());
    let mut template = Template::new("memorize", "POST", &format!("{}/memorize", served.base));
    template.body = r#"{"agent": "a{int:1:3}", "id": "{uuid}"}"#.to_owned();
    template.headers.insert("X-API-Key".to_owned(), "k".to_owned());
    let check = |name: &str, pointer: &str| serde_json::json!({"name": name, "pointer": pointer});
    template.checks = serde_json::from_value(Value::Array(vec![check("id", "/memory_id"), check("no", "/x")])).unwrap();
    let run = run(&plan(Model::Closed, 3.0, 0.5, Target::Requests(vec![template])));
    let posted = served.ledger.posted.lock().unwrap();
    assert_eq!(posted.len() as u64, run.total.count(Count::ServedFirstTry));
    assert!(posted.len() > 10 && posted[0]["id"] != posted[1]["id"]);
    let check = |name: &str| (run.total.checks[name].passes, run.total.checks[name].fails);
    assert_eq!((check("id"), check("no")), ((posted.len() as u64, 0), (0, posted.len() as u64)));
    assert!((run.metrics["checks"] - 0.5).abs() < 1e-9);
}

#[test]
fn health_is_asked_before_during_and_after() {
    let served = serve(Ledger::default());
    let probe = Probe { name: "health".to_owned(), url: format!("{}/health", served.base), header: None };
    let beside = Beside { probes: vec![probe], ..Beside::default() };
    let plan = plan(Model::Closed, 1.0, 1.2, served.tiles(1.0));
    let run = stress::run(&plan, Size { processes: 1, threads: 1 }, &beside).unwrap();
    let account = &run.measured.accounts[0];
    assert!(account.replies.len() >= 3 && account.failed == 0);
    assert_eq!(account.before_during_after(0.5)[1], ("fds.open".to_owned(), [Some(7.0); 3]));
    assert!(run.metrics["health.p95"] > 0.0 && run.metrics["health.failed"] == 0.0);
}

#[test]
fn several_client_processes_are_one_load_and_thresholds_decide_the_status() {
    let served = serve(Ledger::default());
    let folder = tempfile::tempdir().unwrap();
    let with_secrets = served.base.replace("http://", "http://me:do-not-show@");
    let probe = format!("stats={}/health?access_token=do-not-show", served.base);
    let stress = |thresholds: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_aurora-perf"))
            .args([
                "stress",
                "--server",
                &with_secrets,
                "--probe",
                &probe,
                "--processes",
                "2",
                "--users",
                "6",
                "--for",
                "1",
            ])
            .args(["--source", "127.0.0.2", "--source", "127.0.0.3", "--name", "two processes", "--lang", "pt"])
            .args(thresholds.iter().flat_map(|threshold| ["--threshold", threshold]))
            .arg("--out")
            .arg(folder.path())
            .env("API_KEY", "do-not-show")
            .output()
            .unwrap()
    };
    let good = stress(&["http_req_failed<0.001"]);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let text = std::fs::read_to_string(folder.path().join("stress.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let asked = u64::from(served.ledger.asked.load(Relaxed));
    assert_eq!(json["metrics"]["http_reqs"].as_f64().unwrap() as u64, asked);
    assert_eq!((json["size"]["processes"].as_u64(), json["metrics"]["vus_max"].as_f64()), (Some(2), Some(6.0)));
    assert_eq!(json["circumstances"]["name"], "two processes");
    let markdown = String::from_utf8_lossy(&good.stdout);
    assert!(markdown.contains("Carga em etapas") && !text.contains("do-not-show") && !markdown.contains("do-not-show"));
    assert!(
        markdown.contains("| máquina |")
            && markdown.contains(", HTTP/1.1, ")
            && markdown.contains("tiles de 4 cenas (conjunto quente: 256, 98,0 %)"),
        "{markdown}"
    );
    assert!(markdown.contains("access_token=***") && text.contains("://***@"), "{markdown}");
    let html = std::fs::read_to_string(folder.path().join("stress.html")).unwrap();
    assert!(!html.contains("do-not-show"));
    assert_eq!(stress(&["http_req_failed>0.5"]).status.code(), Some(1));
    let limits = ["http_req_failed: rate<0.001", "http_reqs:count>6", "http_reqs: rate>1", "vus: value==6"];
    let more = ["http_req_duration: med<60000", "http_req_duration:p(95)<60000", "http_req_duration: min>0"];
    assert!(stress(&[limits.as_slice(), &more].concat()).status.success());
    let unknown = stress(&["http_req_duration: p(97)<1"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("http_req_duration.p95"));
    assert_eq!(stress(&["no such thing"]).status.code(), Some(2));
}

#[test]
fn a_load_that_is_told_to_stop_reports_what_it_has() {
    let served = serve(Ledger::default());
    let folder = tempfile::tempdir().unwrap();
    let mut load = Command::new(env!("CARGO_BIN_EXE_aurora-perf"))
        .args(["stress", "--server", &served.base, "--processes", "2", "--users", "4", "--for", "600", "--out"])
        .arg(folder.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while served.ledger.asked.load(Relaxed) < 20 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let stopped = Command::new("kill").args(["-TERM", &load.id().to_string()]).status().unwrap();
    assert!(stopped.success() && load.wait().unwrap().success());
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("stress.json")).unwrap()).unwrap();
    assert!(json["metrics"]["http_reqs"].as_f64().unwrap() >= 20.0);
    assert!(json["notes"].as_array().unwrap().iter().any(|note| note["kind"] == "interrupted"));
}
