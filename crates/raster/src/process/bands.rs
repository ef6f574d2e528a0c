//! Algorithms pixel by pixel, across the bands: index, rounding, reductions, grays. Formulas are TiTiler's.

use super::grid::{Grid, stored_like};
use crate::{RasterError, Result, block::Samples, pixels::Pixels};

/// Shares of red, green and blue in a gray. Source: ITU-R BT.601.
const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

/// Values above this are white.
const WHITE_ABOVE: f64 = 127.0;

/// How a number becomes a whole one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    TowardsZero,
    Up,
    Down,
}

/// What becomes of the bands of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reduction {
    Min,
    Max,
    Median,
    Mean,
    /// Of the sample.
    Deviation,
    /// Of the sample.
    Variance,
    Sum,
}

/// `(b2 - b1) / (b2 + b1)` of the first two bands.
pub(super) fn normalized_index(pixels: &Pixels) -> Result<Pixels> {
    if pixels.bands < 2 {
        return Err(wrong_bands("normalizedIndex", "two", pixels.bands));
    }
    let (first, second) = (Grid::of(pixels, 0), Grid::of(pixels, 1));
    let index = |at: usize| {
        let (a, b) = (first.values[at], second.values[at]);
        if first.mask[at] == 0 || second.mask[at] == 0 { f64::NAN } else { (b - a) / (b + a) }
    };
    Ok(of_numbers(pixels, (0..pixels.pixels_per_band()).map(index).collect(), to_f32))
}

/// Every band as 8-bit numbers, cut to their range.
pub(super) fn rounded(pixels: &Pixels, rounding: Rounding) -> Pixels {
    let round = |value: f64| match rounding {
        Rounding::TowardsZero => value.trunc(),
        Rounding::Up => value.ceil(),
        Rounding::Down => value.floor(),
    };
    let grids = (0..pixels.bands).map(|band| Grid::of(pixels, band));
    let values = grids.flat_map(|grid| grid.values.into_iter().map(|value| round(value) as u8)).collect();
    Pixels { samples: Samples::U8(values), nodata: None, ..pixels.clone() }
}

/// One band of all bands, each pixel by those that are valid there.
pub(super) fn reduced(pixels: &Pixels, reduction: Reduction) -> Pixels {
    let grids: Vec<Grid> = (0..pixels.bands).map(|band| Grid::of(pixels, band)).collect();
    let mut valid = Vec::with_capacity(grids.len());
    let number = |at: usize| {
        valid.clear();
        valid.extend(grids.iter().filter(|grid| grid.mask[at] != 0).map(|grid| grid.values[at]));
        reduction.of(&mut valid)
    };
    let numbers = (0..pixels.pixels_per_band()).map(number).collect();
    match reduction {
        Reduction::Min | Reduction::Max => of_numbers(pixels, numbers, |numbers| stored_like(&pixels.samples, numbers)),
        Reduction::Sum => of_numbers(pixels, numbers, |numbers| summed_like(&pixels.samples, numbers)),
        _ => of_numbers(pixels, numbers, Samples::F64),
    }
}

/// Sums in the type that NumPy gives them: whole numbers of 64 bits with the sign that the values may have, floats in
/// their own.
fn summed_like(like: &Samples, sums: Vec<f64>) -> Samples {
    match like {
        Samples::U8(_) | Samples::U16(_) | Samples::U32(_) | Samples::U64(_) => {
            Samples::U64(sums.into_iter().map(|sum| sum as u64).collect())
        }
        Samples::I8(_) | Samples::I16(_) | Samples::I32(_) | Samples::I64(_) => {
            Samples::I64(sums.into_iter().map(|sum| sum as i64).collect())
        }
        Samples::F32(_) | Samples::F64(_) => stored_like(like, sums),
    }
}

impl Reduction {
    fn of(self, valid: &mut [f64]) -> f64 {
        let count = valid.len() as f64;
        let sum: f64 = valid.iter().sum();
        match self {
            Self::Min => valid.iter().copied().fold(f64::NAN, f64::min),
            Self::Max => valid.iter().copied().fold(f64::NAN, f64::max),
            Self::Sum if valid.is_empty() => f64::NAN,
            Self::Sum => sum,
            Self::Mean => sum / count,
            Self::Median => median(valid),
            Self::Deviation | Self::Variance => {
                let mean = sum / count;
                let variance = valid.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
                if self == Self::Variance { variance } else { variance.sqrt() }
            }
        }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

/// The luma of the first three bands, in their own type.
pub(super) fn grayscale(pixels: &Pixels) -> Result<Pixels> {
    if pixels.bands < 3 {
        return Err(wrong_bands("grayscale", "three", pixels.bands));
    }
    Ok(of_numbers(pixels, luma(pixels), |numbers| {
        stored_like(&pixels.samples, numbers.into_iter().map(f64::trunc).collect())
    }))
}

/// White above the middle of 8 bits, else black: of one band, or the luma of three.
pub(super) fn bitonal(pixels: &Pixels) -> Result<Pixels> {
    let numbers = match pixels.bands {
        1 => Grid::of(pixels, 0).values,
        3 => luma(pixels),
        other => return Err(wrong_bands("bitonal", "one or three", other)),
    };
    Ok(of_numbers(pixels, numbers, |numbers| {
        Samples::U8(numbers.into_iter().map(|number| if number > WHITE_ABOVE { u8::MAX } else { 0 }).collect())
    }))
}

/// The luma of the first three bands; no number where one of them is masked.
fn luma(pixels: &Pixels) -> Vec<f64> {
    let channels = [0, 1, 2].map(|band| Grid::of(pixels, band));
    let of_pixel = |at: usize| match channels.iter().any(|channel| channel.mask[at] == 0) {
        true => f64::NAN,
        false => LUMA.iter().zip(&channels).map(|(share, channel)| share * channel.values[at]).sum(),
    };
    (0..pixels.pixels_per_band()).map(of_pixel).collect()
}

/// One band of numbers; what is no finite number is masked, and 0.
fn of_numbers(pixels: &Pixels, mut numbers: Vec<f64>, store: impl FnOnce(Vec<f64>) -> Samples) -> Pixels {
    let mut mask = pixels.mask.clone();
    for (number, m) in numbers.iter_mut().zip(&mut mask) {
        if !number.is_finite() {
            (*number, *m) = (0.0, 0);
        }
    }
    Pixels::of_band(pixels.width_px, pixels.height_px, store(numbers), mask)
}

fn to_f32(numbers: Vec<f64>) -> Samples {
    Samples::F32(numbers.into_iter().map(|number| number as f32).collect())
}

pub(super) fn wrong_bands(algorithm: &str, needed: &str, found: u16) -> RasterError {
    let reason = format!("{algorithm} needs {needed} bands, and this has {found}");
    RasterError::BadParameter { name: "algorithm", reason }
}
