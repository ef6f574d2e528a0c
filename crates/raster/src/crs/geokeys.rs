//! GeoKeys: what a GeoTIFF says of its coordinate reference system.
//!
//! Keys and codes: OGC 19-008r4, "OGC GeoTIFF Standard", annex B and the registry of its clauses 7.4–7.5. Read are an
//! EPSG code, a UTM zone by its conversion code, and user-defined systems as far as they state their datum.

use super::{Crs, WGS84, body::Body, methods, units};

/// Numbers of the keys that are read.
pub(super) mod key {
    pub(in crate::crs) const MODEL_TYPE: u16 = 1024;
    pub(in crate::crs) const RASTER_TYPE: u16 = 1025;
    pub(in crate::crs) const GEODETIC_CRS: u16 = 2048;
    pub(in crate::crs) const DATUM: u16 = 2050;
    pub(in crate::crs) const PRIME_MERIDIAN: u16 = 2051;
    pub(in crate::crs) const ANGULAR_UNITS: u16 = 2054;
    pub(in crate::crs) const ANGULAR_UNIT_SIZE: u16 = 2055;
    pub(in crate::crs) const ELLIPSOID: u16 = 2056;
    pub(in crate::crs) const SEMI_MAJOR: u16 = 2057;
    pub(in crate::crs) const SEMI_MINOR: u16 = 2058;
    pub(in crate::crs) const INVERSE_FLATTENING: u16 = 2059;
    pub(in crate::crs) const PRIME_MERIDIAN_LONGITUDE: u16 = 2061;
    pub(in crate::crs) const TO_WGS84: u16 = 2062;
    pub(in crate::crs) const PROJECTED_CRS: u16 = 3072;
    pub(in crate::crs) const PROJECTION: u16 = 3074;
    pub(in crate::crs) const METHOD: u16 = 3075;
    pub(in crate::crs) const LINEAR_UNITS: u16 = 3076;
    pub(in crate::crs) const LINEAR_UNIT_SIZE: u16 = 3077;
}

const MODEL_PROJECTED: u16 = 1;
const MODEL_GEOGRAPHIC: u16 = 2;
const PIXEL_IS_POINT: u16 = 2;
pub(super) const USER_DEFINED: u16 = 32767;
/// Location of a key whose value stands in the double parameters (tag 34736).
pub(super) const IN_DOUBLES: u16 = 34736;

/// A parsed GeoKey directory (tag 34735) with its double parameters.
pub(crate) struct GeoKeys<'a> {
    entries: &'a [u16],
    doubles: &'a [f64],
}

impl<'a> GeoKeys<'a> {
    /// `directory` and `doubles` as in the tags 34735 and 34736; keys past the directory's end are not seen.
    pub(crate) fn new(directory: &'a [u16], doubles: &'a [f64]) -> Self {
        Self { entries: directory.get(4..).unwrap_or_default(), doubles }
    }

    /// Whether coordinates tie to the centres of pixels.
    pub(crate) fn pixel_is_point(&self) -> bool {
        self.code(key::RASTER_TYPE) == Some(PIXEL_IS_POINT)
    }

    /// The coordinate reference system, or why there is none.
    pub(crate) fn crs(&self) -> Result<Crs, String> {
        match (self.code(key::MODEL_TYPE), self.epsg(key::PROJECTED_CRS), self.epsg(key::GEODETIC_CRS)) {
            (Some(MODEL_PROJECTED | USER_DEFINED) | None, Some(code), _)
            | (Some(MODEL_GEOGRAPHIC) | None, None, Some(code)) => from_epsg(code),
            (Some(MODEL_GEOGRAPHIC), _, Some(code)) => from_epsg(code),
            (Some(MODEL_GEOGRAPHIC), _, None) => self.user_defined_degrees(),
            (Some(MODEL_PROJECTED), None, _) => self.user_defined_projection(),
            (None, None, None) => Err("no coordinate reference system".to_owned()),
            (Some(model), ..) => Err(match model {
                USER_DEFINED => "user-defined coordinate reference system without a projection".to_owned(),
                _ => format!("coordinate reference system of GTModelType {model}, neither projected nor geographic"),
            }),
        }
    }

    fn user_defined_degrees(&self) -> Result<Crs, String> {
        if units::degrees(self)? != 1.0 {
            return Err("user-defined longitudes and latitudes in other units than degrees".to_owned());
        }
        match Body::of(self)? {
            // Nobody surveys on a sphere.
            body if body.is_sphere() => from_epsg(WGS84),
            Body::Wgs84 => from_epsg(WGS84),
            body => Crs::from_definition(&format!("+proj=longlat {} +no_defs", body.words())),
        }
    }

    fn user_defined_projection(&self) -> Result<Crs, String> {
        let (body, unit_m) = (Body::of(self)?, units::metres(self)?);
        match (self.code(key::PROJECTION), self.code(key::METHOD)) {
            (Some(code @ (16001..=16060 | 16101..=16160)), _) if !body.is_sphere() => utm(code, unit_m, &body),
            (_, Some(methods::TRANSVERSE_MERCATOR)) if unit_m == 1.0 && matches!(body, Body::Wgs84) => {
                let parameters = methods::transverse_mercator(units::degrees(self)?, |keys| self.double_of(keys));
                Crs::transverse_mercator(parameters).map_err(|error| error.to_string())
            }
            (_, Some(method)) => {
                let units = (unit_m, units::degrees(self)?);
                let definition = methods::definition(method, units, body.words(), |keys| self.double_of(keys));
                let definition = definition.ok_or_else(|| format!("user-defined projection by method {method}"))?;
                Crs::from_definition(&definition)
                    .map_err(|why| format!("user-defined projection by method {method}: {why}"))
            }
            (_, None) => Err("user-defined projection without a method".to_owned()),
        }
    }

