//! Spherical Web Mercator (EPSG:3857), both ways. Source: EPSG guidance note 7-2, method 1024.
//!
//! Every other projection is the raster crate's business.

use std::f64::consts::{FRAC_PI_2, PI};

/// Radius of the sphere: WGS 84's semi-major axis in metres.
const RADIUS_M: f64 = 6_378_137.0;

/// Half the width of the world in Web Mercator, in metres.
pub const ORIGIN_SHIFT_M: f64 = PI * RADIUS_M;

/// Latitude where the square world ends, in degrees: `atan(sinh(π))`.
pub const MAX_LATITUDE_DEG: f64 = 85.051_128_779_806_59;

/// Longitude and latitude in degrees to metres. Latitudes beyond ±[`MAX_LATITUDE_DEG`] are clipped to it, so the
/// poles stay finite.
pub fn lon_lat_to_mercator(lon_deg: f64, lat_deg: f64) -> (f64, f64) {
    let lat_rad = lat_deg.clamp(-MAX_LATITUDE_DEG, MAX_LATITUDE_DEG).to_radians();
    (RADIUS_M * lon_deg.to_radians(), RADIUS_M * lat_rad.tan().asinh())
}

/// Metres to longitude and latitude in degrees.
pub fn mercator_to_lon_lat(x_m: f64, y_m: f64) -> (f64, f64) {
    let lat_rad = FRAC_PI_2 - 2.0 * (-y_m / RADIUS_M).exp().atan();
    ((x_m / RADIUS_M).to_degrees(), lat_rad.to_degrees())
}
