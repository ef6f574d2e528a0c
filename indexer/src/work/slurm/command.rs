//! The cluster's own programs, and what their answers mean.

use std::{
    collections::HashMap,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::process::Command;

use super::Wishes;
use crate::work::local::Limits;

/// Time that a program of the cluster may take; a busy controller answers late.
const PATIENCE: Duration = Duration::from_secs(30);

/// Before our keys, so that an administrator sees whose jobs they are.
const PREFIX: &str = "aurora-";

/// The cluster as its command line shows it; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Slurm {
    options: Vec<String>,
}

/// Why the cluster did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// It did not answer in time: it may or may not have done it.
    NoAnswer,
    /// It is not to be reached just now; nothing was done.
    Away(String),
    /// It said no.
    Refused(String),
}

impl Slurm {
    pub(super) fn new(wishes: Wishes, limits: Limits) -> Self {
        let mut options = vec![
            "--parsable".to_owned(),
            "--no-requeue".to_owned(),
            "--output=/dev/null".to_owned(),
            format!("--time={}", limits.time.as_secs().div_ceil(60) + 1),
            format!("--mem={}M", limits.memory_bytes.div_ceil(1 << 20)),
        ];
        let named = [("partition", wishes.partition), ("account", wishes.account), ("gres", wishes.gres)];
        let cpus = wishes.cpus.map(|cpus| cpus.to_string());
        for (name, value) in named.into_iter().chain([("cpus-per-task", cpus)]) {
            options.extend(value.map(|value| format!("--{name}={value}")));
        }
        options.extend(wishes.more);
        Self { options }
    }

    /// Submits the script at `script` under `key`.
    pub(super) async fn submit(&self, key: &str, script: &Path) -> Result<(), Failure> {
        let mut command = command("sbatch");
        command.arg(format!("--job-name={PREFIX}{key}")).args(&self.options);
        command.arg(format!("--chdir={}", script.parent().unwrap_or(script).display())).arg(script);
        run(command).await.map(drop)
    }

    /// The state of each of `keys` that the cluster knows, running or over, in one call.
    pub(super) async fn list(&self, keys: &[String]) -> Result<HashMap<String, String>, Failure> {
        let names: Vec<String> = keys.iter().map(|key| format!("{PREFIX}{key}")).collect();
        let mut command = command("squeue");
        command.args(["--noheader", "--states=all", "--format=%A|%T|%j"]).arg(format!("--name={}", names.join(",")));
        Ok(listed(&run(command).await?))
    }

    /// Ends whatever runs under `key`; that it is over already is no failure.
    pub(super) async fn cancel(&self, key: &str) {
        let mut command = command("scancel");
        command.arg("--quiet").arg(format!("--name={PREFIX}{key}"));
        if let Err(failure) = run(command).await {
            tracing::debug!(key, ?failure, "scancel");
        }
    }
}

/// The indexer's own settings are not the attempt's.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AURORA_")) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(mut command: Command) -> Result<String, Failure> {
    match tokio::time::timeout(PATIENCE, command.output()).await {
        Err(_) => Err(Failure::NoAnswer),
        Ok(Err(error)) => Err(Failure::Away(format!("`{}`: {error}", command.as_std().get_program().display()))),
        Ok(Ok(output)) => read(&output),
    }
}

fn read(output: &Output) -> Result<String, Failure> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(failure(String::from_utf8_lossy(&output.stderr).trim()))
}

/// What a program's complaint means, by the texts of Slurm's `slurm_errno.c`.
fn failure(said: &str) -> Failure {
    const NO_ANSWER: [&str; 2] = ["Socket timed out on send/recv", "Zero Bytes were transmitted or received"];
    const AWAY: [&str; 5] = [
        "Unable to contact slurm controller",
        "Connection refused",
        "Slurm backup controller in standby mode",
        "Slurm temporarily unable to accept job",
        "Protocol authentication error",
    ];
    if NO_ANSWER.iter().any(|text| said.contains(text)) {
        Failure::NoAnswer
    } else if AWAY.iter().any(|text| said.contains(text)) {
        Failure::Away(said.to_owned())
    } else {
        Failure::Refused(said.to_owned())
    }
}

/// `squeue`'s lines of number, state and name. Of several under one name the one that is not over counts, else the last.
fn listed(text: &str) -> HashMap<String, String> {
    let mut listed: HashMap<String, (u64, String)> = HashMap::new();
    for line in text.lines() {
        let mut fields = line.trim().splitn(3, '|');
        let (Some(number), Some(state), Some(name)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let (Ok(number), Some(key)) = (number.parse::<u64>(), name.strip_prefix(PREFIX)) else { continue };
        let rank = |number: u64, state: &str| (!super::verdict::is_over(state), number);
        let known = listed.get(key).map(|(number, state)| rank(*number, state));
        if known.is_none_or(|known| known < rank(number, state)) {
            listed.insert(key.to_owned(), (number, state.to_owned()));
        }
    }
    listed.into_iter().map(|(key, (_, state))| (key, state)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_by_name() {
        let text = "7|RUNNING|aurora-j1.1\n8|PENDING|other\n9|COMPLETED|aurora-j2.3\nnoise\n";
        let listed = listed(text);
        assert_eq!((listed.len(), listed["j1.1"].as_str(), listed["j2.3"].as_str()), (2, "RUNNING", "COMPLETED"));
    }

    #[test]
    fn of_one_name_twice_the_one_under_way_counts() {
        assert_eq!(listed("7|RUNNING|aurora-a\n8|FAILED|aurora-a")["a"], "RUNNING");
        assert_eq!(listed("7|FAILED|aurora-a\n8|COMPLETED|aurora-a")["a"], "COMPLETED");
    }

    #[test]
    fn complaints_are_told_apart() {
        let timeout = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation";
        assert_eq!(failure(timeout), Failure::NoAnswer);
        let away = "Unable to contact slurm controller (connect failure)";
        assert_eq!(failure(away), Failure::Away(away.to_owned()));
        let refused = "sbatch: error: invalid partition specified: x";
        assert_eq!(failure(refused), Failure::Refused(refused.to_owned()));
    }

    #[test]
    fn wishes_become_options() {
        let wishes = Wishes { gres: Some("gpu:1".to_owned()), cpus: Some(4), ..Wishes::default() };
        let limits = Limits { time: Duration::from_secs(61), memory_bytes: 1, nice: 0, log_bytes: 0, grace: PATIENCE };
        let options = Slurm::new(wishes, limits).options;
        for option in ["--time=3", "--mem=1M", "--gres=gpu:1", "--cpus-per-task=4", "--no-requeue"] {
            assert!(options.iter().any(|one| one == option), "{option}: {options:?}");
        }
    }

    proptest! {
        #[test]
        fn no_list_is_too_odd(text in "([0-9]{0,25}\\|?[A-Z_+]{0,9}\\|?(aurora-)?[a-z|.\\n]{0,9}\\n?){0,9}") {
            listed(&text);
        }
    }
}
