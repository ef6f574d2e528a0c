//! Arithmetic between bands, as TiTiler's `expression`: `(b1-b2)/(b1+b2);b1`.
//!
//! The language is what rio-tiler lets through to numexpr: Python's operators with their precedence, numbers, bands
//! `b1`, `b2` …, and functions. Everything is bounded when it is read, so evaluating it costs a known time a pixel.

mod evaluate;
mod node;
mod parse;

use node::{Kind, Node};

use crate::{block::Samples, pixels::Pixels};

/// Longest text of an expression in bytes.
const MAX_BYTES: usize = 2048;

/// Most bands an expression makes.
const MAX_OUTPUTS: usize = 16;

/// Most bands an expression uses.
const MAX_INPUTS: usize = 16;

/// Bands made of bands.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    /// The text of each band made.
    texts: Vec<String>,
    outputs: Vec<Node>,
    /// Bands used, counted from 1, ascending.
    bands: Vec<u16>,
}

impl Expression {
    /// Reads an expression; `;` separates the bands it makes.
    ///
    /// # Errors
    /// What cannot be understood or is too much, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("is longer than {MAX_BYTES} bytes"));
        }
        let texts: Vec<String> = text
            .to_ascii_lowercase()
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        if texts.is_empty() || texts.len() > MAX_OUTPUTS {
            return Err(format!("makes {} bands, and must make 1 to {MAX_OUTPUTS}", texts.len()));
        }
        let outputs: Vec<Node> = texts.iter().map(|part| parse::parse(part)).collect::<Result<_, _>>()?;
        let mut bands = Vec::new();
        outputs.iter().for_each(|node| node.list_bands(&mut bands));
        bands.sort_unstable();
        bands.dedup();
        if bands.is_empty() || bands.len() > MAX_INPUTS {
            return Err(format!("uses {} bands, and must use 1 to {MAX_INPUTS}", bands.len()));
        }
        Ok(Self { texts, outputs, bands })
    }

    /// Bands used, counted from 1, ascending: those to be read for it.
    pub fn bands(&self) -> &[u16] {
        &self.bands
    }

    /// How many bands it makes.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// The text of each band it makes, in lower case.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The bands made of `pixels`, which must be those of [`Expression::bands`] in that order. A pixel is masked where
    /// any band used is, and where any result is no finite number.
    pub(super) fn apply(&self, pixels: &Pixels) -> Pixels {
        let mut mask = vec![255; pixels.pixels_per_band()];
        for band in 0..pixels.bands {
            mask.iter_mut().zip(pixels.band_mask(band).iter()).for_each(|(all, &m)| *all &= m);
        }
        let own = Kind::of_samples(&pixels.samples);
        let mut results = Vec::with_capacity(self.outputs.len() * mask.len());
        for output in &self.outputs {
            let start = results.len();
            evaluate::append(output, &self.bands, pixels, &mut results);
            let numbers = results[start..].iter();
            mask.iter_mut().zip(numbers).for_each(|(m, number)| *m = if number.is_finite() { *m } else { 0 });
        }
        let kind = self.outputs.iter().map(|output| output.kind(own)).max().unwrap_or(own);
        let bands = self.outputs.len() as u16;
        Pixels { bands, ..Pixels::of_band(pixels.width_px, pixels.height_px, stored(results, kind), mask) }
    }
}

/// Numbers in the type that numexpr would give them.
fn stored(numbers: Vec<f64>, kind: Kind) -> Samples {
    match kind {
        Kind::Truth => Samples::U8(numbers.into_iter().map(|number| number as u8).collect()),
        Kind::Int => Samples::I32(numbers.into_iter().map(|number| number as i32).collect()),
        Kind::Float => Samples::F32(numbers.into_iter().map(|number| number as f32).collect()),
        Kind::Long => Samples::I64(numbers.into_iter().map(|number| number as i64).collect()),
        Kind::Double => Samples::F64(numbers),
    }
}

#[cfg(test)]
mod tests;
