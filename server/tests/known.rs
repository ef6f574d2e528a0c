//! What a client has already is not sent again: by entity tag, by date.

mod support;

use std::time::{Duration, SystemTime};

use reqwest::{Method, Response, StatusCode};
use support::{
    Server, encoded,
    feed::Feed,
    origin::{Origin, written_at},
    raster::{tiff, tile},
};

async fn origin_and_server(flags: &[&str]) -> (Origin, Server) {
    let origin = Origin::start().await;
    let server = Server::start(&[&["--allow", &origin.address], flags].concat());
    (origin, server)
}

/// The path of a tile of `url`.
fn path(url: &str, tile: &str, more: &str) -> String {
    format!("/cog/tiles/WebMercatorQuad/{tile}{more}url={}", encoded(url))
}

fn modified(answer: &Response) -> &str {
    answer.headers()["last-modified"].to_str().unwrap()
}

/// An answer for one who has what was there at `date`.
async fn since(server: &Server, path: &str, date: &str) -> Response {
    let request = server.client.get(format!("{}{path}", server.address));
    request.header("if-modified-since", date).send().await.unwrap()
}

#[tokio::test]
async fn an_answer_at_hand_is_not_sent_again() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    let path = path(&url, &tile(1, 2), ".png?");
    let first = server.get(&path).await;
    let etag = first.headers()["etag"].clone();
    assert!(first.headers()["server-timing"].to_str().unwrap().contains("cache;desc=miss, "));
    let again =
        server.client.get(format!("{}{path}", server.address)).header("if-none-match", &etag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()["etag"], etag);
    let head = server.client.head(format!("{}{path}", server.address)).send().await.unwrap();
    assert_eq!(head.headers()["server-timing"], "cache;desc=hit");
    let other = server.get(&path.replace(".png?", ".png?rescale=0,5&")).await;
    assert_ne!(other.headers()["etag"], etag);
}

