//! Threads and client processes that carry a load, and what they report.
//!
//! One process is enough until its descriptors run out; then the load is spread over several, each a copy of this
//! program that takes its part of the plan as JSON on standard input and answers with a slice a line.

use std::{
    io::{BufRead, BufReader, Write},
    net::{IpAddr, Ipv4Addr},
    process::{Child, Command, Stdio},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::{
    Map, Plan, Target, Timeline, interrupt,
    timeline::Slice,
    worker::{Part, Worker},
};
use crate::{Error, measure::Watch, user::Recorder};

/// Descriptors a client process keeps for itself.
const RESERVE: usize = 256;
/// Connections from one source address; the kernel has about 28,000 ports for each.
const CONNECTIONS_PER_SOURCE: usize = 10_000;
/// Source addresses of loopback used at most.
const MAX_SOURCES: usize = 64;
/// From the order to the start, so that all processes begin together.
const LEAD: Duration = Duration::from_millis(300);
/// The hidden command of a client process.
const WORKER_COMMAND: &str = "worker";

/// How many threads and processes carry a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Client processes; 1 is this process itself.
    pub processes: usize,
    /// Threads of each.
    pub threads: usize,
}

/// What a client process is told.
#[derive(Serialize, Deserialize)]
struct Order {
    plan: Plan,
    parts: Vec<Part>,
    /// Start, in milliseconds of the Unix epoch.
    start_at_ms: u64,
}

/// A load under way.
pub struct Crew {
    stop: Arc<AtomicBool>,
    slices: mpsc::Receiver<Slice>,
    threads: Vec<JoinHandle<Result<(), Error>>>,
    children: Vec<Child>,
    /// For each child, whether it said what is no slice; it is not listened to any further then.
    garbled: Vec<Arc<AtomicBool>>,
    started: Instant,
}

impl Size {
    /// As many processes as the plan's descriptors need (or the number wanted), a thread a core shared among them.
    pub fn for_plan(plan: &Plan, processes: Option<usize>, threads: Option<usize>) -> Self {
        let limit = rlimit::increase_nofile_limit(u64::MAX).map_or(1024, |limit| limit as usize);
        let room = limit.saturating_sub(RESERVE).max(1);
        let processes = processes.unwrap_or_else(|| plan.peak_descriptors().div_ceil(room)).max(1);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { processes, threads: threads.unwrap_or_else(|| cores.div_ceil(processes)).max(1) }
    }
}

/// Source addresses for a load: those named, else on loopback as many as ports require, else the kernel's choice.
pub fn sources_for(named: &[IpAddr], loopback: bool, descriptors: usize) -> Vec<IpAddr> {
    if !named.is_empty() || !loopback || descriptors <= CONNECTIONS_PER_SOURCE {
        return named.to_vec();
    }
    let count = descriptors.div_ceil(CONNECTIONS_PER_SOURCE).min(MAX_SOURCES) as u8;
    (2..2 + count).map(|last| IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))).collect()
}

impl Crew {
    /// Begins a load.
    ///
    /// # Errors
    /// [`Error::Crew`] when a client process cannot be started, [`Error::Io`] when sessions cannot be recorded.
    pub fn start(plan: &Plan, size: Size) -> Result<Self, Error> {
        if let Target::Map(Map { record: Some(path), .. }) = &plan.target {
            // Whoever carries the load adds to it.
            Recorder::create(path)?;
        }
        let of = size.processes * size.threads;
        let parts: Vec<Part> = (0..of).map(|index| Part { index, of }).collect();
        let (sender, slices) = mpsc::channel();
        let mut crew = Self {
            stop: Arc::default(),
            slices,
            threads: Vec::new(),
            children: Vec::new(),
            garbled: Vec::new(),
            started: Instant::now() + LEAD,
        };
        if size.processes == 1 {
            crew.threads = start_threads(plan, &parts, crew.started, &crew.stop, &sender);
            return Ok(crew);
        }
        let start_at_ms = unix_ms() + LEAD.as_millis() as u64;
        // Neighbouring users go to different processes, so that all of them grow alike.
        for process in 0..size.processes {
            let parts = parts.iter().copied().filter(|part| part.index % size.processes == process).collect();
            let order = Order { plan: plan.clone(), parts, start_at_ms };
            crew.start_child(&order, sender.clone())?;
        }
        Ok(crew)
    }

