//! What can be asked of one raster: its tiles, its pictures, and what its header and its values say.

use aurora_raster::encode::Format;
use axum::routing::{any, get, post};

use super::Routes;
use crate::{
    handlers::{info, item, map, pages, pictures, point, statistics, tile, tilejson, tilesets, validate, wmts},
    openapi::{
        Operation, Table,
        parameters::{self, Parameter},
    },
};

/// Problems of everything that reads a raster.
const READING: &[u16] = &[403, 404, 413, 415, 422, 500, 502, 503, 504];

/// What a tile's address may look like beside the router's pattern, which takes row, scale and extension as one part.
const TILE_PATHS: &[&str] = &[
    "/tiles/{tms}/{z}/{x}/{y}",
    "/tiles/{tms}/{z}/{x}/{y}.{format}",
    "/tiles/{tms}/{z}/{x}/{y}@{scale}x",
    "/tiles/{tms}/{z}/{x}/{y}@{scale}x.{format}",
];

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

/// The addresses of one raster below `prefix`, with these parameters beside those of each.
pub(super) fn table(prefix: &'static str, parameters: &[Parameter]) -> Table {
    tiles(prefix, parameters).merge(numbers(prefix, parameters)).merge(pictures(prefix, parameters)).tagged("raster")
}

/// One that answers in JSON of that schema, if the raster can be read.
fn document(summary: &'static str, schema: &'static str) -> Operation {
    Operation::json(summary, schema).validated().problems(READING)
}

/// Tiles, and what tells a map where they are.
fn tiles(prefix: &'static str, parameters: &[Parameter]) -> Table {
    let tile = Operation::media("A tile", PICTURES).validated().problems(READING).described_as(TILE_PATHS);
    let tile = tile
        .query(&[parameters::VALUES, parameters::STYLE, parameters::ALGORITHM, parameters::TILE])
        .query(&[parameters::FORMAT]);
    let of_tiles =
        &[parameters::TILE_FORMAT, parameters::TILE, parameters::VALUES, parameters::STYLE, parameters::ALGORITHM];
    let page = |summary| Operation::media(summary, &["text/html"]).query(of_tiles);
    let wmts = |summary| {
        let document = Operation::media(summary, &["application/xml"]).validated().problems(READING);
        document.query(of_tiles).query(&[parameters::WMTS])
    };
    Table::below(prefix, parameters)
        .get("/tiles/{tms}/{z}/{x}/{y}", tile::tile, tile)
        .get("/tiles", tilesets::list, document("The tile sets", "TileSetList"))
        .get("/tiles/{tms}", tilesets::one, document("One tile set", "TileSet").query(&[parameters::TILE_FORMAT]))
        .get("/{tms}/tilejson.json", tilejson::tilejson, document("Where the tiles are", "TileJson").query(of_tiles))
        .get("/{tms}/map.html", pages::viewer, page("A map of the raster"))
        .get("/viewer", pages::viewer, page("A map of the raster, in WebMercatorQuad"))
        .get("/WMTSCapabilities.xml", wmts::all, wmts("As a WMTS"))
        .get("/{tms}/WMTSCapabilities.xml", wmts::one, wmts("As a WMTS of one tile matrix set"))
}

/// What the header says, and the values at places and under features.
fn numbers(prefix: &'static str, parameters: &[Parameter]) -> Table {
    let feature = Operation::geojson("What the header says, on a map", "Feature").validated().problems(READING);
    let bounds = document("Where it lies, in degrees or another system", "BoundsOfRaster");
    let statistics = document("Numbers of each band", "Statistics").query(&[
        parameters::VALUES,
        parameters::ALGORITHM,
        parameters::SIZE,
        parameters::COUNTS,
    ]);
    let of_features = Operation::geojson("Numbers of what lies under features", "FeatureOrCollection")
        .problems(READING)
        .body("FeatureOrCollection")
        .query(&[parameters::SIZE, parameters::DST_CRS, parameters::COORD_CRS])
        .query(&[parameters::VALUES, parameters::ALGORITHM, parameters::COUNTS])
        .query(&[parameters::COVER]);
    let point = document("The values at a place", "Point")
        .query(&[parameters::VALUES, parameters::ALGORITHM, parameters::COORD_CRS])
        .described_as(&["/point/{lon},{lat}"]);
    let item = Operation::geojson("The raster as a STAC item", "StacItem").validated().problems(READING);
    Table::below(prefix, parameters)
        .get("/info", info::info, document("What the header says", "Info"))
        .get("/info.geojson", info::info_geojson, feature.query(&[parameters::BOUNDS_CRS]))
        .get("/bounds", info::bounds, bounds.query(&[parameters::BOUNDS_CRS]))
        .get("/statistics", statistics::statistics, statistics)
        .post("/statistics", statistics::of_features, of_features)
        .get("/point/{place}", point::point, point)
        .get(
            "/validate",
            validate::validate,
            document("Whether it is a COG", "Validation").query(&[parameters::STRICT]),
        )
        .get("/stac", item::item, item.query(&[parameters::ITEM]))
}

/// All of it or parts of it.
fn pictures(prefix: &'static str, parameters: &[Parameter]) -> Table {
    let as_map = Operation::media("All or a part of it, by OGC API – Maps", PICTURES).validated().problems(READING);
    let as_map = as_map.query(&[parameters::VALUES, parameters::STYLE, parameters::ALGORITHM, parameters::MAP]);
    let picture = |summary| {
        let picture = Operation::media(summary, PICTURES).validated().problems(READING);
        picture.query(&[parameters::VALUES, parameters::STYLE, parameters::ALGORITHM, parameters::FORMAT]).query(&[
            parameters::SIZE,
            parameters::DST_CRS,
            parameters::COORD_CRS,
        ])
    };
    let feature = picture("What lies under a feature").body("Feature");
    Table::below(prefix, parameters)
        .get("/preview", pictures::preview, picture("All of it"))
        .get("/map", map::map, as_map)
        .get("/preview/{size}", pictures::sized_preview, picture("All of it").described_as(PREVIEW_PATHS))
        .post("/feature", pictures::feature, feature.clone())
        .describe("get", "/preview.{format}", picture("All of it"))
        .describe("post", "/feature.{format}", feature.clone())
        .layered(|routes| by_extension(routes, prefix))
        .post("/feature/{size}", pictures::sized_feature, feature.described_as(FEATURE_PATHS))
        .get("/bbox/{bbox}", pictures::bbox, picture("A box of it").described_as(BOX_PATHS))
        .get("/bbox/{bbox}/{size}", pictures::sized_bbox, picture("A box of it").described_as(SIZED_BOX_PATHS))
        .layered(|routes| older_names(routes, prefix))
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;
    use crate::query::address;

    #[test]
    fn an_address_refuses_what_it_is_said_to_have_and_nothing_else() {
        let document = table("/cog", parameters::URL).document();
        // A resource has one list, whatever it is asked by.
        let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let operations = methods.as_object().unwrap().values();
            let parameters = operations.flat_map(|operation| operation["parameters"].as_array().unwrap());
            let named =
                parameters.filter(|parameter| parameter["in"] == "query").filter_map(|one| one["name"].as_str());
            told.entry(path).or_default().extend(named);
        }
        assert!(told.len() > 20 && document["paths"]["/cog/info"] != Value::Null);
        for (path, named) in told {
            let had: BTreeSet<&str> = address::all().filter(|parameter| address::has(path, parameter)).collect();
            let said: BTreeSet<&str> = address::all().filter(|parameter| named.contains(parameter)).collect();
            assert_eq!(had, said, "{path}");
        }
    }
}
