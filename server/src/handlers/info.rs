//! `info`, `info.geojson` and `bounds`: what a raster's header says, under TiTiler's names.

use std::sync::Arc;

use aurora_daemon::problem::Problem;
use aurora_raster::{
    GeoTiff,
    crs::{Crs, WGS84},
    facts::{self, Facts, normal_longitude},
    header::{ColorInterpretation, Header},
    render::carried_bounds,
};
use aurora_tile::Bounds;
use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::{Value, json};

use super::{
    conditions::Conditions,
    walk::{GEOJSON, JSON, Walk},
};
use crate::{app::App, catalogue::box_polygon, failure::Failure, query::SharedQuery, target::Target};

/// `info`.
pub(crate) async fn info(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    walk.document(JSON, &["info"], |tiff| Ok(document(tiff, &facts::of(tiff), &target).to_string())).await
}

/// `info.geojson`: the same as the properties of the raster's bounds, which are in degrees or in `crs`.
pub(crate) async fn info_geojson(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let crs = query.bounds_crs()?;
    let feature = |tiff: &GeoTiff| {
        let facts = facts::of(tiff);
        let bounds = bounds_in(crs.as_ref(), tiff, &facts)?;
        let feature = json!({
            "type": "Feature",
            "bbox": bounds,
            "geometry": box_polygon(bounds),
            "properties": document(tiff, &facts, &target),
        });
        Ok(feature.to_string())
    };
    walk.document(GEOJSON, &["info.geojson", &format!("{crs:?}")], feature).await
}

/// `bounds`: west, south, east, north in degrees, or the same in `crs`.
pub(crate) async fn bounds(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let crs = query.bounds_crs()?;
    let document = |tiff: &GeoTiff| {
        let bounds = bounds_in(crs.as_ref(), tiff, &facts::of(tiff))?;
        let epsg = crs.as_ref().map_or(Some(WGS84), Crs::epsg);
        Ok(json!({ "bounds": bounds, "crs": epsg.map(crs_uri) }).to_string())
    };
    walk.document(JSON, &["bounds", &format!("{crs:?}")], document).await
}

/// Bounds in a system, or in degrees unless one is asked for.
fn bounds_in(crs: Option<&Crs>, tiff: &GeoTiff, facts: &Facts) -> Result<[f64; 4], Problem> {
    let in_degrees = lon_lat_bounds(facts)?;
    let (Some(crs), Some(georef)) = (crs.filter(|crs| crs.epsg() != Some(WGS84)), &tiff.header().georef) else {
        return Ok(in_degrees);
    };
    let native = facts.bounds_native.map(|[minx, miny, maxx, maxy]| Bounds::new(minx, miny, maxx, maxy));
    let carried = native.and_then(|bounds| carried_bounds(&georef.crs, crs, bounds)).map(|bounds| told(bounds, crs));
    carried.ok_or_else(|| Problem::parameter("crs", format!("{crs} does not reach the raster")))
}

/// Bounds as they are told: in degrees west is larger than east across the antimeridian.
fn told(bounds: Bounds, crs: &Crs) -> [f64; 4] {
    let [west, south, east, north] = bounds.to_array();
    match crs.turn() {
        Some(turn) if crs.is_geographic() && bounds.width() < turn => {
            [normal_longitude(west), south, normal_longitude(east), north]
        }
        _ => [west, south, east, north],
    }
}

/// Bounds in degrees, or why there are none.
pub(super) fn lon_lat_bounds(facts: &Facts) -> Result<[f64; 4], Problem> {
    facts.bounds_wgs84.ok_or_else(|| {
        let reason = facts.georef_note.as_deref().unwrap_or("it has no georeferencing");
        Problem::client(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("where this raster lies is not known: {reason}"))
    })
}

