//! How often a file server must be asked, one time after the other and in all, for the first tile of a scene never
//! seen.

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aurora_fixtures::at_hand::sample_data;
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, header},
    response::IntoResponse,
    routing::get,
};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use reqwest::StatusCode;
use support::{
    LIVENESS, Server,
    cog::{Tables, cog, rows},
    encoded,
};
use tokio::sync::oneshot;

/// Time in which all requests that do not wait for an answer have come.
const QUIET: Duration = Duration::from_millis(300);

/// A file server that answers one range at a time, and only once no further request comes without an answer.
struct FileServer {
    file: Bytes,
    pause: Option<Duration>,
    held: Mutex<Vec<oneshot::Sender<()>>>,
    asked: Mutex<Vec<String>>,
}

impl FileServer {
    /// Its address, and itself. With a `pause` it answers after that instead.
    async fn start(file: impl Into<Bytes>, pause: Option<Duration>) -> (String, Arc<Self>) {
        let server = Arc::new(Self { file: file.into(), pause, held: Mutex::default(), asked: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/a.tif", listener.local_addr().unwrap());
        let router = Router::new().route("/a.tif", get(range)).with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, server)
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Lets everybody go who waits, again and again; counts how often. Ends with the test.
    async fn count_rounds(&self, rounds: &Mutex<usize>) {
        let mut asked = 0;
        loop {
            tokio::time::sleep(QUIET).await;
            let is_quiet = std::mem::replace(&mut asked, self.asked()) == self.asked();
            let held = if is_quiet { std::mem::take(&mut *self.held.lock().unwrap()) } else { Vec::new() };
            if !held.is_empty() {
                *rounds.lock().unwrap() += 1;
            }
            // Who has gone does not wait any more.
            held.into_iter().for_each(|one| one.send(()).unwrap_or_default());
        }
    }
}

async fn range(State(server): State<Arc<FileServer>>, headers: HeaderMap) -> axum::response::Response {
    let text = headers[header::RANGE].to_str().unwrap().to_owned();
    server.asked.lock().unwrap().push(text.clone());
    match server.pause {
        Some(pause) => tokio::time::sleep(pause).await,
        None => {
            let (go, wait) = oneshot::channel();
            server.held.lock().unwrap().push(go);
            wait.await.unwrap();
        }
    }
    let tags = [(header::ETAG, "\"1\"".to_owned())];
    let range = text.strip_prefix("bytes=").unwrap().split_once('-');
    let ends = range.map(|(first, last)| (first.parse::<usize>(), last.parse::<usize>()));
    let Some((Ok(first), Ok(last))) = ends else { return (tags, server.file.clone()).into_response() };
    let end = server.file.len().min(last + 1);
    let content_range = format!("bytes {first}-{}/{}", end - 1, server.file.len());
    let body = server.file.slice(first..end);
    (StatusCode::PARTIAL_CONTENT, tags, [(header::CONTENT_RANGE, content_range)], body).into_response()
}

/// The path of a picture of `url`.
fn path(url: &str, tile: &str) -> String {
    picture(url, &format!("{tile}.png"))
}

/// The same with its format and perhaps a query.
fn picture(url: &str, tile: &str) -> String {
    let joined = if tile.contains('?') { '&' } else { '?' };
    format!("/cog/tiles/WebMercatorQuad/{tile}{joined}url={}", encoded(url))
}

/// Rounds that the first picture of a file takes.
async fn rounds(file: impl Into<Bytes>, tile: &str) -> usize {
    let (url, files) = FileServer::start(file, None).await;
    let server = Server::start(&["--allow", &url, "--request-timeout", "30s"]);
    let rounds = Mutex::new(0);
    let tile = picture(&url, tile);
    let answer = tokio::select! {
        answer = server.get(&tile) => answer,
        () = files.count_rounds(&rounds) => unreachable!("it counts for ever"),
    };
    assert_eq!(answer.status(), StatusCode::OK, "{tile}");
    rounds.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_tile_of_any_cog_takes_three_rounds_at_most() {
    let cases = [1024, 16_384, 65_536].into_iter().flat_map(|side_px| {
        let of_tables = [Tables::BehindEach, Tables::BehindAll].into_iter();
        of_tables.flat_map(move |tables| [false, true].map(|with_mask| (side_px, tables, with_mask)))
    });
    let counted = join_all(cases.map(|(side_px, tables, with_mask)| async move {
        (side_px, tables, with_mask, rounds(cog(side_px, tables, with_mask), "12/2050/2050.png").await)
    }));
    for (side_px, tables, with_mask, rounds) in counted.await {
        // Small tables come with the first bytes, and so does nothing else.
        let most = if side_px == 1024 { 2 } else { 3 };
        assert!((2..=most).contains(&rounds), "{rounds} rounds: {side_px} px, {tables:?}, mask: {with_mask}");
    }
}

/// Styles that hang on the whole raster, whose overview is read beside the tile's blocks.
const STYLES: [&str; 4] = ["", "rescale=p2,p98", "algorithm=db", "rescale=p2,p98&algorithm=db"];

/// Pictures that may be asked for at once while rounds are counted: more would be late for their round.
const AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_tile_takes_three_rounds_at_most_at_every_zoom_in_any_format_and_style() {
    let place = (0.4, -0.4);
    let tiles = (9..=14).flat_map(|zoom| ["png", "webp"].map(|format| format!("{}.{format}", tile_at(zoom, place))));
    let asked = tiles.flat_map(|tile| STYLES.map(|style| format!("{tile}?{style}")));
    let counted = stream::iter(asked).map(|tile| async move {
        let rounds = rounds(cog(16_384, Tables::BehindAll, false), &tile).await;
        (tile, rounds)
    });
    let counted: Vec<_> = counted.buffer_unordered(AT_ONCE).collect().await;
    let over: Vec<_> = counted.iter().filter(|(_, rounds)| !(2..=3).contains(rounds)).collect();
    assert!(counted.len() == 48 && over.is_empty(), "{over:?}");
}

/// Real files, lossy ones among them, and a place in each.
const REAL: [(&str, (f64, f64)); 6] = [
    ("cog/rio-tiler__cog_rgb.tif", (-104.7752, 38.9536)),
    ("codec/image-tiff__usda_naip_256_webp_z3.tif", (-121.3465, 41.968)),
    ("cog/rio-tiler__cog.tif", (-57.0, 73.4)),
    ("cog/rio-tiler__cog_cmap.tif", (-79.4, 39.84)),
    ("cog/rio-tiler__cog_dateline.tif", (-179.5, 51.6)),
    ("cog/rio-tiler__cog_world.tif", (10.0, 50.0)),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_first_tile_of_real_cogs_takes_three_rounds_at_most() {
    let Some(folder) = sample_data("") else { return };
    let read = |name: &str| Bytes::from(std::fs::read(folder.join(name)).unwrap());
    let files = REAL.map(|(name, place)| (name, place, read(name)));
    let asked = files.iter().flat_map(|(name, place, bytes)| {
        let tiles = (9..=14).map(|zoom| tile_at(zoom, *place));
        let pictures = tiles.flat_map(|tile| {
            let webp = [format!("{tile}.webp")];
            STYLES.map(|style| format!("{tile}.png?{style}")).into_iter().chain(webp)
        });
        pictures.map(|picture| (*name, picture, bytes.clone()))
    });
    let counted = stream::iter(asked.collect::<Vec<_>>()).map(|(name, picture, bytes)| async move {
        let rounds = rounds(bytes, &picture).await;
        (name, picture, rounds)
    });
    let counted: Vec<_> = counted.buffer_unordered(AT_ONCE).collect().await;
    let over: Vec<_> = counted.iter().filter(|(.., rounds)| !(1..=3).contains(rounds)).collect();
    assert!(counted.len() == REAL.len() * 30 && over.is_empty(), "{over:?}");
}

/// The tile of a zoom that a place in degrees lies in (OGC 17-083r4, annex D.1).
fn tile_at(zoom: u32, (lon_deg, lat_deg): (f64, f64)) -> String {
    let across = f64::from(1_u32 << zoom);
    let y = (lat_deg.to_radians().tan().asinh() / std::f64::consts::PI).mul_add(-0.5, 0.5);
    let (col, row) = (((lon_deg / 360.0 + 0.5) * across) as u32, (y * across) as u32);
    format!("{zoom}/{col}/{row}")
}

#[tokio::test]
async fn a_raw_scene_of_one_row_strips_takes_few_requests_where_each_takes_its_time() {
    let (url, files) = FileServer::start(rows(4096), Some(Duration::from_millis(60))).await;
    let server = Server::start(&["--allow", &url, "--request-timeout", "30s"]);
    // The whole of it on one tile: a row of the picture is every sixteenth of the file, and far from the next.
    let show = async |tile: &str| {
        let before = files.asked();
        let answer = tokio::time::timeout(LIVENESS, server.get(&path(&url, tile))).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{tile}");
        files.asked() - before
    };
    let (whole, near) = (show("8/128/128").await, show("12/2050/2050").await);
    assert!(whole <= 40 && near <= 4, "{whole} {near}");
}
