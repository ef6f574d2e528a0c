//! Decodes what is missing and warps: the part of a render that burns CPU.

use std::sync::Arc;

use crate::{
    GeoTiff, RasterError, Result,
    block::{Block, BlockId, SharedBlock},
    cache::BlockCache,
    codec,
    header::{Level, Planar, SampleType},
    pixels::Pixels,
    render::{
        Fetched, Plan, Resampling,
        bilinear::{self, Validity},
        cell::{Cell, Span},
        fetch::{Piece, grid_of},
        footprint::{self, Footprint},
        gather::{self, Source},
        mosaic::{Mosaic, pixel_of},
        nearest::Sampler,
        pixel::{Pixel, is_valid},
        plan::MASK_PLANE,
        resampling::Method,
        touch::Touched,
    },
    spare,
};

mod band;

use band::Band;

/// Mask pixels looked at in one go.
const MASK_CHUNK_PX: usize = 1024;

/// Decodes the missing blocks, keeps them in the cache, and warps all of them onto the view. Blocks the CPU and nothing
/// else; call it on a render thread.
///
/// # Errors
/// `Broken`, `Unsupported` or `TooLarge` when a block cannot be decoded.
pub fn paint(tiff: &GeoTiff, plan: &Plan, fetched: Fetched, cache: &BlockCache) -> Result<Pixels> {
    paint_onto(tiff, plan, fetched, cache, None)
}

/// Paints one part of a plan after the others, onto what they painted.
///
/// # Errors
/// As [`paint`].
pub fn paint_onto(
    tiff: &GeoTiff,
    plan: &Plan,
    fetched: Fetched,
    cache: &BlockCache,
    painted: Option<Pixels>,
) -> Result<Pixels> {
    let blocks = decoded(tiff, plan, fetched, cache)?;
    let painted = warp_any(tiff, plan, &blocks, painted);
    blocks.into_iter().filter_map(Arc::into_inner).for_each(spare::give_block);
    painted
}

/// Decodes the missing blocks for the cache alone: for who will paint them later, in strips or beside something else.
///
/// # Errors
/// As [`paint`].
pub fn decode(tiff: &GeoTiff, plan: &Plan, fetched: Fetched, cache: &BlockCache) -> Result<()> {
    let blocks = decoded(tiff, plan, fetched, cache)?;
    blocks.into_iter().filter_map(Arc::into_inner).for_each(spare::give_block);
    Ok(())
}

fn warp_any(tiff: &GeoTiff, plan: &Plan, blocks: &[SharedBlock], painted: Option<Pixels>) -> Result<Pixels> {
    match tiff.header().sample_type {
        SampleType::U8 => warp::<u8>(tiff, plan, blocks, painted),
        SampleType::I8 => warp::<i8>(tiff, plan, blocks, painted),
        SampleType::U16 => warp::<u16>(tiff, plan, blocks, painted),
        SampleType::I16 => warp::<i16>(tiff, plan, blocks, painted),
        SampleType::U32 => warp::<u32>(tiff, plan, blocks, painted),
        SampleType::I32 => warp::<i32>(tiff, plan, blocks, painted),
        SampleType::U64 => warp::<u64>(tiff, plan, blocks, painted),
        SampleType::I64 => warp::<i64>(tiff, plan, blocks, painted),
        SampleType::F32 => warp::<f32>(tiff, plan, blocks, painted),
        SampleType::F64 => warp::<f64>(tiff, plan, blocks, painted),
    }
}

fn decoded(tiff: &GeoTiff, plan: &Plan, fetched: Fetched, cache: &BlockCache) -> Result<Vec<SharedBlock>> {
    let Fetched { key, pieces } = fetched;
    let pairs = plan.blocks().iter().zip(pieces);
    let rows_needed = |id| plan.rows_needed(tiff.header(), id);
    // While there is room the rest of a block is decoded along: neighbouring tiles will ask for it.
    let rows_worth = |id| if cache.is_full() { rows_needed(id).end } else { u32::MAX };
    let decode = |(&id, piece)| match piece {
        Piece::Kept(kept) => Ok(kept.block(rows_needed(id))),
        Piece::Sparse => Ok(SharedBlock::new(sparse(tiff, id))),
        Piece::Stored(bytes) => Ok(cache.insert(&key, id, decode_stored(tiff, id, &bytes, rows_worth(id))?)),
    };
    pairs.map(decode).collect()
}

fn decode_stored(tiff: &GeoTiff, id: BlockId, bytes: &[u8], rows_px: u32) -> Result<Block> {
    let (header, limits) = (tiff.header(), tiff.limits());
    match id.plane {
        MASK_PLANE => codec::decode_mask(header, id.level, id.index, bytes, limits),
        _ => codec::decode_rows(header, id, bytes, limits, rows_px),
    }
}

