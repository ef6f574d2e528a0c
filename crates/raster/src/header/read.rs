//! From a file's first bytes to a [`Header`]: find the directories, fetch their tables in one go, sort them into
//! levels and masks.
//!
//! A COG takes one round of reads, or two where its block tables are longer than the first. Pages that are neither
//! overview nor mask of the first one (other images, thumbnails of another type) are not looked at.

use super::{
    ColorInterpretation, Encoding, Header, Level, Storage, Unread, broken,
    directory::{Directory, tag},
    georef,
    level::{self, Layout},
    metadata,
    samples::{self, Samples},
    unsupported, walk,
    window::Window,
};
use crate::{Feature, Limits, Result, source::ByteSource};

/// Bits of the new subfile type (TIFF 6.0).
const REDUCED: u32 = 1;
const MASK: u32 = 4;
/// Values of the old subfile type.
const OLD_FULL: u32 = 1;
const OLD_REDUCED: u32 = 2;

pub(super) async fn read(source: &dyn ByteSource, limits: &Limits) -> Result<Header, Unread> {
    let mut window = Window::new(source, limits);
    let (dialect, first) = walk::open(&mut window).await?;
    let directories = walk::directories(&mut window, dialect, first, limits, outlying).await?;
    window.load(&outlying(&directories, &window)).await?;
    let pages = Pages::sort(&directories, &window)?;
    let mut header = assemble(&pages, &window, limits)?;
    header.big_endian = dialect.order == super::bytes::ByteOrder::Big;
    header.end_byte = end_byte(&header, &directories);
    Ok(header)
}

/// What must still be read of the tags of an image's directories. What is wrong with them is told when they are sorted
/// for good.
fn outlying(directories: &[Directory], window: &Window<'_>) -> Vec<std::ops::Range<u64>> {
    let Ok(pages) = Pages::sort(directories, window) else { return Vec::new() };
    pages.all().flat_map(|page| page.outlying(window, |_| true)).collect()
}

/// The directories that make up one image.
struct Pages<'a> {
    full: &'a Directory,
    overviews: Vec<&'a Directory>,
    masks: Vec<&'a Directory>,
}

impl<'a> Pages<'a> {
    fn sort(directories: &'a [Directory], window: &Window<'_>) -> Result<Self> {
        let (full, rest) = directories.split_first().ok_or_else(|| broken("it has no directory".to_owned()))?;
        let mut pages = Self { full, overviews: Vec::new(), masks: Vec::new() };
        for directory in rest {
            let kind = subfile_type(directory, window)?;
            let is_mask = kind & MASK != 0 || samples::photometric(directory, window)? == samples::TRANSPARENCY_MASK;
            match kind & REDUCED != 0 {
                _ if is_mask => pages.masks.push(directory),
                true => pages.overviews.push(directory),
                false => {}
            }
        }
        Ok(pages)
    }

    fn all(&self) -> impl Iterator<Item = &'a Directory> {
        std::iter::once(self.full).chain(self.overviews.iter().copied()).chain(self.masks.iter().copied())
    }
}

fn subfile_type(directory: &Directory, window: &Window<'_>) -> Result<u32> {
    if directory.has(tag::NEW_SUBFILE_TYPE) {
        return directory.small(window, tag::NEW_SUBFILE_TYPE, 0);
    }
    let old = directory.small(window, tag::SUBFILE_TYPE, OLD_FULL)?;
    Ok(if old == OLD_REDUCED { REDUCED } else { 0 })
}

fn assemble(pages: &Pages<'_>, window: &Window<'_>, limits: &Limits) -> Result<Header> {
    let samples = Samples::read(pages.full, window, limits)?;
    let mut block_budget = limits.max_blocks;
    let mut levels = levels(pages, samples, window, limits, &mut block_budget)?;
    let (mut masks, mask_bits) = masks(pages, &levels, window, limits, &mut block_budget)?;
    drop_unmasked(&mut levels, &mut masks);
    if levels.len() == 1 && masks.is_empty() {
        let thinned = thinned(&levels[0]);
        levels.extend(thinned);
    }
    let color = match samples.encoding {
        Encoding::Cmyk(_) => ColorInterpretation::Rgb,
        _ => samples::color(pages.full, window, &levels[0], samples.bands)?,
    };
    let nodata = metadata::nodata(&pages.full.text(window, tag::GDAL_NODATA)?);
    let nodata = nodata.filter(|&value| samples.sample_type.reaches(value));
    let band_info = metadata::band_info(&pages.full.text(window, tag::GDAL_METADATA)?, samples.bands);
    let alpha_band = samples::alpha_band(pages.full, window, samples)?;
    let alpha_band = metadata::alpha_band(&band_info, alpha_band);
    let is_mapped = || samples::is_mapped(pages.full, window, samples, alpha_band);
    let palette = match color {
        ColorInterpretation::Palette => samples::palette(pages.full, window, nodata)?,
        ColorInterpretation::Gray if is_mapped()? => samples::palette(pages.full, window, nodata)?,
        ColorInterpretation::Gray => samples::bilevel_palette(pages.full, window, samples)?,
        ColorInterpretation::Rgb => Vec::new(),
    };
    let color = if palette.is_empty() { color } else { ColorInterpretation::Palette };
    let (georef, georef_note) = georef::read(pages.full, window, (levels[0].width_px, levels[0].height_px))?;
    Ok(Header {
        levels,
        masks,
        mask_bits,
        bands: samples.bands,
        sample_type: samples.sample_type,
        encoding: samples.encoding,
        big_endian: false,
        nodata,
        alpha_band,
        color,
        palette: palette.into(),
        band_info,
        georef,
        georef_note,
        end_byte: 0,
    })
}

