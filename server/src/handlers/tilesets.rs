//! `tiles` and `tiles/{tms}`: the tile sets that a raster can be had in (OGC API – Tiles, 20-057, section 9).

use std::{ops::RangeInclusive, sync::Arc};

use aurora_daemon::problem::Problem;
use aurora_raster::{
    GeoTiff,
    crs::Crs,
    facts,
    render::{self, carried_bounds},
};
use aurora_tile::{Bounds, TileId, TileMatrixSet};
use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::{
    conditions::Conditions,
    info::{crs_uri, lon_lat_bounds},
    parameters::{Pairs, Parts, PublicAddress},
    resources::Resources,
    tile::matrix_set,
    walk::{JSON, Walk},
};
use crate::{app::App, failure::Failure, query::SharedQuery, target::Target};

/// Steps along each side of the bounds when they are carried into a set's own coordinates.
const BOUNDS_STEPS: u32 = 21;

/// Zooms that no map goes beyond (TileJSON 3.0.0, section 3.13).
const MAX_ZOOM: u8 = 30;

/// `tiles`: one entry a tile matrix set.
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let resources = Resources::new(&base, &target, &query, &pairs);
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let document = |tiff: &GeoTiff| {
        let bounds = lon_lat_bounds(&facts::of(tiff))?;
        let entry = |set: &TileMatrixSet| entry(set, bounds, links(&resources, &base, set));
        let tilesets: Vec<Value> = TileMatrixSet::all().map(entry).collect();
        Ok(json!({ "tilesets": tilesets }).to_string())
    };
    walk.document(JSON, &["tilesets", &resources.at("")], document).await
}

/// `tiles/{tms}`: one of them, with the tiles that there are at each zoom.
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    target: Target,
    Parts(id): Parts<TilesetPath>,
    query: SharedQuery,
    pairs: Pairs,
    PublicAddress(base): PublicAddress,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let set = matrix_set(&id.tms)?;
    let zooms = Zooms::of(&pairs)?;
    let resources = Resources::new(&base, &target, &query, &pairs);
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let document = |tiff: &GeoTiff| {
        let bounds = lon_lat_bounds(&facts::of(tiff))?;
        let mut links = links(&resources, &base, set);
        links.push(json!({
            "href": resources.at(&format!("{}/map.html", set.id)),
            "rel": "data",
            "type": "text/html",
            "title": format!("Map viewer for '{}' tileMatrixSet", set.id),
        }));
        let mut document = entry(set, bounds, links);
        let limits = limits(set, tiff, bounds, zooms.within(tiff, set));
        document["tileMatrixSetLimits"] = limits.iter().map(Limit::told).collect();
        Ok(document.to_string())
    };
    walk.document(JSON, &["tileset", &resources.at(&set.id), &format!("{zooms:?}")], document).await
}

/// The path of a resource below a tile matrix set.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct TilesetPath {
    pub(crate) tms: String,
}

fn entry(set: &TileMatrixSet, [west, south, east, north]: [f64; 4], links: Vec<Value>) -> Value {
    json!({
        "title": format!("tileset tiled using {} TileMatrixSet", set.id),
        "dataType": "map",
        "crs": set.crs,
        "tileMatrixSetId": set.id,
        "boundingBox": { "lowerLeft": [west, south], "upperRight": [east, north], "crs": crs_uri(4326) },
        "links": links,
        "accessConstraints": "unclassified",
    })
}

fn links(resources: &Resources<'_>, base: &str, set: &TileMatrixSet) -> Vec<Value> {
    let id = &set.id;
    vec![
        json!({
            "href": resources.at(&format!("tiles/{id}")),
            "rel": "self",
            "type": "application/json",
            "title": format!("Tileset tiled using {id} TileMatrixSet"),
        }),
        json!({
            "href": resources.tiles(id, ["z", "x", "y"], ""),
            "rel": "tile",
            "templated": true,
            "title": "Templated link for retrieving Raster tiles",
        }),
        json!({
            "href": format!("{base}/tileMatrixSets/{id}"),
            "rel": "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme",
            "type": "application/json",
            "title": format!("Definition of '{id}' tileMatrixSet"),
        }),
    ]
}

