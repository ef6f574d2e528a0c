//! What is asked for again at the same address is answered from memory, and never as it was before.

mod support;

use std::{path::Path, time::Duration};

use reqwest::{Response, StatusCode};
use support::{
    LIVENESS, Server, encoded,
    feed::Feed,
    origin::Origin,
    place,
    raster::{tiff, tile},
};

/// Asks until an answer comes from memory; the second one finds the tile, the third the way to it. A local file's way
/// is followed anew now and then, so it may take one more.
async fn recalled(server: &Server, path: &str) -> Response {
    let before = answers(server).await;
    for _ in 0..50 {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        if answers(server).await > before {
            return answer;
        }
    }
    panic!("{path} is never recalled");
}

async fn answers(server: &Server) -> u64 {
    server.json("/health").await["memory"]["caches"]["recall"]["answers"].as_u64().unwrap()
}

fn path(url: &str, more: &str) -> String {
    format!("/cog/tiles/WebMercatorQuad/{}.png?{more}url={}", tile(3, 3), encoded(url))
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_recalled_answer_is_the_one_that_was_found() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address]);
    let url = origin.put("a.tif", tiff(1));
    let preview = format!("/cog/preview.png?url={}", encoded(&url));
    for path in [path(&url, ""), path(&url, "rescale=0,900&"), preview] {
        let made = server.get(&path).await;
        let found = server.get(&path).await;
        let recalled = recalled(&server, &path).await;
        let head = |answer: &Response| {
            let lines = answer.headers().iter().filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
            lines.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>()
        };
        assert_eq!(head(&found), head(&recalled), "{path}");
        assert_ne!(found.headers()["x-request-id"], recalled.headers()["x-request-id"]);
        assert_eq!(made.bytes().await.unwrap(), recalled.bytes().await.unwrap(), "{path}");
    }
    let counts = server.json("/health").await["memory"]["caches"].clone();
    assert_eq!((&counts["recall"]["addresses"], &counts["tiles"]["misses"]), (&3.into(), &3.into()), "{counts}");
    assert_eq!((&counts["recall"]["answers"], &counts["tiles"]["hits"]), (&3.into(), &6.into()), "{counts}");
}

#[tokio::test]
async fn conditions_heads_and_ids_are_heeded_as_ever() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address]);
    let path = path(&origin.put("a.tif", tiff(1)), "");
    let etag = recalled(&server, &path).await.headers()["etag"].clone();
    let address = format!("{}{path}", server.address);
    let known = server.client.get(&address).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let head = server.client.head(&address).send().await.unwrap();
    assert!(head.headers()["content-length"] != "0" && head.bytes().await.unwrap().is_empty());
    let named = server.client.get(&address).header("x-request-id", "mine").send().await.unwrap();
    assert_eq!(named.headers()["x-request-id"], "mine");
    assert_eq!(server.client.post(&address).send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_local_file_that_was_replaced_rewritten_or_removed_is_not_recalled() {
    let folder = tempfile::tempdir().unwrap();
    let (file, next) = (folder.path().join("a.tif"), folder.path().join("next"));
    place(&file, &tiff(1));
    let server = Server::start(&["--allow", name(folder.path()), "--revalidate", "1h"]);
    let path = path(name(&file), "rescale=0,9000&");
    let first = recalled(&server, &path).await.headers()["etag"].clone();
    place(&next, &tiff(300));
    std::fs::rename(&next, &file).unwrap();
    let second = server.get(&path).await.headers()["etag"].clone();
    assert_ne!(first, second);
    assert_eq!(recalled(&server, &path).await.headers()["etag"], second);
    place(&file, &tiff(5000));
    assert_ne!(server.get(&path).await.headers()["etag"], second);
    recalled(&server, &path).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(server.problem(&path).await.0, 404);
}

#[tokio::test]
async fn a_file_behind_an_address_is_looked_at_again_in_time() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address, "--revalidate", "2s"]);
    let path = path(&origin.put("a.tif", tiff(1)), "rescale=0,9000&");
    let first = recalled(&server, &path).await.headers()["etag"].clone();
    origin.put("a.tif", tiff(300));
    let anew = async {
        while server.get(&path).await.headers()["etag"] == first {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIVENESS, anew).await.expect("the new version shows");
}

#[tokio::test]
async fn a_scene_is_recalled_as_long_as_it_is_shown() {
    let feed = Feed::start("e1").await;
    let server = Server::start(&["--indexer", &feed.origin.address]);
    feed.land("a", 1, 10);
    server.until("/scenes", |list| list["numberMatched"] == 1).await;
    let path = format!("/scenes/a/tiles/WebMercatorQuad/{}.png?rescale=0,9000", tile(1, 1));
    let raw = recalled(&server, &path).await.bytes().await.unwrap();
    feed.publish("a", 1, 700);
    server.until("/scenes/a", |scene| scene["properties"]["status"] == "published").await;
    assert_ne!(server.get(&path).await.bytes().await.unwrap(), raw);
    recalled(&server, &path).await;
    // A database begun anew knows nothing of it.
    feed.restart("e2");
    server.until("/scenes", |list| list["numberMatched"] == 0).await;
    assert_eq!(server.problem(&path).await.0, 404);
}
