//! The nearest source pixel, span by span: the hot loop of a tile.

#[cfg(target_arch = "x86_64")]
mod wide;

use crate::render::{
    cell::{Position, Span, whole},
    mosaic::{Mosaic, Patch, Way, pixel_of},
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
        match self.patch.way(span) {
            Some(way) => copy(&self.patch, &way, self.fill, line),
            None => self.sample_across(span, line),
        }
    }

    /// The same of a span that begins in another block, or leaves the one that it begins in.
    fn sample_across(&mut self, span: &Span, line: &mut [T]) {
        let mut done = 0;
        while done < span.len {
            let rest = span.part(done, span.len);
            if !self.patch.holds(rest.start) {
                let (col, row) = pixel_of(rest.start);
                self.patch = self.mosaic.patch_at(col, row);
            }
            let part = rest.part(0, self.patch.steps_inside(rest.start, span.step, rest.len).max(1));
            let line = &mut line[done as usize..(done + part.len) as usize];
            done += part.len;
            match self.patch.way(&part) {
                Some(way) => copy(&self.patch, &way, self.fill, line),
                // Beyond the level, where the caller has no business.
                None => line.fill(self.fill),
            }
        }
    }
}

/// Copies the samples of one block along a way.
fn copy<T: Pixel>(patch: &Patch<'_, T>, way: &Way, fill: T, line: &mut [T]) {
    let Some(samples) = patch.samples else { return line.fill(fill) };
    ask_ahead(way, samples, line.len());
    if copy_wide(way, samples, line) {
        return;
    }
    let mut place = way.first;
    let column = |place: Position| (whole(place.x) as usize).wrapping_mul(way.pixel_stride);
    let row = |place: Position| (whole(place.y) as usize).wrapping_mul(way.row_stride);
    for run in line.chunks_mut(RUN_PX) {
        let last = place.plus(way.step, run.len() as i64 - 1);
        if whole(place.y) == whole(last.y) {
            let samples = &samples[row(place)..];
            for value in run {
                *value = samples[column(place)];
                place.x = place.x.wrapping_add(way.step.x);
            }
            place.y = last.y.wrapping_add(way.step.y);
        } else {
            for value in run {
                *value = samples[row(place).wrapping_add(column(place))];
                place = place.plus(way.step, 1);
            }
        }
    }
}

/// Copies many samples at a time, where the processor can and the line is long enough; says whether it did.
#[cfg(target_arch = "x86_64")]
fn copy_wide<T: Pixel>(way: &Way, samples: &[T], line: &mut [T]) -> bool {
    let (samples, line) = (bytemuck::cast_slice(samples), bytemuck::cast_slice_mut(line));
    match size_of::<T>() {
        1 => wide::copy::<1>(way, samples, line),
        2 => wide::copy::<2>(way, samples, line),
        4 => wide::copy::<4>(way, samples, line),
        _ => false,
    }
}

/// Copies none: there is no such way on this architecture.
#[cfg(not(target_arch = "x86_64"))]
fn copy_wide<T: Pixel>(_: &Way, _: &[T], _: &mut [T]) -> bool {
    false
}

/// Asks for what the view's next rows will want of the same block: pixels are about square, so it lies as far down as their steps
/// are long.
fn ask_ahead<T>(way: &Way, samples: &[T], pixels: usize) {
    let down = (whole(way.first.y) + whole(ROWS_AHEAD * way.step.x.abs())) as usize;
    let start = down.wrapping_mul(way.row_stride);
    let columns = whole(way.first.x.min(way.last.x)) as usize..whole(way.first.x.max(way.last.x)) as usize + 1;
    let samples_per_line = (CACHE_LINE_BYTES / size_of::<T>()).max(1);
    let places = columns.start.wrapping_mul(way.pixel_stride)..columns.end.wrapping_mul(way.pixel_stride);
    // Where few of many columns are wanted, most lines would be asked for in vain.
    let step = samples_per_line.max(places.len() / pixels.max(1));
    places.step_by(step).for_each(|at| prefetch(samples, start.wrapping_add(at)));
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

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::cell::ONE;

    proptest! {
        #[test]
        fn many_at_a_time_are_the_samples_of_one_after_the_other(
            first in (0.0..60.0, 0.0..40.0),
            step in (-4.5..4.5, -1.2..1.2),
            pixels in 1_usize..70,
            pixel_stride in 1_usize..3,
        ) {
            let (width, height) = (64_i64, 48_i64);
            let inside = |place: Position| {
                (0..width).contains(&whole(place.x)) && (0..height).contains(&whole(place.y))
            };
            let (first, step) = (Position::of(first), Position::of(step));
            let pixels = (1..=pixels).take_while(|&k| inside(first.plus(step, k as i64 - 1))).last().unwrap_or(1);
            let last = first.plus(step, pixels as i64 - 1);
            let way = Way { first, last, step, pixel_stride, row_stride: width as usize * pixel_stride };
            let count = (width * height) as usize * pixel_stride;
            let words: Vec<u16> = (0..count).map(|k| (k as u32).wrapping_mul(2_654_435_761).rotate_left(9) as u16).collect();
            let at = |k: i64| {
                let place = first.plus(step, k);
                whole(place.y) as usize * way.row_stride + whole(place.x) as usize * pixel_stride
            };
            let wanted: Vec<u16> = (0..pixels as i64).map(|k| words[at(k)]).collect();
            let patch = Patch { samples: Some(&words[..]), cols: 0..width, rows: 0..height, pixel_stride, row_stride: way.row_stride };
            let mut line = vec![0; pixels];
            copy(&patch, &way, 0, &mut line);
            prop_assert_eq!(&line, &wanted);
            let bytes: Vec<u8> = words.iter().map(|&word| word as u8).collect();
            let patch = Patch { samples: Some(&bytes[..]), cols: 0..width, rows: 0..height, pixel_stride, row_stride: way.row_stride };
            let mut line = vec![0; pixels];
            copy(&patch, &way, 0, &mut line);
            prop_assert!(line.iter().zip(&wanted).all(|(&byte, &word)| byte == word as u8));
            let longs: Vec<f32> = words.iter().map(|&word| f32::from(word)).collect();
            let patch = Patch { samples: Some(&longs[..]), cols: 0..width, rows: 0..height, pixel_stride, row_stride: way.row_stride };
            let mut line = vec![0.0; pixels];
            copy(&patch, &way, 0.0, &mut line);
            prop_assert!(line.iter().zip(&wanted).all(|(&long, &word)| long == f32::from(word)));
            let span = Span { row: 0, col: 0, len: pixels as u32, start: first, step };
            let beyond = Span { start: first.plus(Position { x: width * ONE, y: 0 }, 1), ..span };
            prop_assert!(patch.way(&span).is_some());
            prop_assert!(patch.way(&beyond).is_none());
        }
    }
}
