//! Attempts as child processes of the indexer.
//!
//! Each runs in a process group of its own with limits on time, memory and priority, watched by a thread that lives
//! exactly as long. It dies with the indexer: the kernel kills it when the thread that started it is gone. What it
//! prints goes to a bounded log.
//!
//! A command that cannot even be started (its program is missing, or may not be executed, or there are too many
//! processes) could be started for no scene, and is the operator's to mend: its task is not accepted. Where the
//! program's own name has places, a program that cannot be started is the one attempt's failure.

use std::{
    collections::HashMap,
    process::ExitStatus,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::{Notify, oneshot};

use super::{
    executor::{Executor, Outcome, REFUSED, Status, SubmitError, Task, UNREADY},
    template::Template,
};

mod child;
mod output;

/// How long a program's start is waited for; on a file system that hangs it takes longer, and the task counts as
/// accepted.
const START_PATIENCE: Duration = Duration::from_secs(2);

/// Bounds on each attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Data memory of each of its processes, in bytes.
    pub memory_bytes: u64,
    /// How far it stands back, 0 to 19.
    pub nice: u8,
    /// Bytes kept of what it prints.
    pub log_bytes: u64,
    /// Time between asking it to stop and making it.
    pub grace: Duration,
}

/// Runs attempts as child processes.
pub struct Local {
    template: Template,
    limits: Limits,
    tasks: Mutex<HashMap<String, Running>>,
    moved: Arc<Notify>,
}

struct Running {
    status: Arc<Mutex<Status>>,
    /// Dropping it asks the attempt to stop.
    stop: Option<mpsc::Sender<()>>,
}

impl Local {
    /// An executor of `template` under `limits`.
    pub fn new(template: Template, limits: Limits) -> Self {
        Self { template, limits, tasks: Mutex::default(), moved: Arc::default() }
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an attempt, unless it has been; what is received says whether there is a child, or why there is none.
    fn start(&self, task: &Task) -> Result<Option<oneshot::Receiver<Result<(), String>>>, SubmitError> {
        let mut tasks = self.tasks();
        if tasks.contains_key(&task.key) {
            return Ok(None);
        }
        let words = self.template.fill_for(task)?;
        let (stop, stopped) = mpsc::channel();
        let (told, begun) = oneshot::channel();
        let status = Arc::new(Mutex::new(Status::Waiting(None)));
        let (log, has_own_program) = (task.log.clone(), self.template.has_own_program());
        let attempt = child::Attempt { words, has_own_program, log, limits: self.limits, stopped };
        let (shared, moved) = (Arc::clone(&status), Arc::clone(&self.moved));
        let report = move |now: Status| {
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = now;
            moved.notify_one();
        };
        // Nobody listens any more when the start took too long.
        let tell = move |begun| drop(told.send(begun));
        let thread = std::thread::Builder::new().name("attempt".to_owned());
        let refused = |error: std::io::Error| SubmitError::away(format!("no thread for an attempt: {error}"));
        thread.spawn(move || attempt.run(tell, &report)).map_err(refused)?;
        tasks.insert(task.key.clone(), Running { status, stop: Some(stop) });
        Ok(Some(begun))
    }

    async fn try_submit(&self, task: &Task) -> Result<(), SubmitError> {
        let Some(begun) = self.start(task)? else { return Ok(()) };
        match tokio::time::timeout(START_PATIENCE, begun).await {
            Ok(Ok(Err(reason))) => {
                self.forget(&task.key);
                Err(SubmitError::away(reason))
            }
            Ok(Ok(Ok(())) | Err(_)) | Err(_) => Ok(()),
        }
    }

    fn status(&self, key: &str) -> Status {
        let status = self.tasks().get(key).map(|task| Arc::clone(&task.status));
        status.map_or(Status::Unknown, |status| status.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Executor for Local {
    fn submit(&self, task: Task) -> BoxFuture<'_, Result<(), SubmitError>> {
        async move { self.try_submit(&task).await }.boxed()
    }

    fn poll<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Vec<Status>> {
        async move { keys.iter().map(|key| self.status(key)).collect() }.boxed()
    }

    fn cancel<'a>(&'a self, key: &'a str) -> BoxFuture<'a, ()> {
        async move {
            if let Some(task) = self.tasks().get_mut(key) {
                task.stop = None;
            }
        }
        .boxed()
    }

    fn forget(&self, key: &str) {
        self.tasks().remove(key);
    }

    fn moved(&self) -> BoxFuture<'_, ()> {
        self.moved.notified().boxed()
    }
}

/// What an exit status means, with the last line that the command printed to stderr.
fn outcome(status: ExitStatus, last_line: Option<String>) -> Outcome {
    use std::os::unix::process::ExitStatusExt;
    let said = last_line.map(|line| format!(": {line}")).unwrap_or_default();
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Success,
        (Some(REFUSED), _) => Outcome::Refused(if said.is_empty() {
            "the command refused the file".to_owned()
        } else {
            said[2..].to_owned()
        }),
        (Some(UNREADY), _) => Outcome::Unready(format!("the command is not ready{said}")),
        (Some(code), _) => Outcome::Failed(format!("exit status {code}{said}")),
        (None, Some(signal)) => Outcome::Failed(format!("killed by signal {signal}{said}")),
        (None, None) => Outcome::Failed(format!("ended without a status{said}")),
    }
}
