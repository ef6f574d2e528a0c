//! How an attempt stands, from the state that the cluster gives and the traces that its script left.

use std::fs;

use super::{cluster::Listed, script};
use crate::work::{
    executor::{Outcome, REFUSED, Status, Task, UNREADY},
    local::Limits,
};

/// Bytes at the end of a log in which its last line is looked for.
const TAIL_BYTES: u64 = 4096;

/// A shell tells of a command that a signal killed by this much and the signal's number.
const MAX_OWN_STATUS: i32 = 128;

/// What an attempt's script left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Traces {
    /// The command's exit status, once it has ended.
    pub(super) exit: Option<i32>,
    /// The last line that it printed.
    pub(super) last_line: Option<String>,
}

impl Traces {
    /// Reads the traces of `task`. Blocking.
    pub(super) fn of(task: &Task) -> Self {
        let exit = fs::read_to_string(script::exit_file(task)).ok().and_then(|text| text.trim().parse().ok());
        Self { exit, last_line: last_line(&task.log) }
    }

    /// Whether they tell how it ended. Who killed it only the cluster knows.
    pub(super) fn are_enough(&self) -> bool {
        self.exit.is_some_and(|code| code <= MAX_OWN_STATUS)
    }
}

fn last_line(log: &std::path::Path) -> Option<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = fs::File::open(log).ok()?;
    let size_bytes = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size_bytes.saturating_sub(TAIL_BYTES))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut tail).ok()?;
    let text = String::from_utf8_lossy(&tail);
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(ToOwned::to_owned)
}

/// Whether a job in this state runs no more and will not again. States as in Slurm's `squeue(1)`; one that is not known
/// is not over.
pub(super) fn is_over(state: &str) -> bool {
    matches!(
        state,
        "COMPLETED"
            | "FAILED"
            | "TIMEOUT"
            | "DEADLINE"
            | "CANCELLED"
            | "OUT_OF_MEMORY"
            | "NODE_FAIL"
            | "BOOT_FAIL"
            | "LAUNCH_FAILED"
            | "RECONFIG_FAIL"
            | "PREEMPTED"
            | "REVOKED"
    )
}

/// Whether a job that is over in this state was lost by the cluster, by no doing of its own.
fn is_loss(state: &str) -> bool {
    matches!(state, "NODE_FAIL" | "BOOT_FAIL" | "LAUNCH_FAILED" | "RECONFIG_FAIL" | "PREEMPTED" | "REVOKED")
}

/// Whether a reason for waiting, as Slurm's `squeue(1)` names it, is one that nobody's turn ends: somebody has to see
/// to it. The reasons are the words before a comma, some of which are written with blanks and some with underscores.
pub(super) fn wants_somebody(reason: &str) -> bool {
    const REASONS: [&str; 16] = [
        "AccountNotAllowed",
        "BadConstraints",
        "InvalidAccount",
        "InvalidQOS",
        "JobHeldAdmin",
        "JobHeldUser",
        "JobHoldMaxRequeue",
        "NodeDown",
        "Nodes required for job are DOWN",
        "PartitionConfig",
        "PartitionDown",
        "PartitionInactive",
        "PartitionNodeLimit",
        "PartitionTimeLimit",
        "QOSNotAllowed",
        "ReqNodeNotAvail",
    ];
    let reason = reason.split(',').next().unwrap_or_default().replace('_', " ");
    REASONS.contains(&reason.trim()) || reason.contains("held state")
}

/// How the attempt stands; `None` when the cluster does not list it and it left no trace of its end.
pub(super) fn verdict(listed: Option<&Listed>, traces: &Traces, limits: &Limits) -> Option<Status> {
    let state = listed.map(|listed| listed.state.as_str());
    // Its own word on how it ended counts, whatever became of its job meanwhile.
    if let Some(code) = traces.exit.filter(|_| traces.are_enough() || state.is_none()) {
        return Some(Status::Ended(ended(code, traces, limits)));
    }
    let said = said(traces);
    let failed = |reason: String| Some(Status::Ended(Outcome::Failed(format!("{reason}{said}"))));
    match state? {
        "PENDING" | "CONFIGURING" | "REQUEUED" | "REQUEUE_HOLD" | "REQUEUE_FED" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => {
            Some(Status::Waiting(listed.and_then(|listed| listed.reason.clone())))
        }
        "COMPLETED" => Some(Status::Ended(Outcome::Success)),
        "TIMEOUT" | "DEADLINE" => failed(time_over(limits)),
        "CANCELLED" => failed("cancelled on the cluster".to_owned()),
        "OUT_OF_MEMORY" => failed(format!("took more than {} MiB of memory", limits.memory_bytes >> 20)),
        // Its command may have been killed on the way.
        lost if is_loss(lost) => Some(Status::Ended(Outcome::Lost(format!("the cluster says {lost}{said}")))),
        over if is_over(over) => match traces.exit {
            Some(code) => Some(Status::Ended(ended(code, traces, limits))),
            None => failed(format!("the cluster says {over}")),
        },
        _ => Some(Status::Running),
    }
}

