//! The cluster, by its own programs or by `slurmrestd`: what is asked of it, and why it may not do as asked.

use std::{collections::HashMap, path::Path};

use super::{command::Programs, rest::Rest, verdict};

/// Before our keys, so that an administrator sees whose jobs they are.
pub(super) const PREFIX: &str = "aurora-";

/// The cluster; cheap to clone.
#[derive(Clone)]
pub(super) enum Cluster {
    /// By `sbatch`, `squeue`, `sacct` and `scancel`.
    Programs(Programs),
    /// By `slurmrestd`.
    Rest(Rest),
}

/// How the cluster lists a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listed {
    /// Slurm's name of its state.
    pub(super) state: String,
    /// Why it waits, if it does and the cluster says.
    pub(super) reason: Option<String>,
}

/// Why the cluster did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// It may or may not have done it.
    #[error("no answer in time")]
    NoAnswer,
    /// It is not to be reached just now; nothing was done.
    #[error("{0}")]
    Away(String),
    /// It said no.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    /// What a complaint means, by the texts of Slurm's `slurm_errno.c`, which its programs and `slurmrestd` pass on.
    pub(super) fn said(text: &str) -> Self {
        const NO_ANSWER: [&str; 2] = ["Socket timed out on send/recv", "Zero Bytes were transmitted or received"];
        const AWAY: [&str; 6] = [
            "Unable to contact slurm controller",
            "Connection refused",
            "Slurm backup controller in standby mode",
            "Slurm temporarily unable to accept job",
            "Protocol authentication error",
            "Authentication failure",
        ];
        if NO_ANSWER.iter().any(|known| text.contains(known)) {
            Self::NoAnswer
        } else if AWAY.iter().any(|known| text.contains(known)) {
            Self::Away(text.to_owned())
        } else {
            Self::Refused(text.to_owned())
        }
    }
}

impl Cluster {
    /// Submits the script at `script` under `key`.
    pub(super) async fn submit(&self, key: &str, script: &Path) -> Result<(), Failure> {
        match self {
            Self::Programs(programs) => programs.submit(key, script).await,
            Self::Rest(rest) => rest.submit(key, script).await,
        }
    }

    /// The state of each of `keys` that the controller knows, running or over, in one call.
    pub(super) async fn list(&self, keys: &[String]) -> Result<HashMap<String, Listed>, Failure> {
        match self {
            Self::Programs(programs) => programs.list(keys).await,
            Self::Rest(rest) => rest.list(keys).await,
        }
    }

    /// How those of `keys` ended that the controller has forgotten, where the cluster keeps accounts, in one call. What
    /// the accounts hold for running while the controller knows nothing of it was lost with it, and is left out.
    pub(super) async fn ended(&self, keys: &[String]) -> HashMap<String, Listed> {
        match self {
            Self::Programs(programs) => programs.ended(keys).await,
            Self::Rest(_) => HashMap::new(),
        }
    }

    /// Ends whatever runs under `key`; that it is over already is no failure.
    pub(super) async fn cancel(&self, key: &str) {
        let cancelled = match self {
            Self::Programs(programs) => programs.cancel(key).await,
            Self::Rest(rest) => rest.cancel(key).await,
        };
        if let Err(failure) = cancelled {
            tracing::debug!(key, ?failure, "cannot be cancelled on the cluster");
        }
    }
}

/// One line of a list: number, state, name, and why it waits.
pub(super) type Line<'a> = (u64, &'a str, &'a str, &'a str);

/// What is listed of each key. Of several jobs under one name the one that is not over counts, else the last.
pub(super) fn by_key<'a>(jobs: impl Iterator<Item = Line<'a>>) -> HashMap<String, Listed> {
    let mut known: HashMap<&str, (bool, u64, &str, &str)> = HashMap::new();
    for (number, state, name, reason) in jobs {
        let Some(key) = name.strip_prefix(PREFIX) else { continue };
        let job = (!verdict::is_over(state), number, state, reason);
        let best = known.entry(key).or_insert(job);
        *best = (*best).max(job);
    }
    let listed = |state: &str, reason: &str| Listed {
        state: state.to_owned(),
        reason: Some(reason).filter(|reason| !matches!(*reason, "" | "None")).map(ToOwned::to_owned),
    };
    known.into_iter().map(|(key, (_, _, state, reason))| (key.to_owned(), listed(state, reason))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_name_twice_the_one_under_way_counts() {
        let listed = |jobs: &[Line<'static>]| by_key(jobs.iter().copied()).remove("a");
        let state = |jobs| listed(jobs).unwrap().state;
        assert_eq!(state(&[(7, "RUNNING", "aurora-a", "None"), (8, "FAILED", "aurora-a", "")]), "RUNNING");
        assert_eq!(state(&[(7, "FAILED", "aurora-a", ""), (8, "COMPLETED", "aurora-a", "")]), "COMPLETED");
        assert_eq!(listed(&[(7, "RUNNING", "another", "None")]), None);
    }

    #[test]
    fn complaints_are_told_apart() {
        let timeout = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation";
        assert_eq!(Failure::said(timeout), Failure::NoAnswer);
        let away = "Unable to contact slurm controller (connect failure)";
        assert_eq!(Failure::said(away), Failure::Away(away.to_owned()));
        let refused = "sbatch: error: invalid partition specified: x";
        assert_eq!(Failure::said(refused), Failure::Refused(refused.to_owned()));
    }
}
