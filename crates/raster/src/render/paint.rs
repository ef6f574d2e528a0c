//! Decodes what is missing and warps: the part of a render that burns CPU.

use crate::{
    GeoTiff, RasterError, Result,
    block::{Block, BlockId, SharedBlock},
    cache::{BlockCache, SourceKey},
    codec,
    header::{Level, Planar, SampleType},
    pixels::Pixels,
    render::{
        Fetched, Plan, Resampling,
        bilinear::{self, Validity},
        cell::{Cell, Span},
        fetch::{Piece, grid_of},
        footprint::Footprint,
        gather::{self, Source},
        mosaic::Mosaic,
        nearest::Sampler,
        pixel::{Pixel, is_valid},
        plan::MASK_PLANE,
        resampling::Method,
    },
};

/// Mask pixels looked at in one go.
const MASK_CHUNK_PX: usize = 1024;

/// Decodes the missing blocks, keeps them in the cache, and warps all of them onto the view. Blocks the CPU and nothing
/// else; call it on a render thread.
///
/// # Errors
/// `Broken`, `Unsupported` or `TooLarge` when a block cannot be decoded.
pub fn paint(tiff: &GeoTiff, plan: &Plan, fetched: Fetched, cache: &BlockCache) -> Result<Pixels> {
    let blocks = decode(tiff, plan, fetched, cache)?;
    match tiff.header().sample_type {
        SampleType::U8 => warp::<u8>(tiff, plan, &blocks),
        SampleType::I8 => warp::<i8>(tiff, plan, &blocks),
        SampleType::U16 => warp::<u16>(tiff, plan, &blocks),
        SampleType::I16 => warp::<i16>(tiff, plan, &blocks),
        SampleType::U32 => warp::<u32>(tiff, plan, &blocks),
        SampleType::I32 => warp::<i32>(tiff, plan, &blocks),
        SampleType::U64 => warp::<u64>(tiff, plan, &blocks),
        SampleType::I64 => warp::<i64>(tiff, plan, &blocks),
        SampleType::F32 => warp::<f32>(tiff, plan, &blocks),
        SampleType::F64 => warp::<f64>(tiff, plan, &blocks),
    }
}

fn decode(tiff: &GeoTiff, plan: &Plan, fetched: Fetched, cache: &BlockCache) -> Result<Vec<SharedBlock>> {
    let Fetched { key, pieces } = fetched;
    let pairs = plan.blocks().iter().zip(pieces);
    pairs.map(|(&id, piece)| decode_piece(tiff, id, piece, cache, &key)).collect()
}

fn decode_piece(tiff: &GeoTiff, id: BlockId, piece: Piece, cache: &BlockCache, key: &SourceKey) -> Result<SharedBlock> {
    let (header, limits) = (tiff.header(), tiff.limits());
    let block = match piece {
        Piece::Decoded(block) => return Ok(block),
        Piece::Sparse => return Ok(SharedBlock::new(sparse(tiff, id))),
        Piece::Stored(bytes) if id.plane == MASK_PLANE => {
            codec::decode_mask(header, id.level, id.index, &bytes, limits)?
        }
        Piece::Stored(bytes) => codec::decode_block(header, id, &bytes, limits)?,
    };
    Ok(cache.insert(key, id, block))
}

