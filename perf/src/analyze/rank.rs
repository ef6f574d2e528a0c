//! What holds a server back, most first: stages by the part of the peak's time they take and by how much they grew.

use serde::Serialize;

use super::{Analysis, Kind, PhaseFigures};

/// A stage that works on the processor is full from this part of the cores on.
const FULL_SHARE: f64 = 0.8;
/// Stages of Aurora's server that keep a core busy; the others wait.
const WORKING_STAGES: [&str; 7] = ["plan", "decode", "paint", "warp", "stretch", "style", "encode"];
/// What is left of a request's time when all its stages are taken off.
pub(super) const BETWEEN: &str = "between stages";
/// What takes so many times longer than at first has grown.
const GREW: f64 = 2.0;
/// Shorter times than this are not told apart.
const LEAST_MS: f64 = 0.05;
/// Less of the time than this is no bottleneck.
const LEAST_SHARE: f64 = 0.01;

/// A place where time goes at the peak.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bottleneck {
    /// The stage.
    pub stage: String,
    /// Part of all time at the peak, 0 to 1.
    pub share: f64,
    /// Milliseconds of a request at the peak, on average over those that have the stage.
    pub peak_ms: f64,
    /// The same in the first phase, if it had the stage.
    pub before_ms: Option<f64>,
    /// Requests in it at once.
    pub at_once: f64,
    /// Why it stands here.
    pub kind: Reason,
}

/// What a bottleneck is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Work that keeps (nearly) all cores busy.
    Full,
    /// Work that grew longer without filling the cores: something else on the machine has them.
    Crowded,
    /// Waiting that grew with the load.
    Waiting,
    /// Takes time, but neither fills the cores nor grew.
    Share,
}

/// Bottlenecks of the peak, most first.
pub fn rank(analysis: &Analysis) -> Vec<Bottleneck> {
    let Some(peak) = analysis.phases.iter().find(|figures| figures.phase.kind == Kind::Peak) else { return Vec::new() };
    let before = analysis.phases.first().filter(|figures| figures.phase.kind != Kind::Peak);
    let mut ranked: Vec<Bottleneck> = parts(peak).into_iter().map(|part| judge(part, before, analysis.cores)).collect();
    ranked.retain(|bottleneck| bottleneck.share >= LEAST_SHARE);
    ranked.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    ranked
}

/// Waiting that grew counts by how much, up to tenfold.
fn weight(bottleneck: &Bottleneck) -> f64 {
    let grew = bottleneck.before_ms.map_or(1.0, |before| bottleneck.peak_ms / before.max(LEAST_MS));
    let urgency = match bottleneck.kind {
        Reason::Full => 3.0,
        Reason::Waiting | Reason::Crowded => grew.clamp(1.0, 10.0),
        Reason::Share => 1.0,
    };
    bottleneck.share * urgency
}

/// Name, share of time, mean milliseconds and number at once, of each stage and of what is between.
fn parts(figures: &PhaseFigures) -> Vec<(String, f64, f64, f64)> {
    let stages = figures.stages.iter();
    let mut parts: Vec<_> =
        stages.map(|(name, stage)| (name.clone(), stage.share, stage.durations.avg_ms, stage.at_once)).collect();
    // A total among the stages would count everything twice.
    parts.retain(|part| part.0 != "total");
    let known: f64 = parts.iter().map(|part| part.1).sum();
    let left = (1.0 - known).max(0.0);
    let mean_ms = figures.durations.avg_ms * left;
    parts.push((BETWEEN.to_owned(), left, mean_ms, figures.at_once * left));
    parts
}

fn judge(
    (stage, share, peak_ms, at_once): (String, f64, f64, f64),
    before: Option<&PhaseFigures>,
    cores: f64,
) -> Bottleneck {
    let before_ms =
        before.and_then(|figures| parts(figures).into_iter().find(|part| part.0 == stage)).map(|part| part.2);
    let works = WORKING_STAGES.contains(&stage.as_str());
    let grew = before_ms.is_some_and(|before| peak_ms > GREW * before.max(LEAST_MS));
    let kind = match works {
        true if at_once >= FULL_SHARE * cores => Reason::Full,
        true if grew => Reason::Crowded,
        false if grew => Reason::Waiting,
        _ => Reason::Share,
    };
    Bottleneck { stage, share, peak_ms, before_ms, at_once, kind }
}
