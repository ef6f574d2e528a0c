//! Tile matrix sets: the grids that maps cut the world into, read from OGC's JSON.
//!
//! Terms and formulas follow OGC 17-083r4. Every matrix carries its own cell size and origin, so sets that are no
//! quadtree, or begin at another zoom than 0, fit as well. Bounds are always x before y, whatever the order of the
//! set's axes. It does not project: bounds are in the set's own coordinate reference system.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::{Bounds, TileId, TileMatrix};

/// Most zooms of a set.
const MAX_MATRICES: usize = 64;

/// Names of the first axis of systems that put y, or latitude, first.
const Y_AXES: [&str; 4] = ["Y", "N", "LAT", "NORTHING"];

/// What is wrong with a tile matrix set or a tile.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TileError {
    /// The set's JSON does not describe a usable grid.
    #[error("tile matrix set {id}: {reason}")]
    BadSet {
        /// Identifier of the set, as far as it is known.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// The set has no such tile.
    #[error("no tile {tile} in {set}")]
    NoSuchTile {
        /// The tile asked for.
        tile: TileId,
        /// The set's identifier.
        set: String,
    },
}

/// A set of grids over one coordinate reference system, from coarse to fine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileMatrixSet {
    /// Identifier, such as `WebMercatorQuad`.
    pub id: String,
    /// Title for people.
    #[serde(default)]
    pub title: String,
    /// OGC's address of the definition, if it is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The coordinate reference system, as a URI or URN ending in its code.
    pub crs: String,
    /// Names of the axes in the order of the points of origin.
    #[serde(default)]
    pub ordered_axes: Vec<String>,
    /// Well-known scale set, if the grids follow one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub well_known_scale_set: Option<String>,
    /// One grid a zoom, coarsest first; their identifiers are consecutive whole numbers.
    pub tile_matrices: Vec<TileMatrix>,
}

