//! Transverse Mercator by Krüger's series in the third flattening up to n⁶.
//!
//! Formulas: C. F. F. Karney, "Transverse Mercator with an accuracy of a few nanometers", Journal of Geodesy 85 (2011),
//! equations 7–11, 14, 19–21 and the coefficients 35 and 36. Within the reach kept here (about 60° from the central
//! meridian at the equator) the series is good to far less than a millimetre; beyond it points are refused, not
//! extrapolated.

use std::{f64::consts::FRAC_PI_2, fmt};

/// Largest |η| (transverse isometric distance) served: the n⁶ series still holds to well under a millimetre.
const MAX_ETA: f64 = 1.4;

/// Newton steps from conformal to geodetic latitude; two reach double precision, the others are for the poles.
const MAX_LATITUDE_STEPS: usize = 5;
/// A step smaller than this (relative to tangents past 1) would change nothing after the next, quadratic one.
const LATITUDE_STEP: f64 = 1e-9;

/// What defines a transverse Mercator projection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Parameters {
    /// Semi-major axis in metres.
    pub(crate) semi_major_m: f64,
    /// 1/f of the ellipsoid.
    pub(crate) inverse_flattening: f64,
    /// Longitude of the central meridian in degrees.
    pub(crate) central_meridian_deg: f64,
    /// Latitude of the origin in degrees.
    pub(crate) origin_latitude_deg: f64,
    /// Scale on the central meridian.
    pub(crate) scale: f64,
    /// x of the central meridian in metres.
    pub(crate) false_easting_m: f64,
    /// y of the origin in metres.
    pub(crate) false_northing_m: f64,
    /// Metres in a unit of the coordinates.
    pub(crate) metres_per_unit: f64,
}

impl Parameters {
    /// UTM zone `zone` (1–60) on WGS84.
    pub(crate) fn utm(zone: u8, south: bool) -> Self {
        Self {
            semi_major_m: super::WGS84_SEMI_MAJOR_M,
            inverse_flattening: super::WGS84_INVERSE_FLATTENING,
            central_meridian_deg: f64::from(zone) * 6.0 - 183.0,
            origin_latitude_deg: 0.0,
            scale: 0.9996,
            false_easting_m: 500_000.0,
            false_northing_m: if south { 1e7 } else { 0.0 },
            metres_per_unit: 1.0,
        }
    }

    /// EPSG code of the WGS84 UTM zone that has these parameters.
    pub(super) fn utm_epsg(&self) -> Option<u32> {
        let zone = (1..=60u8)
            .find(|&zone| (self.central_meridian_deg - Self::utm(zone, false).central_meridian_deg).abs() < 1e-9)?;
        let south = self.false_northing_m > 0.0;
        let utm = Self::utm(zone, south);
        let same = (self.semi_major_m - utm.semi_major_m).abs() < 1e-3
            && (self.inverse_flattening - utm.inverse_flattening).abs() < 1e-6
            && self.origin_latitude_deg.abs() < 1e-12
            && (self.scale - utm.scale).abs() < 1e-12
            && (self.false_easting_m - utm.false_easting_m).abs() < 1e-6
            && (self.false_northing_m - utm.false_northing_m).abs() < 1e-6
            && (self.metres_per_unit - 1.0).abs() < 1e-12;
        same.then_some(if south { 32700 } else { 32600 } + u32::from(zone))
    }
}

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "+proj=tmerc +lat_0={} +lon_0={} +k={} +x_0={} +y_0={} +a={} +rf={} +to_meter={}",
            self.origin_latitude_deg,
            self.central_meridian_deg,
            self.scale,
            self.false_easting_m,
            self.false_northing_m,
            self.semi_major_m,
            self.inverse_flattening,
            self.metres_per_unit
        )
    }
}

/// A transverse Mercator projection ready to compute.
pub(super) struct TransverseMercator {
    parameters: Parameters,
    eccentricity_squared: f64,
    /// Scale times the rectifying radius, in metres.
    radius_m: f64,
    /// y of ξ = 0 in metres.
    northing_of_equator_m: f64,
    alpha: [f64; 6],
    beta: [f64; 6],
}

