//! Which EPSG code a raster's CRS is, and which one it should be warped to where it has none.
//!
//! It transforms no pixels. `georef` and the writers of GeoJSON call it.

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

use crate::{
    error::{Error, Result},
    gdal_env, programs,
};

/// EPSG code of WGS 84, longitude and latitude in degrees.
pub(crate) const WGS84: u32 = 4326;
/// EPSG codes of WGS 84 / UTM are these plus the zone.
const UTM_NORTH: u32 = 32600;
const UTM_SOUTH: u32 = 32700;
/// Widest extent in degrees of longitude for which one UTM zone is still a fair map.
const UTM_MAX_WIDTH_DEG: f64 = 12.0;
/// UTM ends at this latitude; nearer the poles we stay geographic.
const UTM_MAX_LATITUDE_DEG: f64 = 84.0;
/// Metres by which a semi-major axis may differ from WGS 84's and still be WGS 84.
const AXIS_TOLERANCE_M: f64 = 0.01;
const WGS84_SEMI_MAJOR_M: f64 = 6_378_137.0;

/// The CRS of an EPSG code with x before y, longitude before latitude.
///
/// # Errors
/// [`Error::NoGeoreferencing`] if PROJ's database has no such code.
pub(crate) fn from_epsg(code: u32) -> Result<SpatialRef> {
    let mut crs = SpatialRef::from_epsg(code).map_err(|error| Error::placement(gdal_env::reason(&error)))?;
    crs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(crs)
}

/// The EPSG code that means exactly what `crs` says, vertical parts aside.
///
/// Files that describe UTM by its parameters, beside an EPSG code or instead of one, get UTM's code.
pub(crate) fn identify(crs: &SpatialRef) -> Option<u32> {
    let mut crs = crs.clone();
    programs::strip_vertical(&mut crs);
    utm_epsg(&crs).or_else(|| authority_epsg(&crs)).or_else(|| {
        crs.auto_identify_epsg().ok()?;
        authority_epsg(&crs)
    })
}

fn authority_epsg(crs: &SpatialRef) -> Option<u32> {
    let code = crs.auth_code().ok()?;
    match crs.auth_name()?.as_str() {
        "EPSG" => u32::try_from(code).ok().filter(|code| SpatialRef::from_epsg(*code).is_ok()),
        "OGC" if crs.is_geographic() => Some(WGS84),
        _ => None,
    }
}

fn utm_epsg(crs: &SpatialRef) -> Option<u32> {
    let zone = programs::utm_zone(crs)?;
    let datum = crs.get_attr_value("DATUM", 0).ok().flatten()?.to_uppercase().replace(['_', ' '], "");
    let is_wgs84 =
        datum.starts_with("WGS84") || datum.starts_with("WORLDGEODETICSYSTEM1984") || datum.contains("WGS1984");
    let semi_major_m = crs.semi_major().ok()?;
    let is_metric = (crs.linear_units() - 1.0).abs() < f64::EPSILON;
    if !is_wgs84 || !is_metric || (semi_major_m - WGS84_SEMI_MAJOR_M).abs() > AXIS_TOLERANCE_M {
        return None;
    }
    let base = if zone > 0 { UTM_NORTH } else { UTM_SOUTH };
    Some(base + zone.unsigned_abs())
}

/// The CRS to warp to for data within `[west, south, east, north]` degrees: UTM of its middle, WGS 84 where it is too
/// wide or too near a pole.
pub(crate) fn best_for(bounds_deg: [f64; 4]) -> u32 {
    let [west, south, east, north] = bounds_deg;
    let is_wide = !(0.0..=UTM_MAX_WIDTH_DEG).contains(&(east - west));
    if is_wide || north > UTM_MAX_LATITUDE_DEG || south < -UTM_MAX_LATITUDE_DEG {
        return WGS84;
    }
    let zone = (((west + east) / 2.0 + 180.0) / 6.0).floor().clamp(0.0, 59.0) as u32 + 1;
    zone + if south + north >= 0.0 { UTM_NORTH } else { UTM_SOUTH }
}

/// A transformation from an EPSG code to longitude and latitude in degrees.
///
/// # Errors
/// [`Error::NoGeoreferencing`] if there is none, for instance from another planet.
pub(crate) fn to_wgs84(crs: &SpatialRef) -> Result<CoordTransform> {
    gdal_env::forget();
    let mut source = crs.clone();
    source.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    CoordTransform::new(&source, &from_epsg(WGS84)?).map_err(|error| Error::placement(gdal_env::reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UTM 23 S as COSMO-SkyMed deliveries spell it out.
    const SPELLED_OUT: &str = r#"PROJCS["user-defined",GEOGCS["WGS 84",DATUM["WGS_1984",
        SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],
        PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",-45],
        PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",10000000],
        UNIT["metre",1]]"#;

    #[test]
    fn utm_by_its_parameters_is_utm_by_its_code() {
        assert_eq!(identify(&SpatialRef::from_wkt(SPELLED_OUT).unwrap()), Some(32723));
    }

    #[test]
    fn another_meridian_is_no_utm() {
        let shifted = SPELLED_OUT.replace("\"central_meridian\",-45", "\"central_meridian\",-44.2");
        assert_eq!(identify(&SpatialRef::from_wkt(&shifted).unwrap()), None);
    }

    #[test]
    fn codes_survive() {
        for code in [4326, 3857, 32631, 31983, 2154] {
            assert_eq!(identify(&from_epsg(code).unwrap()), Some(code));
        }
    }

    #[test]
    fn the_zone_follows_the_middle() {
        assert_eq!(best_for([-46.0, -24.0, -44.0, -22.0]), 32723);
        assert_eq!(best_for([2.0, 43.0, 5.0, 44.0]), 32631);
        assert_eq!(best_for([-170.0, -80.0, 170.0, 80.0]), WGS84);
        assert_eq!(best_for([10.0, 83.0, 12.0, 88.0]), WGS84);
    }
}
