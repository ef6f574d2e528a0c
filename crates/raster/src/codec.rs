//! From a block's compressed bytes to its samples: decompress, undo the predictor, put into native byte order.
//!
//! The decoded size is computed from the header and held against the limits before anything is allocated, and no
//! decompressor may write past it, so that a bomb costs no more than an honest block. It fetches nothing and keeps
//! nothing but small decompressor states, one a thread. Callers: the cache and the warp in [`crate::render`].

use std::borrow::Cow;

use bytemuck::Pod;

use crate::{
    Limits, RasterError, Result,
    block::{Block, BlockId, Samples},
    header::{ComplexPart, Compression, Encoding, Header, Level, Planar, Predictor, SampleType},
};

mod cmyk;
mod complex;
mod decompress;
mod deflate;
mod fax;
mod half;
mod jpeg;
mod lerc_blob;
mod packbits;
mod packed;
mod picture;
mod predictor;
mod prefix;
mod vp8l;
mod zstandard;

pub(crate) use fax::line_room_bytes as fax_room_bytes;
pub(crate) use jpeg::padding_bytes as jpeg_padding_bytes;
pub(crate) use lerc_blob::ROOM_BYTES as LERC_ROOM_BYTES;
pub(crate) use picture::WEBP_TABLE_ROOM_BYTES;

use packed::Masked;
use predictor::Difference;

/// Decodes block `id` of `header`; empty `compressed` bytes are a sparse block.
///
/// # Errors
/// `Broken` when the bytes do not decode to a whole block or there is no such block, `TooLarge` beyond the limits.
pub fn decode_block(header: &Header, id: BlockId, compressed: &[u8], limits: &Limits) -> Result<Block> {
    decode_rows(header, id, compressed, limits, u32::MAX)
}

/// Decodes no more than the first `rows_px` rows of a block whose compression goes row by row, and all of others. What lies
/// behind these rows is not looked at, the stream's checksum among it.
///
/// # Errors
/// As [`decode_block`].
pub(crate) fn decode_rows(
    header: &Header,
    id: BlockId,
    compressed: &[u8],
    limits: &Limits,
    rows_px: u32,
) -> Result<Block> {
    let level = header.levels.get(usize::from(id.level));
    let shape = Shape::of(level, id.index, samples_per_pixel(header, level))?.first(rows_px);
    if compressed.is_empty() {
        return Ok(shape.block(None));
    }
    let stored = Stored { shape, compressed: &shape.in_order(compressed), header, limits };
    let samples = match (header.encoding, header.sample_type) {
        (Encoding::Packed(bits), sample_type) => stored.packed(bits, sample_type)?,
        (Encoding::Half, _) => Samples::F32(half::widen(&stored.floats::<u16, u16>()?)),
        (Encoding::Complex(part), _) => stored.amplitudes(part)?,
        (Encoding::Cmyk(inks), _) => Samples::U8(stored.opaque_colors(inks)?),
        (Encoding::Plain, SampleType::U8) => Samples::U8(stored.integers::<u8, u8>(1)?),
        (Encoding::Plain, SampleType::I8) => Samples::I8(stored.integers::<i8, u8>(1)?),
        (Encoding::Plain, SampleType::U16) => Samples::U16(stored.integers::<u16, u16>(1)?),
        (Encoding::Plain, SampleType::I16) => Samples::I16(stored.integers::<i16, u16>(1)?),
        (Encoding::Plain, SampleType::U32) => Samples::U32(stored.integers::<u32, u32>(1)?),
        (Encoding::Plain, SampleType::I32) => Samples::I32(stored.integers::<i32, u32>(1)?),
        (Encoding::Plain, SampleType::U64) => Samples::U64(stored.integers::<u64, u64>(1)?),
        (Encoding::Plain, SampleType::I64) => Samples::I64(stored.integers::<i64, u64>(1)?),
        (Encoding::Plain, SampleType::F32) => Samples::F32(stored.floats::<f32, u32>()?),
        (Encoding::Plain, SampleType::F64) => Samples::F64(stored.floats::<f64, u64>()?),
    };
    Ok(shape.block(Some(samples)))
}

/// Decodes block `index` of the mask of `level`: 255 where the raster is valid, 0 where it is masked. An empty block
/// is sparse.
///
/// # Errors
/// As [`decode_block`].
pub fn decode_mask(header: &Header, level: u16, index: u32, compressed: &[u8], limits: &Limits) -> Result<Block> {
    let shape = Shape::of(header.mask(level), index, 1)?;
    if compressed.is_empty() {
        return Ok(shape.block(None));
    }
    let width = shape.width_px as usize;
    let row_bytes = if header.mask_bits == 1 { width.div_ceil(8) } else { width };
    let mut stored = vec![0; check_size(row_bytes as u64 * u64::from(shape.height_px), limits)?];
    decompress_mask(&shape, compressed, header.mask_bits, &mut stored)?;
    if header.mask_bits == 8 {
        predictor::undo_horizontal(shape.level.predictor, &mut stored, width, 1);
    }
    let valid = |is_valid: bool| if is_valid { u8::MAX } else { 0 };
    let samples = match header.mask_bits {
        1 => stored
            .chunks_exact(row_bytes)
            .flat_map(|row| (0..width).map(|x| valid(row[x / 8] & (0x80 >> (x % 8)) != 0)))
            .collect(),
        _ => stored.into_iter().map(|value| valid(value != 0)).collect(),
    };
    Ok(shape.block(Some(Samples::U8(samples))))
}

