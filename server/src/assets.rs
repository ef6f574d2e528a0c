//! The map: the built frontend, inside the program.
//!
//! Files under `assets/` carry a hash of their content in their name and never change; the rest is asked for anew. A
//! server built before the map says how to build it. Texts were compressed when the map was built.

use aurora_daemon::problem::Problem;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{
    encodings::{self, Encoding},
    handlers::{answer, conditions::Conditions},
};

/// `frontend/dist`, as it was when the server was built.
#[derive(RustEmbed)]
#[folder = "../frontend/dist"]
struct Dist;

const INDEX: &str = "index.html";

const HTML: &str = "text/html; charset=utf-8";

/// Shown in the map's place while there is none.
const NOT_BUILT: &str = "<!doctype html><title>Aurora</title><p>The map is not part of this build. Make it with \
    <code>cd frontend &amp;&amp; npm ci &amp;&amp; npm run build</code>, then build the server again.</p>";

/// `/` and everything that no route takes.
pub(crate) async fn asset(method: Method, uri: Uri, headers: HeaderMap, conditions: Conditions) -> Response {
    if let Some(place) = without_slash(&uri) {
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, place)]).into_response();
    }
    if !matches!(method, Method::GET | Method::HEAD) {
        return Problem::not_found(format!("{method} {}", uri.path())).into_response();
    }
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { INDEX } else { path };
    match Dist::get(path) {
        Some(file) => found(path, file, &headers, &conditions),
        None if path == INDEX => not_built(),
        None => Problem::not_found(uri.path()).into_response(),
    }
}

/// The same address without the slash at its end, as TiTiler redirects to it: relative, so that it holds behind a proxy
/// that puts something in front.
fn without_slash(uri: &Uri) -> Option<String> {
    let last = uri.path().strip_suffix('/')?.rsplit('/').next().filter(|last| !last.is_empty())?;
    Some(uri.query().map_or_else(|| format!("../{last}"), |query| format!("../{last}?{query}")))
}

/// One of the built pages, whatever the address it is asked for under.
pub(crate) fn page(name: &str, headers: &HeaderMap, conditions: &Conditions) -> Response {
    Dist::get(name).map_or_else(not_built, |file| found(name, file, headers, conditions))
}

fn not_built() -> Response {
    ([(header::CONTENT_TYPE, HTML)], NOT_BUILT).into_response()
}

/// The file in the best encoding that the requester takes and the build has.
fn found(path: &str, plain: EmbeddedFile, headers: &HeaderMap, conditions: &Conditions) -> Response {
    let media_type = plain.metadata.mimetype().to_owned();
    let built = |encoding: Encoding| Some((encoding.name, Dist::get(&format!("{path}{}", encoding.ending))?));
    let encoded = encodings::taken(headers).find_map(built);
    let (encoding, file) = encoded.map_or((None, plain), |(name, file)| (Some(name), file));
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let cache_control = if path.starts_with("assets/") { answer::IMMUTABLE } else { "no-cache" };
    let mut response = if conditions.name(&etag) || conditions.any() {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
            std::borrow::Cow::Owned(bytes) => Body::from(bytes),
        };
        let media_type = if media_type == "text/html" { HTML.to_owned() } else { media_type };
        let encoding = encoding.map(|name| [(header::CONTENT_ENCODING, name)]);
        ([(header::CONTENT_TYPE, media_type)], encoding, body).into_response()
    };
    let tags = response.headers_mut();
    tags.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    tags.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        tags.insert(header::ETAG, etag);
    }
    response
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
