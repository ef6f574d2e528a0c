//! A rectangle of the view and where its pixels lie in the source level; and the spans it is walked by.
//!
//! Positions are fixed-point numbers with 32 binary places. Sums of them are exact, so a pixel gets the same position
//! whichever view it is walked in.

use std::ops::Range;

use aurora_tile::Bounds;

use crate::render::decimate::Decimation;

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
    /// From numbers of pixels, which must be finite; those beyond 2³¹ are cut.
    pub(super) fn of((x, y): (f64, f64)) -> Self {
        let fixed = |value: f64| (value * ONE as f64) as i64;
        Self { x: fixed(x), y: fixed(y) }
    }

    /// The same for a pixel's centre. Where zoom and level match exactly, centres fall on edges between source pixels;
    /// the nudge decides for the right and lower one, whatever the rounding.
    fn of_centre((x, y): (f64, f64)) -> Self {
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
    /// Position of the last pixel's centre.
    pub(super) fn end(&self) -> Position {
        self.start.plus(self.step, i64::from(self.len) - 1)
    }

    /// The part whose centres lie inside a level of that size, if there is one. Positions along a span are monotone.
    pub(super) fn clipped(&self, width_px: u32, height_px: u32) -> Option<Self> {
        let (x_end, y_end) = (i64::from(width_px) << FRACTION_BITS, i64::from(height_px) << FRACTION_BITS);
        let inside = |p: Position| (0..x_end).contains(&p.x) && (0..y_end).contains(&p.y);
        let end = self.end();
        if inside(self.start) && inside(end) {
            return Some(*self);
        }
        let beyond = |a: i64, b: i64, side: i64| a.max(b) < 0 || a.min(b) >= side;
        if beyond(self.start.x, end.x, x_end) || beyond(self.start.y, end.y, y_end) {
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
    /// Every pixel exactly, `[row][col]` of the cell; `None` has no image in the source.
    Points(Vec<Option<Position>>),
}

/// A patch of second order in both directions: the lattice cell that the view's cell is a part of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patch {
    /// Exact source positions, in pixels, at the start, middle and end of the lattice cell: `[row][col]`.
    pub(super) nodes: [[(f64, f64); 3]; 3],
    /// Width and height of the whole lattice cell in view pixels.
    pub(super) size_px: (u32, u32),
    /// Column and row within the lattice cell where the view's cell begins.
    pub(super) offset_px: (u32, u32),
    /// Straight pieces that a row is walked in; a divisor of the width.
    pub(super) pieces: u32,
}

/// The point at `share` of the way on the parabola through three points at the start, the middle and the end.
/// Source: Lagrange's interpolation polynomial.
pub(super) fn on_parabola([start, middle, end]: [(f64, f64); 3], share: f64) -> (f64, f64) {
    // Spelt out: it runs some thousand times a tile, and a loop over the three is not unrolled.
    let (a, b, c) = ((2.0 * share - 1.0) * (share - 1.0), 4.0 * share * (1.0 - share), share * (2.0 * share - 1.0));
    (start.0 * a + middle.0 * b + end.0 * c, start.1 * a + middle.1 * b + end.1 * c)
}

impl Patch {
    /// A patch that is a plane between four corners: upper left, upper right, lower left, lower right.
    pub(super) fn plane(corners: [(f64, f64); 4], size_px: (u32, u32)) -> Self {
        let between = |a: (f64, f64), b: (f64, f64), share: f64| (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
        let nodes = [0.0, 0.5, 1.0].map(|down| {
            let (left, right) = (between(corners[0], corners[2], down), between(corners[1], corners[3], down));
            [0.0, 0.5, 1.0].map(|across| between(left, right, across))
        });
        Self { nodes, size_px, offset_px: (0, 0), pieces: 1 }
    }

    /// A box round all its positions: a patch bulges little beyond its nodes, by an eighth of their extent if it were a
    /// whole parabola, and its straight pieces and the nudge of centres by far less than a pixel.
    pub(super) fn reach(&self) -> Option<Bounds> {
        let area = Bounds::around(self.nodes.into_iter().flatten())?;
        let (room_x, room_y) = (1.0 + area.width() / 8.0, 1.0 + area.height() / 8.0);
        Some(Bounds::new(area.minx - room_x, area.miny - room_y, area.maxx + room_x, area.maxy + room_y))
    }

    /// The parabola along the line `down` of the way from top to bottom.
    pub(super) fn line(&self, down: f64) -> [(f64, f64); 3] {
        [0, 1, 2].map(|col| on_parabola(self.nodes.map(|row| row[col]), down))
    }

    /// Source position of the centre of the view pixel `col` columns and `row` rows into the view's cell.
    pub(super) fn centre(&self, col: u32, row: u32) -> (f64, f64) {
        let share = |px: u32, side_px: u32| (f64::from(px) + 0.5) / f64::from(side_px);
        let line = self.line(share(self.offset_px.1 + row, self.size_px.1));
        on_parabola(line, share(self.offset_px.0 + col, self.size_px.0))
    }

    /// Hands out the spans of one row, `row` rows below the view cell's first.
    fn for_each_span(&self, cols: &Range<u32>, row: u32, mut visit: impl FnMut(u32, u32, Position, Position)) {
        let line = self.line((f64::from(self.offset_px.1 + row) + 0.5) / f64::from(self.size_px.1));
        let mut chord = Chord::first(line, self.size_px.0, self.pieces);
        let piece_px = self.size_px.0 / self.pieces;
        let (first, last) = (self.offset_px.0, self.offset_px.0 + cols.len() as u32);
        for piece in 0..=(last - 1) / piece_px {
            let (begin, end) = (piece * piece_px, (piece + 1) * piece_px);
            if end > first {
                let (shown, hidden) = (begin.max(first), begin.max(first) - begin);
                let start = chord.first_centre().plus(chord.step, hidden.into());
                visit(cols.start + shown - first, end.min(last) - shown, start, chord.step);
            }
            chord.go_on();
        }
    }
}

/// A straight piece of a row that stands for a part of its parabola. Pieces follow each other by sums of whole numbers, so
/// each is the same wherever the walk along the row began.
struct Chord {
    /// Where the piece begins.
    from: Position,
    /// From its first pixel to the second.
    step: Position,
    /// From its beginning to the next piece's.
    stride: Position,
    /// What `stride` grows by from piece to piece.
    stride_growth: Position,
    /// What `step` grows by from piece to piece.
    step_growth: Position,
}

impl Chord {
    /// The first of `pieces` pieces of a row `width_px` long.
    fn first([start, middle, end]: [(f64, f64); 3], width_px: u32, pieces: u32) -> Self {
        let share = 1.0 / f64::from(pieces);
        let per_pixel = f64::from(pieces) / f64::from(width_px);
        // The parabola is start + slope·t + bend·t² for t from 0 to 1.
        let slope = |a: f64, b: f64, c: f64| 4.0 * b - 3.0 * a - c;
        let bend = |a: f64, b: f64, c: f64| 2.0 * (a - 2.0 * b + c);
        let stride = |a: f64, b: f64, c: f64| (slope(a, b, c) + bend(a, b, c) * share) * share;
        let growth = |a: f64, b: f64, c: f64| 2.0 * bend(a, b, c) * share * share;
        let both = |f: &dyn Fn(f64, f64, f64) -> f64| (f(start.0, middle.0, end.0), f(start.1, middle.1, end.1));
        let (stride, growth) = (both(&stride), both(&growth));
        let scaled = |(x, y): (f64, f64)| Position::of((x * per_pixel, y * per_pixel));
        Self {
            from: Position::of_centre(start),
            step: scaled(stride),
            stride: Position::of(stride),
            stride_growth: Position::of(growth),
            step_growth: scaled(growth),
        }
    }

    /// The centre of its first pixel.
    fn first_centre(&self) -> Position {
        self.from.plus(Position { x: self.step.x >> 1, y: self.step.y >> 1 }, 1)
    }

    fn go_on(&mut self) {
        self.from = self.from.plus(self.stride, 1);
        self.stride = self.stride.plus(self.stride_growth, 1);
        self.step = self.step.plus(self.step_growth, 1);
    }
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
        let width = self.cols.len();
        for (index, row) in self.rows.clone().enumerate() {
            match &self.shape {
                Shape::Patch(patch) => {
                    patch.for_each_span(&self.cols, row - self.rows.start, |col, len, start, step| {
                        visit(Span { row, col, len, start, step });
                    });
                }
                Shape::Points(points) => {
                    let step = Position { x: 0, y: 0 };
                    for (col, start) in self.cols.clone().zip(&points[index * width..(index + 1) * width]) {
                        if let Some(start) = *start {
                            visit(Span { row, col, len: 1, start, step });
                        }
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