impl TransverseMercator {
    /// `None` when the parameters describe no ellipsoid or no scale.
    pub(super) fn new(parameters: Parameters) -> Option<Self> {
        let Parameters { semi_major_m, inverse_flattening, scale, .. } = parameters;
        let sane = (1e6..1e8).contains(&semi_major_m)
            && inverse_flattening > 250.0
            && (0.1..10.0).contains(&scale)
            && parameters.central_meridian_deg.abs() <= 360.0
            && parameters.origin_latitude_deg.abs() <= 90.0
            && parameters.false_easting_m.is_finite()
            && parameters.false_northing_m.is_finite()
            && (1e-3..1e6).contains(&parameters.metres_per_unit);
        if !sane {
            return None;
        }
        let flattening = 1.0 / inverse_flattening;
        let n = flattening / (2.0 - flattening);
        let n2 = n * n;
        let rectifying_radius_m = semi_major_m / (1.0 + n) * (1.0 + n2 / 4.0 + n2 * n2 / 64.0 + n2 * n2 * n2 / 256.0);
        let mut projection = Self {
            parameters,
            eccentricity_squared: flattening * (2.0 - flattening),
            radius_m: scale * rectifying_radius_m,
            northing_of_equator_m: 0.0,
            alpha: forward_coefficients(n),
            beta: inverse_coefficients(n),
        };
        let (origin_xi, _) = projection.forward(parameters.origin_latitude_deg.to_radians(), 0.0)?;
        projection.northing_of_equator_m = parameters.false_northing_m - projection.radius_m * origin_xi;
        Some(projection)
    }

    pub(super) fn metres_per_unit(&self) -> f64 {
        self.parameters.metres_per_unit
    }

    /// Degrees of a point in its own units.
    pub(super) fn unproject(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let unit = self.parameters.metres_per_unit;
        let xi = (y * unit - self.northing_of_equator_m) / self.radius_m;
        let eta = (x * unit - self.parameters.false_easting_m) / self.radius_m;
        let (lat, offset) = self.inverse(xi, eta)?;
        Some((wrap_degrees(self.parameters.central_meridian_deg + offset.to_degrees()), lat.to_degrees()))
    }

    /// A point in its own units at degrees.
    pub(super) fn project(&self, lon_deg: f64, lat_deg: f64) -> Option<(f64, f64)> {
        let offset_deg = wrap_degrees(lon_deg - self.parameters.central_meridian_deg);
        let (xi, eta) = self.forward(lat_deg.to_radians(), offset_deg.to_radians())?;
        let unit = self.parameters.metres_per_unit;
        let x = self.parameters.false_easting_m + self.radius_m * eta;
        Some((x / unit, (self.northing_of_equator_m + self.radius_m * xi) / unit))
    }

    /// (ξ, η) at a latitude and a longitude off the central meridian, both in radians.
    fn forward(&self, lat: f64, offset: f64) -> Option<(f64, f64)> {
        if offset.abs() > FRAC_PI_2 {
            return None;
        }
        let tau = self.conformal_tangent(lat.tan());
        let (sin_offset, cos_offset) = offset.sin_cos();
        let square = tau * tau + cos_offset * cos_offset;
        let sinh_eta = sin_offset / square.sqrt();
        let (xi, eta) = (tau.atan2(cos_offset), asinh(sinh_eta));
        if !eta.is_finite() || eta.abs() > MAX_ETA {
            return None;
        }
        // The double angles follow from what is there without another trigonometric function.
        let sin_cos_2xi = (2.0 * tau * cos_offset / square, (cos_offset * cos_offset - tau * tau) / square);
        let cosh_eta = (1.0 + sinh_eta * sinh_eta).sqrt();
        let sinh_cosh_2eta = (2.0 * sinh_eta * cosh_eta, 1.0 + 2.0 * sinh_eta * sinh_eta);
        let (dxi, deta) = series(&self.alpha, sin_cos_2xi, sinh_cosh_2eta);
        Some((xi + dxi, eta + deta))
    }

    /// Latitude and longitude off the central meridian in radians.
    fn inverse(&self, xi: f64, eta: f64) -> Option<(f64, f64)> {
        if !(xi.abs() <= FRAC_PI_2 && eta.abs() <= MAX_ETA) {
            return None;
        }
        let growth = (2.0 * eta).exp();
        let sinh_cosh_2eta = ((growth - 1.0 / growth) / 2.0, (growth + 1.0 / growth) / 2.0);
        let (dxi, deta) = series(&self.beta, (2.0 * xi).sin_cos(), sinh_cosh_2eta);
        let (xi, eta) = (xi - dxi, eta - deta);
        let (sinh_eta, (sin_xi, cos_xi)) = (eta.sinh(), xi.sin_cos());
        let tangent = self.geodetic_tangent(sin_xi / (sinh_eta * sinh_eta + cos_xi * cos_xi).sqrt());
        Some((tangent.atan(), sinh_eta.atan2(cos_xi)))
    }

    /// tan of the conformal latitude from tan of the geodetic one (equations 7 to 9).
    ///
    /// With the earth's small eccentricity the inner hyperbolic functions are short power series to double precision.
    fn conformal_tangent(&self, tangent: f64) -> f64 {
        let secant = (1.0 + tangent * tangent).sqrt();
        let sine = tangent / secant;
        let square = self.eccentricity_squared * sine * sine;
        let angle = self.eccentricity_squared * sine * polynomial(square, 0, &ATANH_OVER_X);
        let sigma = angle * polynomial(angle * angle, 0, &SINH_OVER_X);
        tangent * (1.0 + sigma * sigma).sqrt() - sigma * secant
    }

