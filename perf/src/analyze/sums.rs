//! Sums of a log while it is read, and the figures that they make.

use std::{collections::BTreeMap, time::Duration};

use super::{Pattern, Phase, PhaseFigures, Stage, log::Entry};
use crate::measure::Durations;

/// Sums of one phase while the log is read.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) requests: u64,
    failed: u64,
    bytes: u64,
    busy_ms: f64,
    durations: Durations,
    routes: BTreeMap<String, Durations>,
    stages: BTreeMap<String, (Durations, f64)>,
    cache: BTreeMap<String, u64>,
}

/// Sums of one pattern.
#[derive(Default)]
pub(super) struct Burst {
    count: u64,
    first_s: f64,
    last_s: f64,
    by_second: BTreeMap<u64, u64>,
}

impl Sums {
    pub(super) fn add(&mut self, entry: &Entry) {
        let duration = milliseconds(entry.duration_ms);
        self.requests += 1;
        self.failed += u64::from(entry.has_failed());
        self.bytes += entry.bytes;
        self.busy_ms += entry.duration_ms;
        self.durations.record(duration);
        self.routes.entry(entry.route.to_owned()).or_default().record(duration);
        for (name, ms) in &entry.stages {
            let stage = self.stages.entry(name.clone()).or_default();
            stage.0.record(milliseconds(*ms));
            stage.1 += ms;
        }
        if let Some(cache) = &entry.cache {
            *self.cache.entry(cache.clone()).or_default() += 1;
        }
    }

    pub(super) fn figures(self, phase: Phase) -> PhaseFigures {
        let length_ms = 1000.0 * (phase.to_s - phase.from_s);
        let stage = |(name, (durations, busy_ms)): (String, (Durations, f64))| {
            let (at_once, share) = (busy_ms / length_ms, busy_ms / self.busy_ms.max(f64::MIN_POSITIVE));
            (name, Stage { durations: durations.quantiles(), at_once, share })
        };
        PhaseFigures {
            phase,
            requests: self.requests,
            failed: self.failed,
            bytes: self.bytes,
            at_once: self.busy_ms / length_ms,
            durations: self.durations.quantiles(),
            routes: self.routes.into_iter().map(|(name, durations)| (name, durations.quantiles())).collect(),
            stages: self.stages.into_iter().map(stage).collect(),
            cache: self.cache,
        }
    }
}

impl Burst {
    pub(super) fn add(&mut self, at_s: f64) {
        self.first_s = if self.count == 0 { at_s } else { self.first_s.min(at_s) };
        self.last_s = self.last_s.max(at_s);
        self.count += 1;
        *self.by_second.entry(at_s.max(0.0) as u64).or_default() += 1;
    }

    pub(super) fn pattern(self, (status, route): (u16, &'static str)) -> Pattern {
        Pattern {
            status,
            route: route.to_owned(),
            count: self.count,
            first_s: self.first_s,
            last_s: self.last_s,
            burst: self.by_second.values().copied().max().unwrap_or(0),
        }
    }
}

fn milliseconds(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1000.0).unwrap_or_default()
}
