//! Georeferencing by ground control points, as GDAL does it: a polynomial through them by least squares.
//!
//! From six points on it is of second order, below that of first (`GDALCreateGCPTransformer` with order 0); the way
//! back is a polynomial of its own through the same points. Such a raster lies askew, so its bounds are those of the
//! north-up grid that GDAL would warp it to (`GDALSuggestedWarpOutput`), which is what rio-tiler shows it by.

use super::Affine;

/// Points from which on the polynomial is of second order.
const LEAST_POINTS_SECOND_ORDER: usize = 6;
/// Points that a polynomial of first order needs.
const LEAST_POINTS: usize = 3;
/// Terms of a polynomial of second order.
const MOST_TERMS: usize = 6;
/// Steps along each edge of the raster when its extent is looked for, as GDAL takes them.
const STEPS_PER_SIDE: u32 = 20;
/// How far beyond its bounds a raster is looked for, as a share of them: polynomials fold back far outside their
/// points.
const REACH: f64 = 0.5;

/// A tie of a pixel to a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ControlPoint {
    /// Column and row in pixels; (0, 0) is the outer corner of the first pixel.
    pub pixel: (f64, f64),
    /// x and y in the coordinate reference system of the points.
    pub place: (f64, f64),
}

/// Both ways between the pixels of a raster and places.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlPoints {
    to_crs: Polynomial,
    to_pixel: Polynomial,
    grid: Affine,
    grid_size_px: (u32, u32),
    size_px: (u32, u32),
}

/// Ties along each side of the grid of those that stand for the polynomial.
const TIES_PER_SIDE: u32 = 5;

impl ControlPoints {
    /// Ties, evenly over a raster of which the same polynomial makes the same places, when it is stretched to a size.
    pub(crate) fn ties(&self, stretched_px: (u32, u32)) -> Vec<ControlPoint> {
        let share = |step: u32| f64::from(step) / f64::from(TIES_PER_SIDE - 1);
        let at = |(x, y): (f64, f64), (width, height): (u32, u32)| (x * f64::from(width), y * f64::from(height));
        let shares = (0..TIES_PER_SIDE).flat_map(|row| (0..TIES_PER_SIDE).map(move |col| (share(col), share(row))));
        let tie = |share| ControlPoint { pixel: at(share, stretched_px), place: self.to_crs(at(share, self.size_px)) };
        shares.map(tie).collect()
    }

    /// For a raster of so many pixels; `None` where the points are too few or lie on a line.
    pub(super) fn new(points: &[ControlPoint], size_px: (u32, u32)) -> Option<Self> {
        let second_order = points.len() >= LEAST_POINTS_SECOND_ORDER;
        if points.len() < LEAST_POINTS {
            return None;
        }
        let to_crs = Polynomial::through(points.iter().map(|point| (point.pixel, point.place)), second_order)?;
        let to_pixel = Polynomial::through(points.iter().map(|point| (point.place, point.pixel)), second_order)?;
        let (grid, grid_size_px) = suggested_grid(&to_crs, size_px)?;
        Some(Self { to_crs, to_pixel, grid, grid_size_px, size_px })
    }

    /// The place of a point in pixels.
    pub(super) fn to_crs(&self, pixel: (f64, f64)) -> (f64, f64) {
        self.to_crs.at(pixel)
    }

    /// The point in pixels at a place; not a number far from the raster.
    pub(super) fn to_pixel(&self, place: (f64, f64)) -> (f64, f64) {
        let (col, row) = self.grid.invert(place.0, place.1);
        let (width, height) = (f64::from(self.grid_size_px.0), f64::from(self.grid_size_px.1));
        let near = |at: f64, side: f64| (-REACH * side..=(1.0 + REACH) * side).contains(&at);
        if near(col, width) && near(row, height) { self.to_pixel.at(place) } else { (f64::NAN, f64::NAN) }
    }

    /// The north-up grid that GDAL would warp the raster to, and its size in pixels.
    pub(crate) fn grid(&self) -> (Affine, (u32, u32)) {
        (self.grid, self.grid_size_px)
    }
}