/// The zooms asked for, where they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zooms {
    min: Option<u8>,
    max: Option<u8>,
}

impl Zooms {
    /// `minzoom` and `maxzoom` of a query.
    pub(crate) fn of(pairs: &Pairs) -> Result<Self, Failure> {
        let (min, max) = (zoom(pairs, "minzoom")?, zoom(pairs, "maxzoom")?);
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Err(Problem::parameter("minzoom", format!("`{min}` is beyond `maxzoom`, {max}")).into());
        }
        Ok(Self { min, max })
    }

    /// Zooms at which a raster is shown in `set`: those asked for, else those that suit it, else all. Where only one
    /// end is asked for, the other gives way to it.
    pub(crate) fn within(self, tiff: &GeoTiff, set: &TileMatrixSet) -> RangeInclusive<u8> {
        let zooms = render::zooms(tiff, set).unwrap_or_else(|_| set.zooms());
        let (first, last) = (*zooms.start(), *zooms.end());
        match (self.min, self.max) {
            (Some(min), None) => min..=last.max(min),
            (min, max) => {
                let max = max.unwrap_or(last);
                min.unwrap_or(first.min(max))..=max
            }
        }
    }
}

/// One zoom of a query.
fn zoom(pairs: &Pairs, name: &str) -> Result<Option<u8>, Problem> {
    let number = pairs.get::<u8>(name)?;
    match number.filter(|&zoom| zoom > MAX_ZOOM) {
        Some(zoom) => Err(Problem::parameter(name, format!("`{zoom}` is beyond {MAX_ZOOM}"))),
        None => Ok(number),
    }
}

/// The zooms asked for by tile matrix set (`zooms=WebMercatorQuad::0,5`, and `*::0,5` for all others), as TiTiler's
/// WMTS has them; of sets that are not named those asked for without a set.
#[derive(Debug)]
pub(crate) struct ZoomsBySet {
    named: Vec<(String, Zooms)>,
    others: Zooms,
}

impl ZoomsBySet {
    /// `zooms` of a query, and `minzoom` and `maxzoom`.
    pub(crate) fn of(pairs: &Pairs) -> Result<Self, Failure> {
        let mut zooms = Self { named: Vec::new(), others: Zooms::of(pairs)? };
        for (_, text) in pairs.0.iter().filter(|(name, text)| name == "zooms" && !text.is_empty()) {
            match zooms_of_set(text)
                .ok_or_else(|| Problem::parameter("zooms", format!("`{text}` is not like `*::0,5`")))?
            {
                (Some(id), of_set) => zooms.named.push((id.to_owned(), of_set)),
                (None, of_others) => zooms.others = of_others,
            }
        }
        Ok(zooms)
    }

    /// Those of one set.
    pub(crate) fn of_set(&self, set: &TileMatrixSet) -> Zooms {
        self.named.iter().find(|(id, _)| *id == set.id).map_or(self.others, |&(_, zooms)| zooms)
    }
}

/// `{set}::{min},{max}`; no set for `*`.
fn zooms_of_set(text: &str) -> Option<(Option<&str>, Zooms)> {
    let (id, zooms) = text.split_once("::")?;
    let (min, max) = zooms.split_once(',')?;
    let (min, max) = (min.parse().ok()?, max.parse().ok()?);
    let id = (id != "*").then(|| TileMatrixSet::named(id).map(|_| id)).map_or(Some(None), |id| id.map(Some))?;
    (min <= max).then_some((id, Zooms { min: Some(min), max: Some(max) }))
}

