//! Values made of values: the file's scale and offset, arithmetic between bands, algorithms.
//!
//! It reads no file and knows no colours. Masked pixels stay masked and have no part in the values of others; what is
//! no number becomes masked. Callers: the server, between paint and style or statistics.

mod algorithm;
mod bands;
mod decibels;
mod expression;
mod grid;
mod parameters;
mod speckle;
mod terrain;

use crate::{
    Result,
    block::Samples,
    header::{Encoding, Header, SampleType},
    pixels::{Margins, Pixels},
};

pub use algorithm::{Algorithm, algorithms};
pub use expression::Expression;

/// What is done to values, in this order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Process {
    /// Applies the scale and offset that the file declares.
    pub unscale: bool,
    /// Makes bands of bands.
    pub expression: Option<Expression>,
    /// Makes other values of values.
    pub algorithm: Option<Algorithm>,
}

/// What the pixels are of, as far as a process needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Factor and offset of each band.
    pub scalings: Vec<(f64, f64)>,
    /// Width and height of a pixel in units of the view's coordinate reference system.
    pub pixel: (f64, f64),
    /// Whether the file's own numbers are amplitudes, be they unscaled since or not: whole or complex ones.
    pub has_amplitudes: bool,
}

impl Setting {
    /// For these bands of a file, counted from 1; all but alpha when absent.
    pub fn of(header: &Header, bands: Option<&[u16]>, pixel: (f64, f64)) -> Self {
        let bands = bands.map_or_else(|| header.value_bands(), <[u16]>::to_vec);
        let info = |band: u16| header.band_info.get(usize::from(band.saturating_sub(1)));
        let scaling =
            |band| info(band).map_or((1.0, 0.0), |info| (info.scale.unwrap_or(1.0), info.offset.unwrap_or(0.0)));
        let is_float = matches!(header.sample_type, SampleType::F32 | SampleType::F64);
        let has_amplitudes = !is_float || matches!(header.encoding, Encoding::Complex(_));
        Self { scalings: bands.into_iter().map(scaling).collect(), pixel, has_amplitudes }
    }
}

impl Process {
    /// Whether nothing is done.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// The bands that must be read for it, counted from 1, if it says so.
    pub fn bands(&self) -> Option<Vec<u16>> {
        self.expression.as_ref().map(|expression| expression.bands().to_vec())
    }

    /// Pixels round the view that it needs to see and cuts off again.
    pub fn buffer_px(&self) -> u32 {
        self.algorithm.as_ref().map_or(0, Algorithm::buffer_px)
    }

    /// Whether its values are 8-bit ones, to be shown as they are, when those of the file are or are not.
    pub fn makes_bytes(&self, file_has_bytes: bool) -> bool {
        match &self.algorithm {
            Some(algorithm) => {
                algorithm.makes_bytes().unwrap_or(file_has_bytes && !self.unscale && self.expression.is_none())
            }
            None => file_has_bytes && !self.unscale && self.expression.is_none(),
        }
    }

    /// Bytes it holds for each pixel of the view beside the values: what its callers must have room for.
    pub fn bytes_per_px(&self) -> u64 {
        if self.is_nothing() { 0 } else { 8 * (6 + self.expression.as_ref().map_or(0, |all| all.outputs() as u64)) }
    }

    /// Rows above and below a pixel that its value goes by: what strips of a picture must see of each other.
    pub fn reach_px(&self) -> u32 {
        self.algorithm.as_ref().map_or(0, Algorithm::reach_px)
    }

    /// Does it. The buffer is cut off the result.
    ///
    /// # Errors
    /// `BadParameter` when an algorithm does not fit the number of bands or the values.
    pub fn apply(&self, pixels: Pixels, setting: &Setting) -> Result<Pixels> {
        self.apply_within(pixels, setting, Margins::even(self.buffer_px()))
    }

    /// Does it, and cuts these margins off the result.
    ///
    /// # Errors
    /// As [`Process::apply`].
    pub fn apply_within(&self, mut pixels: Pixels, setting: &Setting, margins: Margins) -> Result<Pixels> {
        if self.unscale {
            pixels = unscaled(&pixels, &setting.scalings);
        }
        if let Some(expression) = &self.expression {
            pixels = expression.apply(&pixels);
        }
        if let Some(algorithm) = &self.algorithm {
            pixels = algorithm.apply(&pixels, setting)?;
        }
        Ok(pixels.without_margins(margins))
    }
}

/// Values times their factor plus their offset, as 32-bit floats: what rio-tiler makes of them.
fn unscaled(pixels: &Pixels, scalings: &[(f64, f64)]) -> Pixels {
    let mut values = Vec::with_capacity(pixels.samples.len());
    let mut any_valid = vec![0; pixels.mask.len()];
    for band in 0..pixels.bands {
        let (scale, offset) = scalings.get(usize::from(band)).copied().unwrap_or((1.0, 0.0));
        let mask = pixels.band_mask(band);
        let numbers = pixels.numbers(band);
        values.extend(
            numbers
                .iter()
                .zip(mask.iter())
                .map(|(&value, &m)| if m == 0 { f32::NAN } else { (value as f32) * (scale as f32) + (offset as f32) }),
        );
        any_valid.iter_mut().zip(mask.iter()).for_each(|(any, &m)| *any |= m);
    }
    Pixels {
        bands: pixels.bands,
        ..Pixels::of_band(pixels.width_px, pixels.height_px, Samples::F32(values), any_valid)
    }
}

#[cfg(test)]
mod tests;
