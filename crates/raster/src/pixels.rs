//! What a render yields: values in the file's own type, and which of them are valid.
//!
//! No colours here: [`crate::style`] makes those.

use crate::block::{Number, Samples};

/// Values `[band][row][col]` and a mask `[row][col]` of one view.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Number of bands; alpha is no band here but part of the mask.
    pub bands: u16,
    /// Values `[band][row][col]`, north up; where the mask is 0 they mean nothing.
    pub samples: Samples,
    /// 255 where every band is valid, else 0: outside the raster, nodata, masked or transparent.
    pub mask: Vec<u8>,
    /// Whether the mask is 255 throughout.
    pub all_valid: bool,
}

impl Pixels {
    /// Pixels of one band.
    pub fn pixels_per_band(&self) -> usize {
        self.width_px as usize * self.height_px as usize
    }

    /// Number of valid pixels.
    pub fn valid_px(&self) -> usize {
        if self.all_valid { self.pixels_per_band() } else { self.mask.iter().filter(|&&m| m != 0).count() }
    }

    /// Whether no pixel is valid: the view shows nothing of the raster.
    pub fn is_empty(&self) -> bool {
        !self.all_valid && self.mask.iter().all(|&m| m == 0)
    }

    /// One value as a number, or `None` where it is masked or there is no such pixel.
    pub fn value(&self, band: u16, row: u32, col: u32) -> Option<f64> {
        if band >= self.bands || row >= self.height_px || col >= self.width_px {
            return None;
        }
        let pixel = row as usize * self.width_px as usize + col as usize;
        let at = usize::from(band) * self.pixels_per_band() + pixel;
        (self.mask[pixel] != 0).then(|| with_samples!(&self.samples, values => values[at].number()))
    }

    /// Valid values of one band as numbers, row by row.
    pub fn valid_values(&self, band: u16) -> Vec<f64> {
        let start = usize::from(band) * self.pixels_per_band();
        let range = start..start + self.pixels_per_band();
        with_samples!(&self.samples, values => {
            let pairs = values[range].iter().zip(&self.mask);
            pairs.filter(|&(_, &m)| m != 0).map(|(&value, _)| value.number()).collect()
        })
    }
}

/// Runs one expression for whichever type the samples have: the one place where the ten types are spelt out.
macro_rules! with_samples {
    ($samples:expr, $values:ident => $body:expr) => {
        match $samples {
            $crate::block::Samples::U8($values) => $body,
            $crate::block::Samples::I8($values) => $body,
            $crate::block::Samples::U16($values) => $body,
            $crate::block::Samples::I16($values) => $body,
            $crate::block::Samples::U32($values) => $body,
            $crate::block::Samples::I32($values) => $body,
            $crate::block::Samples::U64($values) => $body,
            $crate::block::Samples::I64($values) => $body,
            $crate::block::Samples::F32($values) => $body,
            $crate::block::Samples::F64($values) => $body,
        }
    };
}
pub(crate) use with_samples;
