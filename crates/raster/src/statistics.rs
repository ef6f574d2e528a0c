//! Numbers about a raster's values: range, mean, percentiles, histogram, and the stretch that `auto` means.
//!
//! Computed over pixels that [`crate::render`] painted, usually those of [`plan`]: the finest overview that fits into
//! [`STATISTICS_SIDE_PX`], so a scene of any size costs the same. Definitions are rio-tiler's, as TiTiler reports them.

use std::cmp::Ordering;

use serde::Serialize;

use crate::{
    GeoTiff, RasterError, Result,
    block::Samples,
    pixels::Pixels,
    render::{Plan, ReadOptions, plan_whole},
    style::Rescale,
};

/// Longest side, in pixels, of what statistics are computed from.
pub const STATISTICS_SIDE_PX: u32 = 1024;

/// The percentiles between which `auto` stretches.
pub const AUTO_PERCENTILES: (f64, f64) = (2.0, 98.0);

/// Most different values of a band that are counted, which of 16-bit values there never are: sixteen bytes each.
pub const MAX_DIFFERENT_VALUES: usize = 1 << 22;

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

/// Every different valid value of a band and how often it occurs, and how many pixels are masked: all that statistics and
/// stretches are computed from. Counts of the parts of a raster add up to those of the whole.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Ascending.
    runs: Vec<(f64, u64)>,
    masked_px: u64,
    /// What a number becomes when it is stored as the band's values are.
    as_stored: fn(f64) -> f64,
    /// Whether edges between values are 32-bit numbers, as NumPy makes them.
    is_float32: bool,
}

impl Counts {
    /// Counts of one band, counted from 0. Numbers that are not finite are no values, and count as masked.
    pub fn of(pixels: &Pixels, band: u16) -> Self {
        let runs = by_table(pixels, band).unwrap_or_else(|| runs(&sorted_values(pixels, band)));
        let valid_px: u64 = runs.iter().map(|run| run.1).sum();
        Self {
            runs,
            masked_px: pixels.pixels_per_band() as u64 - valid_px,
            as_stored: as_stored(&pixels.samples),
            is_float32: matches!(pixels.samples, Samples::F32(_)),
        }
    }

    /// The same with the counts of another part of the raster.
    ///
    /// # Errors
    /// `TooLarge` for more than [`MAX_DIFFERENT_VALUES`] different values.
    pub fn plus(mut self, other: &Self) -> Result<Self> {
        let mut both = Vec::with_capacity(self.runs.len().max(other.runs.len()));
        let (mut ours, mut theirs) = (self.runs.iter().peekable(), other.runs.iter().peekable());
        loop {
            let next = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) => a.0.total_cmp(&b.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let ours = if next.is_le() { ours.next() } else { None };
            let theirs = if next.is_ge() { theirs.next() } else { None };
            let count = ours.map_or(0, |run| run.1) + theirs.map_or(0, |run| run.1);
            both.extend(ours.or(theirs).map(|run| (run.0, count)));
        }
        if both.len() > MAX_DIFFERENT_VALUES {
            let (value, limit) = (both.len() as u64, MAX_DIFFERENT_VALUES as u64);
            return Err(RasterError::TooLarge { what: "number of different values of a band", value, limit });
        }
        self.runs = both;
        self.masked_px += other.masked_px;
        Ok(self)
    }

    /// Number of pixels, masked ones among them.
    pub fn pixels(&self) -> u64 {
        self.valid_px() + self.masked_px
    }

    fn valid_px(&self) -> u64 {
        self.runs.iter().map(|run| run.1).sum()
    }

    /// What the values are like; `None` when there is none.
    pub fn summarise(&self, wanted: &Wanted) -> Option<Statistics> {
        let (min, max) = (self.runs.first()?.0, self.runs.last()?.0);
        let valid_px = self.valid_px();
        let total = |each: &dyn Fn(f64) -> f64| self.runs.iter().map(|&(value, n)| each(value) * n as f64).sum::<f64>();
        let sum = total(&|value| value);
        let mean = sum / valid_px as f64;
        let variance = total(&|value| (value - mean).powi(2)) / valid_px as f64;
        let (most, fewest) = (self.runs.iter().map(|run| run.1).max()?, self.runs.iter().map(|run| run.1).min()?);
        let first_of = |wanted: u64| self.runs.iter().find(|run| run.1 == wanted).map(|run| run.0);
        Some(Statistics {
            min,
            max,
            mean,
            std: variance.sqrt(),
            sum,
            median: self.percentile(50.0)?,
            majority: first_of(most)?,
            minority: first_of(fewest)?,
            unique: self.runs.len(),
            valid_px,
            masked_px: self.masked_px,
            percentiles: wanted.percentiles.iter().map(|&p| Some((p, self.percentile(p)?))).collect::<Option<_>>()?,
            histogram: self.histogram(wanted),
        })
    }

