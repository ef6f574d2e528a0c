//! Roots on real network file systems (sshfs and smbnetfs to servers of our own) that tell of nothing, hang, go away
//! and come back.

mod share;
mod smb;
mod ssh;
#[path = "../support/mod.rs"]
mod support;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use share::Share;
use support::{COPY, Indexer, tiff, until};

/// What hangs is let go before the indexer is ended: a process inside a call to a dead mount cannot end.
struct World {
    share: Box<dyn Share>,
    indexer: Indexer,
}

#[test]
fn a_root_over_ssh_is_scanned_may_hang_and_go_away_and_loses_nothing() {
    loses_nothing(|root| Some(Box::new(ssh::Ssh::start(root)?)));
}

#[test]
fn a_root_over_smb_is_scanned_may_hang_and_go_away_and_loses_nothing() {
    loses_nothing(|root| Some(Box::new(smb::Smb::start(root)?)));
}

fn loses_nothing(start: impl FnOnce(&Path) -> Option<Box<dyn Share>>) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    let Some(share) = start(&root) else { return };
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
        assert_eq!(self.indexer.json("/health")["watch"], "degraded", "from the first answer on");
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

/// The folder of results may hang as a root may: nothing is begun meanwhile, and nothing else stalls.
#[test]
fn results_over_ssh_may_hang_from_the_start_on_and_go_away() {
    let dir = tempfile::tempdir().unwrap();
    let results = dir.path().join("results");
    for name in ["root", "results"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    let Some(share) = ssh::Ssh::start(&results) else { return };
    let indexer = Indexer::start_in(dir, COPY, &["--results", results.to_str().unwrap()]);
    let mut world = World { share: Box::new(share), indexer };
    fs::write(world.indexer.root().join("a.tif"), tiff(1)).unwrap();
    let light = world.indexer.scene_at("a", 2, "published")["light"]["href"].as_str().unwrap().to_owned();

    assert!(world.indexer.stop().success());
    world.share.signal(Signal::STOP);
    world.indexer.restart();
    fs::write(world.indexer.root().join("b.tif"), tiff(2)).unwrap();
    world.indexer.scene_at("b", 1, "raw");
    let works = |indexer: &Indexer| indexer.json("/health")["work"] == "ok";
    until("trouble told", || !works(&world.indexer));
    world.share.signal(Signal::CONT);
    world.indexer.scene_at("b", 2, "published");
    until("the end of the trouble", || works(&world.indexer));
    assert_eq!(world.indexer.get(&light).status, 200);

    world.share.unmount();
    until("a folder that is away", || world.indexer.get(&light).status == 503);
    world.share.mount();
    until("a folder that is back", || world.indexer.get(&light).status == 200);
    until("the end of the trouble", || works(&world.indexer));
}
