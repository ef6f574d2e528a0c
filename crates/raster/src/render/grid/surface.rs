//! A polynomial that stands for the exact way over a rectangle of the lattice, where it can.
//!
//! [`super::rows`] asks for thousands of places a tile; 80 exact ones tell them all where the projections bend evenly.
//! Source: Chebyshev interpolation and Clenshaw's recurrence, Press et al., Numerical Recipes, 5.8.

use std::{array, f64::consts::PI};

/// Nodes in each direction; the polynomial's degree is one less.
const NODES: usize = 8;

/// Points in each direction at which the polynomial is tried.
const TRIALS: usize = 4;

/// Where the inner ones lie: the cosines of three and five eighths of π, halfway between nodes, where it errs most.
const INNER_TRIALS: [f64; 2] = [0.382_683_432_365_089_8, -0.382_683_432_365_089_8];

/// Exact points that a surface costs.
pub(super) const EXACT_POINTS: usize = NODES * NODES + TRIALS * TRIALS;

/// Largest error accepted at the points tried, in source pixels: a tenth of what centres are moved by before they are
/// cut to pixels.
const TOLERANCE_PX: f64 = 1e-7;

/// Largest coefficient left out, in source pixels: all that are together stay below the tolerance.
const NEGLIGIBLE_PX: f64 = 1e-9;

/// Column and row in source pixels.
type Place = (f64, f64);

/// Places over a rectangle of the lattice, as Chebyshev coefficients, `[degree down][degree across]`.
pub(super) struct Surface {
    across: Axis,
    down: Axis,
    coefficients: [[Place; NODES]; NODES],
    /// How many count, down and across.
    used: (usize, usize),
}

/// One row of it, by degree across.
pub(super) struct Line {
    across: Axis,
    coefficients: [Place; NODES],
    used: usize,
}

/// A stretch of the lattice that the polynomial's −1 to 1 stands for.
#[derive(Clone, Copy)]
struct Axis {
    middle: f64,
    half: f64,
}

impl Surface {
    /// The surface between edges in lattice pixels, of which the second is the greater, through places that `exact`
    /// tells; `None` where it does not meet others between them, or where a place has no image.
    pub(super) fn through(cols: (f64, f64), rows: (f64, f64), exact: impl Fn(&mut [Place])) -> Option<Self> {
        let (across, down) = (Axis::between(cols), Axis::between(rows));
        let cosines = array::from_fn(|degree| array::from_fn(|node| (degree as f64 * node_angle(node)).cos()));
        let nodes = |row: usize| {
            let row = down.at(node_angle(row).cos());
            let mut places = array::from_fn(|col| (across.at(node_angle(col).cos()), row));
            exact(&mut places);
            coefficients(&cosines, &places)
        };
        let by_row: [_; NODES] = array::from_fn(nodes);
        let by_degree: [[Place; NODES]; NODES] =
            array::from_fn(|col| coefficients(&cosines, &array::from_fn(|row| by_row[row][col])));
        let count =
            |counts: &dyn Fn(usize) -> bool| (1..NODES).rev().find(|&degree| counts(degree)).map_or(1, |most| most + 1);
        let used = (
            count(&|row| by_degree.iter().any(|of_col| is_needed(of_col[row]))),
            count(&|col| by_degree[col].iter().copied().any(is_needed)),
        );
        let coefficients = array::from_fn(|row| array::from_fn(|col| by_degree[col][row]));
        let surface = Self { across, down, coefficients, used };
        surface.meets(exact).then_some(surface)
    }

    /// Whether it meets the exact way between nodes and at the outermost pixels, beyond all nodes, where a jump would
    /// show nowhere else. Not a number meets nothing.
    fn meets(&self, exact: impl Fn(&mut [Place])) -> bool {
        let cols = self.across.trials();
        self.down.trials().into_iter().all(|row| {
            let line = self.line(row);
            let mut places = cols.map(|col| (col, row));
            exact(&mut places);
            cols.iter().zip(places).all(|(&col, exact)| {
                let is_near = |guess: f64, exact: f64| (guess - exact).abs() <= TOLERANCE_PX;
                line.at(col).is_some_and(|guess| is_near(guess.0, exact.0) && is_near(guess.1, exact.1))
            })
        })
    }

    /// The surface along a row between its edges, in lattice pixels.
    pub(super) fn line(&self, row: f64) -> Line {
        let share = self.down.share(row);
        let mut coefficients = [(0.0, 0.0); NODES];
        for (col, of_line) in coefficients.iter_mut().take(self.used.1).enumerate() {
            *of_line = clenshaw(self.coefficients[..self.used.0].iter().map(|of_row| of_row[col]), share);
        }
        Line { across: self.across, coefficients, used: self.used.1 }
    }
}

