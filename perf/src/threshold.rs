//! Limits that decide the exit status: `metric<value`, also `<=`, `>`, `>=`.
//!
//! Metrics are named as in [`crate::report::metrics`].

use std::{collections::BTreeMap, fmt, str::FromStr};

use crate::Error;

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    metric: String,
    comparison: Comparison,
    value: f64,
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
        let metric = metric.trim();
        if metric.is_empty() {
            return Err(wrong("no metric before the sign"));
        }
        let value = value.trim().parse().map_err(|_| wrong("no number after the sign"))?;
        Ok(Self { metric: metric.to_owned(), comparison, value })
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
        assert_eq!("a<=1.5".parse::<Threshold>().unwrap().to_string(), "a<=1.5");
        for wrong in ["rss", "<3", "rss<", "rss<x"] {
            assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
        }
    }
}
