//! The cluster's own programs, and what their answers mean.

use std::{
    collections::HashMap,
    path::Path,
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::process::Command;

use super::{
    Wishes,
    cluster::{Failure, Line, Listed, PREFIX, by_key},
    memory_mib, time_minutes, verdict,
};
use crate::work::local::Limits;

/// How far back the accounts are looked through: further than an indexer is likely to be away.
const ACCOUNTS_SINCE: &str = "--starttime=now-30days";

/// What `sacct` says where no accounts are kept.
const NO_ACCOUNTS: &str = "accounting storage is disabled";

/// The cluster as its command line shows it; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    options: Vec<String>,
    patience: Duration,
    /// It turned out that no accounts are kept, or there is no program for them.
    keeps_no_accounts: Arc<AtomicBool>,
}

impl Programs {
    pub(super) fn new(wishes: Wishes, limits: Limits) -> Self {
        let mut options = vec![
            "--parsable".to_owned(),
            "--no-requeue".to_owned(),
            "--output=/dev/null".to_owned(),
            format!("--time={}", time_minutes(&limits)),
            format!("--mem={}M", memory_mib(&limits)),
        ];
        let named = [("partition", wishes.partition), ("account", wishes.account), ("gres", wishes.gres)];
        let cpus = wishes.cpus.map(|cpus| cpus.to_string());
        for (name, value) in named.into_iter().chain([("cpus-per-task", cpus)]) {
            options.extend(value.map(|value| format!("--{name}={value}")));
        }
        options.extend(wishes.more);
        Self { options, patience: wishes.patience, keeps_no_accounts: Arc::default() }
    }

    pub(super) async fn submit(&self, key: &str, script: &Path) -> Result<(), Failure> {
        let mut command = command("sbatch");
        command.arg(format!("--job-name={PREFIX}{key}")).args(&self.options);
        command.arg(format!("--chdir={}", script.parent().unwrap_or(script).display())).arg(script);
        self.run(command).await.map(drop)
    }

    pub(super) async fn list(&self, keys: &[String]) -> Result<HashMap<String, Listed>, Failure> {
        let mut command = command("squeue");
        command.args(["--noheader", "--states=all", "--format=%A|%T|%j|%r"]).arg(named(keys));
        Ok(by_key(listed(&self.run(command).await?)))
    }

    pub(super) async fn ended(&self, keys: &[String]) -> HashMap<String, Listed> {
        if keys.is_empty() || self.keeps_no_accounts.load(Relaxed) {
            return HashMap::new();
        }
        let mut command = command("sacct");
        command.args(["--noheader", "--parsable2", "--allocations", "--allusers", ACCOUNTS_SINCE]);
        command.arg("--format=JobIDRaw,State,JobName").arg(named(keys));
        let said = match self.run(command).await {
            Ok(said) => said,
            Err(failure) => {
                tracing::debug!(?failure, "sacct");
                let none = matches!(&failure, Failure::Refused(said) if said.contains(NO_ACCOUNTS));
                self.keeps_no_accounts.store(none, Relaxed);
                return HashMap::new();
            }
        };
        let mut states = by_key(listed(&said));
        states.retain(|_, listed| verdict::is_over(&listed.state));
        states
    }

    pub(super) async fn cancel(&self, key: &str) -> Result<(), Failure> {
        let mut command = command("scancel");
        command.arg("--quiet").arg(format!("--name={PREFIX}{key}"));
        self.run(command).await.map(drop)
    }

    async fn run(&self, mut command: Command) -> Result<String, Failure> {
        match tokio::time::timeout(self.patience, command.output()).await {
            Err(_) => Err(Failure::NoAnswer),
            Ok(Err(error)) => Err(Failure::Away(format!("`{}`: {error}", command.as_std().get_program().display()))),
            Ok(Ok(output)) => read(&output),
        }
    }
}

fn named(keys: &[String]) -> String {
    let names: Vec<String> = keys.iter().map(|key| format!("{PREFIX}{key}")).collect();
    format!("--name={}", names.join(","))
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

fn read(output: &Output) -> Result<String, Failure> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::said(String::from_utf8_lossy(&output.stderr).trim()))
}

/// Lines of number, state, name and perhaps why it waits, of which a state may say more than its name (`CANCELLED by
/// 1000`).
fn listed(text: &str) -> impl Iterator<Item = Line<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().splitn(4, '|');
        let (number, state, name) = (fields.next()?, fields.next()?, fields.next()?);
        Some((number.parse().ok()?, state.split(' ').next()?, name, fields.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_by_name() {
        let text = "7|RUNNING|aurora-j1.1|None\n8|PENDING|other|Priority\n9|CANCELLED by 0|aurora-j2.3\nnoise\n\
                    10|PENDING|aurora-j3.1|ReqNodeNotAvail, UnavailableNodes:n[1-2]\n";
        let listed = by_key(listed(text));
        let of = |key: &str| (listed[key].state.as_str(), listed[key].reason.as_deref());
        assert_eq!((listed.len(), of("j1.1"), of("j2.3")), (3, ("RUNNING", None), ("CANCELLED", None)));
        assert_eq!(of("j3.1"), ("PENDING", Some("ReqNodeNotAvail, UnavailableNodes:n[1-2]")));
    }

    #[test]
    fn wishes_become_options() {
        let wishes = Wishes {
            partition: Some("gpu".to_owned()),
            account: Some("sea".to_owned()),
            gres: Some("gpu:1".to_owned()),
            cpus: Some(4),
            more: vec!["--qos=night".to_owned(), "--exclusive".to_owned()],
            ..Wishes::default()
        };
        let limits = Limits {
            time: Duration::from_secs(61),
            memory_bytes: 1,
            nice: 0,
            log_bytes: 0,
            grace: Duration::from_secs(1),
        };
        let options = Programs::new(wishes, limits).options;
        for option in [
            "--time=3",
            "--mem=1M",
            "--partition=gpu",
            "--account=sea",
            "--gres=gpu:1",
            "--cpus-per-task=4",
            "--no-requeue",
        ] {
            assert!(options.iter().any(|one| one == option), "{option}: {options:?}");
        }
        assert_eq!(options[options.len() - 2..], ["--qos=night", "--exclusive"], "the operator has the last word");
        let none = Programs::new(Wishes::default(), limits).options;
        assert!(!none.iter().any(|one| one.starts_with("--partition") || one.starts_with("--account")), "{none:?}");
    }

    proptest! {
        #[test]
        fn no_list_is_too_odd(text in "([0-9]{0,25}\\|?[A-Z_+ ]{0,9}\\|?(aurora-)?[a-z|.\\n]{0,9}\\n?){0,9}") {
            by_key(listed(&text));
        }
    }
}
