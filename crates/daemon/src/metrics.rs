//! Prometheus metrics: one recorder a process, rendered at `/metrics`.
//!
//! Programs count with the `metrics` macros wherever they are; names begin with `aurora_` and end in their unit.

use std::{sync::Arc, thread, time::Duration};

use axum::{
    Router,
    body::Bytes,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Clients that may be taking the text at once, each one of its own, of some 30 kB: thousands that take their time
/// would hold hundreds of megabytes.
const MAX_READERS: usize = 32;

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

/// `GET /metrics`: the recorder's text, with this process's memory and descriptors; 503 while as many clients as may
/// are still taking theirs.
pub fn routes<S: Clone + Send + Sync + 'static>(handle: PrometheusHandle) -> Router<S> {
    let readers = Arc::new(Semaphore::new(MAX_READERS));
    let answer = move || {
        let reader = Arc::clone(&readers).try_acquire_owned();
        std::future::ready(reader.map(|reader| text(&handle, reader)).map_err(|_| {
            let detail = "as many as may are taking the metrics just now";
            Problem::client(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
        }))
    };
    Router::new().route("/metrics", get(answer))
}

/// The recorder's text; `reader` goes with its last byte.
fn text(handle: &PrometheusHandle, reader: OwnedSemaphorePermit) -> Response {
    let text = Bytes::from_owner(Taken { text: render(handle), _reader: reader });
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

struct Taken {
    text: String,
    _reader: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Taken {
    fn as_ref(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

fn render(handle: &PrometheusHandle) -> String {
    let usage = crate::process::usage();
    metrics::gauge!("process_resident_memory_bytes").set(usage.rss_bytes as f64);
    metrics::gauge!("process_open_fds").set(usage.open_descriptors as f64);
    metrics::gauge!("process_threads").set(usage.threads as f64);
    handle.run_upkeep();
    handle.render()
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::Request};
    use tower::Service;

    use super::*;

    #[tokio::test]
    async fn as_many_as_may_take_the_text_at_once() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || metrics::counter!("something_total").increment(1));
        let mut router: Router = routes(recorder.handle());
        let mut ask = async || {
            let request = Request::builder().uri("/metrics").body(Body::empty()).expect("a request");
            let Ok(answer) = router.call(request).await;
            answer
        };
        let mut untaken = Vec::new();
        for _ in 0..MAX_READERS {
            untaken.push(ask().await);
        }
        assert!(untaken.iter().all(|answer| answer.status() == StatusCode::OK));
        assert_eq!(ask().await.status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(untaken.pop());
        assert_eq!(ask().await.status(), StatusCode::OK, "when one has gone");
    }
}
