//! Figures of both sides over all rounds: medians, and ratios taken within a round, which a slow spell of the machine
//! hits alike.

use super::{Ratio, Round};

/// Those that both sides have in every round.
pub(super) fn ratios(rounds: &[[Round; 2]]) -> Vec<Ratio> {
    let Some([first, _]) = rounds.first() else { return Vec::new() };
    let both = |figure: &&str| rounds.iter().all(|round| round.iter().all(|side| side.figures.contains_key(figure)));
    let ratio = |figure: &'static str| {
        let of = |side: usize| rounds.iter().map(move |round| round[side].figures[figure]).collect::<Vec<_>>();
        let (a, b) = (of(0), of(1));
        let mut ratios: Vec<f64> = a.iter().zip(&b).filter(|(_, b)| **b > 0.0).map(|(a, b)| a / b).collect();
        let whole = ratios.len() == rounds.len();
        ratios.sort_by(f64::total_cmp);
        Ratio {
            figure,
            medians: [median(a), median(b)],
            ratio: whole.then(|| median(ratios.clone())),
            spread: whole.then(|| (ratios[0], ratios[ratios.len() - 1])),
        }
    };
    first.figures.keys().copied().filter(both).map(ratio).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even.is_multiple_of(2) => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds() {
        let round = |a: f64, b: f64| [a, b].map(|rate| Round { figures: BTreeMap::from([("tiles_per_s", rate)]) });
        // A slow spell in the second round hits both.
        let ratios = ratios(&[round(100.0, 50.0), round(10.0, 5.0), round(90.0, 30.0)]);
        assert_eq!(ratios[0].ratio, Some(2.0));
        assert_eq!(ratios[0].spread, Some((2.0, 3.0)));
        assert_eq!(ratios[0].medians, [90.0, 30.0]);
    }

    #[test]
    fn nothing_by_nothing_is_no_ratio() {
        let round = [0.0, 0.0].map(|failed| Round { figures: BTreeMap::from([("failed", failed)]) });
        assert_eq!(ratios(&[round])[0].ratio, None);
    }
}
