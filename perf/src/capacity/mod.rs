//! The most users a server holds within a service level: growing from few until it fails, then closing in, then saying
//! what gave out and how many to allow.

mod blame;
mod report;

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed, time::Duration};

use serde::Serialize;

use crate::{
    Error,
    load::{Beside, Measured, Model, Plan, Size, Stage, Stages, asked_to_stop, measure, own_cores},
    measure::{Count, Tally, Trend},
    report::Note,
    stress::{Split, StageFigures},
    threshold::{Threshold, Verdict, judge},
};

pub use blame::{Evidence, Limit};
pub use report::{document, json, metrics};

/// The service level unless another is given: views complete within a second, one request in a thousand may fail.
pub const USUAL_LEVEL: [&str; 2] = ["viewport_complete.p95<1000", "http_req_failed<0.001"];
/// Of the most users that hold, this part is recommended: the rest is for bad days.
pub const RECOMMENDED_SHARE: f64 = 0.8;
/// The search ends when what holds and what does not are this near.
const NEAR: f64 = 1.1;

/// Part of the time judged in whose busiest stretch the processors are looked at: what users waited for may be over
/// before the end. And the shortest such stretch.
const STRETCH: f64 = 0.25;
const MIN_STRETCH_S: f64 = 2.0;

/// How to search.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What users do and how; its stages are replaced.
    pub plan: Plan,
    /// What must hold.
    pub level: Vec<Threshold>,
    /// Users to begin with.
    pub from: usize,
    /// Users at most.
    pub up_to: usize,
    /// Time users get to come and caches to fill; not judged.
    pub warm_up: Duration,
    /// Time that is judged.
    pub hold: Duration,
    /// What to measure beside.
    pub beside: Beside,
    /// Threads and processes, if not as many as it takes.
    pub processes: Option<usize>,
    /// Threads of each.
    pub threads: Option<usize>,
}

/// One number of users, tried.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Users.
    pub users: usize,
    /// Whether the level held.
    pub holds: bool,
    /// The level's parts.
    pub verdicts: Vec<Verdict>,
    /// Metrics of the time judged.
    pub metrics: BTreeMap<String, f64>,
    /// What was near its limit.
    pub evidence: Vec<Evidence>,
    /// What to bear in mind of it.
    pub notes: Vec<Note>,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Trials in order.
    pub trials: Vec<Trial>,
    /// The most users that held; `None` when even the first number did not.
    pub holds: Option<usize>,
    /// The fewest that did not; `None` when all did.
    pub fails: Option<usize>,
    /// What to allow.
    pub recommended: Option<usize>,
    /// What gave out with the fewest users for whom anything did, most telling first; empty when nothing did.
    pub gave_out: Vec<Evidence>,
    /// Whether the search was stopped before its end.
    pub interrupted: bool,
    /// Whether the server and what carried the load were there to the end; else the search ended when they did.
    pub is_whole: bool,
}

impl Found {
    /// The bound of the search where that is what ended it: the level held for all that were tried, up to it.
    fn bound(&self, up_to: usize) -> Option<usize> {
        self.holds.filter(|holds| self.fails.is_none() && *holds >= up_to)
    }

    /// The trial that decided: the fewest users that did not hold, else the most that did.
    fn decisive(&self) -> Option<&Trial> {
        let failing = self.trials.iter().filter(|trial| !trial.holds).min_by_key(|trial| trial.users);
        failing.or_else(|| self.trials.iter().max_by_key(|trial| trial.users))
    }
}

/// Searches. `told` sees each trial.
///
/// # Errors
/// [`Error::Crew`], [`Error::Address`].
pub fn run(settings: &Settings, mut told: impl FnMut(&Trial)) -> Result<Found, Error> {
    let (mut trials, mut interrupted, mut is_whole) = (Vec::new(), false, true);
    let mut search = Search::new(settings.from.max(1), settings.up_to);
    while let Some(users) = search.next {
        let (trial, whole) = trial(settings, users)?;
        if asked_to_stop().load(Relaxed) {
            interrupted = true; // What was tried to its end stands.
            break;
        }
        if trials.is_empty() {
            is_of_this_load(&trial)?;
        }
        told(&trial);
        search.learn(users, trial.holds);
        trials.push(trial);
        is_whole &= whole;
        if !is_whole {
            break;
        }
    }
    // Just beyond what holds nothing may be quite full yet.
    let failing = trials.iter().filter(|trial| !trial.holds && !trial.evidence.is_empty());
    let failing = failing.min_by_key(|trial| trial.users);
    let gave_out = failing.map(|trial| trial.evidence.clone()).unwrap_or_default();
    let recommended = search.holds.map(|users| ((users as f64 * RECOMMENDED_SHARE) as usize).max(1));
    Ok(Found { holds: search.holds, fails: search.fails, recommended, gave_out, trials, interrupted, is_whole })
}

