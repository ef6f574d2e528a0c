//! Every other projection, and degrees on other datums, by `proj4rs`, with its traps fenced in: radians, and answers
//! outside the projection's reach.

use proj4rs::{Proj, transform::transform};

use super::METRES_PER_DEGREE;

/// How far, in degrees, a point may land from where it started on the way there and back.
const ROUND_TRIP_DEG: f64 = 1e-6;

/// A system of `proj4rs` beside WGS84.
pub(super) struct Projected {
    proj: Proj,
    wgs84: Proj,
}

impl Projected {
    /// From a PROJ string.
    pub(super) fn new(definition: &str) -> Result<Self, String> {
        let parse = |text: &str| Proj::from_proj_string(text).map_err(|error| error.to_string());
        let proj = parse(definition)?;
        if proj.is_geocent() || !(proj.is_latlong() || proj.has_inverse() && proj.has_forward()) {
            return Err("no map projection with an inverse".to_owned());
        }
        Ok(Self { proj, wgs84: parse("+proj=longlat +datum=WGS84 +no_defs")? })
    }

    /// Whether its own units are degrees.
    pub(super) fn is_geographic(&self) -> bool {
        self.proj.is_latlong()
    }

    pub(super) fn metres_per_unit(&self) -> f64 {
        if self.is_geographic() { METRES_PER_DEGREE } else { self.proj.to_meter() }
    }

    /// Degrees of a point in its own units.
    pub(super) fn unproject(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let degrees = self.inverse(x, y)?;
        let again = self.inverse_of_forward(degrees)?;
        near(degrees, again).then_some(degrees)
    }

    /// A point in its own units at degrees.
    pub(super) fn project(&self, lon_deg: f64, lat_deg: f64) -> Option<(f64, f64)> {
        let point = self.forward(lon_deg, lat_deg)?;
        near((lon_deg, lat_deg), self.inverse(point.0, point.1)?).then_some(point)
    }

    fn inverse_of_forward(&self, degrees: (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = self.forward(degrees.0, degrees.1)?;
        self.inverse(x, y)
    }

    fn forward(&self, lon_deg: f64, lat_deg: f64) -> Option<(f64, f64)> {
        let mut point = (lon_deg.to_radians(), lat_deg.to_radians(), 0.0);
        transform(&self.wgs84, &self.proj, &mut point).ok()?;
        Some(if self.is_geographic() { (point.0.to_degrees(), point.1.to_degrees()) } else { (point.0, point.1) })
    }

    fn inverse(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let mut point = if self.is_geographic() { (x.to_radians(), y.to_radians(), 0.0) } else { (x, y, 0.0) };
        transform(&self.proj, &self.wgs84, &mut point).ok()?;
        Some((point.0.to_degrees(), point.1.to_degrees()))
    }
}

/// Whether two points in degrees are the same, longitudes counted round the globe.
fn near(a: (f64, f64), b: (f64, f64)) -> bool {
    let turn = (a.0 - b.0 + 180.0).rem_euclid(360.0) - 180.0;
    // Longitudes run together towards the poles.
    (turn * a.1.to_radians().cos()).abs() < ROUND_TRIP_DEG && (a.1 - b.1).abs() < ROUND_TRIP_DEG
}
