//! A run as flat numbers, for thresholds and for comparing runs.

use std::collections::BTreeMap;

use crate::{
    measure::{Quantiles, Traffic},
    protocol::{Run, SERVER},
};

/// Every metric by name. Of the server: `http_reqs`, `http_req_failed` (0 to 1), `data_received` (bytes), and
/// `http_req_duration`, `tile_first`, `viewport_complete` each with `.p50`, `.p95`, `.p99`, `.max` in milliseconds; of a
/// peer the same after `NAME:`. Of every process `rss_mb.NAME`, `pss_mb.NAME`, `fds.NAME`, `threads.NAME` (the most
/// seen) and `cpu_cores.NAME` (the busiest step).
pub fn metrics(run: &Run) -> BTreeMap<String, f64> {
    let mut metrics = BTreeMap::new();
    for (target, traffic) in &run.totals {
        let prefix = if target == SERVER { String::new() } else { format!("{target}:") };
        add_traffic(&prefix, traffic, &mut metrics);
    }
    for usage in run.steps.iter().flat_map(|step| &step.usage) {
        let mut most = |name: &str, value: f64| {
            let metric = metrics.entry(format!("{name}.{}", usage.process)).or_insert(value);
            *metric = metric.max(value);
        };
        most("rss_mb", usage.rss_max_mb);
        most("cpu_cores", usage.cpu_cores);
        most("threads", usage.threads_max as f64);
        if let Some(pss_mb) = usage.pss_max_mb {
            most("pss_mb", pss_mb);
        }
        if let Some(fds) = usage.fds_max {
            most("fds", fds as f64);
        }
    }
    metrics
}

fn add_traffic(prefix: &str, traffic: &Traffic, metrics: &mut BTreeMap<String, f64>) {
    let mut add = |name: &str, value: f64| metrics.insert(format!("{prefix}{name}"), value);
    add("http_reqs", traffic.http_reqs as f64);
    add("http_req_failed", traffic.http_req_failed);
    add("data_received", traffic.body_bytes as f64);
    let durations: [(&str, &Quantiles); 3] = [
        ("http_req_duration", &traffic.http_req_duration),
        ("tile_first", &traffic.tile_first),
        ("viewport_complete", &traffic.viewport_complete),
    ];
    for (name, quantiles) in durations {
        // Of nothing there are no quantiles: a threshold on them must fail, not pass with 0.
        if quantiles.count > 0 {
            add(&format!("{name}.p50"), quantiles.p50_ms);
            add(&format!("{name}.p95"), quantiles.p95_ms);
            add(&format!("{name}.p99"), quantiles.p99_ms);
            add(&format!("{name}.max"), quantiles.max_ms);
        }
    }
}