fn sparse(tiff: &GeoTiff, id: BlockId) -> Block {
    let (header, grid) = (tiff.header(), grid_of(tiff.header(), id));
    let contiguous = id.plane != MASK_PLANE && grid.planar == Planar::Contiguous;
    Block {
        width_px: grid.block_width_px,
        height_px: grid.block_height_px,
        rows: 0..grid.block_height_px,
        samples_per_pixel: if contiguous { header.bands } else { 1 },
        samples: None,
    }
}

/// Blocks of a plan by what they hold.
struct Sources<'a, T> {
    bands: Vec<Mosaic<'a, T>>,
    alpha: Option<Mosaic<'a, T>>,
    mask: Option<Mosaic<'a, u8>>,
}

fn sources<'a, T: Pixel>(tiff: &'a GeoTiff, plan: &'a Plan, blocks: &'a [SharedBlock]) -> Result<Sources<'a, T>> {
    let header = tiff.header();
    let level = &header.levels[usize::from(plan.level())];
    let per_plane = plan.data.blocks().count();
    let planes = plan.planes(level.planar);
    let mosaic = |band: u16| match level.planar {
        Planar::Contiguous => Mosaic::new(level, &plan.data, &blocks[..per_plane], usize::from(band)),
        Planar::Separate => {
            let at = planes.iter().position(|&plane| plane == band).unwrap_or(0) * per_plane;
            Mosaic::new(level, &plan.data, &blocks[at..at + per_plane], 0)
        }
    };
    let mask = header.mask(plan.level()).zip(plan.mask.as_ref());
    let mask_blocks = &blocks[planes.len() * per_plane..];
    Ok(Sources {
        bands: plan.bands.iter().map(|&band| mosaic(band)).collect::<Result<_>>()?,
        alpha: plan.alpha.map(mosaic).transpose()?,
        mask: mask.map(|(grid, touched)| mask_mosaic(level, grid, touched, mask_blocks)).transpose()?,
    })
}

fn mask_mosaic<'a>(
    level: &Level,
    grid: &'a Level,
    touched: &Touched,
    blocks: &'a [SharedBlock],
) -> Result<Mosaic<'a, u8>> {
    if (grid.width_px, grid.height_px) != (level.width_px, level.height_px) {
        return Err(RasterError::Broken { reason: "the mask is not of the image's size".into() });
    }
    Mosaic::new(grid, touched, blocks, 0)
}

/// Buffers being painted.
struct Canvas<'a, T> {
    plan: &'a Plan,
    nodata: Option<T>,
    /// The value of pixels that no block is stored for: what the file itself declares to be none, else 0.
    sparse: T,
    /// Whether nothing was painted before.
    is_fresh: bool,
    values: Vec<T>,
    mask: Vec<u8>,
}

fn warp<T: Pixel>(tiff: &GeoTiff, plan: &Plan, blocks: &[SharedBlock], painted: Option<Pixels>) -> Result<Pixels> {
    let sources = sources::<T>(tiff, plan, blocks)?;
    let level = &tiff.header().levels[usize::from(plan.level())];
    let mut canvas = Canvas::new(plan, tiff.header().nodata, painted);
    for (band, mosaic) in sources.bands.iter().enumerate() {
        match plan.resampling.method() {
            Method::Nearest => Band::new(&mut canvas, band, mosaic).paint(),
            method => canvas.paint_gathered(band, mosaic, &sources, method),
        }
    }
    if plan.resampling == Resampling::Nearest {
        sources.mask.iter().for_each(|mask| canvas.hide(mask, level, |m| u8::from(m != 0) * u8::MAX));
    }
    sources.alpha.iter().for_each(|alpha| canvas.hide(alpha, level, T::opacity));
    Ok(canvas.into_pixels())
}

impl<'a, T: Pixel> Canvas<'a, T> {
    /// What was painted so far, or an empty one.
    fn new(plan: &'a Plan, declared_nodata: Option<f64>, painted: Option<Pixels>) -> Self {
        let pixel_count = plan.width_px as usize * plan.height_px as usize;
        let nodata = plan.nodata.and_then(T::nodata);
        let sparse = match declared_nodata {
            Some(declared) if declared.is_nan() => T::nearest_to(declared),
            declared => declared.and_then(T::nodata).unwrap_or_default(),
        };
        let is_fresh = painted.is_none();
        let painted = painted.and_then(|pixels| Some((T::take(pixels.samples)?, pixels.mask)));
        let (values, mask) = painted.unwrap_or_else(|| {
            (vec![nodata.unwrap_or_default(); pixel_count * plan.bands.len()], vec![0; pixel_count])
        });
        Self { plan, nodata, sparse, is_fresh, values, mask }
    }

    /// Places of a span's pixels in a band's part of the values.
    fn line(&self, span: &Span) -> std::ops::Range<usize> {
        let first = span.row as usize * self.plan.width_px as usize + span.col as usize;
        first..first + span.len as usize
    }

