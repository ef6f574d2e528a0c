//! LERC blobs (Esri's Limited Error Raster Compression), bare or wrapped in Deflate or ZSTD.
//!
//! What the header of a blob claims is held against the block before anything is decoded. Pixels that a blob masks are
//! NaN in floats and 0 in integers; with one band more than the blob has, that band is alpha made of the mask. Bands
//! may also follow each other in the blob, each with a mask of its own.

use std::{borrow::Cow, io::Read};

use bytemuck::Pod;
use lerc::{DecodeResult, Sample};

use super::decompress::corrupt;
use crate::{
    Feature, RasterError, Result,
    header::{LercWrap, SampleType},
};

/// Room for a blob's header and mask beside twice as many bytes as the block has.
const BLOB_ROOM_BYTES: usize = 64 << 10;

/// Bytes that decoding a blob may take whatever its block: that room, and the tables of its codes.
pub(crate) const ROOM_BYTES: u64 = 512 << 10;

/// A block as pixels of `samples_per_pixel` samples.
pub(super) struct Target<'a> {
    pub(super) sample_type: SampleType,
    pub(super) width_px: u32,
    pub(super) height_px: u32,
    /// Rows that the blob may have: the last strip may be stored whole.
    pub(super) most_rows: u32,
    pub(super) samples_per_pixel: u16,
    pub(super) bytes: &'a mut [u8],
}

pub(super) fn into(wrap: LercWrap, input: &[u8], target: Target<'_>) -> Result<()> {
    let blob = unwrapped(wrap, input, 2 * target.bytes.len() + BLOB_ROOM_BYTES)?;
    match target.sample_type {
        SampleType::U8 => decode::<u8>(&blob, target, 0),
        SampleType::I8 => decode::<i8>(&blob, target, 0),
        SampleType::U16 => decode::<u16>(&blob, target, 0),
        SampleType::I16 => decode::<i16>(&blob, target, 0),
        SampleType::U32 => decode::<u32>(&blob, target, 0),
        SampleType::I32 => decode::<i32>(&blob, target, 0),
        SampleType::F32 => decode::<f32>(&blob, target, f32::NAN),
        SampleType::F64 => decode::<f64>(&blob, target, f64::NAN),
        other => {
            Err(RasterError::Unsupported { feature: Feature::Compression, detail: format!("LERC of {}", other.name()) })
        }
    }
}

/// The blob itself, of at most `most` bytes.
fn unwrapped(wrap: LercWrap, input: &[u8], most: usize) -> Result<Cow<'_, [u8]>> {
    match wrap {
        LercWrap::None => Ok(input.into()),
        LercWrap::Zstd => {
            let blob = zstd::bulk::decompress(input, most).map_err(|error| corrupt("ZSTD", &error.to_string()))?;
            Ok(blob.into())
        }
        LercWrap::Deflate => {
            // It would grow by doubling, to twice the most.
            let mut blob = Vec::with_capacity(most + 1);
            let mut reader = flate2::read::ZlibDecoder::new(input).take(most as u64 + 1);
            reader.read_to_end(&mut blob).map_err(|error| corrupt("Deflate", &error.to_string()))?;
            if blob.len() > most {
                Err(corrupt("Deflate", "a blob far larger than its block"))
            } else {
                Ok(blob.into())
            }
        }
    }
}

fn decode<T: Sample + Pod>(blob: &[u8], target: Target<'_>, masked: T) -> Result<()> {
    let wrong = |error: lerc::LercError| corrupt("LERC", &error.to_string());
    let info = lerc::decode_info(blob).map_err(wrong)?;
    let Target { width_px, height_px, most_rows, samples_per_pixel, bytes, .. } = target;
    let depth = u32::from(samples_per_pixel);
    let alpha_from_mask = info.bands == 1 && info.depth.checked_add(1) == Some(depth);
    let band_by_band = depth > 1 && info.bands == depth && info.depth == 1;
    let together = info.bands == 1 && info.depth == depth;
    if info.width != width_px || info.height < height_px || !(together || alpha_from_mask || band_by_band) {
        let found = format!("{} × {} × {} × {} samples", info.bands, info.height, info.width, info.depth);
        return Err(corrupt("LERC", &found));
    }
    let samples = u64::from(info.width) * u64::from(info.height) * u64::from(info.depth) * u64::from(info.bands);
    if info.height > most_rows {
        return Err(corrupt("LERC", "more rows than its block"));
    }
    let mut values = vec![T::zeroed(); samples as usize];
    let result = lerc::decode_into_with_nodata(blob, &mut values, masked).map_err(wrong)?;
    let out: &mut [T] = bytemuck::cast_slice_mut(bytes);
    if alpha_from_mask {
        return with_alpha(&values, &result, out, usize::from(samples_per_pixel));
    }
    if band_by_band {
        let pixels_per_band = values.len() / usize::from(samples_per_pixel);
        for (band, values) in values.chunks_exact(pixels_per_band).enumerate() {
            let places = out[band..].iter_mut().step_by(usize::from(samples_per_pixel));
            places.zip(values).for_each(|(place, &value)| *place = value);
        }
        return Ok(());
    }
    out.copy_from_slice(&values[..out.len()]);
    Ok(())
}

/// Opaque where the mask is valid: the largest 8-bit value.
fn with_alpha<T: Sample + Pod>(values: &[T], result: &DecodeResult, out: &mut [T], depth: usize) -> Result<()> {
    let mask = result.valid_masks.first().ok_or_else(|| corrupt("LERC", "no mask"))?;
    for (index, (pixel, colors)) in out.chunks_exact_mut(depth).zip(values.chunks_exact(depth - 1)).enumerate() {
        pixel[..depth - 1].copy_from_slice(colors);
        pixel[depth - 1] = T::from_f64(if mask.is_valid(index) { 255.0 } else { 0.0 });
    }
    Ok(())
}
