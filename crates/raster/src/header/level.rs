//! One directory as a level: its size, its block grid, and where each block lies.

use std::sync::Arc;

use super::{
    ComplexPart, Compression, Encoding, Header, LercWrap, Level, Planar, Predictor, SampleType, Storage, StoredRows,
    broken,
    directory::{Directory, tag},
    samples::{self, Samples},
    unsupported,
    window::Window,
};
use crate::{Feature, Limits, RasterError, Result};

/// What a level's samples take up in its blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) samples: Samples,
    /// Bits of one stored sample.
    pub(super) sample_bits: u8,
}

impl Layout {
    /// That of a mask of so many bits.
    pub(super) fn of_mask(bits: u8) -> Self {
        let samples = Samples { bands: 1, sample_type: SampleType::U8, encoding: Encoding::Plain };
        Self { samples, sample_bits: bits }
    }

    /// Bits of a stored pixel in one block.
    fn pixel_bits(self, planar: Planar) -> u64 {
        let bands = if planar == Planar::Contiguous { self.samples.stored_bands() } else { 1 };
        u64::from(bands) * u64::from(self.sample_bits)
    }

    /// Bytes of a stored row of `width_px` pixels of one block.
    fn row_bytes(self, planar: Planar, width_px: u32) -> u64 {
        (u64::from(width_px) * self.pixel_bits(planar)).div_ceil(8)
    }
}

/// Reads a level; `block_budget` is how many blocks the whole file may still have, and is used up.
pub(super) fn read(
    directory: &Directory,
    window: &Window<'_>,
    layout: Layout,
    limits: &Limits,
    block_budget: &mut usize,
) -> Result<Level> {
    let (width_px, height_px) = size_px(directory, window, limits)?;
    let compression = compression(directory, window)?;
    let reversed_bits = directory.small(window, tag::FILL_ORDER, 1)? == 2;
    let tiled = directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_OFFSETS);
    let (block_width_px, block_height_px) = match tiled {
        true => (side(directory, window, tag::TILE_WIDTH, limits)?, side(directory, window, tag::TILE_LENGTH, limits)?),
        false => (width_px, rows_per_strip(directory, window, height_px)?),
    };
    let planar = planar(directory, window, layout.samples.bands)?;
    check_samples(compression, layout, planar)?;
    let predictor = predictor(directory, window, compression, layout)?;
    let jpeg_tables = directory.bytes(window, tag::JPEG_TABLES)?;
    let ycbcr = samples::photometric(directory, window)? == samples::YCBCR;
    let storage = Storage::Blocks(Vec::new());
    let mut level = Level {
        width_px,
        height_px,
        block_width_px,
        block_height_px,
        tiled,
        compression,
        predictor,
        planar,
        reversed_bits,
        jpeg_tables,
        ycbcr,
        storage,
    };
    let blocks = blocks_of(directory, window, &level, layout, *block_budget)?;
    *block_budget = block_budget.saturating_sub(blocks.len());
    level.storage = Storage::Blocks(blocks);
    if compression == Compression::None && !tiled && cut_rows(&mut level, layout, *block_budget) {
        *block_budget = block_budget.saturating_sub(level.blocks_in_plane());
    }
    Ok(level)
}

/// Refuses blocks of a level, or of its mask, that are beyond the limits once decoded. Not done when a header is read:
/// what a file says of itself is of use also where its pixels are out of reach.
pub(super) fn check_blocks(header: &Header, index: u16, limits: &Limits) -> Result<()> {
    let samples = Samples { bands: header.bands, sample_type: header.sample_type, encoding: header.encoding };
    let level =
        header.levels.get(usize::from(index)).map(|level| (level, Layout { samples, sample_bits: samples.bits() }));
    let mask = header.mask(index).map(|mask| (mask, Layout::of_mask(header.mask_bits)));
    level.into_iter().chain(mask).try_for_each(|(level, layout)| {
        let row_bytes = layout.row_bytes(level.planar, level.block_width_px);
        let bytes = row_bytes.saturating_mul(u64::from(level.block_height_px));
        check_size("bytes of a block", bytes, limits.max_block_bytes)
    })
}

/// Width and height of a level, within the limits.
pub(super) fn size_px(directory: &Directory, window: &Window<'_>, limits: &Limits) -> Result<(u32, u32)> {
    Ok((side(directory, window, tag::IMAGE_WIDTH, limits)?, side(directory, window, tag::IMAGE_LENGTH, limits)?))
}

