//! Numbers about a raster's values: range, mean, percentiles, histogram, and the stretch that `auto` means.
//!
//! Computed over pixels that [`crate::render`] painted, usually those of [`plan`]: the finest overview that fits into
//! [`STATISTICS_SIDE_PX`], so a scene of any size costs the same. Definitions are rio-tiler's, as TiTiler reports them.

use serde::Serialize;

use crate::{
    GeoTiff, Result,
    pixels::Pixels,
    render::{Plan, ReadOptions, Sizing, plan_whole},
    style::Rescale,
};

mod counts;
mod tally;
mod weigh;

pub use counts::Counts;
pub use tally::{BYTES_PER_DIFFERENT_VALUE, MAX_DIFFERENT_VALUES, Tally};
pub use weigh::{Weighed, weigh};

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
    pub valid_px: u64,
    /// Number of masked pixels.
    pub masked_px: u64,
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

/// Width and height in pixels of what [`plan`] plans.
pub fn size_px(tiff: &GeoTiff) -> (u32, u32) {
    let full = &tiff.header().levels[0];
    let sizing = Sizing { max_px: Some(STATISTICS_SIDE_PX), ..Sizing::default() };
    sizing.resolve((full.width_px, full.height_px))
}

/// Statistics of one band, counted from 0; `None` when no pixel is valid.
pub fn summarise(pixels: &Pixels, band: u16, wanted: &Wanted) -> Option<Statistics> {
    Counts::of(pixels, band).summarise(wanted)
}

/// The range between two percentiles of each band, for [`crate::style::Style::rescale`]. A band without valid values
/// gets 0 to 1, one with a single value gets one unit above it.
pub fn stretch(pixels: &Pixels, low_percentile: f64, high_percentile: f64) -> Vec<Rescale> {
    let range = |band| {
        let counts = Counts::of(pixels, band);
        let ends = counts.percentile(low_percentile).zip(counts.percentile(high_percentile));
        let (min, max) = ends.unwrap_or((0.0, 1.0));
        Rescale { min, max: if max > min { max } else { min + 1.0 } }
    };
    (0..pixels.bands).map(range).collect()
}

/// What `auto` means: the range between [`AUTO_PERCENTILES`] of each band.
pub fn auto_stretch(pixels: &Pixels) -> Vec<Rescale> {
    stretch(pixels, AUTO_PERCENTILES.0, AUTO_PERCENTILES.1)
}

#[cfg(test)]
mod tests;
