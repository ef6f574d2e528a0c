//! Where a cell's pixels lie, as a smooth patch; and the straight pieces that stand for its rows.

use std::ops::Range;

use aurora_tile::Bounds;

use super::{Position, Span};

/// A patch of second order in both directions: the lattice cell that the view's cell is a part of.
#[derive(Debug, Clone, Copy)]
pub(in crate::render) struct Patch {
    /// Exact source positions, in pixels, at the start, middle and end of the lattice cell: `[row][col]`.
    pub(in crate::render) nodes: [[(f64, f64); 3]; 3],
    /// Width and height of the whole lattice cell in view pixels.
    pub(in crate::render) size_px: (u32, u32),
    /// Column and row within the lattice cell where the view's cell begins.
    pub(in crate::render) offset_px: (u32, u32),
    /// Largest distance between it and the straight pieces that its rows are walked in, in source pixels, over both
    /// directions together.
    pub(in crate::render) straight_within_px: f64,
}

/// What three points at the start, the middle and the end weigh at `share` of the way.
/// Source: Lagrange's interpolation polynomial.
#[inline]
fn weights(share: f64) -> [f64; 3] {
    [(2.0 * share - 1.0) * (share - 1.0), 4.0 * share * (1.0 - share), share * (2.0 * share - 1.0)]
}

/// The sum of three points by their weights.
#[inline]
fn weighted([start, middle, end]: [(f64, f64); 3], [a, b, c]: [f64; 3]) -> (f64, f64) {
    // Spelt out: it runs some thousand times a tile, and a loop over the three is not unrolled.
    (start.0 * a + middle.0 * b + end.0 * c, start.1 * a + middle.1 * b + end.1 * c)
}

/// The point at `share` of the way on the parabola through three points at the start, the middle and the end.
pub(in crate::render) fn on_parabola(points: [(f64, f64); 3], share: f64) -> (f64, f64) {
    weighted(points, weights(share))
}

impl Patch {
    /// A patch that is a plane between four corners: upper left, upper right, lower left, lower right.
    pub(in crate::render) fn plane(corners: [(f64, f64); 4], size_px: (u32, u32)) -> Self {
        let between = |a: (f64, f64), b: (f64, f64), share: f64| (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share);
        let nodes = [0.0, 0.5, 1.0].map(|down| {
            let (left, right) = (between(corners[0], corners[2], down), between(corners[1], corners[3], down));
            [0.0, 0.5, 1.0].map(|across| between(left, right, across))
        });
        Self { nodes, size_px, offset_px: (0, 0), straight_within_px: 1e-6 }
    }

    /// A box round all its positions: a patch bulges little beyond its nodes, by an eighth of their extent if it were a
    /// whole parabola, and its straight pieces and the nudge of centres by less than a pixel.
    pub(in crate::render) fn reach(&self) -> Option<Bounds> {
        let area = Bounds::around(self.nodes.into_iter().flatten())?;
        let (room_x, room_y) = (1.0 + area.width() / 8.0, 1.0 + area.height() / 8.0);
        Some(Bounds::new(area.minx - room_x, area.miny - room_y, area.maxx + room_x, area.maxy + room_y))
    }

    /// The parabola along the line `down` of the way from top to bottom.
    #[inline]
    pub(in crate::render) fn line(&self, down: f64) -> [(f64, f64); 3] {
        let weights = weights(down);
        let [above, middle, below] = &self.nodes;
        let point = |col: usize| weighted([above[col], middle[col], below[col]], weights);
        [point(0), point(1), point(2)]
    }

    /// Source position of the centre of the view pixel `col` columns and `row` rows into the view's cell.
    pub(in crate::render) fn centre(&self, col: u32, row: u32) -> (f64, f64) {
        let share = |px: u32, side_px: u32| (f64::from(px) + 0.5) / f64::from(side_px);
        let line = self.line(share(self.offset_px.1 + row, self.size_px.1));
        on_parabola(line, share(self.offset_px.0 + col, self.size_px.0))
    }

