//! The coarse grid of exact points: cuts the view into cells small enough that between their corners a line will do.
//!
//! Cells are squares of the zoom's lattice, split in four until interpolation errs little, so a cell that two views
//! share is the same cell in both. Terms: see [`super::cell`].

use std::ops::Range;

use aurora_tile::Bounds;

use crate::render::{
    cell::{Cell, Quad, Shape, between},
    level::Choice,
    project::Projection,
};

/// Side of the largest cell in view pixels.
const LARGEST_CELL_PX: i64 = 256;

/// Side of the smallest cell; what still bends there, or has no image in part, is placed pixel by pixel.
const SMALLEST_CELL_PX: i64 = 8;

/// Largest interpolation error accepted at the points tried, in source pixels or view pixels, whichever is smaller;
/// below the eighth of a pixel that is promised, since the largest error may lie between them.
const TOLERANCE_PX: f64 = 0.1;

/// The grid's view of things: lattice pixels in, source pixels of the chosen level out.
struct Grid<'a> {
    projection: &'a Projection<'a>,
    width_px: u32,
    height_px: u32,
    level_width_px: f64,
    level_height_px: f64,
    shrink: (f64, f64),
    tolerance_px: f64,
    cells: Vec<Cell>,
    outline: Outline,
}

/// The raster's outline in the lattice, looked for only when a cell must be split.
enum Outline {
    NotSought,
    Unknown,
    Box(Bounds),
}

/// A square of the lattice.
#[derive(Clone, Copy)]
struct Square {
    col: i64,
    row: i64,
    side_px: i64,
}

/// Size of the view and of the level in pixels.
pub(super) struct Sizes {
    pub(super) view_px: (u32, u32),
    pub(super) full_px: (u32, u32),
    pub(super) level_px: (u32, u32),
}

/// Cells of the view that may show something of the raster.
pub(super) fn cells(projection: &Projection<'_>, sizes: &Sizes, choice: Choice) -> Vec<Cell> {
    let ratio = choice.source_px_per_view_px;
    let share = |full: u32, level: u32| f64::from(level) / f64::from(full);
    let mut grid = Grid {
        projection,
        width_px: sizes.view_px.0,
        height_px: sizes.view_px.1,
        level_width_px: f64::from(sizes.level_px.0),
        level_height_px: f64::from(sizes.level_px.1),
        shrink: (share(sizes.full_px.0, sizes.level_px.0), share(sizes.full_px.1, sizes.level_px.1)),
        // Where the level is decimated far beyond two to one, an error counts by the view's pixels.
        tolerance_px: TOLERANCE_PX * if ratio > 2.0 { ratio / 2.0 } else { ratio.min(1.0) },
        cells: Vec::new(),
        outline: Outline::NotSought,
    };
    grid.cover_view();
    grid.cells
}

