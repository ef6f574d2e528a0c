//! How many users, or arrivals a second, there are to be at each moment: stages as k6 has them, straight lines from
//! target to target.

use std::{str::FromStr, time::Duration};

use aurora_daemon::size::Span;
use serde::{Deserialize, Serialize};

/// Users, or arrivals a second, that a load may have at most: far more than a machine carries.
pub const MAX_TARGET: f64 = 100_000.0;

/// A stretch of time at whose end the target is reached.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its length.
    pub duration: Duration,
    /// Users, or arrivals a second in an open model.
    pub target: f64,
}

/// Stages in order, from nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stages(pub Vec<Stage>);

/// Profiles known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// The brief's: from 50 users to 200, 400, 600, 800 in 30 s each, to 25,000 in 30 s, 60 s there, 30 s down: 240 s.
    Brief,
    /// The same shape at a fifth of the time and a tenth of the peak.
    Nightly,
    /// Ten seconds, up to 40 users.
    Ci,
}

impl Profile {
    /// Its stages.
    pub fn stages(self) -> Stages {
        let stage = |seconds: f64, target: f64| Stage { duration: Duration::from_secs_f64(seconds), target };
        let brief = [
            (0.0, 50.0),
            (30.0, 200.0),
            (30.0, 400.0),
            (30.0, 600.0),
            (30.0, 800.0),
            (30.0, 25_000.0),
            (60.0, 25_000.0),
            (30.0, 0.0),
        ];
        Stages(match self {
            Self::Brief => brief.map(|(seconds, target)| stage(seconds, target)).to_vec(),
            Self::Nightly => {
                let steps = [(0.0, 50.0), (6.0, 200.0), (6.0, 400.0), (6.0, 600.0), (6.0, 800.0), (6.0, 2_500.0)];
                let end = [(12.0, 2_500.0), (6.0, 0.0)];
                steps.into_iter().chain(end).map(|(seconds, target)| stage(seconds, target)).collect()
            }
            Self::Ci => [(2.0, 5.0), (2.0, 20.0), (4.0, 40.0), (2.0, 0.0)].map(|(s, target)| stage(s, target)).to_vec(),
        })
    }
}

impl Stages {
    /// A constant number all the time, reached at once.
    pub fn constant(target: f64, duration: Duration) -> Self {
        Self(vec![Stage { duration: Duration::ZERO, target }, Stage { duration, target }])
    }

    /// All together.
    pub fn duration(&self) -> Duration {
        self.0.iter().map(|stage| stage.duration).sum()
    }

    /// The highest target.
    pub fn peak(&self) -> f64 {
        self.0.iter().map(|stage| stage.target).fold(0.0, f64::max)
    }

    /// The target at a moment; 0 after the end.
    pub fn at(&self, time: Duration) -> f64 {
        let (mut begins, mut from) = (Duration::ZERO, 0.0);
        for stage in &self.0 {
            let ends = begins + stage.duration;
            if time < ends {
                let done = (time - begins).as_secs_f64() / stage.duration.as_secs_f64();
                return from + (stage.target - from) * done;
            }
            (begins, from) = (ends, stage.target);
        }
        0.0
    }

    /// When each stage that lasts begins and ends, in seconds, with its target.
    pub fn spans(&self) -> Vec<(f64, f64, f64)> {
        let mut begins = 0.0;
        let span = |stage: &Stage| {
            let ends = begins + stage.duration.as_secs_f64();
            (std::mem::replace(&mut begins, ends), ends, stage.target)
        };
        self.0.iter().map(span).filter(|(begins, ends, _)| ends > begins).collect()
    }
}

impl FromStr for Stage {
    type Err = String;

    /// `DURATION:TARGET`, as k6 writes it: `30s:50`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not DURATION:TARGET such as 30s:50");
        let (duration, target) = text.rsplit_once(':').ok_or_else(wrong)?;
        let duration: Span = duration.parse().map_err(|_| wrong())?;
        let target: f64 = target.parse().map_err(|_| wrong())?;
        if !(0.0..=MAX_TARGET).contains(&target) {
            return Err(format!("`{text}` has no target from 0 to {MAX_TARGET}"));
        }
        Ok(Self { duration: duration.0, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_reached_in_straight_lines() {
        let stages = Stages(["10s:100", "10s:100", "5s:0"].map(|text| text.parse().unwrap()).to_vec());
        let at = |seconds: f64| stages.at(Duration::from_secs_f64(seconds));
        assert_eq!([at(0.0), at(5.0), at(10.0), at(15.0)], [0.0, 50.0, 100.0, 100.0]);
        assert!((at(22.5) - 50.0).abs() < 1e-9 && at(25.0) == 0.0);
        assert_eq!(stages.duration(), Duration::from_secs(25));
        assert_eq!(stages.spans(), [(0.0, 10.0, 100.0), (10.0, 20.0, 100.0), (20.0, 25.0, 0.0)]);
    }

    #[test]
    fn a_constant_number_is_there_at_once() {
        let stages = Stages::constant(16.0, Duration::from_secs(3));
        assert_eq!(stages.at(Duration::ZERO), 16.0);
        assert_eq!(stages.spans().len(), 1);
    }

    #[test]
    fn the_briefs_profile_is_the_briefs() {
        let stages = Profile::Brief.stages();
        assert_eq!((stages.duration().as_secs(), stages.peak()), (240, 25_000.0));
        assert_eq!(stages.at(Duration::ZERO), 50.0);
        assert_eq!(stages.at(Duration::from_secs(180)), 25_000.0);
    }

    #[test]
    fn stages_are_checked() {
        for wrong in ["", "30s", "x:1", "30s:x", "30s:-1", "30s:nan", "30s:100001"] {
            assert!(wrong.parse::<Stage>().is_err(), "{wrong}");
        }
    }
}
