//! The times that the watcher keeps.

use std::time::Duration;

use crate::random;

/// By this share of the interval a sweep comes earlier or later at most.
const MAX_JITTER: f64 = 0.1;

/// The times that the watcher keeps, and its other bounds.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time that a file must stay unchanged.
    pub settle: Duration,
    /// Time between sweeps.
    pub scan_interval: Duration,
    /// Time after which an incomplete file is listed.
    pub incomplete_after: Duration,
    /// Time that file work may take.
    pub patience: Duration,
    /// Files up to this size, in bytes, are compared by all that is in them.
    pub compare_whole_bytes: u64,
    /// Files that a sweep may find.
    pub max_files: usize,
    /// Whether the root lies on a network file system: sweeps come a little early or late, so that several indexers on
    /// one server do not come together, and every other one is pruned.
    pub network: bool,
}

impl Pace {
    /// Time until the sweep after next.
    pub(super) fn interval(&self) -> Duration {
        let share = if self.network { 1.0 + MAX_JITTER * (2.0 * random::share() - 1.0) } else { 1.0 };
        self.scan_interval.mul_f64(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_of_a_network_come_a_little_early_or_late_and_others_in_time() {
        let second = Duration::from_secs(1);
        let pace = |network| Pace {
            settle: second,
            scan_interval: second * 30,
            incomplete_after: second,
            patience: second,
            compare_whole_bytes: 0,
            max_files: 1,
            network,
        };
        assert!((0..100).all(|_| pace(false).interval() == second * 30));
        let drawn: Vec<f64> = (0..1000).map(|_| pace(true).interval().as_secs_f64()).collect();
        assert!(drawn.iter().all(|seconds| (27.0..=33.0).contains(seconds)), "{drawn:?}");
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!((29.5..30.5).contains(&mean), "{mean}");
        assert!(drawn.iter().any(|seconds| *seconds < 28.5) && drawn.iter().any(|seconds| *seconds > 31.5));
    }
}
