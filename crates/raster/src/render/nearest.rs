//! The nearest source pixel, span by span: the hot loop of a tile.

#[cfg(target_arch = "x86_64")]
mod sixteens;
#[cfg(target_arch = "x86_64")]
mod wide;
#[cfg(target_arch = "x86_64")]
mod windows;

use crate::{
    ahead::{LINE_BYTES, ask_for},
    render::{
        cell::{ONE, Position, Span, whole},
        mosaic::{Mosaic, Patch, Way, pixel_of},
        pixel::Pixel,
    },
};

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

    /// Fills `line` with the samples under a span if it lies in the block of the one before, and says whether it did.
    /// Such a span lies inside the level.
    #[inline]
    pub(super) fn sample_near(&self, span: &Span, line: &mut [T]) -> bool {
        let way = self.patch.way(span);
        if let Some(way) = &way {
            copy(&self.patch, way, self.fill, line);
        }
        way.is_some()
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
        1 => copy_picked::<1>(way, samples, line) || wide::copy::<1>(way, samples, line),
        2 => copy_picked::<2>(way, samples, line) || wide::copy::<2>(way, samples, line),
        4 => wide::copy::<4>(way, samples, line),
        _ => false,
    }
}

/// Picks small samples out of windows, of the widest registers that the processor has; says whether it did.
#[cfg(target_arch = "x86_64")]
fn copy_picked<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) -> bool {
    windows::copy::<BYTES>(way, samples, line) || sixteens::copy::<BYTES>(way, samples, line)
}

/// Copies none: there is no such way on this architecture.
#[cfg(not(target_arch = "x86_64"))]
fn copy_wide<T: Pixel>(_: &Way, _: &[T], _: &mut [T]) -> bool {
    false
}

/// Asks for what the view's next rows will want of the same block: pixels are about square, so it lies as far down as
/// their steps are long.
fn ask_ahead<T>(way: &Way, samples: &[T], pixels: usize) {
    let (step, line_px) = (way.step.x.unsigned_abs(), LINE_BYTES / size_of::<T>());
    // The largest power of two whose pixels reach no further than what is fetched at once, if there is one band.
    let bits = u64::BITS - step.saturating_sub(1).leading_zeros();
    let stride_px = ((line_px as u64 * ONE as u64) >> bits.min(u64::BITS - 1)).max(1);
    let mut place = way.first.plus(Position { x: 0, y: way.step.x.wrapping_abs() }, ROWS_AHEAD);
    let stride = Position { x: 0, y: 0 }.plus(way.step, stride_px as i64);
    let mut pixels = pixels as u64;
    while pixels > 0 {
        let (col, row) = pixel_of(place);
        let at =
            (row as usize).wrapping_mul(way.row_stride).wrapping_add((col as usize).wrapping_mul(way.pixel_stride));
        samples.get(at).into_iter().for_each(ask_for);
        place = place.plus(stride, 1);
        pixels = pixels.saturating_sub(stride_px);
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::cell::ONE;

    proptest! {
        #[test]
        fn many_at_a_time_are_the_samples_of_one_after_the_other(
            first in (prop_oneof![0.0..60.0, 0.0..299.0], 0.0..40.0),
            step in (prop_oneof![-4.5..4.5, 0.0..2.0, Just(2.0)], prop_oneof![-1.2..1.2, -0.13..0.13, Just(0.0)]),
            pixels in 1_usize..200,
            pixel_stride in 1_usize..3,
        ) {
            let (width, height) = (300_i64, 48_i64);
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
            // Each by itself, too: where there is a quicker one, the others are seldom asked.
            let fits_window = pixel_stride == 1
                && (0..=windows::STEP_OF_HALF).contains(&step.x)
                && step.y.abs() <= windows::STEEPEST_STEP;
            let mut line = vec![0; pixels];
            let did = windows::copy::<2>(&way, bytemuck::cast_slice(&words), bytemuck::cast_slice_mut(&mut line));
            prop_assert_eq!(did, fits_window && windows::is_supported());
            prop_assert!(!did || line == wanted);
            let mut line = vec![0; pixels];
            let did = sixteens::copy::<2>(&way, bytemuck::cast_slice(&words), bytemuck::cast_slice_mut(&mut line));
            prop_assert_eq!(did, fits_window && step.x <= sixteens::LONGEST_STEP && pixels >= 8 && sixteens::is_supported());
            prop_assert!(!did || line == wanted);
            let mut line = vec![0; pixels];
            let did = wide::copy::<2>(&way, bytemuck::cast_slice(&words), bytemuck::cast_slice_mut(&mut line));
            prop_assert!(!did || line == wanted);
            let mut line = vec![0; pixels];
            let did = sixteens::copy::<1>(&way, &bytes, &mut line);
            prop_assert_eq!(did, fits_window && step.x <= sixteens::LONGEST_STEP && pixels >= 16 && sixteens::is_supported());
            for by_registers in [windows::copy::<1>, sixteens::copy::<1>, wide::copy::<1>] {
                let mut line = vec![0; pixels];
                let did = by_registers(&way, &bytes, &mut line);
                prop_assert!(!did || line.iter().zip(&wanted).all(|(&byte, &word)| byte == word as u8));
            }
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
