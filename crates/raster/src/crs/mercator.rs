//! Web Mercator (EPSG:3857): the sphere of WGS84's semi-major axis under geodetic latitudes.
//!
//! Formulas: EPSG Guidance Note 7-2, method 1024 (Popular Visualisation Pseudo Mercator). Infinite at the poles,
//! which the caller filters out.

use std::f64::consts::FRAC_PI_2;

use super::WGS84_SEMI_MAJOR_M;

/// Degrees of a point in metres.
pub(super) fn to_wgs84(x: f64, y: f64) -> (f64, f64) {
    let lat = FRAC_PI_2 - 2.0 * (-y / WGS84_SEMI_MAJOR_M).exp().atan();
    ((x / WGS84_SEMI_MAJOR_M).to_degrees(), lat.to_degrees())
}

/// Metres of a point in degrees.
pub(super) fn from_wgs84(lon_deg: f64, lat_deg: f64) -> (f64, f64) {
    // asinh(tan φ) is ln tan(π/4 + φ/2) without its cancellation near the equator.
    let northing = if lat_deg.abs() < 90.0 { lat_deg.to_radians().tan().asinh() } else { f64::INFINITY };
    (WGS84_SEMI_MAJOR_M * lon_deg.to_radians(), WGS84_SEMI_MAJOR_M * northing)
}
