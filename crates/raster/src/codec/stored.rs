//! One block as it is stored: its shape, and its bytes as numbers of their type in native order.
//!
//! Every buffer is held against the limits before it is made. Caller: [`super::decode_rows`].

use std::borrow::Cow;

use bytemuck::Pod;

use super::{
    cmyk, complex, decompress, fax, lerc_blob,
    packed::{self, Masked},
    picture,
    predictor::{self, Difference},
    zstandard,
};
use crate::{
    Limits, RasterError, Result,
    block::{Block, Samples},
    header::{ComplexPart, Compression, Encoding, Header, Level, Predictor, SampleType},
};

/// Size of one block in pixels and samples.
#[derive(Clone, Copy)]
pub(super) struct Shape<'a> {
    pub(super) level: &'a Level,
    pub(super) width_px: u32,
    /// Rows to decode: all of them, or the first ones.
    pub(super) height_px: u32,
    samples_per_pixel: u16,
    whole_height_px: u32,
}

impl<'a> Shape<'a> {
    pub(super) fn of(level: Option<&'a Level>, index: u32, samples_per_pixel: u16) -> Result<Self> {
        let level = level.filter(|level| (index as usize) < level.blocks_in_plane());
        let level = level.ok_or_else(|| RasterError::Broken { reason: format!("there is no block {index}") })?;
        let height_px = level.block_rows(index);
        let width_px = level.block_width_px;
        Ok(Self { level, width_px, height_px, samples_per_pixel, whole_height_px: height_px })
    }

    /// The same of the first `rows_px` rows alone, and those that come along, where they can be had for less.
    pub(super) fn first(self, rows_px: u32, header: &Header) -> Self {
        let rows_px = rows_px.clamp(1, self.height_px);
        let height_px = match self.level.compression {
            Compression::Zstd if header.encoding == Encoding::Plain => {
                let row_bytes = self.row_samples() * u64::from(header.sample_type.size_bytes());
                let bytes = zstandard::part_with(u64::from(rows_px) * row_bytes);
                (bytes / row_bytes).min(self.height_px.into()) as u32
            }
            other if decompress::stops_when_full(other) => rows_px,
            _ => self.height_px,
        };
        Self { height_px, ..self }
    }

    fn row_samples(&self) -> u64 {
        u64::from(self.width_px) * u64::from(self.samples_per_pixel)
    }

    fn samples(&self) -> u64 {
        self.row_samples() * u64::from(self.height_px)
    }

    /// The same of all rows.
    fn whole_samples(&self) -> u64 {
        self.row_samples() * u64::from(self.whole_height_px)
    }

    /// The stored bytes with their bits in the usual order.
    pub(super) fn in_order<'b>(&self, compressed: &'b [u8]) -> Cow<'b, [u8]> {
        if self.level.reversed_bits { packed::reversed_bits(compressed).into() } else { compressed.into() }
    }

    pub(super) fn block(&self, samples: Option<Samples>) -> Block {
        let Self { width_px, height_px, samples_per_pixel, whole_height_px, .. } = *self;
        Block { width_px, height_px: whole_height_px, rows: 0..height_px, samples_per_pixel, samples }
    }
}

/// A block as it is stored, before it is known what its bytes are.
pub(super) struct Stored<'a> {
    pub(super) shape: Shape<'a>,
    pub(super) compressed: &'a [u8],
    pub(super) header: &'a Header,
    pub(super) limits: &'a Limits,
}

