//! The nearest source pixel, span by span: the hot loop of a tile.

use crate::render::{
    cell::{Span, whole},
    mosaic::{Mosaic, Patch, pixel_of},
    pixel::Pixel,
};

/// Fills `line` with the samples under a span, which must lie inside the level; sparse blocks give `fill`.
pub(super) fn sample<T: Pixel>(mosaic: &Mosaic<'_, T>, span: &Span, fill: T, line: &mut [T]) {
    let mut done = 0;
    while done < span.len {
        let place = span.start.plus(span.step, i64::from(done));
        let (col, row) = pixel_of(place);
        let patch = mosaic.patch_at(col, row);
        let steps = patch.steps_inside(place, span.step, span.len - done).max(1);
        let part = span.part(done, done + steps);
        copy(&patch, &part, fill, &mut line[done as usize..(done + steps) as usize]);
        done += steps;
    }
}

/// Copies the samples of one block. All of `span` lies inside it.
fn copy<T: Pixel>(patch: &Patch<'_, T>, span: &Span, fill: T, line: &mut [T]) {
    let Some(samples) = patch.samples else { return line.fill(fill) };
    let mut place = patch.relative(span.start);
    for value in line {
        let at = (whole(place.y) as usize)
            .wrapping_mul(patch.row_stride)
            .wrapping_add((whole(place.x) as usize).wrapping_mul(patch.pixel_stride));
        *value = samples[at];
        place = place.plus(span.step, 1);
    }
}
