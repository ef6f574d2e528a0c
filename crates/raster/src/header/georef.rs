//! Where a directory says the raster lies: its affine transformation and coordinate reference system.
//!
//! Model pixel scale with a tiepoint, or a model transformation (OGC 19-008r4, clause 7.5 and annex C); coordinates of
//! pixel centres are moved to corners. A raster tied down by ground control points alone, or in a system that cannot
//! be expressed here, has no georeferencing but a note that says why: ingest warps such files.

use super::{
    Affine, Georef,
    directory::{Directory, tag},
    window::Window,
};
use crate::{Result, crs::GeoKeys};

/// Numbers of one tiepoint: column, row, level, x, y, z.
const TIEPOINT_NUMBERS: usize = 6;

/// The georeferencing, or a note on why there is none although the file tries.
pub(super) fn read(directory: &Directory, window: &Window<'_>) -> Result<(Option<Georef>, Option<String>)> {
    let key_directory = directory.shorts(window, tag::GEO_KEY_DIRECTORY)?;
    let doubles = directory.reals(window, tag::GEO_DOUBLE_PARAMS)?;
    let keys = GeoKeys::new(&key_directory, &doubles);
    let affine = match affine(directory, window, keys.pixel_is_point())? {
        Ok(affine) => affine,
        Err(note) => return Ok((None, note.map(str::to_owned))),
    };
    Ok(match keys.crs() {
        Ok(crs) => (Some(Georef { crs, pixel_to_crs: affine }), None),
        Err(note) => (None, Some(note)),
    })
}

/// The transformation of pixel corners, or why there is none; `Err(None)` for a raster that does not try.
fn affine(
    directory: &Directory,
    window: &Window<'_>,
    pixel_is_point: bool,
) -> Result<Result<Affine, Option<&'static str>>> {
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
            return Ok(Err(Some("georeferencing by ground control points")));
        }
        ([], [], []) => return Ok(Err(None)),
        _ => return Ok(Err(Some("incomplete georeferencing"))),
    };
    let affine = if pixel_is_point { affine.shifted(-0.5, -0.5) } else { affine };
    Ok(if affine.is_invertible() { Ok(affine) } else { Err(Some("degenerate georeferencing")) })
}
