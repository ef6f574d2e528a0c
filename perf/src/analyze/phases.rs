//! The phases of a load: start, growth, peak, recovery. From the load's own report where there is one, else from how
//! many requests the server had at once.

use serde::Serialize;

/// Kinds of phase, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Little load yet.
    Start,
    /// More and more.
    Growth,
    /// The most.
    Peak,
    /// Less again.
    Recovery,
}

/// A stretch of time in seconds of the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// What it is.
    pub kind: Kind,
    /// Its begin.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
}

/// Below this part of the most, load is only starting.
const START_SHARE: f64 = 0.1;
/// From this part of the most on, it is the peak.
const PEAK_SHARE: f64 = 0.8;
/// Seconds over which load is averaged on either side, so that one slow second is no peak.
const SMOOTH_S: usize = 2;

/// Cuts by load second by second (requests at once, on average), from `from_s` on.
pub(super) fn from_load(from_s: f64, load: &[f64]) -> Vec<Phase> {
    let smooth = smoothed(load);
    let most = smooth.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return vec![Phase { kind: Kind::Peak, from_s, to_s: from_s + load.len() as f64 }];
    }
    let peak = smooth.iter().position(|load| *load >= PEAK_SHARE * most).unwrap_or(0);
    let after = smooth.iter().rposition(|load| *load >= PEAK_SHARE * most).map_or(load.len(), |last| last + 1);
    let growth = smooth.iter().position(|load| *load >= START_SHARE * most).unwrap_or(0).min(peak);
    phases(from_s, [0, growth, peak, after, load.len()].map(|second| second as f64))
}

/// Cuts by the stages of a load that began at `from_s`: begin, end and target of each.
pub(super) fn from_stages(from_s: f64, stages: &[(f64, f64, f64)]) -> Vec<Phase> {
    let top = stages.iter().map(|stage| stage.2).fold(0.0, f64::max);
    let end = stages.last().map_or(0.0, |stage| stage.1);
    // A stage that only reaches the top is growth; one that holds it is the peak.
    let holds = |index: &usize| stages[*index].2 >= top && (*index == 0 || stages[*index - 1].2 >= top);
    let held: Vec<usize> = (0..stages.len()).filter(holds).collect();
    let reaching = stages.iter().position(|stage| stage.2 >= top).unwrap_or(0);
    let (first, last) = (held.first().copied().unwrap_or(reaching), held.last().copied().unwrap_or(reaching));
    let begin = |index: usize| stages.get(index).map_or(end, |stage| stage.0);
    let growth = if first > 0 { begin(1) } else { 0.0 };
    phases(from_s, [0.0, growth.min(begin(first)), begin(first), begin(last + 1), end])
}

/// Phases between five cuts; those without length are left out.
fn phases(from_s: f64, cuts: [f64; 5]) -> Vec<Phase> {
    let kinds = [Kind::Start, Kind::Growth, Kind::Peak, Kind::Recovery];
    let phase = |(kind, pair): (Kind, &[f64])| Phase { kind, from_s: from_s + pair[0], to_s: from_s + pair[1] };
    kinds.into_iter().zip(cuts.windows(2)).map(phase).filter(|phase| phase.to_s > phase.from_s).collect()
}

fn smoothed(load: &[f64]) -> Vec<f64> {
    let mean = |index: usize| {
        let window = &load[index.saturating_sub(SMOOTH_S)..(index + SMOOTH_S + 1).min(load.len())];
        window.iter().sum::<f64>() / window.len() as f64
    };
    (0..load.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(phases: &[Phase]) -> Vec<(Kind, f64, f64)> {
        phases.iter().map(|phase| (phase.kind, phase.from_s, phase.to_s)).collect()
    }

    #[test]
    fn load_that_grows_and_falls_has_four_phases() {
        let load: Vec<f64> = (0..20)
            .map(|_| 1.0)
            .chain((0..20).map(|s| f64::from(s) * 5.0))
            .chain([100.0; 20])
            .chain([2.0; 10])
            .collect();
        let phases = shape(&from_load(1000.0, &load));
        assert_eq!(
            phases.iter().map(|phase| phase.0).collect::<Vec<_>>(),
            [Kind::Start, Kind::Growth, Kind::Peak, Kind::Recovery]
        );
        assert!((1034.0..1040.0).contains(&phases[2].1) && (1058.0..1063.0).contains(&phases[2].2), "{phases:?}");
        assert_eq!((phases[0].1, phases[3].2), (1000.0, 1070.0));
    }

    #[test]
    fn the_briefs_stages_have_their_peak_where_users_hold() {
        let stages =
            [(0.0, 30.0, 200.0), (30.0, 60.0, 800.0), (60.0, 90.0, 25e3), (90.0, 150.0, 25e3), (150.0, 180.0, 0.0)];
        let expected = [
            (Kind::Start, 0.0, 30.0),
            (Kind::Growth, 30.0, 90.0),
            (Kind::Peak, 90.0, 150.0),
            (Kind::Recovery, 150.0, 180.0),
        ];
        assert_eq!(shape(&from_stages(0.0, &stages)), expected);
    }

    #[test]
    fn steady_load_is_all_peak() {
        assert_eq!(shape(&from_load(0.0, &[5.0; 10])), [(Kind::Peak, 0.0, 10.0)]);
        assert_eq!(shape(&from_stages(0.0, &[(0.0, 10.0, 5.0)])), [(Kind::Peak, 0.0, 10.0)]);
    }
}