    /// A key's value when it is a code of the registry.
    pub(super) fn epsg(&self, key: u16) -> Option<u32> {
        self.code(key).filter(|&code| code != 0 && code != USER_DEFINED).map(u32::from)
    }

    /// A key's value when it is a code in the directory itself.
    pub(super) fn code(&self, key: u16) -> Option<u16> {
        self.entry(key).filter(|entry| entry[1] == 0).map(|entry| entry[3])
    }

    /// A key's value when it is a number.
    pub(super) fn double(&self, key: u16) -> Option<f64> {
        self.doubles_of(key).first().copied()
    }

    /// That of the first of some keys that is there.
    fn double_of(&self, keys: &[u16]) -> Option<f64> {
        keys.iter().find_map(|&key| self.double(key))
    }

    /// A key's values when they are numbers; none where it is absent or names more than there are.
    pub(super) fn doubles_of(&self, key: u16) -> &'a [f64] {
        let numbers = |entry: &[u16; 4]| {
            let first = usize::from(entry[3]);
            self.doubles.get(first..first + usize::from(entry[2]))
        };
        self.entry(key).filter(|entry| entry[1] == IN_DOUBLES).and_then(numbers).unwrap_or_default()
    }

    fn entry(&self, key: u16) -> Option<&'a [u16; 4]> {
        self.entries.as_chunks().0.iter().find(|entry| entry[0] == key)
    }
}

/// The UTM zone of a conversion code on a body, in units of so many metres.
fn utm(code: u16, unit_m: f64, body: &Body) -> Result<Crs, String> {
    if unit_m == 1.0 && matches!(body, Body::Wgs84) {
        return from_epsg(u32::from(code) + 16600);
    }
    let (zone, south) = (code % 100, if code > 16100 { " +south" } else { "" });
    let body = body.words();
    Crs::from_definition(&format!("+proj=utm +zone={zone}{south} {body} +to_meter={unit_m} +no_defs"))
}

fn from_epsg(code: u32) -> Result<Crs, String> {
    Crs::from_epsg(code).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METRE: u16 = 9001;

    /// A geographic system, or one by `method`, on an ellipsoid given by its axes, from a meridian, in units of `unit`.
    fn crs(model: u16, projection: u16, method: u16, unit: u16, doubles: [f64; 3]) -> Result<Crs, String> {
        let number = |key: u16, place: u16| [key, IN_DOUBLES, 1, place];
        let entries = [
            [1, 1, 0, 9],
            [key::MODEL_TYPE, 0, 1, model],
            [key::GEODETIC_CRS, 0, 1, USER_DEFINED],
            number(key::SEMI_MAJOR, 0),
            number(key::SEMI_MINOR, 1),
            number(key::PRIME_MERIDIAN_LONGITUDE, 2),
            [key::PROJECTED_CRS, 0, 1, USER_DEFINED],
            [key::PROJECTION, 0, 1, projection],
            [key::METHOD, 0, 1, method],
            [key::LINEAR_UNITS, 0, 1, unit],
        ];
        GeoKeys::new(entries.as_flattened(), &doubles).crs()
    }

    #[test]
    fn a_code_of_a_projection_is_one_whatever_the_model_is_called() {
        let crs = |model: u16, key: u16| {
            let entries = [[1, 1, 0, 2], [key::MODEL_TYPE, 0, 1, model], [key, 0, 1, 32_632]];
            GeoKeys::new(entries.as_flattened(), &[]).crs().ok().and_then(|crs| crs.epsg())
        };
        // GDAL writes the second for ArcGIS.
        assert_eq!([MODEL_PROJECTED, USER_DEFINED].map(|model| crs(model, key::PROJECTED_CRS)), [Some(32_632); 2]);
        assert_eq!(crs(USER_DEFINED, key::GEODETIC_CRS), None);
    }

    const MODIS: [f64; 3] = [6_371_007.181, 6_371_007.181, 0.0];

    #[test]
    fn the_earth_as_a_sphere_keeps_its_degrees() {
        let sinusoidal = crs(MODEL_PROJECTED, USER_DEFINED, 24, METRE, MODIS).expect("known");
        // The corner of MODIS tile h18v04 lies at 50° north on the first meridian.
        let (lon, lat) = sinusoidal.to_wgs84(0.0, 5_559_752.598).expect("a place");
        assert!(lon.abs() < 1e-6 && (lat - 50.0).abs() < 1e-6, "{lon} {lat}");
        assert!(crs(MODEL_GEOGRAPHIC, USER_DEFINED, 0, METRE, MODIS).expect("known").is_wgs84());
        let mars = crs(MODEL_PROJECTED, USER_DEFINED, 24, METRE, [3_396_190.0, 3_396_190.0, 0.0]);
        assert!(mars.is_err(), "{mars:?}");
    }

    #[test]
    fn longitudes_from_another_meridian_are_refused() {
        let paris = [super::super::WGS84_SEMI_MAJOR_M, 6_356_752.314, 2.337_229_17];
        assert!(crs(MODEL_GEOGRAPHIC, USER_DEFINED, 0, METRE, paris).is_err());
        assert!(crs(MODEL_PROJECTED, 16032, 0, METRE, paris).is_err());
        assert!(Crs::from_epsg(4807).is_err());
    }

    #[test]
    fn a_utm_zone_may_count_in_kilometres() {
        let km = utm(16032, 1000.0, &Body::Wgs84).expect("known");
        let (lon, lat) = km.to_wgs84(500.0, 5000.0).expect("a place");
        assert!((lon - 9.0).abs() < 1e-9 && (lat - 45.153_477).abs() < 1e-6, "{lon} {lat}");
    }
}
