//! One request to a file server and its answer: within the origin's share, read as it arrives and no further than was asked
//! for, and what its failures mean.

use std::{ops::Deref, ops::Range, sync::Arc, time::Instant};

use aurora_raster::source::SourceError;
use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, RequestBuilder, Response, StatusCode, Url,
    header::{self, HeaderMap},
};

use crate::source::{Origin, multipart::content_range, origins::Visit, ranges::Stretch};

pub(super) fn several_ranges(client: &Client, url: &Url, group: &[Stretch]) -> RequestBuilder {
    let ranges: Vec<_> =
        group.iter().map(|stretch| format!("{}-{}", stretch.bytes.start, stretch.bytes.end - 1)).collect();
    identity(client.get(url.clone())).header(header::RANGE, format!("bytes={}", ranges.join(",")))
}

pub(super) fn ranged(client: &Client, url: &Url, range: &Range<u64>) -> RequestBuilder {
    identity(client.get(url.clone())).header(header::RANGE, format!("bytes={}-{}", range.start, range.end - 1))
}

/// Ranges of a compressed representation would be of no use.
fn identity(request: RequestBuilder) -> RequestBuilder {
    request.header(header::ACCEPT_ENCODING, "identity")
}

/// An answer that has begun, and the visit to its origin, which lasts until the body has been read.
pub(super) struct Answered {
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
pub(super) async fn send(origin: &Arc<Origin>, url: &Url, request: RequestBuilder) -> Result<Answered, SourceError> {
    let visit = origin.enter().await?;
    let request = match origin.token() {
        Some(token) => request.header(header::AUTHORIZATION, token.authorization()),
        None => request,
    };
    metrics::counter!("aurora_source_requests_total").increment(1);
    let begun = Instant::now();
    match request.send().await {
        Ok(response) if is_ill(response.status()) => {
            visit.failed();
            Err(refused(url, response.status()))
        }
        Ok(response) => {
            origin.answered_after(begun.elapsed());
            Ok(Answered { response, visit })
        }
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
pub(super) async fn body(url: &Url, response: Answered, expected: u64) -> Result<Bytes, SourceError> {
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
pub(super) async fn each_chunk(
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
pub(super) fn content_range_of(url: &Url, headers: &HeaderMap) -> Result<(Range<u64>, u64), SourceError> {
    let text = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    text.and_then(content_range).ok_or_else(|| bad(url, "a Content-Range that does not say which bytes of how many"))
}

pub(super) fn refused(url: &Url, status: StatusCode) -> SourceError {
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

pub(super) fn bad(url: &Url, reason: impl Into<String>) -> SourceError {
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
