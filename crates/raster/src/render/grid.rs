//! The coarse grid of exact points: cuts the view into cells small enough that nine exact points describe each.
//!
//! Cells are squares of the zoom's lattice, split in four until a patch of second order errs little, so a cell that two
//! views share is the same cell in both. Terms: see [`super::cell`].

mod chords;
mod rows;
mod surface;

use std::ops::Range;

use aurora_tile::Bounds;

use crate::render::{
    cell::{Cell, Patch, Shape, on_parabola},
    level::Choice,
    project::Projection,
};

/// Side of the smallest cell; what still bends there, or has no image in part, is placed pixel by pixel.
const SMALLEST_CELL_PX: i64 = 8;

/// Largest error accepted of a patch at the points tried, in source pixels or view pixels, whichever is smaller: the
/// patch converges fast, and nearest pixels show every error.
const PATCH_TOLERANCE_PX: f64 = 0.01;

/// The least of it, however much the view magnifies: below it the rounding of coordinates fits no patch, and every
/// pixel of the view would be placed by itself.
const LEAST_TOLERANCE_PX: f64 = 1e-7;

/// Longest side in view pixels of a raster that is placed row by row: each of its few pixels weighs much in their mean.
const SMALL_RASTER_PX: f64 = 256.0;

/// The grid's view of things: lattice pixels in, source pixels of the chosen level out.
struct Grid<'a> {
    projection: &'a Projection<'a>,
    width_px: u32,
    height_px: u32,
    level_width_px: f64,
    level_height_px: f64,
    shrink: (f64, f64),
    /// Where the raster's middle lies across, if it is placed row by row.
    by_rows_round: Option<f64>,
    error_scale: f64,
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
    let share = |full: u32, level: u32| f64::from(level) / f64::from(full);
    let shown_px = f64::from(sizes.level_px.0.max(sizes.level_px.1)) / choice.source_px_per_view_px;
    let middle = (f64::from(sizes.full_px.0) / 2.0, f64::from(sizes.full_px.1) / 2.0);
    let mut grid = Grid {
        projection,
        width_px: sizes.view_px.0,
        height_px: sizes.view_px.1,
        level_width_px: f64::from(sizes.level_px.0),
        level_height_px: f64::from(sizes.level_px.1),
        shrink: (share(sizes.full_px.0, sizes.level_px.0), share(sizes.full_px.1, sizes.level_px.1)),
        by_rows_round: (shown_px < SMALL_RASTER_PX).then(|| rows::middle_col(projection, middle)),
        error_scale: choice.source_px_per_view_px.min(1.0),
        cells: Vec::new(),
        outline: Outline::NotSought,
    };
    grid.cover_view();
    grid.cells
}

impl Grid<'_> {
    fn cover_view(&mut self) {
        let lattice = self.projection.lattice();
        let side_px = lattice.square_px;
        let first = |start: i64| start.div_euclid(side_px) * side_px;
        let mut row = first(lattice.row);
        while row < lattice.row + i64::from(self.height_px) {
            let mut col = first(lattice.col);
            while col < lattice.col + i64::from(self.width_px) {
                self.cover(Square { col, row, side_px }, None);
                col += side_px;
            }
            row += side_px;
        }
    }

    /// Covers a square, of which the corners and the centre may be known from the square it is a quarter of.
    fn cover(&mut self, square: Square, known: Option<[(f64, f64); KNOWN_POINTS]>) {
        let Some((cols, rows)) = self.in_view(square) else { return };
        let points = self.trial(square, known);
        let nodes = NODES.map(|row| row.map(|point| points[point]));
        let patch = Patch {
            nodes,
            size_px: (square.side_px as u32, square.side_px as u32),
            offset_px: (0, 0),
            straight_within_px: chords::GDAL_TOLERANCE_PX,
        };
        let by_rows_round = self.by_rows_round.filter(|_| points.iter().all(|(x, y)| x.is_finite() && y.is_finite()));
        if let Some(middle_col) = by_rows_round {
            self.keep_rows(square, &cols, &rows, middle_col);
        } else if fits(&patch, &points, (PATCH_TOLERANCE_PX * self.error_scale).max(LEAST_TOLERANCE_PX)) {
            self.keep_patch(square, cols, rows, patch);
        } else if !self.may_hold_raster(square) {
        } else if square.side_px > SMALLEST_CELL_PX {
            let side_px = square.side_px / 2;
            for (quarter, (down, right)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
                let (col, row) = (square.col + right * side_px, square.row + down * side_px);
                self.cover(Square { col, row, side_px }, Some(QUARTERS[quarter].map(|point| points[point])));
            }
        } else {
            self.keep_points(cols, rows);
        }
    }

    /// Source positions of a square's trial points.
    fn trial(&self, square: Square, known: Option<[(f64, f64); KNOWN_POINTS]>) -> [(f64, f64); TRIAL_POINTS] {
        let mut points = trial_points(square);
        match known {
            Some(known) => {
                points[..KNOWN_POINTS].copy_from_slice(&known);
                self.to_level(&mut points[KNOWN_POINTS..]);
            }
            None => self.to_level(&mut points),
        }
        points
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

    /// Source position of a single lattice point.
    fn place(&self, point: (f64, f64)) -> (f64, f64) {
        let mut places = [point];
        self.to_level(&mut places);
        places[0]
    }

    fn to_level(&self, points: &mut [(f64, f64)]) {
        self.projection.to_raster(points);
        points.iter_mut().for_each(|(x, y)| (*x, *y) = (*x * self.shrink.0, *y * self.shrink.1));
    }

    fn keep_patch(&mut self, square: Square, cols: Range<u32>, rows: Range<u32>, mut patch: Patch) {
        let level = Bounds::new(0.0, 0.0, self.level_width_px, self.level_height_px);
        if !patch.reach().is_some_and(|reach| reach.intersects(&level)) {
            return;
        }
        let lattice = self.projection.lattice();
        let offset = |start: u32, origin: i64, cell: i64| (i64::from(start) + origin - cell) as u32;
        patch.offset_px = (offset(cols.start, lattice.col, square.col), offset(rows.start, lattice.row, square.row));
        self.cells.push(Cell::new(cols, rows, Shape::Patch(patch)));
    }

    fn keep_points(&mut self, cols: Range<u32>, rows: Range<u32>) {
        let lattice = self.projection.lattice();
        let centre = |origin: i64, index: u32| (origin + i64::from(index)) as f64 + 0.5;
        let columns = |row| cols.clone().map(move |col| (centre(lattice.col, col), centre(lattice.row, row)));
        let mut points: Vec<_> = rows.clone().flat_map(columns).collect();
        self.to_level(&mut points);
        if points.iter().any(|(x, y)| x.is_finite() && y.is_finite()) {
            self.cells.push(Cell::of_points(cols, rows, &points));
        }
    }

    fn may_hold_raster(&mut self, square: Square) -> bool {
        if matches!(self.outline, Outline::NotSought) {
            self.outline = self.projection.outline().map_or(Outline::Unknown, Outline::Box);
        }
        let Outline::Box(outline) = &self.outline else { return true };
        let (col, row, side) = (square.col as f64, square.row as f64, square.side_px as f64);
        // What lies past the antimeridian is seen from the other side, too.
        let turn = self.projection.turn_px().unwrap_or(0.0);
        [0.0, -turn, turn].iter().any(|turn| {
            let col = col + turn;
            outline.intersects(&Bounds::new(col, row, col + side, row + side))
        })
    }
}

