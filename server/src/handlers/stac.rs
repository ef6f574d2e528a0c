//! `/stac/…`: the catalogue as a STAC API 1.0.0 (core, collections, OGC API – Features, item search).
//!
//! Three collections: raw scenes, their results, and what was found in them. Items come from the same catalogue as
//! `/scenes` and `/detections`; nothing here reads a raster.

mod collection;
mod item;
mod search;

use axum::Json;
use serde_json::{Value, json};

pub(crate) use collection::{collections, one_collection};
pub(crate) use search::{items, one_item, search, search_by_post};

use super::parameters::{Begun, PublicAddress};
use collection::Collection;

/// Version of the item and collection specifications followed.
const STAC_VERSION: &str = "1.0.0";

/// What is implemented, by the identifiers of the specifications.
const CONFORMS_TO: [&str; 8] = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "https://api.stacspec.org/v1.0.0/browseable",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
];

/// What the rasters' addresses implement besides.
const RASTERS_CONFORM_TO: [&str; 13] = [
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/jpeg",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tiff",
    "http://www.opengis.net/spec/tms/2.0/conf/tilematrixset",
    "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/crs",
    "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/scaling",
    "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/spatial-subsetting",
    "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/png",
    "http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/jpeg",
];

/// `/conformance`: of everything.
pub(crate) async fn conformance_of_all() -> Json<Value> {
    let classes = [&CONFORMS_TO[..], &RASTERS_CONFORM_TO[..]].concat();
    Json(json!({ "conformsTo": classes }))
}

/// `/stac`: the landing page.
pub(crate) async fn landing(Begun(catalogue): Begun, PublicAddress(base): PublicAddress) -> Json<Value> {
    let mut links = vec![
        link("self", "application/json", format!("{base}/stac")),
        link("root", "application/json", format!("{base}/stac")),
        link("data", "application/json", format!("{base}/stac/collections")),
        link("conformance", "application/json", format!("{base}/stac/conformance")),
        link("service-desc", "application/vnd.oai.openapi+json;version=3.0", format!("{base}/openapi.json")),
        link("service-doc", "text/html", format!("{base}/docs")),
        search_link(&base, "GET"),
        search_link(&base, "POST"),
    ];
    let child = |collection: &Collection| {
        let mut link = link("child", "application/json", collection.address(&base));
        link["title"] = collection.title().into();
        link
    };
    links.extend(Collection::ALL.iter().map(child));
    Json(json!({
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": "aurora",
        "title": "Aurora",
        "description": format!("{} radar scenes and what was found in them", catalogue.everything().len()),
        "conformsTo": CONFORMS_TO,
        "links": links,
    }))
}

/// `/stac/conformance`.
pub(crate) async fn conformance() -> Json<Value> {
    Json(json!({ "conformsTo": CONFORMS_TO }))
}

fn link(relation: &str, media_type: &str, address: String) -> Value {
    json!({ "rel": relation, "type": media_type, "href": address })
}

fn search_link(base: &str, method: &str) -> Value {
    let mut link = link("search", "application/geo+json", format!("{base}/stac/search"));
    link["method"] = method.into();
    link
}