/// Lets x run on across the antimeridian, where it falls back by a turn: a scene of Sentinel-1 has points at 179.9 and
/// at -179.9. Points go further round than half a turn only if they do either way.
pub(super) fn run_on(points: &mut [ControlPoint], turn: f64) {
    let width = |x: &dyn Fn(&ControlPoint) -> f64| {
        let (low, high) = points.iter().map(x).fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)));
        high - low
    };
    let on = |point: &ControlPoint| if point.place.0 < 0.0 { point.place.0 + turn } else { point.place.0 };
    if width(&|point| point.place.0) > turn / 2.0 && width(&on) <= turn / 2.0 {
        points.iter_mut().for_each(|point| point.place.0 = on(point));
    }
}

/// Square pixels that keep the length of the raster's diagonal, round the raster's edges.
fn suggested_grid(to_crs: &Polynomial, (width_px, height_px): (u32, u32)) -> Option<(Affine, (u32, u32))> {
    let (width, height) = (f64::from(width_px), f64::from(height_px));
    let shares = (0..=STEPS_PER_SIDE).map(|step| f64::from(step) / f64::from(STEPS_PER_SIDE));
    let edges = shares.flat_map(|t| [(t * width, 0.0), (t * width, height), (0.0, t * height), (width, t * height)]);
    let empty = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let [min_x, min_y, max_x, max_y] = edges
        .map(|pixel| to_crs.at(pixel))
        .fold(empty, |[a, b, c, d], (x, y)| [a.min(x), b.min(y), c.max(x), d.max(y)]);
    let (first, last) = (to_crs.at((0.0, 0.0)), to_crs.at((width, height)));
    let resolution = (last.0 - first.0).hypot(last.1 - first.1) / width.hypot(height);
    let pixels = |extent: f64| (extent / resolution + 0.5).floor();
    let size = (pixels(max_x - min_x), pixels(max_y - min_y));
    let fits = |side: f64| (1.0..f64::from(u32::MAX)).contains(&side);
    let grid = Affine { a: resolution, b: 0.0, c: min_x, d: 0.0, e: -resolution, f: max_y };
    (fits(size.0) && fits(size.1) && grid.is_invertible()).then_some((grid, (size.0 as u32, size.1 as u32)))
}

/// Two polynomials in two numbers, which are shifted and scaled to about ±1 first.
#[derive(Debug, Clone, PartialEq)]
struct Polynomial {
    middle: (f64, f64),
    scale: (f64, f64),
    terms: usize,
    x: [f64; MOST_TERMS],
    y: [f64; MOST_TERMS],
}

impl Polynomial {
    /// Through pairs of argument and value; `None` where they do not determine one.
    fn through(pairs: impl Iterator<Item = ((f64, f64), (f64, f64))> + Clone, second_order: bool) -> Option<Self> {
        let low_high = |value: fn((f64, f64)) -> f64| {
            pairs
                .clone()
                .map(|(argument, _)| value(argument))
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
        };
        let (x, y) = (low_high(|argument| argument.0), low_high(|argument| argument.1));
        let (middle, scale) = ((x.0.midpoint(x.1), y.0.midpoint(y.1)), ((x.1 - x.0) / 2.0, (y.1 - y.0) / 2.0));
        let terms = if second_order { MOST_TERMS } else { 3 };
        let mut polynomial = Self { middle, scale, terms, x: [0.0; MOST_TERMS], y: [0.0; MOST_TERMS] };
        // Normal equations, with both right sides beside the matrix.
        let mut rows = [[0.0; MOST_TERMS + 2]; MOST_TERMS];
        for (argument, value) in pairs {
            let powers = polynomial.powers(argument);
            for (row, &power) in rows.iter_mut().zip(&powers[..terms]) {
                row[..MOST_TERMS].iter_mut().zip(&powers).for_each(|(sum, other)| *sum += power * other);
                row[MOST_TERMS] += power * value.0;
                row[MOST_TERMS + 1] += power * value.1;
            }
        }
        solve(&mut rows[..terms])?;
        for (term, row) in rows[..terms].iter().enumerate() {
            (polynomial.x[term], polynomial.y[term]) = (row[MOST_TERMS], row[MOST_TERMS + 1]);
        }
        Some(polynomial)
    }

    fn powers(&self, (x, y): (f64, f64)) -> [f64; MOST_TERMS] {
        let (x, y) = ((x - self.middle.0) / self.scale.0, (y - self.middle.1) / self.scale.1);
        [1.0, x, y, x * x, x * y, y * y]
    }

