//! What is known of a load so far, in Prometheus' text format: a file written anew each second, for the text file
//! collector of its node exporter (or anything else that reads the format).

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use super::Timeline;
use crate::measure::{Tally, Trend};

/// Quantiles given of each duration.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// The file, and what it holds.
pub(super) struct Exposition {
    path: PathBuf,
    total: Tally,
    /// Seconds before this one are in the total.
    next: u32,
    told: bool,
}

impl Exposition {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), total: Tally::default(), next: 0, told: false }
    }

    /// Writes what was seen up to `second`, which all had time to report.
    pub(super) fn write(&mut self, timeline: &Timeline, second: u32) {
        for (_, frame) in timeline.frames.range(self.next..=second) {
            self.total.absorb(&frame.tally);
        }
        self.next = second + 1;
        let users = timeline.frames.get(&second).map_or(0, |frame| frame.users);
        if let Err(error) = replace(&self.path, &text(&self.total, users))
            && !std::mem::replace(&mut self.told, true)
        {
            tracing::warn!(%error, path = %self.path.display(), "the metrics cannot be written");
        }
    }

    /// Writes the whole load, with what came in late; nobody is there any more.
    pub(super) fn finish(&mut self, timeline: &Timeline) {
        (self.total, self.next) = (timeline.total(), u32::MAX - 1);
        self.write(timeline, u32::MAX - 1);
    }
}

/// Whoever reads meanwhile sees the old text or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}

/// Counts as counters, durations as summaries in seconds, failures and checks by name.
fn text(total: &Tally, users: u64) -> String {
    let mut text = format!("# TYPE aurora_perf_vus gauge\naurora_perf_vus {users}\n");
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = text.write_fmt(arguments);
    };
    for (count, n) in &total.counts {
        let name = count.name();
        line(format_args!("# TYPE aurora_perf_{name}_total counter\naurora_perf_{name}_total {n}\n"));
    }
    for (trend, durations) in &total.trends {
        let name = name(*trend);
        line(format_args!("# TYPE aurora_perf_{name}_seconds summary\n"));
        for quantile in QUANTILES {
            let seconds = durations.quantile_ms(quantile) / 1e3;
            line(format_args!("aurora_perf_{name}_seconds{{quantile=\"{quantile}\"}} {seconds}\n"));
        }
        line(format_args!("aurora_perf_{name}_seconds_count {}\n", durations.count()));
    }
    for (failure, seen) in &total.failures {
        line(format_args!("aurora_perf_failures_total{{class=\"{failure}\"}} {}\n", seen.count));
    }
    for (name, check) in &total.checks {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
        line(format_args!("aurora_perf_checks_total{{name=\"{name}\",result=\"pass\"}} {}\n", check.passes));
        line(format_args!("aurora_perf_checks_total{{name=\"{name}\",result=\"fail\"}} {}\n", check.fails));
    }
    text
}

/// A name that Prometheus takes.
fn name(trend: Trend) -> &'static str {
    match trend {
        Trend::ExpectedDuration => "http_req_duration_expected",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        client::{Failure, Timing},
        load::Frame,
        measure::Ended,
    };

    #[test]
    fn the_file_grows_by_each_second_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("load.prom");
        let (mut timeline, mut exposition) = (Timeline::default(), Exposition::new(&path));
        for second in 0..3 {
            let mut frame = Frame { users: 7, ..Frame::default() };
            let timing = Timing { duration: Duration::from_millis(100), ..Timing::default() };
            let failure = (second == 2).then_some(Failure::Timeout);
            frame.tally.request(&Ended { group: "tile", failure, timing, body_bytes: 10, at_ms: 1 });
            frame.tally.check("has \"id\"", true);
            timeline.frames.insert(second, frame);
            exposition.write(&timeline, second);
        }
        let text = fs::read_to_string(&path).unwrap();
        let has = |line: &str| assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        has("aurora_perf_vus 7");
        has("aurora_perf_http_reqs_total 3");
        has("aurora_perf_failures_total{class=\"timeout\"} 1");
        has("aurora_perf_checks_total{name=\"has \\\"id\\\"\",result=\"pass\"} 3");
        has("aurora_perf_http_req_duration_seconds_count 3");
        assert!(text.contains("aurora_perf_http_req_duration_seconds{quantile=\"0.95\"} 0.1"), "{text}");
        exposition.finish(&timeline);
        assert!(fs::read_to_string(&path).unwrap().starts_with("# TYPE aurora_perf_vus gauge\naurora_perf_vus 0\n"));
    }
}
