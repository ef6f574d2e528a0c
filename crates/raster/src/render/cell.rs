//! A rectangle of the view and where its pixels lie in the source level; and the spans it is walked by.
//!
//! Positions are fixed-point numbers with 32 binary places. Sums of them are exact, so a pixel gets the same position
//! whichever view it is walked in.

use std::ops::Range;

use aurora_tile::Bounds;

use crate::render::decimate::Decimation;

mod patch;

pub(super) use patch::{Patch, on_parabola};

/// Binary places of a fixed-point position.
const FRACTION_BITS: u32 = 32;

/// One source pixel.
pub(super) const ONE: i64 = 1 << FRACTION_BITS;

/// What a centre is moved by before it is cut to a source pixel: far above the rounding of coordinates, far below what
/// can be seen.
const NUDGE_PX: f64 = 1e-6;

/// Half a source pixel.
pub(super) const HALF: i64 = ONE / 2;

/// A position in source pixels of the chosen level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) x: i64,
    pub(super) y: i64,
}

impl Position {
    /// From numbers of pixels, which must be finite; those beyond 2³¹ are cut, to numbers that can be turned round.
    pub(super) fn of((x, y): (f64, f64)) -> Self {
        let fixed = |value: f64| ((value * ONE as f64) as i64).max(-i64::MAX);
        Self { x: fixed(x), y: fixed(y) }
    }

    /// The same for a pixel's centre. Where zoom and level match exactly, centres fall on edges between source pixels;
    /// the nudge decides for the right and lower one, whatever the rounding.
    pub(super) fn of_centre((x, y): (f64, f64)) -> Self {
        Self::of((x + NUDGE_PX, y + NUDGE_PX))
    }

    pub(super) fn plus(self, step: Self, times: i64) -> Self {
        Self { x: self.x.wrapping_add(step.x.wrapping_mul(times)), y: self.y.wrapping_add(step.y.wrapping_mul(times)) }
    }
}

/// Whole source pixels of a fixed-point number, rounded down.
pub(super) fn whole(fixed: i64) -> i64 {
    fixed >> FRACTION_BITS
}

/// Pixels of one view row that are evenly spaced in the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// View row.
    pub(super) row: u32,
    /// View column of the first pixel.
    pub(super) col: u32,
    /// Number of pixels, at least 1.
    pub(super) len: u32,
    /// Source position of the first pixel's centre.
    pub(super) start: Position,
    /// From one pixel to the next.
    pub(super) step: Position,
}

impl Span {
    /// Position of the last pixel's centre; of a span that has been cut to a level, or where it surely lies near one.
    pub(super) fn end(&self) -> Position {
        self.start.plus(self.step, i64::from(self.len) - 1)
    }

    /// The part whose centres lie inside a level of that size, if there is one. Positions along a span are monotone.
    pub(super) fn clipped(&self, width_px: u32, height_px: u32) -> Option<Self> {
        let (x_end, y_end) = (i64::from(width_px) << FRACTION_BITS, i64::from(height_px) << FRACTION_BITS);
        // Wide numbers: a view pixel may be said to span so many source pixels that the end goes round to the start.
        let far = |start: i64, step: i64| i128::from(start) + i128::from(step) * i128::from(self.len - 1);
        let (end_x, end_y) = (far(self.start.x, self.step.x), far(self.start.y, self.step.y));
        let is_inside = |at: i128, side: i64| (0..i128::from(side)).contains(&at);
        let both_inside = |start: i64, end: i128, side: i64| is_inside(start.into(), side) && is_inside(end, side);
        if both_inside(self.start.x, end_x, x_end) && both_inside(self.start.y, end_y, y_end) {
            return Some(*self);
        }
        let beyond = |a: i128, b: i128, side: i64| a.max(b) < 0 || a.min(b) >= i128::from(side);
        if beyond(self.start.x.into(), end_x, x_end) || beyond(self.start.y.into(), end_y, y_end) {
            return None;
        }
        let columns = within(self.start.x, self.step.x, x_end, self.len);
        let rows = within(self.start.y, self.step.y, y_end, self.len);
        let (first, last) = (columns.start.max(rows.start), columns.end.min(rows.end));
        (first < last).then(|| self.part(first, last))
    }

    /// Pixels `first..last` of the span.
    pub(super) fn part(&self, first: u32, last: u32) -> Self {
        let start = self.start.plus(self.step, i64::from(first));
        Self { col: self.col + first, len: last - first, start, ..*self }
    }
}

/// Which `k` in `0..len` have `start + k·step` in `0..end`.
fn within(start: i64, step: i64, end: i64, len: u32) -> Range<u32> {
    let count = |distance: i64, step: i64| {
        (distance.max(0).div_euclid(step) + i64::from(distance.max(0) % step != 0)).min(i64::from(len)) as u32
    };
    match step.signum() {
        0 => 0..if (0..end).contains(&start) { len } else { 0 },
        1 => count(start.saturating_neg(), step)..count(end.saturating_sub(start), step),
        _ => {
            let back = step.saturating_neg();
            count(start.saturating_sub(end - 1), back)..count(start.saturating_add(1), back)
        }
    }
}

