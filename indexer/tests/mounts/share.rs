//! A folder on a server of our own that is mounted over the network, whatever the protocol.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// A server on loopback, and what it shows mounted at a folder.
pub(crate) trait Share {
    /// The folder that the server shows.
    fn source(&self) -> PathBuf;

    /// Mounts it again after [`unmount`](Self::unmount).
    fn mount(&self);

    /// Takes the mount away; the folder below it is seen again.
    fn unmount(&self);

    /// Sends a signal to the processes that serve the mount: stopped ones make every call on it hang.
    fn signal(&self, sent: Signal);
}

/// Takes a FUSE mount away even if something in it is open.
pub(crate) fn unmount(mounted: &Path) {
    let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(mounted).stderr(Stdio::null()).status();
}

/// Whether one may mount here, and all of these programs are there; says so where not.
pub(crate) fn can_mount(programs: &[&str]) -> bool {
    let needed = programs.iter().chain(&["/usr/bin/fusermount3", "/dev/fuse"]);
    let missing: Vec<_> = needed.filter(|path| !Path::new(path).exists()).collect();
    let can = missing.is_empty() && rustix::process::geteuid().is_root();
    if !can {
        let why = format!("this is not root, or {missing:?} are missing here (deploy/setup.sh installs them)");
        aurora_database::trial::skipped(&why);
    }
    can
}

/// Whether an attempt to mount went well; says so where mounting is not permitted, and fails where it is.
pub(crate) fn is_mounted(attempt: Result<(), String>) -> bool {
    match attempt {
        Err(said) if said.contains("not permitted") => {
            aurora_database::trial::skipped(&format!("mounting is not permitted here: {said}"));
            false
        }
        mounted => {
            mounted.unwrap();
            true
        }
    }
}

/// A process and all that it has started, itself first.
pub(crate) fn family(server: &Child) -> Vec<i32> {
    let mut family = vec![server.id().cast_signed()];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(children(parent));
        at += 1;
    }
    family
}

/// Sends a signal to processes that may have ended.
pub(crate) fn signal(pids: &[i32], sent: Signal) {
    for pid in pids {
        let _ = kill_process(Pid::from_raw(*pid).unwrap(), sent);
    }
}

fn children(parent: i32) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_child = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().nth(1).map(ToOwned::to_owned));
        fields.flatten() == Some(parent.to_string())
    };
    pids.filter(is_child).collect()
}
