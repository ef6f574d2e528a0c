//! What users asked for and got, as counts and durations that add up: over users, seconds, threads and processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Count, Durations, Trend};
use crate::client::{Failure, Timing};

/// Everything counted. Adding two gives what one would have counted that saw both.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Numbers of things.
    pub counts: BTreeMap<Count, u64>,
    /// Durations of things.
    pub trends: BTreeMap<Trend, Durations>,
    /// Failed requests by class.
    pub failures: BTreeMap<Failure, Seen>,
    /// Answers that passed and failed each check.
    pub checks: BTreeMap<String, Check>,
    /// Requests by what they were for.
    pub groups: BTreeMap<String, Group>,
    /// Views by levels above their scene's deepest zoom.
    pub depths: BTreeMap<u8, u64>,
}

/// How often something was seen, and when first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How often.
    pub count: u64,
    /// Milliseconds since the run began.
    pub first_ms: u64,
}

/// How a check went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Passed.
    pub passes: u64,
    /// Failed.
    pub fails: u64,
}

/// Requests of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// Those that ended.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Bytes of bodies received.
    pub body_bytes: u64,
    /// From sending to the end.
    pub durations: Durations,
}

/// One request that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// What it was for.
    pub group: &'a str,
    /// Its class, if it failed.
    pub failure: Option<Failure>,
    /// Where its time went.
    pub timing: Timing,
    /// Length of its answer's body.
    pub body_bytes: u64,
    /// Milliseconds since the run began.
    pub at_ms: u64,
}

impl Tally {
    /// Adds to a count.
    pub fn add(&mut self, count: Count, n: u64) {
        if n > 0 {
            *self.counts.entry(count).or_default() += n;
        }
    }

    /// A count.
    pub fn count(&self, count: Count) -> u64 {
        self.counts.get(&count).copied().unwrap_or(0)
    }

    /// The durations of something, to add to.
    pub fn trend(&mut self, trend: Trend) -> &mut Durations {
        self.trends.entry(trend).or_default()
    }

    /// Counts a request.
    pub fn request(&mut self, ended: &Ended<'_>) {
        let timing = ended.timing;
        self.add(Count::HttpReqs, 1);
        self.add(Count::DataReceived, ended.body_bytes);
        self.add(Count::Reconnects, timing.reconnects.into());
        self.trend(Trend::HttpReqDuration).record(timing.duration);
        self.trend(Trend::HttpReqBlocked).record(timing.blocked);
        if let Some(connecting) = timing.connecting {
            self.add(Count::Connections, 1);
            self.trend(Trend::HttpReqConnecting).record(connecting);
        }
        match ended.failure {
            Some(failure) => self.failed(failure, ended.at_ms),
            None => {
                self.trend(Trend::HttpReqWaiting).record(timing.waiting);
                self.trend(Trend::ExpectedDuration).record(timing.duration);
            }
        }
        if !self.groups.contains_key(ended.group) {
            self.groups.insert(ended.group.to_owned(), Group::default());
        }
        if let Some(group) = self.groups.get_mut(ended.group) {
            group.requests += 1;
            group.failed += u64::from(ended.failure.is_some());
            group.body_bytes += ended.body_bytes;
            group.durations.record(timing.duration);
        }
    }

    fn failed(&mut self, failure: Failure, at_ms: u64) {
        self.add(Count::HttpReqFailed, 1);
        let seen = self.failures.entry(failure).or_insert(Seen { count: 0, first_ms: at_ms });
        seen.count += 1;
        seen.first_ms = seen.first_ms.min(at_ms);
    }

    /// Counts a check.
    pub fn check(&mut self, name: &str, passed: bool) {
        let check = match self.checks.get_mut(name) {
            Some(check) => check,
            None => self.checks.entry(name.to_owned()).or_default(),
        };
        if passed { check.passes += 1 } else { check.fails += 1 }
    }

