//! Limits that decide the exit status, as k6 writes them or shorter: `http_req_duration: p(95)<500` is
//! `http_req_duration.p95<500`, `http_req_failed: rate<0.01` is `http_req_failed<0.01`; also `<=`, `>`, `>=`, `==`,
//! `!=`.
//!
//! Metrics are named as in [`crate::measure::Tally::metrics`]. One that was not measured holds no limit, and the
//! verdict says which there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

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
    /// When nothing of that name was measured, what there is: other figures of the same metric, else all metrics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub there_are: Vec<String>,
}

/// Holds metrics against limits.
pub fn judge(thresholds: &[Threshold], metrics: &BTreeMap<String, f64>) -> Vec<Verdict> {
    let verdict = |threshold: &Threshold| {
        let (measured, holds) = threshold.check(metrics);
        let there_are = if measured.is_none() { threshold.alternatives(metrics) } else { Vec::new() };
        Verdict { threshold: threshold.to_string(), measured, holds, there_are }
    };
    thresholds.iter().map(verdict).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

/// Longer signs first, so that `<=` is not read as `<`; of two ways to write one, the shorter is last and shown.
const SIGNS: [(&str, Comparison); 8] = [
    ("===", Comparison::Equal),
    ("!==", Comparison::Unequal),
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Threshold {
    /// What the metric was, if it was measured, and whether that is within the limit. A metric that was not measured
    /// never is.
    pub fn check(&self, metrics: &BTreeMap<String, f64>) -> (Option<f64>, bool) {
        let measured = find(&self.metric, metrics);
        let holds = measured.is_some_and(|measured| match self.comparison {
            Comparison::Less => measured < self.value,
            Comparison::LessOrEqual => measured <= self.value,
            Comparison::Greater => measured > self.value,
            Comparison::GreaterOrEqual => measured >= self.value,
            Comparison::Equal => measured == self.value,
            Comparison::Unequal => measured != self.value,
        });
        (measured, holds)
    }

    /// Names to choose from instead: the figures of the same metric, or the metrics.
    fn alternatives(&self, metrics: &BTreeMap<String, f64>) -> Vec<String> {
        let metric = |name: &String| split_figure(name).0.to_owned();
        let wanted = metric(&self.metric);
        let figures: Vec<_> = metrics.keys().filter(|name| metric(name) == wanted).cloned().collect();
        if !figures.is_empty() {
            return figures;
        }
        metrics.keys().map(metric).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// A metric by its name or by k6's: a rate is written as the share it is (`http_req_failed: rate`), a counter as its
/// count (`http_reqs: count`), a gauge as its value.
fn find(name: &str, metrics: &BTreeMap<String, f64>) -> Option<f64> {
    let is_share =
        |base: &str| base.ends_with("_share") || base.ends_with("http_req_failed") || base.ends_with("checks");
    let base = match split_figure(name) {
        (base, "rate") if is_share(base) => Some(base),
        (base, "count" | "value") if !is_share(base) => Some(base),
        _ => None,
    };
    metrics.get(name).or_else(|| metrics.get(base?)).copied()
}

/// Metric and figure: `http_req_duration{expected_response:true}.p95` are two.
fn split_figure(name: &str) -> (&str, &str) {
    let after_tags = name.rfind('}').map_or(0, |at| at + 1);
    match name[after_tags..].rfind('.') {
        Some(dot) => (&name[..after_tags + dot], &name[after_tags + dot + 1..]),
        None => (name, ""),
    }
}

/// `metric: p(95)`, `metric:p95` and `metric.p(95)` as the metric is named here. Another colon belongs to the name: of
/// a peer, or of tags.
fn canonical(text: &str) -> String {
    let text = match text.trim().strip_suffix(')').and_then(|text| text.rsplit_once("p(")) {
        Some((metric, percent)) => format!("{metric}p{}", percent.trim()),
        None => text.trim().to_owned(),
    };
    match text.rsplit_once(':') {
        Some((metric, figure)) if is_figure(figure.trim()) => format!("{}.{}", metric.trim(), figure.trim()),
        _ => text,
    }
}

fn is_figure(name: &str) -> bool {
    let is_percentile = || name.strip_prefix('p').is_some_and(|percent| percent.parse::<f64>().is_ok());
    ["avg", "min", "med", "max", "rate", "count", "value"].contains(&name) || is_percentile()
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Threshold { text: text.to_owned(), reason };
        let split = SIGNS.iter().find_map(|(sign, comparison)| Some((text.split_once(sign)?, *comparison)));
        let ((metric, value), comparison) = split.ok_or_else(|| wrong("no <, <=, >, >=, == or != in it"))?;
        let metric = canonical(metric);
        if metric.is_empty() {
            return Err(wrong("no metric before the sign"));
        }
        let value = value.trim().parse().ok().filter(|value: &f64| value.is_finite());
        let value = value.ok_or_else(|| wrong("no number after the sign"))?;
        Ok(Self { metric, comparison, value })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().rfind(|(_, comparison)| *comparison == self.comparison).map_or("", |(sign, _)| sign);
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
        for wrong in ["rss", "<3", "rss<", "rss<x", "rss<nan", "rss<inf"] {
            assert!(wrong.parse::<Threshold>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn k6s_ways_to_write_limits_name_the_same_metrics() {
        let name = |text: &str| text.parse::<Threshold>().unwrap().to_string();
        for text in ["http_req_duration: p(95)<500", "http_req_duration:p(95)<500", "http_req_duration.p(95) < 500"] {
            assert_eq!(name(text), "http_req_duration.p95<500");
        }
        let tagged = "http_req_duration{expected_response:true}";
        assert_eq!(name(&format!("{tagged}: p(99.9)<5")), format!("{tagged}.p99.9<5"));
        assert_eq!(name("other:http_req_duration:p(95)<5"), "other:http_req_duration.p95<5");
        assert_eq!(name("other:http_reqs>0"), "other:http_reqs>0");
        assert_eq!(name("a === 1"), "a==1");
    }

    #[test]
    fn rates_counts_and_figures_are_found() {
        let metrics = BTreeMap::from(
            [
                ("http_req_failed", 0.005),
                ("http_reqs", 900.0),
                ("http_reqs.rate", 30.0),
                ("checks", 0.95),
                ("vus", 3.0),
                ("peak.http_req_failed", 0.02),
                ("http_req_duration.avg", 20.0),
                ("http_req_duration.med", 15.0),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let check = |text: &str| text.parse::<Threshold>().unwrap().check(&metrics);
        assert_eq!(check("http_req_failed: rate<0.01"), (Some(0.005), true));
        assert_eq!(check("http_req_failed:rate<0.001"), (Some(0.005), false));
        assert_eq!(check("peak.http_req_failed: rate<0.01"), (Some(0.02), false));
        assert_eq!(check("http_reqs: count>1000"), (Some(900.0), false));
        assert_eq!(check("http_reqs:rate>=30"), (Some(30.0), true));
        assert_eq!(check("checks: rate>0.9"), (Some(0.95), true));
        assert_eq!(check("vus: value==3"), (Some(3.0), true));
        assert_eq!(check("http_req_duration: avg<=20"), (Some(20.0), true));
        assert_eq!(check("http_req_duration: med!=15"), (Some(15.0), false));
        assert_eq!(check("http_req_failed: count<1"), (None, false), "a share is no count");
    }

    #[test]
    fn what_was_not_measured_is_told_with_what_was() {
        let metrics =
            ["http_reqs", "http_req_duration.p95", "http_req_duration.max"].map(|name| (name.to_owned(), 1.0));
        let there_are =
            |text: &str| judge(&[text.parse().unwrap()], &BTreeMap::from(metrics.clone()))[0].there_are.clone();
        assert_eq!(there_are("http_req_duration.p97<1"), ["http_req_duration.max", "http_req_duration.p95"]);
        assert_eq!(there_are("http_request<1"), ["http_req_duration", "http_reqs"]);
        assert!(there_are("http_reqs<1").is_empty());
    }
}
