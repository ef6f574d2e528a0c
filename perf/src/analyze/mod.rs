//! What a server's JSON access log tells of a load: its phases, where time went in each, which failures came when, and
//! what to look at first.
//!
//! It reads the log twice (once for the phases) and keeps sums, never the lines. A log is the server's view: waiting
//! before the request was read, in the kernel or on the way, is not in it; the load's own report has that.

mod log;
mod phases;
mod rank;
mod report;
mod sums;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{Error, measure::Quantiles};

pub use phases::{Kind, Phase};
pub use rank::{Bottleneck, rank};
pub use report::{document, json, metrics};

use log::Entry;
use sums::{Burst, Sums};

/// What to read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The access logs, of one server or several.
    pub logs: Vec<PathBuf>,
    /// The JSON report of the load, for its stages.
    pub load: Option<PathBuf>,
    /// Cores the server had.
    pub cores: f64,
}

/// Everything found.
#[derive(Clone, Debug, Serialize)]
pub struct Analysis {
    /// Cores the server had.
    pub cores: f64,
    /// Lines that were no requests.
    pub other_lines: u64,
    /// The phases with their figures.
    pub phases: Vec<PhaseFigures>,
    /// Failures by status and route, most first.
    pub failures: Vec<Pattern>,
    /// Requests and requests at once, second by second.
    pub seconds: Vec<Second>,
}

/// One phase.
#[derive(Clone, Debug, Serialize)]
pub struct PhaseFigures {
    /// Which, and when.
    pub phase: Phase,
    /// Requests that ended in it.
    pub requests: u64,
    /// Of those, failed by the server (5xx, 429).
    pub failed: u64,
    /// Bytes of answers.
    pub bytes: u64,
    /// Requests at once, on average.
    pub at_once: f64,
    /// Durations of all.
    pub durations: Quantiles,
    /// By group of addresses: number and durations.
    pub routes: BTreeMap<String, Quantiles>,
    /// By stage.
    pub stages: BTreeMap<String, Stage>,
    /// By how the tile cache took part.
    pub cache: BTreeMap<String, u64>,
}

/// A stage of the server within a phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Stage {
    /// Durations.
    pub durations: Quantiles,
    /// Requests in it at once, on average: for work on the processor, cores kept busy.
    pub at_once: f64,
    /// Part of all the phase's time.
    pub share: f64,
}

/// Failures that look alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pattern {
    /// HTTP status.
    pub status: u16,
    /// Group of addresses.
    pub route: String,
    /// How many.
    pub count: u64,
    /// Seconds since the log began.
    pub first_s: f64,
    /// Seconds since the log began.
    pub last_s: f64,
    /// Most in one second.
    pub burst: u64,
}

/// One second of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Second {
    /// Requests that ended.
    pub requests: u64,
    /// Of those, failed by the server.
    pub failed: u64,
    /// Requests at once, on average.
    pub at_once: f64,
}

