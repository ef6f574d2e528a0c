//! The most users a server holds within a service level: growing from few until it fails, then closing in, then saying
//! what gave out and how many to allow.

mod blame;
mod report;

use std::{collections::BTreeMap, sync::atomic::Ordering::Relaxed, time::Duration};

use serde::Serialize;

use crate::{
    Error,
    load::{Beside, Measured, Model, Plan, Size, Stage, Stages, asked_to_stop, measure},
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
    /// What gave out, most telling first; empty when nothing did.
    pub gave_out: Vec<Evidence>,
}

/// Searches. `told` sees each trial.
///
/// # Errors
/// [`Error::Crew`], [`Error::Address`].
pub fn run(settings: &Settings, mut told: impl FnMut(&Trial)) -> Result<Found, Error> {
    let mut trials = Vec::new();
    let mut search = Search::new(settings.from.max(1), settings.up_to);
    while let Some(users) = search.next {
        let trial = trial(settings, users)?;
        if asked_to_stop().load(Relaxed) {
            break; // What was tried to its end stands.
        }
        told(&trial);
        search.learn(users, trial.holds);
        trials.push(trial);
    }
    let failing = trials.iter().filter(|trial| !trial.holds).min_by_key(|trial| trial.users);
    let gave_out = failing.map(|trial| trial.evidence.clone()).unwrap_or_default();
    let recommended = search.holds.map(|users| ((users as f64 * RECOMMENDED_SHARE) as usize).max(1));
    Ok(Found { holds: search.holds, fails: search.fails, recommended, gave_out, trials })
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

fn trial(settings: &Settings, users: usize) -> Result<Trial, Error> {
    let stage = |duration: Duration| Stage { duration, target: users as f64 };
    // Users come over half of the warm-up, so that they do not all open the page at once.
    let half = settings.warm_up / 2;
    let stages = Stages(vec![stage(half), stage(half), stage(settings.hold)]);
    let plan = Plan { stages, model: Model::Closed, ..settings.plan.clone() };
    let size = Size::for_plan(&plan, settings.processes, settings.threads);
    let beside = Beside { message: format!("{users} users"), ..settings.beside.clone() };
    let measured = measure(&plan, size, &beside)?;
    let (from_s, to_s) = (settings.warm_up.as_secs_f64(), plan.stages.duration().as_secs_f64());
    let judged = measured.timeline.between(from_s, to_s);
    let mut metrics = measured.metrics(&judged, settings.hold.as_secs_f64());
    metrics.extend(busiest(&measured, from_s, to_s));
    let verdicts = judge(&settings.level, &metrics);
    let holds = verdicts.iter().all(|verdict| verdict.holds);
    let evidence = blame::evidence(&measured, &judged, &metrics, from_s, to_s);
    Ok(Trial { users, holds, verdicts, metrics, evidence })
}

/// Cores of each process in the time judged, instead of over the whole trial.
fn busiest(measured: &Measured, from_s: f64, to_s: f64) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for sample in measured.samples.iter().filter(|sample| (from_s..to_s).contains(&sample.time_s)) {
        let sum = sums.entry(&sample.process).or_default();
        *sum = (sum.0 + sample.cpu_cores, sum.1 + 1.0);
    }
    sums.into_iter().map(|(process, (sum, count))| (format!("cpu_cores.{process}"), sum / count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is tried when so many hold.
    fn tried(limit: usize, from: usize, up_to: usize) -> (Vec<usize>, Option<usize>) {
        let (mut search, mut tried) = (Search::new(from, up_to), Vec::new());
        while let Some(users) = search.next {
            tried.push(users);
            search.learn(users, users <= limit);
        }
        (tried, search.holds)
    }

    #[test]
    fn the_search_closes_in_from_below() {
        let (tried, holds) = tried(100, 4, 10_000);
        assert_eq!(tried[..7], [4, 8, 16, 32, 64, 128, 96]);
        assert!(tried.len() <= 10 && (91..=100).contains(&holds.unwrap()), "{tried:?}");
    }

    #[test]
    fn it_ends_where_all_hold_or_none() {
        assert_eq!(tried(usize::MAX, 4, 20), (vec![4, 8, 16, 20], Some(20)));
        assert_eq!(tried(0, 8, 100), (vec![8, 4, 2, 1], None));
        assert_eq!(tried(3, 8, 100).1, Some(3));
    }
}
