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
            coarsest(header, wanted.max(1.0))
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
    coarsest(header, shrink(header, size_px))
}

/// The coarsest level that is little coarser than to shrink the raster so many times. Source: GDAL's
/// `GDALBandGetBestOverviewLevel2`.
fn coarsest(header: &Header, wanted: f64) -> usize {
    let most = wanted * COARSER_SHARE + COARSER_ROOM;
    let shrinks = header.levels.iter().map(|level| shrink(header, (level.width_px, level.height_px))).enumerate();
    let fitting = shrinks.filter(|&(index, shrink)| index == 0 || shrink < most);
    fitting.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(index, _)| index)
}

/// How many times the raster is larger than a size, in the direction in which it is less so.
fn shrink(header: &Header, (width_px, height_px): (u32, u32)) -> f64 {
    let full = &header.levels[0];
    let (across, down) =
        (f64::from(full.width_px) / f64::from(width_px), f64::from(full.height_px) / f64::from(height_px));
    across.min(down)
}
