//! Decibels of radar values.

use super::grid::Grid;
use crate::{block::Samples, pixels::Pixels};

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Amplitudes where the file has whole or complex numbers, as in detected and in single-look radar products; else
    /// powers, as after calibration.
    ByFile,
    /// 20·log₁₀.
    Amplitude,
    /// 10·log₁₀.
    Power,
}

impl Quantity {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "amplitude" => Self::Amplitude,
            "power" => Self::Power,
            _ => Self::ByFile,
        }
    }

    /// Decibels a tenfold value.
    fn factor(self, file_has_amplitudes: bool) -> f64 {
        match self {
            Self::Power => 10.0,
            Self::ByFile if !file_has_amplitudes => 10.0,
            Self::Amplitude | Self::ByFile => 20.0,
        }
    }
}

/// Every band in decibels, as 32-bit floats; what is not above 0 has none and is masked.
pub(super) fn decibels(pixels: &Pixels, quantity: Quantity, file_has_amplitudes: bool) -> Pixels {
    let factor = quantity.factor(file_has_amplitudes);
    let mut values = Vec::with_capacity(pixels.samples.len());
    let mut mask = vec![0; pixels.mask.len()];
    for band in 0..pixels.bands {
        let grid = Grid::of(pixels, band);
        let decibel =
            |(&value, &m): (&f64, &u8)| if m != 0 && value > 0.0 { (factor * value.log10()) as f32 } else { f32::NAN };
        values.extend(grid.values.iter().zip(&grid.mask).map(decibel));
        let band_values = values[values.len() - mask.len()..].iter();
        mask.iter_mut().zip(band_values).for_each(|(m, value)| *m = if value.is_finite() { 255 } else { *m });
    }
    Pixels { bands: pixels.bands, ..Pixels::of_band(pixels.width_px, pixels.height_px, Samples::F32(values), mask) }
}
