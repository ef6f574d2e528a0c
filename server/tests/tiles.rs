//! Tiles end to end over real sockets: what they show, how they are marked, and what happens when the origin fails.

mod support;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use reqwest::StatusCode;
use support::{
    LIVENESS, Server, encoded,
    origin::{Fault, Origin},
    raster::{self, npy, tiff, tiff_of_indices, tile},
};

async fn origin_and_server(flags: &[&str]) -> (Origin, Server) {
    let origin = Origin::start().await;
    let flags = [&["--allow", &origin.address], flags].concat();
    let server = Server::start(&flags);
    (origin, server)
}

/// The path of a tile of `url`.
fn path(url: &str, tile: &str, more: &str) -> String {
    format!("/cog/tiles/WebMercatorQuad/{tile}{more}url={}", encoded(url))
}

/// First and only value and its place, by `point`.
async fn point(server: &Server, url: &str, lon_deg: f64, lat_deg: f64) -> f64 {
    let answer = server.json(&format!("/cog/point/{lon_deg},{lat_deg}?url={}", encoded(url))).await;
    answer["values"][0].as_f64().unwrap()
}

#[tokio::test]
async fn values_are_those_of_the_file_near_and_far() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(100));
    for (lon, lat) in [(0.005, -0.005), (3.337, -4.128), (10.235, -10.235)] {
        assert_eq!(point(&server, &url, lon, lat).await, f64::from(raster::value_at(100, lon, lat)));
    }
    let bytes = server.get(&path(&url, &tile(3, 5), ".npy?")).await.bytes().await.unwrap();
    let (shape, values) = npy(&bytes);
    assert_eq!(shape, [2, 256, 256]);
    let (data, mask) = values.split_at(256 * 256);
    assert!(mask.iter().all(|&valid| valid == 255));
    // The middle of the tile's first pixel, by the definition of Web Mercator's tiles.
    let pixel_deg = 360.0 / f64::from(1 << raster::ZOOM) / 256.0;
    let lon = 3.0 * 256.0 * pixel_deg + pixel_deg / 2.0;
    let lat =
        |row: f64| (std::f64::consts::PI * (-(5.0 * 256.0 + row + 0.5) * pixel_deg / 180.0)).sinh().atan().to_degrees();
    assert_eq!(data[0], raster::value_at(100, lon, lat(0.0)));
    assert_eq!(data[200 * 256], raster::value_at(100, lon, lat(200.0)));
}

#[tokio::test]
async fn a_local_file_gives_the_same_bytes_as_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tif");
    std::fs::write(&file, tiff(7)).unwrap();
    let (origin, server) = origin_and_server(&["--allow", folder.path().to_str().unwrap()]).await;
    let url = origin.put("a.tif", tiff(7));
    for more in [".png?", ".npy?", "@2x.png?rescale=0,900&colormap_name=viridis&", "?resampling=bilinear&"] {
        let near = server.get(&path(file.to_str().unwrap(), &tile(1, 1), more)).await;
        let far = server.get(&path(&url, &tile(1, 1), more)).await;
        assert_eq!((near.status(), far.status()), (StatusCode::OK, StatusCode::OK), "{more}");
        assert_eq!(near.bytes().await.unwrap(), far.bytes().await.unwrap(), "{more}");
    }
}

#[tokio::test]
async fn pictures_have_the_size_and_format_asked_for() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    for (more, side, media_type) in [
        (".png?", 256, "image/png"),
        ("@2x.png?", 512, "image/png"),
        ("?tilesize=100&", 100, "image/jpeg"),
        (".jpg?", 256, "image/jpeg"),
        (".webp?quality=lossless&", 256, "image/webp"),
        (".pngraw?", 256, "image/png"),
        (".png?buffer=1.5&", 259, "image/png"),
        (".png?colormap_name=jet&color_formula=gamma+r+1.2&", 256, "image/png"),
    ] {
        let response = server.get(&path(&url, &tile(2, 2), more)).await;
        assert_eq!(response.headers()["content-type"], media_type, "{more}");
        let picture = image::load_from_memory(&response.bytes().await.unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (side, side), "{more}");
    }
}

