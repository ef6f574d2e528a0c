//! Image file directories: the tags this reader knows, where their values lie, and the values themselves.
//!
//! A directory is parsed from bytes at hand; values that lie elsewhere are named by [`Directory::outlying`] so that the
//! caller can fetch those of all directories in one round. Tags nobody here reads are skipped, whatever they claim.

use std::ops::Range;

use bytes::Bytes;

use super::{
    Unread, broken,
    bytes::{ByteOrder, FieldType},
    window::Window,
};
use crate::{Limits, RasterError, Result};

/// Tags by their names in TIFF 6.0, its technical notes, GeoTIFF and GDAL.
pub(super) mod tag {
    pub(in super::super) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(in super::super) const SUBFILE_TYPE: u16 = 255;
    pub(in super::super) const IMAGE_WIDTH: u16 = 256;
    pub(in super::super) const IMAGE_LENGTH: u16 = 257;
    pub(in super::super) const BITS_PER_SAMPLE: u16 = 258;
    pub(in super::super) const COMPRESSION: u16 = 259;
    pub(in super::super) const PHOTOMETRIC: u16 = 262;
    pub(in super::super) const FILL_ORDER: u16 = 266;
    pub(in super::super) const STRIP_OFFSETS: u16 = 273;
    pub(in super::super) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(in super::super) const ROWS_PER_STRIP: u16 = 278;
    pub(in super::super) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(in super::super) const PLANAR_CONFIGURATION: u16 = 284;
    pub(in super::super) const T4_OPTIONS: u16 = 292;
    pub(in super::super) const PREDICTOR: u16 = 317;
    pub(in super::super) const COLOR_MAP: u16 = 320;
    pub(in super::super) const TILE_WIDTH: u16 = 322;
    pub(in super::super) const TILE_LENGTH: u16 = 323;
    pub(in super::super) const TILE_OFFSETS: u16 = 324;
    pub(in super::super) const TILE_BYTE_COUNTS: u16 = 325;
    pub(in super::super) const SUB_IFDS: u16 = 330;
    pub(in super::super) const EXTRA_SAMPLES: u16 = 338;
    pub(in super::super) const SAMPLE_FORMAT: u16 = 339;
    pub(in super::super) const JPEG_TABLES: u16 = 347;
    pub(in super::super) const MODEL_PIXEL_SCALE: u16 = 33550;
    pub(in super::super) const MODEL_TIEPOINT: u16 = 33922;
    pub(in super::super) const MODEL_TRANSFORMATION: u16 = 34264;
    pub(in super::super) const GEO_KEY_DIRECTORY: u16 = 34735;
    pub(in super::super) const GEO_DOUBLE_PARAMS: u16 = 34736;
    pub(in super::super) const GDAL_METADATA: u16 = 42112;
    pub(in super::super) const LERC_PARAMETERS: u16 = 50674;
    pub(in super::super) const GDAL_NODATA: u16 = 42113;

    pub(super) const KNOWN: [u16; 32] = [
        NEW_SUBFILE_TYPE,
        SUBFILE_TYPE,
        IMAGE_WIDTH,
        IMAGE_LENGTH,
        BITS_PER_SAMPLE,
        COMPRESSION,
        PHOTOMETRIC,
        FILL_ORDER,
        STRIP_OFFSETS,
        SAMPLES_PER_PIXEL,
        ROWS_PER_STRIP,
        STRIP_BYTE_COUNTS,
        PLANAR_CONFIGURATION,
        T4_OPTIONS,
        PREDICTOR,
        COLOR_MAP,
        TILE_WIDTH,
        TILE_LENGTH,
        TILE_OFFSETS,
        TILE_BYTE_COUNTS,
        SUB_IFDS,
        EXTRA_SAMPLES,
        SAMPLE_FORMAT,
        JPEG_TABLES,
        MODEL_PIXEL_SCALE,
        MODEL_TIEPOINT,
        MODEL_TRANSFORMATION,
        GEO_KEY_DIRECTORY,
        GEO_DOUBLE_PARAMS,
        GDAL_METADATA,
        GDAL_NODATA,
        LERC_PARAMETERS,
    ];
}

/// How the file counts: its byte order and whether it is a BigTIFF.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) order: ByteOrder,
    pub(super) big: bool,
}

