//! A process inside "1 core, 2 GB", as a container would hold it: a control group of its own (version 1 or 2) while the
//! measurement lasts. Needs root.

use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use aurora_daemon::size::ByteSize;
use serde::Serialize;

const ROOT: &str = "/sys/fs/cgroup";
/// What the name of each group begins with; the process that it is for follows.
const PREFIX: &str = "aurora-perf-";
/// Processor time is handed out in slices of this length.
const PERIOD_US: u64 = 100_000;

/// What a process may use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// Processor cores.
    pub cores: f64,
    /// Memory, page cache included.
    pub memory_bytes: u64,
}

impl FromStr for Limit {
    type Err = String;

    /// `CORES,MEMORY`, as `1,2GB`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not CORES,MEMORY such as 1,2GB");
        let (cores, memory) = text.split_once(',').ok_or_else(wrong)?;
        let cores: f64 = cores.trim().parse().map_err(|_| wrong())?;
        let memory: ByteSize = memory.trim().parse().map_err(|_| wrong())?;
        // Below this the kernel refuses.
        if !(0.01..=1024.0).contains(&cores) || memory.0 < 1 << 20 {
            return Err(wrong());
        }
        Ok(Self { cores, memory_bytes: memory.0 })
    }
}

/// A process held within a limit. Dropped, it is free again.
#[derive(Debug)]
pub(super) struct Held {
    pid: i32,
    /// The groups made, and where the process was before.
    groups: Vec<(PathBuf, PathBuf)>,
}

impl Held {
    /// Holds a process, threads and later children included.
    pub(super) fn hold(pid: i32, limit: Limit) -> io::Result<Self> {
        let mut held = Self { pid, groups: Vec::new() };
        for (hierarchy, files) in hierarchies(limit) {
            clear(&hierarchy);
            held.enter(&hierarchy, &files)?;
        }
        Ok(held)
    }

    /// Whether it is this process that is held.
    pub(super) fn is_of(&self, pid: i32) -> bool {
        self.pid == pid
    }

    fn enter(&mut self, hierarchy: &Path, files: &[(&str, String)]) -> io::Result<()> {
        let group = hierarchy.join(format!("{PREFIX}{}", self.pid));
        let before = hierarchy.join(home(self.pid, hierarchy));
        fs::create_dir_all(&group)?;
        self.groups.push((group.clone(), before));
        for (name, value) in files {
            fs::write(group.join(name), value)?;
        }
        fs::write(group.join("cgroup.procs"), self.pid.to_string())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let pid = self.pid.to_string();
        for (group, before) in &self.groups {
            // A process that is gone has left the group, and its number may be another's.
            let held = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            if held.lines().any(|held| held == pid) {
                let _ = fs::write(before.join("cgroup.procs"), &pid);
            }
            if let Err(error) = fs::remove_dir(group) {
                tracing::warn!(group = %group.display(), %error, "control group left behind");
            }
        }
    }
}

/// Removes the groups of processes that are gone: a run that was ended at once could not do so itself.
fn clear(hierarchy: &Path) {
    for entry in fs::read_dir(hierarchy).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let pid: Option<i32> = name.strip_prefix(PREFIX).and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // Fails where something is in it all the same.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// The hierarchies to enter, and what to write there.
fn hierarchies(limit: Limit) -> Vec<(PathBuf, Vec<(&'static str, String)>)> {
    let root = Path::new(ROOT);
    let quota_us = (limit.cores * PERIOD_US as f64).round() as u64;
    let memory = limit.memory_bytes.to_string();
    if root.join("cgroup.controllers").exists() {
        let files = vec![("cpu.max", format!("{quota_us} {PERIOD_US}")), ("memory.max", memory)];
        return vec![(root.to_owned(), files)];
    }
    let cpu = vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota_us.to_string())];
    vec![(root.join("cpu"), cpu), (root.join("memory"), vec![("memory.limit_in_bytes", memory)])]
}

/// The group a process is in, relative to the hierarchy; the hierarchy itself when that cannot be told.
fn home(pid: i32, hierarchy: &Path) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let controller = hierarchy.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let line = text.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is_it = controllers.split(',').any(|name| name == controller) || controllers.is_empty();
        is_it.then(|| path.trim_start_matches('/').to_owned())
    });
    line.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_processes_that_are_gone_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let own = format!("{PREFIX}{}", std::process::id());
        let names = ["aurora-perf-2147483647", &own, "aurora-perf-x", "other"];
        names.iter().for_each(|name| fs::create_dir(dir.path().join(name)).unwrap());
        clear(dir.path());
        assert_eq!(names.map(|name| dir.path().join(name).exists()), [false, true, true, true]);
    }

    #[test]
    fn limits_are_read() {
        assert_eq!("1,2GB".parse(), Ok(Limit { cores: 1.0, memory_bytes: 2_000_000_000 }));
        assert_eq!("0.5, 64MiB".parse(), Ok(Limit { cores: 0.5, memory_bytes: 64 << 20 }));
        for wrong in ["", "1", "0,2GB", "x,2GB", "1,2XB", "1,1B"] {
            assert!(wrong.parse::<Limit>().is_err(), "{wrong}");
        }
    }
}
