//! Ranges of one version of a file behind an HTTP server (RFC 9110, sections 13 and 14).
//!
//! Opening is one request for the first bytes, from which size and validator are learnt. Every later read names the
//! validator and checks what comes back, so bytes of two versions are never mixed. Redirects are not followed, no more of
//! a body is read than was asked for, and nothing of it is kept that was read only to get past it.

use std::{
    ops::{Deref, Range},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::SystemTime,
};

use aurora_raster::source::{ByteSource, SourceError, SourceFuture};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{self, HeaderMap, HeaderName},
};

use super::{
    Origin,
    multipart::{Multipart, MultipartError, content_range},
    origins::Visit,
    ranges::{Scatter, Span, Stretch, spans, stretches},
};

/// Bytes asked for when opening: the header of most files.
const HEAD_BYTES: u64 = 64 << 10;

/// Requests of one read under way at once.
const PARALLEL_REQUESTS: usize = 6;

/// Bytes read for nothing rather than making another request.
const MAX_GAP_BYTES: u64 = 64 << 10;

/// The same between ranges of one request: about what the head of a part takes.
const SMALL_GAP_BYTES: u64 = 512;

/// Ranges of one request. Aurora's own file server answers 64, and so short a header passes everywhere.
const MAX_RANGES_PER_REQUEST: usize = 64;

/// Room for the head of each part of an answer.
const PART_HEAD_BYTES: u64 = 1024;

/// Bytes of some ranges, by the ranges' indices.
type Answers = Vec<(usize, Bytes)>;

/// Whether a server answers several ranges at once.
struct Several;

impl Several {
    const UNTRIED: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;
}

