//! One request for a file, answered.
//!
//! What is open already and in memory is answered at once; everything else takes one trip to a blocking thread for
//! opening, preconditions and short bodies. Longer bodies follow in portions.

use std::{ops::Range, sync::Arc, time::Duration};

use aurora_daemon::problem::Problem;
use axum::{
    body::Body,
    response::{IntoResponse, Redirect, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::{
    Tree,
    body::{self, PORTION_BYTES, Piece, Source},
    listing,
    open::NotFound,
    range::{self, Wanted},
    tree::{OpenFile, Opened},
    validator::Verdict,
};
use crate::random;

/// How long a file system may take for one portion; a dead mount hangs for minutes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

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
    if let Some(file) = tree.at_hand(&asked.path)
        && let Ok(Some(response)) = of_version(tree, &asked, &file, body::read_now)
        && tree.is_still_there(&asked.path, &file)
    {
        return response;
    }
    let Some(leave) = tree.shelf().leave().await else {
        return Problem::overloaded(1).into_response();
    };
    let tree = tree.clone();
    let path = asked.path.clone();
    let preparing = tokio::task::spawn_blocking(move || {
        let prepared = prepare(&tree, &asked);
        drop(leave);
        prepared
    });
    match tokio::time::timeout(PATIENCE, preparing).await {
        Ok(Ok(Ok(response))) => response,
        Ok(Ok(Err(NotFound))) => Problem::not_found(format!("`{path}`")).into_response(),
        Ok(Err(error)) => Problem::server(StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
        Err(_) => {
            Problem::server(StatusCode::GATEWAY_TIMEOUT, format!("`{path}`: the file system hangs")).into_response()
        }
    }
}

/// Everything but the later portions of a long body. Blocking.
fn prepare(tree: &Tree, asked: &Asked) -> Result<Response, NotFound> {
    let is_folder_path = asked.path.is_empty() || asked.path.ends_with('/');
    for _ in 0..TRIES {
        let file = match tree.open(&asked.path)? {
            Opened::Folder(folder) if is_folder_path => {
                return listing::answer(tree, &folder, &asked.path, &asked.headers);
            }
            Opened::Folder(_) => {
                let name = asked.path.rsplit('/').next().unwrap_or_default();
                return Ok(Redirect::permanent(&format!("{name}/")).into_response());
            }
            Opened::File(_) if is_folder_path => return Err(NotFound),
            Opened::File(file) => file,
        };
        match of_version(tree, asked, &file, |file, range| body::read(file, range).map(Some)) {
            Ok(Some(response)) => return Ok(response),
            Ok(None) => {}
            Err(error) => tracing::debug!(path = asked.path, %error, "opened anew"),
        }
    }
    Ok(Problem::overloaded(1).into_response())
}

/// How bytes of a short body are read: `None` when they are not to be had without waiting.
type Read = fn(&OpenFile, &Range<u64>) -> std::io::Result<Option<Bytes>>;

/// The answer from one version of the file; `None` when `read` gives none.
fn of_version(tree: &Tree, asked: &Asked, file: &Arc<OpenFile>, read: Read) -> std::io::Result<Option<Response>> {
    // Before anything is read.
    let (version, etag) = (&file.version, file.etag());
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::ETAG, etag.clone());
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.extend(file.last_modified.clone().map(|date| (header::LAST_MODIFIED, date)));
    let etag = etag.to_str().unwrap_or_default();
    let use_range = match version.judge(&asked.headers, etag, || jiff::Timestamp::now().as_second()) {
        Verdict::NotModified => return Ok(Some(respond(StatusCode::NOT_MODIFIED, headers, Body::empty()))),
        Verdict::Failed => {
            let detail = "the file is not the version that was asked for";
            return Ok(Some((headers, Problem::client(StatusCode::PRECONDITION_FAILED, detail)).into_response()));
        }
        Verdict::Proceed { use_range } => use_range,
    };
    // `Range` means something for GET only (RFC 9110, section 14.2).
    let ranged = asked.headers.get(header::RANGE).filter(|_| use_range && asked.method == Method::GET);
    let size_bytes = version.size_bytes;
    let (status, pieces) = match range::wanted(ranged.and_then(|value| value.to_str().ok()), size_bytes) {
        Wanted::Unsatisfiable => return Ok(Some(unsatisfiable(headers, size_bytes))),
        Wanted::Whole => (StatusCode::OK, vec![Piece::OfFile(0..size_bytes)]),
        Wanted::Parts(parts) => (StatusCode::PARTIAL_CONTENT, partial(&mut headers, &asked.path, &parts, size_bytes)),
    };
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type(&asked.path)));
    let length: u64 = pieces.iter().map(Piece::size_bytes).sum();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let body = if asked.method == Method::HEAD {
        Body::empty()
    } else if length > PORTION_BYTES {
        let (tree, path) = (tree.clone(), asked.path.clone());
        body::of(Source { tree, path, version: *version }, pieces)
    } else if let Some(body) = short_body(file, pieces, length, read)? {
        body
    } else {
        return Ok(None);
    };
    tree.count_sent(length);
    Ok(Some(respond(status, headers, body)))
}

/// A short body is read here and now.
fn short_body(file: &OpenFile, pieces: Vec<Piece>, length: u64, read: Read) -> std::io::Result<Option<Body>> {
    if let [Piece::OfFile(range)] = pieces.as_slice() {
        return Ok(read(file, range)?.map(Body::from));
    }
    let mut whole = Vec::with_capacity(length as usize);
    for piece in pieces {
        match piece {
            Piece::Ready(bytes) => whole.extend_from_slice(&bytes),
            Piece::OfFile(range) => match read(file, &range)? {
                Some(bytes) => whole.extend_from_slice(&bytes),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(Body::from(whole)))
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
        "tgz" | "gz" => "application/gzip",
        "h5" | "hdf5" => "application/x-hdf5",
        _ => "application/octet-stream",
    }
}
