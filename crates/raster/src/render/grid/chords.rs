//! Rows of the lattice placed by straight pieces between points, as GDAL's warp places them.
//!
//! A row is straight where its middle then errs little, else each half is looked at by itself, down to a few pixels,
//! which are placed one by one. [`super::rows`] takes this way for rasters that are shown so small that each of their
//! pixels weighs much in their mean; others follow a patch, which is quicker and differs here and there by a neighbour.
//! Source: alg/gdaltransformer.cpp, `GDALApproxTransform`.

use std::ops::Range;

use crate::render::cell::Position;

/// Largest error accepted in the middle of a straight piece, in source pixels, over both directions together: GDAL's by
/// default.
pub(super) const GDAL_TOLERANCE_PX: f64 = 0.125;

/// Pixels that are placed one by one where they are so few.
const FEW_PX: u32 = 5;

/// Evenly spaced pixels of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chord {
    /// Column of the first pixel, from the row's beginning.
    pub(super) begin: u32,
    /// Number of pixels, at least 1.
    pub(super) len: u32,
    /// Source position of the first pixel's centre.
    pub(super) start: Position,
    /// From one pixel to the next.
    pub(super) step: Position,
}

/// Hands out the pieces of a row of `len` pixels from left to right that some pixel of `sought` may be in; `place`
/// turns the number of a pixel in the row into the place of its centre in source pixels. What has no image is left out.
pub(super) fn for_each(len: u32, sought: &Range<u32>, place: impl Fn(u32) -> (f64, f64), mut visit: impl FnMut(Chord)) {
    let start = place(0);
    Row { sought, place }.walk(Piece { begin: 0, len, start, end: None }, &mut visit);
}

struct Row<'a, F> {
    sought: &'a Range<u32>,
    place: F,
}

/// Pixels of a row that may be evenly spaced, with the places of the first and, where it is known already, of the last
/// one.
struct Piece {
    begin: u32,
    len: u32,
    start: (f64, f64),
    end: Option<(f64, f64)>,
}

impl<F: Fn(u32) -> (f64, f64)> Row<'_, F> {
    fn walk(&self, Piece { begin, len, start, end }: Piece, visit: &mut impl FnMut(Chord)) {
        if begin + len <= self.sought.start || self.sought.end <= begin {
            return;
        }
        if len <= FEW_PX {
            return (begin..begin + len).for_each(|pixel| self.point(pixel, visit));
        }
        let (middle, last) = ((len - 1) / 2, len - 1);
        let placed = (self.place)(begin + middle);
        let end = end.unwrap_or_else(|| (self.place)(begin + last));
        let step = ((end.0 - start.0) / f64::from(last), (end.1 - start.1) / f64::from(last));
        let guess = (start.0 + step.0 * f64::from(middle), start.1 + step.1 * f64::from(middle));
        // Not a number is never near.
        if (guess.0 - placed.0).abs() + (guess.1 - placed.1).abs() <= GDAL_TOLERANCE_PX {
            return visit(Chord { begin, len, start: Position::of_centre(start), step: Position::of(step) });
        }
        self.walk(Piece { begin, len: middle, start, end: None }, visit);
        self.walk(Piece { begin: begin + middle, len: len - middle, start: placed, end: Some(end) }, visit);
    }

    fn point(&self, pixel: u32, visit: &mut impl FnMut(Chord)) {
        let (x, y) = (self.place)(pixel);
        if x.is_finite() && y.is_finite() {
            visit(Chord { begin: pixel, len: 1, start: Position::of_centre((x, y)), step: Position { x: 0, y: 0 } });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(len: u32, map: impl Fn(f64) -> (f64, f64)) -> Vec<(u32, u32)> {
        pieces_of(len, 0..len, map)
    }

    fn pieces_of(len: u32, sought: Range<u32>, map: impl Fn(f64) -> (f64, f64)) -> Vec<(u32, u32)> {
        let mut pieces = Vec::new();
        for_each(len, &sought, |pixel| map(f64::from(pixel)), |chord| pieces.push((chord.begin, chord.len)));
        pieces
    }

    #[test]
    fn a_row_is_cut_where_it_bends_and_holes_are_left_out() {
        assert_eq!(pieces(256, |x| (3.0 * x, 0.5 * x)), [(0, 256)]);
        // Over 256 pixels x²·k is k·127·128 away from its chord.
        let bent = |k: f64| move |x: f64| (x, k * x * x);
        assert_eq!(pieces(256, bent(0.124 / (127.0 * 128.0))), [(0, 256)]);
        assert_eq!(pieces(256, bent(0.126 / (127.0 * 128.0))), [(0, 127), (127, 129)]);
        assert_eq!(pieces_of(256, 200..210, bent(0.126 / (127.0 * 128.0))), [(127, 129)]);
        let hole = |x: f64| (x, if (100.0..104.0).contains(&x) { f64::NAN } else { 0.0 });
        let cut = pieces(256, hole);
        let shown: Vec<u32> = cut.iter().flat_map(|&(begin, len)| begin..begin + len).collect();
        assert!(shown.is_sorted() && (0..100).chain(104..256).all(|x| shown.contains(&x)), "{cut:?}");
        assert_eq!(pieces(3, |_| (f64::NAN, 0.0)), []);
    }
}
