//! The queue's jobs in the catalogue's words.

use std::collections::BTreeMap;

use aurora_catalog::{JobState, JobView};
use aurora_queue::{Job, State};

/// The job as everybody but the queue sees it.
pub(crate) fn of(job: &Job) -> JobView {
    JobView {
        job_id: job.job_id.clone(),
        scene_id: job.subject.clone(),
        revision: job.revision,
        path: job.input.clone(),
        state: state(job.state),
        attempt: job.attempt,
        losses: job.losses,
        reason: job.reason.clone(),
        created_at: job.created_at,
        updated_at: job.updated_at,
        retry_at: job.retry_at,
    }
}

/// Tells how many jobs stand in each state, states without any included.
pub(crate) fn gauge(counts: &BTreeMap<State, u64>) {
    for state in State::ALL {
        let jobs = counts.get(&state).copied().unwrap_or_default();
        metrics::gauge!("aurora_indexer_jobs", "state" => state.name()).set(jobs as f64);
    }
}

fn state(state: State) -> JobState {
    match state {
        State::Incomplete => JobState::Incomplete,
        State::Queued => JobState::Queued,
        State::Leased => JobState::Leased,
        State::Submitted => JobState::Submitted,
        State::Running => JobState::Running,
        State::Collecting => JobState::Collecting,
        State::Published => JobState::Published,
        State::Retryable => JobState::Retryable,
        State::Failed => JobState::Failed,
        State::Cancelled => JobState::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_crates_name_the_states_alike() {
        for one in State::ALL {
            assert_eq!(serde_json::to_value(state(one)).unwrap(), one.name());
        }
    }
}
