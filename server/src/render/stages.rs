//! How long each stage of a render took, for `Server-Timing` and the histograms.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

/// Stages ended so far, in order.
#[derive(Debug, Clone)]
pub(crate) struct Stages {
    ended: Vec<(&'static str, Duration)>,
    last: Instant,
}

impl Default for Stages {
    fn default() -> Self {
        Self::begin()
    }
}

impl Stages {
    /// Starts the clock.
    pub(crate) fn begin() -> Self {
        Self { ended: Vec::new(), last: Instant::now() }
    }

    /// Ends the stage that began when the last one ended.
    pub(crate) fn end(&mut self, stage: &'static str) {
        let now = Instant::now();
        let took = now - std::mem::replace(&mut self.last, now);
        metrics::histogram!("aurora_stage_seconds", "stage" => stage).record(took.as_secs_f64());
        self.ended.push((stage, took));
    }

    /// Each stage once, with the sum of its times.
    fn summed(&self) -> Vec<(&'static str, Duration)> {
        let mut summed: Vec<(&'static str, Duration)> = Vec::with_capacity(self.ended.len());
        for &(stage, took) in &self.ended {
            match summed.iter_mut().find(|(name, _)| *name == stage) {
                Some((_, sum)) => *sum += took,
                None => summed.push((stage, took)),
            }
        }
        summed
    }

    /// As the value of `Server-Timing` (milliseconds).
    pub(crate) fn server_timing(&self) -> String {
        let mut text = String::with_capacity(self.ended.len() * 20);
        for (stage, took) in &self.summed() {
            let separator = if text.is_empty() { "" } else { ", " };
            // Writing to a string does not fail.
            let _ = write!(text, "{separator}{stage};dur={:.3}", took.as_secs_f64() * 1e3);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_told_in_order() {
        let mut stages = Stages::begin();
        stages.end("plan");
        stages.end("read");
        stages.end("plan");
        let text = stages.server_timing();
        let names: Vec<_> = text.split(", ").map(|part| part.split_once(";dur=").unwrap().0).collect();
        assert_eq!(names, ["plan", "read"]);
    }
}
