//! Ranges of one version of a file behind an HTTP server (RFC 9110, sections 13 and 14).
//!
//! Opening is one request for the first bytes, from which size and validator are learnt. Every later read names the
//! validator and checks what comes back, so bytes of two versions are never mixed. Redirects are not followed, and no
//! more of a body is read than was asked for.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use aurora_raster::source::{ByteSource, SourceError, SourceFuture};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{self, HeaderMap, HeaderName},
};

use super::ranges::{Request, merge};

/// Bytes asked for when opening: the header of most files.
const HEAD_BYTES: u64 = 64 << 10;

/// Requests of one read under way at once.
const PARALLEL_REQUESTS: usize = 6;

/// A file at one version.
pub(crate) struct HttpSource {
    client: Client,
    url: Url,
    size_bytes: u64,
    validator: Validator,
    version: String,
    /// The first bytes: until the header is read, or for good when they are the whole of a server that knows no ranges.
    head: Mutex<Bytes>,
    whole: bool,
}

/// What tells one version from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Validator {
    /// Strong ETag.
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Validator {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // A weak ETag cannot vouch for bytes.
        let etag = text(header::ETAG).filter(|etag| !etag.starts_with("W/"));
        Self { etag, last_modified: text(header::LAST_MODIFIED) }
    }

    /// Asks the server to refuse any other version.
    fn guard(&self, request: RequestBuilder) -> RequestBuilder {
        match (&self.etag, &self.last_modified) {
            (Some(etag), _) => request.header(header::IF_MATCH, etag),
            (None, Some(date)) => request.header(header::IF_UNMODIFIED_SINCE, date),
            (None, None) => request,
        }
    }

    fn version(&self, size_bytes: u64) -> String {
        let Self { etag, last_modified } = self;
        match (etag, last_modified) {
            (Some(etag), _) => etag.clone(),
            (None, Some(date)) => format!("{date}, {size_bytes} bytes"),
            (None, None) => format!("{size_bytes} bytes"),
        }
    }
}

impl HttpSource {
    /// Asks for the first bytes, and learns size and version from the answer.
    pub(crate) async fn open(client: &Client, url: Url) -> Result<Arc<Self>, SourceError> {
        let response = send(&url, ranged(client, &url, &(0..HEAD_BYTES))).await?;
        let validator = Validator::of(response.headers());
        let status = response.status();
        let (size_bytes, expected) = match status {
            StatusCode::PARTIAL_CONTENT => {
                let (range, size) = content_range(&url, response.headers())?;
                let expected = 0..size.min(HEAD_BYTES);
                if range != expected {
                    return Err(bad(&url, format!("bytes {range:?} instead of {expected:?}")));
                }
                (size, expected.end)
            }
            StatusCode::RANGE_NOT_SATISFIABLE => (0, 0),
            StatusCode::OK => match response.content_length() {
                Some(length) if length <= HEAD_BYTES => (length, length),
                _ => return Err(SourceError::NoRanges { name: url.to_string() }),
            },
            status => return Err(refused(&url, status)),
        };
        let head = if size_bytes == 0 { Bytes::new() } else { body(&url, response, expected).await? };
        let version = validator.version(size_bytes);
        let whole = status == StatusCode::OK;
        Ok(Arc::new(Self {
            client: client.clone(),
            url,
            size_bytes,
            validator,
            version,
            head: Mutex::new(head),
            whole,
        }))
    }

    /// Forgets the first bytes, once the header has been read from them.
    pub(crate) fn release_head(&self) {
        if !self.whole {
            *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::new();
        }
    }

    /// Bytes kept in memory.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What can be cut from the bytes at hand.
    fn at_hand(&self, range: &Range<u64>) -> Option<Bytes> {
        let head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
        (end <= head.len()).then(|| head.slice(start..end))
    }

