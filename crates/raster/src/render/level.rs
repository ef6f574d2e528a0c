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
