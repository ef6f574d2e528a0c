//! Tile arithmetic: where a tile lies, which tiles cover a place, which zoom suits a pixel size.
//!
//! Pure numbers. It opens no file, knows no raster and projects nothing but Web Mercator. Its callers are the
//! renderer (bounds of a tile), the server (tilejson, routes) and the catalogue (bounding boxes).

mod bounds;
mod id;
mod matrix;
mod matrix_set;
mod mercator;
mod registry;
mod zoom;

pub use bounds::Bounds;
pub use id::TileId;
pub use matrix::{Corner, JoinedRows, TileMatrix};
pub use matrix_set::{TileError, TileMatrixSet};
pub use mercator::{MAX_LATITUDE_DEG, ORIGIN_SHIFT_M, lon_lat_to_mercator, mercator_to_lon_lat};
