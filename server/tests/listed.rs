//! Lists are kept until the catalogue moves: the same ones are made once, and never told as they were before.

mod support;

use aurora_catalog::{ChangeBody, JobState};
use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::Value;
use support::{
    Server,
    feed::{Feed, job},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PATHS: [&str; 10] = [
    "/scenes",
    "/scenes?limit=1",
    "/scenes/a",
    "/detections",
    "/stac/search",
    "/stac/collections/mbi/items",
    "/colorMaps/viridis",
    "/algorithms",
    "/tileMatrixSets/WebMercatorQuad",
    "/openapi.json",
];

async fn feed_and_server() -> (Feed, Server) {
    let feed = Feed::start("e1").await;
    feed.land("a", 1, 10);
    let server = Server::start(&["--indexer", &feed.origin.address]);
    server.until("/scenes", |list| list["numberMatched"] == 1).await;
    (feed, server)
}

async fn get(server: &Server, path: &str, head: &[(&'static str, &str)]) -> Response {
    let request = server.client.get(format!("{}{path}", server.address));
    head.iter().fold(request, |request, (name, text)| request.header(*name, *text)).send().await.unwrap()
}

fn etag(answer: &Response) -> String {
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

async fn kept(server: &Server) -> Value {
    server.json("/health").await["memory"]["caches"]["lists"].clone()
}

fn lines(head: &HeaderMap) -> Vec<(String, String)> {
    let lines = head.iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
    lines.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn what_was_made_for_one_is_told_to_all_and_to_nobody_who_has_it() {
    let (_feed, server) = feed_and_server().await;
    for path in PATHS {
        let before = kept(&server).await["hits"].as_u64().unwrap();
        let (first, second) = (get(&server, path, &[]).await, get(&server, path, &[]).await);
        assert_eq!((first.status(), lines(first.headers())), (StatusCode::OK, lines(second.headers())), "{path}");
        assert_eq!(first.headers()["cache-control"].to_str().ok().filter(|text| *text != "no-cache"), None, "{path}");
        assert!(kept(&server).await["hits"].as_u64().unwrap() > before, "{path}");
        let etag = etag(&first);
        assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap(), "{path}");
        for known in [etag.as_str(), "*", &format!("\"other\", W/{etag}")] {
            let answer = get(&server, path, &[("if-none-match", known)]).await;
            assert_eq!((answer.status(), self::etag(&answer)), (StatusCode::NOT_MODIFIED, etag.clone()), "{path}");
            assert!(answer.bytes().await.unwrap().is_empty());
        }
        assert_eq!(get(&server, path, &[("if-none-match", "\"other\"")]).await.status(), StatusCode::OK);
        let head = server.client.head(format!("{}{path}", server.address)).send().await.unwrap();
        assert!(head.headers()["etag"] == *etag && head.headers()["content-length"] != "0", "{path}");
    }
}

#[tokio::test]
async fn a_bar_is_not_kept_here_but_for_a_day_by_who_asked() {
    let (_feed, server) = feed_and_server().await;
    let path = "/colorMaps/viridis?f=png";
    let before = kept(&server).await["answers"].clone();
    let bar = get(&server, path, &[]).await;
    let known = get(&server, path, &[("if-none-match", &etag(&bar))]).await;
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(known.headers()["cache-control"], bar.headers()["cache-control"]);
    assert!(bar.headers()["cache-control"].to_str().unwrap().contains("max-age"));
    assert_eq!(kept(&server).await["answers"], before);
}

#[tokio::test]
async fn a_catalogue_that_moved_is_told_as_it_is() {
    let (feed, server) = feed_and_server().await;
    for revision in 2..20 {
        let before = get(&server, "/scenes/a", &[]).await;
        let list = get(&server, "/scenes", &[]).await;
        feed.publish("a", revision, 10);
        server.until("/scenes/a", |scene| scene["properties"]["revision"] == revision).await;
        let known = get(&server, "/scenes", &[("if-none-match", &etag(&list))]).await;
        assert_eq!(known.status(), StatusCode::OK, "revision {revision}");
        let told: Value = serde_json::from_slice(&known.bytes().await.unwrap()).unwrap();
        assert_eq!(told["features"][0]["properties"]["revision"], revision);
        assert_ne!(etag(&get(&server, "/scenes/a", &[]).await), etag(&before));
    }
    // What is not there is not remembered as missing.
    assert_eq!(server.problem("/scenes/b").await.0, 404);
    let missing = get(&server, "/scenes/b", &[("if-none-match", "*")]).await;
    assert!(missing.status() == StatusCode::NOT_FOUND && !missing.headers().contains_key("etag"));
    feed.land("b", 1, 10);
    server.until("/scenes", |list| list["numberMatched"] == 2).await;
    assert_eq!(get(&server, "/scenes/b", &[]).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_list_that_says_the_same_has_the_same_tag_whoever_makes_it() {
    let feed = Feed::start("e1").await;
    // Seen at one time, so only their ids order them.
    let name = |number: u8| format!("CSKS{number}_GEC_B_HR_00_VV_RA_FF_20230314085543_20230314085612");
    let ids: Vec<String> = (1..=4).map(name).collect();
    ids.iter().for_each(|id| feed.publish(id, 1, 10));
    let mut told = Vec::new();
    for _ in 0..4 {
        let server = Server::start(&["--indexer", &feed.origin.address]);
        server.until("/scenes", |list| list["numberMatched"] == 4).await;
        let host = [("host", "maps.example")];
        let (scenes, detections) = (get(&server, "/scenes", &host).await, get(&server, "/detections", &host).await);
        told.push([etag(&scenes), etag(&detections)]);
        server.stop().await;
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:?}");
    let server = Server::start(&["--indexer", &feed.origin.address]);
    server.until("/scenes", |list| list["numberMatched"] == 4).await;
    let before = get(&server, "/scenes", &[]).await;
    feed.tell(ChangeBody::Job { job: job("x", &ids[0], JobState::Running) });
    server.until("/jobs", |list| list["numberMatched"] == 1).await;
    let after = get(&server, "/scenes", &[("if-none-match", &etag(&before))]).await;
    assert_eq!(after.status(), StatusCode::NOT_MODIFIED, "only a job has moved");
}

#[tokio::test]
async fn each_encoding_and_each_address_of_the_server_has_its_own() {
    let (_feed, server) = feed_and_server().await;
    let mut seen = Vec::new();
    for (asked, told) in [("identity", None), ("gzip;q=0.1", Some("gzip")), ("zstd, br, gzip", Some("br"))] {
        let answer = get(&server, "/scenes", &[("accept-encoding", asked)]).await;
        let encoding = answer.headers().get("content-encoding").map(|name| name.to_str().unwrap().to_owned());
        assert_eq!(encoding.as_deref(), told, "{asked}");
        assert_eq!(answer.headers()["vary"], "accept-encoding", "{asked}");
        seen.push(etag(&answer));
        // One who does not take it cannot have it.
        for known in seen.iter().rev().skip(1) {
            let head = [("accept-encoding", asked), ("if-none-match", known.as_str())];
            assert_eq!(get(&server, "/scenes", &head).await.status(), StatusCode::OK, "{asked}");
        }
    }
    let elsewhere = get(&server, "/scenes", &[("host", "maps.example")]).await;
    assert!(!seen.contains(&etag(&elsewhere)));
    let told: Value = serde_json::from_slice(&elsewhere.bytes().await.unwrap()).unwrap();
    assert_eq!(told["features"][0]["links"][0]["href"], "http://maps.example/scenes/a");
}

#[tokio::test]
async fn who_names_no_host_is_told_so_only_where_there_are_links() {
    let (_feed, server) = feed_and_server().await;
    let status = async |path: &str| {
        let address = server.address.strip_prefix("http://").unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer[9..12]).into_owned()
    };
    for (path, told) in [("/detections", "200"), ("/jobs", "200"), ("/scenes", "400"), ("/stac", "400")] {
        assert_eq!(status(path).await, told, "{path}");
    }
}

#[tokio::test]
async fn many_different_lists_stay_within_their_part() {
    let (_feed, server) = feed_and_server().await;
    let part = server.json("/health").await["memory"]["parts"]["lists_bytes"].as_u64().unwrap();
    for number in 0..3000 {
        get(&server, &format!("/scenes?number={number}"), &[]).await;
    }
    let counts = kept(&server).await;
    let (answers, size_bytes) = (counts["answers"].as_u64().unwrap(), counts["size_bytes"].as_u64().unwrap());
    assert!(answers >= 8 && size_bytes <= part / 4 && size_bytes >= part / 8, "{counts} of {part}");
}
