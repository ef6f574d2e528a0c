//! GeoKeys: what a GeoTIFF says of its coordinate reference system.
//!
//! Keys and codes: OGC 19-008r4, "OGC GeoTIFF Standard", annex B and the registry of its clauses 7.4–7.5. Read are an
//! EPSG code, a UTM zone by its conversion code, and user-defined projections on a WGS84-like datum.

use super::{Crs, WGS84, methods, transverse::Parameters};

const MODEL_TYPE: u16 = 1024;
const RASTER_TYPE: u16 = 1025;
const GEODETIC_CRS: u16 = 2048;
const PRIME_MERIDIAN: u16 = 2051;
const ELLIPSOID: u16 = 2056;
const SEMI_MAJOR: u16 = 2057;
const SEMI_MINOR: u16 = 2058;
const INVERSE_FLATTENING: u16 = 2059;
const PRIME_MERIDIAN_LONGITUDE: u16 = 2061;
const PROJECTED_CRS: u16 = 3072;
const PROJECTION: u16 = 3074;
const METHOD: u16 = 3075;
const LINEAR_UNITS: u16 = 3076;
const LINEAR_UNIT_SIZE: u16 = 3077;
const NATURAL_ORIGIN_LONGITUDE: u16 = 3080;
const NATURAL_ORIGIN_LATITUDE: u16 = 3081;
const FALSE_EASTING: u16 = 3082;
const FALSE_NORTHING: u16 = 3083;
const SCALE_AT_NATURAL_ORIGIN: u16 = 3092;

