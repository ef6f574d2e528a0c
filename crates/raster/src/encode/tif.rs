//! GeoTIFF: one band after another, each a deflated strip. Sources: Adobe, TIFF 6.0; OGC 19-008r4 (GeoTIFF 1.1).
//!
//! The mask is the last band, and where GDAL would not take such a band for one also an internal mask: GDAL knows alpha of
//! 8 and 16 unsigned bits beside one or three bands only.

use std::sync::Arc;

use crate::{
    RasterError, Result,
    block::Samples,
    crs::Crs,
    encode::deflate::append_zlib,
    header::{Affine, ControlPoint, UserKeys},
    pixels::{Pixels, with_samples},
};

/// Where a picture lies, in some coordinate reference system.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    /// How its system is named; without a name the file says nothing of it.
    pub system: Option<System>,
    /// Its pixels in that system.
    pub ground: Ground,
}

/// The name of a coordinate reference system.
#[derive(Debug, Clone, PartialEq)]
pub enum System {
    /// By EPSG code.
    Epsg {
        /// The code.
        code: u32,
        /// Whether coordinates are degrees.
        is_geographic: bool,
    },
    /// In the words of another file.
    Keys(Arc<UserKeys>),
}

/// The way from pixels to coordinates.
#[derive(Debug, Clone, PartialEq)]
pub enum Ground {
    /// Straight.
    Affine(Affine),
    /// Through ground control points.
    ControlPoints(Vec<ControlPoint>),
}

impl Placement {
    /// In a system without rows that run otherwise than south, from the outer corner of the upper left pixel on; `pixel` is the
    /// width and height of one, both positive.
    pub fn north_up(crs: &Crs, corner: (f64, f64), pixel: (f64, f64)) -> Self {
        let affine = Affine { a: pixel.0, b: 0.0, c: corner.0, d: 0.0, e: -pixel.1, f: corner.1 };
        let is_geographic = crs.is_geographic();
        let system = crs.epsg().map(|code| System::Epsg { code, is_geographic });
        Self { system, ground: Ground::Affine(affine) }
    }

    /// Width and height of a pixel that does not lie askew.
    pub fn pixel(&self) -> Option<(f64, f64)> {
        match &self.ground {
            Ground::Affine(Affine { a, b, d, e, .. }) if *b == 0.0 && *d == 0.0 => Some((a.abs(), e.abs())),
            _ => None,
        }
    }
}

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
const MODEL_PIXEL_SCALE: u16 = 33_550;
const MODEL_TIEPOINT: u16 = 33_922;
const MODEL_TRANSFORMATION: u16 = 34_264;
const GEO_KEYS: u16 = 34_735;
const GEO_DOUBLES: u16 = 34_736;
const GDAL_NODATA: u16 = 42_113;

const DEFLATE: u16 = 8;
const BANDS_APART: u16 = 2;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;
const TRANSPARENCY_MASK: u16 = 4;
const MASK_SUBFILE: u32 = 4;
const UNASSOCIATED_ALPHA: u16 = 2;

/// What a tag holds.
enum Value {
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Doubles(Vec<f64>),
    Text(String),
}

/// A file being written: what its directories will say, and the strips so far.
struct Writer {
    file: Vec<u8>,
    /// Where the offset of the next directory is to be written.
    link_at: usize,
}