fn document(tiff: &GeoTiff, facts: &Facts, target: &Target) -> Value {
    let header = tiff.header();
    let nodata = target.nodata.or(facts.nodata);
    let mut document = json!({
        "bounds": facts.bounds_native,
        "crs": header.georef.as_ref().map(|georef| crs_name(&georef.crs)),
        "band_metadata": band_metadata(header),
        "band_descriptions": band_descriptions(header),
        "dtype": facts.dtype,
        "nodata_type": nodata_type(header, nodata),
        "nodata_value": nodata,
        "colorinterp": color_names(header),
        "scales": header.band_info.iter().map(|band| band.scale.unwrap_or(1.0)).collect::<Vec<_>>(),
        "offsets": header.band_info.iter().map(|band| band.offset.unwrap_or(0.0)).collect::<Vec<_>>(),
        "driver": "GTiff",
        "count": facts.bands,
        "width": facts.width_px,
        "height": facts.height_px,
        "overviews": overviews(header),
    });
    if let Some(why) = facts.georef_note.as_ref().filter(|_| header.georef.is_none()) {
        document["georef_note"] = json!(why);
    }
    if header.color == ColorInterpretation::Palette {
        let entries = header.palette.iter().enumerate().map(|(value, color)| (value.to_string(), json!(color)));
        document["colormap"] = Value::Object(entries.collect());
    }
    document
}

/// Name of each band and what the file's metadata tell of it.
fn band_metadata(header: &Header) -> Vec<Value> {
    header.band_info.iter().zip(1..).map(|(band, number)| json!([format!("b{number}"), band.items])).collect()
}

/// Name and description of each band; the name stands in for a description that is not there.
pub(super) fn band_descriptions(header: &Header) -> Vec<Value> {
    let described = |index: usize| {
        let name = format!("b{}", index + 1);
        let text = header.band_info.get(index).map(|band| band.description.clone()).filter(|text| !text.is_empty());
        json!([name, text.unwrap_or_else(|| name.clone())])
    };
    (0..usize::from(header.bands)).map(described).collect()
}

/// A system's name as a URI.
pub(super) fn crs_uri(epsg: u32) -> String {
    format!("http://www.opengis.net/def/crs/EPSG/0/{epsg}")
}

/// A system's name as a URI, or in PROJ's words where it has no code.
fn crs_name(crs: &Crs) -> String {
    crs.epsg().map_or_else(|| crs.to_string(), crs_uri)
}

/// In rio-tiler's order of precedence.
fn nodata_type(header: &Header, nodata: Option<f64>) -> &'static str {
    if nodata.is_some() {
        "Nodata"
    } else if header.alpha_band.is_some() {
        "Alpha"
    } else if header.masks.iter().any(Option::is_some) {
        "Mask"
    } else {
        "None"
    }
}

pub(super) fn color_names(header: &Header) -> Vec<&'static str> {
    // Colours are those of the first bands that are not alpha.
    let among_colors = |band: u16| band - u16::from(header.alpha_band.is_some_and(|alpha| alpha < band));
    let name = |band: u16| match (header.color, among_colors(band)) {
        _ if Some(band) == header.alpha_band => "alpha",
        (ColorInterpretation::Palette, 0) => "palette",
        (ColorInterpretation::Rgb, 0) => "red",
        (ColorInterpretation::Rgb, 1) => "green",
        (ColorInterpretation::Rgb, 2) => "blue",
        (ColorInterpretation::Gray, 0) => "gray",
        _ => "undefined",
    };
    (0..header.bands).map(name).collect()
}

/// How many times smaller each overview is, rounded.
pub(super) fn overviews(header: &Header) -> Vec<u32> {
    let full_px = f64::from(header.levels[0].width_px);
    let stored = header.levels[1..].iter().filter(|level| !level.is_thinned());
    stored.map(|level| (full_px / f64::from(level.width_px)).round() as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_cross_the_antimeridian_in_degrees_alone_and_may_end_on_it() {
        let told = |west, east, code| told(Bounds::new(west, 0.0, east, 1.0), &Crs::from_epsg(code).unwrap());
        assert_eq!(told(170.0, 190.0, 4258), [170.0, 0.0, -170.0, 1.0]);
        assert_eq!(told(170.0, 180.0, 4258), [170.0, 0.0, 180.0, 1.0]);
        assert_eq!(told(-180.0, 180.0, 4258), [-180.0, 0.0, 180.0, 1.0]);
        assert_eq!(told(170.0, 190.0, 3857), [170.0, 0.0, 190.0, 1.0]);
    }
}
