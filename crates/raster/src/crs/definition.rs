//! From a PROJ string to the way of computing it: closed form, `proj4rs`, or a refusal that names the reason.

use super::{
    Kind,
    projected::Projected,
    transverse::{Parameters, TransverseMercator},
};

/// Parameters of a PROJ string by name; flags have an empty value.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn new(text: &'a str) -> Self {
        let field =
            |word: &'a str| word.trim_start_matches('+').split_once('=').unwrap_or((word.trim_start_matches('+'), ""));
        Self(text.split_whitespace().map(field).collect())
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// A number, or `default` where the field is absent; `None` where it is no number.
    fn number(&self, name: &str, default: f64) -> Option<f64> {
        self.get(name).map_or(Some(default), |value| value.parse().ok())
    }
}

/// Chooses how to compute `text`, or says why it cannot be.
pub(super) fn kind(text: &str) -> Result<Kind, String> {
    let fields = Fields::new(text);
    check_datum(&fields)?;
    match fields.get("proj") {
        // Such systems often count in grads, too, which their definitions do not say.
        Some("longlat" | "latlong") if fields.get("pm").is_some() => {
            Err("longitudes that do not count from Greenwich".to_owned())
        }
        Some("longlat" | "latlong") if is_wgs84_like(&fields) => Ok(Kind::Geographic),
        Some("utm" | "tmerc")
            if is_wgs84_like(&fields) && fields.get("pm").is_none() && fields.get("axis").is_none() =>
        {
            transverse(&fields).ok_or_else(|| "transverse Mercator with senseless parameters".to_owned())
        }
        _ => Projected::new(text).map(Box::new).map(Kind::Other),
    }
}

/// Refuses datums whose shift to WGS84 is a grid or is not stated.
fn check_datum(fields: &Fields<'_>) -> Result<(), String> {
    let by_grid = fields.get("nadgrids").is_some_and(|grid| grid != "@null") || fields.get("datum") == Some("NAD27");
    if by_grid {
        return Err("its datum needs a grid shift".to_owned());
    }
    let stated = ["datum", "towgs84", "nadgrids"].iter().any(|name| fields.get(name).is_some());
    let sphere = fields.get("R").is_some() || (fields.get("a").is_some() && fields.get("a") == fields.get("b"));
    if stated || sphere || is_sea_ice_grid(fields) || is_wgs84_like(fields) {
        return Ok(());
    }
    Err("its datum has no stated shift to WGS84".to_owned())
}

/// Whether the ellipsoid is Hughes 1980, on which NSIDC's grids of sea ice count (EPSG:3411 and 3412). Its degrees are
/// taken for those of WGS84, as GDAL takes them: there is no survey on it, and the cells are kilometres wide.
fn is_sea_ice_grid(fields: &Fields<'_>) -> bool {
    (fields.get("a"), fields.get("b")) == (Some("6378273"), Some("6356889.449"))
}

/// Whether the datum is WGS84, or one (ETRS89, NAD83, SIRGAS …) on its twin ellipsoid without a shift.
fn is_wgs84_like(fields: &Fields<'_>) -> bool {
    let no_shift = fields.get("towgs84").is_none_or(|shift| shift.split(',').all(|part| part.parse() == Ok(0.0)));
    no_shift
        && matches!(
            (fields.get("datum"), fields.get("ellps")),
            (Some("WGS84" | "NAD83"), _) | (None, Some("WGS84" | "GRS80"))
        )
}

fn transverse(fields: &Fields<'_>) -> Option<Kind> {
    let mut parameters = match fields.get("proj") {
        Some("utm") => {
            let zone = fields.get("zone")?.parse().ok().filter(|zone| (1..=60).contains(zone))?;
            Parameters::utm(zone, fields.get("south").is_some())
        }
        _ => Parameters {
            central_meridian_deg: fields.number("lon_0", 0.0)?,
            origin_latitude_deg: fields.number("lat_0", 0.0)?,
            scale: fields.number("k", fields.number("k_0", 1.0)?)?,
            false_easting_m: fields.number("x_0", 0.0)?,
            false_northing_m: fields.number("y_0", 0.0)?,
            ..Parameters::utm(1, false)
        },
    };
    if fields.get("ellps") == Some("GRS80") || fields.get("datum") == Some("NAD83") {
        parameters.inverse_flattening = 298.257_222_101;
    }
    parameters.metres_per_unit = metres_per_unit(fields)?;
    TransverseMercator::new(parameters).map(Kind::TransverseMercator)
}

/// Metres in a unit (PROJ's unit names for metre and the two feet).
fn metres_per_unit(fields: &Fields<'_>) -> Option<f64> {
    if fields.get("to_meter").is_some() {
        return fields.number("to_meter", 1.0);
    }
    match fields.get("units") {
        None | Some("m") => Some(1.0),
        Some("km") => Some(1000.0),
        Some("ft") => Some(0.3048),
        Some("us-ft") => Some(1200.0 / 3937.0),
        Some(_) => None,
    }
}