impl TileMatrixSet {
    /// Reads OGC's JSON encoding.
    ///
    /// # Errors
    /// `BadSet` when the text is no such JSON or a grid in it is degenerate.
    pub fn from_json(text: &str) -> Result<Self, TileError> {
        let set: Self = serde_json::from_str(text)
            .map_err(|error| TileError::BadSet { id: "(unread)".into(), reason: error.to_string() })?;
        match set.fault() {
            Some(reason) => Err(TileError::BadSet { id: set.id, reason: reason.into() }),
            None => Ok(set),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let matrices = &self.tile_matrices;
        if matrices.is_empty() || matrices.len() > MAX_MATRICES {
            return Some("has no tile matrices, or too many");
        }
        if let Some(fault) = matrices.iter().find_map(TileMatrix::fault) {
            return Some(fault);
        }
        if !matrices.is_sorted_by(|a, b| a.cell_size > b.cell_size) {
            return Some("does not grow finer with every matrix");
        }
        let numbers = matrices.iter().filter_map(TileMatrix::number);
        if !numbers.zip(self.first_number()..).all(|(number, expected)| number == expected) {
            return Some("leaves out or repeats a zoom");
        }
        (self.matrices().is_empty()).then_some("has no zoom from 0 on")
    }

    /// The number of the first matrix.
    fn first_number(&self) -> i16 {
        self.tile_matrices[0].number().unwrap_or(0)
    }

    /// The matrices that tiles can be asked of: those from zoom 0 on. `CDB1GlobalGrid` has ten more above, in which
    /// tiles of 1 to 512 pixels repeat the grid of zoom 0.
    pub(crate) fn matrices(&self) -> &[TileMatrix] {
        let negative = usize::try_from(-self.first_number()).unwrap_or(0);
        self.tile_matrices.get(negative..).unwrap_or(&[])
    }

    /// The first zoom that tiles can be asked of.
    pub(crate) fn first_zoom(&self) -> u8 {
        u8::try_from(self.first_number()).unwrap_or(0)
    }

    /// EPSG code of the coordinate reference system, where it has one; WGS84's for OGC's CRS84, which differs from it
    /// by the order of the axes alone.
    pub fn epsg(&self) -> Option<u32> {
        if self.crs.ends_with("CRS84") {
            return Some(4326);
        }
        let (authority, code) = self.crs.rsplit_once(['/', ':'])?;
        authority.contains("EPSG").then(|| code.parse().ok())?
    }

    /// Zooms that tiles can be asked of.
    pub fn zooms(&self) -> RangeInclusive<u8> {
        let first = self.first_zoom();
        first..=first.saturating_add(u8::try_from(self.matrices().len() - 1).unwrap_or(u8::MAX))
    }

    /// The grid of zoom `z`.
    pub fn matrix(&self, z: u8) -> Option<&TileMatrix> {
        self.matrices().get(usize::from(z.checked_sub(self.first_zoom())?))
    }

    /// Top left corner of a grid as x, y.
    pub fn origin(&self, matrix: &TileMatrix) -> (f64, f64) {
        let [first, second] = matrix.point_of_origin;
        if self.is_y_first() { (second, first) } else { (first, second) }
    }

    fn is_y_first(&self) -> bool {
        self.ordered_axes.first().is_some_and(|axis| Y_AXES.contains(&axis.to_ascii_uppercase().as_str()))
    }

    /// Side of a pixel at zoom `z` in units of the coordinate reference system, for the set's own tile size.
    pub fn resolution(&self, z: u8) -> Option<f64> {
        self.matrix(z).map(|matrix| matrix.cell_size)
    }

    /// The grid of a tile that exists.
    ///
    /// # Errors
    /// `NoSuchTile` for a zoom, column or row beyond the set.
    pub fn matrix_of(&self, tile: TileId) -> Result<&TileMatrix, TileError> {
        self.matrix(tile.z)
            .filter(|matrix| tile.x < matrix.matrix_width && tile.y < matrix.matrix_height)
            .ok_or_else(|| TileError::NoSuchTile { tile, set: self.id.clone() })
    }

    /// Where a tile lies, in units of the set's coordinate reference system.
    ///
    /// # Errors
    /// `NoSuchTile`.
    pub fn tile_bounds(&self, tile: TileId) -> Result<Bounds, TileError> {
        let matrix = self.matrix_of(tile)?;
        let (origin_x, origin_y) = self.origin(matrix);
        let joined = matrix.joined(tile.y);
        let column = tile.x / joined * joined;
        let edge_x = |x: u32| origin_x + f64::from(x) * matrix.tile_span_x();
        let edge_y = |y: u32| origin_y - f64::from(y) * matrix.tile_span_y();
        Ok(Bounds::new(edge_x(column), edge_y(tile.y + 1), edge_x(column + joined), edge_y(tile.y)))
    }

    /// The tile of zoom `z` that holds a point; points beyond the grid belong to the nearest tile at its edge, points
    /// on a shared edge to the tile east and south of it. Of joined tiles it is the first.
    pub fn tile_at(&self, z: u8, x: f64, y: f64) -> Option<TileId> {
        let matrix = self.matrix(z)?;
        let (origin_x, origin_y) = self.origin(matrix);
        let column = clip((x - origin_x) / matrix.tile_span_x(), matrix.matrix_width);
        let row = clip((origin_y - y) / matrix.tile_span_y(), matrix.matrix_height);
        let joined = matrix.joined(row);
        Some(TileId::new(z, column / joined * joined, row))
    }

    /// Tiles of zoom `z` whose interior meets `bounds`, row by row. Lazy: a whole world at zoom 24 costs nothing until
    /// it is walked.
    pub fn tiles_covering(&self, z: u8, bounds: Bounds) -> impl Iterator<Item = TileId> + '_ {
        let range = self.matrix(z).map(|matrix| {
            let (origin_x, origin_y) = self.origin(matrix);
            let column = |x: f64| clip((x - origin_x) / matrix.tile_span_x(), matrix.matrix_width);
            let row = |y: f64| clip((origin_y - y) / matrix.tile_span_y(), matrix.matrix_height);
            (matrix, column(bounds.minx)..=column(bounds.maxx), row(bounds.maxy)..=row(bounds.miny))
        });
        range
            .into_iter()
            .flat_map(move |(matrix, columns, rows)| {
                rows.flat_map(move |y| {
                    let joined = matrix.joined(y);
                    let (first, last) = (columns.start() / joined, columns.end() / joined);
                    (first..=last).map(move |x| TileId::new(z, x * joined, y))
                })
            })
            .filter(move |&tile| self.tile_bounds(tile).is_ok_and(|area| area.intersects(&bounds)))
    }
}

/// `value` rounded down into `0..count`; not a number counts as 0.
fn clip(value: f64, count: u32) -> u32 {
    (value.floor().max(0.0) as u32).min(count - 1)
}