    /// The way back by Newton's method (equations 19 to 21).
    fn geodetic_tangent(&self, conformal: f64) -> f64 {
        let rest = 1.0 - self.eccentricity_squared;
        let mut tangent = conformal / rest;
        for _ in 0..MAX_LATITUDE_STEPS {
            let guess = self.conformal_tangent(tangent);
            let square = tangent * tangent;
            let slope = (1.0 + rest * square) / (rest * ((1.0 + square) * (1.0 + guess * guess)).sqrt());
            let step = (conformal - guess) * slope;
            tangent += step;
            if step.abs() <= LATITUDE_STEP * tangent.abs().max(1.0) {
                break;
            }
        }
        tangent
    }
}

/// Coefficients of artanh x / x in x², enough for the x of at most 0.1 that the earth's eccentricity allows.
const ATANH_OVER_X: [f64; 8] = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0];
/// Coefficients of sinh x / x in x², for an x of at most 0.01.
const SINH_OVER_X: [f64; 4] = [1.0, 1.0 / 6.0, 1.0 / 120.0, 1.0 / 5040.0];

/// Inverse hyperbolic sine of a number whose square does not overflow.
fn asinh(x: f64) -> f64 {
    let square = x * x;
    (x.abs() + square / (1.0 + (1.0 + square).sqrt())).ln_1p().copysign(x)
}

/// Σ cⱼ sin 2jξ cosh 2jη and Σ cⱼ cos 2jξ sinh 2jη, by Clenshaw's recurrence on the complex argument.
fn series(coefficients: &[f64; 6], (sin_2xi, cos_2xi): (f64, f64), (sinh_2eta, cosh_2eta): (f64, f64)) -> (f64, f64) {
    // 2 cos(2ζ) with ζ = ξ + iη
    let (re, im) = (2.0 * cos_2xi * cosh_2eta, -2.0 * sin_2xi * sinh_2eta);
    let (mut next, mut after) = ((0.0, 0.0), (0.0, 0.0));
    for &coefficient in coefficients.iter().rev() {
        let here = (re * next.0 - im * next.1 - after.0 + coefficient, re * next.1 + im * next.0 - after.1);
        (after, next) = (next, here);
    }
    // sin(2ζ) times the recurrence's end
    let (sin_re, sin_im) = (sin_2xi * cosh_2eta, cos_2xi * sinh_2eta);
    (sin_re * next.0 - sin_im * next.1, sin_re * next.1 + sin_im * next.0)
}

/// A polynomial in `n` whose lowest power is `first`.
fn polynomial(n: f64, first: i32, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, c| sum * n + c) * n.powi(first)
}

/// Karney's equation 35.
fn forward_coefficients(n: f64) -> [f64; 6] {
    [
        polynomial(n, 1, &[1.0 / 2.0, -2.0 / 3.0, 5.0 / 16.0, 41.0 / 180.0, -127.0 / 288.0, 7891.0 / 37800.0]),
        polynomial(n, 2, &[13.0 / 48.0, -3.0 / 5.0, 557.0 / 1440.0, 281.0 / 630.0, -1_983_433.0 / 1_935_360.0]),
        polynomial(n, 3, &[61.0 / 240.0, -103.0 / 140.0, 15061.0 / 26880.0, 167_603.0 / 181_440.0]),
        polynomial(n, 4, &[49561.0 / 161_280.0, -179.0 / 168.0, 6_601_661.0 / 7_257_600.0]),
        polynomial(n, 5, &[34729.0 / 80640.0, -3_418_889.0 / 1_995_840.0]),
        polynomial(n, 6, &[212_378_941.0 / 319_334_400.0]),
    ]
}

/// Karney's equation 36.
fn inverse_coefficients(n: f64) -> [f64; 6] {
    [
        polynomial(n, 1, &[1.0 / 2.0, -2.0 / 3.0, 37.0 / 96.0, -1.0 / 360.0, -81.0 / 512.0, 96199.0 / 604_800.0]),
        polynomial(n, 2, &[1.0 / 48.0, 1.0 / 15.0, -437.0 / 1440.0, 46.0 / 105.0, -1_118_711.0 / 3_870_720.0]),
        polynomial(n, 3, &[17.0 / 480.0, -37.0 / 840.0, -209.0 / 4480.0, 5569.0 / 90720.0]),
        polynomial(n, 4, &[4397.0 / 161_280.0, -11.0 / 504.0, -830_251.0 / 7_257_600.0]),
        polynomial(n, 5, &[4583.0 / 161_280.0, -108_847.0 / 3_991_680.0]),
        polynomial(n, 6, &[20_648_693.0 / 638_668_800.0]),
    ]
}

/// The same angle within −180 and 180 degrees.
fn wrap_degrees(degrees: f64) -> f64 {
    if degrees.abs() <= 180.0 { degrees } else { (degrees + 180.0).rem_euclid(360.0) - 180.0 }
}