const MODEL_PROJECTED: u16 = 1;
const MODEL_GEOGRAPHIC: u16 = 2;
const PIXEL_IS_POINT: u16 = 2;
const METHOD_TRANSVERSE_MERCATOR: u16 = 1;
const USER_DEFINED: u16 = 32767;
const UNIT_METRE: u16 = 9001;
const UNIT_FOOT: u16 = 9002;
const UNIT_US_SURVEY_FOOT: u16 = 9003;
const UNIT_KILOMETRE: u16 = 9036;
const GREENWICH: u16 = 8901;
/// Radii of spheres that are the earth: the least and the greatest of its ellipsoid's, with some room.
const EARTH_RADII_M: std::ops::Range<f64> = 6_330_000.0..6_400_000.0;
/// EPSG ellipsoids WGS 84 and GRS 1980, which differ by a tenth of a millimetre.
const WGS84_LIKE_ELLIPSOIDS: [u16; 2] = [7030, 7019];
/// Location of a key whose value stands in the double parameters (tag 34736).
const IN_DOUBLES: u16 = 34736;

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
        self.code(RASTER_TYPE) == Some(PIXEL_IS_POINT)
    }

    /// The coordinate reference system, or why there is none.
    pub(crate) fn crs(&self) -> Result<Crs, String> {
        match (self.code(MODEL_TYPE), self.epsg(PROJECTED_CRS), self.epsg(GEODETIC_CRS)) {
            (Some(MODEL_PROJECTED | USER_DEFINED) | None, Some(code), _)
            | (Some(MODEL_GEOGRAPHIC) | None, None, Some(code)) => from_epsg(code),
            (Some(MODEL_GEOGRAPHIC), _, Some(code)) => from_epsg(code),
            (Some(MODEL_GEOGRAPHIC), _, None) if self.is_wgs84_like() || self.sphere_radius_m().is_some() => {
                from_epsg(WGS84)
            }
            (Some(MODEL_PROJECTED), None, _) => self.user_defined_projection(),
            (Some(MODEL_GEOGRAPHIC), _, None) => Err("user-defined datum".to_owned()),
            (None, None, None) => Err("no coordinate reference system".to_owned()),
            (Some(model), ..) => Err(match model {
                USER_DEFINED => "user-defined coordinate reference system without a projection".to_owned(),
                _ => format!("coordinate reference system of GTModelType {model}, neither projected nor geographic"),
            }),
        }
    }

    fn user_defined_projection(&self) -> Result<Crs, String> {
        let sphere = self.sphere_radius_m();
        if sphere.is_none() && !self.is_wgs84_like() {
            return Err("user-defined projection on another datum than WGS84".to_owned());
        }
        let unit_m = self.metres_per_unit()?;
        match (self.code(PROJECTION), self.code(METHOD)) {
            (Some(code @ (16001..=16060 | 16101..=16160)), _) if sphere.is_none() => utm(code, unit_m),
            (_, Some(METHOD_TRANSVERSE_MERCATOR)) if unit_m == 1.0 && sphere.is_none() => {
                Crs::transverse_mercator(self.transverse_mercator()).map_err(|error| error.to_string())
            }
            (_, Some(method)) => {
                let double = |keys: &[u16]| keys.iter().find_map(|&key| self.double(key));
                let body = sphere.map_or("+datum=WGS84".to_owned(), |radius_m| format!("+R={radius_m}"));
                let definition = methods::definition(method, unit_m, &body, double);
                let definition = definition.ok_or_else(|| format!("user-defined projection by method {method}"))?;
                Crs::from_definition(&definition)
                    .map_err(|why| format!("user-defined projection by method {method}: {why}"))
            }
            (_, None) => Err("user-defined projection without a method".to_owned()),
        }
    }

    /// Metres in a linear unit: the metre and the two feet, or a size of its own.
    fn metres_per_unit(&self) -> Result<f64, String> {
        match self.code(LINEAR_UNITS) {
            None | Some(UNIT_METRE) => Ok(1.0),
            Some(UNIT_FOOT) => Ok(0.3048),
            Some(UNIT_US_SURVEY_FOOT) => Ok(1200.0 / 3937.0),
            Some(UNIT_KILOMETRE) => Ok(1000.0),
            Some(USER_DEFINED) => self.double(LINEAR_UNIT_SIZE).ok_or_else(|| "units of unknown size".to_owned()),
            Some(unit) => Err(format!("user-defined projection in units of code {unit}")),
        }
    }

    fn transverse_mercator(&self) -> Parameters {
        let base = Parameters::utm(1, false);
        Parameters {
            semi_major_m: self.double(SEMI_MAJOR).unwrap_or(base.semi_major_m),
            inverse_flattening: self.double(INVERSE_FLATTENING).unwrap_or(base.inverse_flattening),
            central_meridian_deg: self.double(NATURAL_ORIGIN_LONGITUDE).unwrap_or(0.0),
            origin_latitude_deg: self.double(NATURAL_ORIGIN_LATITUDE).unwrap_or(0.0),
            scale: self.double(SCALE_AT_NATURAL_ORIGIN).unwrap_or(1.0),
            false_easting_m: self.double(FALSE_EASTING).unwrap_or(0.0),
            false_northing_m: self.double(FALSE_NORTHING).unwrap_or(0.0),
            metres_per_unit: 1.0,
        }
    }

    /// Radius of the sphere that stands for the earth, as in the grids of MODIS: its latitudes and longitudes are taken for
    /// those of WGS84, as GDAL takes them, since nobody surveys on a sphere.
    fn sphere_radius_m(&self) -> Option<f64> {
        let radius_m =
            self.double(SEMI_MAJOR).filter(|_| self.epsg(GEODETIC_CRS).is_none() && self.is_from_greenwich())?;
        let flattened = self.double(INVERSE_FLATTENING).is_some_and(|inverse| inverse != 0.0)
            || self.double(SEMI_MINOR).is_some_and(|minor| minor != radius_m);
        let stated = self.double(INVERSE_FLATTENING).or(self.double(SEMI_MINOR)).is_some();
        (stated && !flattened && EARTH_RADII_M.contains(&radius_m)).then_some(radius_m)
    }

    /// Whether longitudes count from Greenwich.
    fn is_from_greenwich(&self) -> bool {
        self.code(PRIME_MERIDIAN).is_none_or(|code| code == GREENWICH || code == USER_DEFINED)
            && self.double(PRIME_MERIDIAN_LONGITUDE).is_none_or(|degrees| degrees == 0.0)
    }

    /// Whether longitude and latitude are WGS84's: by code, by ellipsoid, or because nothing else is said.
    fn is_wgs84_like(&self) -> bool {
        if let Some(code) = self.epsg(GEODETIC_CRS) {
            return from_epsg(code).is_ok_and(|crs| crs.is_wgs84());
        }
        if !self.is_from_greenwich() {
            return false;
        }
        match (self.double(SEMI_MAJOR), self.double(INVERSE_FLATTENING), self.code(ELLIPSOID)) {
            (Some(axis), Some(inverse), _) => {
                (axis - super::WGS84_SEMI_MAJOR_M).abs() < 1e-3 && (inverse - 298.2572).abs() < 1e-3
            }
            (Some(_), None, _) | (None, Some(_), _) => false,
            (None, None, Some(ellipsoid)) => WGS84_LIKE_ELLIPSOIDS.contains(&ellipsoid),
            (None, None, None) => true,
        }
    }

    fn epsg(&self, key: u16) -> Option<u32> {
        self.code(key).filter(|&code| code != 0 && code != USER_DEFINED).map(u32::from)
    }

    /// A key's value when it is a code in the directory itself.
    fn code(&self, key: u16) -> Option<u16> {
        self.entry(key).filter(|entry| entry[1] == 0).map(|entry| entry[3])
    }

    fn double(&self, key: u16) -> Option<f64> {
        let entry = self.entry(key).filter(|entry| entry[1] == IN_DOUBLES)?;
        self.doubles.get(usize::from(entry[3])).copied()
    }

    fn entry(&self, key: u16) -> Option<&'a [u16; 4]> {
        self.entries.as_chunks().0.iter().find(|entry| entry[0] == key)
    }
}