fn ended(code: i32, traces: &Traces, limits: &Limits) -> Outcome {
    let said = said(traces);
    match code {
        0 => Outcome::Success,
        REFUSED => {
            Outcome::Refused(traces.last_line.clone().unwrap_or_else(|| "the command refused the file".to_owned()))
        }
        UNREADY => Outcome::Unready(format!("the command is not ready{said}")),
        script::TIME_OVER => Outcome::Failed(time_over(limits)),
        code if code > MAX_OWN_STATUS => Outcome::Failed(format!("killed by signal {}{said}", code - MAX_OWN_STATUS)),
        code => Outcome::Failed(format!("exit status {code}{said}")),
    }
}

fn time_over(limits: &Limits) -> String {
    format!("not done within {} s", limits.time.as_secs())
}

fn said(traces: &Traces) -> String {
    traces.last_line.as_ref().map(|line| format!(": {line}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(60),
        memory_bytes: 1 << 30,
        nice: 0,
        log_bytes: 100,
        grace: Duration::from_secs(1),
    };

    fn judged(state: Option<&str>, exit: Option<i32>) -> Option<Status> {
        let listed = state.map(|state| Listed { state: state.to_owned(), reason: Some("Priority".to_owned()) });
        verdict(listed.as_ref(), &Traces { exit, last_line: Some("why".to_owned()) }, &LIMITS)
    }

    fn failed(reason: &str) -> Option<Status> {
        Some(Status::Ended(Outcome::Failed(reason.to_owned())))
    }

    #[test]
    fn the_table_of_states() {
        for state in
            ["PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"]
        {
            assert_eq!(judged(Some(state), None), Some(Status::Waiting(Some("Priority".to_owned()))), "{state}");
        }
        for state in [
            "RUNNING",
            "COMPLETING",
            "SUSPENDED",
            "STOPPED",
            "STAGE_OUT",
            "SIGNALING",
            "RESIZING",
            "POWER_UP_NODE",
            "UPDATE_DB",
            "A_STATE_OF_TOMORROW",
            "",
        ] {
            assert_eq!(judged(Some(state), None), Some(Status::Running), "{state}");
            assert!(!is_over(state));
        }
        assert_eq!(judged(Some("COMPLETED"), None), Some(Status::Ended(Outcome::Success)));
        for (state, reason) in [
            ("TIMEOUT", "not done within 60 s: why"),
            ("DEADLINE", "not done within 60 s: why"),
            ("CANCELLED", "cancelled on the cluster: why"),
            ("OUT_OF_MEMORY", "took more than 1024 MiB of memory: why"),
            ("FAILED", "the cluster says FAILED: why"),
        ] {
            assert_eq!(judged(Some(state), None), failed(reason));
            assert!(is_over(state));
        }
        for state in ["NODE_FAIL", "BOOT_FAIL", "LAUNCH_FAILED", "RECONFIG_FAIL", "PREEMPTED", "REVOKED"] {
            let lost = Some(Status::Ended(Outcome::Lost(format!("the cluster says {state}: why"))));
            assert_eq!((judged(Some(state), None), judged(Some(state), Some(143))), (lost.clone(), lost));
            assert!(is_over(state));
        }
        assert_eq!(judged(None, None), None);
    }

    #[test]
    fn reasons_that_somebody_has_to_see_to() {
        for reason in ["JobHeldAdmin", "ReqNodeNotAvail, UnavailableNodes:n1", "job requeued in held state"] {
            assert!(wants_somebody(reason), "{reason}");
        }
        let down = "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions";
        assert!(wants_somebody(down) && wants_somebody(&down.replace('_', " ")));
        for reason in
            ["Priority", "Resources", "Dependency", "BeginTime", "AssocGrpCpuLimit", "A reason of tomorrow", ""]
        {
            assert!(!wants_somebody(reason), "{reason}");
        }
    }

    #[test]
    fn the_commands_own_word_counts_most() {
        for state in [None, Some("RUNNING"), Some("NODE_FAIL"), Some("CANCELLED")] {
            assert_eq!(judged(state, Some(0)), Some(Status::Ended(Outcome::Success)));
        }
        assert_eq!(judged(None, Some(65)), Some(Status::Ended(Outcome::Refused("why".to_owned()))));
        let unready = Outcome::Unready("the command is not ready: why".to_owned());
        assert_eq!(judged(None, Some(78)), Some(Status::Ended(unready)));
        assert_eq!(judged(None, Some(3)), failed("exit status 3: why"));
        assert_eq!(judged(None, Some(137)), failed("killed by signal 9: why"));
        assert_eq!(judged(Some("FAILED"), Some(137)), failed("killed by signal 9: why"));
        assert_eq!(judged(Some("COMPLETING"), Some(143)), Some(Status::Running), "who killed it is told soon");
        assert_eq!(judged(Some("CANCELLED"), Some(143)), failed("cancelled on the cluster: why"));
        assert_eq!(judged(None, Some(124)), failed("not done within 60 s"));
    }
}
