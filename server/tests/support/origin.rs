//! A file server under the test's control: serves ranges, counts what it is asked, and misbehaves on request.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use futures_util::StreamExt;

/// How the origin answers.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Fault {
    /// As it should.
    #[default]
    None,
    /// 200 with everything, whatever range was asked for.
    IgnoresRanges,
    /// Half of each body, and then the end.
    ShortBodies,
    /// 500.
    Fails,
    /// Waits before each answer.
    Slow(Duration),
    /// Gives the bytes of the version it has, whatever version was asked for.
    IgnoresConditions,
    /// Sends a body byte by byte, so slowly that it never ends while somebody waits, and never stops either.
    Trickles,
    /// Sends a body piece by piece in [`STEADY_TIME`], never silent for long.
    Steady,
    /// Says nothing of which version it gives.
    NamesNoVersion,
}

/// How long a body takes that comes slowly and steadily.
pub(crate) const STEADY_TIME: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Files {
    by_name: HashMap<String, (Bytes, u32)>,
    /// What is answered of files that are no more.
    gone: HashMap<String, StatusCode>,
    /// Replaces files once so many requests have been answered.
    replace_after: Option<(usize, String, Bytes)>,
    fault: Fault,
    requests: usize,
}

/// The server; it ends with the test.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) address: String,
    files: Arc<Mutex<Files>>,
}

impl Origin {
    /// Starts it, with `more` routes beside `/files/{name}`.
    pub(crate) async fn start_with(more: Router) -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let files = Arc::new(Mutex::new(Files::default()));
        let router = Router::new()
            .route("/files/{name}", get(file))
            .route(
                "/files/moved/{name}",
                get(async |Path(name): Path<String>| Redirect::temporary(&format!("/files/{name}"))),
            )
            .with_state(Arc::clone(&files))
            .merge(more);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, files }
    }

    pub(crate) async fn start() -> Self {
        Self::start_with(Router::new()).await
    }

    /// Puts a file there, or another version in its place; returns its address.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) -> String {
        put(&mut self.files.lock().unwrap(), name, bytes.into());
        format!("{}/files/{name}", self.address)
    }

    /// Puts it there once `requests` more have been answered.
    pub(crate) fn put_after(&self, requests: usize, name: &str, bytes: Vec<u8>) {
        let mut files = self.files.lock().unwrap();
        files.replace_after = Some((files.requests + requests, name.to_owned(), bytes.into()));
    }

    /// Takes a file away; it is answered so from now on.
    pub(crate) fn take_away(&self, name: &str, status: StatusCode) {
        self.files.lock().unwrap().gone.insert(name.to_owned(), status);
    }

    pub(crate) fn misbehave(&self, fault: Fault) {
        self.files.lock().unwrap().fault = fault;
    }

    /// Requests for files so far.
    pub(crate) fn requests(&self) -> usize {
        self.files.lock().unwrap().requests
    }
}

/// What the origin says of when a version of a file was written: that many minutes into 2024.
pub(crate) fn written_at(version: u32) -> String {
    format!("Mon, 01 Jan 2024 00:{version:02}:00 GMT")
}

fn put(files: &mut Files, name: &str, bytes: Bytes) {
    let version = files.by_name.get(name).map_or(1, |(_, version)| version + 1);
    files.by_name.insert(name.to_owned(), (bytes, version));
}

async fn file(State(files): State<Arc<Mutex<Files>>>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let (found, gone, fault) = {
        let mut files = files.lock().unwrap();
        let answered = files.requests;
        if let Some((_, name, bytes)) = files.replace_after.take_if(|(after, ..)| *after <= answered) {
            put(&mut files, &name, bytes);
        }
        files.requests += 1;
        (files.by_name.get(&name).cloned(), files.gone.get(&name).copied(), files.fault)
    };
    if let Fault::Slow(pause) = fault {
        tokio::time::sleep(pause).await;
    }
    if let Some(status) = gone {
        return status.into_response();
    }
    let Some((bytes, version)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let etag = format!("\"v{version}\"");
    let tags = [(header::ETAG, etag.clone()), (header::LAST_MODIFIED, written_at(version))];
    let is_conditional = fault != Fault::IgnoresConditions;
    if is_conditional && headers.get(header::IF_MATCH).is_some_and(|wanted| wanted != etag.as_str()) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    match fault {
        Fault::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::IgnoresRanges => (tags, bytes).into_response(),
        Fault::NamesNoVersion => partial(&bytes, &headers, false),
        Fault::Trickles => {
            let one_by_one = |_| (1, Duration::from_millis(20));
            (tags, in_pieces(partial(&bytes, &headers, false), one_by_one)).into_response()
        }
        Fault::Steady => {
            const PIECES: u32 = 30;
            let steadily = |length: usize| (length.div_ceil(PIECES as usize), STEADY_TIME / PIECES);
            (tags, in_pieces(partial(&bytes, &headers, false), steadily)).into_response()
        }
        _ => (tags, partial(&bytes, &headers, fault == Fault::ShortBodies)).into_response(),
    }
}

/// The same answer in pieces so long, each after such a pause, as `pace` says of its length.
fn in_pieces(answer: Response, pace: impl Fn(usize) -> (usize, Duration) + Send + 'static) -> Response {
    let (parts, body) = answer.into_parts();
    let pieces = futures_util::stream::once(axum::body::to_bytes(body, usize::MAX)).flat_map(move |whole| {
        let whole = whole.unwrap_or_default();
        let (step, pause) = pace(whole.len());
        let starts = (0..whole.len()).step_by(step.max(1));
        let piece = move |at: usize| (whole.slice(at..whole.len().min(at + step)), pause);
        futures_util::stream::iter(starts.map(piece))
    });
    let slowly = pieces.then(async |(piece, pause)| {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(piece)
    });
    Response::from_parts(parts, Body::from_stream(slowly))
}

fn partial(bytes: &Bytes, headers: &HeaderMap, short: bool) -> Response {
    let range = headers[header::RANGE].to_str().unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    if first >= bytes.len() {
        let tags = [(header::CONTENT_RANGE, format!("bytes */{}", bytes.len()))];
        return (StatusCode::RANGE_NOT_SATISFIABLE, tags).into_response();
    }
    let end = bytes.len().min(last + 1);
    let body = bytes.slice(first..if short { first + (end - first) / 2 } else { end });
    let content_range = format!("bytes {first}-{}/{}", end - 1, bytes.len());
    // A stream has no length of its own, so a short one is not noticed before its end.
    let body = Body::from_stream(tokio_stream::once(Ok::<_, std::io::Error>(body)));
    (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, content_range)], body).into_response()
}