impl Grid<'_> {
    fn cover_view(&mut self) {
        let lattice = self.projection.lattice();
        let first = |start: i64| start.div_euclid(LARGEST_CELL_PX) * LARGEST_CELL_PX;
        let mut row = first(lattice.row);
        while row < lattice.row + i64::from(self.height_px) {
            let mut col = first(lattice.col);
            while col < lattice.col + i64::from(self.width_px) {
                self.cover(Square { col, row, side_px: LARGEST_CELL_PX });
                col += LARGEST_CELL_PX;
            }
            row += LARGEST_CELL_PX;
        }
    }

    fn cover(&mut self, square: Square) {
        let Some((cols, rows)) = self.in_view(square) else { return };
        let mut points = trial_points(square);
        self.to_level(&mut points);
        let corners = [points[0], points[2], points[6], points[8]];
        if bends_little(&points, self.tolerance_px) {
            self.keep_quad(square, cols, rows, corners);
        } else if !self.may_hold_raster(square) {
        } else if square.side_px > SMALLEST_CELL_PX {
            let side_px = square.side_px / 2;
            for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                self.cover(Square { col: square.col + right * side_px, row: square.row + down * side_px, side_px });
            }
        } else {
            self.keep_points(cols, rows);
        }
    }

    /// View columns and rows of a square, or `None` where it misses the view.
    fn in_view(&self, square: Square) -> Option<(Range<u32>, Range<u32>)> {
        let lattice = self.projection.lattice();
        let clip = |from: i64, size_px: u32| {
            let cut = |edge: i64| edge.clamp(0, i64::from(size_px)) as u32;
            let range = cut(from)..cut(from + square.side_px);
            (!range.is_empty()).then_some(range)
        };
        clip(square.col - lattice.col, self.width_px).zip(clip(square.row - lattice.row, self.height_px))
    }

    fn to_level(&self, points: &mut [(f64, f64)]) {
        self.projection.to_raster(points);
        points.iter_mut().for_each(|(x, y)| (*x, *y) = (*x * self.shrink.0, *y * self.shrink.1));
    }

    fn keep_quad(&mut self, square: Square, cols: Range<u32>, rows: Range<u32>, corners: [(f64, f64); 4]) {
        let Some(area) = Bounds::around(corners) else { return };
        if !area.intersects(&Bounds::new(-1.0, -1.0, self.level_width_px + 1.0, self.level_height_px + 1.0)) {
            return;
        }
        let lattice = self.projection.lattice();
        let side_px = square.side_px as u32;
        let offset = |start: u32, origin: i64, cell: i64| (i64::from(start) + origin - cell) as u32;
        let offset_px = (offset(cols.start, lattice.col, square.col), offset(rows.start, lattice.row, square.row));
        let quad = Quad { corners, size_px: (side_px, side_px), offset_px };
        self.cells.push(Cell { cols, rows, shape: Shape::Quad(quad) });
    }

    fn keep_points(&mut self, cols: Range<u32>, rows: Range<u32>) {
        let lattice = self.projection.lattice();
        let centre = |origin: i64, index: u32| (origin + i64::from(index)) as f64 + 0.5;
        let columns = |row| cols.clone().map(move |col| (centre(lattice.col, col), centre(lattice.row, row)));
        let mut points: Vec<_> = rows.clone().flat_map(columns).collect();
        self.to_level(&mut points);
        self.cells.push(Cell::of_points(cols, rows, &points));
    }

    fn may_hold_raster(&mut self, square: Square) -> bool {
        if matches!(self.outline, Outline::NotSought) {
            self.outline = self.projection.outline().map_or(Outline::Unknown, Outline::Box);
        }
        let Outline::Box(outline) = &self.outline else { return true };
        let (col, row, side) = (square.col as f64, square.row as f64, square.side_px as f64);
        outline.intersects(&Bounds::new(col, row, col + side, row + side))
    }
}

/// Corners, middles of the sides and the centre, row by row; then the middles of the four quarters.
fn trial_points(square: Square) -> [(f64, f64); 13] {
    const SHARES: [(f64, f64); 13] = [
        (0.0, 0.0),
        (0.5, 0.0),
        (1.0, 0.0),
        (0.0, 0.5),
        (0.5, 0.5),
        (1.0, 0.5),
        (0.0, 1.0),
        (0.5, 1.0),
        (1.0, 1.0),
        (0.25, 0.25),
        (0.75, 0.25),
        (0.25, 0.75),
        (0.75, 0.75),
    ];
    SHARES.map(|(right, down)| {
        let at = |start: i64, share: f64| start as f64 + square.side_px as f64 * share;
        (at(square.col, right), at(square.row, down))
    })
}

/// Whether interpolation between the corners meets every other trial point. Not a number bends.
fn bends_little(points: &[(f64, f64); 13], tolerance_px: f64) -> bool {
    let square = Square { col: 0, row: 0, side_px: 1 };
    trial_points(square).iter().zip(points).all(|(&(right, down), &exact)| {
        let (left_side, right_side) = (between(points[0], points[6], down), between(points[2], points[8], down));
        let guess = between(left_side, right_side, right);
        (guess.0 - exact.0).abs() <= tolerance_px && (guess.1 - exact.1).abs() <= tolerance_px
    })
}
