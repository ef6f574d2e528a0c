//! A root on a real network file system (sshfs to a server of our own) that tells of nothing, hangs, goes away and comes
//! back.

mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use support::{COPY, Indexer, tiff, until};

/// An SSH server on loopback, and what it shows mounted at a folder.
struct Share {
    server: Child,
    port: u16,
    keys: tempfile::TempDir,
    mounted: PathBuf,
}

impl Share {
    /// `None`, saying so, where there is no sshfs or mounting is not permitted.
    fn start(mounted: &Path) -> Option<Self> {
        let needed = ["/usr/sbin/sshd", "/usr/bin/sshfs", "/usr/bin/fusermount3", "/dev/fuse"];
        if !needed.iter().all(|path| Path::new(path).exists()) || !rustix::process::geteuid().is_root() {
            aurora_database::trial::skipped(
                "there is no sshfs and sshd here (deploy/setup.sh installs them), or this is not root",
            );
            return None;
        }
        let keys = tempfile::tempdir().unwrap();
        for name in ["host", "client"] {
            let mut making = Command::new("ssh-keygen");
            making.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(keys.path().join(name));
            assert!(making.status().unwrap().success());
        }
        fs::create_dir_all("/run/sshd").unwrap();
        fs::create_dir(keys.path().join("source")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string(), "-h"])
            .arg(keys.path().join("host"))
            .arg(format!("-oAuthorizedKeysFile={}", keys.path().join("client.pub").display()))
            .args(["-oListenAddress=127.0.0.1", "-oStrictModes=no", "-oPermitRootLogin=yes", "-oUsePAM=no"])
            .args(["-oSubsystem=sftp internal-sftp", "-oPidFile=none"])
            .stdin(Stdio::null())
            .stderr(fs::File::create(keys.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let share = Self { server, port, keys, mounted: mounted.to_owned() };
        until("an SSH server", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        match share.try_mount() {
            Err(said) if said.contains("not permitted") => {
                aurora_database::trial::skipped(&format!("mounting is not permitted here: {said}"));
                None
            }
            mounted => {
                mounted.unwrap();
                Some(share)
            }
        }
    }

    fn source(&self) -> PathBuf {
        self.keys.path().join("source")
    }

    fn mount(&self) {
        self.try_mount().unwrap();
    }

    /// Mounts the source, or answers what was said.
    fn try_mount(&self) -> Result<(), String> {
        let mounting = Command::new("sshfs")
            .arg(format!("root@127.0.0.1:{}", self.source().display()))
            .arg(&self.mounted)
            .arg(format!("-oport={},IdentityFile={}", self.port, self.keys.path().join("client").display()))
            .args(["-oStrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,PasswordAuthentication=no"])
            .args(["-ocache=no", "-F", "/dev/null"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let log = fs::read_to_string(self.keys.path().join("log")).unwrap_or_default();
        let said = format!("{}\n{log}", String::from_utf8_lossy(&mounting.stderr));
        if mounting.status.success() { Ok(()) } else { Err(said) }
    }

    fn unmount(&self) {
        let _ = Command::new("fusermount3").args(["-u", "-z"]).arg(&self.mounted).stderr(Stdio::null()).status();
    }

    /// The processes that serve the mount: what the server has started.
    fn sessions(&self) -> Vec<i32> {
        let mut family = vec![self.server.id().cast_signed()];
        let mut at = 0;
        while let Some(parent) = family.get(at).copied() {
            family.extend(children(parent));
            at += 1;
        }
        family.split_off(1)
    }

    fn signal(&self, signal: Signal) {
        for pid in self.sessions() {
            let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
        }
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

impl Drop for Share {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        self.unmount();
        self.signal(Signal::KILL);
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What hangs is let go before the indexer is ended: a process inside a call to a dead mount cannot end.
struct World {
    share: Share,
    indexer: Indexer,
}

#[test]
fn a_network_root_is_scanned_may_hang_and_go_away_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    let Some(share) = Share::start(&root) else { return };
    let indexer = Indexer::start_in(dir, COPY, &["--scan-timeout", "2s"]);
    let mut world = World { share, indexer };
    world.is_scanned();
    world.hangs();
    world.hangs_at_the_start();
    world.goes_away_and_comes_back(&root);
}

impl World {
    /// Nothing tells of what is made at the source; sweeps find it.
    fn is_scanned(&self) {
        let Self { share, indexer } = self;
        let figures = indexer.json("/health")["watch_figures"].clone();
        assert_eq!(figures["events"], false, "{figures}");
        assert!(figures["events_note"].as_str().unwrap().contains("FUSE"), "{figures}");
        for (name, seed) in [("a.tif", 1), ("b.tif", 2)] {
            fs::write(share.source().join(name), tiff(seed)).unwrap();
        }
        for name in ["a", "b"] {
            indexer.scene_at(name, 2, "published");
        }
        fs::remove_file(share.source().join("b.tif")).unwrap();
        until("withdrawal", || indexer.scene("b").is_null());
        fs::write(share.source().join("b.tif"), tiff(2)).unwrap();
        indexer.scene_at("b", 3, "published");
        // An overwrite in place changes no folder, so that only full sweeps find it; pruned ones come between them.
        fs::write(share.source().join("a.tif"), tiff(3)).unwrap();
        indexer.scene_at("a", 4, "published");
        assert_eq!(indexer.get(indexer.scene("a")["light"]["href"].as_str().unwrap()).body, tiff(3));
        until("sweeps of both kinds", || {
            let (full, pruned) = self.sweeps();
            // One that a busy machine breaks off is followed by a full one.
            let was_well = self.indexer.json("/health")["watch_figures"]["degraded_seconds"] == 0.0;
            let alternate = full == pruned || full == pruned + 1;
            assert!(alternate || !was_well, "{full} full and {pruned} pruned sweeps do not alternate");
            pruned > 1
        });
    }

    /// Full and pruned sweeps that came to their end.
    fn sweeps(&self) -> (u64, u64) {
        let text = String::from_utf8(self.indexer.get("/metrics").body).unwrap();
        let count = |kind: &str| {
            let own = format!("aurora_indexer_scan_seconds_count{{sweep=\"{kind}\"}} ");
            text.lines().find_map(|line| line.strip_prefix(&own)?.parse().ok()).unwrap_or(0)
        };
        (count("full"), count("pruned"))
    }

    /// Every call on the mount hangs; nothing else does.
    fn hangs(&self) {
        let Self { share, indexer } = self;
        share.signal(Signal::STOP);
        self.is_degraded();
        let address = indexer.address;
        let hanging: Vec<_> = (0..40)
            .map(|_| std::thread::spawn(move || support::request(address, "GET", "/files/a.tif", &[]).status))
            .collect();
        let light = indexer.scene("a")["light"]["href"].as_str().unwrap().to_owned();
        let asked = Instant::now();
        for path in ["/livez", "/health", "/jobs", "/catalog/changes", light.as_str(), "/results/", "/metrics"] {
            assert_eq!(indexer.get(path).status, 200, "{path}");
        }
        assert!(asked.elapsed() < Duration::from_secs(10), "{:?}: it waited for the mount", asked.elapsed());
        for thread in hanging {
            assert!([503, 504].contains(&thread.join().unwrap()), "a file of a mount that hangs");
        }
        share.signal(Signal::CONT);
        self.recovers();
        assert_eq!(indexer.get("/files/a.tif").status, 200);
    }

    fn hangs_at_the_start(&mut self) {
        assert!(self.indexer.stop().success());
        self.share.signal(Signal::STOP);
        self.indexer.restart();
        self.is_degraded();
        self.share.signal(Signal::CONT);
        self.recovers();
    }

    /// An empty folder is left where the mount was, and something lands in it.
    fn goes_away_and_comes_back(&self, root: &Path) {
        let Self { share, indexer } = self;
        share.unmount();
        self.is_degraded();
        fs::write(root.join("below.tif"), tiff(9)).unwrap();
        indexer.scene_at("below", 2, "published");
        std::thread::sleep(Duration::from_secs(2));
        self.is_degraded();
        fs::remove_file(root.join("below.tif")).unwrap();
        share.mount();
        self.recovers();
        until("withdrawal", || indexer.scene("below").is_null());
        for name in ["a", "b"] {
            assert_eq!(indexer.scene(name)["status"], "published", "{name}");
        }
        let withdrawn = indexer.changes().iter().filter(|change| change["kind"] == "withdrawn").count();
        assert_eq!(withdrawn, 2, "`b` when it was deleted, and what lay below the mount");
    }

    fn is_degraded(&self) {
        until("degradation", || self.indexer.json("/health")["watch"] == "degraded");
    }

    fn recovers(&self) {
        until("recovery", || self.indexer.json("/health")["watch"] == "ok");
    }
}
