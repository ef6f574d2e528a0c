//! Where bytes come from: files that are replaced, more files than descriptors, origins that hang.

mod support;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, Uri},
};
use futures_util::future::join_all;
use reqwest::StatusCode;
use support::{
    LIVENESS, Server, encoded,
    origin::{Fault, Origin, STEADY_TIME},
    place,
    raster::{tiff, tile},
};

/// The path of a tile of `url` that needs no statistics.
fn path(url: &str, tile: &str) -> String {
    format!("/cog/tiles/WebMercatorQuad/{tile}.png?rescale=0,1000&url={}", encoded(url))
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_local_file_that_is_replaced_shows_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (file, next) = (folder.path().join("a.tif"), folder.path().join("next"));
    std::fs::write(&file, tiff(1)).unwrap();
    let server = Server::start(&["--allow", name(folder.path()), "--revalidate", "1h"]);
    let old = server.get(&path(name(&file), &tile(3, 3))).await;
    assert_eq!((old.status(), old.headers()["cache-control"].as_bytes()), (StatusCode::OK, &b"public, no-cache"[..]));
    std::fs::write(&next, tiff(300)).unwrap();
    std::fs::rename(&next, &file).unwrap();
    let new = server.get(&path(name(&file), &tile(3, 3))).await;
    assert_ne!(old.headers()["etag"], new.headers()["etag"]);
    assert_ne!(old.bytes().await.unwrap(), new.bytes().await.unwrap());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(server.problem(&path(name(&file), &tile(3, 3))).await.0, 404);
}

#[tokio::test]
async fn a_local_file_rewritten_in_place_is_never_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tif");
    std::fs::write(&file, tiff(1)).unwrap();
    let server = Server::start(&["--allow", name(folder.path())]);
    let at = format!("/cog/point/0.005,-0.005?url={}", encoded(name(&file)));
    let before = server.json(&at).await["values"][0].as_f64().unwrap();
    std::fs::write(&file, tiff(5000)).unwrap();
    assert!(server.json(&at).await["values"][0].as_f64().unwrap() >= before + 4999.0);
}

#[tokio::test]
async fn a_local_file_rewritten_in_place_under_its_old_time_shows_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tif");
    place(&file, &tiff(1));
    let server = Server::start(&["--allow", name(folder.path()), "--revalidate", "1h"]);
    let at = path(name(&file), &tile(3, 3));
    let old = server.get(&at).await;
    // Once more, so that it is recalled.
    server.get(&at).await;
    let modified = file.metadata().unwrap().modified().unwrap();
    std::fs::write(&file, tiff(300)).unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    let new = server.get(&at).await;
    assert_ne!(old.headers()["etag"], new.headers()["etag"]);
    assert_ne!(old.bytes().await.unwrap(), new.bytes().await.unwrap());
}

#[tokio::test]
async fn a_local_file_that_is_cut_or_vanishes_under_its_readers_is_a_problem_and_never_a_tile() {
    let folder = tempfile::tempdir().unwrap();
    let (file, whole) = (folder.path().join("a.tif"), tiff(1));
    std::fs::write(&file, &whole).unwrap();
    let server = Server::start(&["--allow", name(folder.path()), "--revalidate", "1h"]);
    assert_eq!(server.get(&path(name(&file), &tile(3, 3))).await.status(), StatusCode::OK);
    // What is asked for now has not been read yet.
    let elsewhere = path(name(&file), &tile(80, 80));
    let open = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    open.set_len(whole.len() as u64 / 2).unwrap();
    let (status, problem) = server.problem(&elsewhere).await;
    assert!([415, 422, 502].contains(&status), "{status} {problem}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(server.problem(&elsewhere).await.0, 404);
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(server.get(&elsewhere).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_origin_that_hangs_takes_only_its_own_requests_with_it() {
    let (hangs, works) = (Origin::start().await, Origin::start().await);
    let flags = ["--allow", &hangs.address, "--allow", &works.address];
    let server = Server::start(&[&flags[..], &["--threads", "1", "--request-timeout", "4s"]].concat());
    let (stuck, fine) = (hangs.put("a.tif", tiff(1)), works.put("a.tif", tiff(2)));
    let at_hand = path(&stuck, &tile(1, 1));
    assert_eq!(server.get(&at_hand).await.status(), StatusCode::OK);
    hangs.misbehave(Fault::Slow(LIVENESS));

    let lost = join_all((0..60).map(|number| {
        let (server, path) = (&server, path(&hangs.put(&format!("{number}.tif"), tiff(1)), &tile(5, 5)));
        async move { server.get(&path).await.status() }
    }));
    let others = async {
        // The hanging ones are all under way by now.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = std::time::Instant::now();
        for number in 0..20 {
            assert_eq!(server.get(&path(&fine, &tile(number, 7))).await.status(), StatusCode::OK);
            assert_eq!(server.get(&at_hand).await.status(), StatusCode::OK);
        }
        // Any one of them would have waited for two seconds, had it waited for the other origin at all.
        begun.elapsed()
    };
    let (lost, took) = tokio::join!(lost, others);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let is_failure = |status: &StatusCode| matches!(status.as_u16(), 503 | 504);
    assert!(lost.iter().all(is_failure), "{lost:?}");

    // It is left alone by now: what needs it fails without waiting, what is at hand goes on.
    let requests = hangs.requests();
    let unseen = hangs.put("unseen.tif", tiff(1));
    assert_eq!(server.problem(&path(&unseen, &tile(12, 12))).await.0, 503);
    assert_eq!(server.get(&at_hand).await.status(), StatusCode::OK);
    assert!(hangs.requests() <= requests + 1);
    hangs.misbehave(Fault::None);
    let again = async {
        while server.get(&path(&unseen, &tile(13, 13))).await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LIVENESS, again).await.expect("it is asked again");
}

#[tokio::test]
async fn a_line_that_is_slow_and_steady_is_waited_for_and_left_alone_by_nobody() {
    let origin = Origin::start().await;
    let (time, time_text) = (STEADY_TIME * 2 / 3, format!("{}ms", (STEADY_TIME * 2 / 3).as_millis()));
    let server = Server::start(&["--allow", &origin.address, "--request-timeout", &time_text]);
    let url = encoded(&origin.put("a.tif", tiff(1)));
    server.json(&format!("/cog/info?url={url}")).await;
    origin.misbehave(Fault::Steady);
    // Without limits they are worked out from the whole file, whose bytes take longer than a request has. Two viewers
    // ask again and again, by turns, so that there is always one who waits.
    let tile = format!("/cog/tiles/WebMercatorQuad/{}.png?url={url}", tile(3, 3));
    let shown = |wait: Duration| {
        let (server, tile) = (&server, &tile);
        async move {
            tokio::time::sleep(wait).await;
            while server.get(tile).await.status() != StatusCode::OK {}
        }
    };
    let both = join_all([shown(Duration::ZERO), shown(time / 2)]);
    tokio::time::timeout(LIVENESS, both).await.expect("what comes slowly comes in the end");
}

#[tokio::test]
async fn a_file_of_which_no_version_is_named_shows_once_it_is_replaced_by_one_as_long() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address, "--revalidate", "0s"]);
    let url = origin.put("a.tif", tiff(1));
    origin.misbehave(Fault::NamesNoVersion);
    let at = path(&url, &tile(1, 1));
    let old = server.get(&at).await;
    let again = server.get(&at).await;
    assert_eq!(old.headers()["etag"], again.headers()["etag"]);
    origin.put("a.tif", tiff(300));
    let new = server.get(&at).await;
    assert_ne!(old.headers()["etag"], new.headers()["etag"]);
    assert_ne!(old.bytes().await.unwrap(), new.bytes().await.unwrap());
}

