//! GeoTIFF: one band after another, each a deflated strip. Sources: Adobe, TIFF 6.0; OGC 19-008r4 (GeoTIFF 1.1).
//!
//! The mask is the last band, and where GDAL would not take such a band for one also an internal mask: GDAL knows alpha of
//! 8 and 16 unsigned bits beside one or three bands only.

use crate::{
    Result,
    block::Samples,
    pixels::{Pixels, with_samples},
};

mod place;
mod writer;

pub use place::{Ground, Placement, System};

use place::place_tags;
use writer::{Value, Writer};

const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const SUBFILE_TYPE: u16 = 254;
const BITS_PER_SAMPLE: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const STRIP_OFFSETS: u16 = 273;
const SAMPLES_PER_PIXEL: u16 = 277;
const ROWS_PER_STRIP: u16 = 278;
const STRIP_BYTE_COUNTS: u16 = 279;
const PLANAR: u16 = 284;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;
const GDAL_NODATA: u16 = 42_113;

const DEFLATE: u16 = 8;
const BANDS_APART: u16 = 2;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;
const TRANSPARENCY_MASK: u16 = 4;
const MASK_SUBFILE: u32 = 4;
const UNASSOCIATED_ALPHA: u16 = 2;

pub(super) fn encode(pixels: &Pixels, placement: Option<&Placement>, with_mask: bool) -> Result<Vec<u8>> {
    let mut writer = Writer::new();
    let mut strips = Vec::with_capacity(usize::from(pixels.bands) + 1);
    for band in 0..pixels.bands {
        strips.push(writer.strip(&band_bytes(pixels, band))?);
    }
    if with_mask {
        strips.push(writer.strip(&mask_bytes(pixels))?);
    }
    writer.directory(&image_tags(pixels, placement, with_mask, &strips));
    if with_mask && !pixels.all_valid && !is_known_alpha(pixels) {
        let strip = writer.strip(&mask_bits(pixels))?;
        writer.directory(&mask_tags(pixels, strip));
    }
    Ok(writer.file)
}

fn band_bytes(pixels: &Pixels, band: u16) -> Vec<u8> {
    let start = usize::from(band) * pixels.pixels_per_band();
    let range = start..start + pixels.pixels_per_band();
    with_samples!(&pixels.samples, values => values[range].iter().flat_map(|value| value.to_le_bytes()).collect())
}

/// Whether GDAL takes a last band beside these for a mask.
fn is_known_alpha(pixels: &Pixels) -> bool {
    matches!(pixels.samples, Samples::U8(_) | Samples::U16(_)) && matches!(pixels.bands, 1 | 3)
}

/// The mask as a band: 0, or for integers the greatest value of the type and 255 for the others.
fn mask_bytes(pixels: &Pixels) -> Vec<u8> {
    fn fill<const N: usize>(mask: &[u8], valid: [u8; N]) -> Vec<u8> {
        mask.iter().flat_map(|&m| if m == 0 { [0; N] } else { valid }).collect()
    }
    let mask = &pixels.mask;
    match &pixels.samples {
        Samples::U8(_) => fill(mask, u8::MAX.to_le_bytes()),
        Samples::I8(_) => fill(mask, i8::MAX.to_le_bytes()),
        Samples::U16(_) => fill(mask, u16::MAX.to_le_bytes()),
        Samples::I16(_) => fill(mask, i16::MAX.to_le_bytes()),
        Samples::U32(_) => fill(mask, u32::MAX.to_le_bytes()),
        Samples::I32(_) => fill(mask, i32::MAX.to_le_bytes()),
        Samples::U64(_) => fill(mask, u64::MAX.to_le_bytes()),
        Samples::I64(_) => fill(mask, i64::MAX.to_le_bytes()),
        Samples::F32(_) => fill(mask, 255_f32.to_le_bytes()),
        Samples::F64(_) => fill(mask, 255_f64.to_le_bytes()),
    }
}

/// The mask as one bit a pixel, rows on whole bytes, the first pixel in the highest bit.
fn mask_bits(pixels: &Pixels) -> Vec<u8> {
    let byte = |eight: &[u8]| eight.iter().enumerate().fold(0, |byte, (at, &m)| byte | (u8::from(m != 0) << (7 - at)));
    pixels.mask.chunks(pixels.width_px.max(1) as usize).flat_map(|row| row.chunks(8).map(byte)).collect()
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

fn image_tags(
    pixels: &Pixels,
    placement: Option<&Placement>,
    with_mask: bool,
    strips: &[(u32, u32)],
) -> Vec<(u16, Value)> {
    let count = strips.len();
    let (bits, format) = sample_kind(&pixels.samples);
    let is_rgb = pixels.bands == 3 && is_known_alpha(pixels);
    let mut extra = vec![0; usize::from(pixels.bands).saturating_sub(if is_rgb { 3 } else { 1 })];
    extra.extend(with_mask.then_some(UNASSOCIATED_ALPHA));
    let mut tags = vec![
        (WIDTH, Value::Longs(vec![pixels.width_px])),
        (HEIGHT, Value::Longs(vec![pixels.height_px])),
        (BITS_PER_SAMPLE, Value::Shorts(vec![bits; count])),
        (COMPRESSION, Value::Shorts(vec![DEFLATE])),
        (PHOTOMETRIC, Value::Shorts(vec![if is_rgb { RGB } else { BLACK_IS_ZERO }])),
        (STRIP_OFFSETS, Value::Longs(strips.iter().map(|strip| strip.0).collect())),
        (SAMPLES_PER_PIXEL, Value::Shorts(vec![count as u16])),
        (ROWS_PER_STRIP, Value::Longs(vec![pixels.height_px])),
        (STRIP_BYTE_COUNTS, Value::Longs(strips.iter().map(|strip| strip.1).collect())),
        (PLANAR, Value::Shorts(vec![BANDS_APART])),
    ];
    if !extra.is_empty() {
        tags.push((EXTRA_SAMPLES, Value::Shorts(extra)));
    }
    tags.push((SAMPLE_FORMAT, Value::Shorts(vec![format; count])));
    tags.extend(placement.into_iter().flat_map(place_tags));
    tags.extend(pixels.nodata.map(|nodata| (GDAL_NODATA, Value::Text(nodata_text(nodata)))));
    tags
}

fn nodata_text(nodata: f64) -> String {
    if nodata.is_nan() { "nan".to_owned() } else { nodata.to_string() }
}

fn mask_tags(pixels: &Pixels, strip: (u32, u32)) -> Vec<(u16, Value)> {
    vec![
        (SUBFILE_TYPE, Value::Longs(vec![MASK_SUBFILE])),
        (WIDTH, Value::Longs(vec![pixels.width_px])),
        (HEIGHT, Value::Longs(vec![pixels.height_px])),
        (BITS_PER_SAMPLE, Value::Shorts(vec![1])),
        (COMPRESSION, Value::Shorts(vec![DEFLATE])),
        (PHOTOMETRIC, Value::Shorts(vec![TRANSPARENCY_MASK])),
        (STRIP_OFFSETS, Value::Longs(vec![strip.0])),
        (SAMPLES_PER_PIXEL, Value::Shorts(vec![1])),
        (ROWS_PER_STRIP, Value::Longs(vec![pixels.height_px])),
        (STRIP_BYTE_COUNTS, Value::Longs(vec![strip.1])),
    ]
}
