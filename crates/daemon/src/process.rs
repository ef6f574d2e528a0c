//! What this process uses right now, read from `/proc`.

use procfs::process::Process;

/// Resident memory and descriptors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Usage {
    /// Resident set in bytes.
    pub rss_bytes: u64,
    /// Highest resident set so far, in bytes.
    pub peak_rss_bytes: u64,
    /// Open file descriptors.
    pub open_descriptors: u64,
    /// Threads.
    pub threads: u64,
}

/// Usage of the calling process; zeros where `/proc` does not tell.
pub fn usage() -> Usage {
    let Ok(process) = Process::myself() else {
        return Usage::default();
    };
    let status = process.status().ok();
    let kib = |field: Option<u64>| field.unwrap_or(0) * 1024;
    Usage {
        rss_bytes: kib(status.as_ref().and_then(|status| status.vmrss)),
        peak_rss_bytes: kib(status.as_ref().and_then(|status| status.vmhwm)),
        open_descriptors: process.fd_count().unwrap_or(0) as u64,
        threads: status.map_or(0, |status| status.threads),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_running_process_uses_something() {
        let usage = super::usage();
        assert!(usage.rss_bytes > 100_000 && usage.peak_rss_bytes >= usage.rss_bytes / 2, "{usage:?}");
        assert!(usage.open_descriptors >= 3 && usage.threads >= 1, "{usage:?}");
    }
}
