//! Numbers about a raster's values: range, mean, percentiles, histogram, and the stretch that `auto` means.
//!
//! Computed over pixels that [`crate::render`] painted, usually those of [`plan`]: the finest overview that fits into
//! [`STATISTICS_SIDE_PX`], so a scene of any size costs the same. Definitions are NumPy's, as TiTiler reports them.

use serde::Serialize;

use crate::{
    GeoTiff, Result,
    pixels::Pixels,
    render::{Plan, ReadOptions, plan_whole},
    style::Rescale,
};

/// Longest side, in pixels, of what statistics are computed from.
pub const STATISTICS_SIDE_PX: u32 = 1024;

/// Bins of a histogram.
pub const HISTOGRAM_BINS: usize = 10;

/// The percentiles between which `auto` stretches.
pub const AUTO_PERCENTILES: (f64, f64) = (2.0, 98.0);

/// What the valid values of one band are like. Masked values count nowhere but in `masked_px`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation of the population.
    pub std: f64,
    /// Sum of all values.
    pub sum: f64,
    /// The 50th percentile.
    pub median: f64,
    /// Number of valid pixels.
    pub valid_px: usize,
    /// Number of masked pixels.
    pub masked_px: usize,
    /// Percentiles asked for, with their values, in the order asked.
    pub percentiles: Vec<(f64, f64)>,
    /// How values spread between `min` and `max`.
    pub histogram: Histogram,
}

/// Counts of values in bins of equal width. A bin holds its lower edge, the last one both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Values a bin.
    pub counts: Vec<u64>,
    /// Edges of the bins: one more than there are bins.
    pub edges: Vec<f64>,
}

/// Plans the pixels that a raster's statistics are computed from: all of it, in an overview.
///
/// # Errors
/// As [`plan_whole`].
pub fn plan(tiff: &GeoTiff, options: &ReadOptions) -> Result<Plan> {
    plan_whole(tiff, STATISTICS_SIDE_PX, options)
}

/// Statistics of one band (counted from 0) with `percentiles` from 0 to 100; `None` when no pixel is valid.
pub fn summarise(pixels: &Pixels, band: u16, percentiles: &[f64]) -> Option<Statistics> {
    let values = sorted_values(pixels, band);
    let (&min, &max) = (values.first()?, values.last()?);
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    let mean = sum / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    Some(Statistics {
        min,
        max,
        mean,
        std: variance.sqrt(),
        sum,
        median: percentile(&values, 50.0),
        valid_px: values.len(),
        masked_px: pixels.pixels_per_band() - values.len(),
        percentiles: percentiles.iter().map(|&p| (p, percentile(&values, p))).collect(),
        histogram: histogram(&values, min, max),
    })
}

/// The range between two percentiles of each band, for [`crate::style::Style::rescale`]. A band without valid values
/// gets 0 to 1, one with a single value gets one unit above it.
pub fn stretch(pixels: &Pixels, low_percentile: f64, high_percentile: f64) -> Vec<Rescale> {
    let range = |band| {
        let values = sorted_values(pixels, band);
        if values.is_empty() {
            return Rescale { min: 0.0, max: 1.0 };
        }
        let (min, max) = (percentile(&values, low_percentile), percentile(&values, high_percentile));
        Rescale { min, max: if max > min { max } else { min + 1.0 } }
    };
    (0..pixels.bands).map(range).collect()
}

/// What `auto` means: the range between [`AUTO_PERCENTILES`] of each band.
pub fn auto_stretch(pixels: &Pixels) -> Vec<Rescale> {
    stretch(pixels, AUTO_PERCENTILES.0, AUTO_PERCENTILES.1)
}

fn sorted_values(pixels: &Pixels, band: u16) -> Vec<f64> {
    let mut values = pixels.valid_values(band);
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// NumPy's default, linear between the two nearest ranks. `sorted` must not be empty.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent.clamp(0.0, 100.0) / 100.0) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[rank.floor() as usize], sorted[rank.ceil() as usize]);
    below + (above - below) * rank.fract()
}

/// NumPy's `histogram`; where all values are equal it spans one unit around them.
fn histogram(sorted: &[f64], min: f64, max: f64) -> Histogram {
    let (low, high) = if min < max { (min, max) } else { (min - 0.5, max + 0.5) };
    let width = (high - low) / HISTOGRAM_BINS as f64;
    let edges: Vec<f64> = (0..HISTOGRAM_BINS).map(|bin| low + width * bin as f64).chain([high]).collect();
    let upto = |edge: f64| sorted.partition_point(|&value| value < edge);
    let mut starts: Vec<usize> = edges[..HISTOGRAM_BINS].iter().map(|&edge| upto(edge)).collect();
    starts.push(sorted.len());
    Histogram { counts: starts.windows(2).map(|pair| (pair[1] - pair[0]) as u64).collect(), edges }
}

#[cfg(test)]
mod tests {
    use super::{auto_stretch, stretch, summarise};
    use crate::{block::Samples, pixels::Pixels, style::Rescale};

    fn pixels(values: Vec<f32>, mask: Vec<u8>) -> Pixels {
        Pixels {
            width_px: u32::try_from(mask.len()).unwrap(),
            height_px: 1,
            bands: 1,
            samples: Samples::F32(values),
            all_valid: !mask.contains(&0),
            mask,
        }
    }

    /// Expected numbers are NumPy's for `[1, 2, 3, 4, 10]`.
    #[test]
    fn numbers_agree_with_numpy() {
        let pixels = pixels(vec![4.0, 99.0, 2.0, 1.0, 10.0, 3.0], vec![255, 0, 255, 255, 255, 255]);
        let numbers = summarise(&pixels, 0, &[2.0, 25.0, 98.0]).expect("five values are valid");
        assert_eq!((numbers.min, numbers.max, numbers.mean, numbers.sum), (1.0, 10.0, 4.0, 20.0));
        assert!((numbers.std - 3.162_277_660_168_379_5).abs() < 1e-12);
        assert_eq!((numbers.valid_px, numbers.masked_px, numbers.median), (5, 1, 3.0));
        let expected = [1.08, 2.0, 9.52];
        assert!(numbers.percentiles.iter().zip(expected).all(|((_, value), right)| (value - right).abs() < 1e-12));
        assert_eq!(numbers.histogram.counts, [1, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!((numbers.histogram.edges[0], numbers.histogram.edges[10]), (1.0, 10.0));
    }

    #[test]
    fn without_valid_values_there_is_nothing_to_say() {
        let nothing = pixels(vec![5.0], vec![0]);
        assert_eq!(summarise(&nothing, 0, &[]), None);
        assert_eq!(auto_stretch(&nothing), [Rescale { min: 0.0, max: 1.0 }]);
    }

    #[test]
    fn a_stretch_is_never_empty() {
        let flat = pixels(vec![7.0; 4], vec![255; 4]);
        assert_eq!(stretch(&flat, 5.0, 95.0), [Rescale { min: 7.0, max: 8.0 }]);
        assert_eq!(summarise(&flat, 0, &[]).unwrap().histogram.counts.iter().sum::<u64>(), 4);
    }
}