#[tokio::test]
async fn documents_about_a_raster_are_not_sent_again_either() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = encoded(&origin.put("a.tif", tiff(1)));
    let ask = async |path: &str, known: &str| {
        let request = server.client.get(format!("{}/cog/{path}?url={url}", server.address));
        request.header("if-none-match", known).send().await.unwrap()
    };
    for path in ["info", "info.geojson", "bounds", "WebMercatorQuad/tilejson.json", "point/1,-1", "statistics"] {
        let first = ask(path, "\"other\"").await;
        assert_eq!(first.status(), StatusCode::OK, "{path}");
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(ask(path, &etag).await.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(ask(path, "*").await.status(), StatusCode::NOT_MODIFIED, "{path}");
    }
    // Where there is nothing, `*` matches nothing.
    assert_eq!(ask("point/100,50", "*").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(ask("tiles/WebMercatorQuad/12/0/0.png", "*").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_answer_is_the_one_that_is_insisted_on_or_none() {
    let (origin, server) = origin_and_server(&[]).await;
    let url = origin.put("a.tif", tiff(1));
    let paths = ["info", "preview.png", "statistics", "stac", "WebMercatorQuad/tilejson.json", "point/1,-1"];
    let documents = paths.map(|path| format!("/cog/{path}?url={}", encoded(&url)));
    let (date, earlier) = (written_at(1), "Sun, 31 Dec 2023 23:59:59 GMT");
    // The tile again and again: the first time it is made, then it is at hand, then it is recalled before any route.
    let tile = path(&url, &tile(1, 1), ".png?");
    for path in documents.iter().chain([&tile, &tile, &tile]) {
        let etag = server.get(path).await.headers()["etag"].to_str().unwrap().to_owned();
        let (weak, listed) = (format!("W/{etag}"), format!("\"other\", {etag} ,\"third\""));
        for (conditions, status) in [
            (&[("if-match", etag.as_str())][..], 200),
            (&[("if-match", "*")], 200),
            (&[("if-match", &listed)], 200),
            (&[("if-match", "\"other\""), ("if-match", &etag)], 200),
            (&[("if-match", "\"other\"")], 412),
            (&[("if-match", &weak)], 412),
            (&[("if-unmodified-since", &date)], 200),
            (&[("if-unmodified-since", earlier)], 412),
            (&[("if-match", &etag), ("if-unmodified-since", earlier)], 200),
            (&[("if-match", "\"other\""), ("if-none-match", &etag)], 412),
            (&[("if-match", "*"), ("if-none-match", &etag)], 304),
            (&[("if-none-match", &listed)], 304),
            (&[("if-none-match", "\"other\""), ("if-none-match", &weak)], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "\"other\", \"third\"")], 200),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let request = server.client.request(method.clone(), format!("{}{path}", server.address));
                let request = conditions.iter().fold(request, |request, (name, value)| request.header(*name, *value));
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), status, "{method} {path} {conditions:?}");
                let is_problem =
                    answer.headers().get("content-type").is_some_and(|it| it == "application/problem+json");
                assert_eq!(is_problem, status == 412, "{method} {path} {conditions:?}");
            }
        }
    }
    let nowhere = format!("{}{}", server.address, path(&url, "12/0/0", ".png?"));
    assert_eq!(server.client.get(nowhere).header("if-match", "*").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_answer_is_as_old_as_the_origin_says_its_file_is() {
    let (origin, server) = origin_and_server(&["--revalidate", "0s"]).await;
    let url = origin.put("a.tif", tiff(1));
    let paths = ["info", "bounds", "preview.png", "statistics", "WebMercatorQuad/tilejson.json", "point/1,-1"];
    let documents = paths.map(|path| format!("/cog/{path}?url={}", encoded(&url)));
    let all: Vec<String> = documents.into_iter().chain([path(&url, &tile(1, 1), ".png?")]).collect();
    for path in &all {
        assert_eq!(modified(&server.get(path).await), written_at(1), "{path}");
        let known = since(&server, path, &written_at(1)).await;
        assert_eq!((known.status(), modified(&known)), (StatusCode::NOT_MODIFIED, &*written_at(1)), "{path}");
        assert_eq!(since(&server, path, "Sun, 31 Dec 2023 23:59:59 GMT").await.status(), StatusCode::OK, "{path}");
        // A tag that is not the answer's says more than the date.
        let tagged = server.client.get(format!("{}{path}", server.address)).header("if-none-match", "\"other\"");
        let tagged = tagged.header("if-modified-since", written_at(1)).send().await.unwrap();
        assert_eq!(tagged.status(), StatusCode::OK, "{path}");
    }
    // A date says nothing of what is not there.
    let nowhere = path(&url, "12/0/0", ".png?");
    assert_eq!(since(&server, &nowhere, &written_at(1)).await.status(), StatusCode::NOT_FOUND);
    origin.put("a.tif", tiff(2));
    for path in &all {
        let anew = since(&server, path, &written_at(1)).await;
        assert_eq!((anew.status(), modified(&anew)), (StatusCode::OK, &*written_at(2)), "{path}");
    }
}

#[tokio::test]
async fn an_answer_about_a_local_file_is_as_old_as_that_and_never_of_tomorrow() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tif");
    std::fs::write(&file, tiff(1)).unwrap();
    let server = Server::start(&["--allow", folder.path().to_str().unwrap()]);
    let path = path(file.to_str().unwrap(), &tile(1, 1), ".png?");
    let date = |at: SystemTime| std::fs::File::open(&file).unwrap().set_modified(at).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900);
    date(then);
    let first = server.get(&path).await;
    assert_eq!(modified(&first), httpdate::fmt_http_date(then));
    assert_eq!(since(&server, &path, modified(&first)).await.status(), StatusCode::NOT_MODIFIED);
    date(SystemTime::now() + Duration::from_secs(86_400));
    let later = since(&server, &path, modified(&first)).await;
    assert_eq!(later.status(), StatusCode::OK);
    assert!(httpdate::parse_http_date(modified(&later)).unwrap() <= SystemTime::now());
}

#[tokio::test]
async fn a_scene_is_as_old_as_its_file_or_as_what_the_catalogue_tells_of_it() {
    let feed = Feed::start("e1").await;
    let server = Server::start(&["--indexer", &feed.origin.address]);
    feed.land("a", 1, 10);
    server.until("/scenes", |list| list["numberMatched"] == 1).await;
    let path = format!("/scenes/a/tiles/WebMercatorQuad/{}.png", tile(1, 1));
    let raw = modified(&server.get(&path).await).to_owned();
    assert_eq!(raw, written_at(1));
    feed.publish("a", 2, 5000);
    let scene = server.until("/scenes/a", |scene| scene["properties"]["revision"] == 2).await;
    // The result's file says the same as the raw one's, but it has been shown only since it was published.
    let result = since(&server, &path, &raw).await;
    let published: jiff::Timestamp = scene["properties"]["published_at"].as_str().unwrap().parse().unwrap();
    assert_eq!((result.status(), modified(&result)), (StatusCode::OK, &*httpdate::fmt_http_date(published.into())));
}
