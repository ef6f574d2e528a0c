//! One contract for whatever runs attempts: the same cases over child processes and over a real cluster, by its own
//! programs and by `slurmrestd`.

mod cluster;

use std::{fs, path::PathBuf, process::Command, sync::Arc, time::Duration};

use aurora_indexer::work::{
    executor::{Executor, Outcome, Refusal, Status, Task},
    local::{Limits, Local},
    slurm::{RestAccess, Slurm, Wishes},
    template::Template,
};
use cluster::Cluster;

/// How long a task may take; only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Bytes kept of what a task prints.
const LOG_BYTES: u64 = 4096;

/// How far tasks stand back.
const NICE: u8 = 7;

const LIMITS: Limits =
    Limits { time: PATIENCE, memory_bytes: 64 << 20, nice: NICE, log_bytes: LOG_BYTES, grace: Duration::from_secs(1) };

/// The command of every task: a script of its own, with the folder for outputs as `$1`.
const COMMAND: &str = "/bin/sh {input} {output_dir}";

/// A task, and what must become of it.
struct Case {
    name: &'static str,
    script: &'static str,
    end: End,
}

enum End {
    Success,
    Refused(&'static str),
    Unready(&'static str),
    /// Failed for a reason that begins so.
    Failed(&'static str),
}

const CASES: [Case; 9] = [
    Case { name: "success", script: "echo $$ >\"$1/made\"", end: End::Success },
    Case { name: "refused", script: "echo 'not one of ours' >&2; exit 65", end: End::Refused("not one of ours") },
    Case {
        name: "unready",
        script: "echo 'no model' >&2; exit 78",
        end: End::Unready("the command is not ready: no model"),
    },
    Case { name: "failed", script: "echo why >&2; exit 3", end: End::Failed("exit status 3: why") },
    Case { name: "killed", script: "kill -9 $$", end: End::Failed("killed by signal 9") },
    // It would succeed, was it not for the limit.
    Case { name: "memory", script: "perl -e '$taken = \"a\" x 300_000_000; sleep 20'", end: End::Failed("") },
    Case { name: "nice", script: "nice", end: End::Success },
    Case { name: "output", script: "head -c 1048576 /dev/zero | tr '\\0' x; echo; echo over >&2", end: End::Success },
    Case { name: "twice", script: "echo run >>\"$1/runs\"", end: End::Success },
];

/// An executor under trial, one that gives its tasks a second, and a folder for their files.
struct Bench {
    executor: Arc<dyn Executor>,
    hasty: Arc<dyn Executor>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new<E: Executor + 'static>(make: impl Fn(Template, Limits) -> E) -> Self {
        let template = || Template::parse(COMMAND).unwrap();
        let hasty = Limits { time: Duration::from_secs(1), ..LIMITS };
        let dir = tempfile::tempdir().unwrap();
        Self { executor: Arc::new(make(template(), LIMITS)), hasty: Arc::new(make(template(), hasty)), dir }
    }

    fn task(&self, name: &str, script: &str) -> Task {
        let base = self.dir.path().join(name);
        let (input, output_dir, log) = (base.join("it's a script.sh"), base.join("out"), base.join("log.txt"));
        fs::create_dir_all(&output_dir).unwrap();
        fs::write(&input, script).unwrap();
        // A cluster sees no more of the folder than its name, which no other test has.
        let key = format!("{}.{name}", self.dir.path().file_name().unwrap().to_str().unwrap().trim_matches('.'));
        Task { key, scene_id: name.to_owned(), attempt: 1, input, output_dir, log }
    }

    fn out(&self, name: &str, file: &str) -> PathBuf {
        self.dir.path().join(name).join("out").join(file)
    }

    fn text(&self, name: &str, file: &str) -> String {
        fs::read_to_string(self.out(name, file)).unwrap_or_default()
    }

    /// All of the contract, every task at once.
    async fn hold(&self) {
        tokio::join!(
            self.all_end_as_they_must(),
            self.cancelled_while_it_runs(),
            self.over_its_time(),
            self.nobody_knows_it()
        );
    }

    async fn all_end_as_they_must(&self) {
        let tasks: Vec<Task> = CASES.iter().map(|case| self.task(case.name, case.script)).collect();
        for task in &tasks {
            self.executor.submit(task.clone()).await.unwrap();
        }
        self.is_one_task(tasks.last().unwrap()).await;
        for (case, task) in CASES.iter().zip(&tasks) {
            let outcome = end(&*self.executor, &task.key).await;
            match &case.end {
                End::Success => assert_eq!(outcome, Outcome::Success, "{}", case.name),
                End::Refused(why) => assert_eq!(outcome, Outcome::Refused((*why).to_owned()), "{}", case.name),
                End::Unready(why) => assert_eq!(outcome, Outcome::Unready((*why).to_owned()), "{}", case.name),
                End::Failed(why) => {
                    let Outcome::Failed(said) = &outcome else { panic!("{}: {outcome:?}", case.name) };
                    assert!(said.starts_with(why), "{}: {said}", case.name);
                }
            }
        }
        self.left_what_they_must();
        self.is_one_task(tasks.last().unwrap()).await;
        assert_eq!(self.text("twice", "runs"), "run\n");
        for task in &tasks {
            self.executor.forget(&task.key);
            assert_eq!(status(&*self.executor, &task.key).await, Status::Unknown, "{} is forgotten", task.key);
        }
    }

    /// A key that is known already is accepted, and nothing comes of it.
    async fn is_one_task(&self, task: &Task) {
        let again = (0..3).map(|_| self.executor.submit(task.clone()));
        for accepted in futures_util::future::join_all(again).await {
            accepted.unwrap();
        }
    }

    fn left_what_they_must(&self) {
        assert!(self.out("success", "made").exists());
        let log = |name: &str| self.dir.path().join(name).join("log.txt");
        let own = Command::new("nice").output().unwrap();
        let own: i32 = String::from_utf8(own.stdout).unwrap().trim().parse().unwrap();
        let expected = (own + i32::from(NICE)).min(19);
        assert_eq!(fs::read_to_string(log("nice")).unwrap().trim(), expected.to_string());
        assert_eq!(fs::metadata(log("output")).unwrap().len(), LOG_BYTES);
    }

    async fn cancelled_while_it_runs(&self) {
        let task = self.task("cancelled", "echo $$ >\"$1/pid\"; sleep 1000; echo >\"$1/done\"");
        self.executor.submit(task.clone()).await.unwrap();
        until("a task under way", async || {
            status(&*self.executor, &task.key).await == Status::Running && self.text("cancelled", "pid").ends_with('\n')
        })
        .await;
        self.executor.cancel(&task.key).await;
        let outcome = end(&*self.executor, &task.key).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        let process = PathBuf::from("/proc").join(self.text("cancelled", "pid").trim());
        until("the end of its process", async || !process.exists()).await;
        assert!(!self.out("cancelled", "done").exists());
    }

    /// Even one that does not want to end.
    async fn over_its_time(&self) {
        let task = self.task("slow", "trap '' TERM; while true; do sleep 0.2; done");
        self.hasty.submit(task.clone()).await.unwrap();
        assert_eq!(end(&*self.hasty, &task.key).await, Outcome::Failed("not done within 1 s".to_owned()));
    }

    async fn nobody_knows_it(&self) {
        self.executor.cancel("nobody.1").await;
        self.executor.forget("nobody.1");
        assert_eq!(status(&*self.executor, "nobody.1").await, Status::Unknown);
    }

    /// Cancelled before it begins: it never does. `hold` keeps tasks from beginning.
    async fn cancelled_while_it_waits(&self, hold: impl Fn(bool)) {
        hold(true);
        let task = self.task("waiting", "echo >\"$1/begun\"");
        self.executor.submit(task.clone()).await.unwrap();
        assert!(matches!(status(&*self.executor, &task.key).await, Status::Waiting(_)));
        self.executor.cancel(&task.key).await;
        let outcome = end(&*self.executor, &task.key).await;
        assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
        hold(false);
        assert!(!self.out("waiting", "begun").exists());
    }
}

async fn status(executor: &dyn Executor, key: &str) -> Status {
    executor.poll(&[key.to_owned()]).await.pop().unwrap()
}

async fn end(executor: &dyn Executor, key: &str) -> Outcome {
    let mut outcome = None;
    until(&format!("end of {key}"), async || {
        if let Status::Ended(ended) = status(executor, key).await {
            outcome = Some(ended);
        }
        outcome.is_some()
    })
    .await;
    outcome.unwrap()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !done().await {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("no {what} in time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn child_processes_keep_the_contract() {
    Bench::new(Local::new).hold().await;
}

#[tokio::test(flavor = "multi_thread")]
#[allow(unsafe_code)]
async fn a_cluster_keeps_the_contract_by_its_programs_and_by_its_rest_interface() {
    let Some(cluster) = Cluster::start_with_rest() else { return };
    for (name, value) in cluster.environment() {
        // SAFETY: in this process the environment is read by the standard library alone, which takes a lock for it.
        unsafe { std::env::set_var(name, value) };
    }
    let wishes = Wishes { lost_after: Duration::from_secs(30), patience: Duration::from_secs(30), ..Wishes::default() };
    let by_programs = Bench::new(|template, limits| Slurm::by_programs(template, limits, wishes.clone()));
    let access = RestAccess { url: cluster.rest_socket(), user: None, token_file: None };
    let by_rest = Bench::new(|template, limits| {
        Slurm::by_rest(template, limits, wishes.clone(), access.clone()).expect("an address")
    });
    let hold = |down: bool| {
        let state = if down { "state=down" } else { "state=up" };
        cluster.run("scontrol", &["update", "partitionname=main", state]);
    };
    for bench in [&by_programs, &by_rest] {
        bench.cancelled_while_it_waits(hold).await;
    }
    tokio::join!(by_programs.hold(), by_rest.hold());
}

#[tokio::test]
async fn words_that_no_program_takes_are_the_attempts_own_failure() {
    let bench = Bench::new(Local::new);
    let mut task = bench.task("endless", "true");
    // Longer than the system lets one argument be.
    task.input = "x".repeat(200_000).into();
    bench.executor.submit(task.clone()).await.unwrap();
    let outcome = end(&*bench.executor, &task.key).await;
    assert!(matches!(&outcome, Outcome::Failed(why) if why.starts_with("cannot start `/bin/sh`")), "{outcome:?}");
}

#[tokio::test]
async fn a_missing_program_is_the_attempts_own_failure_only_where_each_has_its_own() {
    let bench = Bench::new(|_, limits| Local::new(Template::parse("{output_dir}/run {input}").unwrap(), limits));
    let missing = bench.task("missing", "");
    bench.executor.submit(missing.clone()).await.unwrap();
    let outcome = end(&*bench.executor, &missing.key).await;
    assert!(matches!(&outcome, Outcome::Failed(why) if why.contains("cannot start")), "{outcome:?}");
    let there = bench.task("there", "");
    std::os::unix::fs::symlink("/bin/true", there.output_dir.join("run")).unwrap();
    bench.executor.submit(there.clone()).await.unwrap();
    assert_eq!(end(&*bench.executor, &there.key).await, Outcome::Success);

    let bench =
        Bench::new(|_, limits| Local::new(Template::parse("/no/such/run {input} {output_dir}").unwrap(), limits));
    let refused = bench.executor.submit(bench.task("refused", "")).await.unwrap_err();
    assert_eq!(refused.kind, Refusal::Away, "{refused}");
}
