//! From a block's compressed bytes to its samples: decompress, undo the predictor, put into native byte order.
//!
//! The decoded size is computed from the header and held against the limits before anything is allocated, and no
//! decompressor may write past it, so that a bomb costs no more than an honest block. It fetches nothing and keeps
//! nothing but small decompressor states, one a thread. Callers: the cache and the warp in [`crate::render`].

use crate::{
    Limits, Result,
    block::{Block, BlockId, Samples},
    header::{Compression, Encoding, Header, Level, Planar, SampleType},
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
mod stored;
mod vp8l;
mod zstandard;

pub(crate) use fax::line_room_bytes as fax_room_bytes;
pub(crate) use jpeg::padding_bytes as jpeg_padding_bytes;
pub(crate) use lerc_blob::ROOM_BYTES as LERC_ROOM_BYTES;
pub(crate) use picture::WEBP_TABLE_ROOM_BYTES;

use stored::{Shape, Stored, check_size};

/// Decodes block `id` of `header`; empty `compressed` bytes are a sparse block.
///
/// # Errors
/// `Broken` when the bytes do not decode to a whole block or there is no such block, `TooLarge` beyond the limits.
pub fn decode_block(header: &Header, id: BlockId, compressed: &[u8], limits: &Limits) -> Result<Block> {
    decode_rows(header, id, compressed, limits, u32::MAX)
}

/// Decodes no more than the first `rows_px` rows of a block whose compression goes row by row, a few more of one that
/// goes part by part, and all of others. What lies behind is not looked at, the stream's checksum among it.
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
    let shape = Shape::of(level, id.index, samples_per_pixel(header, level))?.first(rows_px, header);
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