/// Points at which a cell's interpolation is tried.
const TRIAL_POINTS: usize = 13;

/// Trial points, the first ones, that a square shares with the square it is a quarter of.
const KNOWN_POINTS: usize = 5;

/// Shares of a square's side, rightwards and downwards: the corners, the centre, the middles of the upper, left, right
/// and lower side, the centres of the quarters.
const SHARES: [(f64, f64); TRIAL_POINTS] = [
    (0.0, 0.0),
    (1.0, 0.0),
    (0.0, 1.0),
    (1.0, 1.0),
    (0.5, 0.5),
    (0.5, 0.0),
    (0.0, 0.5),
    (1.0, 0.5),
    (0.5, 1.0),
    (0.25, 0.25),
    (0.75, 0.25),
    (0.25, 0.75),
    (0.75, 0.75),
];

/// Which trial points are the corners and the centre of each quarter.
const QUARTERS: [[usize; KNOWN_POINTS]; 4] = [[0, 5, 6, 4, 9], [5, 1, 4, 7, 10], [6, 4, 2, 8, 11], [4, 7, 8, 3, 12]];

fn trial_points(square: Square) -> [(f64, f64); TRIAL_POINTS] {
    SHARES.map(|(right, down)| {
        let at = |start: i64, share: f64| start as f64 + square.side_px as f64 * share;
        (at(square.col, right), at(square.row, down))
    })
}

/// Which trial points are the nodes of a patch, `[row][col]`.
const NODES: [[usize; 3]; 3] = [[0, 5, 1], [6, 4, 7], [2, 8, 3]];

/// Whether the patch through the nodes meets the trial points between them. Not a number fits nothing.
fn fits(patch: &Patch, points: &[(f64, f64); TRIAL_POINTS], tolerance_px: f64) -> bool {
    SHARES.iter().zip(points).skip(NODES.len() * NODES.len()).all(|(&(right, down), &exact)| {
        let guess = on_parabola(patch.line(down), right);
        (guess.0 - exact.0).abs() <= tolerance_px && (guess.1 - exact.1).abs() <= tolerance_px
    })
}

#[cfg(test)]
mod tests {
    use super::{KNOWN_POINTS, NODES, Patch, QUARTERS, Square, TRIAL_POINTS, fits, trial_points};

    #[test]
    fn quarters_know_their_corners_and_centre() {
        let points = trial_points(Square { col: 0, row: 0, side_px: 64 });
        for (quarter, (down, right)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
            let own = trial_points(Square { col: right * 32, row: down * 32, side_px: 32 });
            assert_eq!(QUARTERS[quarter].map(|point| points[point]), own[..KNOWN_POINTS]);
        }
    }

    fn patch(points: &[(f64, f64); TRIAL_POINTS]) -> Patch {
        Patch {
            nodes: NODES.map(|row| row.map(|point| points[point])),
            size_px: (64, 64),
            offset_px: (0, 0),
            straight_within_px: 0.0,
        }
    }

    fn fits_map(map: fn((f64, f64)) -> (f64, f64), tolerance_px: f64) -> bool {
        let points = trial_points(Square { col: 0, row: 0, side_px: 64 }).map(map);
        fits(&patch(&points), &points, tolerance_px)
    }

    #[test]
    fn parabolas_fit_cubics_do_not_and_a_hole_never() {
        assert!(fits_map(|(x, y)| (3.0 * x - y + 0.01 * x * y, 0.5 * y * y - 0.1 * x * x), 1e-9));
        // On three nodes over a length h, a cubic x³·k errs by k·3h³/64 at a quarter: here 1.2288.
        assert!(fits_map(|(x, y)| (x, 0.0001 * x * x * x + y), 1.2289));
        assert!(!fits_map(|(x, y)| (x, 0.0001 * x * x * x + y), 1.2287));
        assert!(!fits_map(|(x, y)| (x, if y > 60.0 { f64::NAN } else { y }), 1e9));
    }
}