/// The UTM zone of a conversion code, in units of so many metres.
fn utm(code: u16, unit_m: f64) -> Result<Crs, String> {
    if unit_m == 1.0 {
        return from_epsg(u32::from(code) + 16600);
    }
    let (zone, south) = (code % 100, if code > 16100 { " +south" } else { "" });
    Crs::from_definition(&format!("+proj=utm +zone={zone}{south} +datum=WGS84 +to_meter={unit_m} +no_defs"))
}

fn from_epsg(code: u32) -> Result<Crs, String> {
    Crs::from_epsg(code).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A geographic system, or one by `method`, on an ellipsoid given by its axes, from a meridian, in units of `unit`.
    fn crs(model: u16, projection: u16, method: u16, unit: u16, doubles: [f64; 3]) -> Result<Crs, String> {
        let number = |key: u16, place: u16| [key, IN_DOUBLES, 1, place];
        let entries = [
            [1, 1, 0, 9],
            [MODEL_TYPE, 0, 1, model],
            [GEODETIC_CRS, 0, 1, USER_DEFINED],
            number(SEMI_MAJOR, 0),
            number(SEMI_MINOR, 1),
            number(PRIME_MERIDIAN_LONGITUDE, 2),
            [PROJECTED_CRS, 0, 1, USER_DEFINED],
            [PROJECTION, 0, 1, projection],
            [METHOD, 0, 1, method],
            [LINEAR_UNITS, 0, 1, unit],
        ];
        GeoKeys::new(entries.as_flattened(), &doubles).crs()
    }

    #[test]
    fn a_code_of_a_projection_is_one_whatever_the_model_is_called() {
        let crs = |model: u16, key: u16| {
            let entries = [[1, 1, 0, 2], [MODEL_TYPE, 0, 1, model], [key, 0, 1, 32_632]];
            GeoKeys::new(entries.as_flattened(), &[]).crs().ok().and_then(|crs| crs.epsg())
        };
        // GDAL writes the second for ArcGIS.
        assert_eq!([MODEL_PROJECTED, USER_DEFINED].map(|model| crs(model, PROJECTED_CRS)), [Some(32_632); 2]);
        assert_eq!(crs(USER_DEFINED, GEODETIC_CRS), None);
    }

    const MODIS: [f64; 3] = [6_371_007.181, 6_371_007.181, 0.0];

    #[test]
    fn the_earth_as_a_sphere_keeps_its_degrees() {
        let sinusoidal = crs(MODEL_PROJECTED, USER_DEFINED, 24, UNIT_METRE, MODIS).expect("known");
        // The corner of MODIS tile h18v04 lies at 50° north on the first meridian.
        let (lon, lat) = sinusoidal.to_wgs84(0.0, 5_559_752.598).expect("a place");
        assert!(lon.abs() < 1e-6 && (lat - 50.0).abs() < 1e-6, "{lon} {lat}");
        assert!(crs(MODEL_GEOGRAPHIC, USER_DEFINED, 0, UNIT_METRE, MODIS).expect("known").is_wgs84());
        let mars = crs(MODEL_PROJECTED, USER_DEFINED, 24, UNIT_METRE, [3_396_190.0, 3_396_190.0, 0.0]);
        assert!(mars.is_err(), "{mars:?}");
    }

    #[test]
    fn longitudes_from_another_meridian_are_refused() {
        let paris = [super::super::WGS84_SEMI_MAJOR_M, 6_356_752.314, 2.337_229_17];
        assert!(crs(MODEL_GEOGRAPHIC, USER_DEFINED, 0, UNIT_METRE, paris).is_err());
        assert!(crs(MODEL_PROJECTED, 16032, 0, UNIT_METRE, paris).is_err());
        assert!(Crs::from_epsg(4807).is_err());
    }

    #[test]
    fn a_utm_zone_may_count_in_kilometres() {
        let km = utm(16032, 1000.0).expect("known");
        let (lon, lat) = km.to_wgs84(500.0, 5000.0).expect("a place");
        assert!((lon - 9.0).abs() < 1e-9 && (lat - 45.153_477).abs() < 1e-6, "{lon} {lat}");
    }
}