impl Line {
    /// Place of a column, in lattice pixels; `None` beyond the surface.
    pub(super) fn at(&self, col: f64) -> Option<Place> {
        let share = self.across.share(col);
        (share.abs() <= 1.0).then(|| clenshaw(self.coefficients[..self.used].iter().copied(), share))
    }
}

impl Axis {
    fn between((low, high): (f64, f64)) -> Self {
        Self { middle: f64::midpoint(low, high), half: (high - low) / 2.0 }
    }

    /// Centres of the outermost pixels, and two points between.
    fn trials(self) -> [f64; TRIALS] {
        let [after, before] = INNER_TRIALS.map(|share| self.at(share));
        [self.at(-1.0) + 0.5, before, after, self.at(1.0) - 0.5]
    }

    fn at(self, share: f64) -> f64 {
        self.middle + self.half * share
    }

    fn share(self, at: f64) -> f64 {
        (at - self.middle) / self.half
    }
}

/// Angle of which a node is the cosine.
fn node_angle(node: usize) -> f64 {
    PI * (node as f64 + 0.5) / NODES as f64
}

/// Chebyshev coefficients of what is known at the nodes; `cosines` are those of the nodes' angles, `[degree][node]`.
fn coefficients(cosines: &[[f64; NODES]; NODES], known: &[Place; NODES]) -> [Place; NODES] {
    array::from_fn(|degree| {
        let weight = if degree == 0 { 1.0 } else { 2.0 } / NODES as f64;
        let sum = cosines[degree]
            .iter()
            .zip(known)
            .fold((0.0, 0.0), |sum, (c, place)| (sum.0 + c * place.0, sum.1 + c * place.1));
        (sum.0 * weight, sum.1 * weight)
    })
}

/// Whether a coefficient counts; one that is not a number does.
fn is_needed((x, y): Place) -> bool {
    !(x.abs() <= NEGLIGIBLE_PX && y.abs() <= NEGLIGIBLE_PX)
}

/// Value of a sum of Chebyshev polynomials, from the least degree on, at −1 to 1.
fn clenshaw(coefficients: impl DoubleEndedIterator<Item = Place>, at: f64) -> Place {
    let (mut last, mut before, twice) = ((0.0, 0.0), (0.0, 0.0), 2.0 * at);
    for coefficient in coefficients.rev() {
        // A turn waits for the one before in a product and a sum only.
        let rest = (coefficient.0 - before.0, coefficient.1 - before.1);
        (before, last) = (last, (rest.0 + twice * last.0, rest.1 + twice * last.1));
    }
    // The last turn of it doubled what counts once.
    (last.0 - at * before.0, last.1 - at * before.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(map: impl Fn(Place) -> Place) -> Option<Surface> {
        let exact = |places: &mut [Place]| places.iter_mut().for_each(|place| *place = map(*place));
        Surface::through((1000.0, 1256.0), (70.0, 102.0), exact)
    }

    #[test]
    fn what_bends_evenly_is_met_everywhere() {
        // About what a map of 80 km does to a grid in metres.
        let map = |(x, y): Place| (900.0 * (x / 9e3).sin() + 0.01 * y, 300.0 * (y / 8e3).tan() - x * y / 1e5);
        let surface = through(map).expect("smooth");
        for row in 70..102 {
            let row = f64::from(row) + 0.5;
            let line = surface.line(row);
            for col in 1000..1256 {
                let col = f64::from(col) + 0.5;
                let ((x, y), (exact_x, exact_y)) = (line.at(col).expect("inside"), map((col, row)));
                assert!((x - exact_x).abs() < 2e-7 && (y - exact_y).abs() < 2e-7, "{col} {row}");
            }
            assert!([999.5, 1256.5].iter().all(|&col| line.at(col).is_none()));
        }
    }

    #[test]
    fn polynomials_of_its_degree_are_met_and_those_above_are_not() {
        let power = |exponent: i32| move |(x, y): Place| (((x - 1128.0) / 128.0).powi(exponent), y);
        assert!(through(power(7)).is_some());
        assert!(through(power(8)).is_none());
        assert!(through(|(x, y)| (x, ((y - 86.0) / 16.0).powi(8))).is_none());
    }

    #[test]
    fn what_jumps_breaks_or_has_no_image_is_not_met() {
        for jump in [1001.0, 1100.0, 1255.0] {
            assert!(through(|(x, y)| (if x < jump { x } else { x + 360.0 }, y)).is_none(), "{jump}");
        }
        for jump in [71.0, 80.0, 101.0] {
            assert!(through(|(x, y)| (x, if y < jump { y } else { -y })).is_none(), "{jump}");
        }
        assert!(through(|(x, y)| (x, (y - 80.0).abs())).is_none());
        assert!(through(|(x, y)| (x, if y > 100.0 { f64::NAN } else { y })).is_none());
    }
}