fn side(directory: &Directory, window: &Window<'_>, tag: u16, limits: &Limits) -> Result<u32> {
    let side_px = directory.number(window, tag)?.filter(|&side_px| side_px > 0);
    let side_px = side_px.ok_or_else(|| broken(format!("tag {tag}, a width or height, is absent or 0")))?;
    let limit = limits.max_side_px;
    let fits = u32::try_from(side_px).ok().filter(|&side_px| side_px <= limit);
    fits.ok_or(RasterError::TooLarge { what: "pixels along a side", value: side_px, limit: u64::from(limit) })
}

/// Rows of a strip, at most the image's own; absent means one strip.
fn rows_per_strip(directory: &Directory, window: &Window<'_>, height_px: u32) -> Result<u32> {
    match directory.number(window, tag::ROWS_PER_STRIP)? {
        Some(0) => Err(broken("strips of no rows".to_owned())),
        Some(rows) => Ok(u32::try_from(rows).unwrap_or(u32::MAX).min(height_px)),
        None => Ok(height_px),
    }
}

fn planar(directory: &Directory, window: &Window<'_>, bands: u16) -> Result<Planar> {
    match directory.small(window, tag::PLANAR_CONFIGURATION, 1)? {
        2 if bands > 1 => Ok(Planar::Separate),
        1 | 2 => Ok(Planar::Contiguous),
        other => Err(broken(format!("planar configuration {other}"))),
    }
}

fn compression(directory: &Directory, window: &Window<'_>) -> Result<Compression> {
    let code = directory.small(window, tag::COMPRESSION, 1)?;
    let name = match code {
        1 => return Ok(Compression::None),
        3 => return group3(directory, window),
        4 => return Ok(Compression::Group4),
        5 => return Ok(Compression::Lzw),
        7 => return Ok(Compression::Jpeg),
        8 | 32946 => return Ok(Compression::Deflate),
        32773 => return Ok(Compression::PackBits),
        34887 => return lerc(directory, window),
        34925 => return Ok(Compression::Lzma),
        50000 => return Ok(Compression::Zstd),
        50001 => return Ok(Compression::WebP),
        2 => "CCITT RLE",
        6 => "old JPEG",
        34676 | 34677 => "SGI log",
        34712 => "JPEG 2000",
        50002 | 52546 => "JPEG XL",
        _ => return Err(unsupported(Feature::Compression, format!("code {code}"))),
    };
    Err(unsupported(Feature::Compression, name.to_owned()))
}

/// Bit 0 of the T4 options: lines coded by their difference from the line before.
fn group3(directory: &Directory, window: &Window<'_>) -> Result<Compression> {
    if directory.small(window, tag::T4_OPTIONS, 0)? & 1 != 0 {
        return Err(unsupported(Feature::Compression, "CCITT fax 3, two-dimensional".to_owned()));
    }
    Ok(Compression::Group3)
}

/// The LERC parameters are its version and what it is wrapped in.
fn lerc(directory: &Directory, window: &Window<'_>) -> Result<Compression> {
    let wrap = directory.numbers(window, tag::LERC_PARAMETERS)?.and_then(|mut numbers| numbers.nth(1)).transpose()?;
    match wrap {
        None | Some(0) => Ok(Compression::Lerc(LercWrap::None)),
        Some(1) => Ok(Compression::Lerc(LercWrap::Deflate)),
        Some(2) => Ok(Compression::Lerc(LercWrap::Zstd)),
        Some(other) => Err(unsupported(Feature::Compression, format!("LERC wrapped by method {other}"))),
    }
}

/// Refuses compressions of samples that they are not made for.
fn check_samples(compression: Compression, layout: Layout, planar: Planar) -> Result<()> {
    let Samples { bands, sample_type, encoding } = layout.samples;
    let bands = if planar == Planar::Contiguous { bands } else { 1 };
    let plain = encoding == Encoding::Plain && layout.sample_bits >= 8;
    let bytes = plain && sample_type == SampleType::U8;
    let is_ink = encoding == Encoding::Cmyk(4);
    let refuse = |what: &str| {
        Err(unsupported(Feature::Compression, format!("{what} of {bands} bands of {} bits", layout.sample_bits)))
    };
    if matches!(encoding, Encoding::Cmyk(_)) && planar == Planar::Separate {
        return Err(unsupported(Feature::Photometric, "CMYK in planes".to_owned()));
    }
    match compression {
        Compression::Jpeg if !(bytes || is_ink) || bands > 4 => refuse("JPEG"),
        Compression::WebP if !(bytes && matches!(bands, 3 | 4)) => refuse("WebP"),
        Compression::Lerc(_) if !plain || matches!(sample_type, SampleType::U64 | SampleType::I64) => refuse("LERC"),
        Compression::Group3 | Compression::Group4 if layout.sample_bits != 1 || bands != 1 => refuse("CCITT fax"),
        _ => Ok(()),
    }
}

