//! One request to a file server and its answer: within the origin's share, read as it arrives and no further than was
//! asked for, and what its failures mean. An answer that has begun may take its time as long as it goes on.

use std::{
    error::Error,
    io,
    ops::{Deref, Range},
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_raster::source::SourceError;
use bytes::{Bytes, BytesMut};
use reqwest::{
    Method, Request, Response, StatusCode, Url,
    header::{self, HeaderMap, HeaderValue},
};

use crate::source::{
    Clients, Origin,
    multipart::{content_range, unsatisfied_range},
    origins::Visit,
    ranges::Stretch,
};

pub(super) fn several_ranges(url: &Url, group: &[Stretch]) -> Request {
    let ranges: Vec<_> =
        group.iter().map(|stretch| format!("{}-{}", stretch.bytes.start, stretch.bytes.end - 1)).collect();
    request(url, &ranges.join(","))
}

pub(super) fn ranged(url: &Url, range: &Range<u64>) -> Request {
    request(url, &format!("{}-{}", range.start, range.end - 1))
}

fn request(url: &Url, ranges: &str) -> Request {
    let mut request = Request::new(Method::GET, url.clone());
    let headers = request.headers_mut();
    // Ranges of a compressed representation would be of no use.
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    // Digits and signs are always a header's value.
    headers.extend(HeaderValue::try_from(format!("bytes={ranges}")).ok().map(|value| (header::RANGE, value)));
    request
}

/// Least bytes a second of a body, over each time in which a source may send nothing: what each of a hundred requests
/// gets of a line of eight megabits a second. Slower, it would hold its place among the origin's requests, and the
/// permit of who waits for it, for longer than ten minutes. That the line is full may be our own doing: no failure of
/// the origin.
const LEAST_BYTES_PER_S: f64 = 8192.0;

/// An answer that has begun, and the visit to its origin, which lasts until the body has been read.
pub(super) struct Answered {
    response: Response,
    visit: Visit,
    /// Time in which a source may send nothing.
    stall: Duration,
}

impl Deref for Answered {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

/// Sends a request within its origin's share. One that its connection was closed on before an answer began goes once
/// more, over a new connection: a kept one may be closed just as it is used again, and nothing is changed by asking
/// twice (RFC 9110, section 9.2.2).
pub(super) async fn send(
    clients: &Clients,
    origin: &Arc<Origin>,
    url: &Url,
    mut request: Request,
) -> Result<Answered, SourceError> {
    let mut visit = origin.enter().await?;
    if let Some(token) = origin.token() {
        request.headers_mut().insert(header::AUTHORIZATION, token.authorization());
    }
    metrics::counter!("aurora_source_requests_total").increment(1);
    let (mut begun, again) = (Instant::now(), request.try_clone());
    let mut sent = clients.kept.execute(request).await;
    if let (Err(error), Some(request)) = (&sent, again)
        && is_unanswered(error)
    {
        metrics::counter!("aurora_source_requests_total").increment(1);
        begun = Instant::now();
        sent = clients.fresh.execute(request).await;
    }
    match sent {
        Ok(response) if is_passing(response.status()) => {
            visit.succeeded();
            Err(refused(url, response.status()))
        }
        Ok(response) => {
            origin.answered_after(begun.elapsed());
            if !response.status().is_success() {
                // That there is no such file, or not for us, is an answer, too.
                visit.answered();
            }
            Ok(Answered { response, visit, stall: clients.stall })
        }
        Err(error) if of_http(&error).any(hyper::Error::is_parse) => {
            visit.succeeded();
            Err(bad(url, innermost(&error)))
        }
        Err(error) => {
            if error.is_connect() || error.is_timeout() {
                visit.failed();
            }
            Err(unavailable(url, &error))
        }
    }
}

/// Whether the connection ended before an answer had begun, or at least before its head was whole.
fn is_unanswered(error: &reqwest::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    let ended = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof];
    let is_end = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| ended.contains(&error.kind()))
    };
    let is_ended = |error: &hyper::Error| error.is_incomplete_message() || error.is_canceled() || error.is_closed();
    let had_time = !error.is_connect() && !error.is_timeout();
    had_time && (of_http(error).any(is_ended) || causes(error).any(is_end))
}

