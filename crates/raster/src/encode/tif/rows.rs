//! The rows of a GeoTIFF, written as they come.

use super::{Placement, image_tags, mask_tags, writer::Writer};
use crate::{
    Result,
    block::Samples,
    pixels::{Pixels, with_samples},
};

/// Rows of a strip of the file, or a multiple of them by a power of two in files of narrow rows.
const ROWS_PER_STRIP: u32 = 16;

/// Rows of fewer pixels are narrow.
const NARROW_PX: u32 = 1024;

/// What a file of values is like.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    pub(super) bands: u16,
    /// Bits a sample, and TIFF's number for what they are.
    pub(super) kind: (u16, u16),
    pub(super) nodata: Option<f64>,
}

/// A file of `height_px` rows, written strip by strip: it holds no values but compressed ones.
#[derive(Debug)]
pub struct TifRows {
    writer: Writer,
    shape: Shape,
    /// Offset and size of the strips of each band.
    strips: Vec<Vec<(u32, u32)>>,
    /// What a mask's sample is where it is valid.
    valid: Vec<u8>,
}

/// Rows that a file's strips have where its rows have so many pixels: what is put into it must begin with one.
pub fn tif_rows_per_strip(width_px: u32) -> u32 {
    ROWS_PER_STRIP * (NARROW_PX / width_px.clamp(1, NARROW_PX)).next_power_of_two()
}

pub(in super::super) fn encode(pixels: &Pixels, placement: Option<&Placement>, with_mask: bool) -> Result<Vec<u8>> {
    let mut rows = TifRows::new(pixels, pixels.height_px);
    rows.put(pixels)?;
    rows.finish(with_mask.then_some(&pixels.mask), placement)
}

impl TifRows {
    /// A file for strips like `strip`.
    pub fn new(strip: &Pixels, height_px: u32) -> Self {
        let kind = sample_kind(&strip.samples);
        let shape = Shape { width_px: strip.width_px, height_px, bands: strip.bands, kind, nodata: strip.nodata };
        let strips = vec![Vec::new(); strip.bands.into()];
        Self { writer: Writer::new(), shape, strips, valid: valid(&strip.samples) }
    }

    /// Puts the next rows in their place. All but the last ones are a multiple of [`tif_rows_per_strip`].
    ///
    /// # Errors
    /// `Encode` when the compressor fails.
    pub fn put(&mut self, strip: &Pixels) -> Result<()> {
        let (count, chunk) = (strip.pixels_per_band(), self.chunk_px());
        for first in (0..count).step_by(chunk) {
            for (band, strips) in self.strips.iter_mut().enumerate() {
                let part = band * count + first..band * count + (first + chunk).min(count);
                let bytes: Vec<u8> = with_samples!(&strip.samples, values => {
                    values[part].iter().flat_map(|value| value.to_le_bytes()).collect()
                });
                strips.push(self.writer.strip(&bytes)?);
            }
        }
        Ok(())
    }

    /// The file; `mask` is that of all rows, if the file is to have one.
    ///
    /// # Errors
    /// `Encode` when the compressor fails.
    pub fn finish(mut self, mask: Option<&Vec<u8>>, placement: Option<&Placement>) -> Result<Vec<u8>> {
        let (mut strips, chunk) = (std::mem::take(&mut self.strips).concat(), self.chunk_px());
        for part in mask.iter().flat_map(|mask| mask.chunks(chunk)) {
            let masked = vec![0; self.valid.len()];
            let bytes: Vec<u8> =
                part.iter().flat_map(|&m| if m == 0 { &masked } else { &self.valid }).copied().collect();
            strips.push(self.writer.strip(&bytes)?);
        }
        self.writer.directory(&image_tags(&self.shape, placement, mask.is_some(), &strips));
        let hides = |mask: &&Vec<u8>| mask.iter().any(|&m| m != u8::MAX);
        if let Some(mask) = mask.filter(hides).filter(|_| !self.shape.has_known_alpha()) {
            let strip = self.writer.strip(&mask_bits(mask, self.shape.width_px))?;
            self.writer.directory(&mask_tags(&self.shape, strip));
        }
        Ok(self.writer.finish())
    }

    /// Pixels of one strip of the file.
    fn chunk_px(&self) -> usize {
        (self.shape.width_px as usize * self.shape.rows_per_strip() as usize).max(1)
    }
}

