//! Documents about a raster, the STAC API and the OpenAPI document: what they hold, and that their links lead
//! somewhere.

mod support;

use std::time::Duration;

use aurora_catalog::ChangeBody;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use support::{
    LIVENESS, Server, encoded,
    feed::{Feed, scene},
    origin::Origin,
    raster::{gray_alpha_other, npy, tiff, tiff_of_different_floats, tiff_round_the_south_pole, value, value_at},
};

/// A server of one raster, and the query that names it.
async fn raster() -> (Origin, Server, String) {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address]);
    let query = format!("url={}", encoded(&origin.put("a.tif", tiff(1))));
    (origin, server, query)
}

async fn status(server: &Server, address: &str) -> StatusCode {
    server.client.get(address).send().await.unwrap().status()
}

/// The address of a document's link.
fn link<'a>(document: &'a Value, relation: &str) -> &'a str {
    let links = document["links"].as_array().unwrap();
    let found = links.iter().find(|link| link["rel"] == relation);
    found.unwrap_or_else(|| panic!("no {relation} in {document}"))["href"].as_str().unwrap()
}

/// Answers to addresses, one after the other, of which nobody takes more than a kilobyte, until one is shed.
async fn untaken_until_shed(server: &Server, address: impl Fn(usize) -> String) -> Vec<Response> {
    let client = Client::builder().no_proxy().http2_prior_knowledge().http2_initial_stream_window_size(1 << 10);
    let (client, mut untaken) = (client.build().unwrap(), Vec::new());
    loop {
        let response = client.get(server.address.clone() + &address(untaken.len())).send().await.unwrap();
        match response.status() {
            StatusCode::OK => untaken.push(response),
            status => break assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE),
        }
    }
    untaken
}

#[tokio::test]
async fn documents_that_nobody_takes_hold_a_part_of_the_memory_and_no_more() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address, "--memory", "32MiB"]);
    let query = format!("url={}", encoded(&origin.put("a.tif", tiff(1))));
    // Every link in it repeats what was asked.
    let of_raster = format!("/cog/tiles?{query}&long={}", "x".repeat(5000));
    for (address, least_kib) in [(of_raster.as_str(), 100), ("/openapi.json?", 200)] {
        let length_kib = server.get(address).await.bytes().await.unwrap().len() >> 10;
        assert!(length_kib > least_kib, "{length_kib} KiB");
        let untaken = untaken_until_shed(&server, |number| format!("{address}&number={number}"));
        let untaken = tokio::time::timeout(LIVENESS, untaken).await.expect("there is a bound");
        assert!((4 << 10..16 << 10).contains(&(untaken.len() * length_kib)), "{} of {length_kib} KiB", untaken.len());
        drop(untaken);
        let taken = async {
            while server.get(&format!("{address}&again")).await.status() != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LIVENESS, taken).await.expect("room for others when they have gone");
    }
}

