//! Decides which value of a raster means "no data".
//!
//! MBI scenes hold zeros round a rotated footprint and rarely say so; photographs and class maps hold zeros that are
//! data. The decision looks at the header, the raster's border and a few rows; it changes nothing. `prepare` calls it.

use std::str::FromStr;

use gdal::{
    Dataset,
    raster::{ColorInterpretation, GdalDataType, RasterBand},
};

use crate::{
    error::{Error, Result},
    gdal_env,
};

/// Rows sampled for the border's sides and for the number of values.
const SAMPLE_ROWS: usize = 64;
/// A zero border is a run of this part of the sampled border, so that single dark pixels do not make one.
const RUN_DIVISOR: usize = 64;
/// Fewer different values than this, zero aside, are classes and not amplitudes.
const MAX_CLASSES: usize = 16;

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NodataChoice {
    /// The declared value, else 0 where unsigned data has a zero border.
    Auto,
    /// None, whatever is declared.
    None,
    /// This value.
    Value(f64),
}

impl FromStr for NodataChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::None),
            number => number.parse().map(Self::Value).map_err(|_| format!("`{number}` is not auto, none or a number")),
        }
    }
}

/// The nodata value that `choice` comes to for `dataset`.
///
/// # Errors
/// [`Error::NodataOutOfRange`] if a value was asked for that the data cannot hold, [`Error::Broken`] if rows cannot be
/// read.
pub(crate) fn decide(dataset: &Dataset, choice: NodataChoice) -> Result<Option<f64>> {
    let band = first_band(dataset)?;
    match choice {
        NodataChoice::None => Ok(None),
        NodataChoice::Value(value) if fits(value, band.band_type()) => Ok(Some(value)),
        NodataChoice::Value(value) => Err(Error::NodataOutOfRange { value, dtype: band.band_type().name() }),
        NodataChoice::Auto => match declared(&band) {
            Some(value) => Ok(Some(value)),
            None if may_have_zero_border(dataset, &band) => Ok(has_zero_border(&band)?.then_some(0.0)),
            None => Ok(None),
        },
    }
}

fn first_band(dataset: &Dataset) -> Result<RasterBand<'_>> {
    dataset.rasterband(1).map_err(|error| Error::Broken { reason: gdal_env::reason(&error) })
}

/// The declared value, unless the data cannot hold it: then it marks nothing.
fn declared(band: &RasterBand<'_>) -> Option<f64> {
    band.no_data_value().filter(|value| fits(*value, band.band_type()))
}

/// Whether data of this type can hold `value`.
pub(crate) fn fits(value: f64, dtype: GdalDataType) -> bool {
    let within = |low: f64, high: f64| value.fract() == 0.0 && (low..=high).contains(&value);
    match dtype {
        GdalDataType::UInt8 => within(0.0, 255.0),
        GdalDataType::UInt16 => within(0.0, 65_535.0),
        GdalDataType::Int16 => within(-32_768.0, 32_767.0),
        GdalDataType::UInt32 => within(0.0, f64::from(u32::MAX)),
        GdalDataType::Int32 => within(f64::from(i32::MIN), f64::from(i32::MAX)),
        GdalDataType::Float32 | GdalDataType::Float64 => true,
        _ => value.fract() == 0.0,
    }
}

fn may_have_zero_border(dataset: &Dataset, band: &RasterBand<'_>) -> bool {
    let is_unsigned = matches!(band.band_type(), GdalDataType::UInt8 | GdalDataType::UInt16 | GdalDataType::UInt32);
    let is_gray =
        matches!(band.color_interpretation(), ColorInterpretation::GrayIndex | ColorInterpretation::Undefined);
    let has_own_mask = band.mask_flags().is_ok_and(|flags| !flags.is_all_valid());
    dataset.raster_count() == 1 && is_unsigned && is_gray && !has_own_mask
}

/// Whether zeros run along the border of data that has more than a few values.
fn has_zero_border(band: &RasterBand<'_>) -> Result<bool> {
    let (_, height) = band.size();
    let wanted = SAMPLE_ROWS.min(height);
    let mut sides: [Vec<bool>; 4] = Default::default();
    let mut values = std::collections::BTreeSet::new();
    for index in 0..wanted {
        let row = if wanted > 1 { index * (height - 1) / (wanted - 1) } else { 0 };
        let pixels = read_row(band, row)?;
        sides[0].push(pixels[0] == 0.0);
        sides[1].push(pixels[pixels.len() - 1] == 0.0);
        if row == 0 {
            sides[2] = pixels.iter().map(|value| *value == 0.0).collect();
        }
        if row == height - 1 {
            sides[3] = pixels.iter().map(|value| *value == 0.0).collect();
        }
        let others = pixels.iter().filter(|value| **value != 0.0).map(|value| value.to_bits());
        values.extend(others.take(if values.len() > MAX_CLASSES { 0 } else { usize::MAX }));
    }
    Ok(values.len() > MAX_CLASSES && sides.iter().any(|side| longest_run(side) > side.len() / RUN_DIVISOR + 1))
}

fn read_row(band: &RasterBand<'_>, row: usize) -> Result<Vec<f64>> {
    let width = band.x_size();
    gdal_env::forget();
    let buffer = band.read_as::<f64>((0, row as isize), (width, 1), (width, 1), None);
    buffer.map(|buffer| buffer.data().to_vec()).map_err(|error| Error::Broken { reason: gdal_env::reason(&error) })
}

fn longest_run(side: &[bool]) -> usize {
    side.split(|zero| !zero).map(<[bool]>::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_as_written() {
        assert_eq!("auto".parse(), Ok(NodataChoice::Auto));
        assert_eq!("none".parse(), Ok(NodataChoice::None));
        assert_eq!("-99".parse(), Ok(NodataChoice::Value(-99.0)));
        assert!(
            "nan".parse::<NodataChoice>().is_ok_and(|choice| matches!(choice, NodataChoice::Value(v) if v.is_nan()))
        );
        assert!("zero".parse::<NodataChoice>().is_err());
    }

    #[test]
    fn a_value_fits_or_not() {
        assert!(fits(0.0, GdalDataType::UInt8) && !fits(-9999.0, GdalDataType::UInt16));
        assert!(fits(f64::NAN, GdalDataType::Float32) && !fits(f64::NAN, GdalDataType::Int16));
    }

    #[test]
    fn runs_are_counted_not_zeros() {
        assert_eq!(longest_run(&[true, false, true, true, false]), 2);
        assert_eq!(longest_run(&[]), 0);
    }
}