    async fn fetch(&self, range: Range<u64>) -> Result<Bytes, SourceError> {
        if let Some(bytes) = self.at_hand(&range) {
            return Ok(bytes);
        }
        let response = send(&self.url, self.validator.guard(ranged(&self.client, &self.url, &range))).await?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            // 416: it has shrunk. 200: a server that honours If-Match by sending the whole new version.
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => return Err(self.changed()),
            StatusCode::OK if Validator::of(response.headers()) != self.validator => return Err(self.changed()),
            StatusCode::OK => return Err(SourceError::NoRanges { name: self.url.to_string() }),
            status => return Err(refused(&self.url, status)),
        }
        let (sent, size) = content_range(&self.url, response.headers())?;
        if size != self.size_bytes || Validator::of(response.headers()) != self.validator {
            return Err(self.changed());
        }
        if sent != range {
            return Err(bad(&self.url, format!("bytes {sent:?} instead of {range:?}")));
        }
        body(&self.url, response, range.end - range.start).await
    }

    async fn answer(&self, request: Request, ranges: &[Range<u64>]) -> Result<Vec<(usize, Bytes)>, SourceError> {
        let start = request.bytes.start;
        let bytes = self.fetch(request.bytes).await?;
        let cut = |range: &Range<u64>| bytes.slice((range.start - start) as usize..(range.end - start) as usize);
        Ok(request.answers.into_iter().map(|index| (index, cut(&ranges[index]))).collect())
    }

    fn changed(&self) -> SourceError {
        SourceError::Changed { name: self.url.to_string() }
    }
}

impl ByteSource for HttpSource {
    fn name(&self) -> &str {
        self.url.as_str()
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        Box::pin(async move {
            let requests = merge(ranges).into_iter().map(|request| self.answer(request, ranges));
            let answers: Vec<_> = stream::iter(requests).buffer_unordered(PARALLEL_REQUESTS).try_collect().await?;
            let mut parts = vec![Bytes::new(); ranges.len()];
            for (index, bytes) in answers.into_iter().flatten() {
                parts[index] = bytes;
            }
            Ok(parts)
        })
    }
}

fn ranged(client: &Client, url: &Url, range: &Range<u64>) -> RequestBuilder {
    client
        .get(url.clone())
        .header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
        // Ranges of a compressed representation would be of no use.
        .header(header::ACCEPT_ENCODING, "identity")
}

async fn send(url: &Url, request: RequestBuilder) -> Result<Response, SourceError> {
    metrics::counter!("aurora_source_requests_total").increment(1);
    request.send().await.map_err(|error| unavailable(url, &error))
}

/// Exactly `expected` bytes; a longer body is not read to its end.
async fn body(url: &Url, mut response: Response, expected: u64) -> Result<Bytes, SourceError> {
    let length = usize::try_from(expected).map_err(|_| bad(url, "more bytes than this host can address"))?;
    let mut bytes = BytesMut::with_capacity(length);
    while let Some(chunk) = response.chunk().await.map_err(|error| unavailable(url, &error))? {
        if bytes.len() + chunk.len() > length {
            return Err(bad(url, format!("more than the {length} bytes asked for")));
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.len() < length {
        return Err(bad(url, format!("{} bytes instead of {length}", bytes.len())));
    }
    metrics::counter!("aurora_source_bytes_total").increment(expected);
    Ok(bytes.freeze())
}

/// `bytes first-last/size` as a half-open range and the size.
fn content_range(url: &Url, headers: &HeaderMap) -> Result<(Range<u64>, u64), SourceError> {
    let parse = || {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
        let (range, size) = text.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        Some((first..last.checked_add(1)?, size.parse().ok()?))
    };
    parse().ok_or_else(|| bad(url, "a Content-Range that does not say which bytes of how many"))
}

fn refused(url: &Url, status: StatusCode) -> SourceError {
    let name = url.to_string();
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => SourceError::NotFound { name },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            SourceError::Forbidden { name, reason: "its server wants to know who asks".to_owned() }
        }
        status if status.is_redirection() => SourceError::Forbidden {
            name,
            reason: "its server sends elsewhere, and redirects are not followed".to_owned(),
        },
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            SourceError::Unavailable { name, reason: format!("status {status}") }
        }
        status => SourceError::BadAnswer { name, reason: format!("status {status}") },
    }
}

fn bad(url: &Url, reason: impl Into<String>) -> SourceError {
    SourceError::BadAnswer { name: url.to_string(), reason: reason.into() }
}

fn unavailable(url: &Url, error: &reqwest::Error) -> SourceError {
    // The outer text only repeats the address; the innermost cause says what happened.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    SourceError::Unavailable { name: url.to_string(), reason: cause.to_string() }
}
