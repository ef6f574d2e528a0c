//! Where a raster lies: the way between its pixels and coordinates.
//!
//! Arithmetic only; it is read from the file in `georef` and `control`.

use std::sync::Arc;

use super::ControlPoints;
use crate::crs::Crs;

/// `x = a·col + b·row + c`, `y = d·col + e·row + f`; (0, 0) is the outer corner of the first pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// x a column.
    pub a: f64,
    /// x a row.
    pub b: f64,
    /// x of the corner.
    pub c: f64,
    /// y a column.
    pub d: f64,
    /// y a row.
    pub e: f64,
    /// y of the corner.
    pub f: f64,
}

impl Affine {
    /// The coordinates of a point in pixels.
    pub fn apply(&self, column: f64, row: f64) -> (f64, f64) {
        (self.a * column + self.b * row + self.c, self.d * column + self.e * row + self.f)
    }

    /// The point in pixels at coordinates; not finite when the transformation is degenerate.
    pub fn invert(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y, determinant) = (x - self.c, y - self.f, self.determinant());
        ((self.e * x - self.b * y) / determinant, (self.a * y - self.d * x) / determinant)
    }

    /// Signed area of a pixel in square units.
    pub fn determinant(&self) -> f64 {
        self.a * self.e - self.b * self.d
    }

    /// The same with the origin moved by so many columns and rows.
    #[must_use]
    pub fn shifted(&self, columns: f64, rows: f64) -> Self {
        let (c, f) = self.apply(columns, rows);
        Self { c, f, ..*self }
    }

    pub(super) fn is_invertible(&self) -> bool {
        let determinant = self.determinant();
        determinant.is_finite() && determinant != 0.0 && self.c.is_finite() && self.f.is_finite()
    }
}

/// Where the raster lies.
#[derive(Debug, Clone)]
pub struct Georef {
    /// Coordinate reference system of `placement`.
    pub crs: Crs,
    /// Full-resolution pixel corners to CRS coordinates.
    pub placement: Placement,
    /// How the file names a system that has no code.
    pub keys: Option<Arc<UserKeys>>,
}

/// GeoKeys of a system that the file defines itself, for files that are made of it. Texts are left out.
#[derive(Debug, Clone, PartialEq)]
pub struct UserKeys {
    directory: Vec<u16>,
    doubles: Vec<f64>,
}

/// The tag of texts, the key of what a pixel is, and its value for areas (OGC 19-008r4, 7.1 and 7.4).
const IN_TEXTS: u16 = 34_737;
const RASTER_TYPE: u16 = 1025;
const PIXEL_IS_AREA: u16 = 1;

/// Most keys, and most numbers beside them, that are kept: some times as many as there are.
const MOST_KEYS: usize = 256;

impl UserKeys {
    /// Of a file's own keys, for pixels that are areas; `None` where they are too many.
    pub(super) fn of(directory: &[u16], doubles: &[f64]) -> Option<Self> {
        let (entries, _) = directory.get(4..)?.as_chunks::<4>();
        let kept = |&[key, place, count, value]: &[u16; 4]| match key {
            RASTER_TYPE => Some([RASTER_TYPE, 0, 1, PIXEL_IS_AREA]),
            _ => (place != IN_TEXTS).then_some([key, place, count, value]),
        };
        let entries: Vec<_> = entries.iter().take(MOST_KEYS + 1).filter_map(kept).collect();
        let fits = entries.len() <= MOST_KEYS && doubles.len() <= MOST_KEYS;
        let head = [[1, 1, 1, entries.len() as u16]];
        let directory = head.iter().chain(&entries).flatten().copied().collect();
        fits.then(|| Self { directory, doubles: doubles.to_vec() })
    }

    /// The directory of keys, as the tag 34735 holds it.
    pub fn directory(&self) -> &[u16] {
        &self.directory
    }

    /// The numbers beside it, as the tag 34736 holds them.
    pub fn doubles(&self) -> &[f64] {
        &self.doubles
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.directory.capacity() * size_of::<u16>() + self.doubles.capacity() * size_of::<f64>()
    }
}

/// The way between full-resolution pixels and coordinates.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// Straight.
    Affine(Affine),
    /// Through ground control points.
    ControlPoints(Arc<ControlPoints>),
}

impl Placement {
    /// The coordinates of a point in pixels.
    pub fn to_crs(&self, (column, row): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Affine(affine) => affine.apply(column, row),
            Self::ControlPoints(points) => points.to_crs((column, row)),
        }
    }

    /// The point in pixels at coordinates; not finite where there is none.
    pub fn to_pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Affine(affine) => affine.invert(x, y),
            Self::ControlPoints(points) => points.to_pixel((x, y)),
        }
    }

    /// The straight grid that stands for a raster of so many pixels where its bounds and resolution are asked for: its
    /// own, or the north-up one that it would be warped to; and that grid's size in pixels.
    pub fn grid(&self, size_px: (u32, u32)) -> (Affine, (u32, u32)) {
        match self {
            Self::Affine(affine) => (*affine, size_px),
            Self::ControlPoints(points) => points.grid(),
        }
    }
}
