//! GeoTIFF: strips of some rows of one band each, deflated, so that it is written as rows come. Sources: Adobe, TIFF
//! 6.0; OGC 19-008r4 (GeoTIFF 1.1).
//!
//! The mask is the last band, and where GDAL would not take such a band for one also an internal mask: GDAL knows alpha
//! of 8 and 16 unsigned bits beside one or three bands only.

mod place;
mod rows;
mod writer;

pub use place::{Ground, Placement, System};
pub(super) use rows::encode;
pub use rows::{TifRows, tif_rows_per_strip};

use place::place_tags;
use rows::Shape;
use writer::Value;

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

/// Of an image whose `strips` are all of the first band, then all of the next.
fn image_tags(
    shape: &Shape,
    placement: Option<&Placement>,
    with_mask: bool,
    strips: &[(u32, u32)],
) -> Vec<(u16, Value)> {
    let count = usize::from(shape.bands) + usize::from(with_mask);
    let (bits, format) = shape.kind;
    let is_rgb = shape.bands == 3 && shape.has_known_alpha();
    let mut extra = vec![0; usize::from(shape.bands).saturating_sub(if is_rgb { 3 } else { 1 })];
    extra.extend(with_mask.then_some(UNASSOCIATED_ALPHA));
    let mut tags = vec![
        (WIDTH, Value::Longs(vec![shape.width_px])),
        (HEIGHT, Value::Longs(vec![shape.height_px])),
        (BITS_PER_SAMPLE, Value::Shorts(vec![bits; count])),
        (COMPRESSION, Value::Shorts(vec![DEFLATE])),
        (PHOTOMETRIC, Value::Shorts(vec![if is_rgb { RGB } else { BLACK_IS_ZERO }])),
        (STRIP_OFFSETS, Value::Longs(strips.iter().map(|strip| strip.0).collect())),
        (SAMPLES_PER_PIXEL, Value::Shorts(vec![count as u16])),
        (ROWS_PER_STRIP, Value::Longs(vec![shape.rows_per_strip()])),
        (STRIP_BYTE_COUNTS, Value::Longs(strips.iter().map(|strip| strip.1).collect())),
        (PLANAR, Value::Shorts(vec![BANDS_APART])),
    ];
    if !extra.is_empty() {
        tags.push((EXTRA_SAMPLES, Value::Shorts(extra)));
    }
    tags.push((SAMPLE_FORMAT, Value::Shorts(vec![format; count])));
    tags.extend(placement.into_iter().flat_map(place_tags));
    tags.extend(shape.nodata.map(|nodata| (GDAL_NODATA, Value::Text(nodata_text(nodata)))));
    tags
}

fn nodata_text(nodata: f64) -> String {
    if nodata.is_nan() { "nan".to_owned() } else { nodata.to_string() }
}

fn mask_tags(shape: &Shape, strip: (u32, u32)) -> Vec<(u16, Value)> {
    vec![
        (SUBFILE_TYPE, Value::Longs(vec![MASK_SUBFILE])),
        (WIDTH, Value::Longs(vec![shape.width_px])),
        (HEIGHT, Value::Longs(vec![shape.height_px])),
        (BITS_PER_SAMPLE, Value::Shorts(vec![1])),
        (COMPRESSION, Value::Shorts(vec![DEFLATE])),
        (PHOTOMETRIC, Value::Shorts(vec![TRANSPARENCY_MASK])),
        (STRIP_OFFSETS, Value::Longs(vec![strip.0])),
        (SAMPLES_PER_PIXEL, Value::Shorts(vec![1])),
        (ROWS_PER_STRIP, Value::Longs(vec![shape.height_px])),
        (STRIP_BYTE_COUNTS, Value::Longs(vec![strip.1])),
    ]
}
