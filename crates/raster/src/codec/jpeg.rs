//! Baseline JPEG, decoded to the very samples that libjpeg-turbo gives.
//!
//! A lossy picture has no one decoding: libraries round the cosine transform and the colour differences each in their
//! own way, and values read at a point would not be those that GDAL reads. So the arithmetic here is that of its
//! defaults: the accurate integer transform ("islow", after Loeffler, Ligtenberg and Moschytz, ICASSP 1989), triangle
//! filters for subsampled components, and its fixed-point colour conversion. Format: ITU-T T.81. Read are sequential
//! Huffman-coded pictures of 8 bits, which is what TIFF holds; anything else is handed back to the caller.

mod color;
mod entropy;
mod frame;
mod scan;
mod tables;
mod transform;

use frame::Frame;
use tables::Tables;

/// Components of a picture at most: four inks, or colours and alpha. Only three may be other colours than they are
/// stored as.
const MOST_COMPONENTS: usize = 4;

/// Bytes that the planes of a picture may take beyond its samples: units of up to 4 × 4 blocks are stored whole.
pub(crate) const fn padding_bytes(width_px: u32, height_px: u32) -> u64 {
    const BEYOND: u64 = (4 * SIDE - 1) as u64;
    (BEYOND * (width_px as u64 + height_px as u64) + BEYOND * BEYOND) * MOST_COMPONENTS as u64
}

/// Samples `[row][col][component]` of a picture.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    pub(super) components: usize,
    pub(super) bytes: Vec<u8>,
}

/// Why a stream was not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Valid, perhaps, but of a kind that is not decoded here.
    OtherKind,
    /// Not a valid stream.
    Bad(&'static str),
}

type Result<T> = std::result::Result<T, Fault>;

/// Samples along a side of a block.
const SIDE: usize = 8;
/// Samples of a block.
const BLOCK: usize = SIDE * SIDE;

/// Where the coefficients of a block stand that are stored in zigzag order (T.81, figure A.6).
const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// What a picture may be at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) width_px: usize,
    pub(super) height_px: usize,
    pub(super) components: usize,
}

/// Decodes a picture; `ycbcr` says whether three components are to be made RGB. What its frame claims is held against
/// `most` before its planes are made, which are larger by up to 31 columns and rows: units of blocks are stored whole.
pub(super) fn decode(stream: &[u8], ycbcr: bool, most: Most) -> Result<Decoded> {
    let mut tables = Tables::default();
    let mut rest = stream.strip_prefix(b"\xff\xd8").ok_or(Fault::Bad("no start of image"))?;
    let mut frame: Option<Frame> = None;
    loop {
        let (marker, segment, after) = next_segment(rest)?;
        rest = after;
        match marker {
            0xc0 | 0xc1 if frame.is_none() => frame = Some(Frame::read(segment, most)?),
            0xc2 | 0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return Err(Fault::OtherKind),
            0xc4 => tables.read_huffman(segment)?,
            0xdb => tables.read_quantization(segment)?,
            0xdd => tables.restart_interval = usize::from(short_at(segment, 0)?),
            0xda => {
                let frame = frame.as_mut().ok_or(Fault::Bad("a scan before its frame"))?;
                rest = frame.scan(segment, rest, &tables)?;
                if frame.components.iter().all(|component| component.is_scanned) {
                    return Ok(frame.picture(ycbcr));
                }
            }
            0xd9 => return Err(Fault::Bad("it ends before its last scan")),
            _ => {}
        }
    }
}

/// The next marker, the segment that it opens, and what follows.
fn next_segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8])> {
    let start = bytes.iter().position(|&byte| byte == 0xff).ok_or(Fault::Bad("no marker"))?;
    let skipped = bytes[start..].iter().position(|&byte| byte != 0xff).ok_or(Fault::Bad("no marker"))?;
    let (marker, rest) = (bytes[start + skipped], &bytes[start + skipped + 1..]);
    if matches!(marker, 0x01 | 0xd0..=0xd9) {
        return Ok((marker, &[], rest));
    }
    let length = usize::from(short_at(rest, 0)?);
    let segment = rest.get(2..length).ok_or(Fault::Bad("a segment longer than the stream"))?;
    Ok((marker, segment, &rest[length..]))
}

fn short_at(bytes: &[u8], at: usize) -> Result<u16> {
    let pair = bytes.get(at..at + 2).ok_or(Fault::Bad("a segment that ends early"))?;
    Ok(u16::from_be_bytes([pair[0], pair[1]]))
}

fn byte_at(bytes: &[u8], at: usize) -> Result<u8> {
    bytes.get(at).copied().ok_or(Fault::Bad("a segment that ends early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_jpeg_or_another_kind_is_told() {
        let fault = |stream: &[u8]| {
            decode(stream, true, Most { width_px: 10, height_px: 10, components: 3 }).expect_err("no picture")
        };
        assert_eq!(fault(b""), Fault::Bad("no start of image"));
        assert_eq!(fault(b"\xff\xd8\xff\xc2\0\x02"), Fault::OtherKind);
        assert!(matches!(fault(b"\xff\xd8\xff\xd9"), Fault::Bad(_)));
    }
}
