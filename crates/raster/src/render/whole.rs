//! Plans of the whole raster in its own rows and columns, at any size: previews, statistics and what has no place on
//! Earth.

use std::ops::Range;

use crate::{
    GeoTiff, Result,
    render::{
        Plan, ReadOptions, Sizing,
        cell::{Cell, Patch, Shape},
        level::{self, Choice},
        plan::{check_sides, finish},
    },
};

/// Plans the whole raster, its longest side `max_side_px` or the raster's own if that is less. Needs no georeferencing;
/// row 0 is the raster's first row.
///
/// # Errors
/// As [`plan()`](super::plan()).
pub fn plan_whole(tiff: &GeoTiff, max_side_px: u32, options: &ReadOptions) -> Result<Plan> {
    let full = &tiff.header().levels[0];
    let sizing = Sizing { max_px: Some(max_side_px), ..Sizing::default() };
    plan_stretched(tiff, sizing.resolve((full.width_px, full.height_px)), options)
}

/// Plans the whole raster stretched to a size of its own.
///
/// # Errors
/// As [`plan()`](super::plan()).
pub fn plan_stretched(tiff: &GeoTiff, size_px: (u32, u32), options: &ReadOptions) -> Result<Plan> {
    plan_window(tiff, size_px, (0..size_px.0, 0..size_px.1), options)
}

/// Plans some rows of the whole raster stretched to a size of its own: a part of that picture, for those too large to
/// be made in one piece.
///
/// # Errors
/// As [`plan()`](super::plan()).
pub fn plan_rows(tiff: &GeoTiff, size_px: (u32, u32), rows: Range<u32>, options: &ReadOptions) -> Result<Plan> {
    check_sides(tiff, size_px)?;
    Ok(Plan { picture_px: size_px, ..plan_window(tiff, size_px, (0..size_px.0, rows), options)? })
}

/// Plans a window, columns and rows, of the whole raster stretched to `size_px`, of any size itself: its pixels are
/// those of the whole.
///
/// # Errors
/// As [`plan()`](super::plan()).
pub fn plan_window(
    tiff: &GeoTiff,
    size_px: (u32, u32),
    (cols, rows): (Range<u32>, Range<u32>),
    options: &ReadOptions,
) -> Result<Plan> {
    let window_px = (cols.len() as u32, rows.len() as u32);
    check_sides(tiff, window_px)?;
    let header = tiff.header();
    let index = level::choose_for_size(header, size_px, options.resampling);
    let level = &header.levels[index];
    let (right, bottom) = (f64::from(level.width_px), f64::from(level.height_px));
    let corners = [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)];
    let shape = Shape::Patch(Patch { offset_px: (cols.start, rows.start), ..Patch::plane(corners, size_px) });
    let source_px_per_view_px = (right / f64::from(size_px.0)).min(bottom / f64::from(size_px.1));
    let choice = Choice { level: index as u16, source_px_per_view_px };
    finish(tiff, options, window_px, choice, vec![Cell::new(0..window_px.0, 0..window_px.1, shape)])
}