/// The full level and its overviews, each smaller than the one before.
fn levels(
    pages: &Pages<'_>,
    samples: Samples,
    window: &Window<'_>,
    limits: &Limits,
    block_budget: &mut usize,
) -> Result<Vec<Level>> {
    let layout = Layout { samples, sample_bits: samples.bits() };
    let full = level::read(pages.full, window, layout, limits, block_budget)?;
    let mut levels = vec![full];
    for page in &pages.overviews {
        if Samples::read(page, window, limits)? == samples {
            levels.push(level::read(page, window, layout, limits, block_budget)?);
        }
    }
    levels[1..].sort_by_key(|level| std::cmp::Reverse((level.width_px, level.height_px)));
    // A copy of the same size, or one larger than the image, is no overview of it.
    levels.dedup_by(|next, kept| {
        let fits = next.width_px <= kept.width_px && next.height_px <= kept.height_px;
        !fits || (next.width_px, next.height_px) == (kept.width_px, kept.height_px)
    });
    Ok(levels)
}

/// Smaller pictures of a level, where they can be had from rows.
fn thinned(full: &Level) -> Vec<Level> {
    let Storage::Rows(rows) = &full.storage else { return Vec::new() };
    let level = |(width_px, height_px): (u32, u32)| Level {
        width_px,
        height_px,
        block_width_px: full.block_width_px.min(width_px),
        block_height_px: full.block_height_px.min(height_px),
        ..full.clone()
    };
    rows.thinned_sizes_px().map(level).collect()
}

/// The mask of each level that has one, and the bits of a mask sample; no list when no level has one.
fn masks(
    pages: &Pages<'_>,
    levels: &[Level],
    window: &Window<'_>,
    limits: &Limits,
    block_budget: &mut usize,
) -> Result<(Vec<Option<Level>>, u8)> {
    let mut masks: Vec<Option<Level>> = vec![None; levels.len()];
    let mut mask_bits = None;
    for page in &pages.masks {
        let size_px = level::size_px(page, window, limits)?;
        let Some(index) = levels.iter().position(|level| (level.width_px, level.height_px) == size_px) else {
            continue;
        };
        let bits = page.shorts(window, tag::BITS_PER_SAMPLE)?.first().copied().unwrap_or(1);
        let bits = u8::try_from(bits)
            .ok()
            .filter(|bits| matches!(bits, 1 | 8) && mask_bits.is_none_or(|known| known == *bits));
        let bits = bits.ok_or_else(|| unsupported(Feature::Mask, "bits other than 1 or 8 in all levels".to_owned()))?;
        mask_bits = Some(bits);
        masks[index] = Some(level::read(page, window, Layout::of_mask(bits), limits, block_budget)?);
    }
    Ok(match mask_bits {
        Some(bits) => (masks, bits),
        None => (Vec::new(), 1),
    })
}

/// Leaves out the overviews that have no mask where the full resolution has one, as when a mask is written to a file
/// that has its overviews: all that is masked would show in them.
fn drop_unmasked(levels: &mut Vec<Level>, masks: &mut Vec<Option<Level>>) {
    if masks.first().is_none_or(Option::is_none) {
        return;
    }
    let mut has_mask = masks.iter().map(Option::is_some);
    levels.retain(|_| has_mask.next().unwrap_or(false));
    masks.retain(Option::is_some);
}

/// First byte after everything the header points to.
fn end_byte(header: &Header, directories: &[Directory]) -> u64 {
    let levels = header.levels.iter().chain(header.masks.iter().flatten());
    let blocks = levels.map(|level| level.end_byte(level.planes(header.bands)));
    blocks.chain(directories.iter().map(|directory| directory.end_byte)).max().unwrap_or(0)
}