impl Dialect {
    /// Bytes of an offset.
    pub(super) fn offset_bytes(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    /// Bytes of the entry count that opens a directory.
    fn count_bytes(self) -> usize {
        if self.big { 8 } else { 2 }
    }

    fn entry_bytes(self) -> usize {
        if self.big { 20 } else { 12 }
    }

    /// Bytes of a directory with `entries` entries.
    pub(super) fn directory_bytes(self, entries: usize) -> u64 {
        (self.count_bytes() + entries * self.entry_bytes() + self.offset_bytes()) as u64
    }
}

#[derive(Debug, Clone)]
struct Entry {
    tag: u16,
    field: FieldType,
    count: u64,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Inline([u8; 8]),
    At(Range<u64>),
}

/// One directory's known entries.
#[derive(Debug)]
pub(super) struct Directory {
    dialect: Dialect,
    entries: Vec<Entry>,
    /// Offset of the next directory, 0 at the chain's end.
    pub(super) next: u64,
    /// First byte after the directory and the values of its known tags.
    pub(super) end_byte: u64,
}

impl Directory {
    /// Parses the directory at `offset`; `Ok(None)` when the window does not hold all of it yet.
    pub(super) fn parse(
        window: &Window<'_>,
        dialect: Dialect,
        offset: u64,
        limits: &Limits,
    ) -> Result<Option<Self>, Unread> {
        let past_count = beyond(offset, dialect.count_bytes() as u64);
        check_inside("directory", offset..past_count, window.size_bytes())?;
        let Some(count) = window.get(&(offset..past_count)).map(|bytes| dialect.order.unsigned(bytes)) else {
            return Ok(None);
        };
        if count > limits.max_entries as u64 {
            let limit = limits.max_entries as u64;
            return Err(RasterError::TooLarge { what: "directory entries", value: count, limit }.into());
        }
        let count = count as usize;
        let end = beyond(offset, dialect.directory_bytes(count));
        check_inside("directory", offset..end, window.size_bytes())?;
        let Some(bytes) = window.get(&(past_count..end)) else { return Ok(None) };
        let (entries, next) = bytes.split_at(count * dialect.entry_bytes());
        let mut directory = Self { dialect, entries: Vec::new(), next: dialect.order.unsigned(next), end_byte: end };
        for entry in entries.chunks_exact(dialect.entry_bytes()) {
            directory.add(entry, window.size_bytes(), limits)?;
        }
        Ok(Some(directory))
    }

    fn add(&mut self, bytes: &[u8], size_bytes: u64, limits: &Limits) -> Result<(), Unread> {
        let order = self.dialect.order;
        let tag = order.unsigned(&bytes[..2]) as u16;
        let Some(field) = FieldType::from_code(order.unsigned(&bytes[2..4])) else { return Ok(()) };
        if !tag::KNOWN.contains(&tag) || self.entry(tag).is_some() {
            return Ok(());
        }
        let (count, value) = bytes[4..].split_at(self.dialect.offset_bytes());
        let count = order.unsigned(count);
        let length = count.checked_mul(u64::from(field.size_bytes())).filter(|&length| length <= limits.max_tag_bytes);
        let limit = limits.max_tag_bytes;
        let length = length.ok_or(RasterError::TooLarge { what: "bytes of a tag", value: count, limit })?;
        let place = if length <= value.len() as u64 {
            let mut inline = [0; 8];
            inline[..value.len()].copy_from_slice(value);
            Place::Inline(inline)
        } else {
            let start = order.unsigned(value);
            let range = start..beyond(start, length);
            check_inside("a tag's value", range.clone(), size_bytes)?;
            self.end_byte = self.end_byte.max(range.end);
            Place::At(range)
        };
        self.entries.push(Entry { tag, field, count, place });
        Ok(())
    }

    /// Where the values of `tags` lie that are outside both the entries and the window.
    pub(super) fn outlying(&self, window: &Window<'_>, tags: impl Fn(u16) -> bool) -> impl Iterator<Item = Range<u64>> {
        self.entries.iter().filter(move |entry| tags(entry.tag)).filter_map(|entry| match &entry.place {
            Place::At(range) if window.get(range).is_none() => Some(range.clone()),
            _ => None,
        })
    }

