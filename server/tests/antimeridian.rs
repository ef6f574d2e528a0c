//! A raster from 175° E to 174.76° W: whatever is asked of it lies in one piece, from whichever side it is asked.

mod support;

use aurora_catalog::ChangeBody;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{
    Server, encoded,
    feed::{Feed, scene},
    origin::Origin,
    raster::{PIXEL_DEG, SIDE_PX, npy, tiff_at, value},
};

const WEST_DEG: f64 = 175.0;

struct Across {
    _origin: Origin,
    server: Server,
    query: String,
}

impl Across {
    async fn open() -> Self {
        let origin = Origin::start().await;
        let server = Server::start(&["--allow", &origin.address]);
        let query = format!("url={}", encoded(&origin.put("a.tif", tiff_at(1, WEST_DEG))));
        Self { _origin: origin, server, query }
    }

    fn path(&self, path: &str) -> String {
        format!("/cog/{path}{}{}", if path.contains('?') { '&' } else { '?' }, self.query)
    }

    /// Shape and values, the mask band last.
    async fn values(&self, path: &str) -> (Vec<usize>, Vec<u16>) {
        let answer = self.server.get(&self.path(path)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        npy(&answer.bytes().await.unwrap())
    }

    async fn post(&self, path: &str, feature: &Value) -> (Vec<usize>, Vec<u16>) {
        let address = format!("{}{}", self.server.address, self.path(path));
        let answer = self.server.client.post(address).json(feature).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        npy(&answer.bytes().await.unwrap())
    }
}

/// The column of a longitude, counted on past 180.
fn column(lon_deg: f64) -> u32 {
    ((lon_deg - WEST_DEG) / PIXEL_DEG).round() as u32
}

/// The values of a box of the raster, row by row.
fn expected(west_deg: f64, north_deg: f64, width_px: u32, height_px: u32) -> Vec<u16> {
    let (col, row) = (column(west_deg), (-north_deg / PIXEL_DEG).round() as u32);
    (0..height_px).flat_map(|y| (0..width_px).map(move |x| value(1, col + x, row + y))).collect()
}

#[tokio::test]
async fn a_box_across_is_one_picture_however_it_is_written() {
    let across = Across::open().await;
    for written in ["179,-3,-179,-2", "179,-3,181,-2", "-181,-3,-179,-2"] {
        let (shape, values) = across.values(&format!("bbox/{written}.npy")).await;
        assert_eq!(shape, [2, 100, 200], "{written}");
        let (data, mask) = values.split_at(200 * 100);
        assert!(mask.iter().all(|&valid| valid == 255), "{written}");
        assert_eq!(data, expected(179.0, -2.0, 200, 100), "{written}");
    }
    // In metres as well, be they the box's own or the picture's.
    let (shape, values) = across.values("bbox/179,-3,-179,-2/64x32.npy?dst_crs=EPSG:3857").await;
    assert_eq!((shape, values.iter().filter(|&&value| value == 0).count()), (vec![2, 32, 64], 0));
    let metres = "bbox/19926188.85,-334111.17,-19926188.85,-222684.21/64x32.npy?coord_crs=EPSG:3857";
    assert_eq!(across.values(metres).await.1, values);
    for bad in ["179,-2,-179,-3", "179,-3,179,-2"] {
        assert_eq!(across.server.problem(&across.path(&format!("bbox/{bad}.png"))).await.0, 400, "{bad}");
    }
    // A plane does not go round.
    let plane = across.path("bbox/500000,-3,400000,-2.png?coord_crs=EPSG:32660");
    assert_eq!(across.server.problem(&plane).await.0, 400);
}

#[tokio::test]
async fn a_feature_cut_at_the_antimeridian_is_one_picture() {
    let across = Across::open().await;
    let ring = |west: f64, east: f64| json!([[[west, -3], [east, -3], [east, -2], [west, -2], [west, -3]]]);
    let feature = |kind: &str, coordinates: Value, bbox: Option<Value>| {
        let mut feature = json!({
            "type": "Feature", "properties": {}, "geometry": { "type": kind, "coordinates": coordinates },
        });
        bbox.into_iter().for_each(|bbox| feature["bbox"] = bbox);
        feature
    };
    let cut = feature("MultiPolygon", json!([ring(179.0, 180.0), ring(-180.0, -179.0)]), None);
    let run_on = feature("Polygon", ring(179.0, 181.0), None);
    let told = feature("Polygon", ring(179.0, -179.0), Some(json!([179, -3, -179, -2])));
    for feature in [cut, run_on, told] {
        let (shape, values) = across.post("feature.npy", &feature).await;
        assert_eq!(shape, [2, 100, 200], "{feature}");
        let (data, mask) = values.split_at(200 * 100);
        assert!(mask.iter().all(|&valid| valid == 255), "{feature}");
        assert_eq!(data, expected(179.0, -2.0, 200, 100), "{feature}");
    }
}

#[tokio::test]
async fn tiles_on_both_sides_show_it() {
    let across = Across::open().await;
    let valid = async |path: &str| {
        let (_, values) = across.values(path).await;
        values[values.len() / 2..].iter().filter(|&&valid| valid == 255).count()
    };
    // Of the whole world's 256 pixels, 7.3 lie across in either direction.
    assert!((42..=64).contains(&valid("tiles/WebMercatorQuad/0/0/0.npy").await));
    for (east, west) in [("2/3/2", "2/0/2"), ("5/31/16", "5/0/16"), ("9/511/258", "9/0/258")] {
        for tile in [east, west] {
            assert!(valid(&format!("tiles/WebMercatorQuad/{tile}.npy")).await > 0, "{tile}");
        }
    }
    // Where it fills a tile, it fills it on both sides.
    for tile in ["9/511/258", "9/0/258"] {
        assert_eq!(valid(&format!("tiles/WebMercatorQuad/{tile}.npy")).await, 256 * 256, "{tile}");
    }
    assert_eq!(across.server.problem(&across.path("tiles/WebMercatorQuad/5/16/16.png")).await.0, 404);
}

#[tokio::test]
async fn points_and_the_whole_are_found() {
    let across = Across::open().await;
    for (lon, counted_on) in [(179.995, 179.995), (-179.995, 180.005), (-175.005, 184.995), (184.995, 184.995)] {
        let answer = across.server.json(&across.path(&format!("point/{lon},-0.005"))).await;
        assert_eq!(answer["values"][0], f64::from(value(1, (counted_on - WEST_DEG).div_euclid(PIXEL_DEG) as u32, 0)));
    }
    let (shape, values) = across.values("preview.npy?max_size=512&dst_crs=EPSG:3857").await;
    assert!(shape[1] == 512 && shape[2] > 500, "{shape:?}");
    assert!(values.iter().filter(|&&value| value == 0).count() * 50 < values.len(), "{shape:?}");
    assert_eq!(across.values("preview.npy").await.0, [2, SIDE_PX as usize, SIDE_PX as usize]);
}

/// A scene of 61 km at 52° N in UTM zone 60, whose eastern half lies past the antimeridian.
fn utm_scene() -> Vec<u8> {
    let mut file = tiff_at(1, WEST_DEG);
    let doubles = |numbers: &[f64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    let words = |numbers: &[u16]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
    for (old, new) in [
        (doubles(&[PIXEL_DEG, PIXEL_DEG]), doubles(&[60.0, 60.0])),
        (doubles(&[WEST_DEG, 0.0, 0.0]), doubles(&[675_000.0, 5_800_000.0, 0.0])),
        (words(&[1024, 0, 1, 2]), words(&[1024, 0, 1, 1])),
        (words(&[2048, 0, 1, 4326]), words(&[3072, 0, 1, 32_660])),
    ] {
        let at = file.windows(old.len()).position(|part| part == old).unwrap();
        file[at..at + new.len()].copy_from_slice(&new);
    }
    file
}

#[tokio::test]
async fn a_catalogued_scene_is_shown_up_to_its_own_resolution() {
    let feed = Feed::start("e1").await;
    let server = Server::start(&["--indexer", &feed.origin.address]);
    let file = feed.origin.put("across.MBI.tif", utm_scene());
    feed.tell(ChangeBody::Scene { scene: scene("across", 1) });
    server.until("/scenes", |list| list["numberMatched"] == 1).await;
    let zooms = async |root: &str, query: &str| {
        let told = server.json(&format!("{root}/WebMercatorQuad/tilejson.json{query}")).await;
        let limits = server.json(&format!("{root}/tiles/WebMercatorQuad{query}")).await;
        let matrices = limits["tileMatrixSetLimits"].as_array().unwrap().len() as u64;
        let [min, max] = ["minzoom", "maxzoom"].map(|name| told[name].as_u64().unwrap());
        assert_eq!(matrices, max - min + 1, "{root}");
        (min, max)
    };
    // 60 m at 52° N are 97 m on the web map.
    assert_eq!(zooms("/scenes/across", "").await.1, 11);
    // By its address it is what rio-tiler says: as wide as the world.
    assert!(zooms("/cog", &format!("?url={}", encoded(&file))).await.1 < 5);
    for tile in ["10/1023/338", "10/0/338"] {
        let answer = server.get(&format!("/scenes/across/tiles/WebMercatorQuad/{tile}.npy")).await;
        let (_, values) = npy(&answer.bytes().await.unwrap());
        assert!(values[256 * 256..].contains(&255), "{tile}");
    }
}
