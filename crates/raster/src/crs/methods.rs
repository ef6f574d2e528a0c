//! User-defined projections: from a GeoTIFF's method and its parameters to a PROJ string.
//!
//! Method codes and keys: OGC 19-008r4, annex D.4 (as `CT_…` in GeoTIFF 1.0, section 6.3.3.3). Writers put the same
//! parameter under several keys, so each is looked for under all that stand for it.

use super::{geokeys::key, transverse::Parameters};

/// Code of the method that is computed in closed form where it can be.
pub(super) const TRANSVERSE_MERCATOR: u16 = 1;

const STANDARD_PARALLEL_1: u16 = 3078;
const STANDARD_PARALLEL_2: u16 = 3079;
const STRAIGHT_VERTICAL_POLE_LONGITUDE: u16 = 3095;
const LONGITUDES: &[u16] = &[3080, 3084, 3088, STRAIGHT_VERTICAL_POLE_LONGITUDE];
const POLE_LONGITUDES: &[u16] = &[STRAIGHT_VERTICAL_POLE_LONGITUDE, 3080, 3088];
const LATITUDES: &[u16] = &[3081, 3085, 3089];
const EASTINGS: &[u16] = &[3082, 3086, 3090];
const NORTHINGS: &[u16] = &[3083, 3087, 3091];
const SCALES: &[u16] = &[3092, 3093];

/// The PROJ string of a projection of `body`, a datum or a sphere, or `None` for a method that is not known here.
/// `double` gives the first of some keys that is there; lengths are in units of so many metres, angles in units of so
/// many degrees.
pub(super) fn definition(
    method: u16,
    (unit_m, unit_deg): (f64, f64),
    body: &str,
    double: impl Fn(&[u16]) -> Option<f64>,
) -> Option<String> {
    let or = |keys: &[u16], default: f64| double(keys).unwrap_or(default);
    let angle = |keys: &[u16]| double(keys).map(|angle| angle * unit_deg);
    let lon_0 = angle(LONGITUDES).unwrap_or(0.0);
    let lat_0 = angle(LATITUDES).unwrap_or(0.0);
    let k_0 = or(SCALES, 1.0);
    let lat_1 = angle(&[STANDARD_PARALLEL_1]).unwrap_or(0.0);
    let lat_2 = angle(&[STANDARD_PARALLEL_2]).unwrap_or(lat_1);
    let projection = match method {
        TRANSVERSE_MERCATOR => format!("tmerc +lat_0={lat_0} +lon_0={lon_0} +k={k_0}"),
        7 => match angle(&[STANDARD_PARALLEL_1]) {
            Some(lat_ts) => format!("merc +lon_0={lon_0} +lat_ts={lat_ts}"),
            None => format!("merc +lon_0={lon_0} +k={k_0}"),
        },
        8 => format!("lcc +lat_1={lat_1} +lat_2={lat_2} +lat_0={lat_0} +lon_0={lon_0}"),
        9 => format!("lcc +lat_1={lat_0} +lat_0={lat_0} +lon_0={lon_0} +k_0={k_0}"),
        10 => format!("laea +lat_0={lat_0} +lon_0={lon_0}"),
        11 => format!("aea +lat_1={lat_1} +lat_2={lat_2} +lat_0={lat_0} +lon_0={lon_0}"),
        12 => format!("aeqd +lat_0={lat_0} +lon_0={lon_0}"),
        14 => format!("stere +lat_0={lat_0} +lon_0={lon_0} +k_0={k_0}"),
        // The latitude is the one of true scale; its sign says which pole.
        15 => {
            let (pole, lon_0) = (90_f64.copysign(lat_0), angle(POLE_LONGITUDES).unwrap_or(0.0));
            format!("stere +lat_0={pole} +lat_ts={lat_0} +lon_0={lon_0} +k_0={k_0}")
        }
        16 => format!("sterea +lat_0={lat_0} +lon_0={lon_0} +k_0={k_0}"),
        17 => format!("eqc +lat_ts={lat_1} +lat_0={lat_0} +lon_0={lon_0}"),
        24 => format!("sinu +lon_0={lon_0}"),
        28 => format!("cea +lat_ts={lat_1} +lon_0={lon_0}"),
        _ => return None,
    };
    let (x_0, y_0) = (or(EASTINGS, 0.0) * unit_m, or(NORTHINGS, 0.0) * unit_m);
    Some(format!("+proj={projection} +x_0={x_0} +y_0={y_0} {body} +to_meter={unit_m} +no_defs"))
}

/// A transverse Mercator on WGS84 in metres, its angles in units of so many degrees.
pub(super) fn transverse_mercator(unit_deg: f64, double: impl Fn(&[u16]) -> Option<f64>) -> Parameters {
    let or = |keys: &[u16], default: f64| double(keys).unwrap_or(default);
    let base = Parameters::utm(1, false);
    Parameters {
        semi_major_m: or(&[key::SEMI_MAJOR], base.semi_major_m),
        inverse_flattening: or(&[key::INVERSE_FLATTENING], base.inverse_flattening),
        central_meridian_deg: or(LONGITUDES, 0.0) * unit_deg,
        origin_latitude_deg: or(LATITUDES, 0.0) * unit_deg,
        scale: or(SCALES, 1.0),
        false_easting_m: or(EASTINGS, 0.0),
        false_northing_m: or(NORTHINGS, 0.0),
        metres_per_unit: 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Crs, definition};

    fn crs(method: u16, parameters: &[(u16, f64)]) -> Crs {
        let double = |keys: &[u16]| {
            keys.iter().find_map(|key| parameters.iter().find(|(known, _)| known == key).map(|(_, value)| *value))
        };
        let text = definition(method, (1.0, 1.0), "+datum=WGS84", double).expect("a method that is known");
        Crs::from_definition(&text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    /// Parameters of published systems give those systems' coordinates.
    #[test]
    fn published_systems_come_out_of_their_parameters() {
        let known = [
            // NSIDC polar stereographic north, and the Antarctic one.
            (3413, crs(15, &[(3081, 70.0), (3095, -45.0), (3092, 1.0)]), (-30.0, 75.0)),
            (3031, crs(15, &[(3081, -71.0), (3095, 0.0), (3092, 1.0)]), (40.0, -75.0)),
            // Europe's equal-area and conformal systems (ETRS89, within a metre of WGS84).
            (3035, crs(10, &[(3088, 10.0), (3089, 52.0), (3082, 4_321_000.0), (3083, 3_210_000.0)]), (9.0, 50.0)),
            (
                3034,
                crs(8, &[(3078, 35.0), (3079, 65.0), (3084, 10.0), (3085, 52.0), (3086, 4e6), (3087, 2.8e6)]),
                (9.0, 50.0),
            ),
            // The United States' equal-area one (NAD83).
            (5070, crs(11, &[(3078, 29.5), (3079, 45.5), (3080, -96.0), (3081, 23.0)]), (-100.0, 40.0)),
            (3395, crs(7, &[(3080, 0.0), (3092, 1.0)]), (12.0, 40.0)),
        ];
        for (code, ours, (lon, lat)) in known {
            let published = Crs::from_epsg(code).expect("known").from_wgs84(lon, lat).expect("a point");
            let found = ours.from_wgs84(lon, lat).expect("a point");
            let off = (found.0 - published.0).hypot(found.1 - published.1);
            assert!(off < 0.01, "EPSG:{code}: {off} m off");
        }
    }

    #[test]
    fn other_methods_are_not_guessed() {
        assert_eq!(definition(27, (1.0, 1.0), "+datum=WGS84", |_| None), None);
    }
}
