//! Pixels: from the bytes of a GeoTIFF to an encoded map tile.
//!
//! A render is a straight walk through these modules: [`header`] says what the file holds, [`render`] plans which
//! blocks of which overview a view needs, [`source`] brings their bytes, [`codec`] decodes them into the [`cache`], the
//! warp in [`render`] puts them on the view's lattice, [`process`] may make other values of them, [`style`] makes
//! colours of values and [`encode`] makes bytes of colours.
//!
//! It knows no HTTP server and no GDAL, decides nothing about admission or scheduling, and holds no memory beyond
//! what its caller's limits allow. Its callers are the server (tiles) and the indexer (header facts only).

mod ahead;
pub mod block;
pub mod cache;
pub mod codec;
pub mod crs;
pub mod encode;
pub mod error;
pub mod facts;
pub mod feature;
pub mod geotiff;
pub mod header;
#[cfg(feature = "isal")]
mod igzip;
pub mod limits;
pub mod pixels;
pub mod process;
pub mod render;
pub mod source;
mod spare;
pub mod statistics;
pub mod style;

pub use error::{RasterError, Result};
pub use feature::Feature;
pub use geotiff::GeoTiff;
pub use limits::Limits;