    /// The value below or at which that part of the values lies, one of the values themselves: rio-tiler's weighted
    /// quantile with equal weights. `None` when there is none.
    fn percentile(&self, percent: f64) -> Option<f64> {
        let rank = ((percent.clamp(0.0, 100.0) / 100.0) * self.valid_px() as f64).ceil() as u64;
        let mut below = 0;
        let reached = self.runs.iter().find(|run| {
            below += run.1;
            below >= rank.max(1)
        });
        reached.map(|run| run.0)
    }

    /// How the values spread: NumPy's `histogram`, or counts of single values.
    pub fn histogram(&self, wanted: &Wanted) -> Histogram {
        if wanted.categorical {
            return self.categories(&wanted.categories);
        }
        let edges = match &wanted.bins {
            Bins::Edges(edges) => edges.clone(),
            Bins::Count(bins) => self.equal_edges(*bins, wanted.range),
        };
        let before: Vec<u64> = [0]
            .into_iter()
            .chain(self.runs.iter().scan(0, |sum, run| {
                *sum += run.1;
                Some(*sum)
            }))
            .collect();
        let below = |edge: f64| before[self.runs.partition_point(|run| run.0 < edge)];
        let last = edges.len() - 1;
        let end = before[self.runs.partition_point(|run| run.0 <= edges[last])];
        let starts: Vec<u64> = edges[..last].iter().map(|&edge| below(edge)).collect();
        let ends = starts.iter().skip(1).copied().chain([end]);
        let counts = starts.iter().zip(ends).map(|(&start, end)| end.saturating_sub(start)).collect();
        Histogram { counts, edges }
    }

    /// Edges of bins of equal width, as NumPy's `histogram` lays them: of all values, of 0 to 1 where there is none, and
    /// one unit wide round a single one.
    fn equal_edges(&self, bins: usize, range: Option<(f64, f64)>) -> Vec<f64> {
        let whole = || Some((self.runs.first()?.0, self.runs.last()?.0));
        let (min, max) = range.or_else(whole).unwrap_or((0.0, 1.0));
        let (low, high) = if min < max { (min, max) } else { (min - 0.5, max + 0.5) };
        if self.is_float32 {
            let (low, high) = (low as f32, high as f32);
            let width = (high - low) / bins as f32;
            return (0..bins).map(|bin| low + width * bin as f32).chain([high]).map(f64::from).collect();
        }
        let width = (high - low) / bins as f64;
        (0..bins).map(|bin| low + width * bin as f64).chain([high]).collect()
    }

    fn categories(&self, asked: &[f64]) -> Histogram {
        let count = |value: f64| {
            let found = self.runs.binary_search_by(|run| run.0.total_cmp(&value));
            found.map_or(0, |at| self.runs[at].1)
        };
        let all = || self.runs.iter().map(|run| run.0).collect();
        let stored = || asked.iter().map(|&value| (self.as_stored)(value)).collect();
        let edges: Vec<f64> = if asked.is_empty() { all() } else { stored() };
        Histogram { counts: edges.iter().map(|&value| count(value)).collect(), edges }
    }
}

