//! Blocks that are pictures of their own: JPEG (TIFF technical note 2) and WebP, both of 8-bit samples.
//!
//! A picture's size is held against its block's before it is decoded. Colours come out as GDAL gives them: YCbCr as
//! RGB.

use std::borrow::Cow;

use webp::{BitstreamFeatures, Decoder};
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::{
    decompress::{corrupt, short},
    jpeg, vp8l,
};
use crate::{Feature, RasterError, Result};

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
struct Picture<'a> {
    width_px: usize,
    height_px: usize,
    samples: usize,
    bytes: Cow<'a, [u8]>,
}

/// Decodes a JPEG whose tables may stand in the header; `ycbcr` says whether its three components are that.
pub(super) fn jpeg(tables: &[u8], input: &[u8], ycbcr: bool, target: Target<'_>) -> Result<()> {
    let stream = with_tables(tables, input);
    let most = jpeg::Most { width_px: target.width_px, height_px: target.most_rows, components: target.samples };
    match jpeg::decode(&stream, ycbcr, most) {
        Ok(jpeg::Decoded { width_px, height_px, components: samples, bytes }) => {
            Picture { width_px, height_px, samples, bytes: bytes.into() }.copy_to(target, "JPEG")
        }
        Err(jpeg::Fault::Bad(why)) => Err(corrupt("JPEG", why)),
        Err(jpeg::Fault::OtherKind) => any_jpeg(&stream, ycbcr, target),
    }
}

/// Scans that a progressive JPEG may have, as in libtiff: each goes over all of the picture, for some ten bytes.
/// Encoders make ten.
const MAX_SCANS: usize = 100;
const START_OF_SCAN: &[u8; 2] = b"\xff\xda";

/// Decodes what is no baseline JPEG, such as a progressive one.
fn any_jpeg(stream: &[u8], ycbcr: bool, target: Target<'_>) -> Result<()> {
    let scans = stream.windows(START_OF_SCAN.len()).filter(|pair| pair == START_OF_SCAN).take(MAX_SCANS + 1).count();
    if scans > MAX_SCANS {
        return Err(corrupt("JPEG", "more than 100 scans"));
    }
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
    if samples == 2 {
        let detail = "JPEG of 2 bands that is not baseline".to_owned();
        return Err(RasterError::Unsupported { feature: Feature::Compression, detail });
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
    let bytes = decoder.decode().map_err(wrong)?.into();
    let picture = Picture { width_px: usize::from(info.width), height_px: usize::from(info.height), samples, bytes };
    picture.copy_to(target, "JPEG")
}

/// Most bytes of a stored WebP for each byte of its block: what a lossless one of noise takes, and as much again.
const WEBP_BYTES_PER_BYTE: usize = 2;
/// Room for its chunks' headers beside that.
const WEBP_ROOM_BYTES: usize = 4 << 10;

/// Decodes a WebP by `libwebp`, as GDAL does; a fourth sample of a picture without transparency is opaque. What its
/// headers claim is believed only so far as it is the block's size, and it is no longer than pictures of that size are.
pub(super) fn webp(input: &[u8], target: Target<'_>) -> Result<()> {
    let features = BitstreamFeatures::new(input).ok_or_else(|| corrupt("WebP", "no picture"))?;
    let (width_px, height_px) = (features.width() as usize, features.height() as usize);
    if width_px != target.width_px || height_px > target.most_rows || features.has_animation() {
        return Err(corrupt("WebP", &format!("a picture of {width_px} × {height_px} pixels")));
    }
    if input.len() > WEBP_BYTES_PER_BYTE * width_px * height_px * target.samples + WEBP_ROOM_BYTES {
        return Err(corrupt("WebP", "far larger than its block"));
    }
    check_tables(input, (width_px, height_px), target.samples)?;
    let samples = if features.has_alpha() { 4 } else { 3 };
    let decoded = Decoder::new(input).decode().ok_or_else(|| corrupt("WebP", "its picture does not decode"))?;
    Picture { width_px, height_px, samples, bytes: Cow::Borrowed(&decoded) }.copy_to(target, "WebP")
}

/// Code tables that a lossless picture may have: two blocks' worth, and what few groups of codes take whatever the
/// block. Pictures that `libwebp` encodes have some dozen groups, 12 kB each; 512 × 512 pixels of three bands may have
/// 280.
const WEBP_TABLE_BYTES_PER_BYTE: u64 = 2;
/// Room for code tables beside that.
pub(crate) const WEBP_TABLE_ROOM_BYTES: u64 = 2 << 20;

fn check_tables(input: &[u8], size_px: (usize, usize), samples: usize) -> Result<()> {
    let value = vp8l::table_bytes(input, size_px).ok_or_else(|| corrupt("WebP", "its codes cannot be read"))?;
    let limit = WEBP_TABLE_BYTES_PER_BYTE * (size_px.0 * size_px.1 * samples) as u64 + WEBP_TABLE_ROOM_BYTES;
    match value <= limit {
        true => Ok(()),
        false => Err(RasterError::TooLarge { what: "bytes of a WebP's code tables", value, limit }),
    }
}

impl Picture<'_> {
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

#[cfg(test)]
mod tests {
    use super::{Target, webp};

    fn decode(input: &[u8], samples: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![7; 8 * 8 * samples];
        let target = Target { width_px: 8, height_px: 8, most_rows: 8, samples, bytes: &mut bytes };
        webp(input, target).map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).expect("short").to_le_bytes();
        [&name[..], &length, data, if data.len() % 2 == 1 { &[0] } else { &[] }].concat()
    }

    #[test]
    fn pictures_come_out_in_the_samples_of_their_block() {
        let gray: Vec<u8> = (0..8 * 8 * 3).map(|index| (index / 3 * 4) as u8).collect();
        let stored = webp::Encoder::from_rgb(&gray, 8, 8).encode_lossless().to_vec();
        assert_eq!(decode(&stored, 3), Ok(gray.clone()));
        let with_alpha = decode(&stored, 4).expect("decodes");
        assert!(with_alpha.chunks_exact(4).zip(gray.chunks_exact(3)).all(|(a, b)| a[..3] == *b && a[3] == 255));
        assert!(decode(&stored[..stored.len() / 2], 3).is_err());
        assert!(decode(&[stored, vec![0; 9000]].concat(), 3).expect_err("refused").contains("far larger"));
    }

    /// The frame inside may claim to be larger than the picture that it is a frame of, up to 400 MB once decoded.
    #[test]
    fn a_frame_that_is_larger_than_its_picture_costs_nothing() {
        let canvas = chunk(b"VP8X", &[0, 0, 0, 0, 7, 0, 0, 7, 0, 0]);
        let frame = chunk(b"VP8 ", &[0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xff, 0x3f, 0xff, 0x3f, 0, 0, 0, 0]);
        let file = chunk(b"RIFF", &[&b"WEBP"[..], &canvas, &frame].concat());
        assert!(decode(&file, 3).is_err());
    }
}
