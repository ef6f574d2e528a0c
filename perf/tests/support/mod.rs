//! A small tile server that remembers what it is asked for and misbehaves on demand.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

pub(crate) const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// What the server was asked for, and how it answers.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) tiles: Mutex<Vec<(String, u8, u32, u32)>>,
    /// Tiles asked for with a validator.
    pub(crate) revalidated: AtomicU32,
    pub(crate) posted: Mutex<Vec<Value>>,
    /// Zoom at which it says 503 without naming a pause.
    pub(crate) overloaded_at: Option<u8>,
    /// Zoom at which it sends a page instead of an image.
    pub(crate) page_at: Option<u8>,
    /// Every so many tiles it asks to come back in no time.
    pub(crate) shed_every: Option<u32>,
    /// Time it takes for a tile.
    pub(crate) delay: Duration,
    /// Tiles it works on at once, if not any number.
    pub(crate) at_once: Option<Semaphore>,
    /// What it sends instead of something that only looks like a picture.
    pub(crate) picture: Option<Vec<u8>>,
    /// `Cache-Control` of tiles.
    pub(crate) cache_control: Option<&'static str>,
    pub(crate) asked: AtomicU32,
    /// Tiles that may wait for their turn; the others are asked to come back.
    pub(crate) queue: Option<u32>,
    pub(crate) waiting: AtomicU32,
    /// Tiles turned away for that.
    pub(crate) shed: AtomicU32,
    /// Connections taken.
    pub(crate) accepted: Arc<AtomicU32>,
    /// Tiles nobody waited for any more: their connection was closed, or their stream reset.
    pub(crate) given_up: AtomicU32,
}

/// Counts a tile as given up when it is dropped before it was answered.
struct Work<'a> {
    ledger: &'a Ledger,
    answered: bool,
}

impl<'a> Work<'a> {
    fn begin(ledger: &'a Ledger) -> Self {
        ledger.waiting.fetch_add(1, Relaxed);
        Self { ledger, answered: false }
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.ledger.waiting.fetch_sub(1, Relaxed);
        self.ledger.given_up.fetch_add(u32::from(!self.answered), Relaxed);
    }
}

/// A runtime of its own for servers, as what is tested blocks the thread.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A server on a runtime of its own, with which it ends, and its address.
pub(crate) fn serve(ledger: &Arc<Ledger>) -> (tokio::runtime::Runtime, String) {
    let runtime = runtime();
    let address = format!("http://{}", runtime.block_on(start(Arc::clone(ledger))));
    (runtime, address)
}

/// The report that a command left in `out`.
pub(crate) fn read_report(out: &std::path::Path, stem: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(out.join(stem).with_extension("json")).unwrap()).unwrap()
}

pub(crate) async fn start(ledger: Arc<Ledger>) -> SocketAddr {
    let accepted = Arc::clone(&ledger.accepted);
    let tilejson = |Path(id): Path<String>| async move { Json(tilejson(&id)) };
    let app = Router::new()
        .route("/", get(async || axum::response::Html("<script src=\"/app.js\"></script>")))
        .route("/app.js", get(async || "// nothing"))
        .route("/readyz", get(async || "ok"))
        .route("/health", get(health))
        .route("/scenes", get(async || Json(scene_list())))
        .route("/detections", get(async || Json(json!({}))))
        .route("/jobs", get(async || Json(json!({}))))
        .route("/memorize", post(memorize))
        .route("/scenes/{id}/WebMercatorQuad/tilejson.json", get(tilejson))
        .route("/t/{id}/{z}/{x}/{y}", get(tile))
        .with_state(ledger);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(move |_| {
        accepted.fetch_add(1, Relaxed);
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn health(State(ledger): State<Arc<Ledger>>) -> Json<Value> {
    let queue =
        json!({"depth": ledger.waiting.load(Relaxed), "limit": ledger.queue, "shed": ledger.shed.load(Relaxed)});
    Json(json!({"status": "ok", "fds": {"open": 7, "limit": 20000}, "queue": queue}))
}

fn scene_list() -> Value {
    let feature = |id| json!({ "type": "Feature", "id": id, "geometry": null, "properties": {} });
    let features: Vec<Value> = ["a", "b", "c", "d"].into_iter().map(feature).collect();
    json!({ "type": "FeatureCollection", "features": features })
}

fn tilejson(id: &str) -> Value {
    json!({
        "tilejson": "3.0.0", "tiles": [format!("/t/{id}/{{z}}/{{x}}/{{y}}")], "bounds": [-44.2, -25.1, -41.8, -22.8],
        "minzoom": 7, "maxzoom": 14,
    })
}

async fn memorize(State(ledger): State<Arc<Ledger>>, headers: HeaderMap, Json(memory): Json<Value>) -> Response {
    if !headers.contains_key("x-api-key") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    ledger.posted.lock().unwrap().push(memory);
    Json(json!({ "memory_id": "m" })).into_response()
}

async fn tile(
    State(ledger): State<Arc<Ledger>>,
    Path((id, z, x, y)): Path<(String, u8, u32, u32)>,
    headers: HeaderMap,
) -> Response {
    ledger.tiles.lock().unwrap().push((id, z, x, y));
    let asked = ledger.asked.fetch_add(1, Relaxed) + 1;
    if ledger.queue.is_some_and(|room| ledger.waiting.load(Relaxed) >= room) {
        ledger.shed.fetch_add(1, Relaxed);
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response();
    }
    let mut work = Work::begin(&ledger);
    let permit = match &ledger.at_once {
        Some(at_once) => Some(at_once.acquire().await.unwrap()),
        None => None,
    };
    tokio::time::sleep(ledger.delay).await;
    drop(permit);
    work.answered = true;
    drop(work);
    if ledger.shed_every.is_some_and(|every| asked.is_multiple_of(every)) {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")]).into_response();
    }
    if ledger.overloaded_at == Some(z) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if ledger.page_at == Some(z) {
        return "<html>".into_response();
    }
    let picture = ledger.picture.clone().unwrap_or_else(|| PNG.to_vec());
    let Some(control) = ledger.cache_control else { return picture.into_response() };
    let kept = [(header::CACHE_CONTROL, control), (header::ETAG, "\"1\"")];
    if headers.contains_key(header::IF_NONE_MATCH) {
        ledger.revalidated.fetch_add(1, Relaxed);
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    (kept, picture).into_response()
}

/// Hands on what comes in on its first port to its second.
const RELAY: &str = "\
import asyncio, sys

async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()

async def relay(reader, writer):
    there = await asyncio.open_connection('127.0.0.1', int(sys.argv[2]))
    await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer), return_exceptions=True)

async def main():
    await (await asyncio.start_server(relay, '127.0.0.1', int(sys.argv[1]))).serve_forever()

asyncio.run(main())
";

/// The address of a server that is a process of its own, and the command that starts it: it answers as the one at
/// `address`.
pub(crate) fn relay(folder: &std::path::Path, address: &str) -> (String, String) {
    let script = folder.join("relay.py");
    std::fs::write(&script, RELAY).unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = address.rsplit(':').next().unwrap();
    (format!("http://127.0.0.1:{free}"), format!("python3 {} {free} {port}", script.display()))
}
