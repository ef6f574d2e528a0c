//! A load with everything that is measured beside it: processes, probes, and the tool itself.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;

use super::{Crew, Frame, Plan, Size, Timeline, asked_to_stop, exposition::Exposition};
use crate::{
    Error,
    measure::{Account, Count, Probe, Prober, Reading, Sample, Sampler, Tally, Trend, Usage, Watch},
    report::Note,
};

/// From this lateness on latencies contain the tool's own waiting.
const LATE_MS: f64 = 50.0;

/// From line to line of a log without a progress bar.
const LOG_EVERY_S: u32 = 10;

/// Everything measured of one load.
pub struct Measured {
    /// Second by second. Seconds count from when the first user came.
    pub timeline: Timeline,
    /// Every look at every process; their times count from the same moment.
    pub samples: Vec<Sample>,
    /// What each process used over the whole load.
    pub usage: Vec<Usage>,
    /// What the probes were answered.
    pub accounts: Vec<Account>,
    /// Threads and processes that carried it.
    pub size: Size,
    /// When the first user came, RFC 3339: second 0 of everything.
    pub started_at: String,
    /// Length in seconds.
    pub length_s: f64,
    /// Length that the plan's stages have, in seconds.
    pub planned_s: f64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Processes that were watched and ended meanwhile.
    pub gone: Vec<String>,
}

/// What to measure beside the load, and whether to show progress.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Processes to watch.
    pub watches: Vec<Watch>,
    /// Addresses to ask once a second.
    pub probes: Vec<Probe>,
    /// Message of the progress bar.
    pub message: String,
    /// File that holds what is known so far in Prometheus' text format, each second.
    pub prometheus: Option<PathBuf>,
}

/// Carries a load and measures, to its end or until Ctrl-C or SIGTERM.
///
/// # Errors
/// [`Error::Crew`], [`Error::Address`].
pub fn measure(plan: &Plan, size: Size, beside: &Beside) -> Result<Measured, Error> {
    let sampler = Sampler::start(beside.watches.iter().cloned().chain([Watch::machine()]).collect());
    let crew = Crew::start(plan, size)?;
    crew.watches().into_iter().for_each(|watch| sampler.watch(watch));
    let prober = Prober::start(beside.probes.clone(), crew.started())?;
    let lead = crew.started().saturating_duration_since(Instant::now());
    let (before, offset_s) = (sampler.read(), sampler.time_s() + lead.as_secs_f64());
    let started_at = (Timestamp::now() + jiff::SignedDuration::try_from(lead).unwrap_or_default()).to_string();
    let bar = progress_bar(plan.stages.duration(), &beside.message);
    let (stop, mut newest) = (asked_to_stop(), None);
    let mut exposition = beside.prometheus.as_deref().map(Exposition::new);
    let timeline = crew.follow(|second, timeline| {
        let frame = &timeline.frames[&second];
        tell(&bar, second, frame);
        if newest.is_none_or(|newest| second > newest) {
            log_progress(&bar, second, frame);
            newest = Some(second);
            exposition.iter_mut().for_each(|exposition| exposition.write(timeline, second));
        }
        !stop.load(Relaxed)
    })?;
    exposition.iter_mut().for_each(|exposition| exposition.finish(&timeline));
    let interrupted = stop.load(Relaxed);
    bar.finish_and_clear();
    let to_s = sampler.time_s();
    // Client processes are gone by now.
    let usage = sampler.usage(&before, &sampler.read_last(), offset_s, to_s);
    let gone = gone(&beside.watches, &before);
    let accounts = prober.finish();
    let mut samples = sampler.finish();
    samples.iter_mut().for_each(|sample| sample.time_s -= offset_s);
    samples.retain(|sample| sample.time_s >= 0.0);
    let (length_s, planned_s) = (to_s - offset_s, plan.stages.duration().as_secs_f64());
    Ok(Measured { timeline, samples, usage, accounts, size, started_at, length_s, planned_s, interrupted, gone })
}

/// Those that could be read before and cannot be now.
fn gone(watches: &[Watch], before: &[(String, Reading)]) -> Vec<String> {
    let was_there = |watch: &&Watch| before.iter().any(|(name, _)| *name == watch.name);
    let gone = watches.iter().filter(was_there).filter(|watch| watch.read().is_none());
    gone.map(|watch| watch.name.clone()).collect()
}

impl Measured {
    /// Whether all that was watched and all that carried the load was there to the end.
    pub fn is_whole(&self) -> bool {
        self.timeline.clients_lost == 0 && self.gone.is_empty()
    }

    /// Seconds of the plan that were carried: all of them unless it was stopped, or nobody was left to carry it.
    pub fn carried_s(&self) -> f64 {
        let is_whole = !self.interrupted && self.timeline.clients_lost == 0;
        if is_whole { self.planned_s } else { self.planned_s.min(self.length_s) }
    }

