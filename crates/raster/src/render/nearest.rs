//! The nearest source pixel, span by span: the hot loop of a tile.

use crate::render::{
    cell::{Position, Span, whole},
    mosaic::{Mosaic, Patch, pixel_of},
    pixel::Pixel,
};

/// Bytes that the CPU fetches at once.
const CACHE_LINE_BYTES: usize = 64;

/// View rows that samples are asked for ahead of their use.
const ROWS_AHEAD: i64 = 2;

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
    let first = patch.relative(span.start);
    let at = |place: Position| {
        (whole(place.y) as usize)
            .wrapping_mul(patch.row_stride)
            .wrapping_add((whole(place.x) as usize).wrapping_mul(patch.pixel_stride))
    };
    let ahead = Position { x: 0, y: ROWS_AHEAD * span.step.x.abs() };
    for k in (0..i64::from(span.len)).step_by(pixels_per_line::<T>(patch, span)) {
        prefetch(samples, at(first.plus(ahead, 1).plus(span.step, k)));
    }
    let mut place = first;
    for value in line {
        *value = samples[at(place)];
        place = place.plus(span.step, 1);
    }
}

/// Pixels of a span that share a cache line.
fn pixels_per_line<T>(patch: &Patch<'_, T>, span: &Span) -> usize {
    let bytes_per_step = (whole(span.step.x.abs()) as usize + 1) * patch.pixel_stride * size_of::<T>();
    (CACHE_LINE_BYTES / bytes_per_step).max(1)
}

/// Asks for a sample that will be wanted soon. Decoded blocks seldom lie in the CPU's caches, and without it the copy
/// spends most of its time waiting for them.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn prefetch<T>(samples: &[T], at: usize) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    if let Some(sample) = samples.get(at) {
        // SAFETY: the address is that of a live reference, and a prefetch neither reads nor writes it architecturally.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(sample).cast()) };
    }
}

/// Asks for nothing: there is no stable way on this architecture.
#[cfg(not(target_arch = "x86_64"))]
fn prefetch<T>(_samples: &[T], _at: usize) {}
