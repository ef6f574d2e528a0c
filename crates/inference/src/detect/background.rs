//! What the sea would look like without its dark spots, its ships and its coast.
//!
//! A quadratic trend takes the fall-off across the swath; a wide local mean takes wind. Spots are cut out and the mean
//! taken again, so that they do not pull down their own background.

use super::coarse::{self, Coarse};
use crate::grid::{Grid, build, quantile};

/// Rounds of cutting out what stands out and averaging again.
const ROUNDS: usize = 4;
/// Passes and radius in coarse cells of the box means that together make the local window: a bell of about 5 km.
const WINDOW_PASSES: usize = 3;
const WINDOW_RADIUS: usize = 4;
/// Decibels under and over the background beyond which a cell is not background.
const DARK_DB: f32 = -1.5;
const BRIGHT_DB: f32 = 2.0;
/// Before anything is known, residuals from the trend count no further than this, in dB.
const FIRST_CLIP_DB: (f32, f32) = (-1.0, 1.0);
/// A coarse cell with less than this part of background tells nothing.
const MIN_SUPPORT: f32 = 0.15;
/// Scale in dB of the weights that make the fit robust, round by round.
const FIT_SCALES_DB: [f64; 8] = [3.0, 3.0, 3.0, 2.5, 2.0, 1.5, 1.5, 1.5];
/// The fit starts level at this quantile: sea is darker than land, and seldom less than this part of a scene.
const START_QUANTILE: f64 = 0.12;
/// Terms of a quadratic in two variables.
const TERMS: usize = 6;

/// The quadratic surface through the medians of the cells that are not `rough`, on the coarse grid, in dB; `None` if
/// all are.
pub(super) fn trend(coarse: &Coarse, rough: &Grid<bool>) -> Option<Grid<f32>> {
    let (width, height) = (coarse.median.width, coarse.median.height);
    let chosen: Vec<usize> = (0..width * height).filter(|i| coarse.has_data(*i) && !rough.cells[*i]).collect();
    let basis = |index: usize| terms(index % width, index / width, width, height);
    let mut medians: Vec<f32> = chosen.iter().map(|index| coarse.median.cells[*index]).collect();
    let mut coefficients = [0.0; TERMS];
    coefficients[0] = f64::from(quantile(&mut medians, START_QUANTILE)?);
    for scale_db in FIT_SCALES_DB {
        let weight = |residual: f64| (1.0 + (residual / scale_db).powi(2)).powi(-2);
        let mut normal = [[0.0; TERMS + 1]; TERMS];
        for index in &chosen {
            let (row, value) = (basis(*index), f64::from(coarse.median.cells[*index]));
            accumulate(&mut normal, &row, value, weight(value - dot(&coefficients, &row)));
        }
        coefficients = solve(normal);
    }
    Some(build(width, height, |x, y| dot(&coefficients, &terms(x, y, width, height)) as f32))
}

/// `1, u, v, u², uv, v²` with u and v from -1 to 1 over the grid.
fn terms(x: usize, y: usize, width: usize, height: usize) -> [f64; TERMS] {
    let scaled = |value: usize, length: usize| (2.0 * value as f64 + 1.0) / length as f64 - 1.0;
    let (u, v) = (scaled(x, width), scaled(y, height));
    [1.0, u, v, u * u, u * v, v * v]
}

