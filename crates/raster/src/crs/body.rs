//! What a GeoTIFF says of the earth below its degrees: a geodetic system or a datum by code, or an ellipsoid and how it
//! is shifted to WGS84's. Caller: [`super::geokeys`], for systems that have no code of their own.
//!
//! Keys: OGC 19-008r4, annex B. It computes nothing.

use super::{
    Crs, WGS84_INVERSE_FLATTENING, WGS84_SEMI_MAJOR_M,
    geokeys::{GeoKeys, USER_DEFINED, key},
};

const GREENWICH: u16 = 8901;
/// Semi-major axes of ellipsoids, and radii of spheres, that are the earth, with some room.
const EARTH_RADII_M: std::ops::Range<f64> = 6_330_000.0..6_400_000.0;
/// How far an axis in metres, and an inverse flattening, may lie from WGS84's and still be its own or GRS 1980's.
const SAME_ELLIPSOID: f64 = 1e-3;
/// Old codes of datums are those of the geographic systems on them and so much more (EPSG Guidance Note 7-1).
const DATUM_OVER_SYSTEM: u16 = 2000;
const OLD_DATUMS: std::ops::RangeInclusive<u16> = 6001..=6999;

/// EPSG ellipsoids and PROJ's names of them.
const ELLIPSOIDS: [(u16, &str); 15] = [
    (7001, "airy"),
    (7002, "mod_airy"),
    (7003, "aust_SA"),
    (7004, "bessel"),
    (7008, "clrk66"),
    (7011, "clrk80ign"),
    (7015, "evrst30"),
    (7019, "GRS80"),
    (7020, "helmert"),
    (7022, "intl"),
    (7024, "krass"),
    (7030, "WGS84"),
    (7036, "GRS67"),
    (7043, "WGS72"),
    (7053, "hough"),
];

/// What degrees are on.
pub(super) enum Body {
    /// WGS84, or a datum that is it to within a metre or two.
    Wgs84,
    /// Anything else, as words of a PROJ string.
    Words(String),
}

impl Body {
    /// It as words of a PROJ string.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Wgs84 => "+datum=WGS84",
            Self::Words(words) => words,
        }
    }

    /// Whether it is a sphere.
    pub(super) fn is_sphere(&self) -> bool {
        matches!(self, Self::Words(words) if words.starts_with("+R="))
    }

    /// That of keys, or why it is not known where on WGS84 it lies.
    pub(super) fn of(keys: &GeoKeys<'_>) -> Result<Self, String> {
        if let Some(code) = keys.epsg(key::GEODETIC_CRS) {
            return Self::of_system(code);
        }
        if !is_from_greenwich(keys) {
            return Err("user-defined longitudes that do not count from Greenwich".to_owned());
        }
        let shift = keys.doubles_of(key::TO_WGS84);
        let datum = keys.epsg(key::DATUM).filter(|&code| OLD_DATUMS.contains(&(code as u16)));
        match (shift, datum) {
            (&[], Some(code)) => Self::of_system(code - u32::from(DATUM_OVER_SYSTEM)),
            (&[], None) => Self::unshifted(keys),
            (shift, _) => Self::shifted(keys, shift),
        }
    }

    /// That of a geographic system.
    fn of_system(code: u32) -> Result<Self, String> {
        let crs = Crs::from_epsg(code).map_err(|error| error.to_string())?;
        if crs.is_wgs84() {
            return Ok(Self::Wgs84);
        }
        let text = crs.definition();
        let is_body = |word: &&str| !matches!(*word, "+proj=longlat" | "+proj=latlong" | "+no_defs");
        Ok(Self::Words(text.split_whitespace().filter(is_body).collect::<Vec<_>>().join(" ")))
    }

    /// An ellipsoid by three or seven numbers: metres, seconds of arc and millionths, the signs as PROJ has them.
    fn shifted(keys: &GeoKeys<'_>, shift: &[f64]) -> Result<Self, String> {
        if !matches!(shift.len(), 3 | 7) || !shift.iter().all(|number| number.is_finite()) {
            return Err(format!("a shift to WGS84 by {} numbers", shift.len()));
        }
        if shift.iter().all(|&number| number == 0.0) && is_wgs84_ellipsoid(keys) {
            return Ok(Self::Wgs84);
        }
        let ellipsoid = ellipsoid(keys).ok_or_else(|| "a shift to WGS84 of an unknown ellipsoid".to_owned())?;
        let shift: Vec<String> = shift.iter().map(f64::to_string).collect();
        Ok(Self::Words(format!("{ellipsoid} +towgs84={}", shift.join(","))))
    }

    /// WGS84 by its ellipsoid, or because nothing else is said; or a sphere, as in the grids of MODIS: its latitudes
    /// and longitudes are taken for those of WGS84, as GDAL takes them, since nobody surveys on a sphere.
    fn unshifted(keys: &GeoKeys<'_>) -> Result<Self, String> {
        if is_wgs84_ellipsoid(keys) {
            return Ok(Self::Wgs84);
        }
        match axes(keys) {
            Some((radius_m, 0.0)) => Ok(Self::Words(format!("+R={radius_m}"))),
            _ if keys.double(key::SEMI_MAJOR).is_some_and(|axis_m| !EARTH_RADII_M.contains(&axis_m)) => {
                Err("user-defined datum of another body than the earth".to_owned())
            }
            _ => Err("user-defined datum whose shift to WGS84 is not stated".to_owned()),
        }
    }
}

