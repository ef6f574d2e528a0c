//! Which part of a radar image is no open sea: land with its lakes, rivers and shadows, and the strip along the shore.
//!
//! No coastline is consulted, so it works wherever a scene lies and however it was placed. Two things tell land: ground
//! is rougher than the speckle that a calm surface shows, by a factor that holds for fields as well as for mountains;
//! and what is far brighter than the sea's trend is not sea. Both are judged on coarse cells in large connected
//! regions; [`super::shore`] then draws the shore on fine cells. What it cannot tell is a lake wider than
//! [`MAX_GAP_KM2`] from the sea.

use super::coarse::Coarse;
use crate::grid::{Grid, around, components, neighbours, quantile};

/// Coarse cells round one, and the part of them, by which its roughness is judged: spots' rims and wind fronts are
/// narrower than that.
const WINDOW_RADIUS: usize = 2;
const WINDOW_FRACTION: f64 = 0.4;
/// The calmest part of a scene shows how rough speckle alone is.
const FLOOR_FRACTION: f64 = 0.05;
/// A square flatter than this, in dB, holds no speckle: a constant, not a sea.
const FLAT_DB: f32 = 0.02;
/// Times the floor from which ground is rough. On scenes seen, open sea stays below 1.6, plains begin at 2.
const ROUGH_RATIO: f32 = 1.8;
/// Texture in dB that is rough whatever the floor: for scenes without any sea. Speckle may exceed it where cells hold
/// few looks, so [`ROUGH_RATIO`] times the expected speckle bounds it from below.
const ROUGH_DB: f32 = 1.2;
/// Decibels over the sea's trend below which a square is dark, and from which a square of any texture is land.
const DARK_EXCESS_DB: f32 = -1.5;
const BRIGHT_EXCESS_DB: f32 = 4.0;
/// Smallest region of land in km².
const MIN_LAND_KM2: f64 = 40.0;
/// Largest gap in land that is land too, in km², and the part of its rim that must be land.
const MAX_GAP_KM2: f64 = 400.0;
const MIN_GAP_SHORE: f64 = 0.75;
/// A region smaller than this, in km², with at least this part of land in its rim, is no sea either: a plain that the
/// footprint's edge cuts.
const MIN_SEA_KM2: f64 = 60.0;
const MIN_POCKET_SHORE: f64 = 0.25;
/// Smooth ground of any size with at least this part of land in its rim is a plain, unless it is darker by so many dB
/// than the land within so many coarse cells.
const MIN_PLAIN_SHORE: f64 = 0.5;
const WATER_BELOW_SHORE_DB: f32 = 2.0;
const SHORE_WIDTH: usize = 4;
/// Coarse cells by which land is closed.
const CLOSING: usize = 2;

/// The coarse cells that are darker than the sea's trend: spots, and what looks like them.
pub(super) fn dark(coarse: &Coarse, trend: &Grid<f32>) -> Grid<bool> {
    trend.derive(|x, y| coarse.median.at(x, y) - trend.at(x, y) < DARK_EXCESS_DB)
}

/// The coarse cells that are rougher than speckle; those without data and `dark` ones, whose rims are no texture, are
/// not. `speckle_db` is the texture that speckle alone would give.
pub(super) fn rough(coarse: &Coarse, speckle_db: f32, dark: &Grid<bool>) -> Grid<bool> {
    let texture = coarse.texture_around(WINDOW_RADIUS, WINDOW_FRACTION, dark);
    let mut textured: Vec<f32> = texture.cells.iter().copied().filter(|value| *value > FLAT_DB).collect();
    let floor_db = quantile(&mut textured, FLOOR_FRACTION).unwrap_or(FLAT_DB);
    let limit_db = (floor_db * ROUGH_RATIO).min(ROUGH_DB.max(speckle_db * ROUGH_RATIO));
    texture.map(|value| value > limit_db)
}

/// The land among the coarse cells.
pub(super) fn find(coarse: &Coarse, rough: &Grid<bool>, trend: &Grid<f32>, coarse_km2: f64) -> Grid<bool> {
    let likely =
        coarse.median.derive(|x, y| rough.at(x, y) || coarse.median.at(x, y) - trend.at(x, y) > BRIGHT_EXCESS_DB);
    let closed = likely.dilated(CLOSING).eroded(CLOSING);
    let cells = |km2: f64| (km2 / coarse_km2) as usize;
    let land = regions_of(&closed, |members| members.len() >= cells(MIN_LAND_KM2));
    let open = land.derive(|x, y| !land.at(x, y) && coarse.valid.at(x, y) > 0.0);
    let is_gap = |members: &[u32]| {
        let shore = shore_part(members, &open, &land);
        (members.len() <= cells(MAX_GAP_KM2) && shore >= MIN_GAP_SHORE)
            || (members.len() <= cells(MIN_SEA_KM2) && shore >= MIN_POCKET_SHORE)
            || (shore >= MIN_PLAIN_SHORE && !is_darker_than_shore(members, coarse, &land))
    };
    let gaps = regions_of(&open, is_gap);
    land.derive(|x, y| land.at(x, y) || gaps.at(x, y))
}

