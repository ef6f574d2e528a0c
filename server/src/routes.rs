//! Every address of the server, in one table, and the layers around them. What the table says of an address is what
//! `/openapi.json` tells.

use std::{any::Any, sync::Arc, time::Duration};

use aurora_daemon::{metrics as daemon_metrics, problem::Problem};
use aurora_raster::encode::Format;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::{
    CompressionLevel,
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{Any as AnyOrigin, CorsLayer},
};

use crate::{
    app::App,
    assets,
    failure::Failure,
    handlers::{
        colormap, detections, events, health, info, item, jobs, lists, map, pages, pictures, point, scenes, stac,
        statistics, tile, tilejson, tilesets, validate, wmts,
    },
    listed, observe,
    openapi::{
        Operation, Table,
        parameters::{self, Parameter},
    },
};

type Routes = Router<Arc<App>>;

/// How long browsers remember that they may ask from other origins.
const CORS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Problems of everything that reads a raster.
const READING: &[u16] = &[403, 404, 413, 415, 422, 500, 502, 503, 504];

/// What a tile's address may look like beside the router's pattern, which takes row, scale and extension as one part.
const TILE_PATHS: &[&str] = &[
    "/tiles/{tms}/{z}/{x}/{y}",
    "/tiles/{tms}/{z}/{x}/{y}.{format}",
    "/tiles/{tms}/{z}/{x}/{y}@{scale}x",
    "/tiles/{tms}/{z}/{x}/{y}@{scale}x.{format}",
];

/// The server as clients see it.
pub(crate) fn all(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    // Lists are made anew whenever the catalogue moves: a quarter fewer bytes would take most of their time once more.
    let compressed = |routes: Routes| routes.layer(CompressionLayer::new().quality(CompressionLevel::Fastest));
    let kept = |routes: Routes| routes.route_layer(middleware::from_fn_with_state(Arc::clone(&app), listed::listed));
    let answered = Table::default()
        .merge(raster("/cog", parameters::URL))
        .merge(raster("/scenes/{scene_id}", parameters::REVISION))
        .merge(catalogue().merge(stac()).merge(lists()).layered(compressed).layered(kept).validated())
        .layered(|routes| {
            let deadline = middleware::from_fn_with_state(Arc::clone(&app), deadline);
            routes.fallback(assets::asset).route_layer(deadline)
        });
    let table = answered.merge(events()).merge(operation(metrics));
    let document = Bytes::from(table.document().to_string());
    let described = Router::new().route("/openapi.json", get(move || openapi(document.clone())));
    let described = kept(compressed(described)).route("/docs", get(pages::docs));
    layered(table.router.merge(described), app)
}

/// Health and metrics alone.
pub(crate) fn admin(app: Arc<App>, metrics: Option<PrometheusHandle>) -> Router {
    layered(operation(metrics).router.fallback(not_found), app)
}

/// What can be asked of one raster below `prefix`, by these parameters beside those of each address.
fn raster(prefix: &'static str, parameters: &[Parameter]) -> Table {
    let document = |summary, schema| Operation::json(summary, schema).validated().problems(READING);
    let xml = |summary| Operation::media(summary, &["application/xml"]).validated().problems(READING);
    let page = |summary| Operation::media(summary, &["text/html"]);
    let tile = Operation::media("A tile", PICTURES).validated().problems(READING).described_as(TILE_PATHS);
    let tile = tile
        .query(&[parameters::VALUES, parameters::STYLE, parameters::ALGORITHM, parameters::TILE])
        .query(&[parameters::FORMAT]);
    let of_tiles =
        &[parameters::TILE_FORMAT, parameters::TILE, parameters::VALUES, parameters::STYLE, parameters::ALGORITHM];
    let item = Operation::geojson("The raster as a STAC item", "StacItem").validated().problems(READING);
    let feature = Operation::geojson("What the header says, on a map", "Feature").validated().problems(READING);
    let on_plane = &[parameters::SIZE, parameters::DST_CRS, parameters::COORD_CRS];
    let picture = |summary| {
        let picture = Operation::media(summary, PICTURES).validated().problems(READING);
        picture
            .query(&[parameters::VALUES, parameters::STYLE, parameters::ALGORITHM, parameters::FORMAT])
            .query(on_plane)
    };
    let as_map = Operation::media("All or a part of it, by OGC API – Maps", PICTURES).validated().problems(READING);
    let as_map = as_map.query(&[parameters::VALUES, parameters::STYLE, parameters::ALGORITHM, parameters::MAP]);
    let feature_picture = picture("What lies under a feature").body("Feature");
    let of_features = Operation::geojson("Numbers of what lies under features", "FeatureOrCollection");
    let of_features = of_features.problems(READING).body("FeatureOrCollection").query(on_plane);
    let of_features = of_features.query(&[parameters::VALUES, parameters::ALGORITHM, parameters::COUNTS]);
    let of_features = of_features.query(&[parameters::COVER]);
    Table::below(prefix, parameters)
        .get("/tiles/{tms}/{z}/{x}/{y}", tile::tile, tile)
        .get("/tiles", tilesets::list, document("The tile sets", "TileSetList"))
        .get("/tiles/{tms}", tilesets::one, document("One tile set", "TileSet").query(&[parameters::TILE_FORMAT]))
        .get("/{tms}/tilejson.json", tilejson::tilejson, document("Where the tiles are", "TileJson").query(of_tiles))
        .get("/{tms}/map.html", pages::viewer, page("A map of the raster"))
        .get("/viewer", pages::viewer, page("A map of the raster, in WebMercatorQuad"))
        .get("/WMTSCapabilities.xml", wmts::all, xml("As a WMTS").query(of_tiles).query(&[parameters::WMTS]))
        .get(
            "/{tms}/WMTSCapabilities.xml",
            wmts::one,
            xml("As a WMTS of one tile matrix set").query(of_tiles).query(&[parameters::WMTS]),
        )
        .get("/info", info::info, document("What the header says", "Info"))
        .get("/info.geojson", info::info_geojson, feature.query(&[parameters::BOUNDS_CRS]))
        .get(
            "/bounds",
            info::bounds,
            document("Where it lies, in degrees or another system", "BoundsOfRaster").query(&[parameters::BOUNDS_CRS]),
        )
        .get(
            "/statistics",
            statistics::statistics,
            document("Numbers of each band", "Statistics").query(&[
                parameters::VALUES,
                parameters::ALGORITHM,
                parameters::SIZE,
                parameters::COUNTS,
            ]),
        )
        .post("/statistics", statistics::of_features, of_features)
        .get("/preview", pictures::preview, picture("All of it"))
        .get("/map", map::map, as_map)
        .get("/preview/{size}", pictures::sized_preview, picture("All of it").described_as(PREVIEW_PATHS))
        .post("/feature", pictures::feature, feature_picture.clone())
        .describe("get", "/preview.{format}", picture("All of it"))
        .describe("post", "/feature.{format}", feature_picture.clone())
        .layered(|routes| by_extension(routes, prefix))
        .post("/feature/{size}", pictures::sized_feature, feature_picture.described_as(FEATURE_PATHS))
        .get("/bbox/{bbox}", pictures::bbox, picture("A box of it").described_as(BOX_PATHS))
        .get("/bbox/{bbox}/{size}", pictures::sized_bbox, picture("A box of it").described_as(SIZED_BOX_PATHS))
        .layered(|routes| older_names(routes, prefix))
        .get(
            "/point/{place}",
            point::point,
            document("The values at a place", "Point")
                .query(&[parameters::VALUES, parameters::COORD_CRS])
                .described_as(&["/point/{lon},{lat}"]),
        )
        .get(
            "/validate",
            validate::validate,
            document("Whether it is a COG", "Validation").query(&[parameters::STRICT]),
        )
        .get("/stac", item::item, item.query(&[parameters::ITEM]))
        .tagged("raster")
}

