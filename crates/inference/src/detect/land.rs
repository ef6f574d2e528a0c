//! Which coarse cells are land: bright against the sea's trend and rough, in large connected regions.
//!
//! No coastline is consulted, so it works for any place and for lakes; what it cannot tell is a smooth dark plain.

use super::coarse::Coarse;
use crate::grid::{Grid, components};

/// Spread in dB above the median from which a square is rough; wind and speckle stay below.
const ROUGH_DB: f32 = 1.2;
/// Decibels over the trend that make a rough square land, and a square of any texture.
const ROUGH_EXCESS_DB: f32 = 0.0;
const BRIGHT_EXCESS_DB: f32 = 4.0;
/// Smallest region of land, and largest gap in one that is land too, in km².
const MIN_LAND_KM2: f64 = 40.0;
const MAX_GAP_KM2: f64 = 400.0;
/// Coarse cells by which land is closed, and by which the shore is kept off.
const CLOSING: usize = 2;
const SHORE: usize = 1;

/// The land among the coarse cells, with a margin at the shore.
pub(super) fn find(coarse: &Coarse, trend: &Grid<f32>, coarse_km2: f64) -> Grid<bool> {
    let likely = coarse.median.derive(|x, y| {
        let excess = coarse.median.at(x, y) - trend.at(x, y);
        excess > BRIGHT_EXCESS_DB || (excess > ROUGH_EXCESS_DB && coarse.texture.at(x, y) > ROUGH_DB)
    });
    let closed = likely.dilated(CLOSING).eroded(CLOSING);
    let mut land = regions_of(&closed, |km2, _| km2 >= MIN_LAND_KM2, coarse_km2);
    let open = land.derive(|x, y| !land.at(x, y) && coarse.valid.at(x, y) > 0.0);
    let gaps = regions_of(&open, |km2, touches_land| km2 <= MAX_GAP_KM2 && touches_land, coarse_km2);
    land = land.derive(|x, y| land.at(x, y) || gaps.at(x, y));
    land.dilated(SHORE)
}

/// The components of a mask whose size in km², and whether they lie inside the grid, pass a test.
fn regions_of(mask: &Grid<bool>, keep: impl Fn(f64, bool) -> bool, coarse_km2: f64) -> Grid<bool> {
    let parts = components(mask);
    let mut kept = Grid::filled(mask.width, mask.height, false);
    for members in &parts.members {
        let is_enclosed = members.iter().all(|cell| {
            let (x, y) = (*cell as usize % mask.width, *cell as usize / mask.width);
            x > 0 && y > 0 && x + 1 < mask.width && y + 1 < mask.height
        });
        if keep(members.len() as f64 * coarse_km2, is_enclosed) {
            members.iter().for_each(|cell| kept.cells[*cell as usize] = true);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::build;

    #[test]
    fn a_bright_rough_corner_is_land_with_its_lakes() {
        let is_land = |x: usize, y: usize| x + y < 25;
        let is_lake = |x: usize, y: usize| (4..6).contains(&x) && (4..6).contains(&y);
        let median = build(60, 60, |x, y| if is_land(x, y) && !is_lake(x, y) { 4.0 } else { -6.0 });
        let texture = build(60, 60, |x, y| if is_land(x, y) { 2.0 } else { 0.5 });
        let coarse = Coarse { step: 16, median, texture, valid: Grid::filled(60, 60, 1.0) };
        let land = find(&coarse, &Grid::filled(60, 60, -6.0), 1.0);
        assert!(land.at(2, 2) && land.at(5, 5) && !land.at(30, 30));
    }

    #[test]
    fn a_ship_is_not_land() {
        let median = build(40, 40, |x, y| if (x, y) == (20, 20) { 9.0 } else { -6.0 });
        let coarse = Coarse { step: 16, median, texture: Grid::filled(40, 40, 0.5), valid: Grid::filled(40, 40, 1.0) };
        assert!(!find(&coarse, &Grid::filled(40, 40, -6.0), 1.0).cells.contains(&true));
    }
}
