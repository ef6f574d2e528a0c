//! A staged load on tiles, on maps, or on any templated request, and what came of it stage by stage.
//!
//! The load itself is [`crate::load`]'s; here it is described (also from a TOML file), cut into its stages and
//! reported.

mod bottleneck;
mod generator;
mod plots;
mod report;
mod spec;
mod tables;
mod template;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Error,
    load::{Beside, Measured, Plan, Size, measure, own_cores},
    measure::{Count, Tally, Trend, Usage},
};

pub(crate) use bottleneck::Split;
pub use generator::Generator;
pub use report::{document, json};
pub use spec::Spec;
pub use template::{Check, Template};

/// A load with what came of it.
pub struct Run {
    /// Everything measured.
    pub measured: Measured,
    /// Everything counted.
    pub total: Tally,
    /// The load cut into its stages.
    pub stages: Vec<StageFigures>,
    /// Every metric by name.
    pub metrics: BTreeMap<String, f64>,
}

/// One stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageFigures {
    /// Seconds of the run.
    pub from_s: f64,
    /// Seconds of the run.
    pub to_s: f64,
    /// Users, or arrivals a second, at its end.
    pub target: f64,
    /// Requests a second.
    pub rate: f64,
    /// Things asked for and got, a second.
    pub goodput: f64,
    /// What was counted.
    #[serde(skip)]
    pub tally: Tally,
    /// The same as numbers by name.
    pub metrics: BTreeMap<String, f64>,
    /// What each process used.
    pub usage: Vec<Usage>,
}

/// Carries a load and cuts it into its stages.
///
/// # Errors
/// [`Error::Crew`], [`Error::Address`].
pub fn run(plan: &Plan, size: Size, beside: &Beside) -> Result<Run, Error> {
    let measured = measure(plan, size, beside)?;
    Ok(Run::of(plan, measured))
}

impl Run {
    /// Whether anything came that did not fail.
    pub fn has_answers(&self) -> bool {
        self.total.count(Count::HttpReqs) > self.total.count(Count::HttpReqFailed)
    }

    fn of(plan: &Plan, measured: Measured) -> Self {
        let total = measured.timeline.total();
        let carried_s = measured.carried_s();
        let spans = plan.stages.spans().into_iter().filter(|span| span.0 < carried_s);
        let spans: Vec<_> = spans.map(|(from_s, to_s, target)| (from_s, to_s.min(carried_s), target)).collect();
        let last = spans.len().saturating_sub(1);
        let stages: Vec<_> = spans
            .into_iter()
            .enumerate()
            // What ends after the last stage was begun in it.
            .map(|(index, span)| StageFigures::of(span, if index == last { f64::INFINITY } else { span.1 }, &measured))
            .collect();
        let mut metrics = measured.metrics(&total, carried_s);
        metrics.extend(peak_metrics(&stages));
        let mut run = Self { measured, total, stages, metrics };
        if let Some(split) = run.split_at_peak() {
            run.metrics.extend(split.metrics());
        }
        run
    }

    /// Who used the processors at the peak.
    fn split_at_peak(&self) -> Option<Split> {
        let peak = peak_stages(&self.stages).into_iter().map(|index| &self.stages[index]);
        let busiest = peak.max_by(|a, b| a.goodput.total_cmp(&b.goodput))?;
        Split::of(busiest, self.measured.size)
    }
}

impl StageFigures {
    /// Of a stretch of time and the users at its end; requests count that ended until `until_s`.
    pub(crate) fn of((from_s, to_s, target): (f64, f64, f64), until_s: f64, measured: &Measured) -> Self {
        let tally = measured.timeline.between(from_s, until_s);
        let length_s = to_s - from_s;
        let served = tally.count(Count::ServedFirstTry) + tally.count(Count::ServedAfterRetries);
        Self {
            from_s,
            to_s,
            target,
            rate: tally.count(Count::HttpReqs) as f64 / length_s,
            goodput: served as f64 / length_s,
            metrics: tally.metrics(),
            usage: usage_between(measured, from_s, to_s),
            tally,
        }
    }
}

