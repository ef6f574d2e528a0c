//! Every address of the server, in one table, and the layers around them. What the table says of an address is what
//! `/openapi.json` tells.

mod layers;
mod raster;

use std::sync::Arc;

use aurora_daemon::metrics as daemon_metrics;
use axum::{Router, http::header, middleware, response::IntoResponse, routing::get};
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{CompressionLevel, compression::CompressionLayer};

use crate::{
    app::App,
    assets,
    handlers::{colormap, detections, events, health, jobs, lists, pages, scenes, stac},
    listed,
    openapi::{Operation, Table, parameters},
};

type Routes = Router<Arc<App>>;

/// The server as clients see it.
pub(crate) fn all(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    // Lists are made anew whenever the catalogue moves: a quarter fewer bytes would take most of their time once more.
    let compressed = |routes: Routes| routes.layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    let kept = |routes: Routes| routes.route_layer(middleware::from_fn_with_state(Arc::clone(&app), listed::listed));
    let answered = Table::default()
        .merge(raster::table("/cog", parameters::URL))
        .merge(raster::table("/scenes/{scene_id}", parameters::REVISION))
        .merge(catalogue().merge(stac()).merge(lists()).layered(compressed).layered(kept).validated())
        .layered(|routes| {
            let deadline = middleware::from_fn_with_state(Arc::clone(&app), layers::deadline);
            routes.fallback(assets::asset).route_layer(deadline)
        });
    let table = answered.merge(events()).merge(operation(metrics));
    let document = Bytes::from(table.document().to_string());
    let described = Router::new().route("/openapi.json", get(move || openapi(document.clone())));
    let described = kept(compressed(described)).route("/docs", get(pages::docs));
    layers::around(table.router.merge(described), app)
}

/// Health and metrics alone.
pub(crate) fn admin(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    layers::around(operation(metrics).router.fallback(layers::not_found), app)
}

/// What the catalogue knows.
fn catalogue() -> Table {
    let features = |summary| Operation::geojson(summary, "FeatureCollection");
    let feature = |summary| Operation::geojson(summary, "Feature").problems(&[404]);
    Table::default()
        .get(
            "/scenes",
            scenes::list,
            features("Scenes, newest first").query(&[parameters::PLACE_AND_TIME, parameters::PAGE]),
        )
        .get("/scenes/{scene_id}", scenes::one, feature("One scene"))
        .get(
            "/detections",
            detections::list,
            features("What was found, newest scene first").problems(&[404]).query(&[
                parameters::PLACE_AND_TIME,
                parameters::DETECTIONS,
                parameters::LIMIT,
            ]),
        )
        .get("/detections/{id}", detections::one, feature("One detection"))
        .get(
            "/jobs",
            jobs::list,
            Operation::json("Inference jobs, the last moved first", "Jobs")
                .query(&[parameters::JOBS, parameters::LIMIT]),
        )
        .get("/jobs/{id}", jobs::one, Operation::json("One job", "Job").problems(&[404]))
        .problems(&[503])
        .tagged("catalogue")
}

/// The catalogue as a STAC API.
fn stac() -> Table {
    let json = |summary, schema| Operation::json(summary, schema);
    let search = &[parameters::PLACE_AND_TIME, parameters::SEARCH, parameters::PAGE];
    let items = |summary| Operation::geojson(summary, "StacItems");
    Table::default()
        .get("/stac", stac::landing, json("The landing page", "StacLanding"))
        .get("/stac/conformance", stac::conformance, json("What is implemented", "Conformance"))
        .get("/conformance", stac::conformance_of_all, json("What is implemented in all", "Conformance"))
        .get("/stac/collections", stac::collections, json("The collections", "StacCollections"))
        .get(
            "/stac/collections/{collection_id}",
            stac::one_collection,
            json("One collection", "StacCollection").problems(&[404]),
        )
        .get(
            "/stac/collections/{collection_id}/items",
            stac::items,
            items("Items of a collection").problems(&[404]).query(search),
        )
        .get(
            "/stac/collections/{collection_id}/items/{item_id}",
            stac::one_item,
            Operation::geojson("One item", "StacItem").problems(&[404]),
        )
        .get("/stac/search", stac::search, items("Items that match").query(search))
        .post("/stac/search", stac::search_by_post, items("Items that match").body("StacSearch"))
        .layered(|routes| routes.route("/stac/", get(stac::landing)))
        .problems(&[503])
        .tagged("stac")
}

/// What there is to choose from.
fn lists() -> Table {
    let one = |summary, schema| Operation::json(summary, schema).problems(&[404]);
    let bar = one("One colormap, or a bar of its colours", "ColorMap").query(&[parameters::BAR]);
    let bar = bar.or_media(&["image/png", "image/jpeg", "image/webp"]);
    Table::default()
        .get("/colorMaps", lists::colormaps, Operation::json("Colormaps", "Names"))
        .get("/colorMaps/{name}", colormap::colormap, bar)
        .get("/algorithms", lists::algorithms, Operation::json("Algorithms", "Algorithms"))
        .get("/algorithms/{id}", lists::algorithm, one("One algorithm", "Algorithm"))
        .get("/tileMatrixSets", lists::matrix_sets, Operation::json("Tile matrix sets", "Names"))
        .get("/tileMatrixSets/{id}", lists::one_matrix_set, one("One tile matrix set", "TileMatrixSet"))
        .tagged("lists")
}

/// The news, which no deadline ends.
fn events() -> Table {
    let operation = Operation::media("News of scenes, detections and jobs", &["text/event-stream"]);
    Table::default().get("/events", events::events, operation).tagged("catalogue")
}

/// For those who run it.
fn operation(metrics: Option<PrometheusHandle>) -> Table {
    let plain = |summary| Operation::media(summary, &["text/plain"]);
    let table = Table::default()
        .get("/livez", health::livez, plain("Whether it is alive"))
        .get("/healthz", health::healthz, Operation::json("Whether it is alive, as TiTiler says it", "Versions"))
        .get("/readyz", health::readyz, plain("Whether it can serve").problems(&[503]))
        .get("/health", health::health, Operation::json("How it is", "Health"))
        .tagged("operation");
    match metrics {
        Some(handle) => table.layered(|routes| routes.merge(daemon_metrics::routes(handle))),
        None => table,
    }
}

/// `/openapi.json`.
async fn openapi(document: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/vnd.oai.openapi+json;version=3.0")], document)
}
