//! What a catalogue wants to know of a raster, from its header alone: size, type, place, and whether the file is whole.
//!
//! No pixel is read, so the footprint is the raster's frame and not that of its valid pixels. Callers: the indexer
//! (files) and the server (`info`).

use std::path::Path;

use aurora_tile::TileMatrixSet;
use futures_util::FutureExt;
use serde::Serialize;

use crate::{
    GeoTiff, Limits, Result,
    geotiff::Longitudes,
    header::{self, Georef, Header, Unread},
    render,
    source::{FileSource, SourceError},
};

pub(crate) mod place;

pub use place::normal_longitude;

/// What a raster's header says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Number of bands, alpha included.
    pub bands: u16,
    /// Sample type by numpy's name, such as `uint16`.
    pub dtype: &'static str,
    /// EPSG code of its coordinate reference system, if that has one.
    pub epsg: Option<u32>,
    /// Side of a pixel on the ground in metres, at the raster's centre.
    pub spacing_m: Option<f64>,
    /// `[min x, min y, max x, max y]` in its own coordinate reference system.
    pub bounds_native: Option<[f64; 4]>,
    /// `[west, south, east, north]` in degrees; west > east when the raster crosses the antimeridian.
    pub bounds_wgs84: Option<[f64; 4]>,
    /// Closed ring of `[longitude, latitude]` in degrees along the raster's frame, clockwise from its first pixel;
    /// longitudes run on past ±180 where it crosses the antimeridian. Empty without georeferencing.
    pub footprint_wgs84: Vec<[f64; 2]>,
    /// First zoom of WebMercatorQuad at which it is worth showing: where it fits about one tile.
    pub minzoom: Option<u8>,
    /// Last such zoom: where its pixels are a tile's.
    pub maxzoom: Option<u8>,
    /// Declared nodata value (NaN and infinities are `null` in JSON).
    pub nodata: Option<f64>,
    /// First byte after everything the header points to.
    pub end_byte: u64,
    /// Length of the file.
    pub size_bytes: u64,
    /// Whether it has overviews.
    pub has_overviews: bool,
    /// Why there is no georeferencing although the file tries to give one.
    pub georef_note: Option<String>,
}

impl Facts {
    /// Whether everything that the header points to lies within the file; not so while it is being copied.
    pub fn is_whole(&self) -> bool {
        self.end_byte <= self.size_bytes
    }
}

/// Facts of an open raster.
pub fn of(tiff: &GeoTiff) -> Facts {
    from_header(tiff.header(), tiff.source().size_bytes(), tiff.longitudes())
}

/// Reads the header of a local file; blocks for as long as that takes. Zooms are those of the raster as it lies, also
/// across the antimeridian.
///
/// # Errors
/// What opening the file or reading its header says: see [`GeoTiff::open`].
pub fn read_file(path: &Path, limits: &Limits) -> Result<Facts> {
    match read_so_far(path, limits)? {
        SoFar::Facts(facts) => Ok(*facts),
        SoFar::CutOff(reason) => Err(crate::RasterError::Broken { reason }),
    }
}

/// What a file says that may still be on its way here.
#[derive(Debug, Clone)]
pub enum SoFar {
    /// Its whole header; [`Facts::is_whole`] tells whether the rest is there too.
    Facts(Box<Facts>),
    /// A directory, or a value that one names, lies beyond the end; which, where, and where the end is.
    CutOff(String),
}

/// The same of a file that may still be growing; blocks for as long as that takes.
///
/// # Errors
/// As [`read_file`], but not for a header that lies partly beyond the end.
pub fn read_so_far(path: &Path, limits: &Limits) -> Result<SoFar> {
    let source = FileSource::open(path)?;
    let pending =
        || SourceError::Unavailable { name: path.display().to_string(), reason: "the read did not end".to_owned() };
    // Reads of a local file are ready at their first poll, so that no executor is needed.
    let header = Header::read_so_far(source.as_ref(), limits).now_or_never().ok_or_else(pending)?;
    match header {
        Ok(header) => {
            let size_bytes = crate::source::ByteSource::size_bytes(source.as_ref());
            Ok(SoFar::Facts(Box::new(from_header(&header, size_bytes, Longitudes::RunningOn))))
        }
        Err(Unread::CutOff { what, range, size_bytes }) => {
            Ok(SoFar::CutOff(header::beyond_end(what, &range, size_bytes)))
        }
        Err(Unread::Wrong(error)) => Err(error),
    }
}

fn from_header(header: &Header, size_bytes: u64, longitudes: Longitudes) -> Facts {
    let full = &header.levels[0];
    let size_px = (full.width_px, full.height_px);
    let georef = header.georef.as_ref();
    let zooms =
        georef.and_then(|_| render::zooms_of_header(header, TileMatrixSet::web_mercator_quad(), longitudes).ok());
    Facts {
        width_px: full.width_px,
        height_px: full.height_px,
        bands: header.bands,
        dtype: header.dtype(),
        epsg: georef.and_then(|georef| georef.crs.epsg()),
        spacing_m: georef.and_then(|georef| place::spacing_m(georef, size_px)),
        bounds_native: georef.map(|georef| place::bounds_native(&georef.placement, size_px)),
        bounds_wgs84: georef.and_then(|georef| bounds_wgs84(georef, size_px)),
        footprint_wgs84: georef.map(|georef| place::footprint_wgs84(georef, size_px)).unwrap_or_default(),
        minzoom: zooms.as_ref().map(|zooms| *zooms.start()),
        maxzoom: zooms.as_ref().map(|zooms| *zooms.end()),
        nodata: header.nodata,
        end_byte: header.end_byte,
        size_bytes,
        has_overviews: header.levels[1..].iter().any(|level| !level.is_thinned()),
        georef_note: header.georef_note.clone(),
    }
}

fn bounds_wgs84(georef: &Georef, size_px: (u32, u32)) -> Option<[f64; 4]> {
    place::bounds_wgs84(&georef.crs, place::bounds_native(&georef.placement, size_px))
}
