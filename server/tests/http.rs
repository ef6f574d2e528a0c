//! The HTTP side of the server that is not about rasters: problems, ids, other origins, lists, the map.

mod support;

use reqwest::{Method, StatusCode};
use support::Server;

#[tokio::test]
async fn everything_that_goes_wrong_is_a_problem() {
    let server = Server::start(&["--allow", "http://a/"]);
    assert_eq!(server.problem("/no/such/thing").await.0, 404);
    assert_eq!(server.problem("/tileMatrixSets/none").await.0, 404);
    for tile in ["1/x/1", "1/1/x", "999/1/1", "1/-1/1", "1/1/1.gif", "1/1/1@9x"] {
        let path = format!("/cog/tiles/WebMercatorQuad/{tile}?url=http://a/b");
        assert_eq!(server.problem(&path).await.0, 400, "{tile}");
    }
    assert_eq!(server.problem("/cog/point/1?url=http://a/b").await.0, 400);
    assert_eq!(server.problem("/cog/statistics?url=http://a/b&expression=b1%2B").await.0, 400);
    assert_eq!(server.problem("/scenes/%FF").await.0, 400);
    let response = server.client.request(Method::DELETE, format!("{}/scenes", server.address)).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

/// As TiTiler's clients may write them; behind a proxy, too, which may have put something in front of the path.
#[tokio::test]
async fn an_address_with_a_slash_at_its_end_leads_to_the_one_without() {
    let server = Server::start(&[]);
    let plain = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (path, place) in [
        ("/tileMatrixSets/", "../tileMatrixSets"),
        ("/scenes/?limit=1&f=a/", "../scenes?limit=1&f=a/"),
        ("/docs/", "../docs"),
    ] {
        let told = plain.get(format!("{}{path}", server.address)).send().await.unwrap();
        assert_eq!(
            (told.status(), &told.headers()["location"]),
            (StatusCode::TEMPORARY_REDIRECT, &place.parse().unwrap())
        );
    }
    assert_eq!(server.json("/tileMatrixSets/").await, server.json("/tileMatrixSets").await);
    assert_eq!((server.get("/").await.status(), server.get("//").await.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(server.problem("/no/such/thing/").await.0, 404);
}

#[tokio::test]
async fn every_answer_has_an_id_and_may_be_read_from_anywhere() {
    let server = Server::start(&[]);
    for path in ["/livez", "/scenes", "/no/such/thing"] {
        let request = server.client.get(format!("{}{path}", server.address)).header("origin", "http://elsewhere");
        let response = request.header("x-request-id", "mine-1").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "mine-1", "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{path}");
    }
    assert!(!server.get("/livez").await.headers()["x-request-id"].is_empty());
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_and_read_what_they_need() {
    let server = Server::start(&[]);
    let asked = server.client.request(Method::OPTIONS, format!("{}/scenes", server.address));
    let asked = asked.header("origin", "http://elsewhere").header("access-control-request-method", "POST");
    let allowed = asked.header("access-control-request-headers", "if-none-match,x-api-key").send().await.unwrap();
    let text = |name: &str| allowed.headers()[name].to_str().unwrap().to_owned();
    assert!(text("access-control-allow-methods").contains("POST"));
    let others = ["content-type", "authorization", "x-api-key", "last-event-id"];
    let conditions = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range", "range"];
    for name in others.into_iter().chain(conditions) {
        assert!(text("access-control-allow-headers").contains(name), "{name}");
    }
    let read = server.client.get(format!("{}/scenes", server.address)).header("origin", "http://elsewhere");
    let read = read.send().await.unwrap();
    let exposed = read.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(["etag", "retry-after", "server-timing"].iter().all(|name| exposed.contains(name)), "{exposed}");
}

#[tokio::test]
async fn health_says_what_the_contract_lists() {
    let server = Server::start(&[]);
    let health = server.json("/health").await;
    for name in ["status", "version", "timestamp", "uptime_s", "indexers", "gpus"] {
        assert!(!health[name].is_null(), "{name}");
    }
    for (part, names) in [
        ("memory", &["rss", "budget", "caches"][..]),
        ("connections", &["open", "limit"]),
        ("fds", &["open", "limit"]),
        ("queue", &["depth", "limit", "shed"]),
        ("database", &["status"]),
    ] {
        assert!(names.iter().all(|name| !health[part][name].is_null()), "{part}: {health}");
    }
    assert!(health["gpus"].is_array());
}

#[tokio::test]
async fn there_are_lists_to_choose_from() {
    let server = Server::start(&[]);
    let names = server.json("/colorMaps").await;
    assert!(names["colorMaps"].as_array().unwrap().iter().any(|name| name == "viridis"));
    assert_eq!(server.json("/colorMaps/gray").await["255"], serde_json::json!([255, 255, 255, 255]));
    let algorithms = server.json("/algorithms").await;
    assert!(algorithms["algorithms"].as_array().unwrap().iter().any(|one| one["id"] == "db"));
    assert_eq!(server.json("/algorithms/hillshade").await["parameters"]["azimuth"]["default"], 45);
    assert_eq!(server.problem("/algorithms/none").await.0, 404);
    let sets = server.json("/tileMatrixSets").await;
    let ids = sets["tileMatrixSets"].as_array().unwrap().iter().map(|set| set["id"].as_str().unwrap());
    assert_eq!(ids.filter(|id| ["WebMercatorQuad", "UTM31WGS84Quad", "GNOSISGlobalGrid"].contains(id)).count(), 3);
    assert_eq!(server.json("/tileMatrixSets/WebMercatorQuad").await["tileMatrices"][0]["matrixWidth"], 1);
}

#[tokio::test]
async fn a_colormap_is_numbers_or_a_bar() {
    let server = Server::start(&[]);
    let bar = async |query: &str| {
        let response = server.get(&format!("/colorMaps/viridis?{query}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        (media_type, image::load_from_memory(&response.bytes().await.unwrap()).unwrap().to_rgb8())
    };
    let numbers = server.json("/colorMaps/viridis?f=json").await;
    let color = |at: usize| [0, 1, 2].map(|channel| numbers[at.to_string()][channel].as_u64().unwrap() as u8);
    let (media_type, lying) = bar("f=png").await;
    assert_eq!((media_type.as_str(), lying.dimensions()), ("image/png", (256, 20)));
    assert!((0..256).all(|x| lying.get_pixel(x, 7).0 == color(x as usize)));
    let (_, upright) = bar("f=png&orientation=vertical").await;
    assert_eq!(upright.dimensions(), (20, 256));
    assert!((0..256).all(|y| upright.get_pixel(3, y).0 == color(y as usize)));
    let (media_type, sized) = bar("f=webp&width=64&height=10").await;
    assert_eq!((media_type.as_str(), sized.dimensions()), ("image/webp", (64, 10)));
    for bad in ["f=html", "f=npy", "f=png&orientation=up", "f=png&width=0", "f=png&height=9999"] {
        assert_eq!(server.problem(&format!("/colorMaps/viridis?{bad}")).await.0, 400, "{bad}");
    }
    assert_eq!(server.problem("/colorMaps/none?f=png").await.0, 404);
}

#[tokio::test]
async fn what_is_implemented_and_that_it_lives_is_told_under_titilers_names() {
    let server = Server::start(&[]);
    assert_eq!(server.json("/healthz").await["versions"]["aurora"], env!("CARGO_PKG_VERSION"));
    let classes = server.json("/conformance").await;
    let names: Vec<_> = classes["conformsTo"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for class in ["ogcapi-tiles-1/1.0/conf/core", "ogcapi-maps-1/1.0/conf/core", "v1.0.0/item-search"] {
        assert!(names.iter().any(|name| name.ends_with(class)), "{class}");
    }
}

#[tokio::test]
async fn the_map_or_how_to_build_it_stands_at_the_root() {
    let server = Server::start(&[]);
    let response = server.get("/").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let etag = response.headers().get("etag").cloned();
    let page = response.text().await.unwrap();
    let Some(asset) = page.split('"').find(|part| part.starts_with("/assets/")) else {
        assert!(page.contains("npm run build"));
        return;
    };
    // The scripts are texts of some length, so they were compressed when the map was built.
    let script =
        page.split('"').find(|part| part.starts_with("/assets/index") && part.ends_with(".js")).unwrap_or(asset);
    let plain = server.get(script).await;
    assert!(plain.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert!(!plain.headers().contains_key("content-encoding") && plain.headers()["vary"] == "accept-encoding");
    let mut known = vec![plain.headers()["etag"].clone()];
    let plain = plain.bytes().await.unwrap();
    for (accepted, encoding) in [("gzip, deflate, br", "br"), ("gzip", "gzip")] {
        let request = server.client.get(format!("{}{script}", server.address)).header("accept-encoding", accepted);
        let encoded = request.send().await.unwrap();
        assert_eq!(encoded.headers()["content-encoding"], encoding);
        assert!(!known.contains(&encoded.headers()["etag"]), "one tag for bytes that differ");
        known.push(encoded.headers()["etag"].clone());
        let encoded = encoded.bytes().await.unwrap();
        assert!(encoded.len() < plain.len() / 2, "{} of {}", encoded.len(), plain.len());
        if encoding == "gzip" {
            let mut text = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&encoded[..]), &mut text).unwrap();
            assert_eq!(text, plain);
        }
    }
    let request = server.client.get(&server.address).header("if-none-match", etag.unwrap());
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn health_answers_beside_the_crowd() {
    let server = Server::start(&["--admin-listen", "127.0.0.1:0"]);
    let admin = format!("http://{}", server.admin_address().unwrap());
    let health: serde_json::Value =
        server.client.get(format!("{admin}/health")).send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    for path in ["/livez", "/readyz"] {
        assert_eq!(server.client.get(format!("{admin}{path}")).send().await.unwrap().status(), StatusCode::OK);
    }
    let elsewhere = server.client.get(format!("{admin}/scenes")).send().await.unwrap();
    assert_eq!((elsewhere.status(), is_problem(&elsewhere)), (StatusCode::NOT_FOUND, true));
}

fn is_problem(answer: &reqwest::Response) -> bool {
    answer.headers().get("content-type").is_some_and(|name| name == "application/problem+json")
}

#[tokio::test]
async fn what_is_nowhere_is_a_problem_however_it_is_asked_for() {
    let server = Server::start(&[]);
    for method in ["GET", "POST", "PUT", "DELETE"] {
        let method: reqwest::Method = method.parse().unwrap();
        let answer = server.client.request(method.clone(), format!("{}/nowhere", server.address)).send().await.unwrap();
        assert_eq!((answer.status(), is_problem(&answer)), (StatusCode::NOT_FOUND, true), "{method}");
    }
    let jobs = server.problem("/jobs?state=nope").await;
    assert!(jobs.0 == 400 && jobs.1.to_string().contains("state"), "{jobs:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let start = |flags: &[&str]| {
        let argv: Vec<&str> = ["aurora-server", "--listen", "127.0.0.1:0"].iter().chain(flags).copied().collect();
        let settings = aurora_daemon::config::try_parse(&argv).unwrap();
        aurora_server::start(settings, None, Default::default()).map(drop)
    };
    assert!(start(&["--memory", "1MiB"]).unwrap_err().to_string().contains("--memory"));
    assert!(start(&["--allow", "/no/such/folder"]).unwrap_err().to_string().contains("--allow"));
    assert!(start(&["--allow", "ftp://host/"]).is_err());
}
