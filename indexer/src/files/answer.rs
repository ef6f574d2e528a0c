//! One request for a file, answered.
//!
//! Opening, preconditions and short bodies take one trip to a blocking thread; longer bodies follow in portions.

use std::{ops::Range, sync::Arc, time::Duration};

use aurora_daemon::problem::Problem;
use axum::{
    body::Body,
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Tree,
    body::{self, PORTION_BYTES, Piece},
    listing,
    open::NotFound,
    range::{self, Wanted},
    tree::{OpenFile, Opened},
    validator::Verdict,
};
use crate::random;

/// How long a request waits for a descriptor before it is told to come again.
const DESCRIPTOR_WAIT: Duration = Duration::from_secs(10);

/// Times that a file which changes while it is read is opened anew.
const TRIES: usize = 3;

/// A request for what lies at `path`, as in the address, without the tree's prefix.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Still percent-encoded.
    pub path: String,
    /// `GET` or `HEAD`.
    pub method: Method,
    /// Conditions, ranges, and which form of listing is liked.
    pub headers: HeaderMap,
}

/// Answers it.
pub async fn answer(tree: &Tree, asked: Asked) -> Response {
    let Ok(Some(permit)) = tokio::time::timeout(DESCRIPTOR_WAIT, tree.permit()).await else {
        return Problem::overloaded(1).into_response();
    };
    let tree = tree.clone();
    let path = asked.path.clone();
    match tokio::task::spawn_blocking(move || prepare(&tree, &asked, permit)).await {
        Ok(Ok(response)) => response,
        Ok(Err(NotFound)) => Problem::not_found(format!("`{path}`")).into_response(),
        Err(error) => Problem::server(StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

/// Everything but the later portions of a long body. Blocking.
fn prepare(tree: &Tree, asked: &Asked, permit: OwnedSemaphorePermit) -> Result<Response, NotFound> {
    let is_folder_path = asked.path.is_empty() || asked.path.ends_with('/');
    match tree.open(&asked.path, permit)? {
        Opened::Folder(folder) if is_folder_path => listing::answer(tree, &folder, &asked.path, &asked.headers),
        Opened::Folder(_) => {
            let name = asked.path.rsplit('/').next().unwrap_or_default();
            Ok(Redirect::permanent(&format!("{name}/")).into_response())
        }
        Opened::File(_) if is_folder_path => Err(NotFound),
        Opened::File(file) => Ok(of_file(tree, asked, file)),
    }
}

fn of_file(tree: &Tree, asked: &Asked, mut file: Arc<OpenFile>) -> Response {
    for _ in 0..TRIES {
        match try_file(asked, &file) {
            Ok(response) => return response,
            Err(error) => tracing::debug!(path = asked.path, %error, "opened anew"),
        }
        // The same permit cannot be kept across, as the first file holds it; one more is there or the client waits.
        let Some(permit) = tree.try_permit() else { break };
        match tree.open(&asked.path, permit) {
            Ok(Opened::File(anew)) => file = anew,
            _ => return Problem::not_found(format!("`{}`", asked.path)).into_response(),
        }
    }
    Problem::overloaded(1).into_response()
}

fn try_file(asked: &Asked, file: &Arc<OpenFile>) -> std::io::Result<Response> {
    let version = &file.version;
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, value(version.etag()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(version.last_modified().map(|date| (header::LAST_MODIFIED, date)));
    let now_s = jiff::Timestamp::now().as_second();
    let use_range = match version.judge(&asked.headers, now_s) {
        Verdict::NotModified => return Ok(respond(StatusCode::NOT_MODIFIED, headers, Body::empty())),
        Verdict::Failed => {
            let detail = "the file is not the version that was asked for";
            return Ok((headers, Problem::client(StatusCode::PRECONDITION_FAILED, detail)).into_response());
        }
        Verdict::Proceed { use_range } => use_range,
    };
    // `Range` means something for GET only (RFC 9110, section 14.2).
    let ranged = asked.headers.get(header::RANGE).filter(|_| use_range && asked.method == Method::GET);
    let size_bytes = version.size_bytes;
    let (status, pieces) = match range::wanted(ranged.and_then(|value| value.to_str().ok()), size_bytes) {
        Wanted::Unsatisfiable => return Ok(unsatisfiable(headers, size_bytes)),
        Wanted::Whole => (StatusCode::OK, vec![Piece::OfFile(0..size_bytes)]),
        Wanted::Parts(parts) => (StatusCode::PARTIAL_CONTENT, partial(&mut headers, &asked.path, &parts, size_bytes)),
    };
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type(&asked.path)));
    let length: u64 = pieces.iter().map(Piece::size_bytes).sum();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    metrics::counter!("aurora_indexer_file_bytes_total").increment(length);
    let body = if asked.method == Method::HEAD { Body::empty() } else { body_of(file, pieces, length)? };
    Ok(respond(status, headers, body))
}

/// A short body is read here and now; a long one in portions, later.
fn body_of(file: &Arc<OpenFile>, pieces: Vec<Piece>, length: u64) -> std::io::Result<Body> {
    if length > PORTION_BYTES {
        return Ok(body::of(Arc::clone(file), pieces));
    }
    let mut whole = Vec::with_capacity(length as usize);
    for piece in pieces {
        match piece {
            Piece::Ready(bytes) => whole.extend_from_slice(&bytes),
            Piece::OfFile(range) => whole.extend_from_slice(&body::read(file, &range)?),
        }
    }
    Ok(Body::from(whole))
}

/// Pieces of a partial answer, and its headers: one range as it is, several as `multipart/byteranges` (section 14.6).
fn partial(headers: &mut HeaderMap, path: &str, parts: &[Range<u64>], size_bytes: u64) -> Vec<Piece> {
    if let [part] = parts {
        headers.insert(header::CONTENT_RANGE, value(content_range(part, size_bytes)));
        return vec![Piece::OfFile(part.clone())];
    }
    let boundary = random::name();
    headers.insert(header::CONTENT_TYPE, value(format!("multipart/byteranges; boundary={boundary}")));
    let mut pieces = Vec::with_capacity(parts.len() * 2 + 1);
    for (index, part) in parts.iter().enumerate() {
        let head = format!(
            "{}--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
            if index == 0 { "" } else { "\r\n" },
            content_type(path),
            content_range(part, size_bytes)
        );
        pieces.push(Piece::Ready(Bytes::from(head)));
        pieces.push(Piece::OfFile(part.clone()));
    }
    pieces.push(Piece::Ready(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    pieces
}

fn content_range(part: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", part.start, part.end - 1)
}

fn unsatisfiable(mut headers: HeaderMap, size_bytes: u64) -> Response {
    headers.insert(header::CONTENT_RANGE, value(format!("bytes */{size_bytes}")));
    let detail = format!("none of the ranges lies within the {size_bytes} bytes of the file");
    (headers, Problem::client(StatusCode::RANGE_NOT_SATISFIABLE, detail)).into_response()
}

fn respond(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Our own texts have no bytes that a header could not carry.
fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

fn content_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "tif" | "tiff" => "image/tiff",
        "geojson" => "application/geo+json",
        "json" => "application/json",
        "xml" => "application/xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "pdf" => "application/pdf",
        "txt" | "tfw" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