    /// Adds all of another.
    pub fn absorb(&mut self, other: &Self) {
        for (depth, n) in &other.depths {
            *self.depths.entry(*depth).or_default() += n;
        }
        for (count, n) in &other.counts {
            self.add(*count, *n);
        }
        for (trend, durations) in &other.trends {
            self.trend(*trend).absorb(durations);
        }
        for (failure, theirs) in &other.failures {
            let seen = self.failures.entry(*failure).or_insert(Seen { count: 0, first_ms: theirs.first_ms });
            seen.count += theirs.count;
            seen.first_ms = seen.first_ms.min(theirs.first_ms);
        }
        for (name, theirs) in &other.checks {
            let check = self.checks.entry(name.clone()).or_default();
            check.passes += theirs.passes;
            check.fails += theirs.fails;
        }
        for (name, theirs) in &other.groups {
            let group = self.groups.entry(name.clone()).or_default();
            group.requests += theirs.requests;
            group.failed += theirs.failed;
            group.body_bytes += theirs.body_bytes;
            group.durations.absorb(&theirs.durations);
        }
    }

    /// Part of the requests that failed, 0 to 1.
    pub fn failed_share(&self) -> f64 {
        share(self.count(Count::HttpReqFailed), self.count(Count::HttpReqs))
    }

    /// Every metric by name, for thresholds: counts, shares (0 to 1), quantiles in milliseconds.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        let mut metrics = BTreeMap::new();
        for (count, n) in &self.counts {
            metrics.insert(count.name().to_owned(), *n as f64);
        }
        if self.count(Count::HttpReqs) > 0 {
            metrics.insert("http_req_failed".to_owned(), self.failed_share());
        }
        for (trend, durations) in &self.trends {
            for (quantile, ms) in durations.quantiles().named() {
                metrics.insert(format!("{}.{quantile}", trend.name()), ms);
            }
        }
        let checks = self.checks.values();
        let (passes, all) =
            checks.fold((0, 0), |(passes, all), check| (passes + check.passes, all + check.passes + check.fails));
        if all > 0 {
            metrics.insert("checks".to_owned(), share(passes, all));
        }
        let dropped = self.count(Count::DroppedIterations);
        if dropped > 0 {
            let all = dropped + self.count(Count::Iterations);
            metrics.insert("dropped_iterations_share".to_owned(), share(dropped, all));
        }
        self.add_served(&mut metrics);
        metrics
    }

    fn add_served(&self, metrics: &mut BTreeMap<String, f64>) {
        let first = self.count(Count::ServedFirstTry);
        let in_the_end = first + self.count(Count::ServedAfterRetries);
        let wanted = in_the_end + self.count(Count::NotServed);
        if wanted > 0 {
            metrics.insert("served_first_try_share".to_owned(), share(first, wanted));
            metrics.insert("served_share".to_owned(), share(in_the_end, wanted));
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ended(failure: Option<Failure>, ms: u64, at_ms: u64) -> Ended<'static> {
        let timing = Timing { duration: Duration::from_millis(ms), ..Timing::default() };
        Ended { group: "tile", failure, timing, body_bytes: 10, at_ms }
    }

    #[test]
    fn halves_add_up_to_the_whole() {
        let (mut whole, mut halves) = (Tally::default(), [Tally::default(), Tally::default()]);
        for ms in 1..=100_u64 {
            let failure = (ms > 90).then_some(Failure::Timeout);
            let ended = ended(failure, ms, 1000 - ms);
            whole.request(&ended);
            halves[(ms % 2) as usize].request(&ended);
        }
        let [mut sum, other] = halves;
        let sent: Tally = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
        sum.absorb(&sent);
        assert_eq!(sum.metrics(), whole.metrics());
        assert_eq!(sum.failures[&Failure::Timeout], Seen { count: 10, first_ms: 900 });
        assert!((whole.failed_share() - 0.1).abs() < 1e-12);
        let metrics = whole.metrics();
        assert!((metrics["http_req_duration.max"] - 100.0).abs() < 0.1, "failures count as k6 counts them");
        assert!((metrics["http_req_duration{expected_response:true}.max"] - 90.0).abs() < 0.1);
    }

    #[test]
    fn what_was_not_counted_is_no_metric() {
        assert!(Tally::default().metrics().is_empty());
    }

    #[test]
    fn serving_is_counted_apart_from_requests() {
        let mut tally = Tally::default();
        tally.add(Count::ServedFirstTry, 97);
        tally.add(Count::ServedAfterRetries, 2);
        tally.add(Count::NotServed, 1);
        let metrics = tally.metrics();
        assert!((metrics["served_first_try_share"] - 0.97).abs() < 1e-12);
        assert!((metrics["served_share"] - 0.99).abs() < 1e-12);
    }
}