/// The tiles of one zoom that bounds reach into, all included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) matrix: String,
    pub(crate) first_row: u32,
    pub(crate) last_row: u32,
    pub(crate) first_column: u32,
    pub(crate) last_column: u32,
}

impl Limit {
    fn told(&self) -> Value {
        json!({
            "tileMatrix": self.matrix,
            "minTileRow": self.first_row,
            "maxTileRow": self.last_row,
            "minTileCol": self.first_column,
            "maxTileCol": self.last_column,
        })
    }
}

/// First and last tile of each zoom that a raster reaches into, by its bounds in degrees where the set goes round the
/// globe, else by its own; nothing where the set does not reach.
pub(crate) fn limits(
    set: &TileMatrixSet,
    tiff: &GeoTiff,
    in_degrees: [f64; 4],
    zooms: RangeInclusive<u8>,
) -> Vec<Limit> {
    limits_of(set, carried_raster(set, tiff).or_else(|| own_bounds(set, in_degrees)), zooms)
}

/// The raster's bounds in a set's own coordinates, if these do not go round the globe.
fn carried_raster(set: &TileMatrixSet, tiff: &GeoTiff) -> Option<[f64; 4]> {
    let crs = Crs::from_epsg(set.epsg()?).ok().filter(|crs| crs.turn().is_none())?;
    let [min_x, min_y, max_x, max_y] = facts::of(tiff).bounds_native?;
    let georef = tiff.header().georef.as_ref()?;
    carried_bounds(&georef.crs, &crs, Bounds::new(min_x, min_y, max_x, max_y)).map(|bounds| bounds.to_array())
}

fn limits_of(set: &TileMatrixSet, corners: Option<[f64; 4]>, zooms: RangeInclusive<u8>) -> Vec<Limit> {
    let limit = |z: u8| {
        let [min_x, min_y, max_x, max_y] = corners?;
        let (first, last): (TileId, TileId) = (set.tile_at(z, min_x, max_y)?, set.tile_at(z, max_x, min_y)?);
        Some(Limit {
            matrix: set.matrix(z)?.id.clone(),
            first_row: first.y,
            last_row: last.y,
            first_column: first.x,
            last_column: last.x,
        })
    };
    zooms.filter_map(limit).collect()
}

/// Bounds in degrees in the set's own coordinates; `None` where it does not reach.
fn own_bounds(set: &TileMatrixSet, [west, south, east, north]: [f64; 4]) -> Option<[f64; 4]> {
    let crs = Crs::from_epsg(set.epsg()?).ok()?;
    // Across the antimeridian one range of columns has to hold both ends.
    let (west, east) = if west > east { (-180.0, 180.0) } else { (west, east) };
    let part = |step: u32| f64::from(step) / f64::from(BOUNDS_STEPS);
    let edges = (0..=BOUNDS_STEPS).flat_map(|step| {
        let (lon, lat) = (west + (east - west) * part(step), south + (north - south) * part(step));
        [(lon, south), (lon, north), (west, lat), (east, lat)]
    });
    let points = edges.filter_map(|(lon, lat)| crs.from_wgs84(lon, lat));
    Bounds::around(points).map(|bounds| bounds.to_array())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What morecantile's and TiTiler's `tms_limits` say of the same bounds.
    #[test]
    fn limits_agree_with_titiler() {
        let set = TileMatrixSet::web_mercator_quad();
        let bounds = [75.605_238_716_985_37, 9.225_819_284_185_055, 78.204_476_775_468_21, 11.190_381_006_581_049];
        let limits = limits_of(set, own_bounds(set, bounds), 7..=10);
        let numbers = |limit: &Limit| [limit.first_row, limit.last_row, limit.first_column, limit.last_column];
        let told: Vec<_> = limits.iter().map(numbers).collect();
        assert_eq!(told, [[59, 60, 90, 91], [119, 121, 181, 183], [239, 242, 363, 367], [479, 485, 727, 734]]);
        assert_eq!(limits[0].told()["tileMatrix"], "7");
    }
}
