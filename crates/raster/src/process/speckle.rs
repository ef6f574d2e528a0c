//! Speckle filters: Lee's, and his refined one that looks along edges.
//!
//! Speckle multiplies, so its standard deviation is a fixed part of the mean: 1/√looks of a power, 0.523/√looks of an
//! amplitude (J.-S. Lee and E. Pottier, Polarimetric Radar Imaging, 4.2). Masked pixels stay masked and have no part in
//! the means of others. Each band by itself, in its own type.

use super::grid::{Grid, Moments, stored_like};
use crate::pixels::Pixels;

/// Pixels on every side of the refined filter's window, which is fixed at 7 by 7.
pub(super) const REFINED_REACH: usize = 3;

/// How much speckle there is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speckle {
    /// Standard deviation as a part of the mean.
    pub(super) variation: f64,
}

/// Standard deviation of one look's amplitude, as a part of its mean: √(4/π - 1).
const AMPLITUDE_VARIATION: f64 = 0.522_723_200_877_063_4;

impl Speckle {
    pub(super) fn of(looks: f64, is_power: bool) -> Self {
        Self { variation: if is_power { 1.0 } else { AMPLITUDE_VARIATION } / looks.sqrt() }
    }

    /// What the pixel would be without speckle: between the mean of its surroundings and itself, the nearer to itself
    /// the more they vary beyond what speckle explains. Source: J.-S. Lee, Digital image enhancement and noise
    /// filtering by use of local statistics, 1980.
    fn estimate(self, value: f64, surroundings: Moments) -> f64 {
        let (mean, variance) = (surroundings.mean(), surroundings.variance());
        if variance <= 0.0 {
            return mean;
        }
        let noise = self.variation * self.variation;
        let own_variance = ((variance - mean * mean * noise) / (1.0 + noise)).max(0.0);
        mean + own_variance / variance * (value - mean)
    }
}

/// Lee's filter over squares of `reach` pixels on every side.
pub(super) fn lee(pixels: &Pixels, reach: usize, speckle: Speckle) -> Pixels {
    by_band(pixels, |grid| {
        let mut filtered = grid.values.clone();
        grid.for_each_window(reach, |at, moments| {
            if grid.mask[at] != 0 {
                filtered[at] = speckle.estimate(grid.values[at], moments);
            }
        });
        filtered
    })
}

/// Lee's refined filter: the surroundings are the half of a 7 by 7 square on the pixel's own side of the edge through
/// it. Source: J.-S. Lee, Refined filtering of image noise using local statistics, 1981.
pub(super) fn refined_lee(pixels: &Pixels, speckle: Speckle) -> Pixels {
    by_band(pixels, |grid| {
        let mut means = vec![None; grid.values.len()];
        grid.for_each_window(1, |at, moments| means[at] = (moments.count > 0.0).then(|| moments.mean()));
        let mean_at = |col: isize, row: isize| {
            let inside = |at: isize, side: usize| usize::try_from(at).ok().filter(|&at| at < side);
            means[inside(row, grid.height)? * grid.width + inside(col, grid.width)?]
        };
        let mut filtered = grid.values.clone();
        for (at, value) in filtered.iter_mut().enumerate().filter(|(at, _)| grid.mask[*at] != 0) {
            let (col, row) = ((at % grid.width) as isize, (at / grid.width) as isize);
            let side = Side::of(col, row, &mean_at);
            *value = speckle.estimate(*value, side.moments(grid, col, row));
        }
        filtered
    })
}

fn by_band(pixels: &Pixels, filter: impl Fn(&Grid) -> Vec<f64>) -> Pixels {
    let mut values = Vec::with_capacity(pixels.samples.len());
    for band in 0..pixels.bands {
        let grid = Grid::of(pixels, band);
        let mut filtered = filter(&grid);
        if let Some(nodata) = pixels.nodata {
            let masked = filtered.iter_mut().zip(&grid.mask).filter(|(_, m)| **m == 0);
            masked.for_each(|(value, _)| *value = nodata);
        }
        values.append(&mut filtered);
    }
    Pixels { samples: stored_like(&pixels.samples, values), ..pixels.clone() }
}

/// Half of a window: the pixels on one side of a line through the middle, the line among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side {
    /// Points from the line into the half; all of the window for (0, 0).
    across: (isize, isize),
}

impl Side {
    /// The side that a pixel belongs to. The edge runs where the means of 3 by 3 squares change most, and of the two
    /// halves the one counts whose mean is nearer to that of the middle.
    fn of(col: isize, row: isize, mean_at: &impl Fn(isize, isize) -> Option<f64>) -> Self {
        let mean = |right: isize, down: isize| {
            mean_at(col + 2 * right, row + 2 * down).or_else(|| mean_at(col, row)).unwrap_or(0.0)
        };
        let gradient = |(right, down): (isize, isize)| {
            // Three pairs of squares across the edge: the ones in its direction and their neighbours along it.
            let (along_right, along_down) = (-down, right);
            let sum = |sign: isize| -> f64 {
                let place = |step: isize| {
                    let at = (sign * right + step * along_right, sign * down + step * along_down);
                    mean(at.0.signum(), at.1.signum())
                };
                place(-1) + place(0) + place(1)
            };
            (sum(1) - sum(-1)).abs()
        };
        let directions = [(1, 0), (1, 1), (0, 1), (-1, 1)];
        let steepest = directions.into_iter().map(|direction| (gradient(direction), direction));
        let steepest = steepest.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((_, (right, down))) = steepest.filter(|steepest| steepest.0 > 0.0) else {
            return Self { across: (0, 0) };
        };
        let (centre, ahead, behind) = (mean(0, 0), mean(right, down), mean(-right, -down));
        let is_ahead = (ahead - centre).abs() < (behind - centre).abs();
        Self { across: if is_ahead { (right, down) } else { (-right, -down) } }
    }

    fn moments(self, grid: &Grid, col: isize, row: isize) -> Moments {
        let reach = REFINED_REACH as isize;
        let places = (-reach..=reach).flat_map(|down| (-reach..=reach).map(move |right| (right, down)));
        let own = places.filter(|(right, down)| right * self.across.0 + down * self.across.1 >= 0);
        let values = own.filter_map(|(right, down)| grid.get(col + right, row + down));
        values.fold(Moments::default(), |all, value| all.plus(Moments::of(value)))
    }
}
