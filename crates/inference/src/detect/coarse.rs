//! Statistics of squares of cells about a kilometre wide.
//!
//! Background and land both start from them. It decides nothing but what counts as data.

use crate::grid::{Grid, around, build, quantile};

/// Part of a normal distribution below its mean plus one standard deviation.
const ONE_SIGMA: f64 = 0.8413;

/// Medians and texture of squares of `step × step` cells.
pub(super) struct Coarse {
    /// Cells a side.
    pub(super) step: usize,
    /// Median in dB; NaN without data.
    pub(super) median: Grid<f32>,
    /// Spread in dB above the median; NaN without data. What is darker is left out, so that the edge of a spot is not
    /// taken for rough ground.
    pub(super) texture: Grid<f32>,
    /// Part of the square with data, 0–1.
    pub(super) valid: Grid<f32>,
}

/// A square with less than this part of data says nothing of its texture.
const MIN_VALID: f32 = 0.5;

impl Coarse {
    pub(super) fn of(db: &Grid<f32>, step: usize) -> Self {
        let (width, height) = (db.width.div_ceil(step), db.height.div_ceil(step));
        let facts = build(width, height, |x, y| square(db, step, x, y));
        Self { step, median: facts.map(|f| f[0]), texture: facts.map(|f| f[1]), valid: facts.map(|f| f[2]) }
    }

    /// Whether enough of a square has data.
    pub(super) fn has_data(&self, index: usize) -> bool {
        self.valid.cells[index] >= MIN_VALID
    }

    /// Texture below which `fraction` of the squares within `radius` lies, in dB; NaN without data. What is narrower
    /// than the window (a front, a ship) does not show in it, nor do squares to `skip`, which get NaN themselves.
    pub(super) fn texture_around(&self, radius: usize, fraction: f64, skip: &Grid<bool>) -> Grid<f32> {
        let counts = |index: usize| self.has_data(index) && !skip.cells[index];
        self.texture.derive(|x, y| {
            if !counts(y * self.texture.width + x) {
                return f32::NAN;
            }
            let columns = around(x, radius, self.texture.width);
            let rows = around(y, radius, self.texture.height).map(|row| row * self.texture.width);
            let squares = rows.flat_map(|start| columns.clone().map(move |column| start + column));
            let mut near: Vec<f32> =
                squares.filter(|index| counts(*index)).map(|index| self.texture.cells[index]).collect();
            quantile(&mut near, fraction).unwrap_or(f32::NAN)
        })
    }
}

/// Median, texture and valid part of one square.
fn square(db: &Grid<f32>, step: usize, x: usize, y: usize) -> [f32; 3] {
    let mut values: Vec<f32> = cells(db, step, x, y).filter(|value| !value.is_nan()).collect();
    let valid = values.len() as f32 / (step * step) as f32;
    let Some(median) = quantile(&mut values, 0.5) else { return [f32::NAN, f32::NAN, 0.0] };
    let upper = quantile(&mut values, ONE_SIGMA).unwrap_or(median);
    [median, upper - median, valid]
}

/// The fine cells of a coarse one.
pub(super) fn cells(fine: &Grid<f32>, step: usize, x: usize, y: usize) -> impl Iterator<Item = f32> {
    let columns = x * step..((x + 1) * step).min(fine.width);
    let rows = y * step..((y + 1) * step).min(fine.height);
    rows.flat_map(move |row| fine.row(row)[columns.clone()].iter().copied())
}

/// A coarse surface at the middle of a fine cell, bilinear between the coarse cells' middles.
pub(super) fn interpolated(surface: &Grid<f32>, step: usize, x: usize, y: usize) -> f32 {
    let (x0, x1, fx) = between(x, step, surface.width);
    let (y0, y1, fy) = between(y, step, surface.height);
    let across = |row: usize| surface.at(x0, row) * (1.0 - fx) + surface.at(x1, row) * fx;
    across(y0) * (1.0 - fy) + across(y1) * fy
}

/// The two coarse cells round a fine one along an axis, and the weight of the second.
fn between(fine: usize, step: usize, length: usize) -> (usize, usize, f32) {
    let position = ((fine as f32 + 0.5) / step as f32 - 0.5).clamp(0.0, (length - 1) as f32);
    let first = position as usize;
    (first, (first + 1).min(length - 1), position - first as f32)
}
