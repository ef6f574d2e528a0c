//! The states of a job and the one table of moves between them.
//!
//! [`crate::diagram`] draws the table; nothing moves a job but through [`allowed`].

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its input is not whole.
    Incomplete,
    /// Waits for a worker.
    Queued,
    /// Taken by a worker, not yet handed to an executor.
    Leased,
    /// Handed to an executor.
    Submitted,
    /// The executor runs it.
    Running,
    /// Finished; its outputs are being verified.
    Collecting,
    /// Its outputs are published.
    Published,
    /// Failed in a way that may pass; due again at a known time.
    Retryable,
    /// Failed for good; the dead letters.
    Failed,
    /// Cancelled by a person, or its input left.
    Cancelled,
}

use State::{Cancelled, Collecting, Failed, Incomplete, Leased, Published, Queued, Retryable, Running, Submitted};

/// One legal move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// From where.
    pub from: State,
    /// To where.
    pub to: State,
    /// What makes it, in a few words.
    pub cause: &'static str,
}

const fn when(from: State, to: State, cause: &'static str) -> Move {
    Move { from, to, cause }
}

/// Every legal move.
pub const MOVES: &[Move] = &[
    when(Incomplete, Queued, "input became whole"),
    when(Incomplete, Cancelled, "input left or was replaced"),
    when(Queued, Leased, "a worker takes it"),
    when(Queued, Cancelled, "cancelled"),
    when(Leased, Submitted, "executor accepted it"),
    when(Leased, Queued, "worker stops, or nothing can be begun"),
    when(Leased, Retryable, "submit failed or lease ran out"),
    when(Leased, Failed, "no attempts left"),
    when(Leased, Cancelled, "cancelled"),
    when(Submitted, Running, "executor started it"),
    when(Submitted, Collecting, "finished unseen"),
    when(Submitted, Queued, "worker stops, or its command or results are away"),
    when(Submitted, Retryable, "attempt failed or lease ran out"),
    when(Submitted, Failed, "refused, or no attempts left"),
    when(Submitted, Cancelled, "cancelled"),
    when(Running, Collecting, "exit status 0"),
    when(Running, Queued, "worker stops, or its command or results are away"),
    when(Running, Retryable, "attempt failed or lease ran out"),
    when(Running, Failed, "refused, or no attempts left"),
    when(Running, Cancelled, "cancelled"),
    when(Collecting, Published, "outputs verified and renamed"),
    when(Collecting, Queued, "worker stops, or its command or results are away"),
    when(Collecting, Retryable, "outputs bad or lease ran out"),
    when(Collecting, Failed, "no attempts left"),
    when(Collecting, Cancelled, "cancelled"),
    when(Retryable, Leased, "due again"),
    when(Retryable, Queued, "retried by a person"),
    when(Retryable, Cancelled, "cancelled"),
    when(Failed, Queued, "retried by a person"),
    when(Failed, Cancelled, "input left or was replaced"),
    when(Cancelled, Queued, "retried by a person"),
    when(Cancelled, Incomplete, "input is there again, as incomplete as before"),
];

/// Whether the table has this move.
pub fn allowed(from: State, to: State) -> bool {
    MOVES.iter().any(|legal| legal.from == from && legal.to == to)
}

impl State {
    /// Every state, in the order a job meets them.
    pub const ALL: [Self; 10] =
        [Incomplete, Queued, Leased, Submitted, Running, Collecting, Published, Retryable, Failed, Cancelled];

    /// Its name in rows, answers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Incomplete => "incomplete",
            Queued => "queued",
            Leased => "leased",
            Submitted => "submitted",
            Running => "running",
            Collecting => "collecting",
            Published => "published",
            Retryable => "retryable",
            Failed => "failed",
            Cancelled => "cancelled",
        }
    }

    /// Whether a worker holds a job in this state.
    pub const fn is_held(self) -> bool {
        matches!(self, Leased | Submitted | Running | Collecting)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a job state")]
pub struct UnknownState {
    /// The text.
    pub text: String,
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = Self::ALL.into_iter().find(|state| state.name() == text);
        found.ok_or_else(|| UnknownState { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for state in State::ALL {
            assert_eq!(state.name().parse(), Ok(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert!("done".parse::<State>().is_err());
    }

    #[test]
    fn no_move_stands_twice_and_published_is_the_end() {
        for (i, one) in MOVES.iter().enumerate() {
            assert!(!MOVES[..i].iter().any(|other| (other.from, other.to) == (one.from, one.to)), "{one:?}");
            assert_ne!(one.from, Published);
        }
    }

    #[test]
    fn every_held_state_can_be_left_by_every_way_out() {
        for state in State::ALL.into_iter().filter(|state| state.is_held()) {
            for exit in [Queued, Retryable, Failed, Cancelled] {
                assert!(allowed(state, exit), "{state} -> {exit}");
            }
        }
    }
}