#[tokio::test]
async fn a_path_is_what_it_is_spelt_to_be_below_an_allowed_folder_or_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let (real, link) = (parent.path().join("real"), parent.path().join("link"));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    place(&real.join("a.tif"), &tiff(1));
    let server = Server::start(&["--allow", name(&link)]);
    let status = async |file: &Path| server.get(&path(name(file), &tile(3, 3))).await.status().as_u16();
    for file in [link.join("a.tif"), real.join("a.tif"), link.join("none/../a.tif"), link.join("../none/../real/a.tif")]
    {
        // The second time its name is known.
        assert_eq!([status(&file).await, status(&file).await], [200, 200], "{}", file.display());
    }
    assert_eq!(status(&link.join("none")).await, 404);
    for file in [parent.path().join("a.tif"), link.join("../a.tif"), link.join("../../net/10.255.255.1/x")] {
        assert_eq!(status(&file).await, 403, "{}", file.display());
    }
}

#[tokio::test]
async fn a_header_that_has_no_room_is_refused_and_one_that_has_is_read() {
    let origin = Origin::start().await;
    let server = Server::start(&["--allow", &origin.address, "--memory", "32MiB"]);
    let url = origin.put("a.tif", tiff(1));
    let opened = join_all((0..40).map(|number| {
        let url = origin.put(&format!("{number}.tif"), tiff(number));
        let server = &server;
        async move { server.get(&format!("/cog/info?url={}", encoded(&url))).await.status() }
    }));
    assert!(opened.await.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(server.get(&path(&url, &tile(2, 2))).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn indexers_are_shown_the_token_and_nobody_else_is() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noting = Arc::clone(&seen);
    let note = move |headers: HeaderMap, uri: Uri| async move {
        let shown = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        noting.lock().unwrap().push((uri.path().to_owned(), shown));
        r#"{"epoch":"1","changes":[],"next":0,"head":0}"#
    };
    let (indexer, stranger) = (Origin::start_with(Router::new().fallback(note.clone())).await, note);
    let stranger = Origin::start_with(Router::new().fallback(stranger)).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "secret\n").unwrap();
    let flags = ["--indexer", &indexer.address, "--allow", &indexer.address, "--allow", &stranger.address];
    let server = Server::start(&[&flags[..], &["--token-file", name(token.path())]].concat());
    server.until("/health", |health| health["indexers"][0]["connected"] == true).await;
    for origin in [&indexer, &stranger] {
        server.problem(&path(&format!("{}/other/{}", origin.address, origin.address.len()), &tile(1, 1))).await;
    }
    server.problem(&path(&format!("{}/strange/a", stranger.address), &tile(1, 1))).await;
    let seen = seen.lock().unwrap();
    let shown = |part: &str| {
        seen.iter().filter(|(path, _)| path.starts_with(part)).map(|(_, shown)| shown.as_deref()).collect::<Vec<_>>()
    };
    assert!(!shown("/catalog/changes").is_empty());
    assert!(shown("/catalog/changes").iter().all(|shown| *shown == Some("Bearer secret")));
    assert!(shown("/other").contains(&Some("Bearer secret")));
    assert!(!shown("/strange").is_empty() && shown("/strange").iter().all(Option::is_none), "{seen:?}");
}
