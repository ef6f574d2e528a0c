//! What a render yields: values in the file's own type, and which of them are valid.
//!
//! No colours here: [`crate::style`] makes those.

mod gathered;

use std::borrow::Cow;

use crate::block::{Number, Samples};

pub use gathered::Gathered;

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
    /// 0 outside the raster and where nodata, a mask or alpha hides all bands; else above it: 255, or how opaque alpha
    /// says that the pixel is.
    pub mask: Vec<u8>,
    /// Whether the mask is 255 throughout.
    pub all_valid: bool,
    /// A value that means "no data" in one band even where others are valid; not a number always means that.
    pub nodata: Option<f64>,
}

/// Pixels round a picture, on each side of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Margins {
    /// Rows above.
    pub above_px: u32,
    /// Rows below.
    pub below_px: u32,
    /// Columns on the left, and as many on the right.
    pub beside_px: u32,
}

impl Margins {
    /// As many on every side.
    pub fn even(px: u32) -> Self {
        Self { above_px: px, below_px: px, beside_px: px }
    }

    /// Columns and rows in all.
    fn sum_px(self) -> (u32, u32) {
        (2 * self.beside_px, self.above_px + self.below_px)
    }

    /// Width and height of a picture of that size with them.
    pub fn around(self, (width_px, height_px): (u32, u32)) -> (u32, u32) {
        let (across, down) = self.sum_px();
        (width_px + across, height_px + down)
    }
}

impl Pixels {
    /// Pixels of one band, of `width_px` × `height_px` values and as many of the mask.
    pub fn of_band(width_px: u32, height_px: u32, samples: Samples, mask: Vec<u8>) -> Self {
        let all_valid = mask.iter().all(|&m| m == u8::MAX);
        Self { width_px, height_px, bands: 1, samples, mask, all_valid, nodata: None }
    }

    /// The same with so many masked pixels more on each side.
    #[must_use]
    pub fn with_margins(self, margins: Margins) -> Self {
        if margins == Margins::default() {
            return self;
        }
        let (width, height) = (self.width_px as usize, self.height_px as usize);
        let (width_px, height_px) = margins.around((self.width_px, self.height_px));
        let place = |row: usize| (row + margins.above_px as usize) * width_px as usize + margins.beside_px as usize;
        let count = width_px as usize * height_px as usize;
        let mut mask = vec![0; count];
        (0..height).for_each(|row| mask[place(row)..][..width].copy_from_slice(&self.mask[row * width..][..width]));
        let samples = with_samples!(&self.samples, values => {
            let mut wider = vec![Default::default(); count * usize::from(self.bands)];
            let bands = values.chunks_exact(self.pixels_per_band()).zip(wider.chunks_exact_mut(count));
            for (band, wider) in bands {
                let lines = band.chunks_exact(width).enumerate();
                lines.for_each(|(row, line)| wider[place(row)..][..width].copy_from_slice(line));
            }
            Samples::from(wider)
        });
        Self { width_px, height_px, samples, mask, all_valid: false, ..self }
    }

    /// The same without so many pixels on each side; all of them where nothing would be left.
    #[must_use]
    pub fn without_margins(self, margins: Margins) -> Self {
        let (across, down) = margins.sum_px();
        if margins == Margins::default() || self.width_px <= across || self.height_px <= down {
            return self;
        }
        let (width_px, height_px) = (self.width_px - across, self.height_px - down);
        let (above, beside) = (margins.above_px as usize, margins.beside_px as usize);
        let lines = |plane: usize| {
            let start = plane * self.pixels_per_band();
            (above..above + height_px as usize).map(move |row| {
                let at = start + row * self.width_px as usize + beside;
                at..at + width_px as usize
            })
        };
        let planes = || (0..usize::from(self.bands)).flat_map(lines);
        let samples: Samples = with_samples!(&self.samples, values => {
            let mut kept = Vec::with_capacity(usize::from(self.bands) * width_px as usize * height_px as usize);
            planes().for_each(|line| kept.extend_from_slice(&values[line]));
            kept.into()
        });
        let mask = lines(0).flat_map(|line| self.mask[line].iter().copied()).collect();
        Self { bands: self.bands, nodata: self.nodata, ..Self::of_band(width_px, height_px, samples, mask) }
    }

    /// Whether a value is one, where `mask` says that some band is valid.
    fn counts(&self, value: f64) -> bool {
        !value.is_nan() && self.nodata.is_none_or(|nodata| value != self.as_stored(nodata))
    }

    /// A declared value at the precision of the samples.
    fn as_stored(&self, value: f64) -> f64 {
        if matches!(self.samples, Samples::F32(_)) { f64::from(value as f32) } else { value }
    }

    /// The mask of one band, counted from 0: 0 where it is not valid, else what the mask of all bands says.
    pub fn band_mask(&self, band: u16) -> Cow<'_, [u8]> {
        if self.bands == 1 {
            return Cow::Borrowed(&self.mask);
        }
        let start = usize::from(band) * self.pixels_per_band();
        let range = start..start + self.pixels_per_band();
        let valid = |(value, &m): (f64, &u8)| if self.counts(value) { m } else { 0 };
        with_samples!(&self.samples, values => {
            values[range].iter().map(|&value| value.number()).zip(&self.mask).map(valid).collect()
        })
    }

    /// One band, counted from 0, as numbers, row by row, masked ones among them.
    pub fn numbers(&self, band: u16) -> Vec<f64> {
        let start = usize::from(band) * self.pixels_per_band();
        let range = start..start + self.pixels_per_band();
        with_samples!(&self.samples, values => values[range].iter().map(|&value| value.number()).collect())
    }

    /// The first band alone.
    #[must_use]
    pub fn first_band(&self) -> Self {
        let end = self.pixels_per_band();
        let samples: Samples = with_samples!(&self.samples, values => values[..end].to_vec().into());
        let band = Self::of_band(self.width_px, self.height_px, samples, self.band_mask(0).into_owned());
        Self { nodata: self.nodata, ..band }
    }

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
        let value = with_samples!(&self.samples, values => values[at].number());
        (self.mask[pixel] != 0 && (self.bands == 1 || self.counts(value))).then_some(value)
    }

    /// Valid values of one band as numbers, row by row.
    pub fn valid_values(&self, band: u16) -> Vec<f64> {
        let start = usize::from(band) * self.pixels_per_band();
        let range = start..start + self.pixels_per_band();
        let mask = self.band_mask(band);
        with_samples!(&self.samples, values => {
            let pairs = values[range].iter().zip(mask.iter());
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

macro_rules! samples_of {
    ($($type:ty => $variant:ident),*) => {$(
        impl From<Vec<$type>> for Samples {
            fn from(values: Vec<$type>) -> Self {
                Self::$variant(values)
            }
        }
    )*};
}

samples_of!(u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64, f32 => F32, f64 => F64);
