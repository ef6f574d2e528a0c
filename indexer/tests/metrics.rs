//! Everything an operator watches is in `/metrics`, and in its documentation; what an operator reads is in the log.

mod support;

use std::fs;

use serde_json::Value;
use support::{COPY, Indexer, tiff, until};

/// Name, type and whether something must have been counted after one scene was published and another failed.
const METRICS: [(&str, &str, bool); 15] = [
    ("aurora_indexer_scan_seconds", "histogram", true),
    ("aurora_indexer_scan_folders_read_total", "counter", true),
    ("aurora_indexer_scan_files_looked_at_total", "counter", true),
    ("aurora_indexer_files", "gauge", true),
    ("aurora_indexer_files_pending", "gauge", false),
    ("aurora_indexer_files_gone", "gauge", false),
    ("aurora_indexer_watch_degraded", "gauge", false),
    ("aurora_indexer_watch_degraded_seconds", "gauge", false),
    ("aurora_indexer_unseen", "gauge", false),
    ("aurora_indexer_trouble", "gauge", false),
    ("aurora_indexer_jobs", "gauge", true),
    ("aurora_indexer_job_moves_total", "counter", true),
    ("aurora_indexer_settled_total", "counter", true),
    ("aurora_indexer_changed_to_catalogued_seconds", "histogram", true),
    ("aurora_indexer_settled_to_published_seconds", "histogram", true),
];

#[test]
fn what_is_documented_is_measured() {
    let script = format!(r#"case "$1" in *bad*) exit 65;; esac; {COPY}"#);
    let indexer = Indexer::start(&script, &[]);
    for (name, seed) in [("good.tif", 1), ("bad.tif", 2)] {
        fs::write(indexer.root().join(name), tiff(seed)).unwrap();
    }
    indexer.scene_at("good", 2, "published");
    indexer.job_in("bad.tif", "failed");
    let mut text = String::new();
    until("metrics", || {
        // The queue's gauges are as old as the last heartbeat or look at `/health`.
        indexer.json("/health");
        text = String::from_utf8(indexer.get("/metrics").body).unwrap();
        METRICS.iter().all(|metric| check(&text, metric).is_ok())
    });
    for metric in &METRICS {
        check(&text, metric).unwrap_or_else(|missing| panic!("{missing}\n{text}"));
    }
    for line in [
        r#"aurora_indexer_jobs{state="published"} 1"#,
        r#"aurora_indexer_jobs{state="failed"} 1"#,
        r#"aurora_indexer_jobs{state="queued"} 0"#,
        r#"aurora_indexer_trouble{part="work"} 0"#,
        r#"aurora_indexer_trouble{part="database"} 0"#,
        "aurora_indexer_changed_to_catalogued_seconds_count 2",
        "aurora_indexer_settled_to_published_seconds_count 1",
    ] {
        assert!(text.lines().any(|own| own == line), "no `{line}` in\n{text}");
    }

    let documented = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/indexer-api.md");
    let documented = fs::read_to_string(documented).unwrap();
    for (name, _, _) in METRICS {
        let short = name.trim_start_matches("aurora_indexer");
        assert!(documented.contains(name) || documented.contains(&format!("…{short}")), "{name} is not documented");
    }
}

#[test]
fn a_log_in_json_is_json_in_every_line_and_names_scenes_and_jobs() {
    let script = format!(r#"case "$1" in *bad*) echo 'no "radar" image' >&2; exit 65;; esac; {COPY}"#);
    let mut indexer = Indexer::start(&script, &["--log", "json"]);
    for (name, seed) in [("good.MBI.tif", 1), ("bad.MBI.tif", 2)] {
        fs::write(indexer.root().join(name), tiff(seed)).unwrap();
    }
    indexer.scene_at("good", 2, "published");
    let ids = [indexer.job_in("good.MBI.tif", "published"), indexer.job_in("bad.MBI.tif", "failed")]
        .map(|job| job["job_id"].as_str().unwrap().to_owned());
    assert!(indexer.stop().success());
    let log = fs::read_to_string(indexer.dir.path().join("log")).unwrap();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let has = |message: &str, fields: &[(&str, &str)]| {
        let is_it = |line: &&Value| {
            let fields = fields.iter().all(|(name, value)| line[name] == *value || line["fields"][name] == *value);
            fields && (line["message"] == message || line["fields"]["message"] == message)
        };
        assert!(lines.iter().any(|line| is_it(&line)), "no `{message}` with {fields:?} in\n{log}");
    };
    has("settled", &[("scene", "good"), ("path", "good.MBI.tif"), ("level", "INFO")]);
    assert!(!log.contains(r#""None""#), "what is not there has no name: {log}");
    has("job moved", &[("scene", "good"), ("job", &ids[0]), ("state", "leased")]);
    has("published", &[("scene", "good"), ("job", &ids[0])]);
    has("attempt failed", &[("scene", "bad"), ("job", &ids[1]), ("reason", "no \"radar\" image"), ("level", "WARN")]);
}

/// Whether the metric is there under its type, with a number above 0 where one is wanted.
fn check(text: &str, (name, kind, is_counted): &(&str, &str, bool)) -> Result<(), String> {
    if !text.lines().any(|line| line == format!("# TYPE {name} {kind}")) {
        return Err(format!("no {kind} {name}"));
    }
    let suffix = if *kind == "histogram" { "_count" } else { "" };
    let own = format!("{name}{suffix}");
    let is_own = |line: &&str| line.strip_prefix(&own).is_some_and(|rest| rest.starts_with(['{', ' ']));
    let values = text.lines().filter(is_own).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    let sum: f64 = values.sum();
    if *is_counted && sum <= 0.0 { Err(format!("{name} is {sum}")) } else { Ok(()) }
}
