//! Latencies and counts of one step, collected from all its users.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::client::{Failure, Fetch, Outcome};

/// Longer durations count as this long.
const LONGEST_US: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// Collects while users walk; shared by all of them.
#[derive(Debug)]
pub struct Meter {
    tallies: Mutex<Tallies>,
}

#[derive(Debug, Clone)]
struct Tallies {
    tiles: Histogram<u64>,
    first: Histogram<u64>,
    complete: Histogram<u64>,
    images: u64,
    outside: u64,
    body_bytes: u64,
    incomplete_views: u64,
    failures: BTreeMap<Failure, u64>,
}

/// Quantiles of a duration, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Number of durations.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Longest.
    pub max_ms: f64,
}

/// What users asked for and got.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Requests for tiles.
    pub http_reqs: u64,
    /// Tiles that came as images.
    pub images: u64,
    /// Tiles that hold no data: 204 or 404.
    pub outside: u64,
    /// Part of the requests that failed, 0 to 1.
    pub http_req_failed: f64,
    /// Failures by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Bytes of all bodies.
    pub body_bytes: u64,
    /// From request to last byte, of images.
    pub http_req_duration: Quantiles,
    /// From a change of view to its first new tile.
    pub tile_first: Quantiles,
    /// From a change of view to its last new tile, of views that got all of theirs.
    pub viewport_complete: Quantiles,
    /// Views that lack a tile for a failure.
    pub incomplete_views: u64,
}

impl Default for Tallies {
    fn default() -> Self {
        let histogram = Histogram::new_with_max(LONGEST_US, SIGNIFICANT_DIGITS).expect("constant bounds are in range");
        Self {
            tiles: histogram.clone(),
            first: histogram.clone(),
            complete: histogram,
            images: 0,
            outside: 0,
            body_bytes: 0,
            incomplete_views: 0,
            failures: BTreeMap::new(),
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self { tallies: Mutex::new(Tallies::default()) }
    }
}

impl Meter {
    /// Counts a tile.
    pub fn tile(&self, fetch: &Fetch) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.body_bytes += fetch.body_bytes;
        match &fetch.outcome {
            Outcome::Image => {
                tallies.images += 1;
                record(&mut tallies.tiles, fetch.duration);
            }
            Outcome::Outside => tallies.outside += 1,
            Outcome::Failed(failure) => *tallies.failures.entry(*failure).or_default() += 1,
        }
    }

    /// Counts a view that needed new tiles: when the first came if any did, when all were done, whether none failed.
    pub fn view(&self, first: Option<Duration>, complete: Duration, whole: bool) {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = first {
            record(&mut tallies.first, first);
        }
        if whole {
            record(&mut tallies.complete, complete);
        } else {
            tallies.incomplete_views += 1;
        }
    }

    /// Adds what another meter has counted.
    pub fn absorb(&self, other: &Self) {
        let other = other.tallies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let Tallies { tiles, first, complete, .. } = &mut *tallies;
        for (mine, theirs) in [(tiles, other.tiles), (first, other.first), (complete, other.complete)] {
            // All histograms have the same bounds, so that none is too small for another.
            let _ = mine.add(theirs);
        }
        tallies.images += other.images;
        tallies.outside += other.outside;
        tallies.body_bytes += other.body_bytes;
        tallies.incomplete_views += other.incomplete_views;
        for (failure, count) in other.failures {
            *tallies.failures.entry(failure).or_default() += count;
        }
    }

    /// What has been counted so far.
    pub fn traffic(&self) -> Traffic {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let failed: u64 = tallies.failures.values().sum();
        let http_reqs = tallies.images + tallies.outside + failed;
        Traffic {
            http_reqs,
            images: tallies.images,
            outside: tallies.outside,
            http_req_failed: if http_reqs == 0 { 0.0 } else { failed as f64 / http_reqs as f64 },
            failures: tallies.failures.clone(),
            body_bytes: tallies.body_bytes,
            http_req_duration: quantiles(&tallies.tiles),
            tile_first: quantiles(&tallies.first),
            viewport_complete: quantiles(&tallies.complete),
            incomplete_views: tallies.incomplete_views,
        }
    }
}

fn record(histogram: &mut Histogram<u64>, duration: Duration) {
    let microseconds = u64::try_from(duration.as_micros()).unwrap_or(LONGEST_US);
    histogram.saturating_record(microseconds.clamp(1, LONGEST_US));
}

fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
    Quantiles {
        count: histogram.len(),
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        max_ms: histogram.max() as f64 / 1000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(outcome: Outcome, ms: u64) -> Fetch {
        Fetch { outcome, duration: Duration::from_millis(ms), body_bytes: 10 }
    }

    #[test]
    fn images_give_latencies_and_failures_give_classes() {
        let meter = Meter::default();
        (1..=100).for_each(|ms| meter.tile(&fetch(Outcome::Image, ms)));
        meter.tile(&fetch(Outcome::Outside, 1));
        (0..2).for_each(|_| meter.tile(&fetch(Outcome::Failed(Failure::Overloaded), 9_000)));
        let traffic = meter.traffic();
        assert_eq!((traffic.http_reqs, traffic.images, traffic.outside), (103, 100, 1));
        assert_eq!(traffic.failures, BTreeMap::from([(Failure::Overloaded, 2)]));
        assert!((traffic.http_req_failed - 2.0 / 103.0).abs() < 1e-12);
        assert!((traffic.http_req_duration.p50_ms - 50.0).abs() < 0.1);
        assert!((traffic.http_req_duration.max_ms - 100.0).abs() < 0.1, "failures have no latency");
        assert_eq!(traffic.body_bytes, 1030);
    }

    #[test]
    fn a_view_that_lacks_a_tile_is_not_complete() {
        let (one, all) = (Meter::default(), Meter::default());
        one.view(Some(Duration::from_millis(20)), Duration::from_millis(80), true);
        one.view(Some(Duration::from_millis(30)), Duration::from_millis(500), false);
        all.absorb(&one);
        all.absorb(&one);
        let traffic = all.traffic();
        assert_eq!((traffic.tile_first.count, traffic.viewport_complete.count, traffic.incomplete_views), (4, 2, 2));
    }
}
