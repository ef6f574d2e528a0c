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

/// A level and how its pixels relate to the view's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    /// Index into the header's levels.
    pub(super) level: u16,
    /// Source pixels of that level a view pixel; below 1 the view magnifies.
    pub(super) source_px_per_view_px: f64,
}

/// The level for a view, by raster and zoom alone. Kernels that look at more than one pixel get the coarsest that still has a
/// source pixel for every pixel of the view: with overviews by powers of two that is one to two source pixels a view
/// pixel, before the warp, since a one-step warp from full resolution would undersample. Nearest pixels come from the level that
/// GDAL takes them from, which may be a little coarser, so that they are the very pixels that TiTiler shows.
pub(super) fn choose(tiff: &GeoTiff, view: &View, projection: &Projection<'_>, resampling: Resampling) -> Choice {
    let header = tiff.header();
    let full_px_per_view_px = projection.raster_px_per_view_px().unwrap_or(1.0);
    let full_width_px = f64::from(header.levels[0].width_px);
    let ratio = |index: usize| full_px_per_view_px / (full_width_px / f64::from(header.levels[index].width_px));
    let chosen = match resampling {
        Resampling::Nearest if !header.levels.iter().any(Level::is_thinned) => {
            let resolution = zooms::resolution_for_tiles(tiff, view.crs()).filter(|resolution| *resolution > 0.0);
            let wanted = resolution.map_or(full_px_per_view_px, |resolution| view.pixel_size() / resolution);
            if wanted > 1.0 + ROUNDING { coarsest(header, wanted) } else { 0 }
        }
        _ => {
            let enough = (0..header.levels.len()).filter(|&index| index == 0 || ratio(index) >= 1.0 - ROUNDING);
            enough.min_by(|&a, &b| ratio(a).total_cmp(&ratio(b))).unwrap_or(0)
        }
    };
    Choice { level: chosen as u16, source_px_per_view_px: ratio(chosen) }
}

/// The level that the whole raster is read from at a size, so that statistics and previews see the pixels that TiTiler sees.
pub(super) fn choose_for_size(header: &Header, size_px: (u32, u32)) -> usize {
    let full = &header.levels[0];
    if size_px.0 >= full.width_px && size_px.1 >= full.height_px {
        return 0;
    }
    let (across, down) = shrinks(full, size_px);
    coarsest(header, if size_px.1 == 1 { across } else { across.min(down) })
}

/// The first of the coarsest levels that are little coarser than to shrink the raster so many times. Source: GDAL's
/// `GDALBandGetBestOverviewLevel2`, whose levels shrink the raster as little as in the direction in which they do so less: all
/// overviews of a raster one pixel wide or high shrink it once, and it takes the first, which is the largest. Levels that are
/// thinned out of the first are no overviews, so of those that shrink it once the first itself is taken.
fn coarsest(header: &Header, wanted: f64) -> usize {
    let most = wanted * COARSER_SHARE + COARSER_ROOM;
    let mut best = (0, if header.levels.iter().any(Level::is_thinned) { 1.0 } else { 0.0 });
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
