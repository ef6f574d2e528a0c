//! From a block's compressed bytes to its samples: decompress, undo the predictor, put into native byte order.
//!
//! The decoded size is computed from the header and held against the limits before anything is allocated, and no
//! decompressor may write past it, so that a bomb costs no more than an honest block. It fetches nothing and keeps
//! nothing but small decompressor states, one a thread. Callers: the cache and the warp in [`crate::render`].

use bytemuck::Pod;

use crate::{
    Limits, RasterError, Result,
    block::{Block, BlockId, Samples},
    header::{Compression, Header, Level, Planar, Predictor, SampleType},
};

mod decompress;
mod deflate;
mod half;
mod packbits;
mod predictor;
mod prefix;

use predictor::Difference;

/// Decodes block `id` of `header`; empty `compressed` bytes are a sparse block.
///
/// # Errors
/// `Broken` when the bytes do not decode to a whole block or there is no such block, `TooLarge` beyond the limits.
pub fn decode_block(header: &Header, id: BlockId, compressed: &[u8], limits: &Limits) -> Result<Block> {
    let level = header.levels.get(usize::from(id.level));
    let shape = Shape::of(level, id.index, samples_per_pixel(header, level))?;
    let level = shape.level;
    if compressed.is_empty() {
        return Ok(shape.block(None));
    }
    let stored = |bytes: usize| Stored { shape, bytes, compressed, big_endian: header.big_endian, limits };
    let samples = match header.sample_type {
        SampleType::U8 => Samples::U8(stored(1).integers::<u8, u8>()?),
        SampleType::I8 => Samples::I8(stored(1).integers::<i8, u8>()?),
        SampleType::U16 => Samples::U16(stored(2).integers::<u16, u16>()?),
        SampleType::I16 => Samples::I16(stored(2).integers::<i16, u16>()?),
        SampleType::U32 => Samples::U32(stored(4).integers::<u32, u32>()?),
        SampleType::I32 => Samples::I32(stored(4).integers::<i32, u32>()?),
        SampleType::U64 => Samples::U64(stored(8).integers::<u64, u64>()?),
        SampleType::I64 => Samples::I64(stored(8).integers::<i64, u64>()?),
        SampleType::F32 if header.half_floats => Samples::F32(half::widen(&stored(2).floats::<u16, u16>(level)?)),
        SampleType::F32 => Samples::F32(stored(4).floats::<f32, u32>(level)?),
        SampleType::F64 => Samples::F64(stored(8).floats::<f64, u64>(level)?),
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
    decompress::into(shape.level.compression, compressed, &mut stored)?;
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
    height_px: u32,
    samples_per_pixel: u16,
}

impl<'a> Shape<'a> {
    fn of(level: Option<&'a Level>, index: u32, samples_per_pixel: u16) -> Result<Self> {
        let level = level.filter(|level| (index as usize) < level.blocks_in_plane());
        let level = level.ok_or_else(|| RasterError::Broken { reason: format!("there is no block {index}") })?;
        Ok(Self { level, width_px: level.block_width_px, height_px: level.block_rows(index), samples_per_pixel })
    }

    fn samples(&self) -> u64 {
        u64::from(self.width_px) * u64::from(self.height_px) * u64::from(self.samples_per_pixel)
    }

    fn block(&self, samples: Option<Samples>) -> Block {
        let Self { width_px, height_px, samples_per_pixel, .. } = *self;
        Block { width_px, height_px, samples_per_pixel, samples }
    }
}

/// A block as it is stored, before it is known what its bytes are.
struct Stored<'a> {
    shape: Shape<'a>,
    /// Bytes of a stored sample.
    bytes: usize,
    compressed: &'a [u8],
    big_endian: bool,
    limits: &'a Limits,
}

impl Stored<'_> {
    /// Samples whose differences are taken as unsigned numbers `D` of the same size.
    fn integers<T: Pod, D: Pod + Difference>(&self) -> Result<Vec<T>> {
        let mut samples = self.decompress::<T>()?;
        let numbers: &mut [D] = bytemuck::cast_slice_mut(&mut samples);
        if self.big_endian != cfg!(target_endian = "big") {
            numbers.iter_mut().for_each(|number| *number = number.swap_bytes());
        }
        let Shape { level, width_px, samples_per_pixel, .. } = self.shape;
        predictor::undo_horizontal(level.predictor, numbers, width_px as usize, usize::from(samples_per_pixel));
        Ok(samples)
    }

    /// Floats, whose own predictor leaves them in native order whatever the file's.
    fn floats<T: Pod, D: Pod + Difference>(&self, level: &Level) -> Result<Vec<T>> {
        if level.predictor != Predictor::FloatingPoint {
            return self.integers::<T, D>();
        }
        let mut samples = self.decompress::<T>()?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut samples);
        let Shape { width_px, samples_per_pixel, .. } = self.shape;
        predictor::undo_floating_point(bytes, width_px as usize, usize::from(samples_per_pixel), self.bytes);
        Ok(samples)
    }

    /// The stored bytes in a buffer of their type.
    fn decompress<T: Pod>(&self) -> Result<Vec<T>> {
        let samples = self.shape.samples();
        check_size(samples * self.bytes as u64, self.limits)?;
        let mut buffer = vec![T::zeroed(); samples as usize];
        decompress::into(self.shape.level.compression, self.compressed, bytemuck::cast_slice_mut(&mut buffer))?;
        Ok(buffer)
    }
}

/// `bytes` as a size to allocate, within the limits.
fn check_size(bytes: u64, limits: &Limits) -> Result<usize> {
    let limit = limits.max_block_bytes;
    let fits = usize::try_from(bytes).ok().filter(|_| bytes <= limit);
    fits.ok_or(RasterError::TooLarge { what: "bytes of a block", value: bytes, limit })
}
