//! Coordinate reference systems: between a raster's own coordinates and WGS84 longitude and latitude.
//!
//! EPSG:3857, geographic systems and every transverse Mercator (UTM among them) on a WGS84-like datum are computed by
//! closed forms here, because a tile asks for hundreds of points. All other systems go through `proj4rs` with the
//! definitions of `crs-definitions`, and a point counts only if it survives the round trip, since that library
//! answers outside a projection's reach too. Datums that need a grid, and those whose shift nobody states, are
//! refused: a scene some hundred metres off is worse than none. It reads no WKT and knows no heights.
//!
//! Axis order is always x, y: easting before northing, longitude before latitude. Callers: the header, the warp in
//! `render`, and [`crate::facts`].

use std::{fmt, sync::Arc};

use crate::{Feature, RasterError, Result};

mod body;
mod definition;
mod geokeys;
mod mercator;
mod methods;
mod projected;
mod transverse;
mod units;

pub(crate) use geokeys::GeoKeys;
use projected::Projected;
use transverse::TransverseMercator;

/// EPSG code of WGS84 longitude and latitude.
pub const WGS84: u32 = 4326;
/// EPSG code of web Mercator.
pub const WEB_MERCATOR: u32 = 3857;

/// Semi-major axis of the WGS84 ellipsoid (EPSG:7030), shared by GRS 1980.
const WGS84_SEMI_MAJOR_M: f64 = 6_378_137.0;
/// Inverse flattening of the WGS84 ellipsoid.
const WGS84_INVERSE_FLATTENING: f64 = 298.257_223_563;
/// Metres in a degree of longitude at the equator.
const METRES_PER_DEGREE: f64 = WGS84_SEMI_MAJOR_M * std::f64::consts::PI / 180.0;

/// A coordinate reference system. Cheap to clone; two are equal when their EPSG codes are, or else their parameters.
#[derive(Clone)]
pub struct Crs(Arc<Inner>);

struct Inner {
    epsg: Option<u32>,
    /// PROJ-style text, which names systems that have no code.
    definition: String,
    metres_per_unit: f64,
    kind: Kind,
}

enum Kind {
    /// Degrees on a datum that is WGS84 to within a metre or two.
    Geographic,
    WebMercator,
    TransverseMercator(TransverseMercator),
    Other(Box<Projected>),
}

impl Crs {
    /// The system with EPSG code `code`.
    ///
    /// # Errors
    /// `Unsupported` when the code is unknown, has no projection here, or its datum needs a grid or an unstated shift.
    pub fn from_epsg(code: u32) -> Result<Self> {
        let definition = u16::try_from(code).ok().and_then(crs_definitions::from_code);
        let definition = definition.ok_or_else(|| unsupported(format!("EPSG:{code} is unknown")))?;
        let kind = match code {
            WEB_MERCATOR => Kind::WebMercator,
            _ => definition::kind(definition.proj4).map_err(|why| unsupported(format!("EPSG:{code}: {why}")))?,
        };
        Ok(Self::new(Some(code), definition.proj4.to_owned(), kind))
    }

    /// A transverse Mercator without a code on WGS84; the UTM zone's code where the parameters are those of one.
    pub(crate) fn transverse_mercator(parameters: transverse::Parameters) -> Result<Self> {
        if let Some(code) = parameters.utm_epsg() {
            return Self::from_epsg(code);
        }
        let projection = TransverseMercator::new(parameters)
            .ok_or_else(|| unsupported("transverse Mercator with senseless parameters".to_owned()))?;
        Ok(Self::new(None, parameters.to_string(), Kind::TransverseMercator(projection)))
    }

    /// A system without a code by a PROJ string, or why it cannot be computed.
    pub(crate) fn from_definition(text: &str) -> Result<Self, String> {
        definition::kind(text).map(|kind| Self::new(None, text.to_owned(), kind))
    }

    fn new(epsg: Option<u32>, definition: String, kind: Kind) -> Self {
        let metres_per_unit = match &kind {
            Kind::Geographic => METRES_PER_DEGREE,
            Kind::WebMercator => 1.0,
            Kind::TransverseMercator(projection) => projection.metres_per_unit(),
            Kind::Other(projection) => projection.metres_per_unit(),
        };
        Self(Arc::new(Inner { epsg, definition, metres_per_unit, kind }))
    }

