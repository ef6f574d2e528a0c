//! How often each value of a band occurs, and what that says: range, mean, percentiles, histogram.
//!
//! Only valid, finite values are counted. It reads no pixels; [`super`] says which ones are worth counting.

use std::cmp::Ordering;

use super::{Bins, Histogram, Statistics, Wanted};
use crate::{block::Samples, pixels::Pixels};

/// Every different valid value of a band and how often it occurs, and how many pixels are masked: all that statistics
/// and stretches are computed from. Counts of the parts of a raster add up to those of the whole.
#[derive(Debug, Clone)]
pub struct Counts {
    /// Ascending.
    pub(super) runs: Vec<(f64, u64)>,
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

    /// Adds the counts of another part of the raster.
    pub fn add(&mut self, other: &Self) {
        let mut both = Vec::with_capacity(self.different_values_with(other));
        both.extend(merged(&self.runs, &other.runs));
        self.runs = both;
        self.masked_px += other.masked_px;
    }

    /// Number of different values.
    pub(super) fn different_values(&self) -> usize {
        self.runs.len()
    }

    /// The same with those of another part of the raster.
    pub(super) fn different_values_with(&self, other: &Self) -> usize {
        merged(&self.runs, &other.runs).count()
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
    pub(super) fn percentile(&self, percent: f64) -> Option<f64> {
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

    /// Edges of bins of equal width, as NumPy's `histogram` lays them: of all values, of 0 to 1 where there is none,
    /// and one unit wide round a single one.
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
        let stored = || asked.iter().map(|&value| (self.as_stored)(value) + ZERO).collect();
        let edges: Vec<f64> = if asked.is_empty() { all() } else { stored() };
        Histogram { counts: edges.iter().map(|&value| count(value)).collect(), edges }
    }
}

/// Added to a number it makes zero of negative zero, which is ordered below it but is the same number, and nothing else
/// of others.
const ZERO: f64 = 0.0;

fn sorted_values(pixels: &Pixels, band: u16) -> Vec<f64> {
    let mut values = pixels.valid_values(band);
    values.retain(|value| value.is_finite());
    values.iter_mut().for_each(|value| *value += ZERO);
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Every different value and how often it occurs, ascending.
fn runs(sorted: &[f64]) -> Vec<(f64, u64)> {
    let same = || sorted.chunk_by(|a, b| a == b);
    // Counted first, so that no more is held than there are: of noise they are as many as pixels.
    let mut runs = Vec::with_capacity(same().count());
    runs.extend(same().map(|values| (values[0], values.len() as u64)));
    runs
}

/// What two counts come to.
fn merged(ours: &[(f64, u64)], theirs: &[(f64, u64)]) -> impl Iterator<Item = (f64, u64)> {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    std::iter::from_fn(move || {
        let next = match (ours.peek(), theirs.peek()) {
            (Some(a), Some(b)) => a.0.total_cmp(&b.0),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let ours = if next.is_le() { ours.next() } else { None };
        let theirs = if next.is_ge() { theirs.next() } else { None };
        let count = ours.map_or(0, |run| run.1) + theirs.map_or(0, |run| run.1);
        ours.or(theirs).map(|run| (run.0, count))
    })
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