    fn paint_gathered(&mut self, band: usize, mosaic: &Mosaic<'_, T>, sources: &Sources<'_, T>, method: Method) {
        let (mask, alpha) = (sources.mask.as_ref(), sources.alpha.as_ref());
        let validity = Validity { nodata: self.nodata, sparse: self.sparse, mask, alpha };
        let (plan, start, level) = (self.plan, band * self.mask.len(), mosaic.level());
        let stands_for_px = level.stands_for_px();
        let (level_px, ratio) = (mosaic.size_px(), plan.source_px_per_view_px);
        let most_per_side = footprint::most_per_side(method, level_px, ratio, plan.picture_px);
        for cell in &plan.cells {
            let footprint = Footprint::of(cell, plan.source_px_per_view_px);
            let is_plain = footprint.magnifies() && !plan.thinned;
            let (validity, confined_to) = (&validity, plan.thinned.then_some(plan.rows_together));
            let source = Source { mosaic, validity, footprint, most_per_side, stands_for_px, confined_to };
            for_each_span_of(plan, cell, level, &mut |span| {
                let line = self.line(&span);
                let (values, mask) = (&mut self.values[start..][line.clone()], &mut self.mask[line]);
                match method {
                    _ if is_plain && plan.resampling == Resampling::Bilinear => {
                        bilinear::sample(mosaic, validity, &span, values, mask);
                    }
                    Method::Weighted(filter, moment) => gather::weighted(&source, filter, moment, &span, values, mask),
                    Method::Ranked(rank) => gather::ranked(&source, rank, &span, values, mask),
                    Method::Nearest => {}
                }
            });
        }
    }

    /// Lets no pixel of a level be more opaque than a mask or an alpha band says, by its nearest pixel whatever the
    /// kernel.
    fn hide<M: Pixel>(&mut self, hiding: &Mosaic<'_, M>, level: &Level, opacity_of: impl Fn(M) -> u8) {
        let mut opacity = vec![M::default(); self.plan.width_px as usize];
        let mut sampler = Sampler::new(hiding, M::default());
        for_each_span(self.plan, level, |span| {
            let opacity = &mut opacity[..span.len as usize];
            if !sampler.sample_near(&span, opacity) {
                sampler.sample(&span, opacity);
            }
            let line = self.line(&span);
            let pairs = self.mask[line].iter_mut().zip(opacity);
            pairs.for_each(|(m, value)| *m = (*m).min(opacity_of(*value)));
        });
    }

    fn into_pixels(self) -> Pixels {
        Pixels {
            width_px: self.plan.width_px,
            height_px: self.plan.height_px,
            bands: self.plan.bands.len() as u16,
            samples: T::into_samples(self.values),
            all_valid: all_valid(&self.mask),
            mask: self.mask,
            nodata: self.nodata.map(|nodata| nodata.number()),
        }
    }
}

/// Hands out the spans of all cells, cut to the level.
fn for_each_span(plan: &Plan, level: &Level, mut visit: impl FnMut(Span)) {
    plan.cells.iter().for_each(|cell| for_each_span_of(plan, cell, level, &mut visit));
}

/// Hands out the spans of one cell, cut to the level, and of a part of a plan to its blocks.
fn for_each_span_of(plan: &Plan, cell: &Cell, level: &Level, visit: &mut impl FnMut(Span)) {
    if !plan.is_part && cell.is_inside(level.width_px, level.height_px) {
        return cell.for_each_span(visit);
    }
    cell.for_each_span(|span| for_each_part(plan, level, &span, visit));
}

/// Hands out what of a span lies in the level, and of a part of a plan in its blocks.
fn for_each_part(plan: &Plan, level: &Level, span: &Span, visit: &mut impl FnMut(Span)) {
    match span.clipped(level.width_px, level.height_px) {
        Some(inside) if plan.is_part => for_each_run(&plan.data, level, &inside, visit),
        Some(inside) => visit(inside),
        None => {}
    }
}

/// Hands out the runs of a span's pixels that fall into blocks of a part.
fn for_each_run(part: &Touched, level: &Level, span: &Span, visit: &mut impl FnMut(Span)) {
    let holds = |k: u32| {
        let (col, row) = pixel_of(span.start.plus(span.step, k.into()));
        part.holds((col as u32 / level.block_width_px, row as u32 / level.block_height_px))
    };
    let mut first = 0;
    while first < span.len {
        let is_held = holds(first);
        let end = (first + 1..span.len).find(|&k| holds(k) != is_held).unwrap_or(span.len);
        if is_held {
            visit(span.part(first, end));
        }
        first = end;
    }
}

/// Whether a mask is 255 throughout: line by line, since a look at each byte whether to go on costs more than the
/// bytes.
fn all_valid(mask: &[u8]) -> bool {
    mask.chunks(MASK_CHUNK_PX).all(|chunk| chunk.iter().fold(255, |all, m| all & m) == 255)
}

/// A pixel is valid when any of its bands is.
fn mark_valid<T: Pixel>(values: &[T], nodata: Option<T>, mask: &mut [u8]) {
    let pairs = mask.iter_mut().zip(values);
    pairs.for_each(|(m, &value)| *m |= if is_valid(value, nodata) { 255 } else { 0 });
}
