//! Many durations as an HDR histogram: three significant digits from a microsecond to ten minutes.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longer durations count as this long.
const LONGEST_US: u64 = 600_000_000;
const SIGNIFICANT_DIGITS: u8 = 3;

/// A collection of durations. Written as `[[microseconds, count], …]` of what was recorded.
#[derive(Clone, Debug)]
pub struct Durations(Histogram<u64>);

/// Quantiles of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of durations.
    pub count: u64,
    /// Mean.
    pub avg_ms: f64,
    /// Shortest.
    pub min_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Longest.
    pub max_ms: f64,
}

impl Default for Durations {
    fn default() -> Self {
        // The histogram grows with what it is given, so that many small ones cost little.
        Self(Histogram::new(SIGNIFICANT_DIGITS).expect("a constant number of digits in range"))
    }
}

impl Durations {
    /// Adds one.
    pub fn record(&mut self, duration: Duration) {
        self.record_n(microseconds(duration), 1);
    }

    /// Adds one that kept others waiting: a user who acts every `interval` could not while it lasted, so the waits that
    /// user would have met are added too. This corrects coordinated omission as HdrHistogram does.
    pub fn record_corrected(&mut self, duration: Duration, interval: Duration) {
        let _ = self.0.record_correct(microseconds(duration), microseconds(interval));
    }

    fn record_n(&mut self, microseconds: u64, count: u64) {
        // Cannot fail: the histogram grows, and the value is bounded.
        let _ = self.0.record_n(microseconds, count);
    }

    /// Adds all of another.
    pub fn absorb(&mut self, other: &Self) {
        let _ = self.0.add(&other.0);
    }

    /// The same with those of `left`, which are among them, as long as anything is counted: they never ended.
    #[must_use]
    pub fn with_never(&self, left: &Self) -> Self {
        let mut durations = self.clone();
        // Cannot fail: what is taken away was added before.
        let _ = durations.0.subtract(&left.0);
        durations.record_n(LONGEST_US, left.count());
        durations
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// A quantile (0 to 1) in milliseconds; 0 when there are none.
    pub fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// The usual quantiles.
    pub fn quantiles(&self) -> Quantiles {
        Quantiles {
            count: self.0.len(),
            avg_ms: self.0.mean() / 1000.0,
            min_ms: self.0.min() as f64 / 1000.0,
            p50_ms: self.quantile_ms(0.5),
            p90_ms: self.quantile_ms(0.9),
            p95_ms: self.quantile_ms(0.95),
            p99_ms: self.quantile_ms(0.99),
            max_ms: self.0.max() as f64 / 1000.0,
        }
    }
}

impl Quantiles {
    /// Names and values, in milliseconds, the median by k6's name too; nothing of nothing, so that a limit on them
    /// fails and does not pass with 0.
    pub fn named(&self) -> Vec<(&'static str, f64)> {
        if self.count == 0 {
            return Vec::new();
        }
        vec![
            ("avg", self.avg_ms),
            ("min", self.min_ms),
            ("med", self.p50_ms),
            ("p50", self.p50_ms),
            ("p90", self.p90_ms),
            ("p95", self.p95_ms),
            ("p99", self.p99_ms),
            ("max", self.max_ms),
        ]
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(LONGEST_US).clamp(1, LONGEST_US)
}

impl Serialize for Durations {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let recorded = self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        serializer.collect_seq(recorded)
    }
}

impl<'de> Deserialize<'de> for Durations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let recorded: Vec<(u64, u64)> = Vec::deserialize(deserializer)?;
        let mut durations = Self::default();
        recorded.into_iter().for_each(|(value, count)| durations.record_n(value.clamp(1, LONGEST_US), count));
        Ok(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milliseconds: impl IntoIterator<Item = u64>) -> Durations {
        let mut durations = Durations::default();
        milliseconds.into_iter().for_each(|ms| durations.record(Duration::from_millis(ms)));
        durations
    }

    #[test]
    fn written_and_read_back_they_have_the_same_quantiles() {
        let durations = of((1..=1000).chain([700_000]));
        let again: Durations = serde_json::from_str(&serde_json::to_string(&durations).unwrap()).unwrap();
        assert_eq!(again.quantiles(), durations.quantiles());
        assert!((durations.quantiles().p50_ms - 501.0).abs() < 1.0);
        assert!((durations.quantiles().max_ms - 600_000.0).abs() < 500.0, "no longer than ten minutes");
    }

    #[test]
    fn a_stall_counts_for_those_it_kept_waiting() {
        let mut corrected = of(std::iter::repeat_n(10, 99));
        corrected.record_corrected(Duration::from_secs(1), Duration::from_millis(10));
        // One stall of a second hides a hundred requests; a fair half of all waited.
        assert_eq!(corrected.count(), 99 + 100);
        assert!(corrected.quantile_ms(0.75) > 400.0);
        assert!(of(std::iter::repeat_n(10, 99)).quantile_ms(0.75) < 11.0);
    }

    #[test]
    fn what_never_ended_is_the_longest() {
        let never = of(1..=100).with_never(&of(1..=10));
        assert_eq!(never.count(), 100);
        assert!(never.quantile_ms(0.85) < 110.0 && never.quantile_ms(0.95) > 500_000.0);
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert!(Durations::default().quantiles().named().is_empty());
    }
}