/// A rectangle of the view with its way into the source.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// View columns covered.
    pub(super) cols: Range<u32>,
    /// View rows covered.
    pub(super) rows: Range<u32>,
    /// Where its pixels lie.
    pub(super) shape: Shape,
    /// Moves every pixel to a block that is read, where some are left out.
    pub(super) decimation: Option<Decimation>,
}

/// How a cell's pixels are placed.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// On a smooth patch through nine exact points.
    Patch(Patch),
    /// Along spans, row by row.
    Rows {
        /// Those that lie inside the level.
        spans: Vec<Span>,
        /// What a view pixel spans there: source columns and rows.
        span_px: (f64, f64),
    },
    /// Every pixel exactly, `[row][col]` of the cell; `None` has no image in the source.
    Points(Vec<Option<Position>>),
}

impl Cell {
    /// A cell of exact points.
    pub(super) fn of_points(cols: Range<u32>, rows: Range<u32>, points: &[(f64, f64)]) -> Self {
        let finite = |&(x, y): &(f64, f64)| (x.is_finite() && y.is_finite()).then(|| Position::of_centre((x, y)));
        Self::new(cols, rows, Shape::Points(points.iter().map(finite).collect()))
    }

    /// A single pixel of the view on the source pixel that a place lies in. Between two it is what the numbers say.
    pub(super) fn of_place(place: (f64, f64)) -> Self {
        let is_finite = place.0.is_finite() && place.1.is_finite();
        Self::new(0..1, 0..1, Shape::Points(vec![is_finite.then(|| Position::of(place))]))
    }

    /// A cell that is read as it is.
    pub(super) fn new(cols: Range<u32>, rows: Range<u32>, shape: Shape) -> Self {
        Self { cols, rows, shape, decimation: None }
    }

    /// Bytes of its spans or points.
    pub(super) fn held_bytes(&self) -> usize {
        match &self.shape {
            Shape::Patch(_) => 0,
            Shape::Rows { spans, .. } => size_of_val(spans.as_slice()),
            Shape::Points(points) => size_of_val(points.as_slice()),
        }
    }

    /// Whether all its pixels surely lie inside a level of that size.
    pub(super) fn is_inside(&self, width_px: u32, height_px: u32) -> bool {
        let (Shape::Patch(patch), None) = (&self.shape, &self.decimation) else { return false };
        patch.reach().is_some_and(|reach| {
            let level = Bounds::new(0.0, 0.0, width_px.into(), height_px.into());
            level.minx <= reach.minx && level.miny <= reach.miny && reach.maxx <= level.maxx && reach.maxy <= level.maxy
        })
    }

    /// Hands out the cell's spans, row by row.
    pub(super) fn for_each_span(&self, mut visit: impl FnMut(Span)) {
        let Some(decimation) = &self.decimation else { return self.for_each_even_span(visit) };
        self.for_each_even_span(|span| {
            for k in 0..span.len {
                let pixel = span.part(k, k + 1);
                visit(Span { start: decimation.moved(pixel.start), step: Position { x: 0, y: 0 }, ..pixel });
            }
        });
    }

    fn for_each_even_span(&self, mut visit: impl FnMut(Span)) {
        match &self.shape {
            Shape::Patch(patch) => patch.for_each_span(&self.cols, &self.rows, visit),
            Shape::Rows { spans, .. } => spans.iter().copied().for_each(visit),
            Shape::Points(points) => {
                let step = Position { x: 0, y: 0 };
                let places = self.rows.clone().flat_map(|row| self.cols.clone().map(move |col| (row, col)));
                for ((row, col), start) in places.zip(points) {
                    if let Some(start) = *start {
                        visit(Span { row, col, len: 1, start, step });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ONE, Position, Span, within};

    proptest! {
        #[test]
        fn the_clip_is_what_trying_every_pixel_finds(start in -60_i64..60, step in -9_i64..9, end in 1_i64..50, len in 1_u32..40) {
            let inside: Vec<u32> = (0..len).filter(|&k| (0..end).contains(&(start + i64::from(k) * step))).collect();
            let clip = within(start, step, end, len);
            prop_assert_eq!(clip.collect::<Vec<_>>(), inside);
        }
    }

    #[test]
    fn a_span_keeps_only_what_lies_inside() {
        let span =
            Span { row: 0, col: 5, len: 10, start: Position { x: -3 * ONE, y: 0 }, step: Position { x: ONE, y: 0 } };
        let clipped = span.clipped(4, 1).expect("four pixels lie inside");
        assert_eq!((clipped.col, clipped.len, clipped.start.x), (8, 4, 0));
        assert!(span.clipped(4, 1).unwrap().end().x == 3 * ONE);
    }
}
