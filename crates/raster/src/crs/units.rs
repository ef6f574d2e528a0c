//! Units of the numbers that define a system: lengths and angles by their EPSG codes. Caller: [`super::geokeys`].
//!
//! Codes: OGC 19-008r4, clauses 7.5 and annex D; sizes from the EPSG registry.

use super::geokeys::{GeoKeys, USER_DEFINED, key};

/// Metres in a linear unit: the metre, the two feet and the kilometre, or a size of its own.
pub(super) fn metres(keys: &GeoKeys<'_>) -> Result<f64, String> {
    match keys.code(key::LINEAR_UNITS) {
        None | Some(0 | 9001) => Ok(1.0),
        Some(9002) => Ok(0.3048),
        Some(9003) => Ok(1200.0 / 3937.0),
        Some(9036) => Ok(1000.0),
        Some(USER_DEFINED) => keys.double(key::LINEAR_UNIT_SIZE).ok_or_else(|| "units of unknown size".to_owned()),
        Some(unit) => Err(format!("user-defined projection in units of code {unit}")),
    }
}

/// How far a size may lie from a degree's and still be one: files have it in fifteen digits.
const A_DEGREE: f64 = 1e-9;

/// Degrees in a unit of angles: degrees, their minutes and seconds as decimal numbers, radians and grads, or a size of
/// its own in radians.
pub(super) fn degrees(keys: &GeoKeys<'_>) -> Result<f64, String> {
    let degrees = size(keys)?;
    Ok(if (degrees - 1.0).abs() < A_DEGREE { 1.0 } else { degrees })
}

fn size(keys: &GeoKeys<'_>) -> Result<f64, String> {
    match keys.code(key::ANGULAR_UNITS) {
        None | Some(0 | 9102 | 9122) => Ok(1.0),
        Some(9101) => Ok(1_f64.to_degrees()),
        Some(9103) => Ok(1.0 / 60.0),
        Some(9104) => Ok(1.0 / 3600.0),
        Some(9105 | 9106) => Ok(0.9),
        Some(USER_DEFINED) => {
            keys.double(key::ANGULAR_UNIT_SIZE).map(f64::to_degrees).ok_or_else(|| "angles of unknown size".to_owned())
        }
        Some(unit) => Err(format!("user-defined system in angles of code {unit}")),
    }
}