pub(super) fn encode(pixels: &Pixels, placement: Option<&Placement>, with_mask: bool) -> Result<Vec<u8>> {
    let mut writer = Writer { file: b"II\x2a\0\0\0\0\0".to_vec(), link_at: 4 };
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

fn place_tags(placement: &Placement) -> Vec<(u16, Value)> {
    let mut tags = ground_tags(&placement.ground);
    match &placement.system {
        Some(System::Epsg { code, is_geographic }) => {
            // Model type, raster type (pixels are areas), and the system under the key of its kind (OGC 19-008r4, 7.4).
            let (model, key) = if *is_geographic { (2, 2048) } else { (1, 3072) };
            let keys = u16::try_from(*code).ok();
            let keys = keys.map(|code| vec![1, 1, 1, 3, 1024, 0, 1, model, 1025, 0, 1, 1, key, 0, 1, code]);
            tags.extend(keys.map(|keys| (GEO_KEYS, Value::Shorts(keys))));
        }
        Some(System::Keys(keys)) => {
            tags.push((GEO_KEYS, Value::Shorts(keys.directory().to_vec())));
            if !keys.doubles().is_empty() {
                tags.push((GEO_DOUBLES, Value::Doubles(keys.doubles().to_vec())));
            }
        }
        None => {}
    }
    tags
}

/// As GDAL writes them: a scale where rows run south, a transformation where they do not, or many ties.
fn ground_tags(ground: &Ground) -> Vec<(u16, Value)> {
    match ground {
        &Ground::Affine(Affine { a, b: 0.0, c, d: 0.0, e, f }) if a > 0.0 && e < 0.0 => vec![
            (MODEL_PIXEL_SCALE, Value::Doubles(vec![a, -e, 0.0])),
            (MODEL_TIEPOINT, Value::Doubles(vec![0.0, 0.0, 0.0, c, f, 0.0])),
        ],
        &Ground::Affine(Affine { a, b, c, d, e, f }) => {
            let rows = [[a, b, 0.0, c], [d, e, 0.0, f], [0.0; 4], [0.0, 0.0, 0.0, 1.0]];
            vec![(MODEL_TRANSFORMATION, Value::Doubles(rows.as_flattened().to_vec()))]
        }
        Ground::ControlPoints(points) => {
            let tie = |&ControlPoint { pixel: (column, row), place: (x, y) }| [column, row, 0.0, x, y, 0.0];
            vec![(MODEL_TIEPOINT, Value::Doubles(points.iter().flat_map(tie).collect()))]
        }
    }
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

impl Writer {
    /// Appends a strip; gives its offset and size.
    fn strip(&mut self, bytes: &[u8]) -> Result<(u32, u32)> {
        let failed = |reason: String| RasterError::Encode { format: "tif", reason };
        let start = self.file.len();
        append_zlib(bytes, &mut self.file).map_err(failed)?;
        let offset = u32::try_from(start).map_err(|error| failed(error.to_string()))?;
        let size = u32::try_from(self.file.len() - start).map_err(|error| failed(error.to_string()))?;
        Ok((offset, size))
    }

    /// Appends a directory, whose tags are in ascending order, and links it to the one before.
    fn directory(&mut self, tags: &[(u16, Value)]) {
        self.align();
        let start = self.file.len() as u32;
        self.file[self.link_at..][..4].copy_from_slice(&start.to_le_bytes());
        self.file.extend_from_slice(&(tags.len() as u16).to_le_bytes());
        let mut beyond = Vec::new();
        let beyond_at = self.file.len() + tags.len() * 12 + 4;
        for (tag, value) in tags {
            let (kind, count, mut bytes) = value.spelt();
            if bytes.len() > 4 {
                let at = (beyond_at + beyond.len()) as u32;
                bytes.resize(bytes.len().next_multiple_of(2), 0);
                beyond.append(&mut bytes);
                bytes = at.to_le_bytes().to_vec();
            }
            bytes.resize(4, 0);
            self.file.extend_from_slice(&tag.to_le_bytes());
            self.file.extend_from_slice(&kind.to_le_bytes());
            self.file.extend_from_slice(&count.to_le_bytes());
            self.file.extend_from_slice(&bytes);
        }
        self.link_at = self.file.len();
        self.file.extend_from_slice(&[0; 4]);
        self.file.append(&mut beyond);
    }

    /// Directories begin on even offsets.
    fn align(&mut self) {
        self.file.resize(self.file.len().next_multiple_of(2), 0);
    }
}

impl Value {
    /// TIFF's number of the type, how many there are, and their bytes.
    fn spelt(&self) -> (u16, u32, Vec<u8>) {
        match self {
            Self::Shorts(values) => {
                (3, values.len() as u32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Self::Longs(values) => {
                (4, values.len() as u32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Self::Doubles(values) => {
                (12, values.len() as u32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Self::Text(text) => (2, text.len() as u32 + 1, text.bytes().chain([0]).collect()),
        }
    }
}
