//! Blocks that are pictures of their own: JPEG (TIFF technical note 2) and WebP, both of 8-bit samples.
//!
//! A picture's size is held against its block's before it is decoded. Colours come out as GDAL gives them: YCbCr as RGB.

use std::{borrow::Cow, io::Cursor};

use image_webp::WebPDecoder;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{
    decompress::{corrupt, short},
    jpeg,
};
use crate::Result;

/// A block as pixels of `samples` bytes.
pub(super) struct Target<'a> {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    /// Rows that the picture may have: the last strip may be stored whole.
    pub(super) most_rows: usize,
    pub(super) samples: usize,
    pub(super) bytes: &'a mut [u8],
}

/// A picture that was decoded.
struct Picture {
    width_px: usize,
    height_px: usize,
    samples: usize,
    bytes: Vec<u8>,
}

/// Decodes a JPEG whose tables may stand in the header; `ycbcr` says whether its three components are that.
pub(super) fn jpeg(tables: &[u8], input: &[u8], ycbcr: bool, target: Target<'_>) -> Result<()> {
    let stream = with_tables(tables, input);
    match jpeg::decode(&stream, ycbcr, target.width_px * target.most_rows) {
        Ok(jpeg::Decoded { width_px, height_px, components: samples, bytes }) => {
            Picture { width_px, height_px, samples, bytes }.copy_to(target, "JPEG")
        }
        Err(jpeg::Fault::Bad(why)) => Err(corrupt("JPEG", why)),
        Err(jpeg::Fault::OtherKind) => any_jpeg(&stream, ycbcr, target),
    }
}

/// Decodes what is no baseline JPEG, such as a progressive one.
fn any_jpeg(stream: &[u8], ycbcr: bool, target: Target<'_>) -> Result<()> {
    let wrong = |error: zune_jpeg::errors::DecodeErrors| corrupt("JPEG", &error.to_string());
    let mut options = DecoderOptions::default()
        .set_max_width(target.width_px)
        .set_max_height(target.most_rows)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(wrong)?;
    let info = decoder.info().ok_or_else(|| corrupt("JPEG", "no frame"))?;
    let samples = usize::from(info.components);
    // Before its coefficients are given room: they take more than the block.
    if samples != target.samples {
        return Err(corrupt("JPEG", &format!("{samples} components for {} bands", target.samples)));
    }
    let colors = match (samples, decoder.input_colorspace()) {
        (1, _) => ColorSpace::Luma,
        // Components are left alone by asking for what they are said to be.
        (3, Some(stored)) => {
            if ycbcr {
                ColorSpace::RGB
            } else {
                stored
            }
        }
        (4, Some(stored)) => stored,
        (other, _) => return Err(corrupt("JPEG", &format!("{other} components"))),
    };
    options = options.jpeg_set_out_colorspace(colors);
    decoder.set_options(options);
    let bytes = decoder.decode().map_err(wrong)?;
    let picture = Picture { width_px: usize::from(info.width), height_px: usize::from(info.height), samples, bytes };
    picture.copy_to(target, "JPEG")
}

/// Decodes a WebP; a fourth sample of a picture without transparency is opaque.
pub(super) fn webp(input: &[u8], target: Target<'_>) -> Result<()> {
    let wrong = |error: image_webp::DecodingError| corrupt("WebP", &error.to_string());
    let mut decoder = WebPDecoder::new(Cursor::new(input)).map_err(wrong)?;
    let (width_px, height_px) = decoder.dimensions();
    let (width_px, height_px) = (width_px as usize, height_px as usize);
    if width_px != target.width_px || height_px > target.most_rows {
        return Err(corrupt("WebP", &format!("a picture of {width_px} × {height_px} pixels")));
    }
    decoder.set_memory_limit(width_px * height_px * 16 + (1 << 20));
    let samples = if decoder.has_alpha() { 4 } else { 3 };
    let mut bytes = vec![0; width_px * height_px * samples];
    decoder.read_image(&mut bytes).map_err(wrong)?;
    Picture { width_px, height_px, samples, bytes }.copy_to(target, "WebP")
}

impl Picture {
    fn copy_to(self, target: Target<'_>, method: &str) -> Result<()> {
        if self.width_px != target.width_px || self.height_px < target.height_px {
            let size = format!("a picture of {} × {} pixels", self.width_px, self.height_px);
            return Err(corrupt(method, &size));
        }
        if self.samples == target.samples {
            let bytes = self.bytes.get(..target.bytes.len());
            target.bytes.copy_from_slice(bytes.ok_or_else(|| short(self.bytes.len(), target.bytes.len(), method))?);
            return Ok(());
        }
        let (3 | 4, 3 | 4) = (self.samples, target.samples) else {
            return Err(corrupt(method, &format!("{} components for {} bands", self.samples, target.samples)));
        };
        let pixels = target.bytes.chunks_exact_mut(target.samples).zip(self.bytes.chunks_exact(self.samples));
        pixels.for_each(|(to, from)| {
            to[..3].copy_from_slice(&from[..3]);
            to[3..].fill(u8::MAX);
        });
        Ok(())
    }
}

/// The picture with the header's tables, which are a stream of their own, put before its own segments.
fn with_tables<'a>(tables: &[u8], input: &'a [u8]) -> Cow<'a, [u8]> {
    let tables = tables.strip_prefix(b"\xff\xd8").unwrap_or(tables);
    let tables = tables.strip_suffix(b"\xff\xd9").unwrap_or(tables);
    match input.strip_prefix(b"\xff\xd8") {
        Some(rest) if !tables.is_empty() => [b"\xff\xd8", tables, rest].concat().into(),
        _ => input.into(),
    }
}