/// Whether the server, or one behind it, may do better in a while.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
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
    let Answered { mut response, mut visit, stall } = answered;
    let (mut received, mut pace) = (0, Pace { since: Instant::now(), bytes: 0 });
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) if error.is_timeout() => {
                visit.failed();
                return Err(unavailable(url, &error));
            }
            Err(error) => {
                visit.succeeded();
                let cause = innermost(&error);
                return Err(bad(url, format!("its answer broke off after {received} bytes: {cause}")));
            }
        };
        received += chunk.len() as u64;
        if received > most {
            visit.succeeded();
            return Err(bad(url, format!("more than the {most} bytes asked for")));
        }
        if let Err(error) = take(&chunk) {
            visit.succeeded();
            return Err(error);
        }
        match pace.is_kept(chunk.len(), stall) {
            Some(false) if received < most => {
                visit.succeeded();
                let reason = format!("fewer than {LEAST_BYTES_PER_S} bytes a second come");
                return Err(SourceError::Unavailable { name: url.to_string(), reason });
            }
            // Who waits to hear whether it is back need not wait for the end.
            Some(_) => visit.answered(),
            None => {}
        }
    }
    visit.succeeded();
    metrics::counter!("aurora_source_bytes_total").increment(received);
    Ok(())
}

/// What of a body has come since a moment.
struct Pace {
    since: Instant,
    bytes: usize,
}

impl Pace {
    /// Counts what has come now. Whether it was enough, once `time` is over, which then begins anew.
    fn is_kept(&mut self, bytes: usize, time: Duration) -> Option<bool> {
        self.bytes += bytes;
        let took = self.since.elapsed();
        (took >= time).then(|| {
            let over = std::mem::replace(self, Self { since: Instant::now(), bytes: 0 });
            over.bytes as f64 >= took.as_secs_f64() * LEAST_BYTES_PER_S
        })
    }
}

/// Which bytes of how many an answer of one range holds.
pub(super) fn content_range_of(url: &Url, headers: &HeaderMap) -> Result<(Range<u64>, u64), SourceError> {
    let text = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    text.and_then(content_range).ok_or_else(|| bad(url, "a Content-Range that does not say which bytes of how many"))
}

/// How many bytes there are in all, as an answer says that has none of those asked for (status 416).
pub(super) fn whole_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok().and_then(unsatisfied_range)
}

pub(super) fn refused(url: &Url, status: StatusCode) -> SourceError {
    let name = url.to_string();
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => SourceError::NotFound { name },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            SourceError::Forbidden { name, reason: "its server wants to know who asks".to_owned() }
        }
        // Nothing is asked for that could have gone unmodified.
        status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => SourceError::Forbidden {
            name,
            reason: "its server sends elsewhere, and redirects are not followed".to_owned(),
        },
        status if is_passing(status) => SourceError::Unavailable { name, reason: format!("status {status}") },
        status => SourceError::BadAnswer { name, reason: format!("status {status}") },
    }
}

pub(super) fn bad(url: &Url, reason: impl Into<String>) -> SourceError {
    SourceError::BadAnswer { name: url.to_string(), reason: reason.into() }
}

fn unavailable(url: &Url, error: &reqwest::Error) -> SourceError {
    SourceError::Unavailable { name: url.to_string(), reason: innermost(error) }
}

/// What happened: the outer texts only repeat the address.
fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What the speaking of HTTP came to, of all that an error came from.
fn of_http(error: &reqwest::Error) -> impl Iterator<Item = &hyper::Error> {
    causes(error).filter_map(|cause| cause.downcast_ref())
}

/// What an error came from, the nearest cause first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_judged_by_what_came_in_a_time_and_then_anew() {
        let time = Duration::from_secs(10);
        let least = 10 * LEAST_BYTES_PER_S as usize;
        let after = |took: Duration, bytes| Pace { since: Instant::now() - took, bytes };
        assert_eq!(after(time / 2, 0).is_kept(1, time), None);
        assert_eq!(after(time, least / 2).is_kept(least / 4, time), Some(false));
        let mut quick = after(time, least);
        assert_eq!(quick.is_kept(least, time), Some(true));
        assert_eq!((quick.bytes, quick.is_kept(1, time)), (0, None));
    }
}
