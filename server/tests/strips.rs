//! Pictures made in strips, because they are too large to be made in one piece beside others: the same bytes whatever
//! the strips, and no more memory than is granted.

mod support;

use std::{path::Path, process::Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::{
    LIVENESS, Server,
    cog::{Tables, cog},
    encoded,
    process::Process,
    raster::{tiff, tile},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Budgets by which pictures are made in strips of as many heights, and one by which they are made in one piece.
const MEMORIES: [&str; 3] = ["32MiB", "192MiB", "4GiB"];

/// What is made of values.
const WORKS: [&str; 12] = [
    "algorithm=lee",
    r#"algorithm=lee&algorithm_params={"window":15}"#,
    "algorithm=refined_lee",
    "algorithm=hillshade",
    r#"algorithm=hillshade&algorithm_params={"buffer":0}"#,
    "algorithm=slope",
    "algorithm=contours&algorithm_params={\"increment\":90}",
    "algorithm=terrarium",
    "expression=b1*2;b1/3;b1-7",
    "expression=b1;b1;b1;b1;b1;b1;b1;b1;b1;b1;b1;b1;b1;b1;b1;b1-(b1>500)",
    "expression=b1*0.5&colormap_name=viridis&resampling=bilinear",
    "expression=b1&colormap=[[[0,300],\"%23f00\"],[[400,900],\"%2300ff0080\"]]",
];

/// Each in every format, of the whole raster, of a part of it and of a tile.
fn pictures() -> Vec<String> {
    let mut paths = Vec::new();
    for (at, work) in WORKS.iter().enumerate() {
        // Sixteen bands are no picture's for a colormap's sake, but it takes the first three of them.
        let formats = ["png", "npy", "tif", "jpg", "webp"];
        for (other, format) in formats.into_iter().enumerate() {
            // Every work in two places for each format: all of them would take long.
            match (at + other) % 3 {
                0 => paths.push(format!("preview/1100x1000.{format}?{work}")),
                1 => paths.push(format!("bbox/-1,-9,9.5,0.5/1000x950.{format}?{work}&dst_crs=epsg:3857")),
                _ => paths.push(format!("tiles/WebMercatorQuad/5/16/16@2x.{format}?{work}&tilesize=500&buffer=2.5")),
            }
        }
    }
    paths
}

/// Blocks are read ahead of strips, and of nothing else that waits for them.
fn is_in_strips(answer: &reqwest::Response) -> bool {
    answer.headers()["server-timing"].to_str().unwrap().contains("ahead;")
}

fn servers(folder: &Path) -> Vec<Server> {
    let start =
        |memory| Server::start(&["--allow", folder.to_str().unwrap(), "--memory", memory, "--request-timeout", "60s"]);
    MEMORIES.map(start).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_in_strips_are_those_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    std::fs::write(&path, tiff(3)).unwrap();
    let (servers, url) = (servers(folder.path()), encoded(path.to_str().unwrap()));
    for path in pictures() {
        let (mut first, mut made) = (None, Vec::new());
        for server in &servers {
            let answer = server.get(&format!("/cog/{path}&url={url}&nodata=501")).await;
            made.push(is_in_strips(&answer));
            assert_eq!(answer.status(), StatusCode::OK, "{path}: {}", answer.text().await.unwrap());
            let bytes = answer.bytes().await.unwrap();
            assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "{path} differs");
        }
        assert_eq!((made[0], made[2]), (true, false), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn features_and_statistics_in_strips_are_those_in_one_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    std::fs::write(&path, tiff(3)).unwrap();
    let (servers, url) = (servers(folder.path()), encoded(path.to_str().unwrap()));
    let ring = [[1.0, -9.0], [9.0, -7.0], [6.0, -1.0], [1.0, -9.0]];
    let feature = json!({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}});
    for format in ["png", "npy", "tif", "jpg"] {
        let (mut first, mut made) = (None, Vec::new());
        for server in &servers {
            let path = format!("{}/cog/feature/1000x900.{format}?algorithm=lee&url={url}", server.address);
            let answer = server.client.post(&path).json(&feature).send().await.unwrap();
            made.push(is_in_strips(&answer));
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let bytes = answer.bytes().await.unwrap();
            assert!(first.get_or_insert_with(|| bytes.clone()) == &bytes, "{path} differs");
        }
        assert_eq!((made[0], made[2]), (true, false), "{format}");
    }
    let mut first: Option<Value> = None;
    for server in &servers {
        let told = server.json(&format!("/cog/statistics?algorithm=refined_lee&max_size=1024&url={url}")).await;
        assert_eq!(first.get_or_insert_with(|| told.clone()), &told);
    }
}

/// Features so large that they are counted in strips, one of them beside the raster: the other is counted as by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_features_are_counted_in_strips_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    std::fs::write(&path, tiff(3)).unwrap();
    let (servers, url) = (servers(folder.path()), encoded(path.to_str().unwrap()));
    let feature = |west: f64| {
        let ring = [[west, -9.0], [west + 9.0, -9.0], [west + 9.0, -1.0], [west, -1.0], [west, -9.0]];
        json!({"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    };
    let both = json!({"type": "FeatureCollection", "features": [feature(0.5), feature(100.0)]});
    let mut first: Option<Value> = None;
    for server in &servers {
        let path = format!("{}/cog/statistics?width=1400&height=1200&url={url}", server.address);
        let answer = server.client.post(&path).json(&both).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let told: Value = answer.json().await.unwrap();
        let counts = [0, 1].map(|at| told["features"][at]["properties"]["statistics"]["b1"]["count"].as_f64().unwrap());
        assert!(counts[0] > 100_000.0 && counts[1] == 0.0, "{counts:?}");
        assert_eq!(first.get_or_insert_with(|| told.clone()), &told);
    }
}

/// Kinds of picture, and what of them the picture's own limit grants: the file where it is as large as what it shows,
/// and what libwebp takes for each pixel.
const KINDS: [(&str, u64); 10] = [
    ("png?algorithm=lee", 0),
    ("png?algorithm=refined_lee", 0),
    ("jpg?algorithm=refined_lee", 0),
    ("tif?algorithm=refined_lee", 0),
    ("npy?algorithm=slope", 0),
    ("png?algorithm=hillshade", 0),
    ("png?algorithm=contours", 0),
    ("tif?expression=b1*0.5;b1/3.5;b1*2.5", 0),
    ("npy?expression=b1*0.5;b1/3.5;b1*2.5", 4 * 8 * (2048 * 2048)),
    ("webp?algorithm=lee", 20 * (2048 * 2048)),
];

/// Made in one piece, each of these would take 65 to 230 MiB beside what the program takes by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processed_pictures_stay_within_the_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    std::fs::write(&path, cog(4096, Tables::BehindEach, false)).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().timeout(LIVENESS).build().unwrap();
    let allow = folder.path().to_str().unwrap();
    let within = ["--memory", "64MiB", "--request-timeout", "60s"];
    let flags = [&["--listen", "127.0.0.1:0", "--allow", allow][..], &within].concat();
    for (kind, own_bytes) in KINDS {
        let (_process, address) = Process::start("", Stdio::null(), &flags);
        let peak = || async {
            let health: Value =
                client.get(format!("http://{address}/health")).send().await.unwrap().json().await.unwrap();
            health["memory"]["peak_rss"].as_u64().unwrap()
        };
        let idle = peak().await;
        let url = format!("http://{address}/cog/preview/2048x2048.{kind}&url={}", encoded(path.to_str().unwrap()));
        let answer = client.get(url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{kind}: {}", answer.text().await.unwrap());
        let length = answer.bytes().await.unwrap().len();
        let (held, granted) = (peak().await - idle, (64 << 20) + own_bytes);
        println!("{kind}: {length} bytes, {} KiB held beside {} KiB", held >> 10, idle >> 10);
        assert!(held <= granted, "{kind}: {held} bytes held, {granted} granted");
        // Less than what is shown of each pixel alone would be nothing.
        assert!(held >= 2048 * 2048, "{kind}: {held} bytes held");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_beyond_the_limit_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    std::fs::write(&path, tiff(3)).unwrap();
    let allow = folder.path().to_str().unwrap();
    let server = Server::start(&["--allow", allow, "--memory", "32MiB", "--picture-limit", "24MiB"]);
    let url = encoded(path.to_str().unwrap());
    let sixteen = vec!["b1*0.5"; 16].join(";");
    for (kind, refused) in [("npy", true), ("tif", true), ("png", false)] {
        let answer = server.get(&format!("/cog/preview.{kind}?expression={sixteen}&rescale=0,500&url={url}")).await;
        let (status, text) = (answer.status(), answer.bytes().await.unwrap());
        assert_eq!(status, if refused { 413 } else { 200 }, "{kind}");
        assert_eq!(String::from_utf8_lossy(&text).contains("--picture-limit"), refused, "{kind}");
    }
}

/// Asks for `path` on a connection of its own, and takes no more than the status of the answer.
async fn taken_slowly(server: &Server, path: &str) -> (TcpStream, String) {
    let host = server.address.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    let mut status = vec![0; 12];
    tokio::time::timeout(LIVENESS, stream.read_exact(&mut status)).await.expect("an answer").unwrap();
    (stream, String::from_utf8(status).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_picture_that_is_taken_slowly_keeps_nobody_from_tiles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tif");
    std::fs::write(&path, tiff(3)).unwrap();
    let flags = ["--allow", folder.path().to_str().unwrap(), "--memory", "64MiB", "--picture-limit", "200MiB"];
    let server = Server::start(&[&flags[..], &["--request-timeout", "12s"]].concat());
    let url = encoded(path.to_str().unwrap());
    let four = ["b1*0.5"; 4].join(";");
    // Four bands and a mask of 8 bytes each: 160 MiB.
    let huge = |side_px: u32| format!("/cog/preview/{side_px}x2048.npy?expression={four}&url={url}");
    let (slow, status) = taken_slowly(&server, &huge(2048)).await;
    assert_eq!(status, "HTTP/1.1 200");
    // Neither for tiles nor for what is looked at of all of the raster.
    for place in [tile(1, 1), tile(2, 2), tile(3, 3)] {
        let answer = server.get(&format!("/cog/tiles/WebMercatorQuad/{place}.png?url={url}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(server.get(&format!("/cog/statistics?url={url}")).await.status(), StatusCode::OK);
    // But together they are held to what is granted.
    assert_eq!(server.get(&huge(2047)).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.get(&format!("/cog/tiles/WebMercatorQuad/{}.png?url={url}", tile(4, 4))).await.status(), 200);
    drop(slow);
    let again = async { while server.get(&huge(2047)).await.status() != StatusCode::OK {} };
    tokio::time::timeout(LIVENESS, again).await.expect("there is room again");
}
