//! Where users of one thread or one step count what they see.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use super::Tally;

/// A tally shared by users, with the clock of the run.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    tally: Mutex<Tally>,
}

impl Meter {
    /// Counts from now on, in a run that began at `started`.
    pub fn new(started: Instant) -> Self {
        Self { started, tally: Mutex::default() }
    }

    /// Milliseconds since the run began.
    pub fn at_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Counts something.
    pub fn count(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was counted since this was called last.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut *self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}
