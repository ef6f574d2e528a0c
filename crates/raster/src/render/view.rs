//! A rectangle of pixels to be filled, north up, in some coordinate reference system.

use std::ops::Range;

use aurora_tile::{Bounds, TileId, TileMatrixSet};

use crate::{Feature, RasterError, Result, crs::Crs, encode::Placement};

/// What a picture shows: a place and a size in pixels.
#[derive(Debug, Clone)]
pub struct View {
    crs: Crs,
    bounds: Bounds,
    width_px: u32,
    height_px: u32,
    /// Height of the picture of which it may be some rows.
    picture_height_px: u32,
    lattice: Lattice,
}

/// Side of the squares that maps are placed by: a tile's, since GDAL's warp places a tile's rows as a whole.
const SQUARE_PX: i64 = 256;

/// The endless grid of pixels that the view is a part of. All views of one zoom share it, so what is computed from it
/// is the same number in every one of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lattice {
    /// x of the left edge of column 0.
    pub(super) origin_x: f64,
    /// y of the top edge of row 0.
    pub(super) origin_y: f64,
    /// Width of a pixel.
    pub(super) pixel_x: f64,
    /// Height of a pixel.
    pub(super) pixel_y: f64,
    /// The view's first column.
    pub(super) col: i64,
    /// The view's first row.
    pub(super) row: i64,
    /// Side of the squares, a power of two, that it is placed by.
    pub(super) square_px: i64,
}

impl Lattice {
    /// Coordinates of a place given in lattice pixels.
    pub(super) fn to_crs(self, (col, row): (f64, f64)) -> (f64, f64) {
        (self.origin_x + col * self.pixel_x, self.origin_y - row * self.pixel_y)
    }

    /// Lattice pixels of a place given in coordinates.
    pub(super) fn of_crs(self, (x, y): (f64, f64)) -> (f64, f64) {
        ((x - self.origin_x) / self.pixel_x, (self.origin_y - y) / self.pixel_y)
    }
}

impl View {
    /// The view of a map tile, `tile_size_px` pixels square whatever the set's own tile size.
    ///
    /// # Errors
    /// `BadParameter` for a tile that the set does not have or a size of 0, `Unsupported` for a set whose projection is
    /// unknown.
    pub fn tile(set: &TileMatrixSet, tile: TileId, tile_size_px: u32) -> Result<Self> {
        let bad_tile =
            |error: aurora_tile::TileError| RasterError::BadParameter { name: "tile", reason: error.to_string() };
        let (matrix, bounds) = (set.matrix_of(tile).map_err(bad_tile)?, set.tile_bounds(tile).map_err(bad_tile)?);
        check_sides(tile_size_px, tile_size_px)?;
        let crs = Crs::from_epsg(set.epsg().ok_or_else(|| RasterError::Unsupported {
            feature: Feature::CoordinateReferenceSystem,
            detail: set.crs.clone(),
        })?)?;
        let joined = matrix.joined(tile.y);
        let (origin_x, origin_y) = set.origin(matrix);
        let lattice = Lattice {
            origin_x,
            origin_y,
            pixel_x: matrix.tile_span_x() * f64::from(joined) / f64::from(tile_size_px),
            pixel_y: matrix.tile_span_y() / f64::from(tile_size_px),
            col: i64::from(tile.x / joined) * i64::from(tile_size_px),
            row: i64::from(tile.y) * i64::from(tile_size_px),
            square_px: SQUARE_PX,
        };
        Ok(Self::whole(crs, bounds, (tile_size_px, tile_size_px), lattice))
    }

    /// The view of any box, on a lattice of its own.
    ///
    /// # Errors
    /// `BadParameter` for a box that is empty or not finite, or a side of 0 pixels.
    pub fn of_bounds(crs: Crs, bounds: Bounds, width_px: u32, height_px: u32) -> Result<Self> {
        check_sides(width_px, height_px)?;
        let finite = bounds.to_array().iter().all(|edge| edge.is_finite());
        if !finite || bounds.width() <= 0.0 || bounds.height() <= 0.0 {
            return Err(RasterError::BadParameter { name: "bbox", reason: "is empty or not finite".into() });
        }
        let lattice = Lattice {
            origin_x: bounds.minx,
            origin_y: bounds.maxy,
            pixel_x: bounds.width() / f64::from(width_px),
            pixel_y: bounds.height() / f64::from(height_px),
            col: 0,
            row: 0,
            // No other view has this lattice, and a short row is straighter than a long one.
            square_px: width_px.max(height_px).min(SQUARE_PX as u32).next_power_of_two().into(),
        };
        Ok(Self::whole(crs, bounds, (width_px, height_px), lattice))
    }

