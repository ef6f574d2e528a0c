//! One look at a process, or at the whole machine, through `/proc`.

use std::str::FromStr;

use procfs::{Current, CurrentSI, process::Process};

/// A process to watch, by the name it has in reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// `server`, `indexer`, or any other.
    pub name: String,
    /// Process id.
    pub pid: i32,
}

/// What a process uses at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Resident set in MB of 2^20 bytes.
    pub rss_mb: f64,
    /// Proportional set in MB; `None` where the kernel does not let us look.
    pub pss_mb: Option<f64>,
    /// Processor seconds since it started, user and system.
    pub cpu_s: f64,
    /// Threads.
    pub threads: i64,
    /// Open file descriptors; `None` where the kernel does not let us look.
    pub fds: Option<u64>,
}

const MB: f64 = 1_048_576.0;

/// Name of the whole machine among processes.
pub const MACHINE: &str = "machine";
/// No process has this id.
const MACHINE_PID: i32 = 0;

impl Watch {
    /// This tool itself: what it costs is part of what is measured.
    pub fn own() -> Self {
        Self { name: "aurora-perf".to_owned(), pid: i32::try_from(std::process::id()).unwrap_or(i32::MAX) }
    }

    /// All of this machine: processor time of everybody, memory that is not available, descriptors of all.
    pub fn machine() -> Self {
        Self { name: MACHINE.to_owned(), pid: MACHINE_PID }
    }

    /// Looks; `None` when the process is gone.
    pub fn read(&self) -> Option<Reading> {
        self.read_but_pss().map(|reading| Reading { pss_mb: self.pss_mb(), ..reading })
    }

    /// All but the proportional set, which is the only thing that takes long.
    pub(super) fn read_but_pss(&self) -> Option<Reading> {
        if self.pid == MACHINE_PID {
            return machine();
        }
        let process = Process::new(self.pid).ok()?;
        let stat = process.stat().ok().filter(|stat| stat.state != 'Z')?;
        Some(Reading {
            rss_mb: (stat.rss * procfs::page_size()) as f64 / MB,
            pss_mb: None,
            cpu_s: cpu_s(self.pid).unwrap_or((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64),
            threads: stat.num_threads,
            fds: process.fd_count().ok().map(|count| count as u64),
        })
    }

    /// Its proportional set in MB. The kernel goes through all its pages: milliseconds for some hundred MB.
    pub(super) fn pss_mb(&self) -> Option<f64> {
        if self.pid == MACHINE_PID {
            return None;
        }
        let rollup = Process::new(self.pid).ok()?.smaps_rollup().ok()?;
        let pss_bytes = rollup.memory_map_rollup.into_iter().next()?.extension.map.get("Pss").copied()?;
        Some(pss_bytes as f64 / MB)
    }
}

/// Processor seconds of a process by its own clock, which counts nanoseconds where `/proc` counts ticks of a hundredth:
/// over a step of milliseconds those would be nothing or many times too much.
#[allow(unsafe_code, reason = "a clock of the C library")]
fn cpu_s(pid: i32) -> Option<f64> {
    let mut clock = 0;
    // SAFETY: the call writes the clock's number and nothing else.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes the time and nothing else.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (read == 0).then(|| time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

fn machine() -> Option<Reading> {
    let cpu = procfs::KernelStats::current().ok()?.total;
    // What a hypervisor gave to others was not used here.
    let busy = [Some(cpu.user), Some(cpu.nice), Some(cpu.system), cpu.irq, cpu.softirq];
    let memory = procfs::Meminfo::current().ok()?;
    let used_bytes = memory.mem_total.saturating_sub(memory.mem_available.unwrap_or(memory.mem_free));
    Some(Reading {
        rss_mb: used_bytes as f64 / MB,
        pss_mb: None,
        cpu_s: busy.into_iter().flatten().sum::<u64>() as f64 / procfs::ticks_per_second() as f64,
        threads: 0,
        fds: None,
    })
}

impl FromStr for Watch {
    type Err = String;

    /// `NAME=PID` of a process that is there.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let watch = parts.and_then(|(name, pid)| Some(Self { name: name.to_owned(), pid: pid.parse().ok()? }));
        let watch = watch.ok_or_else(|| format!("`{text}` is not NAME=PID"))?;
        match watch.read() {
            Some(_) => Ok(watch),
            None => Err(format!("there is no process {}, or it may not be looked at", watch.pid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_is_there_is_watched() {
        let own = std::process::id();
        assert_eq!(format!("a={own}").parse::<Watch>().unwrap().pid, Watch::own().pid);
        assert!("a=2147483647".parse::<Watch>().unwrap_err().contains("no process 2147483647"));
        assert!("a=x".parse::<Watch>().is_err());
    }

    #[test]
    fn a_process_sees_itself_grow() {
        let before = Watch::own().read().unwrap();
        let block = std::hint::black_box(vec![1_u8; 64 << 20]);
        let after = Watch::own().read().unwrap();
        assert!(after.rss_mb - before.rss_mb > 60.0, "{before:?} {after:?}");
        drop(std::hint::black_box(block));
        assert!(after.pss_mb.unwrap() > 60.0 && after.fds.unwrap() >= 3 && after.threads >= 1);
    }

    #[test]
    fn the_machine_is_at_least_as_busy_as_one_of_its_processes() {
        let (machine, own) = (Watch::machine().read().unwrap(), Watch::own().read().unwrap());
        assert!(machine.cpu_s >= own.cpu_s && machine.rss_mb > 1.0, "{machine:?} {own:?}");
    }

    #[test]
    fn milliseconds_of_work_are_seen() {
        let (begun, before) = (std::time::Instant::now(), Watch::own().read().unwrap());
        while begun.elapsed() < std::time::Duration::from_millis(3) {
            std::hint::black_box(begun.elapsed());
        }
        let used_s = Watch::own().read().unwrap().cpu_s - before.cpu_s;
        let least_s = 1e-6;
        assert!(used_s > least_s && used_s < 60.0, "{used_s}");
    }

    #[test]
    fn a_process_that_is_gone_reads_as_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let watch = Watch { name: "child".to_owned(), pid: child.id() as i32 };
        child.wait().unwrap();
        assert_eq!(watch.read(), None);
    }
}
