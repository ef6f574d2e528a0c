//! How many answers a client gets on one connection before it makes room for somebody who waits outside.
//!
//! One each would be fairest, but opening a connection costs both ends about as much as an answer at hand does, so that
//! a crowd that changes places after each answer gets half as many. So it is as many as let those who wait in within
//! [`WAIT`]: with N outside and A answers a second, A / quantum of them come in a second, which takes N · quantum / A.
//! [`super::sweep`] keeps it up to date, [`super::connection`] goes by it.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Time in which those who wait now are to be let in. Every second more saves connections, and makes the slowest answer
/// a second slower.
const WAIT: Duration = Duration::from_secs(3);

/// Most answers on a connection while it is crowded: nobody keeps a place for ever.
const MOST: u32 = 32;

/// Time over which the rate of answers is averaged.
const SMOOTHING: Duration = Duration::from_secs(1);

/// The quantum in force, and what it is computed from.
pub(super) struct Quantum {
    answers: AtomicU32,
    /// Answers given so far.
    given: AtomicU64,
}

/// The rate of answers, from look to look.
#[derive(Debug, Default)]
pub(super) struct Pace {
    given: u64,
    per_s: f64,
}

impl Default for Quantum {
    /// Until it is known how fast answers go, everybody makes room after one.
    fn default() -> Self {
        Self { answers: AtomicU32::new(1), given: AtomicU64::new(0) }
    }
}

impl Quantum {
    /// An answer was given.
    pub(super) fn count(&self) {
        self.given.fetch_add(1, Relaxed);
    }

    /// Answers that a connection may have had.
    pub(super) fn answers(&self) -> u32 {
        self.answers.load(Relaxed)
    }

    /// Sets it for so many clients `outside`, `since` the last look.
    pub(super) fn adjust(&self, pace: &mut Pace, outside: usize, since: Duration) {
        let per_s = pace.follow(self.given.load(Relaxed), since);
        self.answers.store(answers(per_s, outside), Relaxed);
    }
}

impl Pace {
    fn follow(&mut self, given: u64, since: Duration) -> f64 {
        let new = given.saturating_sub(self.given) as f64 / since.as_secs_f64().max(1e-3);
        self.given = given;
        self.per_s += (new - self.per_s) * (since.as_secs_f64() / SMOOTHING.as_secs_f64()).min(1.0);
        self.per_s
    }
}

fn answers(per_s: f64, outside: usize) -> u32 {
    let within_wait = per_s * WAIT.as_secs_f64() / outside.max(1) as f64;
    // Rounds down: rather a place too many than a wait too long.
    (within_wait as u32).clamp(1, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_wait_outside_the_sooner_a_client_makes_room() {
        assert_eq!([0, 100, 2000, 6500, 24_000].map(|outside| answers(8000.0, outside)), [MOST, MOST, 12, 3, 1]);
        assert_eq!(answers(0.0, 0), 1, "nothing is known yet");
    }

    #[test]
    fn the_pace_follows_what_is_given() {
        let (quantum, mut pace) = (Quantum::default(), Pace::default());
        for _ in 0..20 {
            (0..100).for_each(|_| quantum.count());
            quantum.adjust(&mut pace, 20, Duration::from_millis(250));
        }
        assert!((pace.per_s - 400.0).abs() < 5.0, "{pace:?}");
        assert_eq!(quantum.answers(), MOST);
    }
}