/// Land in the rim of a region of open cells, 0–1; the rest of the rim is the footprint's edge.
fn shore_part(members: &[u32], open: &Grid<bool>, land: &Grid<bool>) -> f64 {
    let (mut shore, mut rim) = (0_usize, 0_usize);
    for neighbour in members.iter().flat_map(|cell| neighbours(*cell as usize, open.width, open.height)) {
        rim += usize::from(neighbour.is_none_or(|index| !open.cells[index]));
        shore += usize::from(neighbour.is_some_and(|index| land.cells[index]));
    }
    shore as f64 / rim.max(1) as f64
}

/// Whether a region lies under the land round it by what water does.
fn is_darker_than_shore(members: &[u32], coarse: &Coarse, land: &Grid<bool>) -> bool {
    let (width, height) = (land.width, land.height);
    let mut is_shore = Grid::filled(width, height, false);
    for cell in members {
        let (x, y) = (*cell as usize % width, *cell as usize / width);
        for row in around(y, SHORE_WIDTH, height) {
            is_shore.cells[row * width..][around(x, SHORE_WIDTH, width)].fill(true);
        }
    }
    let level = |cells: &mut dyn Iterator<Item = usize>| {
        let mut levels: Vec<f32> = cells.map(|i| coarse.median.cells[i]).filter(|level| !level.is_nan()).collect();
        quantile(&mut levels, 0.5)
    };
    let shore = level(&mut (0..width * height).filter(|index| is_shore.cells[*index] && land.cells[*index]));
    let inside = level(&mut members.iter().map(|cell| *cell as usize));
    shore.zip(inside).is_none_or(|(shore_db, inside_db)| shore_db - inside_db >= WATER_BELOW_SHORE_DB)
}

/// The components of a mask that pass a test.
fn regions_of(mask: &Grid<bool>, keep: impl Fn(&[u32]) -> bool) -> Grid<bool> {
    let mut kept = Grid::filled(mask.width, mask.height, false);
    for members in components(mask).members.iter().filter(|members| keep(members)) {
        members.iter().for_each(|cell| kept.cells[*cell as usize] = true);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::build;

    fn scene(is_land: impl Fn(usize, usize) -> bool + Sync, rough_db: f32, bright_db: f32) -> (Coarse, Grid<f32>) {
        let median = build(60, 60, |x, y| if is_land(x, y) { bright_db } else { -6.0 });
        let texture = build(60, 60, |x, y| if is_land(x, y) { rough_db } else { 0.5 });
        let coarse = Coarse { step: 16, median, texture, valid: Grid::filled(60, 60, 1.0) };
        (coarse, Grid::filled(60, 60, -6.0))
    }

    fn land_of((coarse, trend): (Coarse, Grid<f32>)) -> Grid<bool> {
        find(&coarse, &rough(&coarse, 0.3, &dark(&coarse, &trend)), &trend, 1.0)
    }

    #[test]
    fn a_rough_corner_is_land_with_its_lakes() {
        let is_lake = |x: usize, y: usize| (4..9).contains(&x) && (4..9).contains(&y);
        let land = land_of(scene(|x, y| x + y < 25 && !is_lake(x, y), 1.1, -6.0));
        assert!(land.at(2, 2) && land.at(6, 6) && !land.at(30, 30));
    }

    #[test]
    fn smooth_land_is_told_by_its_brightness() {
        let land = land_of(scene(|x, y| x + y < 25, 0.5, 1.0));
        assert!(land.at(2, 2) && !land.at(30, 30));
    }

    #[test]
    fn neither_a_ship_nor_the_rims_of_a_slick_are_land() {
        let land = land_of(scene(|x, y| (x, y) == (20, 20) || y == 40 || y == 44, 3.0, -6.0));
        assert!(!land.cells.contains(&true));
    }

    #[test]
    fn a_pocket_at_the_footprints_edge_is_sea() {
        // Land to the west; the sea beside it has only a small corner in the scene.
        let land = land_of(scene(|x, y| x < 50 || y < 40, 2.0, 0.0));
        assert!(land.at(20, 20) && !land.at(55, 55));
    }

    #[test]
    fn a_scene_of_hills_has_no_sea() {
        assert!(!land_of(scene(|_, _| true, 1.9, 0.0)).cells.contains(&false));
    }
}
