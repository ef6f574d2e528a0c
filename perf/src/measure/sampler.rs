//! Looks at all watched processes at a steady beat, from a thread of its own so that a busy client does not stretch
//! the beat.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Reading, Watch};

/// Time from look to look.
pub const BEAT: Duration = Duration::from_millis(250);

/// After adding up the pages of a process, which stops it for milliseconds if it is large, so many times as long passes
/// before that is done again: at most a fiftieth of a core is spent on it.
const PSS_REST: u32 = 50;

/// One look at one process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds since sampling began.
    pub time_s: f64,
    /// Name of the process.
    pub process: String,
    /// Resident set in MB of 2^20 bytes.
    pub rss_mb: f64,
    /// Proportional set in MB.
    pub pss_mb: Option<f64>,
    /// Cores in use since the look before.
    pub cpu_cores: f64,
    /// Threads.
    pub threads: i64,
    /// Open file descriptors.
    pub fds: Option<u64>,
}

/// What a process used over a stretch of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Name of the process.
    pub process: String,
    /// Resident set at the end, MB.
    pub rss_mb: f64,
    /// Largest resident set, MB.
    pub rss_max_mb: f64,
    /// Largest proportional set, MB.
    pub pss_max_mb: Option<f64>,
    /// Cores in use, on average.
    pub cpu_cores: f64,
    /// Most threads.
    pub threads_max: i64,
    /// Most open file descriptors.
    pub fds_max: Option<u64>,
}

impl Usage {
    /// As metrics `rss_mb.NAME`, `pss_mb.NAME`, `cpu_cores.NAME`, `threads.NAME`, `fds.NAME`; the highest stays.
    pub fn add_to(&self, metrics: &mut BTreeMap<String, f64>) {
        let mut most = |name: &str, value: Option<f64>| {
            let Some(value) = value else { return };
            let metric = metrics.entry(format!("{name}.{}", self.process)).or_insert(value);
            *metric = metric.max(value);
        };
        most("rss_mb", Some(self.rss_max_mb));
        most("pss_mb", self.pss_max_mb);
        most("cpu_cores", Some(self.cpu_cores));
        most("threads", Some(self.threads_max as f64));
        most("fds", self.fds_max.map(|fds| fds as f64));
    }
}

/// A running thread of looks.
pub struct Sampler {
    watches: Arc<Mutex<Vec<Watch>>>,
    started: Instant,
    seen: Arc<Mutex<Seen>>,
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    /// The newest reading of each process by name, also of those that are gone.
    newest: BTreeMap<String, Reading>,
}

impl Sampler {
    /// Begins to look.
    pub fn start(watches: Vec<Watch>) -> Self {
        let (stop, stopped) = mpsc::channel();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let started = Instant::now();
        let watches = Arc::new(Mutex::new(watches));
        let thread = {
            let (watches, seen) = (Arc::clone(&watches), Arc::clone(&seen));
            thread::spawn(move || look_until(&stopped, started, &watches, &seen))
        };
        Self { watches, started, seen, stop, thread }
    }

    /// Seconds since sampling began.
    pub fn time_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Readings of the processes that are there.
    pub fn read(&self) -> Vec<(String, Reading)> {
        let look = |watch: &Watch| Some((watch.name.clone(), watch.read()?));
        self.watches.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(look).collect()
    }

    /// Readings of the processes that are there, and the last ones of those that are gone.
    pub fn read_last(&self) -> Vec<(String, Reading)> {
        let mut last = self.seen().newest.clone();
        last.extend(self.read());
        last.into_iter().collect()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches another process under this name from now on: it was restarted, or joined.
    pub fn watch(&self, watch: Watch) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        match watches.iter_mut().find(|other| other.name == watch.name) {
            Some(other) => *other = watch,
            None => watches.push(watch),
        }
    }

