//! `/colorMaps`, `/tileMatrixSets` and `/algorithms`: what there is to choose from.

use aurora_raster::{process, style::colormap_names};
use aurora_tile::TileMatrixSet;
use axum::Json;
use serde_json::{Value, json};

use super::{
    parameters::{Parts, PublicAddress},
    tile::matrix_set,
};
use crate::failure::Failure;
use aurora_daemon::problem::Problem;

/// Names of the colormaps; under TiTiler's name for the list also with links.
pub(crate) async fn colormaps(PublicAddress(base): PublicAddress) -> Json<Value> {
    let names: Vec<_> = colormap_names().into_iter().collect();
    let linked = |name: &_| {
        let link = json!({
            "href": format!("{base}/colorMaps/{name}"),
            "rel": "item",
            "type": "application/json",
            "title": format!("Definition of {name} ColorMap"),
        });
        json!({ "id": name, "links": [link] })
    };
    Json(json!({ "colormaps": names.iter().map(linked).collect::<Vec<_>>(), "colorMaps": names }))
}

/// The tile matrix sets, with links.
pub(crate) async fn matrix_sets(PublicAddress(base): PublicAddress) -> Json<Value> {
    let described = |set: &TileMatrixSet| {
        let href = format!("{base}/tileMatrixSets/{}", set.id);
        json!({
            "id": set.id,
            "title": set.title,
            "links": [{ "href": href, "rel": "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes", "type": "application/json" }],
        })
    };
    Json(json!({ "tileMatrixSets": TileMatrixSet::all().map(described).collect::<Vec<_>>() }))
}

/// One tile matrix set, in OGC's encoding.
pub(crate) async fn one_matrix_set(Parts(id): Parts<String>) -> Result<Json<&'static TileMatrixSet>, Failure> {
    Ok(Json(matrix_set(&id)?))
}

/// The algorithms, with links.
pub(crate) async fn algorithms(PublicAddress(base): PublicAddress) -> Json<Value> {
    let linked = |(name, told): (&str, Value)| {
        let link = json!({
            "href": format!("{base}/algorithms/{name}"),
            "rel": "item",
            "type": "application/json",
            "title": format!("Definition of {name} Algorithm"),
        });
        json!({ "id": name, "title": told["title"], "links": [link] })
    };
    Json(json!({ "algorithms": process::algorithms().map(linked).collect::<Vec<_>>() }))
}

/// One algorithm: what it takes and gives, and its parameters.
pub(crate) async fn algorithm(Parts(id): Parts<String>) -> Result<Json<Value>, Failure> {
    let found = process::algorithms().find(|(name, _)| *name == id);
    let missing = || Problem::not_found(format!("algorithm {id}"));
    Ok(Json(found.map(|(_, told)| told).ok_or_else(missing)?))
}