    /// All of it as metrics: the tally's, rates a second, processes', probes'.
    pub fn metrics(&self, total: &Tally, load_s: f64) -> BTreeMap<String, f64> {
        let mut metrics = total.metrics();
        let rate = |count: Count| total.count(count) as f64 / load_s.max(f64::EPSILON);
        metrics.insert("http_reqs.rate".to_owned(), rate(Count::HttpReqs));
        metrics.insert("iterations.rate".to_owned(), rate(Count::Iterations));
        metrics.insert("data_received.rate".to_owned(), rate(Count::DataReceived));
        metrics.extend(self.users());
        self.usage.iter().for_each(|usage| usage.add_to(&mut metrics));
        metrics.insert(format!("cpu_cores.{}", Watch::own().name), self.own_cores());
        for account in &self.accounts {
            metrics.insert(format!("{}.failed", account.name), account.failed as f64);
            for (quantile, ms) in account.durations.named() {
                metrics.insert(format!("{}.{quantile}", account.name), ms);
            }
        }
        metrics.insert("tool_lateness.p99".to_owned(), self.timeline.lateness.quantile_ms(0.99));
        metrics
    }

    /// `vus`, the users there at last within the plan's stages, and `vus_max`, the most.
    fn users(&self) -> [(String, f64); 2] {
        let frames = self.timeline.frames.iter();
        let mut present = frames.filter(|(second, frame)| f64::from(**second) < self.planned_s && frame.users > 0);
        let last = present.next_back().map_or(0, |(_, frame)| frame.users);
        let most = self.timeline.frames.values().map(|frame| frame.users).max().unwrap_or(0);
        [("vus", last), ("vus_max", most)].map(|(name, users)| (name.to_owned(), users as f64))
    }

    /// Cores this tool used, client processes included.
    pub fn own_cores(&self) -> f64 {
        own_cores(&self.usage)
    }

    /// What a reader must bear in mind, given the cores this tool used when it was busiest.
    pub fn notes(&self, total: &Tally, busiest_cores: f64) -> Vec<Note> {
        let mut notes: Vec<Note> = Note::of_own_cost(busiest_cores).into_iter().collect();
        let late_ms = self.timeline.lateness.quantile_ms(0.99);
        if late_ms > LATE_MS {
            notes.push(Note::ToolLate { p99_ms: late_ms as u32 });
        }
        let own = total.failures.iter().filter(|(failure, _)| failure.is_own()).map(|(_, seen)| seen.count).sum();
        if own > 0 {
            notes.push(Note::ToolFailed { requests: own });
        }
        notes.extend(self.gone.iter().map(|process| Note::Gone { process: process.clone() }));
        if self.timeline.clients_lost > 0 {
            notes.push(Note::ClientsLost { processes: self.timeline.clients_lost });
        }
        let dropped = total.count(Count::DroppedIterations);
        if dropped > 0 {
            notes.push(Note::Dropped { rounds: dropped, of: dropped + total.count(Count::Iterations) });
        }
        if self.timeline.ran_out {
            notes.push(Note::DistinctRanOut);
        }
        if self.interrupted {
            notes.push(Note::Interrupted);
        }
        notes
    }
}

/// Cores used by this tool, client processes included.
pub(crate) fn own_cores(usage: &[Usage]) -> f64 {
    let own = Watch::own().name;
    let is_own = |usage: &&Usage| usage.process == own || usage.process.starts_with("client-");
    usage.iter().filter(is_own).map(|usage| usage.cpu_cores).sum()
}

/// The load's progress, on standard error and only when that is a terminal.
fn progress_bar(length: Duration, message: &str) -> ProgressBar {
    let bar = ProgressBar::new(length.as_secs().max(1)).with_prefix(message.to_owned());
    let style = ProgressStyle::with_template("{spinner} {prefix} {wide_bar} {pos}/{len} s  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

fn tell(bar: &ProgressBar, second: u32, frame: &Frame) {
    let p95_ms = frame.tally.trends.get(&Trend::HttpReqDuration).map_or(0.0, |durations| durations.quantile_ms(0.95));
    let (requests, failed) = (frame.tally.count(Count::HttpReqs), frame.tally.failed_share());
    bar.set_position(u64::from(second));
    bar.set_message(format!("{} users, {requests}/s, {:.2} % failed, p95 {p95_ms:.0} ms", frame.users, 100.0 * failed));
}

/// Where no bar is seen, a line now and then.
fn log_progress(bar: &ProgressBar, second: u32, frame: &Frame) {
    if bar.is_hidden() && second > 0 && second.is_multiple_of(LOG_EVERY_S) {
        let (requests, failed) = (frame.tally.count(Count::HttpReqs), frame.tally.failed_share());
        tracing::info!(second, users = frame.users, requests, failed, "under load");
    }
}