/// As TiTiler shows them: few colours as those of a palette image, and many as what they are.
#[tokio::test]
async fn indices_of_sixteen_bits_have_the_colours_of_the_file() {
    let (origin, server) = origin_and_server(&[]).await;
    let classes = |index: u16| {
        let class = (index % 12) as u8;
        [20 * class, 255 - 20 * class, 7 * class]
    };
    let all = |index: u16| [index as u8, (index >> 8) as u8, 9];
    for (name, color, png_type) in [("classes.tif", classes as fn(u16) -> [u8; 3], 3), ("all.tif", all, 6)] {
        let url = origin.put(name, tiff_of_indices(30_000, color));
        let answer = server.get(&format!("/cog/preview/1024x1024.png?url={}", encoded(&url))).await;
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let bytes = answer.bytes().await.unwrap();
        assert_eq!(bytes[25], png_type, "{name}");
        let picture = image::load_from_memory(&bytes).unwrap().to_rgba8();
        for (col, row, pixel) in picture.enumerate_pixels() {
            let [red, green, blue] = color(raster::value(30_000, col, row));
            assert_eq!(pixel.0, [red, green, blue, 255], "{name} {col} {row}");
        }
        let tile = server.get(&path(&url, &tile(3, 5), ".jpg?")).await;
        assert_eq!(tile.status(), StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn values_can_be_made_of_values() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(50));
    let values = async |more: &str| {
        let response = server.get(&path(&url, &tile(3, 5), more)).await;
        assert_eq!(response.status(), StatusCode::OK, "{more}");
        response.bytes().await.unwrap()
    };
    let (_, plain) = npy(&values(".npy?").await);
    // The type stays 16 bits under a speckle filter, and the size that of the tile, whatever the filter looks at
    // beyond.
    let (shape, filtered) = npy(&values(".npy?algorithm=lee&").await);
    assert_eq!(shape, [2, 256, 256]);
    assert_ne!(plain[..256 * 256], filtered[..256 * 256]);
    let preview = server.get(&format!("/cog/preview/64x60.npy?algorithm=lee&url={}", encoded(&url))).await;
    assert_eq!(npy(&preview.bytes().await.unwrap()).0, [2, 60, 64]);
    let raw = values(".npy?expression=b1/2&").await;
    assert!(String::from_utf8_lossy(&raw[..128]).contains("'<f8'"), "a quotient is a 64-bit float");
    let last = raw.len() - 2 * 256 * 256 * 8;
    assert_eq!(f64::from_le_bytes(raw[last..last + 8].try_into().unwrap()), f64::from(plain[0]) / 2.0);
    let placed = server.get(&path(&url, &tile(3, 5), ".tif?")).await;
    assert_eq!(placed.headers()["content-type"], "image/tiff; application=geotiff");
    assert_eq!(placed.bytes().await.unwrap()[..4], *b"II\x2a\0");
    let refused = server.problem(&path(&url, &tile(3, 5), ".png?algorithm=normalizedIndex&")).await;
    assert_eq!(refused.0, 400);
    // What is made of a picture is bounded, too: here 16 numbers of 64 bits for each pixel.
    let outputs = ["b1*0.5"; 16].join(";");
    let preview =
        |side_px: u32| format!("/cog/preview/{side_px}x{side_px}.npy?expression={outputs}&url={}", encoded(&url));
    assert_eq!(server.get(&preview(256)).await.status(), StatusCode::OK);
    let refused = server.problem(&preview(2048)).await;
    assert!(refused.0 == 413 && format!("{refused:?}").contains("--picture-limit"), "{refused:?}");
}

#[tokio::test]
async fn the_stretch_is_the_whole_rasters_so_neighbours_match() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    let statistics = server.json(&format!("/cog/statistics?url={}", encoded(&url))).await;
    let (low, high) = (&statistics["b1"]["percentile_2"], &statistics["b1"]["percentile_98"]);
    let stretched = format!(".png?rescale={low},{high}&");
    for more in [".png?", ".png?rescale=auto&", ".png?rescale=p2,p98&"] {
        let automatic = server.get(&path(&url, &tile(4, 4), more)).await.bytes().await.unwrap();
        let explicit = server.get(&path(&url, &tile(4, 4), &stretched)).await.bytes().await.unwrap();
        assert_eq!(automatic, explicit, "{more}");
    }
}

#[tokio::test]
async fn outside_the_raster_there_is_no_tile_and_a_tile_half_outside_is_half_empty() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    assert_eq!(server.problem(&path(&url, "12/0/0", ".png?")).await.0, 404);
    assert_eq!(server.problem(&path(&url, "2/9/0", ".png?")).await.0, 404);
    let bytes = server.get(&path(&url, "3/4/4", ".npy?")).await.bytes().await.unwrap();
    let (_, values) = npy(&bytes);
    let valid = values[256 * 256..].iter().filter(|&&valid| valid == 255).count();
    assert!((1..256 * 256).contains(&valid), "{valid}");
}