    /// What each process used between two readings and the moments they were taken at.
    pub fn usage(
        &self,
        before: &[(String, Reading)],
        after: &[(String, Reading)],
        from_s: f64,
        to_s: f64,
    ) -> Vec<Usage> {
        let seen = self.seen();
        let between: Vec<&Sample> =
            seen.samples.iter().filter(|sample| (from_s..=to_s).contains(&sample.time_s)).collect();
        let usage = |(name, last): &(String, Reading)| {
            // A process that began between has used nothing before.
            let first = before.iter().find(|(other, reading)| other == name && reading.cpu_s <= last.cpu_s);
            let first_cpu_s = first.map_or(0.0, |(_, first)| first.cpu_s);
            let own = || between.iter().filter(|sample| sample.process == *name);
            Usage {
                process: name.clone(),
                rss_mb: last.rss_mb,
                rss_max_mb: own().map(|sample| sample.rss_mb).fold(last.rss_mb, f64::max),
                pss_max_mb: own().filter_map(|sample| sample.pss_mb).chain(last.pss_mb).reduce(f64::max),
                cpu_cores: (last.cpu_s - first_cpu_s) / (to_s - from_s).max(f64::EPSILON),
                threads_max: own().map(|sample| sample.threads).fold(last.threads, i64::max),
                fds_max: own().filter_map(|sample| sample.fds).chain(last.fds).max(),
            }
        };
        after.iter().map(usage).collect()
    }

    /// Stops looking and hands over everything seen.
    pub fn finish(self) -> Vec<Sample> {
        drop(self.stop);
        // A panic of the thread would already have been printed; what it saw before is still good.
        let _ = self.thread.join();
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).samples)
    }
}

fn look_until(stopped: &mpsc::Receiver<()>, started: Instant, watches: &Mutex<Vec<Watch>>, seen: &Mutex<Seen>) {
    let mut before: HashMap<i32, (f64, Reading)> = HashMap::new();
    let mut scales: HashMap<i32, Scale> = HashMap::new();
    loop {
        let now = watches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for watch in &now {
            let Some(reading) = watch.read_but_pss() else { continue };
            let reading = Reading { pss_mb: scales.entry(watch.pid).or_default().pss_mb(watch), ..reading };
            let time_s = started.elapsed().as_secs_f64();
            let sample = sample(&watch.name, time_s, reading, before.insert(watch.pid, (time_s, reading)));
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.samples.push(sample);
            seen.newest.insert(watch.name.clone(), reading);
        }
        if stopped.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

/// The proportional set of a process, looked at as often as that is cheap.
#[derive(Default)]
struct Scale {
    pss_mb: Option<f64>,
    rests_until: Option<Instant>,
}

impl Scale {
    fn pss_mb(&mut self, watch: &Watch) -> Option<f64> {
        let begun = Instant::now();
        if self.rests_until.is_none_or(|until| begun >= until) {
            self.pss_mb = watch.pss_mb();
            self.rests_until = Some(begun + begun.elapsed() * PSS_REST);
        }
        self.pss_mb
    }
}

fn sample(name: &str, time_s: f64, reading: Reading, before: Option<(f64, Reading)>) -> Sample {
    let cores = |(then_s, then): (f64, Reading)| (reading.cpu_s - then.cpu_s) / (time_s - then_s).max(f64::EPSILON);
    Sample {
        time_s,
        process: name.to_owned(),
        rss_mb: reading.rss_mb,
        pss_mb: reading.pss_mb,
        cpu_cores: before.map_or(0.0, cores),
        threads: reading.threads,
        fds: reading.fds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_shows_as_cores_in_use() {
        let sampler = Sampler::start(vec![Watch::own()]);
        let (before, from_s) = (sampler.read(), sampler.time_s());
        let mut sum = 0_u64;
        while sampler.time_s() < from_s + 0.6 {
            sum = (0..100_000).fold(sum, |sum, i| std::hint::black_box(sum.wrapping_add(i)));
        }
        let (after, to_s) = (sampler.read(), sampler.time_s());
        let usage = sampler.usage(&before, &after, from_s, to_s);
        assert_eq!(usage.len(), 1);
        assert!(usage[0].cpu_cores > 0.05, "{usage:?} {sum}");
        assert!(usage[0].rss_max_mb > 1.0 && usage[0].threads_max >= 2);
        assert!(sampler.finish().len() >= 2);
    }
}