fn sparse(tiff: &GeoTiff, id: BlockId) -> Block {
    let (header, grid) = (tiff.header(), grid_of(tiff.header(), id));
    let contiguous = id.plane != MASK_PLANE && grid.planar == Planar::Contiguous;
    Block {
        width_px: grid.block_width_px,
        height_px: grid.block_height_px,
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
    touched: &super::touch::Touched,
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
    values: Vec<T>,
    mask: Vec<u8>,
}

fn warp<T: Pixel>(tiff: &GeoTiff, plan: &Plan, blocks: &[SharedBlock]) -> Result<Pixels> {
    let sources = sources::<T>(tiff, plan, blocks)?;
    let pixel_count = plan.width_px as usize * plan.height_px as usize;
    let nodata = plan.nodata.and_then(T::nodata);
    let values = vec![nodata.unwrap_or_default(); pixel_count * plan.bands.len()];
    let mut canvas = Canvas { plan, nodata, values, mask: vec![0; pixel_count] };
    for (band, mosaic) in sources.bands.iter().enumerate() {
        match plan.resampling.method() {
            Method::Nearest => canvas.paint_nearest(band, mosaic),
            method => canvas.paint_gathered(band, mosaic, &sources, method),
        }
    }
    if plan.resampling == Resampling::Nearest {
        sources.mask.iter().for_each(|mask| canvas.hide_where_zero(mask));
        sources.alpha.iter().for_each(|alpha| canvas.hide_where_zero(alpha));
    }
    Ok(canvas.into_pixels())
}

impl<T: Pixel> Canvas<'_, T> {
    /// Places of a span's pixels in a band's part of the values.
    fn line(&self, span: &Span) -> std::ops::Range<usize> {
        let first = span.row as usize * self.plan.width_px as usize + span.col as usize;
        first..first + span.len as usize
    }

    fn paint_nearest(&mut self, band: usize, mosaic: &Mosaic<'_, T>) {
        let mut sampler = Sampler::new(mosaic, self.nodata.unwrap_or_default());
        let start = band * self.mask.len();
        for_each_span(self.plan, mosaic.size_px(), |span| {
            let line = self.line(&span);
            let values = &mut self.values[start..][line.clone()];
            sampler.sample(&span, values);
            mark_valid(values, self.nodata, &mut self.mask[line]);
        });
    }

    fn paint_gathered(&mut self, band: usize, mosaic: &Mosaic<'_, T>, sources: &Sources<'_, T>, method: Method) {
        let validity = Validity { nodata: self.nodata, mask: sources.mask.as_ref(), alpha: sources.alpha.as_ref() };
        let (plan, start, size_px) = (self.plan, band * self.mask.len(), mosaic.size_px());
        for cell in &plan.cells {
            let footprint = Footprint::of(cell, plan.source_px_per_view_px);
            let is_plain = footprint.magnifies() && !plan.thinned;
            let source = Source { mosaic, validity: &validity, footprint, confined: plan.thinned };
            for_each_span_of(cell, size_px, |span| {
                let line = self.line(&span);
                let (values, mask) = (&mut self.values[start..][line.clone()], &mut self.mask[line]);
                match method {
                    _ if is_plain && plan.resampling == Resampling::Bilinear => {
                        bilinear::sample(mosaic, &validity, &span, values, mask);
                    }
                    Method::Weighted(filter, moment) => gather::weighted(&source, filter, moment, &span, values, mask),
                    Method::Ranked(rank) => gather::ranked(&source, rank, &span, values, mask),
                    Method::Nearest => {}
                }
            });
        }
    }

    /// Masks what is zero in a mask or an alpha band.
    fn hide_where_zero<M: Pixel>(&mut self, hiding: &Mosaic<'_, M>) {
        let mut opacity = vec![M::default(); self.plan.width_px as usize];
        let mut sampler = Sampler::new(hiding, M::default());
        for_each_span(self.plan, hiding.size_px(), |span| {
            let opacity = &mut opacity[..span.len as usize];
            sampler.sample(&span, opacity);
            let line = self.line(&span);
            let pairs = self.mask[line].iter_mut().zip(opacity);
            pairs.for_each(|(m, value)| *m = if *value == M::default() { 0 } else { *m });
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
fn for_each_span(plan: &Plan, size_px: (u32, u32), mut visit: impl FnMut(Span)) {
    plan.cells.iter().for_each(|cell| for_each_span_of(cell, size_px, &mut visit));
}

/// Hands out the spans of one cell, cut to the level.
fn for_each_span_of(cell: &Cell, (width_px, height_px): (u32, u32), mut visit: impl FnMut(Span)) {
    cell.for_each_span(|span| {
        if let Some(inside) = span.clipped(width_px, height_px) {
            visit(inside);
        }
    });
}

/// Whether a mask is 255 throughout: line by line, since a look at each byte whether to go on costs more than the bytes.
fn all_valid(mask: &[u8]) -> bool {
    mask.chunks(MASK_CHUNK_PX).all(|chunk| chunk.iter().fold(255, |all, m| all & m) == 255)
}

/// A pixel is valid when any of its bands is.
fn mark_valid<T: Pixel>(values: &[T], nodata: Option<T>, mask: &mut [u8]) {
    let pairs = mask.iter_mut().zip(values);
    pairs.for_each(|(m, &value)| *m |= if is_valid(value, nodata) { 255 } else { 0 });
}
