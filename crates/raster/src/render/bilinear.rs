//! Of the four source pixels around a place, weighted by distance.
//!
//! A pixel is valid when the source pixel under its centre is; then the valid ones among the four are averaged, their
//! weights made to sum to one. So masked values never bleed in, and valid area is neither lost nor gained.

use crate::render::{
    cell::{HALF, ONE, Position, Span, whole},
    mosaic::{Mosaic, Patch, pixel_of},
    pixel::{Pixel, is_valid},
};

/// What decides whether a source pixel counts.
pub(super) struct Validity<'a, T> {
    pub(super) nodata: Option<T>,
    /// The value of pixels that no block is stored for.
    pub(super) sparse: T,
    /// Internal mask: 0 does not count, nor does what it stores no block for.
    pub(super) mask: Option<&'a Mosaic<'a, u8>>,
    /// Alpha, likewise.
    pub(super) alpha: Option<&'a Mosaic<'a, T>>,
}

impl<T: Pixel> Validity<'_, T> {
    pub(super) fn by_value_alone(&self) -> bool {
        self.mask.is_none() && self.alpha.is_none()
    }

    pub(super) fn counts(&self, col: i64, row: i64, value: T) -> bool {
        is_valid(value, self.nodata)
            && self.mask.is_none_or(|mask| mask.value(col, row).unwrap_or_default() != 0)
            && self.alpha.is_none_or(|alpha| alpha.value(col, row).unwrap_or_default() != T::default())
    }
}

/// Fills `line` and marks valid pixels with 255 in `mask`, both of the span's length; the rest of both is left alone.
pub(super) fn sample<T: Pixel>(
    mosaic: &Mosaic<'_, T>,
    validity: &Validity<'_, T>,
    span: &Span,
    line: &mut [T],
    mask: &mut [u8],
) {
    let mut place = span.start;
    let (col, row) = pixel_of(place);
    let mut patch = mosaic.patch_at(col, row);
    for (value, m) in line.iter_mut().zip(mask) {
        let four = Four::around(place);
        if !four.within(&patch) {
            let (col, row) = pixel_of(place);
            patch = mosaic.patch_at(col, row);
        }
        if let Some(number) = four.of_patch(&patch, validity).or_else(|| four.one_by_one(mosaic, validity)) {
            *value = T::nearest_to(number);
            *m = 255;
        }
        place = place.plus(span.step, 1);
    }
}

/// Four neighbouring pixels and how far the place lies from the upper left one's centre.
struct Four {
    col: i64,
    row: i64,
    right: f64,
    down: f64,
}

impl Four {
    fn around(place: Position) -> Self {
        let (x, y) = (place.x - HALF, place.y - HALF);
        let fraction = |fixed: i64| (fixed & (ONE - 1)) as f64 / ONE as f64;
        Self { col: whole(x), row: whole(y), right: fraction(x), down: fraction(y) }
    }

    fn within<T>(&self, patch: &Patch<'_, T>) -> bool {
        patch.cols.contains(&self.col)
            && self.col + 1 < patch.cols.end
            && patch.rows.contains(&self.row)
            && self.row + 1 < patch.rows.end
    }

    fn weights(&self) -> [f64; 4] {
        let (left, up) = (1.0 - self.right, 1.0 - self.down);
        [left * up, self.right * up, left * self.down, self.right * self.down]
    }

    /// The quick way, when all four lie in one block and all count by their values.
    fn of_patch<T: Pixel>(&self, patch: &Patch<'_, T>, validity: &Validity<'_, T>) -> Option<f64> {
        if !(validity.by_value_alone() && self.within(patch)) {
            return None;
        }
        let at = (self.row - patch.rows.start) as usize * patch.row_stride
            + (self.col - patch.cols.start) as usize * patch.pixel_stride;
        let (above, below) = (&patch.samples?[at..], &patch.samples?[at + patch.row_stride..]);
        let values = [above[0], above[patch.pixel_stride], below[0], below[patch.pixel_stride]];
        let all_count = values.iter().all(|&value| is_valid(value, validity.nodata));
        all_count.then(|| values.iter().zip(self.weights()).map(|(value, weight)| value.number() * weight).sum())
    }

    /// The careful way: `None` when the pixel under the place does not count.
    fn one_by_one<T: Pixel>(&self, mosaic: &Mosaic<'_, T>, validity: &Validity<'_, T>) -> Option<f64> {
        let weights = self.weights();
        let under = usize::from(self.right >= 0.5) + 2 * usize::from(self.down >= 0.5);
        let (mut sum, mut weight_sum) = (0.0, 0.0);
        for (k, (right, down)) in [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().enumerate() {
            let (col, row) = (self.col + right, self.row + down);
            let value = mosaic.has(col, row).then(|| mosaic.value(col, row).unwrap_or(validity.sparse));
            match value.filter(|&value| validity.counts(col, row, value)) {
                Some(value) => {
                    sum += value.number() * weights[k];
                    weight_sum += weights[k];
                }
                None if k == under => return None,
                None => {}
            }
        }
        Some(sum / weight_sum)
    }
}
