//! Squares of a raster that is shown small: placed row by row of the lattice, by [`super::chords`].
//!
//! Only rows and columns near the raster's outline are looked at.

use std::ops::Range;

use super::{
    Grid, Outline, Square,
    chords::{self, Chord},
    surface::{self, Surface},
};
use crate::render::{
    cell::{Cell, Shape, Span},
    project::Projection,
};

/// Rows that are taken to span as many source pixels.
const BAND_PX: i64 = 32;

/// Exact points that a row takes at least.
const LEAST_EXACT_POINTS: i64 = 3;

/// Columns and rows of a square.
struct Part {
    cols: Range<i64>,
    rows: Range<i64>,
}

/// Column of the lattice that the middle of a raster, in its pixels, lies in.
pub(super) fn middle_col(projection: &Projection<'_>, middle: (f64, f64)) -> f64 {
    let mut places = [middle];
    projection.to_lattice(&mut places);
    places[0].0
}

impl Grid<'_> {
    /// Keeps what lies inside the level, row by row of the whole square, so that rows are the same whichever part is in
    /// view.
    pub(super) fn keep_rows(&mut self, square: Square, cols: &Range<u32>, rows: &Range<u32>, middle_col: f64) {
        if !self.may_hold_raster(square) {
            return;
        }
        let part = self.part_of_raster(square);
        let surface = self.surface_of(square, &part);
        let top = square.row - self.projection.lattice().row;
        let height_px = BAND_PX.min(square.side_px);
        for band in (0..square.side_px).step_by(height_px as usize) {
            let edge = |down: i64| (top + down).clamp(rows.start.into(), rows.end.into()) as u32;
            let rows = edge(band.max(part.rows.start))..edge((band + height_px).min(part.rows.end));
            let spans = rows.clone().flat_map(|row| self.spans_of_row(square, row, cols, &part.cols, surface.as_ref()));
            let spans: Vec<_> = spans.collect();
            if !spans.is_empty() {
                let middle_row = (square.row + band) as f64 + height_px as f64 / 2.0;
                let span_px = self.span_px(middle_col, middle_row);
                self.cells.push(Cell::new(cols.clone(), rows, Shape::Rows { spans, span_px }));
            }
        }
    }

    /// What stands for the exact way in rows of a square that hold the raster: best over their whole length, as pieces
    /// reach beyond it. The same whatever of the square is in view; `None` where it is not worth it, or bends unevenly.
    fn surface_of(&self, square: Square, part: &Part) -> Option<Surface> {
        let ends = |origin: i64, range: &Range<i64>| ((origin + range.start) as f64, (origin + range.end) as f64);
        let through = |cols: &Range<i64>| {
            let exact = |places: &mut [(f64, f64)]| self.to_level(places);
            Surface::through(ends(square.col, cols), ends(square.row, &part.rows), exact)
        };
        let is_worth_it = (part.rows.end - part.rows.start) * LEAST_EXACT_POINTS > surface::EXACT_POINTS as i64;
        let whole = 0..square.side_px;
        let of_part = || if part.cols == whole { None } else { through(&part.cols) };
        is_worth_it.then(|| through(&whole).or_else(of_part)).flatten()
    }

    /// Spans of a view row inside the level: of its part in a square those in `cols` of the view, near `sought` columns
    /// of the square; a surface may stand for the exact way.
    fn spans_of_row(
        &self,
        square: Square,
        row: u32,
        cols: &Range<u32>,
        sought: &Range<i64>,
        surface: Option<&Surface>,
    ) -> Vec<Span> {
        let lattice = self.projection.lattice();
        let (left, down) = (square.col - lattice.col, (lattice.row + i64::from(row)) as f64 + 0.5);
        let sought = sought.start as u32..sought.end as u32;
        let line = surface.map(|surface| surface.line(down));
        let place = |pixel: u32| {
            let col = (square.col + i64::from(pixel)) as f64 + 0.5;
            line.as_ref().and_then(|line| line.at(col)).unwrap_or_else(|| self.place((col, down)))
        };
        let mut spans = Vec::new();
        chords::for_each(square.side_px as u32, &sought, place, |Chord { begin, len, start, step }| {
            let in_view = |edge: u32| (left + i64::from(edge)).clamp(cols.start.into(), cols.end.into());
            let (first, end) = (in_view(begin), in_view(begin + len));
            if first < end {
                let start = start.plus(step, first - left - i64::from(begin));
                let span = Span { row, col: first as u32, len: (end - first) as u32, start, step };
                spans.extend(span.clipped(self.level_width_px as u32, self.level_height_px as u32));
            }
        });
        spans
    }

    /// Columns and rows of a square between which all of the raster lies that it shows.
    fn part_of_raster(&self, square: Square) -> Part {
        let whole = Part { cols: 0..square.side_px, rows: 0..square.side_px };
        let Outline::Box(outline) = &self.outline else { return whole };
        // Near the antimeridian it may be seen from both sides.
        if self.projection.turn_px().is_some_and(|turn_px| turn_px < (4 * square.side_px) as f64) {
            return whole;
        }
        let clip = |low: f64, high: f64, origin: i64| {
            let edge = |at: f64| (at - origin as f64).clamp(0.0, square.side_px as f64) as i64;
            edge(low.floor())..edge(high.ceil())
        };
        let part = Part {
            cols: clip(outline.minx, outline.maxx, square.col),
            rows: clip(outline.miny, outline.maxy, square.row),
        };
        // Else a turn away.
        if part.cols.is_empty() || part.rows.is_empty() { whole } else { part }
    }

    /// Source columns and rows that a lattice pixel spans.
    fn span_px(&self, col: f64, row: f64) -> (f64, f64) {
        let mut ends = [(col - 0.5, row), (col + 0.5, row), (col, row - 0.5), (col, row + 0.5)];
        self.to_level(&mut ends);
        let [left, right, above, below] = ends;
        ((right.0 - left.0).hypot(below.0 - above.0), (right.1 - left.1).hypot(below.1 - above.1))
    }
}