/// Masks may be pictures too, or runs.
fn decompress_mask(shape: &Shape<'_>, compressed: &[u8], bits: u8, rows: &mut [u8]) -> Result<()> {
    let compressed = shape.in_order(compressed);
    let Shape { level, width_px, height_px, .. } = *shape;
    match (level.compression, bits) {
        (Compression::Group3, 1) => fax::fill(fax::group3, &compressed, width_px, rows),
        (Compression::Group4, 1) => fax::fill(fax::group4, &compressed, width_px, rows),
        (Compression::Jpeg, 8) => {
            let most_rows = level.block_height_px as usize;
            let target = picture::Target {
                width_px: width_px as usize,
                height_px: height_px as usize,
                most_rows,
                samples: 1,
                bytes: rows,
            };
            picture::jpeg(&level.jpeg_tables, &compressed, false, target)
        }
        (other, _) => decompress::into(other, &compressed, rows),
    }
}

fn samples_per_pixel(header: &Header, level: Option<&Level>) -> u16 {
    match level.map(|level| level.planar) {
        Some(Planar::Separate) => 1,
        _ => header.bands,
    }
}

/// Size of one block in pixels and samples.
#[derive(Clone, Copy)]
struct Shape<'a> {
    level: &'a Level,
    width_px: u32,
    /// Rows to decode: all of them, or the first ones.
    height_px: u32,
    samples_per_pixel: u16,
    whole_height_px: u32,
}

impl<'a> Shape<'a> {
    fn of(level: Option<&'a Level>, index: u32, samples_per_pixel: u16) -> Result<Self> {
        let level = level.filter(|level| (index as usize) < level.blocks_in_plane());
        let level = level.ok_or_else(|| RasterError::Broken { reason: format!("there is no block {index}") })?;
        let height_px = level.block_rows(index);
        let width_px = level.block_width_px;
        Ok(Self { level, width_px, height_px, samples_per_pixel, whole_height_px: height_px })
    }

    /// The same of the first `rows_px` rows alone, where they can be had for less.
    fn first(self, rows_px: u32) -> Self {
        let by_rows = decompress::stops_when_full(self.level.compression);
        Self { height_px: if by_rows { self.height_px.min(rows_px.max(1)) } else { self.height_px }, ..self }
    }

    fn samples(&self) -> u64 {
        u64::from(self.width_px) * u64::from(self.height_px) * u64::from(self.samples_per_pixel)
    }

    /// The stored bytes with their bits in the usual order.
    fn in_order<'b>(&self, compressed: &'b [u8]) -> Cow<'b, [u8]> {
        if self.level.reversed_bits { packed::reversed_bits(compressed).into() } else { compressed.into() }
    }

    fn block(&self, samples: Option<Samples>) -> Block {
        let Self { width_px, height_px, samples_per_pixel, whole_height_px, .. } = *self;
        Block { width_px, height_px: whole_height_px, rows: 0..height_px, samples_per_pixel, samples }
    }
}

/// A block as it is stored, before it is known what its bytes are.
struct Stored<'a> {
    shape: Shape<'a>,
    compressed: &'a [u8],
    header: &'a Header,
    limits: &'a Limits,
}

impl Stored<'_> {
    /// Samples of `parts` numbers each, whose differences are taken as unsigned numbers `D` of the same size.
    fn integers<T: Pod, D: Pod + Difference>(&self, parts: usize) -> Result<Vec<T>> {
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
    fn floats<T: Pod, D: Pod + Difference>(&self) -> Result<Vec<T>> {
        let Shape { level, width_px, samples_per_pixel, .. } = self.shape;
        if level.predictor != Predictor::FloatingPoint {
            return self.integers::<T, D>(1);
        }
        let mut samples = self.decompress::<T>(1)?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut samples);
        predictor::undo_floating_point(bytes, width_px as usize, usize::from(samples_per_pixel), size_of::<T>());
        Ok(samples)
    }

    /// Amplitudes of complex samples. Each is read as one number, in which differences are taken; which of its parts comes first in
    /// a big-endian file does not matter to an amplitude.
    fn amplitudes(&self, part: ComplexPart) -> Result<Samples> {
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
    fn opaque_colors(self, inks: u16) -> Result<Vec<u8>> {
        let shape = Shape { samples_per_pixel: inks, ..self.shape };
        Ok(cmyk::to_rgba(&Stored { shape, ..self }.integers::<u8, u8>(1)?, usize::from(inks)))
    }

    /// Numbers of `bits` bits. Differences of them are taken in as many bits.
    fn packed(&self, bits: u8, sample_type: SampleType) -> Result<Samples> {
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
                picture::jpeg(&level.jpeg_tables, self.compressed, self.header.ycbcr, target)?;
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

/// Whether a compression leaves numbers in native order whatever the file's. LERC does not: `libtiff` gives it numbers in the
/// file's order as if they were native ones.
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
fn check_size(bytes: u64, limits: &Limits) -> Result<usize> {
    let limit = limits.max_block_bytes;
    let fits = usize::try_from(bytes).ok().filter(|_| bytes <= limit);
    fits.ok_or(RasterError::TooLarge { what: "bytes of a block", value: bytes, limit })
}
