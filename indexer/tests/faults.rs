//! SIGKILL after every step of a file's walk ([`Step`]), each time it is reached: nothing is lost, doubled or half
//! published.
//!
//! The indexer that is killed is this test's own program, started anew as [`the_indexer_itself`]: it listens to the
//! steps in its own log and ends itself when the wanted one comes. The product has no part in this but the steps'
//! names.

mod cluster;
mod support;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use aurora_database::trial::Server;
use aurora_indexer::{
    Settings,
    step::{self, Step},
};
use cluster::Cluster;
use serde_json::Value;
use support::{COPY, Environment, tiff, try_request, until};
use tracing_subscriber::{Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt};

/// Where the indexer that is to be killed reads which step it shall not survive, and the how manieth time.
const FAULT: (&str, &str) = ("KILLED_AFTER_STEP", "KILLED_AT_TIME");

/// A revision of a scene, published or withdrawn.
type Told = BTreeMap<(String, u64), usize>;

/// What is done to the root, one after the other.
const STAGES: [Stage; 4] = [
    Stage { act: |root| fs::write(root.join("a.tif"), tiff(1)).unwrap(), published: &[("a", 2)], withdrawn: &[] },
    // The result goes along.
    Stage {
        act: |root| fs::rename(root.join("a.tif"), root.join("b.tif")).unwrap(),
        published: &[("b", 1)],
        withdrawn: &["a"],
    },
    Stage { act: |root| fs::write(root.join("b.tif"), tiff(2)).unwrap(), published: &[("b", 3)], withdrawn: &["a"] },
    Stage { act: |root| fs::remove_file(root.join("b.tif")).unwrap(), published: &[], withdrawn: &["a", "b"] },
];

struct Stage {
    act: fn(&PathBuf),
    /// What the feed says of scenes that are there, in the end.
    published: &'static [(&'static str, u64)],
    withdrawn: &'static [&'static str],
}

#[test]
fn killed_after_any_step_it_loses_doubles_and_halves_nothing() {
    thread::scope(|scope| {
        for step in Step::ALL {
            scope.spawn(move || {
                let times = (1..).take_while(|&time| walk(step, time, &Vec::new())).count();
                println!("killed {times} times after {step:?}");
                assert!(times > 0, "{step:?} is never reached");
            });
        }
    });
}

/// The steps round a transaction and a result's place, where another database could make a difference, and each only at
/// some of the times that it is reached.
#[test]
fn killed_on_a_database_server_it_loses_doubles_and_halves_nothing() {
    let Some(server) = Server::shared() else { return };
    thread::scope(|scope| {
        for (step, every) in [(Step::Written, 4), (Step::Committed, 4), (Step::Accepted, 2), (Step::Placed, 2)] {
            scope.spawn(move || {
                let on_server = || vec![("AURORA_DATABASE".to_owned(), server.database())];
                let times = (1..).step_by(every).take_while(|&time| walk(step, time, &on_server())).count();
                println!("killed {times} times after {step:?}, on a server");
                assert!(times > 0, "{step:?} is never reached");
            });
        }
    });
}

/// The steps round an attempt, which goes on where the indexer is not.
#[test]
fn killed_while_a_cluster_works_it_loses_doubles_and_halves_nothing() {
    let Some(cluster) = Cluster::start() else { return };
    let slurm = [
        ("AURORA_EXECUTOR", "slurm"),
        ("AURORA_JOBS", "4"),
        ("AURORA_JOB_MEMORY", "200MiB"),
        ("AURORA_SLURM_LOST_AFTER", "4s"),
    ];
    let slurm = slurm.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let environment = [cluster.environment(), slurm].concat();
    thread::scope(|scope| {
        for step in [Step::FolderMade, Step::Accepted, Step::Ended, Step::Placed] {
            let environment = &environment;
            scope.spawn(move || {
                let times = (1..).take_while(|&time| walk(step, time, environment)).count();
                println!("killed {times} times after {step:?}, beside a cluster");
                assert!(times > 0, "{step:?} is never reached");
            });
        }
    });
}

/// Walks the stages with an indexer that is killed when `step` is reached for the `time`th time, and starts it anew;
/// answers whether it came to that.
fn walk(step: Step, time: u32, environment: &Environment) -> bool {
    let mut indexer = Fragile::start(step, time, environment);
    for stage in &STAGES {
        (stage.act)(&indexer.root());
        indexer.until_walked(stage);
        indexer.check(stage);
        if indexer.was_killed {
            return true;
        }
    }
    false
}

