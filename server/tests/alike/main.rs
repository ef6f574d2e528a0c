//! A catalogued scene and a raster by `url` are answered alike: every address that `/openapi.json` tells of below one
//! of them is below the other, and has the same status, type, headers and body for the same file.
//!
//! The addresses are taken from the document, so that one which is added is looked at here by itself; a variable part
//! of a path that this file has no value for fails.

mod both;
#[path = "../support/mod.rs"]
mod support;

use both::{BY_URL, Both};
use reqwest::Method;
use serde_json::{Value, json};
use support::{Server, raster::tile};

const BY_SCENE: &str = "/scenes/{scene_id}";

/// Queries that every address is asked with: nothing, what changes values and pictures, what documents look at, what is
/// wrong.
const QUERIES: &[&str] = &[
    "",
    "bidx=1&rescale=0,500&colormap_name=viridis",
    "expression=b1*2;b1/3&resampling=bilinear&rescale=auto",
    "nodata=77&algorithm=db&max_size=100&p=5&p=50&histogram_bins=4",
    "format=npy&tile_format=webp&tile_scale=2&minzoom=4&maxzoom=8&crs=epsg:3857&strict=true&coord_crs=epsg:4326",
    "width=50&height=40&dst_crs=epsg:3857&return_mask=false&categorical=true",
    "datetime=2024-01-02T00:00:00Z&id=mine&collection=c&with_eo=false",
    "bidx=9",
    "rescale=1",
];

#[derive(Debug, PartialEq, Clone)]
struct Operation {
    method: Method,
    path: String,
    takes_body: bool,
    is_validated: bool,
}

fn operations(document: &Value, prefix: &str) -> Vec<Operation> {
    let below = document["paths"].as_object().unwrap().iter().filter_map(|(path, methods)| {
        let path = path.strip_prefix(prefix)?.strip_prefix('/')?;
        Some(methods.as_object().unwrap().iter().map(move |(method, told)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path: path.to_owned(),
            takes_body: told["requestBody"].is_object(),
            is_validated: told["responses"]["200"]["headers"]["ETag"].is_object(),
        }))
    });
    below.flatten().collect()
}

/// The path with something for each of its variable parts, once for each format where it ends in one.
fn filled(path: &str) -> Vec<String> {
    let tile = tile(3, 4);
    let tile: Vec<&str> = tile.split('/').collect();
    let values = [
        ("{tms}", "WebMercatorQuad"),
        ("{z}", tile[0]),
        ("{x}", tile[1]),
        ("{y}", tile[2]),
        ("{scale}", "2"),
        ("{width}", "60"),
        ("{height}", "30"),
        ("{minx}", "1"),
        ("{miny}", "-3"),
        ("{maxx}", "2.5"),
        ("{maxy}", "-2"),
        ("{lon}", "1.2345"),
        ("{lat}", "-2.3456"),
    ];
    let path = values.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
    let formats = ["png", "pngraw", "jpg", "jpeg", "webp", "tif", "tiff", "npy", "gif"];
    let filled: Vec<String> = match path.contains("{format}") {
        true => formats.iter().map(|format| path.replace("{format}", format)).collect(),
        false => vec![path],
    };
    assert!(!filled[0].contains('{'), "{}: this test has no value for a part of it", filled[0]);
    filled
}

/// What older dialects call the same.
fn with_older_names(path: &str) -> Vec<String> {
    let older = ["crop", "part"].into_iter();
    let named = older.filter_map(|older| {
        let rest = path.strip_prefix("bbox").or_else(|| path.strip_prefix("feature"))?;
        Some(format!("{older}{rest}"))
    });
    std::iter::once(path.to_owned()).chain(named).collect()
}

/// A feature that lies on no pixel's edge.
fn feature() -> Value {
    let ring = [[1.013, -1.017], [2.511, -1.222], [2.307, -2.618], [1.013, -1.017]];
    json!({ "type": "Feature", "properties": { "name": "a" }, "geometry": { "type": "Polygon", "coordinates": [ring] } })
}

/// The bodies that are sent: none to what takes none.
fn bodies(operation: &Operation) -> Vec<Option<Value>> {
    match operation.takes_body {
        true => vec![Some(feature()), Some(json!({ "type": "FeatureCollection", "features": [feature()] }))],
        false => vec![None],
    }
}