#[tokio::test]
async fn whatever_is_asked_of_a_file_that_was_replaced_is_answered_from_its_new_version() {
    for path in ["point/0.005,-0.005", "statistics"] {
        let (origin, server) = origin_and_server(&["--revalidate", "1h"]).await;
        let url = origin.put("a.tif", tiff(1));
        server.json(&format!("/cog/info?url={}", encoded(&url))).await;
        origin.put("a.tif", tiff(5000));
        let answer = server.json(&format!("/cog/{path}?url={}", encoded(&url))).await;
        let value = answer["values"][0].as_f64().or(answer["b1"]["min"].as_f64());
        assert!(value.unwrap() > 5000.0, "{answer}");
    }
}

#[tokio::test]
async fn equal_requests_render_once() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    server.json(&format!("/cog/info?url={}", encoded(&url))).await;
    let before = origin.requests();
    let path = path(&url, &tile(6, 6), ".png?rescale=0,1000&");
    let answers = join_all((0..40).map(|_| server.get(&path))).await;
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::OK));
    // A tile of this zoom lies in few strips; each is read by one request at most.
    assert!(origin.requests() - before <= 4, "{}", origin.requests() - before);
    let counts = &server.json("/health").await["memory"]["caches"]["tiles"];
    assert_eq!(counts["misses"], 1, "{counts}");
}

#[tokio::test]
async fn a_file_replaced_under_a_render_shows_as_its_new_version_and_never_mixed() {
    let (origin, server) = origin_and_server(&["--revalidate", "1h"]).await;
    let url = origin.put("a.tif", tiff(1));
    assert_eq!(point(&server, &url, 0.005, -0.005).await, f64::from(raster::value(1, 0, 0)));
    origin.put("a.tif", tiff(5000));
    // Far enough from the first place that its block is yet to be read.
    let bytes = server.get(&path(&url, &tile(80, 80), ".npy?")).await.bytes().await.unwrap();
    let (_, values) = npy(&bytes);
    assert!(values[..256 * 256].iter().all(|&value| value > 5000));
}

#[tokio::test]
async fn a_file_replaced_between_two_reads_of_one_render_is_read_anew() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    // The first request opens it; the next, for pixels, finds the new version.
    origin.put_after(1, "a.tif", tiff(5000));
    let response = server.get(&path(&url, &tile(8, 8), ".npy?")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let (_, values) = npy(&response.bytes().await.unwrap());
    assert!(values[..256 * 256].iter().all(|&value| value > 5000));
}

/// Some of a larger tile's blocks are in the cache, from a smaller one, when the others are gone or of another version.
#[tokio::test]
async fn a_file_that_vanishes_or_changes_after_some_of_its_blocks_were_read_is_never_mixed() {
    let (origin, server) = origin_and_server(&["--revalidate", "1h"]).await;
    let (small, large) = (tile(8, 8), format!("{}/{}/{}", raster::ZOOM - 4, 128, 128));
    let opened = async |name: &str| {
        let url = origin.put(name, tiff(1));
        assert_eq!(server.get(&path(&url, &small, ".npy?")).await.status(), StatusCode::OK);
        url
    };
    for (name, status) in [("lost.tif", StatusCode::NOT_FOUND), ("gone.tif", StatusCode::GONE)] {
        let url = opened(name).await;
        origin.take_away(name, status);
        let (told, problem) = server.problem(&path(&url, &large, ".npy?")).await;
        assert_eq!(told, 404, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("file"), "{problem}");
        // What was read while it was there is still shown as that version, and nothing of the failure was kept.
        assert_eq!(server.get(&path(&url, &small, ".npy?")).await.status(), StatusCode::OK);
    }
    for (name, fault) in [("other.tif", Fault::None), ("unasked.tif", Fault::IgnoresConditions)] {
        let url = opened(name).await;
        origin.put(name, tiff(5000));
        origin.misbehave(fault);
        let response = server.get(&path(&url, &large, ".npy?")).await;
        origin.misbehave(Fault::None);
        assert_eq!(response.status(), StatusCode::OK, "{name}");
        let (_, values) = npy(&response.bytes().await.unwrap());
        let (values, mask) = values.split_at(256 * 256);
        let shown: Vec<_> = values.iter().zip(mask).filter(|(_, m)| **m != 0).map(|(value, _)| *value).collect();
        assert!(shown.len() > 1000 && shown.iter().all(|&value| value > 5000), "{name}: {} pixels", shown.len());
    }
}