/// An indexer that does not survive a step, and its successor.
struct Fragile {
    dir: tempfile::TempDir,
    address: SocketAddr,
    child: Child,
    /// What it is told beside what all are: where its database is, if that is no file of its own, and who runs its
    /// jobs.
    environment: Environment,
    fault: String,
    was_killed: bool,
}

impl Fragile {
    fn start(step: Step, time: u32, environment: &Environment) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        let address = TcpListener::bind((host_of_its_own(), 0)).unwrap().local_addr().unwrap();
        let child = spawn(&dir, address, environment, Some((step, time)));
        let (environment, fault) = (environment.clone(), format!("{step:?}, time {time}"));
        let mut fragile = Self { dir, address, child, environment, fault, was_killed: false };
        until("readiness", || fragile.get("/readyz").is_some());
        fragile
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// What it answers; when it has been killed meanwhile, what its successor answers, for which nothing must be half
    /// published.
    fn get(&mut self, path: &str) -> Option<Vec<u8>> {
        if self.child.try_wait().unwrap().is_some() {
            assert!(!self.was_killed, "{}: it ended a second time:\n{}", self.fault, self.log());
            self.was_killed = true;
            // A program that it was just about to start may hold its socket for a moment longer.
            until("end of its socket", || TcpListener::bind(self.address).is_ok());
            self.child = spawn(&self.dir, self.address, &self.environment, None);
        }
        // It may not listen yet, or be killed while it answers.
        let answer = try_request(self.address, "GET", path, &[]).ok()?;
        (answer.status == 200).then_some(answer.body)
    }

    /// What it answers in the end: it may be killed between any two questions.
    fn patiently<T>(&mut self, mut ask: impl FnMut(&mut Self) -> Option<T>) -> T {
        let mut answer = None;
        until("answer", || {
            answer = ask(self);
            answer.is_some()
        });
        answer.unwrap()
    }