/// What each process used in a stretch of time, from its samples.
fn usage_between(measured: &Measured, from_s: f64, to_s: f64) -> Vec<Usage> {
    let usage = |whole: &Usage| {
        let own = || {
            let samples = measured.samples.iter().filter(|sample| sample.process == whole.process);
            samples.filter(|sample| (from_s..to_s).contains(&sample.time_s))
        };
        let count = own().count();
        let last = own().next_back()?;
        Some(Usage {
            process: whole.process.clone(),
            rss_mb: last.rss_mb,
            rss_max_mb: own().map(|sample| sample.rss_mb).fold(0.0, f64::max),
            pss_max_mb: own().filter_map(|sample| sample.pss_mb).reduce(f64::max),
            cpu_cores: own().map(|sample| sample.cpu_cores).sum::<f64>() / count as f64,
            threads_max: own().map(|sample| sample.threads).max().unwrap_or(0),
            fds_max: own().filter_map(|sample| sample.fds).max(),
        })
    };
    measured.usage.iter().filter_map(usage).collect()
}

/// `peak.NAME` for the stages that hold the highest target (or reach it, when none holds it), and `goodput_peak_share`:
/// the peak's goodput beside the best stage's.
fn peak_metrics(stages: &[StageFigures]) -> BTreeMap<String, f64> {
    let (mut tally, mut goodput, mut length_s) = (Tally::default(), 0.0_f64, 0.0);
    for index in peak_stages(stages) {
        tally.absorb(&stages[index].tally);
        goodput = goodput.max(stages[index].goodput);
        length_s += stages[index].to_s - stages[index].from_s;
    }
    let mut metrics: BTreeMap<_, _> =
        tally.metrics().into_iter().map(|(name, value)| (format!("peak.{name}"), value)).collect();
    if length_s > 0.0 {
        metrics.insert("peak.http_reqs.rate".to_owned(), tally.count(Count::HttpReqs) as f64 / length_s);
    }
    let best = stages.iter().map(|stage| stage.goodput).fold(0.0, f64::max);
    if best > 0.0 {
        metrics.insert("goodput_peak_share".to_owned(), goodput / best);
    }
    metrics
}

/// The stages that hold the highest target, or reach it when none holds it.
fn peak_stages(stages: &[StageFigures]) -> Vec<usize> {
    let top = stages.iter().map(|stage| stage.target).fold(0.0, f64::max);
    let at_top = |index: usize| stages[index].target >= top;
    let holds = |index: usize| at_top(index) && index > 0 && stages[index - 1].target >= top;
    let held: Vec<usize> = (0..stages.len()).filter(|index| holds(*index)).collect();
    if held.is_empty() { (0..stages.len()).filter(|index| at_top(*index)).collect() } else { held }
}

/// Cores this tool used, on average, in the busiest of the stages at the peak: over the whole load it would look idle.
fn own_cores_at_peak(stages: &[StageFigures]) -> f64 {
    let peak = peak_stages(stages).into_iter().map(|index| own_cores(&stages[index].usage));
    peak.fold(0.0, f64::max)
}

/// A quantile of a tally's trend in milliseconds, if anything was timed.
pub(crate) fn quantile_ms(tally: &Tally, trend: Trend, quantile: f64) -> Option<f64> {
    tally.trends.get(&trend).filter(|durations| durations.count() > 0).map(|durations| durations.quantile_ms(quantile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{measure::Watch, report::Note};

    fn stage(target: f64, cpu_cores: f64) -> StageFigures {
        let (process, from_s, to_s, rate, goodput) = (Watch::own().name, 0.0, 10.0, 100.0, 100.0);
        let [own, client] = [process, "client-1".to_owned()].map(|process| Usage {
            process,
            rss_mb: 1.0,
            rss_max_mb: 1.0,
            pss_max_mb: None,
            cpu_cores: cpu_cores / 2.0,
            threads_max: 1,
            fds_max: None,
        });
        let (tally, metrics) = (Tally::default(), BTreeMap::new());
        StageFigures { from_s, to_s, target, rate, goodput, tally, metrics, usage: vec![own, client] }
    }

    #[test]
    fn the_tools_own_cost_is_judged_at_the_peak() {
        let all = std::thread::available_parallelism().map_or(1.0, |cores| usize::from(cores) as f64);
        let stages = [stage(50.0, 0.1), stage(800.0, 0.9 * all), stage(800.0, 0.8 * all), stage(0.0, 0.0)];
        let at_peak = own_cores_at_peak(&stages);
        assert!((at_peak - 0.8 * all).abs() < 1e-9, "what holds the peak counts, not what leads to it: {at_peak}");
        assert_eq!(Note::of_own_cost(at_peak), Some(Note::ToolBusy { percent: 80 }));
        assert_eq!(Note::of_own_cost(own_cores_at_peak(&[stage(50.0, 0.1)])), None);
    }
}