#[tokio::test]
async fn a_new_version_shows_once_the_old_one_is_looked_at_again() {
    let (origin, server) = origin_and_server(&["--revalidate", "0s"]).await;
    let url = origin.put("a.tif", tiff(1));
    let old = server.get(&path(&url, &tile(1, 1), ".npy?")).await;
    origin.put("a.tif", tiff(300));
    let new = server.get(&path(&url, &tile(1, 1), ".npy?")).await;
    assert_ne!(old.headers()["etag"], new.headers()["etag"]);
    assert_ne!(old.bytes().await.unwrap(), new.bytes().await.unwrap());
}

#[tokio::test]
async fn cached_tiles_outlive_their_origin() {
    let (origin, server) = origin_and_server(&["--revalidate", "0s"]).await;
    let url = origin.put("a.tif", tiff(1));
    let path_at_hand = path(&url, &tile(1, 1), ".png?rescale=0,9&");
    assert_eq!(server.get(&path_at_hand).await.status(), StatusCode::OK);
    origin.misbehave(Fault::Fails);
    assert_eq!(server.get(&path_at_hand).await.status(), StatusCode::OK);
    let lost = server.get(&path(&url, &tile(80, 80), ".png?rescale=0,9&")).await;
    // Nobody knows when it may be asked again.
    assert_eq!((lost.status(), lost.headers().get("retry-after")), (StatusCode::BAD_GATEWAY, None));
    origin.misbehave(Fault::None);
    assert_eq!(server.get(&path(&url, &tile(80, 80), ".png?rescale=0,9&")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_origin_that_misbehaves_is_a_failure_and_never_an_empty_tile() {
    let (origin, server) = origin_and_server(&["--request-timeout", "500ms"]).await;
    let faults = [
        (Fault::IgnoresRanges, 415),
        (Fault::ShortBodies, 502),
        (Fault::Fails, 502),
        (Fault::Slow(Duration::from_secs(5)), 504),
        // Alive all the time, and yet too late.
        (Fault::Trickles, 504),
    ];
    for (number, (fault, expected)) in faults.into_iter().enumerate() {
        let unopened = origin.put(&format!("unopened{number}.tif"), tiff(1));
        let opened = origin.put(&format!("opened{number}.tif"), tiff(1));
        server.json(&format!("/cog/info?url={}", encoded(&opened))).await;
        origin.misbehave(fault);
        for url in [unopened, opened] {
            let path = path(&url, &tile(5, 5), ".png?rescale=0,9&");
            let (status, problem) = server.problem(&path).await;
            // That it is too slow may be noticed before the request's time is over.
            let timed_out = expected == 504 && status == 503;
            assert!(status == expected || timed_out, "{fault:?}: {status} {problem}");
            assert!(!problem["detail"].as_str().unwrap().contains("overloaded"), "{fault:?}: {problem}");
        }
        origin.misbehave(Fault::None);
    }
}

#[tokio::test]
async fn what_is_no_raster_is_refused_with_its_reason() {
    let (origin, server) = origin_and_server(&[]).await;
    let text = origin.put("a.txt", b"hello".to_vec());
    let empty = origin.put("empty.tif", Vec::new());
    for url in [text, empty] {
        assert_eq!(server.problem(&path(&url, &tile(1, 1), ".png?")).await.0, 415, "{url}");
    }
    let mut cut = tiff(1);
    cut.truncate(3000);
    let cut = origin.put("cut.tif", cut);
    assert_eq!(server.problem(&path(&cut, &tile(1, 1), ".png?")).await.0, 422);
    let missing = format!("{}/files/none.tif", origin.address);
    assert_eq!(server.problem(&path(&missing, &tile(1, 1), ".png?")).await.0, 404);
    let moved = format!("{}/files/moved/a.tif", origin.address);
    assert_eq!(server.problem(&path(&moved, &tile(1, 1), ".png?")).await.0, 403);
}

#[tokio::test]
async fn only_allowed_sources_are_read() {
    let origin = Origin::start().await;
    let url = origin.put("a.tif", tiff(1));
    let server = Server::start(&["--allow", &format!("{}/files/inner", origin.address)]);
    let other_schemes = ["ftp://a/b", "file:///etc/passwd", "s3://bucket/a.tif", "../a.tif", "nonsense"];
    let forbidden = [&[url.as_str(), "/etc/passwd", "http://169.254.169.254/latest/meta-data"], &other_schemes[..]];
    for url in forbidden.concat() {
        assert_eq!(server.problem(&path(url, &tile(1, 1), ".png?")).await.0, 403, "{url}");
    }
    assert_eq!(server.problem("/cog/info?url=").await.0, 400);
    assert_eq!(server.problem("/cog/info").await.0, 400);
    assert_eq!(origin.requests(), 0);
}

#[tokio::test]
async fn a_full_queue_sends_away_and_later_recovers() {
    let (origin, server) = origin_and_server(&["--threads", "1", "--queue-limit", "1"]).await;
    let url = origin.put("a.tif", tiff(1));
    server.json(&format!("/cog/info?url={}", encoded(&url))).await;
    origin.misbehave(Fault::Slow(Duration::from_millis(300)));
    let storm = (0..40).map(|number| {
        let path = path(&url, &tile(number % 20, 1 + number / 20), ".png?rescale=0,9&");
        let server = &server;
        async move { server.get(&path).await }
    });
    let answers = join_all(storm).await;
    let count = |status: StatusCode| answers.iter().filter(|answer| answer.status() == status).count();
    assert!(count(StatusCode::OK) >= 2, "some are served");
    assert!(count(StatusCode::SERVICE_UNAVAILABLE) >= 10, "most are sent away");
    let shed = answers.iter().filter(|answer| answer.status() == StatusCode::SERVICE_UNAVAILABLE);
    assert!(shed.into_iter().all(|answer| answer.headers().contains_key("retry-after")));
    assert_eq!(server.get("/livez").await.status(), StatusCode::OK);
    origin.misbehave(Fault::None);
    let path = path(&url, &tile(15, 15), ".png?rescale=0,9&");
    assert_eq!(server.get(&path).await.status(), StatusCode::OK);
    let queue = &server.json("/health").await["queue"];
    assert!(queue["shed"].as_u64().unwrap() >= 10 && queue["depth"] == 0, "{queue}");
}

#[tokio::test]
async fn work_of_requesters_who_have_gone_is_dropped() {
    let (origin, server) = origin_and_server(&["--threads", "1"]).await;
    let url = origin.put("a.tif", tiff(1));
    server.json(&format!("/cog/info?url={}", encoded(&url))).await;
    let tiles = |health: &serde_json::Value| health["memory"]["caches"]["tiles"].clone();
    origin.misbehave(Fault::Slow(LIVENESS));
    let impatient = server.client.get(format!("{}{}", server.address, path(&url, &tile(9, 9), ".png?rescale=0,9&")));
    let waiting = tokio::spawn(impatient.send());
    server.until("/health", |health| tiles(health)["in_flight"] == 1).await;
    waiting.abort();
    // The connection closes, and with it everything that was done for it.
    let health = server.until("/health", |health| tiles(health)["in_flight"] == 0).await;
    assert_eq!((&tiles(&health)["tiles"], &health["memory"]["in_flight_bytes"]), (&0.into(), &0.into()));
}

#[tokio::test]
async fn many_tiles_stay_within_the_memory() {
    let (origin, server) = origin_and_server(&["--memory", "64MiB"]).await;
    let url = origin.put("a.tif", tiff(1));
    let server = Arc::new(server);
    for row in 0..10 {
        let requests = (0..20).map(|col| {
            let path = path(&url, &tile(col, row), "@4x.npy?");
            let server = Arc::clone(&server);
            async move {
                let answer = server.get(&path).await;
                (answer.status(), answer.bytes().await.unwrap().len())
            }
        });
        let answers = join_all(requests).await;
        assert!(answers.iter().all(|(_, size)| *size > 4_000_000), "{answers:?}");
    }
    let health = server.json("/health").await;
    let (memory, parts) = (&health["memory"], &health["memory"]["parts"]);
    let bytes = |value: &serde_json::Value| value.as_u64().unwrap();
    assert!(bytes(&memory["caches"]["tiles"]["size_bytes"]) <= bytes(&parts["tiles_bytes"]));
    assert!(bytes(&memory["caches"]["blocks"]["size_bytes"]) <= bytes(&parts["blocks_bytes"]));
    assert!(bytes(&memory["caches"]["headers"]["size_bytes"]) <= bytes(&parts["headers_bytes"]));
    assert_eq!(memory["in_flight_bytes"], 0);
    assert_eq!(memory["caches"]["tiles"]["misses"], 200);
}

#[tokio::test]
async fn opening_takes_one_request_and_a_tile_one_more_round() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    server.json(&format!("/cog/info?url={}", encoded(&url))).await;
    assert_eq!(origin.requests(), 1);
    server.get(&path(&url, &tile(1, 1), ".png?rescale=0,9&")).await;
    assert_eq!(origin.requests(), 2);
}
