//! Prometheus metrics: one recorder a process, rendered at `/metrics`.
//!
//! Programs count with the `metrics` macros wherever they are; names begin with `aurora_` and end in their unit.

use std::{thread, time::Duration};

use axum::{Router, routing::get};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Buckets of every `…_seconds` histogram: from a cached tile to a stuck request.
const SECONDS: [f64; 14] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0];

/// How often recorded times are put into their buckets. Until then the recorder keeps each of them, eight bytes or
/// more.
const UPKEEP_EVERY: Duration = Duration::from_secs(2);

/// Installs the process's recorder, and a thread that keeps it from growing where nobody reads `/metrics`. Call once.
///
/// # Errors
/// When a recorder is already installed, or the thread cannot be started.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()?;
    let kept = handle.clone();
    let upkeep = move || {
        loop {
            thread::sleep(UPKEEP_EVERY);
            kept.run_upkeep();
        }
    };
    let started = thread::Builder::new().name("metrics".to_owned()).spawn(upkeep);
    started.map_err(|error| BuildError::FailedToCreateRuntime(error.to_string()))?;
    Ok(handle)
}

/// `GET /metrics`: the recorder's text, with this process's memory and descriptors.
pub fn routes<S: Clone + Send + Sync + 'static>(handle: PrometheusHandle) -> Router<S> {
    Router::new().route("/metrics", get(move || std::future::ready(render(&handle))))
}

fn render(handle: &PrometheusHandle) -> String {
    let usage = crate::process::usage();
    metrics::gauge!("process_resident_memory_bytes").set(usage.rss_bytes as f64);
    metrics::gauge!("process_open_fds").set(usage.open_descriptors as f64);
    metrics::gauge!("process_threads").set(usage.threads as f64);
    handle.run_upkeep();
    handle.render()
}
