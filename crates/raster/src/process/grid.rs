//! One band as numbers with its mask, and sums over the neighbourhood of each pixel.

use crate::{block::Samples, pixels::Pixels};

/// A band.
#[derive(Debug, Clone)]
pub(super) struct Grid {
    pub(super) width: usize,
    pub(super) height: usize,
    /// `[row][col]`; 0 where masked.
    pub(super) values: Vec<f64>,
    /// 0 where masked, else 255.
    pub(super) mask: Vec<u8>,
}

/// What the valid pixels of a neighbourhood are like.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl Grid {
    /// One band of the pixels, counted from 0.
    pub(super) fn of(pixels: &Pixels, band: u16) -> Self {
        let mask = pixels.band_mask(band).into_owned();
        let mut values = pixels.numbers(band);
        values.iter_mut().zip(&mask).for_each(|(value, &m)| *value = if m == 0 { 0.0 } else { *value });
        Self { width: pixels.width_px as usize, height: pixels.height_px as usize, values, mask }
    }

    /// The value of a valid pixel; `None` outside the grid too.
    pub(super) fn get(&self, col: isize, row: isize) -> Option<f64> {
        let (col, row) = (usize::try_from(col).ok()?, usize::try_from(row).ok()?);
        let at = (col < self.width && row < self.height).then_some(row * self.width + col)?;
        (self.mask[at] != 0).then_some(self.values[at])
    }

    /// Calls `visit` for each pixel, with its place and the moments of the square of `reach` pixels on every side of
    /// it. They are summed anew for each: sums that slide along would round by where the view begins.
    pub(super) fn for_each_window(&self, reach: usize, mut visit: impl FnMut(usize, Moments)) {
        let mut columns = vec![Moments::default(); self.width];
        for row in 0..self.height {
            columns.fill(Moments::default());
            for other in row.saturating_sub(reach)..(row + reach + 1).min(self.height) {
                self.row(other).zip(&mut columns).for_each(|(moments, column)| *column = column.plus(moments));
            }
            for col in 0..self.width {
                let window = &columns[col.saturating_sub(reach)..(col + reach + 1).min(self.width)];
                visit(row * self.width + col, window.iter().fold(Moments::default(), |all, one| all.plus(*one)));
            }
        }
    }

    fn row(&self, row: usize) -> impl Iterator<Item = Moments> + '_ {
        let range = row * self.width..(row + 1) * self.width;
        let pairs = self.values[range.clone()].iter().zip(&self.mask[range]);
        pairs.map(|(&value, &m)| if m == 0 { Moments::default() } else { Moments::of(value) })
    }
}

impl Moments {
    pub(super) fn of(value: f64) -> Self {
        Self { count: 1.0, sum: value, squares: value * value }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum, squares: self.squares + other.squares }
    }

    pub(super) fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// Variance of the population.
    pub(super) fn variance(self) -> f64 {
        (self.squares / self.count - self.mean() * self.mean()).max(0.0)
    }
}

/// Numbers in the type of `like`, whole ones rounded.
pub(super) fn stored_like(like: &Samples, numbers: Vec<f64>) -> Samples {
    macro_rules! rounded {
        ($variant:ident, $type:ty) => {
            Samples::$variant(numbers.into_iter().map(|number| number.round() as $type).collect())
        };
    }
    match like {
        Samples::U8(_) => rounded!(U8, u8),
        Samples::I8(_) => rounded!(I8, i8),
        Samples::U16(_) => rounded!(U16, u16),
        Samples::I16(_) => rounded!(I16, i16),
        Samples::U32(_) => rounded!(U32, u32),
        Samples::I32(_) => rounded!(I32, i32),
        Samples::U64(_) => rounded!(U64, u64),
        Samples::I64(_) => rounded!(I64, i64),
        Samples::F32(_) => Samples::F32(numbers.into_iter().map(|number| number as f32).collect()),
        Samples::F64(_) => Samples::F64(numbers),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Grid, Moments};

    proptest! {
        #[test]
        fn windows_hold_what_adding_every_pixel_gives(
            (width, height) in (1_usize..12, 1_usize..12), reach in 0_usize..4, seed in any::<u64>()
        ) {
            let bits = |at: usize| (seed.rotate_left(at as u32 % 64) ^ (at as u64 * 0x9e37)) % 97;
            let mask: Vec<u8> = (0..width * height).map(|at| if bits(at) % 5 == 0 { 0 } else { 255 }).collect();
            let values = (0..width * height).map(|at| if mask[at] == 0 { 0.0 } else { bits(at) as f64 }).collect();
            let grid = Grid { width, height, values, mask };
            let side = reach as isize;
            let mut failed = false;
            grid.for_each_window(reach, |at, found| {
                let (col, row) = ((at % width) as isize, (at / width) as isize);
                let places = (-side..=side).flat_map(|down| (-side..=side).map(move |right| (col + right, row + down)));
                let valid = places.filter_map(|(col, row)| grid.get(col, row));
                let expected = valid.fold(Moments::default(), |all, value| all.plus(Moments::of(value)));
                failed |= found != expected;
            });
            prop_assert!(!failed);
        }
    }
}
