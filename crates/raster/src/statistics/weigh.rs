//! Numbers of values that count in part: pixels that an outline cuts.
//!
//! It knows no outlines; the weights are given.

use crate::pixels::Pixels;

/// Numbers of one band in which each pixel counts by its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Weighed {
    /// Sum of the weights of valid pixels.
    pub count: f64,
    /// Sum of the values, each by its weight.
    pub sum: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the population.
    pub std: f64,
    /// The 50th percentile.
    pub median: f64,
    /// Percentiles asked for, with their values, in the order asked.
    pub percentiles: Vec<(f64, f64)>,
}

/// Numbers of one band, counted from 0, by `weights` of 0 to 1, one a pixel, row by row; `None` when nothing weighs
/// anything. As rio-tiler's statistics with a coverage.
pub fn weigh(pixels: &Pixels, band: u16, weights: &[f32], percentiles: &[f64]) -> Option<Weighed> {
    let mask = pixels.band_mask(band);
    let valid = pixels.numbers(band).into_iter().zip(mask.iter().zip(weights));
    let valid = valid.filter(|(value, (mask, weight))| value.is_finite() && **mask != 0 && **weight > 0.0);
    let mut weighed: Vec<(f64, f64)> = valid.map(|(value, (_, &weight))| (value, f64::from(weight))).collect();
    weighed.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let count: f64 = weighed.iter().map(|(_, weight)| weight).sum();
    let &(last, _) = weighed.last()?;
    let sum: f64 = weighed.iter().map(|(value, weight)| value * weight).sum();
    let mean = sum / count;
    let variance = weighed.iter().map(|(value, weight)| weight * (value - mean).powi(2)).sum::<f64>() / count;
    let quantile = |percent: f64| {
        let mut below = 0.0;
        let reached = weighed.iter().find(|(_, weight)| {
            below += weight;
            below >= percent / 100.0 * count
        });
        reached.map_or(last, |(value, _)| *value)
    };
    let percentiles = percentiles.iter().map(|&percent| (percent, quantile(percent))).collect();
    Some(Weighed { count, sum, mean, std: variance.sqrt(), median: quantile(50.0), percentiles })
}