fn dot(a: &[f64; TERMS], b: &[f64; TERMS]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn accumulate(normal: &mut [[f64; TERMS + 1]; TERMS], row: &[f64; TERMS], value: f64, weight: f64) {
    for (equation, left) in normal.iter_mut().zip(row) {
        for (cell, right) in equation.iter_mut().zip(row.iter().chain([&value])) {
            *cell += weight * left * right;
        }
    }
}

/// Gaussian elimination of the normal equations; a little ridge keeps small grids solvable.
fn solve(mut normal: [[f64; TERMS + 1]; TERMS]) -> [f64; TERMS] {
    /// Ridge as a part of the number of points; the constant term is left free.
    const RIDGE: f64 = 1e-4;
    let points = normal[0][0].max(1.0);
    for (term, equation) in normal.iter_mut().enumerate() {
        equation[term] += points * RIDGE * if term == 0 { 1e-6 } else { 1.0 };
    }
    for pivot in 0..TERMS {
        let row = normal[pivot].map(|cell| cell / normal[pivot][pivot]);
        normal[pivot] = row;
        for (index, equation) in normal.iter_mut().enumerate().filter(|(index, _)| *index != pivot) {
            debug_assert_ne!(index, pivot);
            let factor = equation[pivot];
            for (cell, above) in equation.iter_mut().zip(row) {
                *cell -= factor * above;
            }
        }
    }
    normal.map(|equation| equation[TERMS])
}

/// The background on the coarse grid in dB.
pub(super) fn estimate(db: &Grid<f32>, coarse: &Coarse, land: &Grid<bool>, trend: Grid<f32>) -> Grid<f32> {
    let sea = |x: usize, y: usize| !land.at(x, y) && !coarse.median.at(x, y).is_nan();
    let mut residual = trend.derive(|x, y| {
        let value = coarse.median.at(x, y) - trend.at(x, y);
        if sea(x, y) { value.clamp(FIRST_CLIP_DB.0, FIRST_CLIP_DB.1) } else { 0.0 }
    });
    let mut weight = trend.derive(|x, y| if sea(x, y) { coarse.valid.at(x, y) } else { 0.0 });
    for round in 0.. {
        let surface = added(&trend, &local_mean(&residual, &weight));
        if round == ROUNDS {
            return surface;
        }
        let kept =
            trend.derive(|x, y| if sea(x, y) { background_of(db, &surface, coarse.step, x, y) } else { (0.0, 0.0) });
        weight = kept.map(|(_, support)| if support < MIN_SUPPORT { 0.0 } else { support });
        residual = kept.derive(|x, y| if weight.at(x, y) > 0.0 { kept.at(x, y).0 - trend.at(x, y) } else { 0.0 });
    }
    trend
}

fn added(a: &Grid<f32>, b: &Grid<f32>) -> Grid<f32> {
    a.derive(|x, y| a.at(x, y) + b.at(x, y))
}

/// Mean of the cells of one coarse cell that look like background, and which part of it they are.
fn background_of(db: &Grid<f32>, surface: &Grid<f32>, step: usize, x: usize, y: usize) -> (f32, f32) {
    let level = surface.at(x, y);
    let near = coarse::cells(db, step, x, y).filter(|value| (DARK_DB..BRIGHT_DB).contains(&(value - level)));
    let (sum, count) = near.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0_f32));
    (sum / count.max(1.0), count / (step * step) as f32)
}

/// Weighted mean over the local window; far from any weight it fades to 0.
fn local_mean(values: &Grid<f32>, weight: &Grid<f32>) -> Grid<f32> {
    /// Weight of the prior that the residual is 0, where the window holds hardly anything.
    const PRIOR: f32 = 1e-3;
    let smooth = |grid: Grid<f32>| (0..WINDOW_PASSES).fold(grid, |grid, _| normalised_sum(&grid));
    let top = smooth(values.derive(|x, y| values.at(x, y) * weight.at(x, y)));
    let bottom = smooth(weight.clone());
    top.derive(|x, y| top.at(x, y) / (bottom.at(x, y) + PRIOR))
}

fn normalised_sum(grid: &Grid<f32>) -> Grid<f32> {
    let side = (2 * WINDOW_RADIUS + 1) as f32;
    grid.box_sum(WINDOW_RADIUS).map(|sum| sum / (side * side))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coarse(median: Grid<f32>) -> Coarse {
        let (width, height) = (median.width, median.height);
        let (texture, valid) = (Grid::filled(width, height, 0.5), Grid::filled(width, height, 1.0));
        Coarse { step: 4, median, texture, valid }
    }

    #[test]
    fn the_trend_ignores_a_dark_patch() {
        let slope = |x: usize| -8.0 * x as f32 / 60.0;
        let dark = |x: usize, y: usize| (10..18).contains(&x) && (20..40).contains(&y);
        let trend = trend(
            &coarse(build(60, 60, |x, y| slope(x) - if dark(x, y) { 9.0 } else { 0.0 })),
            &Grid::filled(60, 60, false),
        )
        .unwrap();
        for x in [0, 14, 30, 59] {
            assert!((trend.at(x, 30) - slope(x)).abs() < 0.35, "{x}: {} {}", trend.at(x, 30), slope(x));
        }
    }

    #[test]
    fn a_spot_does_not_darken_its_own_background() {
        let dark = |x: usize, y: usize| (100..130).contains(&x) && (60..180).contains(&y);
        let db = build(240, 240, |x, y| if dark(x, y) { -14.0 } else { -7.0 });
        let coarse = Coarse::of(&db, 4);
        let flat = trend(&coarse, &Grid::filled(60, 60, false)).unwrap();
        let land = Grid::filled(60, 60, false);
        let surface = estimate(&db, &coarse, &land, flat);
        assert!((surface.at(28, 30) + 7.0).abs() < 0.3, "{}", surface.at(28, 30));
    }
}