/// Reads and analyses.
///
/// # Errors
/// [`Error::Io`], [`Error::NoFigures`] when the log holds no request, or none in the time of the load, [`Error::Plan`]
/// when the load's report has no stages.
pub fn run(settings: &Settings) -> Result<Analysis, Error> {
    let (from_s, seconds) = overview(settings)?;
    let load: Vec<f64> = seconds.iter().map(|second| second.at_once).collect();
    let phases = match &settings.load {
        Some(path) => stages_of(path)?,
        None => phases::from_load(from_s, &load),
    };
    let mut sums: Vec<Sums> = phases.iter().map(|_| Sums::default()).collect();
    let mut bursts: BTreeMap<(u16, &'static str), Burst> = BTreeMap::new();
    let mut other_lines = 0;
    for path in &settings.logs {
        other_lines += log::read(path, |entry| {
            if let Some(index) = phases.iter().position(|phase| (phase.from_s..phase.to_s).contains(&entry.ended_s)) {
                sums[index].add(&entry);
            }
            if entry.has_failed() {
                bursts.entry((entry.status, entry.route)).or_default().add(entry.ended_s - from_s);
            }
        })?;
    }
    let mut failures: Vec<Pattern> = bursts.into_iter().map(|(what, burst)| burst.pattern(what)).collect();
    failures.sort_by_key(|pattern| std::cmp::Reverse(pattern.count));
    if sums.iter().all(|sums| sums.requests == 0) {
        return Err(apart(settings, from_s, &phases));
    }
    let phases = phases.into_iter().zip(sums).map(|(phase, sums)| sums.figures(phase)).collect();
    Ok(Analysis { cores: settings.cores, other_lines, phases, failures, seconds })
}

/// A log of another time than the load: nothing can be said of it, least of all that nothing failed.
fn apart(settings: &Settings, log_from_s: f64, phases: &[Phase]) -> Error {
    let told = |at_s: f64| {
        Timestamp::from_millisecond((1000.0 * at_s) as i64).map_or_else(|_| at_s.to_string(), |at| at.to_string())
    };
    let load_from_s = phases.first().map_or(0.0, |phase| phase.from_s);
    Error::NoFigures {
        what: settings.load.as_deref().unwrap_or(Path::new("the load")).display().to_string(),
        reason: format!(
            "none of the log's requests falls into the load: it began at {}, the log at {}; is it the log of this load, and do the \
             clocks agree?",
            told(load_from_s),
            told(log_from_s)
        ),
    }
}

/// Begin of the log and its seconds.
fn overview(settings: &Settings) -> Result<(f64, Vec<Second>), Error> {
    let mut by_second: BTreeMap<i64, Second> = BTreeMap::new();
    for path in &settings.logs {
        log::read(path, |entry| {
            let second = by_second.entry(entry.ended_s.floor() as i64).or_default();
            second.requests += 1;
            second.failed += u64::from(entry.has_failed());
            spread(&entry, &mut by_second);
        })?;
    }
    // Requests that began before the first one ended are no second of their own.
    let mut ended = by_second.iter().filter(|(_, figures)| figures.requests > 0).map(|(second, _)| *second);
    let Some((first, last)) = ended.next().map(|first| (first, ended.next_back().unwrap_or(first))) else {
        let what = settings.logs.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Error::NoFigures {
            what,
            reason: "no access lines in it; run the server with --log json".to_owned(),
        });
    };
    let seconds = (first..=last).map(|second| by_second.get(&second).copied().unwrap_or_default()).collect();
    Ok((first as f64, seconds))
}

/// A request was there from its begin to its end: each second gets its part.
fn spread(entry: &Entry, by_second: &mut BTreeMap<i64, Second>) {
    /// A request longer than this counts for its last part only.
    const LONGEST_S: f64 = 300.0;
    let begun_s = entry.ended_s - (entry.duration_ms / 1000.0).clamp(0.0, LONGEST_S);
    for second in begun_s.floor() as i64..=entry.ended_s.floor() as i64 {
        let part = (entry.ended_s.min(second as f64 + 1.0) - begun_s.max(second as f64)).max(0.0);
        by_second.entry(second).or_default().at_once += part;
    }
}

/// The phases of a load from its JSON report.
fn stages_of(path: &Path) -> Result<Vec<Phase>, Error> {
    let text = fs::read_to_string(path).map_err(|cause| Error::Io { path: path.to_owned(), cause })?;
    let wrong = |reason: &str| Error::Plan { what: path.display().to_string(), reason: reason.to_owned() };
    let json: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let started: Option<Timestamp> = json["load_started_at"].as_str().and_then(|text| text.parse().ok());
    let started = started.ok_or_else(|| wrong("no report of `aurora-perf stress`: `load_started_at` is missing"))?;
    let number = |stage: &Value, name: &str| stage[name].as_f64();
    let stage = |stage: &Value| Some((number(stage, "from_s")?, number(stage, "to_s")?, number(stage, "target")?));
    let stages: Option<Vec<_>> = json["stages"].as_array().and_then(|stages| stages.iter().map(stage).collect());
    let stages = stages.filter(|stages| !stages.is_empty()).ok_or_else(|| wrong("no stages in it"))?;
    Ok(phases::from_stages(started.as_microsecond() as f64 / 1e6, &stages))
}