    /// Its EPSG code, if it has one.
    pub fn epsg(&self) -> Option<u32> {
        self.0.epsg
    }

    /// It as a PROJ string.
    fn definition(&self) -> &str {
        &self.0.definition
    }

    /// Whether coordinates are degrees.
    pub fn is_geographic(&self) -> bool {
        match &self.0.kind {
            Kind::Geographic => true,
            Kind::Other(projection) => projection.is_geographic(),
            Kind::WebMercator | Kind::TransverseMercator(_) => false,
        }
    }

    /// How far it is along x once round the globe, where x goes on past the antimeridian as if the globe were unrolled.
    pub fn turn(&self) -> Option<f64> {
        match &self.0.kind {
            Kind::WebMercator => Some(2.0 * std::f64::consts::PI * WGS84_SEMI_MAJOR_M),
            _ => self.is_geographic().then_some(360.0),
        }
    }

    /// Whether coordinates are longitude and latitude of WGS84 as they stand.
    pub(crate) fn is_wgs84(&self) -> bool {
        matches!(self.0.kind, Kind::Geographic)
    }

    /// Whether a unit is a metre on the ground nearly everywhere the system is used (not so for degrees and for web
    /// Mercator, whose scale grows with the latitude).
    pub fn is_true_to_scale(&self) -> bool {
        !self.is_geographic() && !matches!(self.0.kind, Kind::WebMercator)
    }

    /// Metres in one unit of its coordinates; for degrees, those of a degree at the equator.
    pub fn metres_per_unit(&self) -> f64 {
        self.0.metres_per_unit
    }

    /// Longitude and latitude in degrees of a point, or `None` where the system has no such point.
    pub fn to_wgs84(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let point = match &self.0.kind {
            Kind::Geographic => (y.abs() <= 90.0).then_some((x, y)),
            Kind::WebMercator => Some(mercator::to_wgs84(x, y)),
            Kind::TransverseMercator(projection) => projection.unproject(x, y),
            Kind::Other(projection) => projection.unproject(x, y),
        };
        point.filter(is_finite)
    }

    /// The point at a longitude and latitude in degrees, or `None` where the system does not reach.
    pub fn from_wgs84(&self, lon_deg: f64, lat_deg: f64) -> Option<(f64, f64)> {
        if lat_deg.is_nan() || lat_deg.abs() > 90.0 || !lon_deg.is_finite() {
            return None;
        }
        let point = match &self.0.kind {
            Kind::Geographic => Some((lon_deg, lat_deg)),
            Kind::WebMercator => Some(mercator::from_wgs84(lon_deg, lat_deg)),
            Kind::TransverseMercator(projection) => projection.project(lon_deg, lat_deg),
            Kind::Other(projection) => projection.project(lon_deg, lat_deg),
        };
        point.filter(is_finite)
    }

    /// [`Self::to_wgs84`] for each point in place; those without an answer become NaN.
    pub fn to_wgs84_many(&self, points: &mut [(f64, f64)]) {
        for point in points {
            *point = self.to_wgs84(point.0, point.1).unwrap_or((f64::NAN, f64::NAN));
        }
    }

    /// [`Self::from_wgs84`] for each longitude and latitude in place; those without an answer become NaN.
    pub fn from_wgs84_many(&self, points: &mut [(f64, f64)]) {
        for point in points {
            *point = self.from_wgs84(point.0, point.1).unwrap_or((f64::NAN, f64::NAN));
        }
    }
}

impl PartialEq for Crs {
    fn eq(&self, other: &Self) -> bool {
        match (self.0.epsg, other.0.epsg) {
            (Some(a), Some(b)) => a == b,
            _ => self.0.definition == other.0.definition,
        }
    }
}

impl fmt::Debug for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crs({self})")
    }
}

impl fmt::Display for Crs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.epsg {
            Some(code) => write!(f, "EPSG:{code}"),
            None => f.write_str(&self.0.definition),
        }
    }
}

fn is_finite(point: &(f64, f64)) -> bool {
    point.0.is_finite() && point.1.is_finite()
}

fn unsupported(detail: String) -> RasterError {
    RasterError::Unsupported { feature: Feature::CoordinateReferenceSystem, detail }
}