impl Shape {
    /// Whether GDAL takes a last band beside these for a mask.
    pub(super) fn has_known_alpha(&self) -> bool {
        matches!(self.kind, (8 | 16, UNSIGNED)) && matches!(self.bands, 1 | 3)
    }

    pub(super) fn rows_per_strip(&self) -> u32 {
        tif_rows_per_strip(self.width_px).min(self.height_px.max(1))
    }
}

/// TIFF's number for unsigned whole numbers.
const UNSIGNED: u16 = 1;

/// The mask's sample where it is valid: for integers the greatest value of the type, and 255 for the others.
fn valid(like: &Samples) -> Vec<u8> {
    match like {
        Samples::U8(_) => u8::MAX.to_le_bytes().to_vec(),
        Samples::I8(_) => i8::MAX.to_le_bytes().to_vec(),
        Samples::U16(_) => u16::MAX.to_le_bytes().to_vec(),
        Samples::I16(_) => i16::MAX.to_le_bytes().to_vec(),
        Samples::U32(_) => u32::MAX.to_le_bytes().to_vec(),
        Samples::I32(_) => i32::MAX.to_le_bytes().to_vec(),
        Samples::U64(_) => u64::MAX.to_le_bytes().to_vec(),
        Samples::I64(_) => i64::MAX.to_le_bytes().to_vec(),
        Samples::F32(_) => 255_f32.to_le_bytes().to_vec(),
        Samples::F64(_) => 255_f64.to_le_bytes().to_vec(),
    }
}

/// The mask as one bit a pixel, rows on whole bytes, the first pixel in the highest bit.
fn mask_bits(mask: &[u8], width_px: u32) -> Vec<u8> {
    let byte = |eight: &[u8]| eight.iter().enumerate().fold(0, |byte, (at, &m)| byte | (u8::from(m != 0) << (7 - at)));
    mask.chunks(width_px.max(1) as usize).flat_map(|row| row.chunks(8).map(byte)).collect()
}

/// Bits a sample, and TIFF's number for what they are: 1 unsigned, 2 signed, 3 floating point.
fn sample_kind(samples: &Samples) -> (u16, u16) {
    match samples {
        Samples::U8(_) => (8, 1),
        Samples::I8(_) => (8, 2),
        Samples::U16(_) => (16, 1),
        Samples::I16(_) => (16, 2),
        Samples::U32(_) => (32, 1),
        Samples::I32(_) => (32, 2),
        Samples::U64(_) => (64, 1),
        Samples::I64(_) => (64, 2),
        Samples::F32(_) => (32, 3),
        Samples::F64(_) => (64, 3),
    }
}

#[cfg(test)]
mod tests {
    use super::{TifRows, encode, tif_rows_per_strip};
    use crate::{
        block::Samples,
        encode::NpyRows,
        pixels::{Margins, Pixels},
    };

    /// A file does not show in which pieces its rows came.
    #[test]
    fn rows_may_come_in_any_pieces() {
        let (width_px, height_px) = (500, 150);
        let count = (width_px * height_px) as usize;
        let values = (0..3 * count).map(|at| (at * 7919 % 10_007) as f32).collect();
        let mask = (0..count).map(|at| if at % 11 == 0 { 0 } else { 255 }).collect();
        let whole = Pixels { bands: 3, ..Pixels::of_band(width_px, height_px, Samples::F32(values), mask) };
        let rows = tif_rows_per_strip(width_px);
        assert!(rows < 100 && tif_rows_per_strip(256) == 64 && tif_rows_per_strip(4096) == 16);
        for step in [rows, 3 * rows, height_px] {
            let (mut tif, mut npy) = (TifRows::new(&whole, height_px), NpyRows::new(&whole, height_px, true));
            for first in (0..height_px).step_by(step as usize) {
                let below_px = height_px.saturating_sub(first + step);
                let part = whole.clone().without_margins(Margins { above_px: first, below_px, beside_px: 0 });
                tif.put(&part).expect("written");
                npy.put(&part, first);
            }
            assert!(tif.finish(Some(&whole.mask), None).expect("written") == encode(&whole, None, true).expect("one"));
            assert!(npy.finish(&whole.mask) == crate::encode::npy(&whole));
        }
    }
}
