//! Whether what roughens a scene everywhere lies in one direction, as streaks of wind do and hills do not.
//!
//! A strong wind over a small sea leaves no calm square to compare others with, so that every square looks like land.
//! It is the direction that tells: rolls in the air over the sea are parallel over tens of kilometres (Gerling,
//! "Structure of the surface wind field from the Seasat SAR", JGR 91(C2), 1986), relief seldom is. It says nothing of
//! single places; [`super::dark_spots`] asks when there seems to be no sea at all.

use rayon::prelude::*;

use crate::{frame::CellSize, grid::Grid};

/// Over so many metres speckle is averaged, and twice as far apart levels are compared.
const SCALE_M: f64 = 300.0;
/// How far the slopes agree in direction, 0–1, from which they are streaks. Streaks made for the tests have 0.93, land
/// in Sentinel-1 scenes seen 0.08 to 0.22.
const MIN_AGREEMENT: f64 = 0.6;
/// A slope of more than so many dB over the distance is a shore, a ship or a slick's edge, and counts no further.
const MAX_STEP_DB: f64 = 3.0;

/// Whether the slopes of a grid in dB agree in direction.
pub(super) fn are_parallel(db: &Grid<f32>, cell: CellSize) -> bool {
    agreement(db, cell) >= MIN_AGREEMENT
}

/// Coherence of the structure tensor of the whole grid, 0–1; 0 without data. Cells without data are left out.
fn agreement(db: &Grid<f32>, cell: CellSize) -> f64 {
    let reach = cell.count(SCALE_M);
    let smooth = db.box_mean((reach / 2).max(1));
    let (columns, rows) = (reach..db.width.saturating_sub(reach), reach..db.height.saturating_sub(reach));
    let sums = rows.into_par_iter().step_by(reach).map(|y| {
        let slopes = columns.clone().step_by(reach).map(|x| {
            let difference = |a: f32, b: f32| f64::from(a - b);
            let east = difference(smooth.at(x + reach, y), smooth.at(x - reach, y));
            let south = difference(smooth.at(x, y + reach), smooth.at(x, y - reach));
            let steepness = east.hypot(south);
            let limit = (MAX_STEP_DB / steepness.max(f64::MIN_POSITIVE)).min(1.0);
            (east * limit / cell.x_m, south * limit / cell.y_m)
        });
        slopes
            .filter(|(east, south)| (east + south).is_finite())
            .fold([0.0; 3], |sum, (east, south)| [sum[0] + east * east, sum[1] + south * south, sum[2] + east * south])
    });
    let [xx, yy, xy] = sums.reduce(|| [0.0; 3], |a, b| std::array::from_fn(|index| a[index] + b[index]));
    if xx + yy > 0.0 { (xx - yy).hypot(2.0 * xy) / (xx + yy) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::build;

    const SIXTY: CellSize = CellSize { x_m: 60.0, y_m: 60.0 };

    #[test]
    fn streaks_agree_and_hills_do_not() {
        let wave = |turns: f32| (std::f32::consts::TAU * turns).sin();
        let streaks = build(400, 400, |x, y| wave((0.8 * x as f32 - 0.6 * y as f32) / 40.0) + wave(x as f32 / 200.0));
        let hills = build(400, 400, |x, y| wave(x as f32 / 15.0) + wave(y as f32 / 18.0) + wave((x + y) as f32 / 30.0));
        assert!(are_parallel(&streaks, SIXTY) && !are_parallel(&hills, SIXTY), "{}", agreement(&hills, SIXTY));
    }

    #[test]
    fn without_data_or_slopes_nothing_agrees() {
        assert_eq!(agreement(&Grid::filled(100, 100, f32::NAN), SIXTY), 0.0);
        assert_eq!(agreement(&Grid::filled(100, 100, 1.0), SIXTY), 0.0);
        assert_eq!(agreement(&Grid::filled(3, 3, 1.0), SIXTY), 0.0);
    }
}
