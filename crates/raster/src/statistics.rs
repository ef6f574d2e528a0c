//! Numbers about a raster's values: range, mean, percentiles, histogram, and the stretch that `auto` means.
//!
//! Computed over pixels that [`crate::render`] painted, usually those of [`plan`]: the finest overview that fits into
//! [`STATISTICS_SIDE_PX`], so a scene of any size costs the same. Definitions are rio-tiler's, as TiTiler reports them.

use serde::Serialize;

use crate::{
    GeoTiff, Result,
    pixels::Pixels,
    render::{Plan, ReadOptions, plan_whole},
    style::Rescale,
};

/// Longest side, in pixels, of what statistics are computed from.
pub const STATISTICS_SIDE_PX: u32 = 1024;

/// The percentiles between which `auto` stretches.
pub const AUTO_PERCENTILES: (f64, f64) = (2.0, 98.0);

/// What is to be told of the values.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Percentiles, 0 to 100.
    pub percentiles: Vec<f64>,
    /// Bins of the histogram.
    pub bins: Bins,
    /// Range of the histogram; from the least to the greatest value when absent. Values beyond are not counted.
    pub range: Option<(f64, f64)>,
    /// Counts single values instead of a histogram's bins.
    pub categorical: bool,
    /// The values counted then; all there are when empty.
    pub categories: Vec<f64>,
}

/// How a histogram is divided.
#[derive(Debug, Clone, PartialEq)]
pub enum Bins {
    /// So many of equal width.
    Count(usize),
    /// Between these edges, which ascend.
    Edges(Vec<f64>),
}

impl Default for Wanted {
    /// What TiTiler tells unless asked otherwise.
    fn default() -> Self {
        let percentiles = vec![AUTO_PERCENTILES.0, AUTO_PERCENTILES.1];
        Self { percentiles, bins: Bins::Count(10), range: None, categorical: false, categories: Vec::new() }
    }
}

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
    /// The value that most pixels have, the least of them if there are several.
    pub majority: f64,
    /// The value that fewest pixels have, the least of them if there are several.
    pub minority: f64,
    /// Number of different values.
    pub unique: usize,
    /// Number of valid pixels.
    pub valid_px: usize,
    /// Number of masked pixels.
    pub masked_px: usize,
    /// Percentiles asked for, with their values, in the order asked.
    pub percentiles: Vec<(f64, f64)>,
    /// How values spread.
    pub histogram: Histogram,
}

/// Counts of values in bins, of which one holds its lower edge and the last one both; or counts of single values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// Values a bin, or a category.
    pub counts: Vec<u64>,
    /// Edges of the bins, one more than there are bins; or the categories.
    pub edges: Vec<f64>,
}

/// Plans the pixels that a raster's statistics are computed from: all of it, in an overview.
///
/// # Errors
/// As [`plan_whole`].
pub fn plan(tiff: &GeoTiff, options: &ReadOptions) -> Result<Plan> {
    plan_whole(tiff, STATISTICS_SIDE_PX, options)
}

/// Statistics of one band, counted from 0; `None` when no pixel is valid.
pub fn summarise(pixels: &Pixels, band: u16, wanted: &Wanted) -> Option<Statistics> {
    let values = sorted_values(pixels, band);
    let (&min, &max) = (values.first()?, values.last()?);
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    let mean = sum / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let runs = runs(&values);
    let (most, fewest) = (runs.iter().map(|run| run.1).max()?, runs.iter().map(|run| run.1).min()?);
    let first_of = |wanted: usize| runs.iter().find(|run| run.1 == wanted).map(|run| run.0);
    Some(Statistics {
        min,
        max,
        mean,
        std: variance.sqrt(),
        sum,
        median: percentile(&values, 50.0),
        majority: first_of(most)?,
        minority: first_of(fewest)?,
        unique: runs.len(),
        valid_px: values.len(),
        masked_px: pixels.pixels_per_band() - values.len(),
        percentiles: wanted.percentiles.iter().map(|&p| (p, percentile(&values, p))).collect(),
        histogram: if wanted.categorical { categories(&runs, &wanted.categories) } else { histogram(&values, wanted) },
    })
}

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

/// The value below or at which that part of the values lies, one of the values themselves: rio-tiler's weighted quantile
/// with equal weights. `sorted` must not be empty.
fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent.clamp(0.0, 100.0) / 100.0) * sorted.len() as f64;
    sorted[(rank.ceil() as usize).saturating_sub(1)]
}

/// Every different value and how often it occurs, ascending.
fn runs(sorted: &[f64]) -> Vec<(f64, usize)> {
    let mut runs: Vec<(f64, usize)> = Vec::new();
    for &value in sorted {
        match runs.last_mut() {
            Some(last) if last.0 == value => last.1 += 1,
            _ => runs.push((value, 1)),
        }
    }
    runs
}

fn categories(runs: &[(f64, usize)], asked: &[f64]) -> Histogram {
    let count = |value: f64| {
        let found = runs.binary_search_by(|run| run.0.total_cmp(&value));
        found.map_or(0, |at| runs[at].1 as u64)
    };
    let edges: Vec<f64> = if asked.is_empty() { runs.iter().map(|run| run.0).collect() } else { asked.to_vec() };
    Histogram { counts: edges.iter().map(|&value| count(value)).collect(), edges }
}

/// NumPy's `histogram`; where a range is a single value it spans one unit around it.
fn histogram(sorted: &[f64], wanted: &Wanted) -> Histogram {
    let edges = match &wanted.bins {
        Bins::Edges(edges) => edges.clone(),
        Bins::Count(bins) => equal_edges(sorted, *bins, wanted.range),
    };
    let below = |edge: f64| sorted.partition_point(|&value| value < edge);
    let last = edges.len() - 1;
    let starts: Vec<usize> = edges[..last].iter().map(|&edge| below(edge)).collect();
    let end = sorted.partition_point(|&value| value <= edges[last]);
    let ends = starts.iter().skip(1).copied().chain([end]);
    let counts = starts.iter().zip(ends).map(|(&start, end)| end.saturating_sub(start) as u64).collect();
    Histogram { counts, edges }
}