/// Whether the level is one of what this load measures: a misspelt figure would never hold, and the search would tell
/// of misspelling as of a server.
fn is_of_this_load(trial: &Trial) -> Result<(), Error> {
    let metric = |name: &str| trial.metrics.get(name).copied().unwrap_or_default();
    let is_answered = metric("http_reqs") > 0.0 && metric("http_req_failed") < 1.0;
    // With views none of which came whole, the figures of views are only missing yet.
    let may_come = |verdict: &Verdict| {
        let is_of_views = verdict.threshold.starts_with("viewport_") || verdict.threshold.starts_with("tile_first");
        is_of_views && metric(Count::Views.name()) > 0.0 && verdict.there_are.iter().all(|name| !name.contains('.'))
    };
    let missing = trial.verdicts.iter().find(|verdict| verdict.measured.is_none() && !may_come(verdict));
    match missing.filter(|_| is_answered) {
        Some(verdict) => Err(Error::Plan {
            what: format!("--slo {}", verdict.threshold),
            reason: format!("this load measures nothing of that name; there are {}", verdict.there_are.join(", ")),
        }),
        None => Ok(()),
    }
}

/// Doubling until it fails, then halving the gap.
struct Search {
    up_to: usize,
    holds: Option<usize>,
    fails: Option<usize>,
    next: Option<usize>,
}

impl Search {
    fn new(from: usize, up_to: usize) -> Self {
        Self { up_to, holds: None, fails: None, next: Some(from.min(up_to.max(1))) }
    }

    fn learn(&mut self, users: usize, holds: bool) {
        if holds {
            self.holds = Some(self.holds.map_or(users, |most| most.max(users)));
        } else {
            self.fails = Some(self.fails.map_or(users, |fewest| fewest.min(users)));
        }
        self.next = match (self.holds, self.fails) {
            (Some(holds), None) if holds < self.up_to => Some((holds * 2).min(self.up_to)),
            (None, Some(fails)) if fails > 1 => Some(fails / 2),
            (Some(holds), Some(fails)) if fails as f64 > NEAR * holds as f64 && fails > holds + 1 => {
                Some(usize::midpoint(holds, fails))
            }
            _ => None,
        };
    }
}

/// Tries so many users; and whether all that took part was there to the end.
fn trial(settings: &Settings, users: usize) -> Result<(Trial, bool), Error> {
    let stage = |duration: Duration| Stage { duration, target: users as f64 };
    // Users come over half of the warm-up, so that they do not all open the page at once.
    let half = settings.warm_up / 2;
    let stages = Stages(vec![stage(half), stage(half), stage(settings.hold)]);
    let plan = Plan { stages, model: Model::Closed, ..settings.plan.clone() };
    let size = Size::for_plan(&plan, settings.processes, settings.threads);
    let beside = Beside { message: format!("{users} users"), ..settings.beside.clone() };
    let measured = measure(&plan, size, &beside)?;
    let (from_s, to_s) = (settings.warm_up.as_secs_f64(), plan.stages.duration().as_secs_f64());
    // What ends late was begun in the time judged.
    let stage = StageFigures::of((from_s, to_s, users as f64), f64::INFINITY, &measured);
    let mut metrics = measured.metrics(&stage.tally, settings.hold.as_secs_f64());
    metrics.extend(stage.usage.iter().map(|usage| (format!("cpu_cores.{}", usage.process), usage.cpu_cores)));
    metrics.extend(views_waited_for(&stage.tally));
    let verdicts = judge(&settings.level, &metrics);
    let is_whole = measured.is_whole();
    let holds = is_whole && verdicts.iter().all(|verdict| verdict.holds);
    let split = busiest(&measured, size, from_s, to_s);
    let mut notes = measured.notes(&stage.tally, own_cores(&stage.usage));
    notes.extend(left_early(&stage.tally));
    notes.extend(split.map(|split| split.note()));
    let evidence = blame::Signs::of(&measured, &stage.tally, split, from_s, to_s).evidence();
    Ok((Trial { users, holds, verdicts, metrics, evidence, notes }, is_whole))
}

/// Who used the processors in the busiest stretch of the time judged.
fn busiest(measured: &Measured, size: Size, from_s: f64, to_s: f64) -> Option<Split> {
    let length_s = ((to_s - from_s) * STRETCH).max(MIN_STRETCH_S).min(to_s - from_s);
    let starts = (0..).map(|second| from_s + f64::from(second)).take_while(|start_s| start_s + length_s <= to_s);
    let splits = starts.filter_map(|start_s| {
        let end_s = start_s + length_s;
        Split::of(&StageFigures::of((start_s, end_s, 0.0), end_s, measured), size)
    });
    splits.max_by(|a, b| a.used().total_cmp(&b.used()))
}

/// `viewport_complete` with the views that users left counted as never complete: the time they were looked at is the
/// user's and says nothing of the server.
fn views_waited_for(judged: &Tally) -> BTreeMap<String, f64> {
    let trend = |trend: Trend| judged.trends.get(&trend);
    let Some(complete) = trend(Trend::ViewportComplete) else { return BTreeMap::new() };
    let waited_for = trend(Trend::ViewportLeft).map_or_else(|| complete.clone(), |left| complete.with_never(left));
    let named = waited_for.quantiles().named();
    named.into_iter().map(|(figure, ms)| (format!("{}.{figure}", Trend::ViewportComplete.name()), ms)).collect()
}

fn left_early(judged: &Tally) -> Option<Note> {
    let (left, views) = (judged.count(Count::AbandonedViews), judged.count(Count::Views));
    (left > 0).then(|| Note::LeftEarly { percent: (100 * left).div_ceil(views.max(1)) as u32 })
}

#[cfg(test)]
mod tests;
