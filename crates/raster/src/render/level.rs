//! Which level of the raster a zoom reads from.

use crate::{header::Header, render::project::Projection};

/// How far below one source pixel a view pixel a level may fall: room for rounding, where zoom and level match exactly.
const ROUNDING: f64 = 1e-3;

/// A level and how its pixels relate to the view's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    /// Index into the header's levels.
    pub(super) level: u16,
    /// Source pixels of that level a view pixel; below 1 the view magnifies.
    pub(super) source_px_per_view_px: f64,
}

/// The coarsest level that still has a source pixel for every pixel of the view: with overviews by powers of two that
/// is one to two source pixels a view pixel, before the warp. A one-step warp from full resolution would undersample.
pub(super) fn choose(header: &Header, projection: &Projection<'_>) -> Choice {
    let full_px_per_view_px = projection.raster_px_per_view_px().unwrap_or(1.0);
    let full_width_px = f64::from(header.levels[0].width_px);
    let ratios = header.levels.iter().enumerate().filter_map(|(index, level)| {
        let shrink = full_width_px / f64::from(level.width_px);
        Some((u16::try_from(index).ok()?, full_px_per_view_px / shrink))
    });
    let enough = ratios.filter(|&(index, ratio)| index == 0 || ratio >= 1.0 - ROUNDING);
    let (level, source_px_per_view_px) = enough.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, full_px_per_view_px));
    Choice { level, source_px_per_view_px }
}

/// How much coarser than asked a level may be when nearest pixels are taken.
const COARSER_SHARE: f64 = 1.2;

/// Room for rounding on top.
const COARSER_ROOM: f64 = 0.1;

/// The level that the whole raster is read from at a size: the coarsest that is little coarser than that. Source: GDAL's
/// `GDALBandGetBestOverviewLevel2`, so that statistics and previews see the pixels that TiTiler sees.
pub(super) fn choose_for_size(header: &Header, (width_px, height_px): (u32, u32)) -> usize {
    let full = &header.levels[0];
    let lesser = |across: u32, down: u32| {
        (f64::from(full.width_px) / f64::from(across)).min(f64::from(full.height_px) / f64::from(down))
    };
    let most = lesser(width_px, height_px) * COARSER_SHARE + COARSER_ROOM;
    let shrinks = header.levels.iter().map(|level| lesser(level.width_px, level.height_px)).enumerate();
    let fitting = shrinks.filter(|&(index, shrink)| index == 0 || shrink < most);
    fitting.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(index, _)| index)
}
