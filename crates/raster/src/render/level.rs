//! Which level of the raster a zoom reads from.

use crate::{
    GeoTiff,
    header::{Header, Level},
    render::{Resampling, View, project::Projection, zooms},
};

/// How far below one source pixel a view pixel a level may fall: room for rounding, where zoom and level match exactly.
const ROUNDING: f64 = 1e-3;

/// How much coarser than asked a level may be when nearest pixels are taken.
const COARSER_SHARE: f64 = 1.2;

/// Room for rounding on top.
const COARSER_ROOM: f64 = 0.1;

/// Bytes of stored rows under a view from which on nearest pixels are taken from rows that are thinned out: a raw scene
/// is looked at before anything else is known of it, and its small pictures must not cost all of it.
const NEAREST_ROW_BYTES: f64 = (16_u64 << 20) as f64;

/// The same for kernels that look at more than one pixel, and so need them.
const FILTERED_ROW_BYTES: f64 = (64_u64 << 20) as f64;

/// Fewest thinned pixels along a side of a view pixel that such kernels look at.
const LEAST_SAMPLES_PER_SIDE: f64 = 4.0;

/// Side of the view, in pixels, that these bytes are reckoned for: a map tile.
const RECKONED_VIEW_PX: f64 = 256.0;

/// A level and how its pixels relate to the view's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    /// Index into the header's levels.
    pub(super) level: u16,
    /// Source pixels of that level a view pixel; below 1 the view magnifies.
    pub(super) source_px_per_view_px: f64,
}

/// The level for a view, by raster and zoom alone. Kernels that look at more than one pixel get the coarsest that still
/// has a source pixel for every pixel of the view: with overviews by powers of two that is one to two source pixels a
/// view pixel, before the warp, since a one-step warp from full resolution would undersample. Nearest pixels come from
/// the level that GDAL takes them from, which may be a little coarser, so that they are the very pixels that TiTiler
/// shows.
pub(super) fn choose(tiff: &GeoTiff, view: &View, projection: &Projection<'_>, resampling: Resampling) -> Choice {
    let header = tiff.header();
    let full_px_per_view_px = projection.raster_px_per_view_px().unwrap_or(1.0);
    let full_width_px = f64::from(header.levels[0].width_px);
    let ratio = |index: usize| full_px_per_view_px / (full_width_px / f64::from(header.levels[index].width_px));
    let chosen = match resampling {
        _ if has_thinned(header) => of_rows(header, RECKONED_VIEW_PX, resampling, || enough(header, 1.0, ratio), ratio),
        Resampling::Nearest => {
            let resolution = zooms::resolution_for_tiles(tiff, view.crs()).filter(|resolution| *resolution > 0.0);
            let wanted = resolution.map_or(full_px_per_view_px, |resolution| view.pixel_size() / resolution);
            if wanted > 1.0 + ROUNDING { coarsest(header, wanted) } else { 0 }
        }
        _ => enough(header, 1.0, ratio),
    };
    Choice { level: chosen as u16, source_px_per_view_px: ratio(chosen) }
}

fn has_thinned(header: &Header) -> bool {
    header.levels.iter().any(Level::is_thinned)
}

/// The coarsest level that still has so many source pixels along a side of a view pixel; `ratio` tells how many a level
/// has.
fn enough(header: &Header, least: f64, ratio: impl Fn(usize) -> f64) -> usize {
    let levels = (0..header.levels.len()).filter(|&index| index == 0 || ratio(index) >= least - ROUNDING);
    levels.min_by(|&a, &b| ratio(a).total_cmp(&ratio(b))).unwrap_or(0)
}

/// The level of stored rows for a view whose longer side has `view_px` pixels: all of them, where what lies under it is
/// no more than may be read. Else nearest pixels come from a thinned level, the coarsest that will do, and kernels get
/// the finest that costs no more, or one of which they still see several pixels a side.
fn of_rows(
    header: &Header,
    view_px: f64,
    resampling: Resampling,
    coarsest: impl Fn() -> usize,
    ratio: impl Fn(usize) -> f64,
) -> usize {
    let full = &header.levels[0];
    let under = |index: usize, side_px: u32| (view_px * ratio(index)).min(f64::from(side_px)).ceil();
    // However far columns are thinned, a row is read from the first one wanted to the last.
    let row_bytes = under(0, full.width_px) * full.stored_pixel_bytes() * f64::from(full.planes(header.bands));
    let bytes = |index: usize| under(index, header.levels[index].height_px) * row_bytes;
    match resampling {
        _ if ratio(0) <= 1.0 + ROUNDING => 0,
        Resampling::Nearest if bytes(0) < NEAREST_ROW_BYTES => 0,
        Resampling::Nearest => coarsest(),
        _ => {
            let coarsest = enough(header, LEAST_SAMPLES_PER_SIDE, &ratio);
            (0..coarsest).find(|&index| bytes(index) < FILTERED_ROW_BYTES).unwrap_or(coarsest)
        }
    }
}

/// The level that the whole raster is read from at a size, so that statistics and previews see the pixels that TiTiler
/// sees.
pub(super) fn choose_for_size(header: &Header, size_px: (u32, u32), resampling: Resampling) -> usize {
    let full = &header.levels[0];
    if size_px.0 >= full.width_px && size_px.1 >= full.height_px {
        return 0;
    }
    let (across, down) = shrinks(full, size_px);
    let wanted = if size_px.1 == 1 { across } else { across.min(down) };
    if has_thinned(header) {
        let longest_px = |(width_px, height_px): (u32, u32)| f64::from(width_px.max(height_px));
        let level_px = |index: usize| longest_px((header.levels[index].width_px, header.levels[index].height_px));
        let view_px = longest_px(size_px);
        return of_rows(header, view_px, resampling, || coarsest(header, wanted), |index| level_px(index) / view_px);
    }
    coarsest(header, wanted)
}

/// The first of the coarsest levels that are little coarser than to shrink the raster so many times. Source: GDAL's
/// `GDALBandGetBestOverviewLevel2`, whose levels shrink the raster as little as in the direction in which they do so
/// less: all overviews of a raster one pixel wide or high shrink it once, and it takes the first, which is the largest.
/// Levels that are thinned out of the first are no overviews, so of those that shrink it once the first itself is
/// taken.
fn coarsest(header: &Header, wanted: f64) -> usize {
    let most = wanted * COARSER_SHARE + COARSER_ROOM;
    let mut best = (0, if has_thinned(header) { 1.0 } else { 0.0 });
    for (index, level) in header.levels.iter().enumerate().skip(1) {
        let (across, down) = shrinks(&header.levels[0], (level.width_px, level.height_px));
        let shrink = across.min(down);
        if shrink < most && shrink > best.1 {
            best = (index, shrink);
        }
    }
    best.0
}

/// How many times a level is larger than a size, across and down.
fn shrinks(full: &Level, (width_px, height_px): (u32, u32)) -> (f64, f64) {
    (f64::from(full.width_px) / f64::from(width_px), f64::from(full.height_px) / f64::from(height_px))
}
