//! What the numbers of a raster mean: radar amplitude, power, decibels, or nothing a radar detector should look at.
//!
//! It judges by header and by a sample of rows and changes nothing. `run` calls it before the survey.

use std::collections::BTreeSet;

use gdal::raster::{ColorInterpretation, GdalDataType, RasterBand};

use crate::{
    error::{Error, Result},
    gdal_env,
    grid::quantile,
    prepare::Prepared,
};

/// Rows sampled.
const SAMPLE_ROWS: usize = 32;
/// No more different values than this are classes.
const MAX_CLASSES: usize = 16;
/// Decibels of a calibrated radar image lie within these bounds.
const DECIBEL_RANGE: std::ops::RangeInclusive<f32> = -80.0..=60.0;
/// Data with at least this part below zero is not amplitude.
const NEGATIVE_PART: f64 = 0.05;
/// Calibrated backscatter (σ⁰, γ⁰) of sea and land has a median below this; digital numbers have not.
const MAX_POWER_MEDIAN: f32 = 2.0;

/// How values turn into intensity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Radiometry {
    /// Intensity is the square of the value.
    Amplitude,
    /// The value is the intensity.
    Power,
    /// Intensity is `10^(value / 10)`.
    Decibel,
}

impl Radiometry {
    /// The intensity of a value, in the value's own linear units.
    pub(crate) fn intensity(self, value: f32) -> f32 {
        match self {
            Self::Amplitude => value * value,
            Self::Power => value.max(0.0),
            Self::Decibel => 10.0_f32.powf(value / 10.0),
        }
    }
}

/// Judges the first band: its radiometry, or in the inner `Err` why no detector should look at it.
///
/// # Errors
/// [`Error::Broken`] if rows cannot be read.
pub(crate) fn judge(prepared: &Prepared) -> Result<std::result::Result<Radiometry, String>> {
    let band = prepared.dataset().rasterband(1).map_err(broken)?;
    match band.color_interpretation() {
        ColorInterpretation::PaletteIndex => return Ok(Err("a colour-mapped raster, not radar amplitude".into())),
        ColorInterpretation::GrayIndex | ColorInterpretation::Undefined => {}
        _ => return Ok(Err("a colour image, not radar amplitude".into())),
    }
    let mut values = sample(&band, prepared.nodata)?;
    Ok(judge_values(&mut values, is_integer(band.band_type())))
}

fn is_integer(dtype: GdalDataType) -> bool {
    !matches!(dtype, GdalDataType::Float32 | GdalDataType::Float64)
}

fn broken(error: gdal::errors::GdalError) -> Error {
    Error::Broken { reason: gdal_env::reason(&error) }
}

fn sample(band: &RasterBand<'_>, nodata: Option<f64>) -> Result<Vec<f32>> {
    let (width, height) = band.size();
    let wanted = SAMPLE_ROWS.min(height);
    let nodata = nodata.map(|value| value as f32);
    let mut values = Vec::new();
    gdal_env::forget();
    for index in 0..wanted {
        let row = (2 * index + 1) * height / (2 * wanted);
        let pixels = band.read_as::<f32>((0, row as isize), (width, 1), (width, 1), None).map_err(broken)?;
        values.extend(pixels.data().iter().filter(|value| value.is_finite() && Some(**value) != nodata));
    }
    Ok(values)
}

fn judge_values(values: &mut [f32], is_integer: bool) -> std::result::Result<Radiometry, String> {
    let Some(median) = quantile(values, 0.5) else { return Err("no valid pixels in the rows sampled".into()) };
    let distinct: BTreeSet<u32> = values.iter().map(|value| value.to_bits()).take(1 << 20).collect();
    if distinct.len() <= MAX_CLASSES {
        return Err(format!("{} different values: classes, not radar amplitude", distinct.len()));
    }
    let negative_part = values.iter().filter(|value| **value < 0.0).count() as f64 / values.len() as f64;
    let is_within_decibels = values.iter().all(|value| DECIBEL_RANGE.contains(value));
    if negative_part < NEGATIVE_PART {
        Ok(if !is_integer && median < MAX_POWER_MEDIAN { Radiometry::Power } else { Radiometry::Amplitude })
    } else if !is_integer && is_within_decibels {
        Ok(Radiometry::Decibel)
    } else {
        Err("negative values that are no decibels: not radar amplitude".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: f32, to: f32) -> Vec<f32> {
        (0..1000).map(|i| from + (to - from) * i as f32 / 1000.0).collect()
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(judge_values(&mut ramp(1.0, 3000.0), true), Ok(Radiometry::Amplitude));
        assert_eq!(judge_values(&mut ramp(0.0, 0.3), false), Ok(Radiometry::Power));
        assert_eq!(judge_values(&mut ramp(-28.0, 3.0), false), Ok(Radiometry::Decibel));
        assert!(judge_values(&mut ramp(-400.0, 3000.0), true).is_err());
        assert!(judge_values(&mut [1.0, 2.0, 3.0, 3.0], true).is_err());
        assert!(judge_values(&mut [], true).is_err());
    }

    #[test]
    fn intensity_follows_the_kind() {
        assert_eq!(Radiometry::Amplitude.intensity(-3.0), 9.0);
        assert!((Radiometry::Decibel.intensity(-10.0) - 0.1).abs() < 1e-6);
    }
}