/// Whether longitudes count from Greenwich.
fn is_from_greenwich(keys: &GeoKeys<'_>) -> bool {
    keys.code(key::PRIME_MERIDIAN).is_none_or(|code| code == GREENWICH || code == USER_DEFINED)
        && keys.double(key::PRIME_MERIDIAN_LONGITUDE).is_none_or(|degrees| degrees == 0.0)
}

/// Semi-major axis in metres and flattening of an earth that keys give by numbers; 0 for a sphere.
fn axes(keys: &GeoKeys<'_>) -> Option<(f64, f64)> {
    let major_m = keys.double(key::SEMI_MAJOR).filter(|axis_m| EARTH_RADII_M.contains(axis_m))?;
    let flattening = match (keys.double(key::INVERSE_FLATTENING), keys.double(key::SEMI_MINOR)) {
        (Some(0.0), _) => 0.0,
        (Some(inverse), _) => 1.0 / inverse,
        (None, Some(minor_m)) => 1.0 - minor_m / major_m,
        (None, None) => return None,
    };
    (0.0..0.01).contains(&flattening).then_some((major_m, flattening))
}

/// The ellipsoid as words of a PROJ string.
fn ellipsoid(keys: &GeoKeys<'_>) -> Option<String> {
    if let Some((major_m, flattening)) = axes(keys) {
        return Some(match flattening {
            0.0 => format!("+R={major_m}"),
            _ => format!("+a={major_m} +b={}", major_m * (1.0 - flattening)),
        });
    }
    let code = keys.code(key::ELLIPSOID)?;
    ELLIPSOIDS.iter().find(|(known, _)| *known == code).map(|(_, name)| format!("+ellps={name}"))
}

/// Whether the ellipsoid is WGS84's or GRS 1980, by numbers or by code, or nothing is said of it.
fn is_wgs84_ellipsoid(keys: &GeoKeys<'_>) -> bool {
    if let Some((major_m, flattening)) = axes(keys) {
        return (major_m - WGS84_SEMI_MAJOR_M).abs() < SAME_ELLIPSOID
            && (flattening.recip() - WGS84_INVERSE_FLATTENING).abs() < SAME_ELLIPSOID;
    }
    if keys.double(key::SEMI_MAJOR).or(keys.double(key::INVERSE_FLATTENING)).is_some() {
        return false;
    }
    keys.code(key::ELLIPSOID).is_none_or(|code| matches!(code, 7019 | 7030))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(key: u16, place: u16, count: u16) -> [u16; 4] {
        [key, super::super::geokeys::IN_DOUBLES, count, place]
    }

    fn words(entries: &[[u16; 4]], doubles: &[f64]) -> Result<String, String> {
        let directory = [&[[1, 1, 0, entries.len() as u16]], entries].concat();
        Body::of(&GeoKeys::new(directory.as_flattened(), doubles)).map(|body| body.words().to_owned())
    }

    const GERMAN: [f64; 7] = [598.1, 73.7, 418.2, 0.202, 0.045, -2.455, 6.7];

    #[test]
    fn a_stated_shift_is_kept() {
        let shifted = |ellipsoid: u16, shift: &[f64]| {
            words(&[[key::ELLIPSOID, 0, 1, ellipsoid], double(key::TO_WGS84, 0, shift.len() as u16)], shift)
        };
        assert_eq!(
            shifted(7004, &GERMAN).as_deref(),
            Ok("+ellps=bessel +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7")
        );
        // WGS84's own ellipsoid may be shifted, too.
        assert_eq!(shifted(7030, &[1.0, 0.0, 0.0]).as_deref(), Ok("+ellps=WGS84 +towgs84=1,0,0"));
        assert_eq!(shifted(7019, &[0.0; 3]).as_deref(), Ok("+datum=WGS84"));
        assert!(shifted(7004, &[1.0; 4]).is_err() && shifted(7999, &GERMAN).is_err());
        assert!(shifted(7004, &[f64::NAN; 3]).is_err());
    }

    #[test]
    fn a_datum_is_that_of_its_system() {
        let datum = |code: u16| words(&[[key::DATUM, 0, 1, code], [key::ELLIPSOID, 0, 1, 7004]], &[]);
        assert_eq!(datum(6314).as_deref(), Ok("+datum=potsdam"));
        assert_eq!(datum(6326).as_deref(), Ok("+datum=WGS84"));
        // That of North America needs a grid, and of an ellipsoid alone nobody states where it lies.
        assert!(datum(6267).is_err() && datum(6004).is_err() && datum(USER_DEFINED).is_err());
        assert_eq!(words(&[[key::GEODETIC_CRS, 0, 1, 4314]], &[]).as_deref(), Ok("+datum=potsdam"));
    }

    #[test]
    fn other_bodies_than_the_earth_are_none() {
        let body = |axes: [f64; 2]| words(&[double(key::SEMI_MAJOR, 0, 1), double(key::SEMI_MINOR, 1, 1)], &axes);
        assert_eq!(body([6_371_007.181; 2]).as_deref(), Ok("+R=6371007.181"));
        assert!(body([3_396_190.0; 2]).is_err() && body([6_377_397.155, 6_356_078.963]).is_err());
    }
}