/// Pictures whose extension stands in the last part of the path, of which the router knows only whole ones.
fn by_extension(routes: Routes, prefix: &str) -> Routes {
    let routes = routes.route(&format!("{prefix}/{{resource}}"), any(pictures::unknown));
    Format::extensions().fold(routes, |routes, extension| {
        routes
            .route(&format!("{prefix}/preview.{extension}"), get(pictures::named_preview))
            .route(&format!("{prefix}/feature.{extension}"), post(pictures::named_feature))
            .route(&format!("{prefix}/crop.{extension}"), post(pictures::named_feature))
            .route(&format!("{prefix}/part.{extension}"), post(pictures::named_feature))
    })
}

/// What older dialects call boxes and features.
fn older_names(routes: Routes, prefix: &str) -> Routes {
    ["/crop", "/part"]
        .into_iter()
        .fold(routes, |routes, name| {
            // Of a box by GET, of a feature in a size by POST.
            routes
                .route(&format!("{prefix}{name}/{{part}}"), get(pictures::bbox).post(pictures::sized_feature))
                .route(&format!("{prefix}{name}/{{part}}/{{size}}"), get(pictures::sized_bbox))
        })
        .route(&format!("{prefix}/crop"), post(pictures::feature))
        .route(&format!("{prefix}/part"), post(pictures::feature))
}

const PREVIEW_PATHS: &[&str] = &["/preview/{width}x{height}", "/preview/{width}x{height}.{format}"];

const FEATURE_PATHS: &[&str] = &["/feature/{width}x{height}", "/feature/{width}x{height}.{format}"];

const BOX_PATHS: &[&str] = &["/bbox/{minx},{miny},{maxx},{maxy}", "/bbox/{minx},{miny},{maxx},{maxy}.{format}"];

const SIZED_BOX_PATHS: &[&str] = &[
    "/bbox/{minx},{miny},{maxx},{maxy}/{width}x{height}",
    "/bbox/{minx},{miny},{maxx},{maxy}/{width}x{height}.{format}",
];

/// Media types of pictures and values.
const PICTURES: &[&str] =
    &["image/png", "image/jpeg", "image/webp", "image/tiff; application=geotiff", "application/x-binary"];

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

fn layered(routes: Routes, app: Arc<App>) -> Router {
    routes
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors())
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}

/// Headers that pages of other origins may send. `*` would leave out `Authorization` (Fetch standard).
const ALLOWED_HEADERS: [HeaderName; 12] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::RANGE,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-request-id"),
];

/// Headers of answers that such pages may read, beside those that all may.
const EXPOSED_HEADERS: [HeaderName; 6] = [
    header::ETAG,
    header::RETRY_AFTER,
    HeaderName::from_static("content-bbox"),
    HeaderName::from_static("content-crs"),
    HeaderName::from_static("server-timing"),
    HeaderName::from_static("x-request-id"),
];

/// Anybody may read from anywhere, be it by `POST`; there is nothing to write.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AnyOrigin)
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers(ALLOWED_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        .max_age(CORS_MAX_AGE)
}

/// Answers 504 when the request's time is over; what was under way for it alone is dropped.
async fn deadline(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(app.settings.request_timeout.0, next.run(request)).await;
    answer.unwrap_or_else(|_| Failure::Deadline.into_response())
}

async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(uri.path())
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::client(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::server(StatusCode::INTERNAL_SERVER_ERROR, text.unwrap_or("a handler panicked")).into_response()
}
