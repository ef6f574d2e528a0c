//! Where a directory says the raster lies: its affine transformation and coordinate reference system.
//!
//! Model pixel scale with a tiepoint, a model transformation, or many tiepoints as ground control points (OGC 19-008r4,
//! clause 7.5 and annex C); coordinates of pixel centres are moved to corners. A raster in a system that cannot be
//! expressed here has no georeferencing but a note that says why: ingest warps such files.

use std::sync::Arc;

use super::{
    Affine, ControlPoint, ControlPoints, Georef, Placement, UserKeys, control,
    directory::{Directory, tag},
    window::Window,
};
use crate::{
    Result,
    crs::{Crs, GeoKeys},
};

/// Numbers of one tiepoint: column, row, level, x, y, z.
const TIEPOINT_NUMBERS: usize = 6;

/// The georeferencing of a raster of `size_px` pixels, or a note on why there is none although the file tries.
pub(super) fn read(
    directory: &Directory,
    window: &Window<'_>,
    size_px: (u32, u32),
) -> Result<(Option<Georef>, Option<String>)> {
    let key_directory = directory.shorts(window, tag::GEO_KEY_DIRECTORY)?;
    let doubles = directory.reals(window, tag::GEO_DOUBLE_PARAMS)?;
    let keys = GeoKeys::new(&key_directory, &doubles);
    let crs = keys.crs();
    let turn = crs.as_ref().ok().and_then(Crs::turn);
    let placement = match placement(directory, window, keys.pixel_is_point(), size_px, turn)? {
        Ok(placement) => placement,
        Err(note) => return Ok((None, note.map(str::to_owned))),
    };
    Ok(match crs {
        Ok(crs) => {
            let keys = if crs.epsg().is_none() { UserKeys::of(&key_directory, &doubles) } else { None };
            (Some(Georef { crs, placement, keys: keys.map(Arc::new) }), None)
        }
        Err(note) => (None, Some(note)),
    })
}

/// The way from pixel corners, or why there is none; `Err(None)` for a raster that does not try.
fn placement(
    directory: &Directory,
    window: &Window<'_>,
    pixel_is_point: bool,
    size_px: (u32, u32),
    turn: Option<f64>,
) -> Result<Result<Placement, Option<&'static str>>> {
    let scale = directory.reals(window, tag::MODEL_PIXEL_SCALE)?;
    let tiepoints = directory.reals(window, tag::MODEL_TIEPOINT)?;
    let matrix = directory.reals(window, tag::MODEL_TRANSFORMATION)?;
    let affine = match (&scale[..], &tiepoints[..], &matrix[..]) {
        (&[x_scale, y_scale, ..], &[column, row, _, x, y, _, ..], _) if x_scale != 0.0 && y_scale != 0.0 => {
            // The scale is a size; rows run south whatever its sign, as GDAL reads it.
            let (a, e) = (x_scale, -y_scale.abs());
            Affine { a, b: 0.0, c: x - column * a, d: 0.0, e, f: y - row * e }
        }
        (_, _, &[a, b, _, c, d, e, _, f, ..]) => Affine { a, b, c, d, e, f },
        (_, points, _) if points.len() >= 2 * TIEPOINT_NUMBERS => {
            return Ok(control_points(points, pixel_is_point, size_px, turn));
        }
        ([], [], []) => return Ok(Err(None)),
        _ => return Ok(Err(Some("incomplete georeferencing"))),
    };
    let affine = if pixel_is_point { affine.shifted(-0.5, -0.5) } else { affine };
    Ok(if affine.is_invertible() { Ok(Placement::Affine(affine)) } else { Err(Some("degenerate georeferencing")) })
}

fn control_points(
    numbers: &[f64],
    pixel_is_point: bool,
    size_px: (u32, u32),
    turn: Option<f64>,
) -> Result<Placement, Option<&'static str>> {
    let shift = if pixel_is_point { 0.5 } else { 0.0 };
    let (tiepoints, _) = numbers.as_chunks::<TIEPOINT_NUMBERS>();
    let point = |&[column, row, _, x, y, _]: &[f64; TIEPOINT_NUMBERS]| ControlPoint {
        pixel: (column + shift, row + shift),
        place: (x, y),
    };
    let mut points: Vec<_> = tiepoints.iter().map(point).collect();
    turn.iter().for_each(|&turn| control::run_on(&mut points, turn));
    if let &[first, second] = &points[..] {
        return upright(first, second)
            .map(Placement::Affine)
            .ok_or(Some("two ground control points on one row or column"));
    }
    let control =
        ControlPoints::new(&points, size_px).ok_or(Some("too few ground control points, or all on a line"))?;
    Ok(Placement::ControlPoints(Arc::new(control)))
}

/// The placement without a turn that two points say, as GDAL reads them.
fn upright(first: ControlPoint, second: ControlPoint) -> Option<Affine> {
    let (across_px, down_px) = (second.pixel.0 - first.pixel.0, second.pixel.1 - first.pixel.1);
    let (a, e) = ((second.place.0 - first.place.0) / across_px, (second.place.1 - first.place.1) / down_px);
    let c = first.place.0 - first.pixel.0 * a;
    let affine = Affine { a, b: 0.0, c, d: 0.0, e, f: first.place.1 - first.pixel.1 * e };
    affine.is_invertible().then_some(affine)
}