    fn start_child(&mut self, order: &Order, sender: Sender<Slice>) -> Result<(), Error> {
        let failed = |error: std::io::Error| Error::Crew { reason: error.to_string() };
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(program)
            .arg(WORKER_COMMAND)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let text = serde_json::to_string(order).map_err(|error| Error::Crew { reason: error.to_string() })?;
        // Standard input stays open: its end tells the child to stop.
        let stdin = child.stdin.as_mut().ok_or_else(|| Error::Crew { reason: "no standard input".to_owned() })?;
        writeln!(stdin, "{text}").and_then(|()| stdin.flush()).map_err(failed)?;
        let stdout = child.stdout.take().ok_or_else(|| Error::Crew { reason: "no standard output".to_owned() })?;
        self.children.push(child);
        let garbled = Arc::new(AtomicBool::new(false));
        self.garbled.push(Arc::clone(&garbled));
        self.threads.push(thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                // Half a line is what a child leaves that was killed.
                let Ok(slice) = serde_json::from_str::<Slice>(&line) else {
                    garbled.store(true, Relaxed);
                    break;
                };
                if sender.send(slice).is_err() {
                    break;
                }
            }
            Ok(())
        }));
        Ok(())
    }

    /// When the first user came, or will.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The client processes, to be watched; none when the load is carried by this process.
    pub fn watches(&self) -> Vec<Watch> {
        let watch =
            |(index, child): (usize, &Child)| Watch { name: format!("client-{}", index + 1), pid: child.id() as i32 };
        self.children.iter().enumerate().map(watch).collect()
    }

    /// Follows the load to its end. `seen` is called whenever something new is known, with the newest second that all
    /// had time to report, and may stop the load by answering false.
    ///
    /// # Errors
    /// [`Error::Crew`] and what else befell a thread or process.
    pub fn follow(mut self, mut seen: impl FnMut(u32, &Timeline) -> bool) -> Result<Timeline, Error> {
        let mut timeline = Timeline::default();
        loop {
            match self.slices.recv_timeout(Duration::from_millis(100)) {
                Ok(slice) => {
                    timeline.add(&slice);
                    // Not before all had time to report.
                    let known = slice.second.saturating_sub(1);
                    if timeline.frames.contains_key(&known) && !seen(known, &timeline) {
                        self.halt();
                    }
                }
                Err(RecvTimeoutError::Timeout) if self.threads.iter().all(JoinHandle::is_finished) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        while let Ok(slice) = self.slices.try_recv() {
            timeline.add(&slice);
        }
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| Error::Crew { reason: "a client thread panicked".to_owned() })??;
        }
        let is_lost = |(child, garbled): (&mut Child, &Arc<AtomicBool>)| {
            garbled.load(Relaxed) || !child.wait().is_ok_and(|status| status.success())
        };
        timeline.clients_lost = self.children.iter_mut().zip(&self.garbled).map(is_lost).filter(|lost| *lost).count();
        Ok(timeline)
    }

    /// Users stop after the round they are in; client processes end.
    fn halt(&mut self) {
        self.stop.store(true, Relaxed);
        for child in &mut self.children {
            drop(child.stdin.take());
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.halt();
        for child in &mut self.children {
            // Already ended after a whole run; an early end must not leave users behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn start_threads(
    plan: &Plan,
    parts: &[Part],
    started: Instant,
    stop: &Arc<AtomicBool>,
    slices: &Sender<Slice>,
) -> Vec<JoinHandle<Result<(), Error>>> {
    let (plan, recorder) = (Arc::new(plan.clone()), Arc::new(OnceLock::new()));
    let start = |part: &Part| {
        let worker = Worker {
            plan: Arc::clone(&plan),
            part: *part,
            started,
            stop: Arc::clone(stop),
            recorder: Arc::clone(&recorder),
        };
        let slices = slices.clone();
        thread::spawn(move || worker.run(&slices))
    };
    parts.iter().map(start).collect()
}

/// A client process: takes its order from standard input, prints slices, ends with its input or its work.
///
/// # Errors
/// [`Error::Crew`] when the order is none, and what befell a thread.
pub fn run_worker() -> Result<(), Error> {
    let wrong = |reason: String| Error::Crew { reason };
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|error| wrong(error.to_string()))?;
    let order: Order = serde_json::from_str(&line).map_err(|error| wrong(error.to_string()))?;
    // The limit is per process; the parent raised only its own.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    // Ctrl-C reaches the whole group of processes: this one must still report.
    let stop = interrupt::asked();
    {
        let stop = Arc::clone(&stop);
        thread::spawn(move || {
            let _ = std::io::stdin().lock().lines().count();
            stop.store(true, Relaxed);
        });
    }
    let lead = Duration::from_millis(order.start_at_ms.saturating_sub(unix_ms()));
    let (sender, slices) = mpsc::channel();
    let threads = start_threads(&order.plan, &order.parts, Instant::now() + lead, &stop, &sender);
    drop(sender);
    let mut stdout = std::io::stdout().lock();
    for slice in slices {
        let text = serde_json::to_string(&slice).map_err(|error| wrong(error.to_string()))?;
        if writeln!(stdout, "{text}").and_then(|()| stdout.flush()).is_err() {
            stop.store(true, Relaxed);
        }
    }
    for thread in threads {
        thread.join().map_err(|_| wrong("a client thread panicked".to_owned()))??;
    }
    Ok(())
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_gets_as_many_addresses_as_ports_need() {
        assert!(sources_for(&[], true, 9_000).is_empty());
        assert_eq!(sources_for(&[], true, 25_000).len(), 3);
        assert!(sources_for(&[], false, 25_000).is_empty());
        let named = ["192.0.2.7".parse().unwrap()];
        assert_eq!(sources_for(&named, true, 25_000), named);
    }
}