    /// Bytes of all values that lie outside the entries.
    pub(super) fn values_bytes(&self) -> u64 {
        let placed = self.entries.iter().map(|entry| match &entry.place {
            Place::At(range) => range.end - range.start,
            Place::Inline(_) => 0,
        });
        placed.fold(0, u64::saturating_add)
    }

    /// All values of `tag` as unsigned numbers, lazily; `None` when the tag is absent or empty.
    pub(super) fn numbers<'w>(
        &'w self,
        window: &'w Window<'_>,
        tag: u16,
    ) -> Result<Option<impl ExactSizeIterator<Item = Result<u64>> + 'w>> {
        let Some((field, bytes)) = self.values(window, tag)? else { return Ok(None) };
        let order = self.dialect.order;
        let number = move |bytes: &[u8]| {
            field.unsigned(order, bytes).ok_or_else(|| broken(format!("tag {tag} holds no whole numbers")))
        };
        Ok(Some(bytes.chunks_exact(usize::from(field.size_bytes())).map(number)))
    }

    /// The first value of `tag` as an unsigned number.
    pub(super) fn number(&self, window: &Window<'_>, tag: u16) -> Result<Option<u64>> {
        self.numbers(window, tag)?.and_then(|mut numbers| numbers.next()).transpose()
    }

    /// The first value of `tag` where it must fit `u32`, or `default` when the tag is absent.
    pub(super) fn small(&self, window: &Window<'_>, tag: u16, default: u32) -> Result<u32> {
        let number = self.number(window, tag)?.unwrap_or(u64::from(default));
        u32::try_from(number).map_err(|_| broken(format!("tag {tag} is {number}")))
    }

    /// All values of `tag` as 16-bit numbers, empty when absent.
    pub(super) fn shorts(&self, window: &Window<'_>, tag: u16) -> Result<Vec<u16>> {
        let Some(numbers) = self.numbers(window, tag)? else { return Ok(Vec::new()) };
        numbers.map(|number| u16::try_from(number?).map_err(|_| broken(format!("tag {tag} is past 65535")))).collect()
    }

    /// All values of `tag` as real numbers, empty when absent.
    pub(super) fn reals(&self, window: &Window<'_>, tag: u16) -> Result<Vec<f64>> {
        let Some((field, bytes)) = self.values(window, tag)? else { return Ok(Vec::new()) };
        let order = self.dialect.order;
        let real = |bytes| field.real(order, bytes).ok_or_else(|| broken(format!("tag {tag} holds no numbers")));
        bytes.chunks_exact(usize::from(field.size_bytes())).map(real).collect()
    }

    /// The bytes of `tag` as they are, empty when absent.
    pub(super) fn bytes(&self, window: &Window<'_>, tag: u16) -> Result<Bytes> {
        Ok(self.values(window, tag)?.map_or(Bytes::new(), |(_, bytes)| Bytes::copy_from_slice(bytes)))
    }

    /// The text of `tag` up to its NUL, empty when absent.
    pub(super) fn text(&self, window: &Window<'_>, tag: u16) -> Result<String> {
        let Some((_, bytes)) = self.values(window, tag)? else { return Ok(String::new()) };
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
    }

    fn values<'w>(&'w self, window: &'w Window<'_>, tag: u16) -> Result<Option<(FieldType, &'w [u8])>> {
        let Some(entry) = self.entry(tag).filter(|entry| entry.count > 0) else { return Ok(None) };
        let bytes = match &entry.place {
            Place::Inline(bytes) => &bytes[..entry.count as usize * usize::from(entry.field.size_bytes())],
            Place::At(range) => window.get(range).ok_or_else(|| broken(format!("tag {tag} was not read")))?,
        };
        Ok(Some((entry.field, bytes)))
    }

    fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    /// Whether `tag` is there.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some_and(|entry| entry.count > 0)
    }
}

fn beyond(offset: u64, length: u64) -> u64 {
    offset.saturating_add(length)
}

fn check_inside(what: &'static str, range: Range<u64>, size_bytes: u64) -> Result<(), Unread> {
    if range.end <= size_bytes { Ok(()) } else { Err(Unread::CutOff { what, range, size_bytes }) }
}