#[tokio::test]
async fn tile_sets_lead_to_tiles_that_exist() {
    let (_origin, server, query) = raster().await;
    let list = server.json(&format!("/cog/tiles?{query}")).await;
    let first = list["tilesets"].as_array().unwrap().iter().find(|set| set["tileMatrixSetId"] == "WebMercatorQuad");
    let own = link(first.unwrap(), "self");
    let tileset: Value = server.client.get(own).send().await.unwrap().json().await.unwrap();
    assert_eq!(tileset["boundingBox"]["lowerLeft"], json!([0.0, -10.24]));
    for relation in ["http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme", "data"] {
        assert_eq!(status(&server, link(&tileset, relation)).await, StatusCode::OK, "{relation}");
    }
    for limits in tileset["tileMatrixSetLimits"].as_array().unwrap() {
        let (z, row, column) = (
            &limits["tileMatrix"].as_str().unwrap(),
            limits["minTileRow"].to_string(),
            limits["minTileCol"].to_string(),
        );
        let tile = link(&tileset, "tile").replace("{z}", z).replace("{x}", &column).replace("{y}", &row);
        assert_eq!(status(&server, &tile).await, StatusCode::OK, "{tile}");
        let above = tile.replace(&format!("/{column}/{row}?"), &format!("/{column}/0?"));
        assert!(*z == "5" || status(&server, &above).await == StatusCode::NOT_FOUND, "{above}");
    }
    let center = server.json(&format!("/cog/WebMercatorQuad/tilejson.json?{query}")).await["center"].clone();
    assert!(center[0].is_f64() && center[2].is_u64(), "{center}: a zoom stands in addresses");
    let narrowed = server.json(&format!("/cog/tiles/WebMercatorQuad?{query}&minzoom=6&maxzoom=6")).await;
    assert_eq!(narrowed["tileMatrixSetLimits"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn capabilities_link_to_where_they_are_asked_however_often() {
    let (_origin, server, query) = raster().await;
    let address = format!("{}/cog/WMTSCapabilities.xml?{query}", server.address);
    for host in ["first.example", "first.example", "first.example", "second.example"] {
        let asked = server.client.get(&address).header("host", host).send().await.unwrap();
        let timing = asked.headers()["server-timing"].to_str().unwrap().to_owned();
        assert!(timing.starts_with("cache;desc=") && !timing.ends_with([' ', ',']), "{timing}");
        let etag = asked.headers()["etag"].clone();
        let text = asked.text().await.unwrap();
        let own = format!("http://{host}/cog/");
        assert!(text.contains(&own) && text.matches(".example/cog/").count() == text.matches(&own).count(), "{host}");
        let known = server.client.get(&address).header("host", host).header("if-none-match", etag);
        assert_eq!(known.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn capabilities_name_a_layer_for_each_set_and_tiles_that_exist() {
    let (_origin, server, query) = raster().await;
    let address = format!("/cog/WMTSCapabilities.xml?{query}&rescale=0,1000&tile_format=npy");
    let response = server.get(&address).await;
    assert_eq!(response.headers()["content-type"], "application/xml");
    let text = response.text().await.unwrap();
    let layers = text.matches("<Layer>").count();
    let sets = server.json("/tileMatrixSets").await["tileMatrixSets"].as_array().unwrap().len();
    assert_eq!((layers, text.matches("<TileMatrixSet>\n      <ows:Identifier>").count()), (sets, sets), "{text}");
    let mut templates = text.split("template=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let template = templates.find(|template| template.contains("/WebMercatorQuad/")).unwrap();
    let tile = template.replace("&#38;", "&").replace("{TileMatrix}", "8");
    let tile = tile.replace("{TileCol}", "128").replace("{TileRow}", "128");
    assert_eq!(status(&server, &tile).await, StatusCode::OK, "{tile}");
    let one = server.get(&format!("/cog/WebMercatorQuad/WMTSCapabilities.xml?{query}&use_epsg=true")).await;
    let one = one.text().await.unwrap();
    assert!(one.matches("<Layer>").count() == 1 && one.contains("<ows:SupportedCRS>EPSG:3857<"), "{one}");
    assert_eq!(server.problem(&format!("/cog/None/WMTSCapabilities.xml?{query}")).await.0, 404);
    assert_eq!(server.problem(&format!("/cog/WMTSCapabilities.xml?{query}&tile_format=gif")).await.0, 400);
}

#[tokio::test]
async fn capabilities_are_narrowed_to_zooms_by_set() {
    let (_origin, server, query) = raster().await;
    let limits = async |zooms: &str| {
        let text = server.get(&format!("/cog/WMTSCapabilities.xml?{query}{zooms}")).await.text().await.unwrap();
        let layer = |set: &str| text.split("<Layer>").find(|layer| layer.contains(&format!(">{set}<"))).unwrap();
        ["WebMercatorQuad", "WorldCRS84Quad"].map(|set| layer(set).matches("<TileMatrixLimits>").count())
    };
    let by_itself = limits("").await;
    assert_eq!(limits("&zooms=WebMercatorQuad::0,4").await, [5, by_itself[1]]);
    assert_eq!(limits("&zooms=WebMercatorQuad::2,4&zooms=*::1,1").await, [3, 1]);
    for bad in ["WebMercatorQuad", "None::1,2", "*::2,1", "*::a,b"] {
        assert_eq!(server.problem(&format!("/cog/WMTSCapabilities.xml?{query}&zooms={bad}")).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_map_is_a_picture_that_says_where_it_lies() {
    let (_origin, server, query) = raster().await;
    let map = async |asked: &str| {
        let response = server.get(&format!("/cog/map?{query}{asked}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{asked}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        (header("content-type"), header("content-bbox"), header("content-crs"), response.bytes().await.unwrap())
    };
    let (media_type, bbox, crs, bytes) = map("").await;
    assert_eq!((media_type.as_str(), bbox.as_str()), ("image/png", "0,-10.24,10.24,0"));
    assert_eq!(crs, "<http://www.opengis.net/def/crs/EPSG/0/4326>");
    assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 1024);
    // Twice, so that the second comes from memory.
    for _ in 0..2 {
        let (media_type, bbox, _, bytes) = map("&bbox=1,-3,1.02,-2.98&f=npy").await;
        let (shape, values) = npy(&bytes);
        assert_eq!((media_type.as_str(), bbox.as_str()), ("application/x-binary", "1,-3,1.02,-2.98"));
        assert_eq!((shape, values[0]), (vec![2, 2, 2], value(1, 100, 298)));
    }
    let (_, bbox, crs, bytes) = map("&bbox=1,-3,0,2.5,-2,9&crs=EPSG:3857&width=30&height=20").await;
    assert!(bbox.starts_with("111319.49") && crs.contains("/3857"), "{bbox} {crs}");
    assert_eq!(image::load_from_memory(&bytes).unwrap().width(), 30);
    let metres = "&bbox=111319.49,-334111.17,278298.73,-222684.21&bbox-crs=EPSG:3857&width=30";
    assert!(map(metres).await.1.starts_with("0.99999"));
    for bad in ["bbox=1,2,3", "bbox=3,2,1,1", "crs=nowhere", "bbox-crs=nowhere", "f=gif", "width=-1"] {
        assert_eq!(server.problem(&format!("/cog/map?{query}&{bad}")).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_striped_file_is_no_cog_and_is_told_why() {
    let (_origin, server, query) = raster().await;
    let told = server.json(&format!("/cog/validate?{query}")).await;
    assert_eq!((&told["COG"], &told["Profile"]["Tiled"]), (&json!(false), &json!(false)));
    assert!(told["COG_errors"][0].as_str().unwrap().contains("not tiled"), "{told}");
    assert!(told["COG_warnings"][0].as_str().unwrap().contains("overviews"), "{told}");
    assert_eq!(
        told["IFD"],
        json!([{ "Level": 0, "Width": 1024, "Height": 1024, "Blocksize": [16, 1024], "Decimation": 0 }])
    );
    assert_eq!(told["GEO"]["CRS"], "EPSG:4326");
}

#[tokio::test]
async fn a_band_that_is_not_there_is_told_by_the_parameter_that_names_it() {
    let (_origin, server, query) = raster().await;
    for (parameter, value) in [("bidx", "9"), ("expression", "b9%2Bb1")] {
        for path in ["point/1,-1", "statistics", "preview.png"] {
            let (status, problem) = server.problem(&format!("/cog/{path}?{query}&{parameter}={value}")).await;
            assert!(status == 400 && problem["parameter"] == parameter, "{path}: {status} {problem}");
        }
    }
}

#[tokio::test]
async fn bands_keep_their_numbers_where_alpha_stands_between_them() {
    let (origin, server, _) = raster().await;
    let query = format!("url={}", encoded(&origin.put("b.tif", gray_alpha_other())));
    let point = server.json(&format!("/cog/point/1.5,-1.5?{query}")).await;
    assert_eq!((&point["values"], &point["band_names"]), (&json!([10.0, 30.0]), &json!(["b1", "b3"])));
    let statistics = server.json(&format!("/cog/statistics?{query}")).await;
    assert_eq!((&statistics["b1"]["max"], &statistics["b3"]["max"]), (&json!(10.0), &json!(30.0)));
    let alone = server.json(&format!("/cog/point/1.5,-1.5?{query}&bidx=3")).await;
    assert_eq!((&alone["values"], &alone["band_names"]), (&json!([30.0]), &json!(["b3"])));
}

#[tokio::test]
async fn what_is_true_may_be_spelt_as_clients_do_and_what_is_wrong_is_named_as_it_was_asked() {
    let (_origin, server, query) = raster().await;
    for path in [
        "validate?strict=True",
        "validate?strict=0",
        "stac?with_proj=1&with_eo=False",
        "WMTSCapabilities.xml?use_epsg=True",
    ] {
        assert_eq!(server.get(&format!("/cog/{path}&{query}")).await.status(), StatusCode::OK, "{path}");
    }
    for (path, parameter) in [
        ("validate?strict=perhaps", "strict"),
        ("WebMercatorQuad/tilejson.json?tile_format=gif", "tile_format"),
        ("WMTSCapabilities.xml?tile_format=gif", "tile_format"),
        ("WebMercatorQuad/tilejson.json?tile_scale=9", "tile_scale"),
        ("WebMercatorQuad/tilejson.json?minzoom=99", "minzoom"),
        ("WebMercatorQuad/tilejson.json?minzoom=9&maxzoom=3", "minzoom"),
        ("tiles/WebMercatorQuad/300/0/0?", "z"),
        ("tiles/WebMercatorQuad/3/-1/0?", "x"),
    ] {
        let (status, problem) = server.problem(&format!("/cog/{path}&{query}")).await;
        assert!(status == 400 && problem["parameter"] == parameter, "{path}: {status} {problem}");
    }
    for (zooms, ends) in [("minzoom=20", [20, 20]), ("maxzoom=2", [2, 2]), ("minzoom=6", [6, 7])] {
        let told = server.json(&format!("/cog/WebMercatorQuad/tilejson.json?{query}&{zooms}")).await;
        assert_eq!(json!([told["minzoom"], told["maxzoom"]]), json!(ends), "{zooms}");
    }
}

#[tokio::test]
async fn a_point_is_the_pixel_there_whatever_the_kernel() {
    let (_origin, server, query) = raster().await;
    for kernel in ["resampling=cubic", "reproject=bilinear"] {
        let point = server.json(&format!("/cog/point/1.2345,-2.3456?{query}&{kernel}")).await;
        assert_eq!(point["values"], json!([f64::from(value_at(1, 1.2345, -2.3456))]), "{kernel}");
    }
}

#[tokio::test]
async fn a_raster_is_a_stac_item() {
    let (_origin, server, query) = raster().await;
    let item = server.json(&format!("/cog/stac?{query}&datetime=2024-01-02T00:00:00Z&id=mine&collection=c")).await;
    assert_eq!((&item["id"], &item["collection"]), (&json!("mine"), &json!("c")));
    assert_eq!(link(&item, "collection"), "c");
    assert_eq!(item["properties"]["datetime"], "2024-01-02T00:00:00Z");
    let dated = server.json(&format!("/cog/stac?{query}&datetime=2024-01-02")).await;
    assert_eq!(dated["properties"]["datetime"], "2024-01-02T00:00:00Z");
    assert_eq!(item["properties"]["proj:shape"], json!([1024, 1024]));
    let band = &item["assets"]["data"]["raster:bands"][0];
    assert_eq!((&band["data_type"], &band["statistics"]["minimum"]), (&json!("uint16"), &json!(2.0)));
    let bare = server.json(&format!("/cog/stac?{query}&with_raster=false&with_proj=false&with_eo=false")).await;
    assert!(bare["assets"]["data"]["raster:bands"].is_null() && bare["stac_extensions"] == json!([]), "{bare}");
    assert!(bare["assets"]["data"]["href"].as_str().unwrap().ends_with("/files/a.tif"));
}

/// Its frame goes once round the globe, and what lies within has the pole at its other edge.
#[tokio::test]
async fn the_item_of_a_raster_round_a_pole_holds_the_pole() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address]);
    let url = encoded(&origin.put("pole.tif", tiff_round_the_south_pole(1, 5000.0)));
    let item = server.json(&format!("/cog/stac?url={url}&with_raster=false")).await;
    assert_eq!((&item["bbox"][0], &item["bbox"][1], &item["bbox"][2]), (&json!(-180.0), &json!(-90.0), &json!(180.0)));
    let geometry = &item["geometry"];
    let polygons = match geometry["type"].as_str() {
        Some("Polygon") => vec![geometry["coordinates"].clone()],
        _ => geometry["coordinates"].as_array().unwrap().clone(),
    };
    let mut area_deg2 = 0.0;
    for ring in polygons.iter().map(|polygon| polygon[0].as_array().unwrap()) {
        let ring: Vec<(f64, f64)> = ring.iter().map(|at| (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())).collect();
        assert!(ring.iter().all(|(lon, lat)| lon.abs() <= 180.0 && (-90.0..=-50.0).contains(lat)), "{geometry}");
        area_deg2 += ring.windows(2).map(|side| side[0].0 * side[1].1 - side[1].0 * side[0].1).sum::<f64>().abs() / 2.0;
    }
    // Its edges lie 23.4 degrees from the pole where they are nearest, and its corners 32.6.
    assert!((360.0 * 23.0..360.0 * 33.0).contains(&area_deg2), "{area_deg2} in {geometry}");
}

#[tokio::test]
async fn previews_and_boxes_show_what_was_asked_for_at_any_size() {
    let (_origin, server, query) = raster().await;
    for (path, side_px) in [
        ("preview", (1024, 1024)),
        ("preview.png?max_size=100", (100, 100)),
        ("preview/300x200.jpg", (300, 200)),
        ("preview?width=64", (64, 64)),
        // A side of 0 follows from the other, or from what else is asked for.
        ("preview/64x0.png", (64, 64)),
        ("preview/0x0.png?max_size=50", (50, 50)),
        ("preview?width=0&max_size=50", (50, 50)),
        ("preview?max_size=0", (1024, 1024)),
        ("bbox/1,-3,2.5,-2/0x20.png", (30, 20)),
        ("bbox/1,-3,2.5,-2.png?max_size=90", (90, 60)),
        ("bbox/1,-3,2.5,-2/30x20.webp", (30, 20)),
        ("crop/1,-3,2.5,-2.png", (150, 100)),
        ("crop/1,-3,2.5,-2/30x20.png", (30, 20)),
        ("part/1,-3,2.5,-2/7x9", (7, 9)),
        // A buffer is a tile's.
        ("part/1,-3,2.5,-2/7x9?buffer=2", (7, 9)),
    ] {
        let joined = if path.contains('?') { '&' } else { '?' };
        let response = server.get(&format!("/cog/{path}{joined}{query}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers().contains_key("etag"), "{path}");
        let picture = image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), side_px, "{path}");
    }
    let values = server.get(&format!("/cog/bbox/1,-3,1.02,-2.98.npy?{query}")).await.bytes().await.unwrap();
    let (shape, values) = npy(&values);
    assert_eq!((shape, values[0]), (vec![2, 2, 2], value(1, 100, 298)));
    for (path, expected) in [
        ("preview.gif", 400),
        ("preview/-1x5.png", 400),
        ("bbox/1,2,3.png", 400),
        ("bbox/50,50,51,51.png", 404),
        ("other.png", 404),
        ("preview/9999x1.png", 400),
    ] {
        assert_eq!(server.problem(&format!("/cog/{path}?{query}")).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn where_the_path_has_no_extension_the_query_names_the_format() {
    let (_origin, server, query) = raster().await;
    for path in [
        "tiles/WebMercatorQuad/9/256/256",
        "tiles/WebMercatorQuad/9/256/256@2x",
        "preview",
        "preview/9x9",
        "bbox/1,-3,2,-2",
    ] {
        for (format, media_type) in [("png", "image/png"), ("jpeg", "image/jpeg"), ("npy", "application/x-binary")] {
            let response = server.get(&format!("/cog/{path}?format={format}&{query}")).await;
            assert_eq!(response.headers()["content-type"], media_type, "{path}");
        }
        let named = server.get(&format!("/cog/{path}.webp?format=png&{query}")).await;
        assert_eq!(named.headers()["content-type"], "image/webp", "{path}: the path wins");
        assert_eq!(server.problem(&format!("/cog/{path}?format=gif&{query}")).await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn bounds_are_told_in_any_system() {
    let (_origin, server, query) = raster().await;
    let told = async |path: &str| server.json(&format!("/cog/{path}&{query}")).await;
    let degrees = told("bounds?crs=epsg:4326").await;
    assert_eq!(degrees["bounds"], json!([0.0, -10.24, 10.24, 0.0]));
    let metres = told("bounds?crs=EPSG:3857").await;
    let [west, south, east, north] = [0, 1, 2, 3].map(|at| metres["bounds"][at].as_f64().unwrap());
    // A degree of the equator is 111,319.49 m; 10.24 degrees south lie at 1,146,028.90.
    assert!(west.abs() < 0.01 && north.abs() < 0.01 && (east - 1_139_911.59).abs() < 0.01, "{metres}");
    assert!((south + 1_146_028.90).abs() < 0.01 && metres["crs"].as_str().unwrap().ends_with("/3857"), "{metres}");
    let feature = told("info.geojson?crs=EPSG:3857").await;
    assert_eq!((&feature["bbox"], &feature["properties"]["count"]), (&metres["bounds"], &json!(1)));
    assert_eq!(server.problem(&format!("/cog/bounds?crs=nowhere&{query}")).await.0, 400);
}

/// What has one ring.
fn polygon(ring: Value) -> Value {
    json!({ "type": "Feature", "properties": {}, "geometry": { "type": "Polygon", "coordinates": [ring] } })
}

/// A triangle over the raster's upper left corner, whose sides are `side` pixels.
fn triangle(side: f64) -> Value {
    let reach = side * 0.01;
    let ring = json!([[0, 0], [0, -reach], [reach, 0], [0, 0]]);
    let polygon = json!({ "type": "Polygon", "coordinates": [ring] });
    json!({ "type": "Feature", "properties": { "name": "n" }, "geometry": polygon })
}

#[tokio::test]
async fn a_feature_is_cut_out_along_its_outline() {
    let (_origin, server, query) = raster().await;
    let post = async |path: &str, body: Value| {
        let joined = if path.contains('?') { '&' } else { '?' };
        let address = format!("{}/cog/{path}{joined}{query}", server.address);
        server.client.post(address).json(&body).send().await.unwrap()
    };
    let bytes = post("feature.npy", triangle(8.0)).await.bytes().await.unwrap();
    let (shape, values) = npy(&bytes);
    assert_eq!(shape, [2, 8, 8]);
    let (data, mask) = values.split_at(64);
    assert!((0..64).all(|at| (mask[at] != 0) == (at % 8 + at / 8 < 8)), "{mask:?}");
    assert_eq!(data[9], value(1, 1, 1));
    for (path, media_type) in [
        ("feature/16x16.png", "image/png"),
        ("feature/16x16?format=webp", "image/webp"),
        ("crop/16x16.png", "image/png"),
        ("part/16x16.jpg", "image/jpeg"),
        ("crop?width=16&height=16&format=png", "image/png"),
        ("part.webp?max_size=16&width=16", "image/webp"),
    ] {
        let sized = post(path, triangle(8.0)).await;
        assert_eq!(
            (sized.status().as_u16(), sized.headers()["content-type"].to_str().unwrap()),
            (200, media_type),
            "{path}"
        );
        let picture = image::load_from_memory(&sized.bytes().await.unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (16, 16), "{path}");
    }
    for (path, body, expected) in [
        ("feature", json!({ "type": "Feature", "properties": {}, "geometry": null }), 400),
        (
            "feature",
            json!({ "type": "Feature", "properties": {}, "geometry": { "type": "Point", "coordinates": [1, 2] } }),
            400,
        ),
        ("feature", polygon(json!([[0, 0], [0.08, -0.08]])), 400),
        ("feature", polygon(json!([[0, 0], [0, -0.08], [0.08, 0]])), 400),
        ("feature", polygon(json!([[0, 0], [0, -0.08], [0.08, 0], [0.04, 0.04]])), 400),
        ("statistics", polygon(json!([[0, 0], [0.08, -0.08]])), 400),
        ("feature", json!({}), 400),
        ("feature.gif", triangle(8.0), 400),
        ("feature?format=gif", triangle(8.0), 400),
        ("crop/16x16.gif", triangle(8.0), 400),
        ("crop/1,2,3,4.png", triangle(8.0), 400),
        ("other.png", triangle(8.0), 404),
    ] {
        let response = post(path, body.clone()).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"].to_str().unwrap()[..19]),
            (expected, "application/problem"),
            "{path} {body}"
        );
    }
}

#[tokio::test]
async fn statistics_of_features_weigh_pixels_by_their_cover() {
    let (_origin, server, query) = raster().await;
    let post = async |body: Value| {
        server.client.post(format!("{}/cog/statistics?{query}", server.address)).json(&body).send().await.unwrap()
    };
    let feature: Value = post(triangle(8.0)).await.json().await.unwrap();
    assert_eq!(feature["properties"]["name"], "n");
    let numbers = &feature["properties"]["statistics"]["b1"];
    // Eight pixels on the diagonal are half covered, as far as a grid of ten by ten cells tells; 28 wholly.
    let count = numbers["count"].as_f64().unwrap();
    assert!((count - 32.0).abs() < 0.5 && numbers["valid_pixels"] == 36.0, "{numbers}");
    assert_eq!(numbers["valid_percent"], 100.0);
    let both: Value = post(json!({ "type": "FeatureCollection", "features": [triangle(8.0), triangle(20.0)] }))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(both["features"][0], feature);
    assert!(both["features"][1]["properties"]["statistics"]["b1"]["count"].as_f64().unwrap() > 190.0);
    // One beside the raster takes nothing from the others; alone it is told so.
    let mut beside = triangle(8.0);
    beside["geometry"]["coordinates"] = json!([[[40, 40], [40, 39], [41, 39], [40, 40]]]);
    let sent = json!({ "type": "FeatureCollection", "features": [beside.clone(), triangle(8.0)] });
    let answered: Value = post(sent).await.json().await.unwrap();
    let nothing = &answered["features"][0]["properties"]["statistics"]["b1"];
    assert_eq!(
        (&nothing["count"], &nothing["valid_percent"], &nothing["mean"]),
        (&json!(0.0), &json!(0.0), &Value::Null)
    );
    assert_eq!(answered["features"][1], feature);
    assert_eq!(post(beside).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(post(json!({ "type": "Point", "coordinates": [0, 0] })).await.status(), StatusCode::BAD_REQUEST);
}

/// Neither band has too many different values by itself.
#[tokio::test]
async fn what_is_counted_window_by_window_stays_within_its_part_of_the_memory() {
    let origin = Origin::start().await;
    let url = encoded(&origin.put("floats.tif", tiff_of_different_floats(2304, 20)));
    let path = format!("/cog/statistics?max_size=0&url={url}");
    let server = Server::start(&["--allow", &origin.address, "--memory", "32MiB"]);
    let (status, problem) = server.problem(&path).await;
    assert_eq!(status, 413);
    assert!(problem["detail"].as_str().unwrap().contains("different values"), "{problem}");
    let one = server.json(&format!("{path}&bidx=2")).await;
    assert_eq!((&one["b2"]["unique"], &one["b2"]["min"]), (&json!(46_080.0), &json!(-46_080.0)));
    assert_eq!(server.json("/health").await["memory"]["in_flight_bytes"], 0);
    // An overview has fewer of them.
    assert_eq!(server.get(&format!("/cog/statistics?max_size=1000&url={url}")).await.status(), StatusCode::OK);

    let server = Server::start(&["--allow", &origin.address, "--memory", "64MiB"]);
    let both = server.json(&path).await;
    assert_eq!((&both["b1"]["unique"], &both["b2"]["unique"]), (&json!(46_080.0), &json!(46_080.0)));
}

/// Small requests that would hold a render thread for long.
#[tokio::test]
async fn a_feature_of_many_long_edges_is_refused() {
    let (_origin, server, query) = raster().await;
    let zigzag = (0..19_998).map(|k| [f64::from(k) * 0.0005, f64::from(k % 2) * -10.0]);
    let ring: Vec<[f64; 2]> = zigzag.chain([[0.0, 0.0]]).collect();
    let feature = polygon(json!(ring));
    for (path, expected) in [
        ("statistics?width=2048&height=2048&cover_scale=20", 413),
        ("statistics?width=64&height=64&cover_scale=2", 200),
        ("feature/64x64.png", 200),
    ] {
        let join = if path.contains('?') { '&' } else { '?' };
        let address = format!("{}/cog/{path}{join}{query}", server.address);
        let answer = server.client.post(address).json(&feature).send().await.unwrap();
        let (status, text) = (answer.status(), String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned());
        assert_eq!(status, expected, "{path}: {text}");
        assert!(expected != 413 || text.contains("cover_scale"), "{text}");
    }
}

/// A catalogue of five raw scenes, one of which has a result with two detections.
async fn catalogue() -> (Feed, Server) {
    let feed = Feed::start("e1").await;
    let server = Server::start(&["--indexer", &feed.origin.address]);
    (0..4).for_each(|number| feed.tell(ChangeBody::Scene { scene: scene(&format!("s {number}"), 1) }));
    feed.land("a", 1, 1);
    feed.publish("a", 2, 2);
    server.until("/detections", |list| list["numberMatched"] == 2).await;
    server.until("/scenes/a", |scene| scene["properties"]["revision"] == 2).await;
    (feed, server)
}

fn ids(items: &Value) -> Vec<&str> {
    items["features"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_stac_api_can_be_walked_from_its_landing_page() {
    let (_feed, server) = catalogue().await;
    let get = async |address: &str| -> Value {
        server.client.get(address).send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
    };
    let landing = server.json("/stac").await;
    assert!(landing["conformsTo"].as_array().unwrap().contains(&json!("https://api.stacspec.org/v1.0.0/item-search")));
    for relation in ["self", "root", "conformance", "search", "service-desc", "child"] {
        get(link(&landing, relation)).await;
    }
    let collections = get(link(&landing, "data")).await;
    let mut counts = Vec::new();
    for collection in collections["collections"].as_array().unwrap() {
        assert_eq!(get(link(collection, "self")).await["id"], collection["id"]);
        let items = get(link(collection, "items")).await;
        counts.push(items["numberMatched"].as_u64().unwrap());
        for item in items["features"].as_array().unwrap() {
            assert_eq!(get(link(item, "self")).await["id"], item["id"]);
            assert_eq!(get(link(item, "collection")).await["id"], collection["id"]);
        }
    }
    assert_eq!(counts, [5, 1, 2]);
    let item = server.json("/stac/collections/mbi_light/items/a").await;
    assert!(item["assets"]["data"]["href"].as_str().unwrap().ends_with("/files/a.MBI_light.tif"));
    get(link(&item, "tilejson")).await;
    let detection = server.json("/stac/collections/detections/items/a.r2.1").await;
    assert_eq!(get(link(&detection, "derived_from")).await["id"], "a");
    for missing in ["none", "mbi/items/none", "mbi_light/items/s%200"] {
        assert_eq!(server.problem(&format!("/stac/collections/{missing}")).await.0, 404, "{missing}");
    }
}

#[tokio::test]
async fn a_search_is_narrowed_and_paged_by_get_and_by_post() {
    let (_feed, server) = catalogue().await;
    let post = async |body: Value| {
        server.client.post(format!("{}/stac/search", server.address)).json(&body).send().await.unwrap()
    };
    let everything = server.json("/stac/search?limit=100").await;
    assert_eq!(ids(&everything).len(), 8);
    let square = json!({ "type": "Polygon", "coordinates": [[[1, -1.2], [1.2, -1.2], [1.2, -1], [1, -1], [1, -1.2]]] });
    for (query, body, found) in [
        ("ids=a", json!({ "ids": ["a"] }), 2),
        ("collections=mbi,mbi_light", json!({ "collections": ["mbi", "mbi_light"] }), 6),
        ("bbox=50,50,51,51", json!({ "bbox": [50, 50, 51, 51] }), 0),
        (
            "collections=detections&bbox=0,-1.5,1.5,0",
            json!({ "collections": ["detections"], "bbox": [0, -1.5, 1.5, 0] }),
            2,
        ),
        ("datetime=../2000-01-01", json!({ "datetime": "../2000-01-01" }), 0),
        (&format!("intersects={}", encoded(&square.to_string())), json!({ "intersects": square }), 8),
    ] {
        let by_get = server.json(&format!("/stac/search?limit=100&{query}")).await;
        let by_post: Value = post(body).await.json().await.unwrap();
        assert_eq!((ids(&by_get).len(), ids(&by_get)), (found, ids(&by_post)), "{query}");
    }

    let mut walked = Vec::new();
    let mut page = server.json("/stac/search?limit=3").await;
    loop {
        walked.extend(ids(&page).into_iter().map(str::to_owned));
        if !page["links"].as_array().unwrap().iter().any(|link| link["rel"] == "next") {
            break;
        }
        page = server.client.get(link(&page, "next")).send().await.unwrap().json().await.unwrap();
    }
    assert_eq!(walked, ids(&everything));
    let first: Value =
        post(json!({ "limit": 5, "collections": ["mbi"], "ids": ["a", "s 1", "s 2"] })).await.json().await.unwrap();
    assert_eq!(ids(&first).len(), 3);
    let first: Value = post(json!({ "limit": 2, "collections": ["mbi"] })).await.json().await.unwrap();
    let next = first["links"].as_array().unwrap().iter().find(|link| link["rel"] == "next").unwrap();
    let second: Value = post(next["body"].clone()).await.json().await.unwrap();
    assert_eq!((ids(&second).len(), next["method"].as_str()), (2, Some("POST")));
    assert!(ids(&second).iter().all(|id| !ids(&first).contains(id)));

    for bad in [
        "limit=0",
        "bbox=1,2",
        "datetime=x",
        "intersects=x",
        "token=x",
        "bbox=0,0,1,1&intersects={\"type\":\"Point\",\"coordinates\":[0,0]}",
    ] {
        assert_eq!(server.problem(&format!("/stac/search?{bad}")).await.0, 400, "{bad}");
    }
    assert_eq!(post(json!({ "bbox": [1] })).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(post(json!([])).await.status(), StatusCode::BAD_REQUEST);
    let text = server.client.post(format!("{}/stac/search", server.address)).header("content-type", "text/plain");
    assert_eq!(text.body("{}").send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn what_features_carry_besides_comes_back_and_is_described_as_free() {
    let (_origin, server, query) = raster().await;
    let body = json!({ "type": "FeatureCollection", "features": [triangle(8.0)], "numberReturned": {}, "links": 5 });
    let address = format!("{}/cog/statistics?{query}", server.address);
    let answer: Value = server.client.post(address).json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["numberReturned"], &answer["links"]), (&json!({}), &json!(5)));
    assert!(answer["features"][0]["properties"]["statistics"]["b1"].is_object(), "{answer}");
    let document = server.json("/openapi.json").await;
    let schema = &document["components"]["schemas"]["FeatureOrCollection"]["oneOf"][1];
    assert!(schema["properties"].as_object().unwrap().keys().eq(["features", "type"]), "{schema}");
}

#[tokio::test]
async fn everything_served_is_described() {
    let server = Server::start(&[]);
    let document = server.json("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    for path in ["/cog/info", "/scenes/{scene_id}/info", "/stac/search", "/scenes", "/events", "/health"] {
        assert!(paths.contains_key(path), "{path}");
    }
    let mut ids = Vec::new();
    for (path, methods) in paths {
        for operation in methods.as_object().unwrap().values() {
            ids.push(operation["operationId"].as_str().unwrap());
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path");
            assert_eq!(in_path.count(), path.matches('{').count(), "{path}");
            let names: Vec<_> = parameters.iter().map(|parameter| (&parameter["in"], &parameter["name"])).collect();
            assert!(names.iter().all(|name| names.iter().filter(|other| *other == name).count() == 1), "{path}");
        }
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    // Every reference leads to a schema.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(document["components"]["schemas"][reference].is_object(), "{reference}");
    }
    assert!(server.get("/docs").await.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(server.get("/cog/viewer").await.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
}
