//! When rounds begin in an open model, by the rate alone, whoever is free.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    Plan,
    worker::{Part, TICK},
};

/// When rounds are to begin in an open model: whenever the rate, summed up over time, has reached the next arrival.
pub(super) struct Arrivals<'a> {
    plan: &'a Plan,
    part: Part,
    rng: Option<ChaCha8Rng>,
    /// Summed up to this moment of the run.
    time: Duration,
    /// Arrivals still to be summed up until the next.
    owed: f64,
}

impl<'a> Arrivals<'a> {
    pub(super) fn new(plan: &'a Plan, part: Part, random: bool) -> Self {
        let rng = random.then(|| ChaCha8Rng::seed_from_u64(plan.seed.wrapping_add(part.index as u64)));
        let mut arrivals = Self { plan, part, rng, time: Duration::ZERO, owed: 0.0 };
        // Evenly spaced arrivals of several threads interleave.
        arrivals.owed = if random { arrivals.gap() } else { (part.index + 1) as f64 / part.of as f64 };
        arrivals
    }

    /// From arrival to arrival at a rate of one.
    fn gap(&mut self) -> f64 {
        self.rng.as_mut().map_or(1.0, |rng| -rng.random_range(f64::MIN_POSITIVE..1.0_f64).ln())
    }

    fn rate(&self) -> f64 {
        self.plan.stages.at(self.time) / self.part.of as f64
    }

    /// When to look again; not at once when nobody comes any more.
    pub(super) fn wake_at(&self, now: Duration) -> Duration {
        if self.time >= self.plan.stages.duration() {
            return now + TICK;
        }
        let gap = Duration::try_from_secs_f64(self.owed / self.rate()).unwrap_or(TICK);
        self.time + gap.min(TICK)
    }

    /// The next arrival up to `now`, if there is one.
    pub(super) fn due(&mut self, now: Duration) -> Option<Duration> {
        let now = now.min(self.plan.stages.duration());
        while self.time < now {
            let (rate, step) = (self.rate(), TICK.min(now - self.time));
            let gain = rate * step.as_secs_f64();
            if gain >= self.owed && rate > 0.0 {
                self.time += Duration::try_from_secs_f64(self.owed / rate).unwrap_or(step);
                self.owed = self.gap();
                return Some(self.time);
            }
            self.owed -= gain;
            self.time += step;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::Protocol,
        load::{Model, Stage, Stages, Target},
    };

    fn plan(stages: &[&str]) -> Plan {
        let stages: Vec<Stage> = stages.iter().map(|text| text.parse().unwrap()).collect();
        Plan {
            model: Model::Open { max_users: 1, random: false },
            stages: Stages(stages),
            target: Target::Requests(Vec::new()),
            pause: Duration::ZERO,
            timeout: Duration::from_secs(1),
            retries: 0,
            connections: 1,
            protocol: Protocol::Http1,
            sources: Vec::new(),
            seed: 1,
        }
    }

    fn arrivals(plan: &Plan, part: Part, random: bool) -> Vec<f64> {
        let mut arrivals = Arrivals::new(plan, part, random);
        std::iter::from_fn(|| arrivals.due(plan.stages.duration())).map(|time| time.as_secs_f64()).collect()
    }

    #[test]
    fn even_arrivals_of_two_threads_interleave() {
        let plan = plan(&["0s:100", "10s:100"]);
        let [first, second] = [0, 1].map(|index| arrivals(&plan, Part { index, of: 2 }, false));
        assert!((499..=500).contains(&first.len()) && (499..=500).contains(&second.len()));
        assert!(first.windows(2).all(|pair| (pair[1] - pair[0] - 0.02).abs() < 1e-6), "one every 20 ms");
        assert!((second[0] - first[0] - 0.01).abs() < 1e-6);
    }

    #[test]
    fn a_growing_rate_brings_as_many_as_its_area() {
        let plan = plan(&["20s:100", "10s:0"]);
        let whole = Part { index: 0, of: 1 };
        let even = arrivals(&plan, whole, false);
        assert!((1498..=1502).contains(&even.len()), "{}", even.len());
        let random = arrivals(&plan, whole, true);
        assert!((1350..=1650).contains(&random.len()), "{}", random.len());
        assert!(random.windows(2).any(|pair| pair[1] - pair[0] > 3.0 * 0.02), "random gaps differ");
    }
}
