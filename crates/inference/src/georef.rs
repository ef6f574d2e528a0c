//! Where on Earth a raster lies, and what has to be done so that it lies there north-up under one EPSG code.
//!
//! It reads headers only; `prepare` does the warp it asks for.

use std::path::Path;

use gdal::{Dataset, spatial_ref::SpatialRef};

use crate::{
    crs,
    error::{Error, Result},
    gdal_env,
};

/// Points along each edge when bounds are transformed; GDAL's recommendation.
const EDGE_POINTS: i32 = 21;
/// Rotation terms below this part of a pixel over the whole raster are rounding, not rotation.
const ROTATION_TOLERANCE_PX: f64 = 0.01;
/// Latitudes may overshoot the poles by this much before a placement counts as nonsense.
const POLE_SLACK_DEG: f64 = 1.0;

/// What brings a raster to its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    /// It lies north-up already; the CRS is this EPSG code, to be written in place of the file's own words.
    InPlace {
        /// The EPSG code.
        epsg: u32,
    },
    /// It has to be warped.
    Warp {
        /// EPSG code of the result.
        epsg: u32,
        /// CRS of the source as WKT, when it is not what the file itself says.
        source_crs: Option<String>,
        /// Whether source pixels only change order (a raster stored south-up), so that nearest neighbour loses nothing.
        is_flip: bool,
    },
}

/// Decides how `dataset`, opened from `path`, is placed.
///
/// # Errors
/// [`Error::NoGeoreferencing`] when nothing tells, or the place is not on Earth.
pub(crate) fn place(dataset: &Dataset, path: &Path) -> Result<Placement> {
    match dataset.geo_transform() {
        Ok(transform) => by_transform(dataset, &transform, path),
        Err(_) if !dataset.gcps().is_empty() => by_control_points(dataset),
        Err(_) => Err(Error::placement("neither a geotransform nor ground control points")),
    }
}

fn by_transform(dataset: &Dataset, transform: &[f64; 6], path: &Path) -> Result<Placement> {
    let (width, height) = dataset.raster_size();
    let corners = corners(transform, width, height);
    if !corners.iter().flatten().all(|value| value.is_finite())
        || transform[1] * transform[5] == transform[2] * transform[4]
    {
        return Err(Error::placement("the geotransform is degenerate"));
    }
    let declared = dataset.spatial_ref().ok().filter(|crs| crs.to_wkt().is_ok_and(|wkt| !wkt.is_empty()));
    let crs_given = match &declared {
        Some(crs) => crs.clone(),
        None => beside(path).or_else(|| assumed(&corners)).ok_or_else(|| Error::placement("no coordinate system"))?,
    };
    let bounds = bounds_wgs84(&crs_given, extent(&corners))?;
    let source_crs = if declared.is_none() { crs_given.to_wkt().ok() } else { None };
    let is_straight = transform[2].abs() * height as f64 <= ROTATION_TOLERANCE_PX * transform[1].abs()
        && transform[4].abs() * width as f64 <= ROTATION_TOLERANCE_PX * transform[5].abs();
    let is_north_up = is_straight && transform[1] > 0.0 && transform[5] < 0.0;
    Ok(match crs::identify(&crs_given) {
        Some(epsg) if is_north_up => Placement::InPlace { epsg },
        Some(epsg) => Placement::Warp { epsg, source_crs, is_flip: is_straight },
        None => Placement::Warp { epsg: crs::best_for(bounds), source_crs, is_flip: false },
    })
}

fn by_control_points(dataset: &Dataset) -> Result<Placement> {
    let crs_given = dataset.gcp_spatial_ref().ok_or_else(|| Error::placement("control points without a CRS"))?;
    let points: Vec<[f64; 2]> = dataset.gcps().iter().map(|point| [point.x(), point.y()]).collect();
    if points.len() < 3 || !points.iter().flatten().all(|value| value.is_finite()) {
        return Err(Error::placement(format!("{} control points place nothing", points.len())));
    }
    let bounds = bounds_wgs84(&crs_given, extent(&points))?;
    Ok(Placement::Warp { epsg: crs::best_for(bounds), source_crs: None, is_flip: false })
}

/// The CRS in a `.prj` file beside a raster that has a world file.
fn beside(path: &Path) -> Option<SpatialRef> {
    /// A `.prj` is a line of WKT; anything longer is something else.
    const MAX_PRJ_BYTES: u64 = 64 << 10;
    let prj = path.with_extension("prj");
    if std::fs::metadata(&prj).ok()?.len() > MAX_PRJ_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(prj).ok()?;
    SpatialRef::from_esri(text.trim()).ok()
}

/// WGS 84 for a raster without a CRS whose corners all are plausible degrees, as world files leave it.
fn assumed(corners: &[[f64; 2]]) -> Option<SpatialRef> {
    let [west, south, east, north] = extent(corners);
    let is_degrees = west >= -180.0 && east <= 180.0 && south >= -90.0 && north <= 90.0 && east - west <= 360.0;
    if is_degrees { crs::from_epsg(crs::WGS84).ok() } else { None }
}

fn corners(transform: &[f64; 6], width: usize, height: usize) -> [[f64; 2]; 4] {
    let at = |column: usize, row: usize| {
        let (column, row) = (column as f64, row as f64);
        [
            transform[0] + column * transform[1] + row * transform[2],
            transform[3] + column * transform[4] + row * transform[5],
        ]
    };
    [at(0, 0), at(width, 0), at(width, height), at(0, height)]
}

/// `[xmin, ymin, xmax, ymax]` of a raster in its own CRS.
pub(crate) fn transform_extent(transform: &[f64; 6], width: usize, height: usize) -> [f64; 4] {
    extent(&corners(transform, width, height))
}

fn extent(points: &[[f64; 2]]) -> [f64; 4] {
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    points
        .iter()
        .fold(start, |[west, south, east, north], [x, y]| [west.min(*x), south.min(*y), east.max(*x), north.max(*y)])
}

/// `[west, south, east, north]` in degrees of an extent `[xmin, ymin, xmax, ymax]` in `crs_given`; west is greater than
/// east where it crosses the antimeridian.
///
/// # Errors
/// [`Error::NoGeoreferencing`] if it is not on Earth.
pub(crate) fn bounds_wgs84(crs_given: &SpatialRef, extent: [f64; 4]) -> Result<[f64; 4]> {
    let transform = crs::to_wgs84(crs_given)?;
    let bounds = transform
        .transform_bounds(&extent, EDGE_POINTS)
        .map_err(|error| Error::placement(format!("outside its CRS: {}", gdal_env::reason(&error))))?;
    let is_sane = bounds.iter().all(|value| value.is_finite())
        && bounds[1] >= -90.0 - POLE_SLACK_DEG
        && bounds[3] <= 90.0 + POLE_SLACK_DEG
        && bounds[1] < bounds[3];
    if is_sane { Ok(bounds) } else { Err(Error::placement(format!("bounds {bounds:?} are not on Earth"))) }
}

/// The same for a prepared raster.
///
/// # Errors
/// [`Error::NoGeoreferencing`] if it is not on Earth.
pub(crate) fn dataset_bounds_wgs84(dataset: &Dataset, epsg: u32) -> Result<[f64; 4]> {
    let transform = dataset.geo_transform().map_err(|error| Error::placement(gdal_env::reason(&error)))?;
    let (width, height) = dataset.raster_size();
    bounds_wgs84(&crs::from_epsg(epsg)?, transform_extent(&transform, width, height))
}