/// The predictor, which only these compressions have.
fn predictor(
    directory: &Directory,
    window: &Window<'_>,
    compression: Compression,
    layout: Layout,
) -> Result<Predictor> {
    let has_one =
        matches!(compression, Compression::Lzw | Compression::Deflate | Compression::Zstd | Compression::Lzma);
    if !has_one || layout.sample_bits == 1 {
        return Ok(Predictor::None);
    }
    let Samples { sample_type, encoding, .. } = layout.samples;
    let is_float = matches!(sample_type, SampleType::F32 | SampleType::F64);
    // Differences are of whole samples, as libtiff takes them, which knows none of more than 64 bits.
    let is_complex = matches!(encoding, Encoding::Complex(_));
    let is_wide = matches!(encoding, Encoding::Complex(ComplexPart::F64));
    match directory.small(window, tag::PREDICTOR, 1)? {
        1 => Ok(Predictor::None),
        2 if is_wide => Err(unsupported(Feature::Predictor, "horizontal, on complex samples of 128 bits".to_owned())),
        3 if is_complex => Err(unsupported(Feature::Predictor, "on complex samples".to_owned())),
        2 => Ok(Predictor::Horizontal),
        3 if is_float => Ok(Predictor::FloatingPoint),
        3 => Err(broken("the floating point predictor on whole numbers".to_owned())),
        other => Err(unsupported(Feature::Predictor, format!("code {other}"))),
    }
}

fn check_size(what: &'static str, value: u64, limit: u64) -> Result<()> {
    if value > limit { Err(RasterError::TooLarge { what, value, limit }) } else { Ok(()) }
}

/// Cuts blocks out of stored rows; `false` where that cannot be.
fn cut_rows(level: &mut Level, layout: Layout, block_budget: usize) -> bool {
    let Some(rows) = StoredRows::of(level, layout.pixel_bits(level.planar)) else { return false };
    let (block_width_px, block_height_px) = rows.block_px();
    let cut = Level { block_width_px, block_height_px, storage: Storage::Rows(Arc::new(rows)), ..level.clone() };
    let fits = cut.blocks_in_plane() <= block_budget;
    if fits {
        *level = cut;
    }
    fits
}

/// Offset and length of every block, `(0, 0)` for those the file leaves out.
fn blocks_of(
    directory: &Directory,
    window: &Window<'_>,
    level: &Level,
    layout: Layout,
    budget: usize,
) -> Result<Vec<(u64, u64)>> {
    let planes = if level.planar == Planar::Separate { u64::from(layout.samples.bands) } else { 1 };
    let count = u64::from(level.blocks_across()) * u64::from(level.blocks_down()) * planes;
    let count = usize::try_from(count).ok().filter(|&count| count <= budget);
    let count =
        count.ok_or(RasterError::TooLarge { what: "blocks", value: budget as u64 + 1, limit: budget as u64 })?;
    // Old writers put tile positions into the strips' tags.
    let has_tile_tags = directory.has(tag::TILE_OFFSETS);
    let (offsets, lengths) = match has_tile_tags {
        true => (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS),
        false => (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS),
    };
    let offsets = directory.numbers(window, offsets)?.ok_or_else(|| broken("no block offsets".to_owned()))?;
    let lengths = directory.numbers(window, lengths)?;
    check_count("block offsets", offsets.len(), count)?;
    let Some(lengths) = lengths else { return stored_lengths(offsets.take(count), level, layout) };
    check_count("block lengths", lengths.len(), count)?;
    let mut blocks = Vec::with_capacity(count);
    for (offset, length) in offsets.zip(lengths).take(count) {
        let (offset, length) = (offset?, length?);
        blocks.push(if offset == 0 || length == 0 { (0, 0) } else { (offset, length) });
    }
    Ok(blocks)
}

/// Files that do not say how long their blocks are: known all the same when nothing is compressed.
fn stored_lengths(
    offsets: impl Iterator<Item = Result<u64>>,
    level: &Level,
    layout: Layout,
) -> Result<Vec<(u64, u64)>> {
    if level.compression != Compression::None {
        return Err(broken("no block lengths".to_owned()));
    }
    let row_bytes = layout.row_bytes(level.planar, level.block_width_px);
    let per_plane = level.blocks_in_plane();
    let length = |index: usize| u64::from(level.block_rows((index % per_plane) as u32)) * row_bytes;
    offsets.enumerate().map(|(index, offset)| Ok((offset?, length(index)))).collect()
}

fn check_count(what: &str, count: usize, needed: usize) -> Result<()> {
    if count >= needed {
        return Ok(());
    }
    Err(broken(format!("{count} {what} for {needed} blocks")))
}
