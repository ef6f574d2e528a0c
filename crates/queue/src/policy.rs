//! When a failed attempt is tried again.

use std::{
    hash::{BuildHasher, Hasher},
    time::Duration,
};

/// How often and how soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all; the last one's failure is final.
    pub max_attempts: u32,
    /// Losses in all, which are no attempts of the job's; the last one is final, or what never comes through would be
    /// tried for ever.
    pub max_losses: u32,
    /// Delay after the first failure; doubles with each further one.
    pub base_delay: Duration,
    /// The longest delay.
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let (base_delay, max_delay) = (Duration::from_secs(10), Duration::from_secs(600));
        Self { max_attempts: 3, max_losses: 20, base_delay, max_delay }
    }
}

impl RetryPolicy {
    /// The longest delay after attempt `attempt` (from 1) failed: doubling, capped.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        self.base_delay.saturating_mul(doubled).min(self.max_delay)
    }

    /// A delay between half the ceiling and the ceiling, at random, so that jobs that failed together do not return
    /// together.
    pub fn delay(&self, attempt: u32) -> Duration {
        // A fresh RandomState is keyed at random; that is all the randomness a jitter needs.
        let random = std::hash::RandomState::new().build_hasher().finish() >> 32;
        let share = 0.5 + 0.5 * (random as f64 / f64::from(u32::MAX));
        self.ceiling(attempt).mul_f64(share)
    }

    /// Whether a job that has begun `attempt` attempts may have another.
    pub fn has_attempts_left(&self, attempt: u32) -> bool {
        attempt < self.max_attempts
    }

    /// Whether a job whose attempts were lost `losses` times may have another.
    pub fn has_losses_left(&self, losses: u32) -> bool {
        losses < self.max_losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.ceiling(1), Duration::from_secs(10));
        assert_eq!(policy.ceiling(3), Duration::from_secs(40));
        assert_eq!(policy.ceiling(u32::MAX), Duration::from_secs(600));
    }

    #[test]
    fn jitter_stays_within_half_and_whole() {
        let policy = RetryPolicy::default();
        let delays: Vec<_> = (0..100).map(|_| policy.delay(2)).collect();
        assert!(delays.iter().all(|delay| (10.0..=20.0).contains(&delay.as_secs_f64())), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay != delays[0]), "no jitter at all");
    }
}
