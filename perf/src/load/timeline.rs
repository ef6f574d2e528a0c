//! A load second by second, put together from its threads and processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::{Durations, Tally};

/// One second of one thread.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Slice {
    /// Which second of the run, from 0.
    pub(super) second: u32,
    /// Most users there in it.
    pub(super) users: u64,
    /// What they saw.
    pub(super) tally: Tally,
    /// How late the thread acted.
    pub(super) lateness: Durations,
    /// Distinct tiles began anew.
    pub(super) ran_out: bool,
}

/// One second of all.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Most users there in it.
    pub users: u64,
    /// What they saw.
    pub tally: Tally,
}

/// All seconds.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// By second of the run.
    pub frames: BTreeMap<u32, Frame>,
    /// How late the tool acted: the time from when a thread should have woken to when it did.
    pub lateness: Durations,
    /// Distinct tiles began anew.
    pub ran_out: bool,
    /// Client processes that ended before their work was done.
    pub clients_lost: usize,
}

impl Timeline {
    pub(super) fn add(&mut self, slice: &Slice) {
        let frame = self.frames.entry(slice.second).or_default();
        frame.users += slice.users;
        frame.tally.absorb(&slice.tally);
        self.lateness.absorb(&slice.lateness);
        self.ran_out |= slice.ran_out;
    }

    /// Everything together.
    pub fn total(&self) -> Tally {
        self.between(0.0, f64::INFINITY)
    }

    /// Everything of the seconds that begin within a stretch of time.
    pub fn between(&self, from_s: f64, to_s: f64) -> Tally {
        let mut total = Tally::default();
        for frame in self.frames.iter().filter(|(second, _)| (from_s..to_s).contains(&f64::from(**second))) {
            total.absorb(&frame.1.tally);
        }
        total
    }
}