impl Stored<'_> {
    /// Samples of `parts` numbers each, whose differences are taken as unsigned numbers `D` of the same size.
    pub(super) fn integers<T: Pod, D: Pod + Difference>(&self, parts: usize) -> Result<Vec<T>> {
        let mut samples = self.decompress::<T>(parts)?;
        let Shape { level, width_px, samples_per_pixel, .. } = self.shape;
        if is_own_order(level.compression) {
            return Ok(samples);
        }
        let numbers: &mut [D] = bytemuck::cast_slice_mut(&mut samples);
        if self.header.big_endian != cfg!(target_endian = "big") {
            numbers.iter_mut().for_each(|number| *number = number.swap_bytes());
        }
        predictor::undo_horizontal(level.predictor, numbers, width_px as usize, usize::from(samples_per_pixel));
        Ok(samples)
    }

    /// Floats, whose own predictor leaves them in native order whatever the file's.
    pub(super) fn floats<T: Pod, D: Pod + Difference>(&self) -> Result<Vec<T>> {
        let Shape { level, width_px, samples_per_pixel, .. } = self.shape;
        if level.predictor != Predictor::FloatingPoint {
            return self.integers::<T, D>(1);
        }
        let mut samples = self.decompress::<T>(1)?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut samples);
        predictor::undo_floating_point(bytes, width_px as usize, usize::from(samples_per_pixel), size_of::<T>());
        Ok(samples)
    }

    /// Amplitudes of complex samples. Each is read as one number, in which differences are taken; which of its parts
    /// comes first in a big-endian file does not matter to an amplitude.
    pub(super) fn amplitudes(&self, part: ComplexPart) -> Result<Samples> {
        Ok(match part {
            ComplexPart::I16 => {
                Samples::F32(complex::amplitudes::<i16, _>(bytemuck::cast_slice(&self.whole::<u32>()?), |x| x as f32))
            }
            ComplexPart::I32 => {
                Samples::F64(complex::amplitudes::<i32, _>(bytemuck::cast_slice(&self.whole::<u64>()?), |x| x))
            }
            ComplexPart::F32 => {
                Samples::F32(complex::amplitudes::<f32, _>(bytemuck::cast_slice(&self.whole::<u64>()?), |x| x as f32))
            }
            ComplexPart::F64 => Samples::F64(complex::amplitudes(&self.integers::<f64, u64>(2)?, |x| x)),
        })
    }

    /// Samples as numbers of their size.
    fn whole<D: Pod + Difference>(&self) -> Result<Vec<D>> {
        self.integers::<D, D>(1)
    }

    /// Colours of pixels of `inks` samples.
    pub(super) fn opaque_colors(self, inks: u16) -> Result<Vec<u8>> {
        let shape = Shape { samples_per_pixel: inks, ..self.shape };
        Ok(cmyk::to_rgba(&Stored { shape, ..self }.integers::<u8, u8>(1)?, usize::from(inks)))
    }

    /// Numbers of `bits` bits. Differences of them are taken in as many bits.
    pub(super) fn packed(&self, bits: u8, sample_type: SampleType) -> Result<Samples> {
        let Shape { level, width_px, height_px, samples_per_pixel, .. } = self.shape;
        let (width, bands) = (width_px as usize, usize::from(samples_per_pixel));
        let row_bytes = packed::row_bytes(width * bands, bits) as u64;
        check_size(self.shape.samples() * u64::from(sample_type.size_bytes()), self.limits)?;
        let mut rows = vec![0; check_size(row_bytes * u64::from(height_px), self.limits)?];
        match level.compression {
            Compression::Group3 => fax::fill(fax::group3, self.compressed, width_px, &mut rows)?,
            Compression::Group4 => fax::fill(fax::group4, self.compressed, width_px, &mut rows)?,
            other => decompress::into(other, self.compressed, &mut rows)?,
        }
        let (samples, predictor) = (width * bands, level.predictor);
        Ok(match sample_type {
            SampleType::U8 => Samples::U8(unpacked::<u8>(&rows, samples, bands, bits, predictor)),
            SampleType::U16 => Samples::U16(unpacked::<u16>(&rows, samples, bands, bits, predictor)),
            _ => Samples::U32(unpacked::<u32>(&rows, samples, bands, bits, predictor)),
        })
    }

    /// The stored bytes in a buffer of their type.
    fn decompress<T: Pod>(&self, parts: usize) -> Result<Vec<T>> {
        let Shape { level, width_px, height_px, samples_per_pixel, .. } = self.shape;
        let samples = self.shape.samples() * parts as u64;
        check_size(samples * size_of::<T>() as u64, self.limits)?;
        if level.compression == Compression::Zstd && height_px < self.shape.whole_height_px {
            let whole = self.shape.whole_samples();
            check_size(whole * size_of::<T>() as u64, self.limits)?;
            return zstandard::first_numbers(self.compressed, samples as usize, whole as usize);
        }
        if !decompress::is_picture(level.compression) {
            return decompress::numbers(level.compression, self.compressed, samples as usize);
        }
        let mut buffer = vec![T::zeroed(); samples as usize];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut buffer);
        let (width, height, most_rows) = (width_px as usize, height_px as usize, level.block_height_px as usize);
        let samples = usize::from(samples_per_pixel);
        match level.compression {
            Compression::Jpeg => {
                let target = picture::Target { width_px: width, height_px: height, most_rows, samples, bytes };
                picture::jpeg(&level.jpeg_tables, self.compressed, level.ycbcr, target)?;
            }
            Compression::WebP => {
                let target = picture::Target { width_px: width, height_px: height, most_rows, samples, bytes };
                picture::webp(self.compressed, target)?;
            }
            Compression::Lerc(wrap) => {
                let sample_type = self.header.sample_type;
                let most_rows = level.block_height_px;
                let target =
                    lerc_blob::Target { sample_type, width_px, height_px, most_rows, samples_per_pixel, bytes };
                lerc_blob::into(wrap, self.compressed, target)?;
            }
            other => decompress::into(other, self.compressed, bytes)?,
        }
        Ok(buffer)
    }
}

/// Whether a compression leaves numbers in native order whatever the file's. LERC does not: `libtiff` gives it numbers
/// in the file's order as if they were native ones.
fn is_own_order(compression: Compression) -> bool {
    matches!(compression, Compression::Jpeg | Compression::WebP)
}

/// Packed rows as numbers.
fn unpacked<T: TryFrom<u32> + Difference + Masked>(
    rows: &[u8],
    samples: usize,
    bands: usize,
    bits: u8,
    predictor: Predictor,
) -> Vec<T> {
    let mut numbers = packed::unpack::<T>(rows, samples, bits);
    predictor::undo_horizontal(predictor, &mut numbers, samples / bands, bands);
    if predictor == Predictor::Horizontal {
        numbers.iter_mut().for_each(|number| *number = number.low_bits(bits));
    }
    numbers
}

/// `bytes` as a size to allocate, within the limits.
pub(super) fn check_size(bytes: u64, limits: &Limits) -> Result<usize> {
    let limit = limits.max_block_bytes;
    let fits = usize::try_from(bytes).ok().filter(|_| bytes <= limit);
    fits.ok_or(RasterError::TooLarge { what: "bytes of a block", value: bytes, limit })
}