/// A file at one version.
pub(crate) struct HttpSource {
    client: Client,
    origin: Arc<Origin>,
    url: Url,
    size_bytes: u64,
    validator: Validator,
    version: String,
    /// The first bytes: until the header is read, or for good when they are the whole of a server that knows no ranges.
    head: Mutex<Bytes>,
    whole: bool,
    /// One of [`Several`].
    several: AtomicU8,
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
    pub(crate) async fn open(client: &Client, origin: Arc<Origin>, url: Url) -> Result<Arc<Self>, SourceError> {
        let response = send(&origin, &url, ranged(client, &url, &(0..HEAD_BYTES))).await?;
        let validator = Validator::of(response.headers());
        let status = response.status();
        let (size_bytes, expected) = match status {
            StatusCode::PARTIAL_CONTENT => {
                let (range, size) = content_range_of(&url, response.headers())?;
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
            origin,
            url,
            size_bytes,
            validator,
            version,
            head: Mutex::new(head),
            whole,
            several: AtomicU8::new(Several::UNTRIED),
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

    /// Few requests for many ranges: neighbours are asked for as one stretch, and many stretches by one request where the
    /// server answers several ranges at once. Whether it does is tried only where it saves many requests.
    async fn fetch(&self, ranges: &[Range<u64>], wanted: Vec<Span>) -> Result<Vec<Answers>, SourceError> {
        let near = stretches(wanted.clone(), MAX_GAP_BYTES);
        if near.len() > PARALLEL_REQUESTS && self.several.load(Relaxed) != Several::NO {
            let (first, rest) = grouped(stretches(wanted, SMALL_GAP_BYTES));
            if let Some(answers) = self.several_at_once(ranges, first).await? {
                self.several.store(Several::YES, Relaxed);
                let requests = rest.into_iter().map(|group| self.several_for_sure(ranges, group));
                let mut all: Vec<_> = stream::iter(requests).buffer_unordered(PARALLEL_REQUESTS).try_collect().await?;
                all.push(answers);
                return Ok(all);
            }
            self.several.store(Several::NO, Relaxed);
        }
        let requests = near.into_iter().map(|stretch| self.one(ranges, stretch));
        stream::iter(requests).buffer_unordered(PARALLEL_REQUESTS).try_collect().await
    }

    /// One stretch by one request.
    async fn one(&self, ranges: &[Range<u64>], stretch: Stretch) -> Result<Answers, SourceError> {
        let bytes = stretch.bytes.clone();
        let request = self.validator.guard(ranged(&self.client, &self.url, &bytes));
        let response = send(&self.origin, &self.url, request).await?;
        self.check_status(&response)?;
        let (sent, size) = content_range_of(&self.url, response.headers())?;
        if size != self.size_bytes || Validator::of(response.headers()) != self.validator {
            return Err(self.changed());
        }
        if sent != bytes {
            return Err(bad(&self.url, format!("bytes {sent:?} instead of {bytes:?}")));
        }
        let mut scatter = Scatter::new(vec![stretch]);
        let mut at = bytes.start;
        each_chunk(&self.url, response, bytes.end - bytes.start, |chunk| {
            scatter.put(at, chunk).map_err(|error| bad(&self.url, error.to_string()))?;
            at += chunk.len() as u64;
            Ok(())
        })
        .await?;
        scatter.finish(ranges).map_err(|error| bad(&self.url, error.to_string()))
    }

    /// Several stretches, one by one where the server for once does not answer them together.
    async fn several_for_sure(&self, ranges: &[Range<u64>], group: Vec<Stretch>) -> Result<Answers, SourceError> {
        if let Some(answers) = self.several_at_once(ranges, group.clone()).await? {
            return Ok(answers);
        }
        let mut answers = Vec::new();
        for stretch in group {
            answers.extend(self.one(ranges, stretch).await?);
        }
        Ok(answers)
    }

    /// Several stretches by one request; `None` when the server does not answer so.
    async fn several_at_once(
        &self,
        ranges: &[Range<u64>],
        group: Vec<Stretch>,
    ) -> Result<Option<Answers>, SourceError> {
        let group = match <[Stretch; 1]>::try_from(group) {
            Ok([stretch]) => return self.one(ranges, stretch).await.map(Some),
            Err(group) => group,
        };
        let wanted: u64 = group.iter().map(|stretch| stretch.bytes.end - stretch.bytes.start).sum();
        let asked = several_ranges(&self.client, &self.url, &group);
        let response = send(&self.origin, &self.url, self.validator.guard(asked)).await?;
        if response.status() == StatusCode::PRECONDITION_FAILED {
            return Err(self.changed());
        }
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let multipart = content_type.and_then(|text| Multipart::new(text, self.size_bytes));
        let Some(mut multipart) = multipart.filter(|_| response.status() == StatusCode::PARTIAL_CONTENT) else {
            return Ok(None);
        };
        if Validator::of(response.headers()) != self.validator {
            return Err(self.changed());
        }
        let mut scatter = Scatter::new(group.clone());
        let room = wanted + group.len() as u64 * PART_HEAD_BYTES;
        each_chunk(&self.url, response, room, |chunk| {
            multipart.put(chunk, &mut scatter).map_err(|error| match error {
                MultipartError::OtherSize(_) => self.changed(),
                error => bad(&self.url, error.to_string()),
            })
        })
        .await?;
        scatter.finish(ranges).map(Some).map_err(|error| bad(&self.url, error.to_string()))
    }

    fn check_status(&self, response: &Response) -> Result<(), SourceError> {
        match response.status() {
            StatusCode::PARTIAL_CONTENT => Ok(()),
            // 416: it has shrunk. 200: a server that honours If-Match by sending the whole new version.
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => Err(self.changed()),
            StatusCode::OK if Validator::of(response.headers()) != self.validator => Err(self.changed()),
            StatusCode::OK => Err(SourceError::NoRanges { name: self.url.to_string() }),
            status => Err(refused(&self.url, status)),
        }
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

    fn written_at(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.validator.last_modified.as_deref()?).ok()
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        Box::pin(async move {
            let mut parts: Vec<Bytes> = ranges.iter().map(|range| self.at_hand(range).unwrap_or_default()).collect();
            let missing = |span: &Span| span.answers.iter().any(|&index| parts[index].is_empty());
            let wanted: Vec<Span> = spans(ranges).into_iter().filter(missing).collect();
            for (index, bytes) in self.fetch(ranges, wanted).await?.into_iter().flatten() {
                parts[index] = bytes;
            }
            Ok(parts)
        })
    }
}

/// The first group of stretches, and the others.
fn grouped(stretches: Vec<Stretch>) -> (Vec<Stretch>, Vec<Vec<Stretch>>) {
    let groups = stretches.len().div_ceil(MAX_RANGES_PER_REQUEST).max(1);
    let mut groups = stretches.chunks(stretches.len().div_ceil(groups).max(1)).map(<[_]>::to_vec);
    (groups.next().unwrap_or_default(), groups.collect())
}

fn several_ranges(client: &Client, url: &Url, group: &[Stretch]) -> RequestBuilder {
    let ranges: Vec<_> =
        group.iter().map(|stretch| format!("{}-{}", stretch.bytes.start, stretch.bytes.end - 1)).collect();
    identity(client.get(url.clone())).header(header::RANGE, format!("bytes={}", ranges.join(",")))
}

fn ranged(client: &Client, url: &Url, range: &Range<u64>) -> RequestBuilder {
    identity(client.get(url.clone())).header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
}

/// Ranges of a compressed representation would be of no use.
fn identity(request: RequestBuilder) -> RequestBuilder {
    request.header(header::ACCEPT_ENCODING, "identity")
}

/// An answer that has begun, and the visit to its origin, which lasts until the body has been read.
struct Answered {
    response: Response,
    visit: Visit,
}

impl Deref for Answered {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

/// Sends a request within its origin's share.
async fn send(origin: &Arc<Origin>, url: &Url, request: RequestBuilder) -> Result<Answered, SourceError> {
    let visit = origin.enter().await?;
    let request = match origin.token() {
        Some(token) => request.header(header::AUTHORIZATION, token.authorization()),
        None => request,
    };
    metrics::counter!("aurora_source_requests_total").increment(1);
    match request.send().await {
        Ok(response) if is_ill(response.status()) => {
            visit.failed();
            Err(refused(url, response.status()))
        }
        Ok(response) => Ok(Answered { response, visit }),
        Err(error) => {
            visit.failed();
            Err(unavailable(url, &error))
        }
    }
}

/// Whether the whole server is ill rather than the one file.
fn is_ill(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// Exactly `expected` bytes; a longer body is not read to its end.
async fn body(url: &Url, response: Answered, expected: u64) -> Result<Bytes, SourceError> {
    let length = usize::try_from(expected).map_err(|_| bad(url, "more bytes than this host can address"))?;
    let mut bytes = BytesMut::with_capacity(length);
    each_chunk(url, response, expected, |chunk| {
        bytes.extend_from_slice(chunk);
        Ok(())
    })
    .await?;
    if bytes.len() < length {
        return Err(bad(url, format!("{} bytes instead of {length}", bytes.len())));
    }
    Ok(bytes.freeze())
}

/// Hands out a body as it arrives; one of more than `most` bytes is not read to its end.
async fn each_chunk(
    url: &Url,
    answered: Answered,
    most: u64,
    mut take: impl FnMut(&[u8]) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let Answered { mut response, visit } = answered;
    let mut received = 0;
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => {
                visit.failed();
                return Err(unavailable(url, &error));
            }
        };
        received += chunk.len() as u64;
        if received > most {
            return Err(bad(url, format!("more than the {most} bytes asked for")));
        }
        take(&chunk)?;
    }
    visit.succeeded();
    metrics::counter!("aurora_source_bytes_total").increment(received);
    Ok(())
}

/// Which bytes of how many an answer of one range holds.
fn content_range_of(url: &Url, headers: &HeaderMap) -> Result<(Range<u64>, u64), SourceError> {
    let text = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    text.and_then(content_range).ok_or_else(|| bad(url, "a Content-Range that does not say which bytes of how many"))
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
        status if is_ill(status) => SourceError::Unavailable { name, reason: format!("status {status}") },
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use axum::{Router, extract::State, response::IntoResponse, routing::get};

    use super::*;
    use crate::source::client;

    const SIZE_BYTES: usize = 9 << 20;

    /// Serves one file of known bytes, and counts what it is asked.
    struct FileServer {
        answers_several: bool,
        requests: AtomicUsize,
    }

    fn byte(at: usize) -> u8 {
        (at.wrapping_mul(2_654_435_761) >> 16) as u8
    }

    fn bytes_of(range: &Range<u64>) -> Vec<u8> {
        (range.start as usize..range.end as usize).map(byte).collect()
    }

    fn tags(content_type: &str) -> [(HeaderName, String); 2] {
        [(header::ETAG, "\"1\"".to_owned()), (header::CONTENT_TYPE, content_type.to_owned())]
    }

    async fn file(State(server): State<Arc<FileServer>>, headers: HeaderMap) -> axum::response::Response {
        server.requests.fetch_add(1, Relaxed);
        let text = headers[header::RANGE].to_str().expect("text").strip_prefix("bytes=").expect("bytes");
        let ranges: Vec<_> = text
            .split(',')
            .map(|range| {
                let (first, last) = range.split_once('-').expect("two ends");
                first.parse::<u64>().expect("a number")..last.parse::<u64>().expect("a number") + 1
            })
            .collect();
        let content_range = |range: &Range<u64>| format!("bytes {}-{}/{SIZE_BYTES}", range.start, range.end - 1);
        match &ranges[..] {
            [range] => {
                let head = [(header::CONTENT_RANGE, content_range(range))];
                (StatusCode::PARTIAL_CONTENT, tags("image/tiff"), head, bytes_of(range)).into_response()
            }
            _ if !server.answers_several => (tags("image/tiff"), "all of it").into_response(),
            ranges => {
                let mut body = Vec::new();
                for range in ranges {
                    body.extend(format!("\r\n--b\r\nContent-Range: {}\r\n\r\n", content_range(range)).bytes());
                    body.extend(bytes_of(range));
                }
                body.extend(b"\r\n--b--\r\n");
                (StatusCode::PARTIAL_CONTENT, tags("multipart/byteranges; boundary=b"), body).into_response()
            }
        }
    }

    /// Reads a hundred ranges far from each other twice; returns the requests that each reading took.
    async fn requests_for_many(answers_several: bool) -> [usize; 2] {
        let server = Arc::new(FileServer { answers_several, requests: AtomicUsize::new(0) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/a.tif", listener.local_addr().expect("bound")).parse().expect("an address");
        let router = Router::new().route("/a.tif", get(file)).with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let time = std::time::Duration::from_secs(20);
        let client = client(time, time, None).expect("a client");
        let origin = super::super::Origins::new(16, time).named(&"it".into());
        let source = HttpSource::open(&client, origin, url).await.expect("opens");
        // In disorder; the first lies in the bytes that opening brought, the last two adjoin.
        let mut ranges: Vec<Range<u64>> = (0..100).map(|at| at * 90_000..at * 90_000 + 700).rev().collect();
        ranges.push(9_000_000..9_000_050);
        ranges.push(9_000_050..9_000_100);
        let mut counts = [0; 2];
        for count in &mut counts {
            let before = server.requests.load(Relaxed);
            let answers = source.read(&ranges).await.expect("read");
            assert!(ranges.iter().zip(&answers).all(|(range, answer)| *answer == bytes_of(range)));
            *count = server.requests.load(Relaxed) - before;
        }
        counts
    }

    #[tokio::test]
    async fn many_ranges_are_few_requests_where_the_server_answers_several_at_once() {
        assert_eq!(requests_for_many(true).await, [2, 2]);
        // One trial, and then one by one.
        assert_eq!(requests_for_many(false).await, [101, 100]);
    }
}