fn equal_edges(sorted: &[f64], bins: usize, range: Option<(f64, f64)>) -> Vec<f64> {
    let (min, max) = range.unwrap_or((sorted[0], sorted[sorted.len() - 1]));
    let (low, high) = if min < max { (min, max) } else { (min - 0.5, max + 0.5) };
    let width = (high - low) / bins as f64;
    (0..bins).map(|bin| low + width * bin as f64).chain([high]).collect()
}

#[cfg(test)]
mod tests {
    use super::{Bins, Wanted, auto_stretch, stretch, summarise, weigh};
    use crate::{block::Samples, pixels::Pixels, style::Rescale};

    fn pixels(values: Vec<f32>, mask: Vec<u8>) -> Pixels {
        Pixels::of_band(u32::try_from(mask.len()).unwrap(), 1, Samples::F32(values), mask)
    }

    fn wanted(percentiles: &[f64]) -> Wanted {
        Wanted { percentiles: percentiles.to_vec(), ..Wanted::default() }
    }

    /// Expected numbers are those of rio-tiler 9.4.12's `get_array_statistics` for `[1, 2, 3, 3, 10]`.
    #[test]
    fn numbers_agree_with_rio_tiler() {
        let pixels = pixels(vec![3.0, 99.0, 2.0, 1.0, 10.0, 3.0], vec![255, 0, 255, 255, 255, 255]);
        let numbers = summarise(&pixels, 0, &wanted(&[2.0, 25.0, 60.0, 98.0])).expect("five values are valid");
        assert_eq!((numbers.min, numbers.max, numbers.mean, numbers.sum), (1.0, 10.0, 3.8, 19.0));
        assert!((numbers.std - 3.187_475_490_101_845).abs() < 1e-12);
        assert_eq!((numbers.valid_px, numbers.masked_px, numbers.median), (5, 1, 3.0));
        assert_eq!((numbers.majority, numbers.minority, numbers.unique), (3.0, 1.0, 4));
        assert_eq!(numbers.percentiles, [(2.0, 1.0), (25.0, 2.0), (60.0, 3.0), (98.0, 10.0)]);
        assert_eq!(numbers.histogram.counts, [1, 1, 2, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((numbers.histogram.edges[0], numbers.histogram.edges[10]), (1.0, 10.0));
    }

    /// As NumPy's `histogram(values, bins, range)` counts.
    #[test]
    fn bins_and_ranges_are_those_asked_for() {
        let pixels = pixels(vec![1.0, 2.0, 3.0, 3.0, 10.0], vec![255; 5]);
        let counts = |bins, range| {
            let wanted = Wanted { bins, range, ..Wanted::default() };
            summarise(&pixels, 0, &wanted).expect("valid").histogram.counts
        };
        assert_eq!(counts(Bins::Count(3), Some((0.0, 3.0))), [0, 1, 3]);
        assert_eq!(counts(Bins::Edges(vec![2.0, 3.0, 10.0]), None), [1, 3]);
        assert_eq!(counts(Bins::Count(2), Some((3.0, 3.0))), [0, 2]);
    }

    #[test]
    fn categories_are_counted_one_by_one() {
        let pixels = pixels(vec![7.0, 7.0, -2.0, 5.0], vec![255, 255, 255, 0]);
        let histogram = |categories: &[f64]| {
            let wanted = Wanted { categorical: true, categories: categories.to_vec(), ..Wanted::default() };
            let found = summarise(&pixels, 0, &wanted).expect("valid").histogram;
            (found.counts, found.edges)
        };
        assert_eq!(histogram(&[]), (vec![1, 2], vec![-2.0, 7.0]));
        assert_eq!(histogram(&[5.0, 7.0]), (vec![0, 2], vec![5.0, 7.0]));
    }

    /// Expected numbers are those of rio-tiler 9.4.12's `get_array_statistics` with this coverage.
    #[test]
    fn weights_count_as_coverage_does() {
        let pixels = pixels(vec![1.0, 2.0, 99.0, 4.0, 10.0], vec![255, 255, 0, 255, 255]);
        let weighed = weigh(&pixels, 0, &[0.5, 1.0, 1.0, 0.25, 0.0], &[2.0, 98.0]).expect("three values weigh");
        assert_eq!((weighed.count, weighed.sum), (1.75, 3.5));
        assert_eq!((weighed.mean, weighed.median), (2.0, 2.0));
        assert_eq!(weighed.percentiles, [(2.0, 1.0), (98.0, 4.0)]);
        assert_eq!(weigh(&pixels, 0, &[0.0; 5], &[]), None);
    }

    #[test]
    fn without_valid_values_there_is_nothing_to_say() {
        let nothing = pixels(vec![5.0], vec![0]);
        assert_eq!(summarise(&nothing, 0, &Wanted::default()), None);
        assert_eq!(auto_stretch(&nothing), [Rescale { min: 0.0, max: 1.0 }]);
    }

    #[test]
    fn a_stretch_is_never_empty() {
        let flat = pixels(vec![7.0; 4], vec![255; 4]);
        assert_eq!(stretch(&flat, 5.0, 95.0), [Rescale { min: 7.0, max: 8.0 }]);
        assert_eq!(summarise(&flat, 0, &Wanted::default()).unwrap().histogram.counts.iter().sum::<u64>(), 4);
    }
}
