//! Limits that decide the exit status: `metric<value`, also `<=`, `>`, `>=`.
//!
//! Metrics are named as in [`crate::measure::Tally::metrics`]; quantiles also as k6 writes them, `p(95)` for `p95`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::Serialize;

use crate::Error;

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    metric: String,
    comparison: Comparison,
    value: f64,
}

/// A limit and how it went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The limit as given.
    pub threshold: String,
    /// What was measured; `None` when nothing of that name was.
    pub measured: Option<f64>,
    /// Whether it is within the limit.
    pub holds: bool,
}

/// Holds metrics against limits.
pub fn judge(thresholds: &[Threshold], metrics: &BTreeMap<String, f64>) -> Vec<Verdict> {
    let verdict = |threshold: &Threshold| {
        let (measured, holds) = threshold.check(metrics);
        Verdict { threshold: threshold.to_string(), measured, holds }
    };
    thresholds.iter().map(verdict).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [(&str, Comparison); 4] = [
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Threshold {
    /// What the metric was, if it was measured, and whether that is within the limit. A metric that was not measured
    /// never is.
    pub fn check(&self, metrics: &BTreeMap<String, f64>) -> (Option<f64>, bool) {
        let measured = metrics.get(&self.metric).copied();
        let holds = measured.is_some_and(|measured| match self.comparison {
            Comparison::Less => measured < self.value,
            Comparison::LessOrEqual => measured <= self.value,
            Comparison::Greater => measured > self.value,
            Comparison::GreaterOrEqual => measured >= self.value,
        });
        (measured, holds)
    }
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Threshold { text: text.to_owned(), reason };
        let split = SIGNS.iter().find_map(|(sign, comparison)| Some((text.split_once(sign)?, *comparison)));
        let ((metric, value), comparison) = split.ok_or_else(|| wrong("no <, <=, > or >= in it"))?;
        // k6 writes p(95) and, after the name, a colon.
        let metric = metric.trim().replace(": ", ".").replace("p(", "p").replace(')', "");
        if metric.is_empty() {
            return Err(wrong("no metric before the sign"));
        }
        let value = value.trim().parse().map_err(|_| wrong("no number after the sign"))?;
        Ok(Self { metric, comparison, value })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, comparison)| *comparison == self.comparison).map_or("", |(sign, _)| sign);
        write!(f, "{}{sign}{}", self.metric, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_checked() {
        let metrics = BTreeMap::from([("rss_mb.server".to_owned(), 90.0)]);
        let check = |text: &str| text.parse::<Threshold>().unwrap().check(&metrics);
        assert_eq!(check("rss_mb.server<90"), (Some(90.0), false));
        assert_eq!(check("rss_mb.server <= 90"), (Some(90.0), true));
        assert_eq!(check("rss_mb.server>=90.5"), (Some(90.0), false));
        assert_eq!(check("rss_mb.other<1e9"), (None, false));
        assert_eq!(
            "http_req_duration: p(95)<500".parse::<Threshold>().unwrap().to_string(),
            "http_req_duration.p95<500"
        );
        assert_eq!("a<=1.5".parse::<Threshold>().unwrap().to_string(), "a<=1.5");
        for wrong in ["rss", "<3", "rss<", "rss<x"] {
            assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
        }
    }
}
