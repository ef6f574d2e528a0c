//! Tile matrix sets: the grids that maps cut the world into, read from OGC's JSON.
//!
//! Terms and formulas follow OGC 17-083r4. Every matrix carries its own cell size and origin, so sets that are no
//! quadtree fit as well. It does not project: bounds are in the set's own coordinate reference system.

use std::{ops::RangeInclusive, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::{Bounds, TileId};

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

/// One zoom level: a grid of equal tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileMatrix {
    /// Identifier within the set; for all sets here the zoom as text.
    pub id: String,
    /// Scale at OGC's pixel of 0.28 mm.
    pub scale_denominator: f64,
    /// Side of a pixel in units of the set's coordinate reference system.
    pub cell_size: f64,
    /// Top left corner `[x, y]` of tile 0/0.
    pub point_of_origin: [f64; 2],
    /// Width of a tile in pixels.
    pub tile_width: u32,
    /// Height of a tile in pixels.
    pub tile_height: u32,
    /// Tiles across.
    pub matrix_width: u32,
    /// Tiles down.
    pub matrix_height: u32,
}

impl TileMatrix {
    /// Width of a tile in units of the coordinate reference system.
    pub fn tile_span_x(&self) -> f64 {
        f64::from(self.tile_width) * self.cell_size
    }

    /// Height of a tile in units of the coordinate reference system.
    pub fn tile_span_y(&self) -> f64 {
        f64::from(self.tile_height) * self.cell_size
    }
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
    /// The coordinate reference system, as a URI ending in its EPSG code.
    pub crs: String,
    /// Names of the axes as the authority orders them; points in this file are x, y when the first is `X` or `E`.
    #[serde(default)]
    pub ordered_axes: Vec<String>,
    /// Well-known scale set, if the grids follow one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub well_known_scale_set: Option<String>,
    /// One grid a zoom, zoom 0 first.
    pub tile_matrices: Vec<TileMatrix>,
}

/// The text of the one set compiled in so far.
const WEB_MERCATOR_QUAD: &str = include_str!("../data/WebMercatorQuad.json");

impl TileMatrixSet {
    /// The grid of web maps: EPSG:3857, zooms 0 to 24.
    pub fn web_mercator_quad() -> &'static Self {
        static SET: LazyLock<TileMatrixSet> = LazyLock::new(|| {
            TileMatrixSet::from_json(WEB_MERCATOR_QUAD).expect("the set compiled in is checked by a test")
        });
        &SET
    }

    /// The set of that identifier, case-sensitive as in OGC's registry.
    pub fn named(id: &str) -> Option<&'static Self> {
        Self::all().find(|set| set.id == id)
    }

    /// Every set compiled in.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        [Self::web_mercator_quad()].into_iter()
    }

    /// Reads OGC's JSON encoding.
    ///
    /// # Errors
    /// `BadSet` when the text is no such JSON or a grid in it is degenerate.
    pub fn from_json(text: &str) -> Result<Self, TileError> {
        let set: Self = serde_json::from_str(text)
            .map_err(|error| TileError::BadSet { id: "(unread)".into(), reason: error.to_string() })?;
        set.check()?;
        Ok(set)
    }

    fn check(&self) -> Result<(), TileError> {
        let bad = |reason: &str| Err(TileError::BadSet { id: self.id.clone(), reason: reason.into() });
        if self.tile_matrices.is_empty() || self.tile_matrices.len() > 64 {
            return bad("has no tile matrices, or more than 64");
        }
        let sizes = |m: &TileMatrix| [m.tile_width, m.tile_height, m.matrix_width, m.matrix_height];
        if self.tile_matrices.iter().any(|m| sizes(m).contains(&0)) {
            return bad("has a matrix without tiles or pixels");
        }
        if !self.tile_matrices.iter().all(|m| m.cell_size.is_finite() && m.cell_size > 0.0) {
            return bad("has a cell size that is not positive");
        }
        if !self.tile_matrices.is_sorted_by(|a, b| a.cell_size > b.cell_size) {
            return bad("does not grow finer with every matrix");
        }
        Ok(())
    }

    /// EPSG code of the coordinate reference system, when its URI ends in one.
    pub fn epsg(&self) -> Option<u32> {
        let (authority, code) = self.crs.rsplit_once('/')?;
        authority.contains("/EPSG/").then(|| code.parse().ok())?
    }

    /// Zooms of the set.
    pub fn zooms(&self) -> RangeInclusive<u8> {
        0..=u8::try_from(self.tile_matrices.len() - 1).unwrap_or(u8::MAX)
    }

    /// The grid of zoom `z`.
    pub fn matrix(&self, z: u8) -> Option<&TileMatrix> {
        self.tile_matrices.get(usize::from(z))
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
        let edge_x = |x: u32| matrix.point_of_origin[0] + f64::from(x) * matrix.tile_span_x();
        let edge_y = |y: u32| matrix.point_of_origin[1] - f64::from(y) * matrix.tile_span_y();
        Ok(Bounds::new(edge_x(tile.x), edge_y(tile.y + 1), edge_x(tile.x + 1), edge_y(tile.y)))
    }

    /// The tile of zoom `z` that holds a point; points beyond the grid belong to the nearest tile at its edge, points
    /// on a shared edge to the tile east and south of it.
    pub fn tile_at(&self, z: u8, x: f64, y: f64) -> Option<TileId> {
        let matrix = self.matrix(z)?;
        let column = (x - matrix.point_of_origin[0]) / matrix.tile_span_x();
        let row = (matrix.point_of_origin[1] - y) / matrix.tile_span_y();
        Some(TileId::new(z, clip(column, matrix.matrix_width), clip(row, matrix.matrix_height)))
    }

    /// Tiles of zoom `z` whose interior meets `bounds`, row by row. Lazy: a whole world at zoom 24 costs nothing until
    /// it is walked.
    pub fn tiles_covering(&self, z: u8, bounds: Bounds) -> impl Iterator<Item = TileId> + '_ {
        let corner = |x, y| self.tile_at(z, x, y);
        let range = corner(bounds.minx, bounds.maxy).zip(corner(bounds.maxx, bounds.miny));
        range
            .into_iter()
            .flat_map(move |(first, last)| {
                let columns = move |y| (first.x..=last.x).map(move |x| TileId::new(z, x, y));
                (first.y..=last.y).flat_map(columns)
            })
            .filter(move |&tile| self.tile_bounds(tile).is_ok_and(|area| area.intersects(&bounds)))
    }
}

/// `value` rounded down into `0..count`; not a number counts as 0.
fn clip(value: f64, count: u32) -> u32 {
    (value.floor().max(0.0) as u32).min(count - 1)
}
