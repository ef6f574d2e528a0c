//! One look at a process through `/proc`.

use std::str::FromStr;

use procfs::process::Process;

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

impl Watch {
    /// This tool itself: what it costs is part of what is measured.
    pub fn own() -> Self {
        Self { name: "aurora-perf".to_owned(), pid: i32::try_from(std::process::id()).unwrap_or(i32::MAX) }
    }

    /// Looks; `None` when the process is gone.
    pub fn read(&self) -> Option<Reading> {
        let process = Process::new(self.pid).ok()?;
        let stat = process.stat().ok().filter(|stat| stat.state != 'Z')?;
        Some(Reading {
            rss_mb: (stat.rss * procfs::page_size()) as f64 / MB,
            pss_mb: pss_mb(&process),
            cpu_s: (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64,
            threads: stat.num_threads,
            fds: process.fd_count().ok().map(|count| count as u64),
        })
    }
}

fn pss_mb(process: &Process) -> Option<f64> {
    let rollup = process.smaps_rollup().ok()?;
    let pss_bytes = rollup.memory_map_rollup.into_iter().next()?.extension.map.get("Pss").copied()?;
    Some(pss_bytes as f64 / MB)
}

impl FromStr for Watch {
    type Err = String;

    /// `NAME=PID`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let watch = parts.and_then(|(name, pid)| Some(Self { name: name.to_owned(), pid: pid.parse().ok()? }));
        watch.ok_or_else(|| format!("`{text}` is not NAME=PID"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_process_that_is_gone_reads_as_nothing() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let watch = Watch { name: "child".to_owned(), pid: child.id() as i32 };
        child.wait().unwrap();
        assert_eq!(watch.read(), None);
    }
}