    fn at(&self, argument: (f64, f64)) -> (f64, f64) {
        let powers = self.powers(argument);
        let sum = |factors: &[f64; MOST_TERMS]| {
            factors[..self.terms].iter().zip(&powers).map(|(factor, power)| factor * power).sum()
        };
        (sum(&self.x), sum(&self.y))
    }
}

/// Solves equations in place by Gauss and Jordan's elimination with row exchange; what is right of the matrix becomes
/// the solutions.
fn solve(rows: &mut [[f64; MOST_TERMS + 2]]) -> Option<()> {
    for column in 0..rows.len() {
        let largest = (column..rows.len()).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, largest);
        let pivot = rows[column][column];
        // Sums over points within ±1: far below this the points lie on a line.
        if pivot.abs().partial_cmp(&1e-9) != Some(std::cmp::Ordering::Greater) {
            return None;
        }
        rows[column].iter_mut().for_each(|number| *number /= pivot);
        let solved = rows[column];
        for (index, row) in rows.iter_mut().enumerate() {
            let factor = row[column];
            if index != column {
                row.iter_mut().zip(&solved).for_each(|(number, other)| *number -= factor * other);
            }
        }
    }
    rows.iter().flatten().all(|number| number.is_finite()).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(pixel: (f64, f64), curve: f64) -> ControlPoint {
        let (x, y) = (500_000.0 + 10.0 * pixel.0 + 2.0 * pixel.1, 7e6 - 9.0 * pixel.1 + curve * pixel.0 * pixel.1);
        ControlPoint { pixel, place: (x, y) }
    }

    #[test]
    fn three_points_are_met_exactly_and_two_are_too_few() {
        let points = [(0.0, 0.0), (100.0, 0.0), (0.0, 50.0)].map(|pixel| tie(pixel, 0.0));
        let control = ControlPoints::new(&points, (100, 50)).expect("three points");
        for point in points.iter().chain([&tie((40.0, 30.0), 0.0)]) {
            let (found, back) = (control.to_crs(point.pixel), control.to_pixel(point.place));
            assert!((found.0 - point.place.0).hypot(found.1 - point.place.1) < 1e-6, "{found:?}");
            assert!((back.0 - point.pixel.0).hypot(back.1 - point.pixel.1) < 1e-6, "{back:?}");
        }
        assert!(ControlPoints::new(&points[..2], (100, 50)).is_none());
        let on_a_line = [(0.0, 0.0), (10.0, 10.0), (20.0, 20.0)].map(|pixel| tie(pixel, 0.0));
        assert!(ControlPoints::new(&on_a_line, (100, 50)).is_none());
    }

    #[test]
    fn points_run_on_across_the_antimeridian() {
        let run_on = |xs: [f64; 4]| {
            let mut points = xs.map(|x| ControlPoint { pixel: (0.0, 0.0), place: (x, 0.0) });
            super::run_on(&mut points, 360.0);
            points.map(|point| point.place.0)
        };
        assert_eq!(run_on([179.0, 179.9, -179.9, -179.0]), [179.0, 179.9, 180.1, 181.0]);
        for as_they_are in [[-170.0, -60.0, 60.0, 170.0], [-1.0, 0.0, 1.0, 2.0], [179.0, 180.0, 181.0, 182.0]] {
            assert_eq!(run_on(as_they_are), as_they_are);
        }
    }

    #[test]
    fn many_points_bend_and_far_places_have_no_pixel() {
        let lattice = (0..25).map(|k| (f64::from(k % 5) * 25.0, f64::from(k / 5) * 12.5));
        let points: Vec<_> = lattice.map(|pixel| tie(pixel, 0.01)).collect();
        let control = ControlPoints::new(&points, (100, 50)).expect("a lattice");
        let wanted = tie((33.0, 21.0), 0.01);
        let found = control.to_crs(wanted.pixel);
        assert!((found.0 - wanted.place.0).hypot(found.1 - wanted.place.1) < 1e-6, "{found:?}");
        let back = control.to_pixel(wanted.place);
        assert!((back.0 - 33.0).hypot(back.1 - 21.0) < 0.05, "{back:?}");
        assert!(control.to_pixel((0.0, 0.0)).0.is_nan());
    }
}
