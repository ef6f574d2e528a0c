//! How many source pixels a view pixel spans, in either direction of the source.

use super::{
    cell::{Cell, Shape},
    resampling::{Method, Resampling},
    taps::{Filter, Form, UNWIDENED},
};

/// Source pixels of the chosen level that one view pixel spans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Footprint {
    pub(super) x_px: f64,
    pub(super) y_px: f64,
}

impl Footprint {
    /// That of a cell. It is taken from the cell of the zoom's lattice, of which the view may show a part only, so that it
    /// is the same in every view; single points take `usual_px`, which depends on raster and zoom alone.
    pub(super) fn of(cell: &Cell, usual_px: f64) -> Self {
        let Shape::Patch(patch) = &cell.shape else { return Self { x_px: usual_px, y_px: usual_px } };
        let [above, middle, below] = &patch.nodes;
        let per_px = |a: f64, b: f64, side_px: u32| (b - a) / f64::from(side_px);
        let right = |get: fn((f64, f64)) -> f64| per_px(get(middle[0]), get(middle[2]), patch.size_px.0);
        let down = |get: fn((f64, f64)) -> f64| per_px(get(above[1]), get(below[1]), patch.size_px.1);
        let span = |get: fn((f64, f64)) -> f64| right(get).hypot(down(get));
        Self { x_px: span(|point| point.0), y_px: span(|point| point.1) }
    }

    /// Whether filters keep their own width: the view shrinks in neither direction.
    pub(super) fn magnifies(self) -> bool {
        self.largest_px() <= UNWIDENED
    }

    fn largest_px(self) -> f64 {
        self.x_px.max(self.y_px)
    }
}

/// Source pixels round the one under a centre that a kernel may look at, in all of these cells.
pub(super) fn reach_px(resampling: Resampling, cells: &[Cell], usual_px: f64) -> i64 {
    let filter = match resampling.method() {
        Method::Nearest => return 0,
        Method::Weighted(filter, _) => filter,
        Method::Ranked(_) => Filter { form: Form::Box },
    };
    cells.iter().map(|cell| filter.reach_px(Footprint::of(cell, usual_px).largest_px())).max().unwrap_or(0)
}
