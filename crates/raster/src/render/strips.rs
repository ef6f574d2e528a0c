//! Plans of a picture's rows, some after the others, for pictures too large to be made in one piece.
//!
//! A strip's pixels are those of the whole picture: it has the same lattice, and the level and what a kernel looks at go by the
//! whole. A strip may need blocks that the one before it needed too. The caller is the server's making of pictures.

use std::ops::Range;

use crate::{
    GeoTiff, Result,
    render::{
        Plan, ReadOptions, View,
        plan::{check_sides, plan, plan_anywhere, plan_window},
    },
};

/// Plans some of a view's rows, counted from its first one. Rows that the raster does not reach get a plan without blocks, as
/// long as the view does.
///
/// # Errors
/// As [`plan()`].
pub fn plan_strip(tiff: &GeoTiff, view: &View, rows: Range<u32>, options: &ReadOptions) -> Result<Plan> {
    let picture_px = (view.width_px(), view.height_px());
    check_sides(tiff, picture_px)?;
    Ok(Plan { picture_px, ..plan(tiff, &view.strip(rows), options)? })
}

/// The same of a view wherever it lies.
///
/// # Errors
/// As [`plan_anywhere`].
pub fn plan_strip_anywhere(tiff: &GeoTiff, view: &View, rows: Range<u32>, options: &ReadOptions) -> Result<Plan> {
    let picture_px = (view.width_px(), view.height_px());
    check_sides(tiff, picture_px)?;
    Ok(Plan { picture_px, ..plan_anywhere(tiff, &view.strip(rows), options)? })
}

/// Plans some rows of the whole raster stretched to a size of its own.
///
/// # Errors
/// As [`plan()`].
pub fn plan_rows(tiff: &GeoTiff, size_px: (u32, u32), rows: Range<u32>, options: &ReadOptions) -> Result<Plan> {
    check_sides(tiff, size_px)?;
    Ok(Plan { picture_px: size_px, ..plan_window(tiff, size_px, (0..size_px.0, rows), options)? })
}