    /// Hands out the spans of the view's `cols` and `rows`, which the view's cell covers, row by row.
    pub(super) fn for_each_span(&self, cols: &Range<u32>, rows: &Range<u32>, mut visit: impl FnMut(Span)) {
        let (first, last) = (self.offset_px.0, self.offset_px.0 + cols.len() as u32);
        for (row, down) in rows.clone().zip(self.offset_px.1..) {
            let line = self.line((f64::from(down) + 0.5) / f64::from(self.size_px.1));
            let pieces = Pieces::of(line, self.size_px.0, self.straight_within_px);
            let mut chord = Chord::first(line, &pieces);
            let count = (last - 1) / pieces.length_px + 1;
            for begin in (0..count).map(|piece| piece * pieces.length_px) {
                let end = begin + pieces.length_px;
                if end > first {
                    let shown = begin.max(first);
                    let start = chord.first_centre().plus(chord.step, (shown - begin).into());
                    let (col, len) = (cols.start + shown - first, end.min(last) - shown);
                    visit(Span { row, col, len, start, step: chord.step });
                }
                chord.go_on();
            }
        }
    }
}

/// The straight pieces that a row is walked in, of equal length.
struct Pieces {
    length_px: u32,
    /// A piece's share of the row.
    share: f64,
    /// Pieces a pixel.
    per_pixel: f64,
}

impl Pieces {
    /// So many, a power of two, that the row stays near them: a chord's distance from a parabola falls with the square
    /// of its length.
    #[inline]
    fn of([start, middle, end]: [(f64, f64); 3], width_px: u32, within_px: f64) -> Self {
        let sag = |a: f64, b: f64, c: f64| (b - f64::midpoint(a, c)).abs();
        let sag_px = sag(start.0, middle.0, end.0) + sag(start.1, middle.1, end.1);
        let mut count = 1;
        while sag_px > within_px * f64::from(count * count) && 2 * count <= width_px {
            count *= 2;
        }
        Self {
            length_px: width_px / count,
            share: 1.0 / f64::from(count),
            per_pixel: f64::from(count) / f64::from(width_px),
        }
    }
}

/// A straight piece of a row that stands for a part of its parabola: it meets it at the centres of the piece's first
/// and last pixel. Pieces follow each other by sums of whole numbers, so each is the same wherever the walk along the
/// row began.
struct Chord {
    /// Half a step before the centre of its first pixel.
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
    /// The first piece of a row.
    #[inline]
    fn first([start, middle, end]: [(f64, f64); 3], &Pieces { share, per_pixel, .. }: &Pieces) -> Self {
        // The parabola is start + slope·t + bend·t² for t from 0 to 1.
        let along = |a: f64, b: f64, c: f64| {
            let (slope, bend) = (4.0 * b - 3.0 * a - c, 2.0 * (a - 2.0 * b + c));
            let pixel = share * per_pixel;
            let begin = a - bend * pixel * (share / 2.0 - pixel / 4.0);
            (begin, (slope + bend * share) * share, 2.0 * bend * share * share)
        };
        let (x, y) = (along(start.0, middle.0, end.0), along(start.1, middle.1, end.1));
        let scaled = |x: f64, y: f64| Position::of((x * per_pixel, y * per_pixel));
        Self {
            from: Position::of_centre((x.0, y.0)),
            step: scaled(x.1, y.1),
            stride: Position::of((x.1, y.1)),
            stride_growth: Position::of((x.2, y.2)),
            step_growth: scaled(x.2, y.2),
        }
    }

    /// The centre of its first pixel.
    #[inline]
    fn first_centre(&self) -> Position {
        self.from.plus(Position { x: self.step.x >> 1, y: self.step.y >> 1 }, 1)
    }

    #[inline]
    fn go_on(&mut self) {
        self.from = self.from.plus(self.stride, 1);
        self.stride = self.stride.plus(self.stride_growth, 1);
        self.step = self.step.plus(self.step_growth, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::Pieces;

    #[test]
    fn rows_are_cut_until_their_pieces_are_straight() {
        let count = |x: f64, y: f64| 64 / Pieces::of([(0.0, 0.0), (32.0 + x, y), (64.0, 0.0)], 64, 1.0).length_px;
        assert_eq!([0.0, 0.9, 1.1, 4.1, 1e6].map(|sag_px| count(0.0, sag_px)), [1, 1, 2, 4, 64]);
        // Over both directions together.
        assert_eq!([count(0.4, -0.5), count(0.6, -0.5)], [1, 2]);
    }
}