/// Statistics of one band, counted from 0; `None` when no pixel is valid.
pub fn summarise(pixels: &Pixels, band: u16, wanted: &Wanted) -> Option<Statistics> {
    Counts::of(pixels, band).summarise(wanted)
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

fn sorted_values(pixels: &Pixels, band: u16) -> Vec<f64> {
    let mut values = pixels.valid_values(band);
    values.retain(|value| value.is_finite());
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Every different value and how often it occurs, ascending.
fn runs(sorted: &[f64]) -> Vec<(f64, u64)> {
    let mut runs: Vec<(f64, u64)> = Vec::new();
    for &value in sorted {
        match runs.last_mut() {
            Some(last) if last.0 == value => last.1 += 1,
            _ => runs.push((value, 1)),
        }
    }
    runs
}

/// The same of 8- and 16-bit values, which need no sorting: a table has a place for each.
fn by_table(pixels: &Pixels, band: u16) -> Option<Vec<(f64, u64)>> {
    let start = usize::from(band) * pixels.pixels_per_band();
    let (range, mask) = (start..start + pixels.pixels_per_band(), pixels.band_mask(band));
    let count = |first: i32, places: &mut dyn Iterator<Item = i32>| {
        let mut table = vec![0_u64; 1 << 16];
        for (value, &m) in places.zip(mask.iter()) {
            table[(value - first) as usize] += u64::from(m != 0);
        }
        let counted = (first..).zip(table).filter(|run| run.1 > 0);
        counted.map(|(value, n)| (f64::from(value), n)).collect()
    };
    match &pixels.samples {
        Samples::U8(values) => Some(count(0, &mut values[range].iter().map(|&value| value.into()))),
        Samples::U16(values) => Some(count(0, &mut values[range].iter().map(|&value| value.into()))),
        Samples::I8(values) => Some(count(i16::MIN.into(), &mut values[range].iter().map(|&value| value.into()))),
        Samples::I16(values) => Some(count(i16::MIN.into(), &mut values[range].iter().map(|&value| value.into()))),
        _ => None,
    }
}

/// What NumPy's `astype` makes of a number: whole numbers are cut and wrap round.
fn as_stored(samples: &Samples) -> fn(f64) -> f64 {
    match samples {
        Samples::U8(_) => |number| f64::from(number as i64 as u8),
        Samples::I8(_) => |number| f64::from(number as i64 as i8),
        Samples::U16(_) => |number| f64::from(number as i64 as u16),
        Samples::I16(_) => |number| f64::from(number as i64 as i16),
        Samples::U32(_) => |number| f64::from(number as i64 as u32),
        Samples::I32(_) => |number| f64::from(number as i64 as i32),
        Samples::U64(_) | Samples::I64(_) => f64::trunc,
        Samples::F32(_) => |number| f64::from(number as f32),
        Samples::F64(_) => |number| number,
    }
}

#[cfg(test)]
mod tests {
    use super::{Bins, Counts, Wanted, auto_stretch, stretch, summarise, weigh};
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
        let tenths = [1.0, 1.9, 2.8, 3.7, 4.6, 5.5, 6.4, 7.3, 8.2, 9.1, 10.0_f32].map(f64::from);
        assert!(numbers.histogram.edges.iter().zip(tenths).all(|(edge, tenth)| (edge - tenth).abs() < 2e-6));
        // 32-bit values have 32-bit edges.
        assert_eq!(numbers.histogram.edges[1], 1.899_999_976_158_142);
    }

    /// As NumPy's `histogram` of an array without values, and of one with a single value.
    #[test]
    fn bins_of_nothing_and_of_sameness_are_numpys() {
        let histogram = |values, mask| Counts::of(&pixels(values, mask), 0).histogram(&Wanted::default());
        let nothing = histogram(vec![4.0], vec![0]);
        assert_eq!((nothing.counts, nothing.edges[0], nothing.edges[10]), (vec![0; 10], 0.0, 1.0));
        let same = histogram(vec![4.0; 3], vec![255; 3]);
        assert_eq!((same.counts[5], same.edges[0], same.edges[10]), (3, 3.5, 4.5));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let values = |range: std::ops::Range<usize>| -> Vec<u16> { range.map(|k| (k * k % 1009) as u16).collect() };
        let mask =
            |range: std::ops::Range<usize>| -> Vec<u8> { range.map(|k| if k % 7 == 0 { 0 } else { 255 }).collect() };
        let counts = |range: std::ops::Range<usize>| {
            let width_px = range.len() as u32;
            Counts::of(&Pixels::of_band(width_px, 1, Samples::U16(values(range.clone())), mask(range)), 0)
        };
        let parts = counts(0..1000).plus(&counts(1000..1001)).and_then(|sum| sum.plus(&counts(1001..5000)));
        let (sum, whole) = (parts.expect("few values"), counts(0..5000));
        assert_eq!(sum.pixels(), 5000);
        assert_eq!(sum.summarise(&Wanted::default()), whole.summarise(&Wanted::default()));
        // The table's counts are those of sorted values.
        let wide = values(0..5000).into_iter().map(f32::from).collect();
        let wide = Counts::of(&Pixels::of_band(5000, 1, Samples::F32(wide), mask(0..5000)), 0);
        assert_eq!(whole.runs, wide.runs);
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
        // Categories become numbers of the values' type.
        let bytes = Pixels::of_band(3, 1, Samples::U8(vec![3, 44, 44]), vec![255; 3]);
        let wanted = Wanted { categorical: true, categories: vec![3.5, 300.0], ..Wanted::default() };
        let found = summarise(&bytes, 0, &wanted).expect("valid").histogram;
        assert_eq!((found.counts, found.edges), (vec![1, 2], vec![3.0, 44.0]));
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
