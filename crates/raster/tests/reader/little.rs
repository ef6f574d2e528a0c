//! Writes little TIFFs byte by byte: any tags, one directory, one strip. It knows nothing of what the tags mean.

use std::{ops::Range, sync::Arc};

use aurora_raster::{
    GeoTiff, Limits, Result,
    source::{ByteSource, SourceFuture},
};
use bytes::Bytes;
use futures_util::FutureExt;

/// A file in memory.
pub(crate) struct Memory(pub(crate) Bytes);

impl ByteSource for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn version(&self) -> &str {
        "1"
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        let part = |range: &Range<u64>| self.0.slice(range.start as usize..range.end as usize);
        Box::pin(async move { Ok(ranges.iter().map(part).collect()) })
    }
}

/// A tag's values.
pub(crate) enum Values {
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Doubles(Vec<f64>),
}

pub(crate) use Values::{Doubles, Longs, Shorts};

impl Values {
    /// Type code, count and little-endian bytes.
    fn encoded(&self) -> (u16, u32, Vec<u8>) {
        let (code, count, bytes): (u16, usize, Vec<u8>) = match self {
            Shorts(v) => (3, v.len(), v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Longs(v) => (4, v.len(), v.iter().flat_map(|x| x.to_le_bytes()).collect()),
            Doubles(v) => (12, v.len(), v.iter().flat_map(|x| x.to_le_bytes()).collect()),
        };
        (code, u32::try_from(count).expect("few values"), bytes)
    }
}

/// Where pixels begin in [`tiff`].
pub(crate) const PIXELS_AT: u32 = 8;

/// A classic little-endian TIFF of one directory: signature, `pixels`, the directory, then its values. `next` is the
/// next directory's offset, given the directory's own.
pub(crate) fn tiff(tags: &[(u16, Values)], pixels: &[u8], next: impl Fn(u32) -> u32) -> Bytes {
    let directory_at = PIXELS_AT as usize + pixels.len().next_multiple_of(2);
    let mut out = b"II\x2a\0".to_vec();
    out.extend((directory_at as u32).to_le_bytes());
    out.extend(pixels);
    out.resize(directory_at, 0);
    out.extend((tags.len() as u16).to_le_bytes());
    let mut values = Vec::new();
    let values_at = directory_at + 2 + tags.len() * 12 + 4;
    for (tag, these) in tags {
        let (code, count, mut bytes) = these.encoded();
        out.extend(tag.to_le_bytes());
        out.extend(code.to_le_bytes());
        out.extend(count.to_le_bytes());
        if bytes.len() <= 4 {
            bytes.resize(4, 0);
            out.extend(bytes);
        } else {
            out.extend(((values_at + values.len()) as u32).to_le_bytes());
            values.extend(bytes);
        }
    }
    out.extend(next(directory_at as u32).to_le_bytes());
    out.extend(values);
    out.into()
}

/// Tags of a stored 16-bit image of one strip.
pub(crate) fn image(width: u16, height: u16) -> Vec<(u16, Values)> {
    let length = u32::from(width) * u32::from(height) * 2;
    vec![
        (256, Shorts(vec![width])),
        (257, Shorts(vec![height])),
        (258, Shorts(vec![16])),
        (262, Shorts(vec![1])),
        (273, Longs(vec![PIXELS_AT])),
        (279, Longs(vec![length])),
    ]
}

pub(crate) fn pixels(width: u16, height: u16) -> Vec<u8> {
    (0..u32::from(width) * u32::from(height)).flat_map(|i| (i.wrapping_mul(7919) as u16).to_le_bytes()).collect()
}

pub(crate) fn open(bytes: Bytes) -> Result<Arc<GeoTiff>> {
    GeoTiff::open(Arc::new(Memory(bytes)), Limits::default()).now_or_never().expect("ready at once")
}

pub(crate) fn end(_: u32) -> u32 {
    0
}

/// GeoKeys of a projected system: version, count, then key, location, count, value.
pub(crate) fn geo_keys(keys: &[[u16; 4]]) -> Values {
    let mut numbers = vec![1, 1, 0, u16::try_from(keys.len()).expect("few")];
    numbers.extend(keys.iter().flatten());
    Shorts(numbers)
}
