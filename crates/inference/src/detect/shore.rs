//! Where land ends, drawn on fine cells: bays, inlets and straits that coarse cells swallow are sea.
//!
//! [`super::land`] says which coarse cells are land; closed over kilometres, they cover narrow water too. Here a fine
//! cell near the coarse shore is land if it is bright, and deeper inside whatever is as calm as the open sea is water.
//! It judges no coarse cell anew. The detector calls it.

use super::coarse::interpolated;
use crate::grid::{Grid, around, components, quantile};

/// Coarse cells on both sides of the coarse shore in which brightness alone decides.
const OUTSIDE: usize = 2;
const INSIDE: usize = 1;
/// Decibels over the background from which a fine cell is land.
const EXCESS_DB: f32 = 2.0;
/// Fine cells by which the shore is closed: specks of water among land, and of land, are none.
const CLOSING: usize = 1;
/// Fine cells that are kept off the shore: they hold both.
const MARGIN: usize = 1;
/// Fine cells by which inlets are opened: what is narrower is a river or a shadow.
const INLET_OPENING: usize = 2;
/// Smallest inlet in fine cells.
const MIN_INLET_CELLS: usize = 60;
/// An inlet's grain is at most so many times that of the open sea. On scenes seen, bays stay below 1.3, and dark fields
/// and valleys of any size that matters begin at 1.4.
const GRAIN_RATIO: f32 = 1.35;
/// Fine cells round one over which grain is measured.
const GRAIN_RADIUS: usize = 2;
/// Every so many cells along both axes of the sea, and of an inlet's cells, are enough to measure it.
const GRAIN_STEP: usize = 7;
/// The part of a region's cells that its grain is taken from: the calmest, which lie away from its shore and from
/// spots.
const GRAIN_FRACTION: f64 = 0.25;

/// The land among the fine cells of `db`, in dB. `surface` is the sea's background, `land` the land, both on coarse
/// cells of `step` fine ones a side.
pub(super) fn refined(db: &Grid<f32>, surface: &Grid<f32>, land: &Grid<bool>, step: usize) -> Grid<bool> {
    let (inland, near) = (land.eroded(INSIDE), land.dilated(OUTSIDE));
    let is_bright = |x: usize, y: usize| db.at(x, y) - interpolated(surface, step, x, y) > EXCESS_DB;
    let calm = db.derive(|x, y| inland.at(x / step, y / step) && !db.at(x, y).is_nan() && !is_bright(x, y));
    let open_sea = |cell: usize| !near.at(cell % db.width / step, cell / db.width / step);
    let inlets = inlets(db, &calm, open_sea);
    let ground = db.derive(|x, y| {
        let (column, row) = (x / step, y / step);
        (inland.at(column, row) && !inlets.at(x, y)) || (near.at(column, row) && is_bright(x, y))
    });
    ground.dilated(CLOSING + MARGIN).eroded(CLOSING)
}

/// Which of the cells of `dark`, inland and no brighter than the sea, are water: regions as smooth as the open sea.
fn inlets(db: &Grid<f32>, dark: &Grid<bool>, is_open_sea: impl Fn(usize) -> bool) -> Grid<bool> {
    let sea = (0..db.cells.len()).step_by(GRAIN_STEP * GRAIN_STEP).filter(|cell| is_open_sea(*cell));
    let mut inlets = dark.map(|_| false);
    let Some(sea_grain_db) = typical_grain(db, sea) else { return inlets };
    let opened = dark.eroded(INLET_OPENING).dilated(INLET_OPENING);
    for members in components(&opened).members.into_iter().filter(|members| members.len() >= MIN_INLET_CELLS) {
        let sample = members.iter().step_by(GRAIN_STEP).map(|cell| *cell as usize);
        let grain_db = typical_grain(db, sample);
        if grain_db.is_some_and(|grain_db| grain_db <= sea_grain_db * GRAIN_RATIO) {
            members.iter().for_each(|cell| inlets.cells[*cell as usize] = true);
        }
    }
    inlets
}

/// Spread in dB that is not exceeded round [`GRAIN_FRACTION`] of some cells; `None` where nothing has data.
fn typical_grain(db: &Grid<f32>, cells: impl Iterator<Item = usize>) -> Option<f32> {
    let mut grains: Vec<f32> = cells.map(|cell| grain(db, cell)).filter(|grain| !grain.is_nan()).collect();
    quantile(&mut grains, GRAIN_FRACTION)
}

/// Standard deviation in dB of the cells round one; NaN if any has no data.
fn grain(db: &Grid<f32>, cell: usize) -> f32 {
    let columns = around(cell % db.width, GRAIN_RADIUS, db.width);
    let rows = around(cell / db.width, GRAIN_RADIUS, db.height);
    let (mut sum, mut squares, mut count) = (0.0_f32, 0.0_f32, 0.0_f32);
    let first = db.cells[cell];
    for value in rows.flat_map(|row| &db.row(row)[columns.clone()]) {
        let value = value - first;
        (sum, squares, count) = (sum + value, squares + value * value, count + 1.0);
    }
    let variance = squares / count - (sum / count).powi(2);
    // Rounding may leave a little below 0; `max` would swallow NaN.
    variance.abs().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::build;

    const STEP: usize = 16;

    /// Sea in the east at -8 dB, land in the west at 2 dB, and inland a square bay that is as dark as the sea and as
    /// grainy as `grain_db` says. All of the west is land to the coarse eye.
    fn shore(grain_db: f32) -> Grid<bool> {
        let wave = |x: usize, y: usize| ((x * 7919 + y * 104_729) % 101) as f32 / 50.5 - 1.0;
        let is_bay = |x: usize, y: usize| (64..128).contains(&x) && (100..164).contains(&y);
        let db = build(480, 320, |x, y| match (x < 240, is_bay(x, y)) {
            (true, false) => 2.0 + 2.0 * wave(x, y),
            (true, true) => -8.0 + grain_db * wave(x, y),
            _ => -8.0 + 0.5 * wave(x, y),
        });
        let surface = Grid::filled(30, 20, -8.0);
        refined(&db, &surface, &build(30, 20, |x, _| x < 15), STEP)
    }

    #[test]
    fn a_calm_bay_behind_a_coarse_shore_is_sea_up_to_its_banks() {
        let land = shore(0.5);
        assert!(!land.at(96, 132) && !land.at(70, 132) && !land.at(122, 132));
        assert!(land.at(60, 132) && land.at(96, 170) && land.at(96, 40) && !land.at(300, 132));
    }

    #[test]
    fn a_dark_field_that_is_rougher_than_the_sea_is_land() {
        assert!(shore(1.0).at(96, 132));
    }
}