    fn whole(crs: Crs, bounds: Bounds, (width_px, height_px): (u32, u32), lattice: Lattice) -> Self {
        Self { crs, bounds, width_px, height_px, picture_height_px: height_px, lattice }
    }

    /// The view with `half_px` half pixels more on every side.
    #[must_use]
    pub fn grown(mut self, half_px: u32) -> Self {
        let (lattice, more) = (&mut self.lattice, f64::from(half_px) / 2.0);
        if half_px % 2 == 1 {
            // Half a pixel off every other view: a lattice of its own, shared by all views grown so.
            lattice.origin_x -= lattice.pixel_x / 2.0;
            lattice.origin_y += lattice.pixel_y / 2.0;
        }
        (lattice.col, lattice.row) = (lattice.col - i64::from(half_px / 2), lattice.row - i64::from(half_px / 2));
        let (more_x, more_y) = (more * lattice.pixel_x, more * lattice.pixel_y);
        let Bounds { minx, miny, maxx, maxy } = self.bounds;
        self.bounds = Bounds::new(minx - more_x, miny - more_y, maxx + more_x, maxy + more_y);
        for side_px in [&mut self.width_px, &mut self.height_px, &mut self.picture_height_px] {
            *side_px = side_px.saturating_add(half_px);
        }
        self
    }

    /// Some of the view's rows, counted from its first one, as a view whose pixels are those of the whole: for pictures
    /// too large to be made in one piece. Its bounds stay those of the whole, since that is what is asked for.
    #[must_use]
    pub fn strip(&self, rows: Range<u32>) -> Self {
        let lattice = Lattice { row: self.lattice.row + i64::from(rows.start), ..self.lattice };
        Self { height_px: rows.len() as u32, lattice, ..self.clone() }
    }

    /// Where a GeoTIFF of the picture lies.
    pub fn placement(&self) -> Placement {
        let corner = (self.bounds.minx, self.bounds.maxy);
        Placement::north_up(&self.crs, corner, (self.lattice.pixel_x, self.lattice.pixel_y))
    }

    /// Coordinate reference system of the picture.
    pub fn crs(&self) -> &Crs {
        &self.crs
    }

    /// Outer edges of the picture in its coordinate reference system.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Width in pixels.
    pub fn width_px(&self) -> u32 {
        self.width_px
    }

    /// Height in pixels.
    pub fn height_px(&self) -> u32 {
        self.height_px
    }

    /// Width and height of the picture of which it may be some rows: what a kernel looks at goes by them.
    pub(super) fn picture_px(&self) -> (u32, u32) {
        (self.width_px, self.picture_height_px)
    }

    /// The lesser side of a pixel in units of its coordinate reference system.
    pub(super) fn pixel_size(&self) -> f64 {
        self.lattice.pixel_x.min(self.lattice.pixel_y)
    }

    pub(super) fn lattice(&self) -> Lattice {
        self.lattice
    }
}

fn check_sides(width_px: u32, height_px: u32) -> Result<()> {
    if width_px == 0 || height_px == 0 {
        return Err(RasterError::BadParameter { name: "tilesize", reason: "a side of 0 pixels".into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aurora_tile::{TileId, TileMatrixSet};

    use super::View;

    #[test]
    fn every_tile_matrix_set_has_a_projection() {
        for set in TileMatrixSet::all() {
            let tile = TileId::new(*set.zooms().start(), 0, 0);
            let view = View::tile(set, tile, 256).unwrap_or_else(|error| panic!("{}: {error}", set.id));
            assert_eq!(view.bounds(), set.tile_bounds(tile).expect("it exists"), "{}", set.id);
        }
    }

    #[test]
    fn a_grown_view_keeps_its_pixels() {
        let view = View::tile(TileMatrixSet::web_mercator_quad(), TileId::new(3, 2, 5), 256).expect("a tile");
        let (pixel, bounds) = (view.lattice().pixel_x, view.bounds());
        for half_px in [0, 1, 2, 7] {
            let grown = view.clone().grown(half_px);
            assert_eq!((grown.width_px(), grown.height_px()), (256 + half_px, 256 + half_px));
            let edge = bounds.minx - f64::from(half_px) / 2.0 * pixel;
            assert!((grown.bounds().minx - edge).abs() < 1e-6);
            let lattice = grown.lattice();
            let (x, y) = lattice.to_crs((lattice.col as f64, lattice.row as f64));
            assert!((x - edge).abs() < 1e-6 && (y - grown.bounds().maxy).abs() < 1e-6, "{half_px}");
        }
    }
}