#[tokio::test]
async fn both_have_the_same_addresses() {
    let server = Server::start(&[]);
    let document = server.json("/openapi.json").await;
    let (by_url, by_scene) = (operations(&document, BY_URL), operations(&document, BY_SCENE));
    assert_eq!(by_url, by_scene);
    let has = |path: &str, method| by_url.iter().any(|one| one.path == path && one.method == method);
    assert!(has("statistics", Method::GET) && has("statistics", Method::POST) && has("stac", Method::GET));
}

/// Asks for everything both ways; `more` is what an address by url says of the file that the catalogue says of the
/// scene.
async fn differences(both: &Both, more: &str) -> (usize, Vec<String>) {
    let document = both.server.json("/openapi.json").await;
    let (mut asked, mut differences) = (0, Vec::new());
    for operation in operations(&document, BY_URL) {
        let paths = filled(&operation.path).into_iter().flat_map(|path| with_older_names(&path));
        let bodies = bodies(&operation);
        let queries = QUERIES.iter().flat_map(|query| bodies.iter().map(move |body| (*query, body.as_ref())));
        for (path, (query, body)) in paths.flat_map(|path| queries.clone().map(move |asked| (path.clone(), asked))) {
            // A parameter given twice means its last value, and a scene's own word counts only where the query has
            // none.
            let by_url = format!("{}{more}&{query}", both.url_query);
            let by_url = both.ask(&operation.method, BY_URL, &path, by_url.trim_end_matches('&'), body).await;
            let by_scene = both.ask(&operation.method, &both.below_scene, &path, query, body).await;
            asked += 1;
            if let Some(difference) = by_url.difference(&by_scene) {
                differences.push(format!("{} {path}?{query}{difference}", operation.method));
            }
        }
    }
    (asked, differences)
}

#[tokio::test]
async fn every_address_answers_alike() {
    let both = Both::start(None).await;
    let (asked, differences) = differences(&both, "").await;
    assert!(asked > 400, "{asked}");
    assert!(differences.is_empty(), "{} of {asked}:\n{}", differences.len(), differences.join("\n"));
}

#[tokio::test]
async fn what_the_catalogue_says_is_nodata_counts_at_every_address() {
    let both = Both::start(Some(200.0)).await;
    let (asked, mut differences) = differences(&both, "&nodata=200").await;
    // These tell what is known of the raster, of which a request's own nodata is no part, and links, which repeat the
    // query.
    let documents = [
        "info",
        "stac",
        "validate",
        "tilejson",
        "WMTSCapabilities",
        "tiles?",
        "tiles/WebMercatorQuad?",
        "viewer",
        "map.html",
    ];
    differences.retain(|line| !documents.iter().any(|document| line.split('\n').next().unwrap().contains(document)));
    assert!(differences.is_empty(), "{} of {asked}:\n{}", differences.len(), differences.join("\n"));
    for (document, place) in [
        ("info", "/nodata_value"),
        ("info.geojson", "/properties/nodata_value"),
        ("stac", "/assets/data/raster:bands/0/nodata"),
    ] {
        let told = both.server.json(&format!("{}/{document}", both.below_scene)).await;
        assert_eq!(told.pointer(place), Some(&json!(200.0)), "{document} {told}");
    }
}

#[tokio::test]
async fn what_has_an_etag_is_known_again_both_ways() {
    let both = Both::start(None).await;
    let document = both.server.json("/openapi.json").await;
    let got = operations(&document, BY_URL).into_iter().filter(|one| one.is_validated && one.method == Method::GET);
    let (mut known, mut differences) = (0, Vec::new());
    for path in got.flat_map(|operation| filled(&operation.path)).filter(|path| !path.ends_with(".gif")) {
        for address in [format!("{}/{path}", both.below_scene), format!("{BY_URL}/{path}?{}", both.url_query)] {
            let etag = both.server.get(&address).await.headers()["etag"].clone();
            let asked =
                both.server.client.get(format!("{}{address}", both.server.address)).header("if-none-match", &etag);
            let answer = asked.send().await.unwrap();
            known += 1;
            if answer.status() != 304 || answer.headers()["etag"] != etag {
                differences.push(format!("{address}: {}", answer.status()));
            }
        }
    }
    assert!(known > 60 && differences.is_empty(), "{} of {known}:\n{}", differences.len(), differences.join("\n"));
}