    fn json(&mut self, path: &str) -> Option<Value> {
        serde_json::from_slice(&self.get(path)?).ok()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Until the feed says what the stage leads to, and no job is under way.
    fn until_walked(&mut self, stage: &Stage) {
        let what = format!("end of the stage: {}", self.fault);
        until(&what, || {
            let Some(scenes) = self.scenes() else { return false };
            let is_published = |&(id, revision): &(&str, u64)| {
                scenes.get(id).is_some_and(|scene| scene["status"] == "published" && scene["revision"] == revision)
            };
            let is_withdrawn = |&id: &&str| scenes.get(id).is_some_and(Value::is_null);
            stage.published.iter().all(is_published)
                && stage.withdrawn.iter().all(is_withdrawn)
                && self.json("/health").is_some_and(|health| is_at_rest(&health["queue"]))
        });
    }

    fn changes(&mut self) -> Option<Vec<Value>> {
        self.json("/catalog/changes?since=0&limit=5000")?["changes"].as_array().cloned()
    }

    /// The scenes as the feed has them last; null where they were withdrawn.
    fn scenes(&mut self) -> Option<BTreeMap<String, Value>> {
        let mut scenes = BTreeMap::new();
        for change in self.changes()? {
            match change["kind"].as_str() {
                Some("scene") => {
                    let id = change["scene"]["scene_id"].as_str()?.to_owned();
                    self.check_shown(&change["scene"]);
                    scenes.insert(id, change["scene"].clone());
                }
                Some("withdrawn") => drop(scenes.insert(change["scene_id"].as_str()?.to_owned(), Value::Null)),
                _ => {}
            }
        }
        Some(scenes)
    }

    /// What was told of is there, whole, whoever was killed since.
    fn check_shown(&mut self, scene: &Value) {
        let Some(href) = scene["light"]["href"].as_str() else { return };
        let files = ["x.MBI_light.tif", "x.detections.geojson"].map(str::to_owned);
        let light = self.dir.path().join("state").join(href.trim_start_matches('/'));
        let bytes = fs::read(&light).unwrap_or_else(|error| panic!("{}: {href}: {error}", self.fault));
        assert!([tiff(1), tiff(2)].contains(&bytes), "{}: {href} is not whole", self.fault);
        let mut found: Vec<String> = fs::read_dir(light.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert_eq!(found, files, "{}: beside {href}", self.fault);
    }

    /// Every publication was told of once, every job is over, and there is one a revision that was worked on.
    fn check(&mut self, stage: &Stage) {
        let (mut published, fault) = (Told::new(), self.fault.clone());
        for change in self.patiently(Self::changes) {
            if change["scene"]["status"] == "published" {
                let scene = &change["scene"];
                let id = scene["scene_id"].as_str().unwrap_or_default().to_owned();
                *published.entry((id, scene["revision"].as_u64().unwrap_or_default())).or_default() += 1;
            }
        }
        assert!(published.values().all(|&times| times == 1), "{fault}: {published:?}");
        for &(id, revision) in stage.published {
            assert!(published.contains_key(&(id.to_owned(), revision)), "{fault}: {id} at {revision}");
        }
        let page = self.patiently(|indexer| indexer.json("/jobs?limit=1000"));
        let mut jobs: Vec<(String, u64)> = Vec::new();
        for job in page["jobs"].as_array().into_iter().flatten() {
            assert_eq!(job["state"], "published", "{fault}: {job}");
            assert!(job["attempt"].as_u64() <= Some(2), "{fault}: {job}");
            jobs.push((job["scene_id"].to_string(), job["revision"].as_u64().unwrap_or_default()));
        }
        let all = jobs.len();
        jobs.sort();
        jobs.dedup();
        assert_eq!(jobs.len(), all, "{fault}: two jobs on one revision");
    }
}

/// A loopback address that no other indexer of this test has: a port that is free between two starts would else be
/// given to another one, which would then answer for this.
fn host_of_its_own() -> Ipv4Addr {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let [_, _, high, low] = (TAKEN.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes();
    Ipv4Addr::new(127, 9, high, low)
}

fn is_at_rest(queue: &Value) -> bool {
    queue.as_object().is_some_and(|states| states.keys().all(|state| state == "published"))
}

impl Drop for Fragile {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("{}\n{}", self.fault, self.log());
        }
    }
}

/// This test's own program as an indexer; everything is told it by the environment.
fn spawn(dir: &tempfile::TempDir, address: SocketAddr, environment: &Environment, fault: Option<(Step, u32)>) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(dir.path().join("log")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["the_indexer_itself", "--exact", "--ignored", "--nocapture"]);
    command.env("AURORA_ROOT", dir.path().join("root")).env("AURORA_STATE", dir.path().join("state"));
    command.env("AURORA_LISTEN", address.to_string()).env("AURORA_SETTLE", "100ms");
    command.env("AURORA_SCAN_INTERVAL", "500ms").env("AURORA_MAX_RETRY_DELAY", "1s");
    command.env("AURORA_COMMAND", format!("/bin/sh -c '{}' sh {{input}} {{output_dir}}", COPY.replace('\'', r"'\''")));
    command.envs(environment.iter().cloned());
    if let Some((step, time)) = fault {
        command.env(FAULT.0, format!("{step:?}")).env(FAULT.1, time.to_string());
    }
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

#[test]
#[ignore = "the indexer that the test beside it starts and kills"]
fn the_indexer_itself() {
    let Ok(settings) = aurora_daemon::config::try_parse::<Settings>(&["aurora-indexer"]) else { return };
    let fault = std::env::var(FAULT.0).ok().map(|step| EndAfter {
        step,
        time: std::env::var(FAULT.1).unwrap().parse().unwrap(),
        reached: AtomicU32::new(0),
    });
    let log = tracing_subscriber::fmt::layer().with_ansi(false).with_filter(filter_fn(|event| {
        event.target() != step::TARGET
            && *event.level() <= tracing::Level::DEBUG
            && event.target().starts_with("aurora")
    }));
    let ending = fault.map(|fault| fault.with_filter(filter_fn(|event| event.target() == step::TARGET)));
    tracing_subscriber::registry().with(log).with(ending).init();
    aurora_indexer::run_until_signal(settings).unwrap();
}

/// Kills its own process when a step is told of.
struct EndAfter {
    step: String,
    time: u32,
    reached: AtomicU32,
}

impl<S: tracing::Subscriber> Layer<S> for EndAfter {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        let mut is_ours = false;
        event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            is_ours |= format!("{value:?}") == self.step;
        });
        if is_ours && self.reached.fetch_add(1, Ordering::SeqCst) + 1 == self.time {
            // Nothing more is run, on whatever thread: SIGKILL is not handled.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            thread::park();
        }
    }
}
