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

/// Pixels copied between looks at the source row.
const RUN_PX: usize = 8;

/// Takes samples span after span, and keeps the block it is in.
pub(super) struct Sampler<'a, T> {
    mosaic: &'a Mosaic<'a, T>,
    patch: Patch<'a, T>,
    fill: T,
}

impl<'a, T: Pixel> Sampler<'a, T> {
    /// A sampler that gives `fill` in sparse blocks.
    pub(super) fn new(mosaic: &'a Mosaic<'a, T>, fill: T) -> Self {
        Self { mosaic, patch: Patch::nowhere(), fill }
    }

    /// Fills `line` with the samples under a span, which must lie inside the level.
    pub(super) fn sample(&mut self, span: &Span, line: &mut [T]) {
        let mut done = 0;
        while done < span.len {
            let rest = span.part(done, span.len);
            if !self.patch.holds(rest.start) {
                let (col, row) = pixel_of(rest.start);
                self.patch = self.mosaic.patch_at(col, row);
            }
            let whole_rest = self.patch.holds(rest.end());
            let steps =
                if whole_rest { rest.len } else { self.patch.steps_inside(rest.start, span.step, rest.len).max(1) };
            let part = &mut line[done as usize..(done + steps) as usize];
            copy(&self.patch, &rest.part(0, steps), self.fill, part);
            done += steps;
        }
    }
}

/// Copies the samples of one block. All of `span` lies inside it.
fn copy<T: Pixel>(patch: &Patch<'_, T>, span: &Span, fill: T, line: &mut [T]) {
    let Some(samples) = patch.samples else { return line.fill(fill) };
    let mut place = patch.relative(span.start);
    let column = |place: Position| (whole(place.x) as usize).wrapping_mul(patch.pixel_stride);
    let row = |place: Position| (whole(place.y) as usize).wrapping_mul(patch.row_stride);
    let ahead = Position { x: 0, y: ROWS_AHEAD * span.step.x.abs() };
    for k in (0..i64::from(span.len)).step_by(pixels_per_line::<T>(patch, span)) {
        let wanted = place.plus(ahead, 1).plus(span.step, k);
        prefetch(samples, row(wanted).wrapping_add(column(wanted)));
    }
    for run in line.chunks_mut(RUN_PX) {
        let last = place.plus(span.step, run.len() as i64 - 1);
        if whole(place.y) == whole(last.y) {
            let samples = &samples[row(place)..];
            for value in run {
                *value = samples[column(place)];
                place.x = place.x.wrapping_add(span.step.x);
            }
            place.y = last.y.wrapping_add(span.step.y);
        } else {
            for value in run {
                *value = samples[row(place).wrapping_add(column(place))];
                place = place.plus(span.step, 1);
            }
        }
    }
}

/// Pixels of a span that share a cache line, or fewer: a power of two, which needs no division.
fn pixels_per_line<T>(patch: &Patch<'_, T>, span: &Span) -> usize {
    let bytes_per_step = (whole(span.step.x.abs()) as usize + 1) * patch.pixel_stride * size_of::<T>();
    (CACHE_LINE_BYTES >> bytes_per_step.next_power_of_two().ilog2().min(CACHE_LINE_BYTES.ilog2())).max(1)
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
