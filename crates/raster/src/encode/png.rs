//! PNG, written chunk by chunk around a ready zlib stream. Source: W3C, PNG specification, third edition.
//!
//! Eight or sixteen bits a channel, not interlaced, one filter for the whole picture.

use std::borrow::Cow;

use crate::{
    RasterError, Result,
    encode::{deflate::append_zlib, lines},
    style::{Colors, Picture},
};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What stands round the stream in most files; a palette is more.
const MOST_AROUND_BYTES: usize = 64;

/// PNG colour types (section 11.2.1).
mod color_type {
    pub(super) const GRAY: u8 = 0;
    pub(super) const RGB: u8 = 2;
    pub(super) const INDEXED: u8 = 3;
    pub(super) const GRAY_ALPHA: u8 = 4;
    pub(super) const RGBA: u8 = 6;
}

/// What to take off a byte before compression (section 9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    None = 0,
    Up = 2,
}

/// How a picture lies in the file.
struct Layout<'a> {
    color_type: u8,
    bytes_per_pixel: usize,
    bit_depth: u8,
    bytes: Cow<'a, [u8]>,
    filter: Filter,
}

pub(super) fn encode(picture: &Picture) -> Result<Vec<u8>> {
    let (layout, width_px) = (layout(&picture.colors), picture.width_px as usize);
    if layout.filter == Filter::None {
        let (line_bytes, pixel_bytes) = (width_px * layout.bytes_per_pixel, layout.bytes_per_pixel);
        let quick = lines::with_zlib(&layout.bytes, line_bytes, pixel_bytes, |stream| file(picture, &layout, stream));
        if let Some(file) = quick {
            return Ok(file);
        }
    }
    let mut stream = Vec::new();
    let outcome = append_zlib(&filtered_lines(&layout, width_px), &mut stream);
    outcome.map_err(|reason| RasterError::Encode { format: "png", reason })?;
    Ok(file(picture, &layout, &stream))
}

/// The file round a ready stream, with no more room than it takes: it is kept in caches that weigh its length.
fn file(picture: &Picture, layout: &Layout<'_>, stream: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(SIGNATURE.len() + stream.len() + MOST_AROUND_BYTES);
    file.extend_from_slice(SIGNATURE);
    append_chunk(&mut file, *b"IHDR", |data| append_header(data, picture, layout));
    append_palette(&mut file, &picture.colors);
    append_chunk(&mut file, *b"IDAT", |data| data.extend_from_slice(stream));
    append_chunk(&mut file, *b"IEND", |_| ());
    file.shrink_to_fit();
    file
}

fn layout(colors: &Colors) -> Layout<'_> {
    // Speckle defeats every filter, and indices are no quantities; colour pictures are smooth enough for Up to pay.
    let (color_type, bytes_per_pixel, bytes, filter) = match colors {
        Colors::Gray8(gray) | Colors::GrayKeyed8 { gray, .. } => (color_type::GRAY, 1, gray, Filter::None),
        Colors::GrayAlpha8(bytes) => (color_type::GRAY_ALPHA, 2, bytes, Filter::None),
        Colors::Indexed8 { indices, .. } => (color_type::INDEXED, 1, indices, Filter::None),
        Colors::Rgb8(bytes) => (color_type::RGB, 3, bytes, Filter::Up),
        Colors::Rgba8(bytes) => (color_type::RGBA, 4, bytes, Filter::Up),
        Colors::Wide { channels, samples } => return wide_layout(*channels, samples),
    };
    Layout { color_type, bytes_per_pixel, bit_depth: 8, bytes: Cow::Borrowed(bytes), filter }
}

/// Sixteen bits a channel, high byte first (section 7.1).
fn wide_layout(channels: u8, samples: &[u16]) -> Layout<'_> {
    let color_type = match channels {
        1 => color_type::GRAY,
        2 => color_type::GRAY_ALPHA,
        3 => color_type::RGB,
        _ => color_type::RGBA,
    };
    let bytes = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    Layout { color_type, bytes_per_pixel: usize::from(channels) * 2, bit_depth: 16, bytes, filter: Filter::Up }
}

fn append_header(data: &mut Vec<u8>, picture: &Picture, layout: &Layout<'_>) {
    data.extend_from_slice(&picture.width_px.to_be_bytes());
    data.extend_from_slice(&picture.height_px.to_be_bytes());
    let (compression, filter_method, interlace) = (0, 0, 0);
    data.extend_from_slice(&[layout.bit_depth, layout.color_type, compression, filter_method, interlace]);
}

fn append_palette(file: &mut Vec<u8>, colors: &Colors) {
    match colors {
        Colors::GrayKeyed8 { transparent, .. } => {
            append_chunk(file, *b"tRNS", |data| data.extend_from_slice(&[0, *transparent]));
        }
        Colors::Indexed8 { palette, .. } => {
            append_chunk(file, *b"PLTE", |data| palette.iter().for_each(|rgba| data.extend_from_slice(&rgba[..3])));
            // Alpha need only be given up to the last colour that is not opaque.
            let translucent = palette.iter().rposition(|rgba| rgba[3] != 255).map_or(0, |last| last + 1);
            if translucent > 0 {
                append_chunk(file, *b"tRNS", |data| data.extend(palette[..translucent].iter().map(|rgba| rgba[3])));
            }
        }
        Colors::Gray8(_) | Colors::GrayAlpha8(_) | Colors::Rgb8(_) | Colors::Rgba8(_) | Colors::Wide { .. } => {}
    }
}

/// Lines with their filter byte in front (section 7.2).
fn filtered_lines(layout: &Layout<'_>, width_px: usize) -> Vec<u8> {
    let line_bytes = width_px * layout.bytes_per_pixel;
    let mut lines = Vec::with_capacity(layout.bytes.len() + layout.bytes.len() / line_bytes.max(1));
    let mut above: &[u8] = &[];
    for line in layout.bytes.chunks_exact(line_bytes.max(1)) {
        lines.push(layout.filter as u8);
        if layout.filter == Filter::Up && !above.is_empty() {
            lines.extend(line.iter().zip(above).map(|(byte, up)| byte.wrapping_sub(*up)));
        } else {
            lines.extend_from_slice(line);
        }
        above = line;
    }
    lines
}

/// Length, type, data, CRC of type and data (section 5.3); `fill` appends the data.
fn append_chunk(file: &mut Vec<u8>, kind: [u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let start = file.len();
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(&kind);
    fill(file);
    let data_bytes = u32::try_from(file.len() - start - 8).expect("a view's side is bounded far below 4 GiB of pixels");
    file[start..start + 4].copy_from_slice(&data_bytes.to_be_bytes());
    let crc = crc32fast::hash(&file[start + 4..]);
    file.extend_from_slice(&crc.to_be_bytes());
}
