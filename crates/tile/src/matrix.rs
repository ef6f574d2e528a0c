//! One zoom of a tile matrix set: a grid of equal tiles, or of tiles that are wider in some rows.

use serde::{Deserialize, Serialize};

/// One zoom level: a grid of equal tiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TileMatrix {
    /// Identifier within the set: the zoom as text, negative in `CDB1GlobalGrid` above its zoom 0.
    pub id: String,
    /// Scale at OGC's pixel of 0.28 mm.
    pub scale_denominator: f64,
    /// Side of a pixel in units of the set's coordinate reference system.
    pub cell_size: f64,
    /// Which corner the point of origin is; top left in every set here.
    #[serde(default)]
    pub corner_of_origin: Corner,
    /// Top left corner of tile 0/0 in the order of the set's axes; [`super::TileMatrixSet::origin`] gives it as x, y.
    pub point_of_origin: [f64; 2],
    /// Width of a tile in pixels.
    pub tile_width: u32,
    /// Height of a tile in pixels.
    pub tile_height: u32,
    /// Tiles across.
    pub matrix_width: u32,
    /// Tiles down.
    pub matrix_height: u32,
    /// Rows in which several tiles are joined to one, as grids over degrees do near the poles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variable_matrix_widths: Vec<JoinedRows>,
}

/// A corner of a grid. Sets that count rows upwards are not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Corner {
    /// Rows are counted downwards.
    #[default]
    TopLeft,
}

/// Rows of a grid in which tiles are joined sideways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JoinedRows {
    /// Tiles that are one; any of their columns names it.
    pub coalesce: u32,
    /// First row.
    pub min_tile_row: u32,
    /// Last row.
    pub max_tile_row: u32,
}

impl TileMatrix {
    /// Width of a tile that is not joined, in units of the coordinate reference system.
    pub fn tile_span_x(&self) -> f64 {
        f64::from(self.tile_width) * self.cell_size
    }

    /// Height of a tile in units of the coordinate reference system.
    pub fn tile_span_y(&self) -> f64 {
        f64::from(self.tile_height) * self.cell_size
    }

    /// How many tiles of a row are joined to one; mostly 1.
    pub fn joined(&self, row: u32) -> u32 {
        let rows = self.variable_matrix_widths.iter();
        rows.filter(|rows| (rows.min_tile_row..=rows.max_tile_row).contains(&row))
            .map(|rows| rows.coalesce)
            .next()
            .unwrap_or(1)
    }

    /// The zoom, as far as the identifier is a number.
    pub(crate) fn number(&self) -> Option<i16> {
        self.id.parse().ok()
    }

    /// What makes the grid unusable, if something does.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let sizes = [self.tile_width, self.tile_height, self.matrix_width, self.matrix_height];
        if sizes.contains(&0) || self.variable_matrix_widths.iter().any(|rows| rows.coalesce == 0) {
            return Some("has a matrix without tiles or pixels");
        }
        if !(self.cell_size.is_finite() && self.cell_size > 0.0) {
            return Some("has a cell size that is not positive");
        }
        self.number().is_none().then_some("has a matrix whose identifier is no number")
    }
}
