//! Ranges of one version of a file behind an HTTP server (RFC 9110, sections 13 and 14).
//!
//! Opening is one request for the first bytes, from which size and validator are learnt. Every later read names the
//! validator and checks what comes back, so bytes of two versions are never mixed. A request that a connection was
//! closed on before it was answered is made once more. Redirects are not followed, no more of a body is read than was
//! asked for, and nothing of it is kept that was read only to get past it.

mod exchange;
mod validator;

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aurora_raster::source::{ByteSource, SourceError, SourceFuture};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::{Request, Response, StatusCode, Url, header};

use super::{
    Clients, Origin,
    multipart::{Multipart, MultipartError},
    origins::Several,
    ranges::{Scatter, Span, Stretch, few_stretches, spans, stretches},
};
use exchange::{Answered, bad, body, content_range_of, each_chunk, ranged, refused, send, several_ranges, whole_of};
use validator::Validator;

/// Bytes asked for when opening: the header of most files.
const HEAD_BYTES: u64 = 64 << 10;

/// Requests of one read under way at once.
const PARALLEL_REQUESTS: usize = 12;

/// Bytes between two ranges of one request that are read for nothing: about what the head of a part takes.
const SMALL_GAP_BYTES: u64 = 512;

/// Least and most bytes that are read for nothing rather than making another request.
const GAP_BYTES: Range<u64> = 64 << 10..1 << 20;

/// What a file server is taken to send while it is asked for something else. Of a slow line more time is spent than
/// saved, but seldom much; a fast one is not kept waiting.
const LINE_BYTES_PER_S: f64 = 128e6;

/// Bytes that one read may read for nothing in all.
const MAX_WASTE_BYTES: u64 = 32 << 20;

/// Ranges of one request. Aurora's own file server answers 64, and so short a header passes everywhere.
const MAX_RANGES_PER_REQUEST: usize = 64;

/// Room for the head of each part of an answer.
const PART_HEAD_BYTES: u64 = 1024;

/// Bytes of some ranges, by the ranges' indices.
type Answers = Vec<(usize, Bytes)>;

/// A file at one version.
pub(crate) struct HttpSource {
    clients: Clients,
    origin: Arc<Origin>,
    url: Url,
    size_bytes: u64,
    validator: Validator,
    version: String,
    /// The first bytes: until the header is read, or for good when they are the whole of a server that knows no ranges.
    head: Mutex<Bytes>,
    whole: bool,
}

impl HttpSource {
    /// Asks for the first bytes, and learns size and version from the answer.
    pub(crate) async fn open(clients: &Clients, origin: Arc<Origin>, url: Url) -> Result<Arc<Self>, SourceError> {
        let response = send(clients, &origin, &url, ranged(&url, &(0..HEAD_BYTES))).await?;
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
            // Of a file that begins with a first byte there is always something.
            StatusCode::RANGE_NOT_SATISFIABLE if whole_of(response.headers()).unwrap_or(0) == 0 => (0, 0),
            StatusCode::OK => match response.content_length() {
                Some(length) if length <= HEAD_BYTES => (length, length),
                _ => return Err(SourceError::NoRanges { name: url.to_string() }),
            },
            status => return Err(refused(&url, status)),
        };
        let head = if size_bytes == 0 { Bytes::new() } else { body(&url, response, expected).await? };
        let version = validator.version(size_bytes, &head);
        let whole = status == StatusCode::OK;
        Ok(Arc::new(Self {
            clients: clients.clone(),
            origin,
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

    /// Few requests for many ranges: neighbours are asked for as one stretch, and many stretches by one request where
    /// the server answers several ranges at once. Whether it does is tried only where it saves many requests; where it
    /// does not, a request is worth what else could have been sent in its time.
    async fn fetch(&self, ranges: &[Range<u64>], wanted: Vec<Span>) -> Result<Vec<Answers>, SourceError> {
        let mut near = stretches(wanted.clone(), GAP_BYTES.start);
        if near.len() > PARALLEL_REQUESTS {
            if self.origin.several() == Several::No {
                near = few_stretches(wanted, self.gap_bytes(), MAX_WASTE_BYTES);
            } else if let (first, rest) = grouped(stretches(wanted.clone(), SMALL_GAP_BYTES))
                && let Some(answers) = self.several_at_once(ranges, first).await?
            {
                self.origin.answers_several(Several::Yes);
                let requests = rest.into_iter().map(|group| self.several_for_sure(ranges, group));
                let mut all: Vec<_> = stream::iter(requests).buffer_unordered(PARALLEL_REQUESTS).try_collect().await?;
                all.push(answers);
                return Ok(all);
            } else {
                self.origin.answers_several(Several::No);
                near = few_stretches(wanted, self.gap_bytes(), MAX_WASTE_BYTES);
            }
        }
        let requests = near.into_iter().map(|stretch| self.one(ranges, stretch));
        stream::iter(requests).buffer_unordered(PARALLEL_REQUESTS).try_collect().await
    }

    /// Bytes that are sent sooner than another request is answered, several of which are under way at once.
    fn gap_bytes(&self) -> u64 {
        let share_s = self.origin.answer_time().as_secs_f64() / PARALLEL_REQUESTS as f64;
        ((share_s * LINE_BYTES_PER_S) as u64).clamp(GAP_BYTES.start, GAP_BYTES.end)
    }

    /// One stretch by one request.
    async fn one(&self, ranges: &[Range<u64>], stretch: Stretch) -> Result<Answers, SourceError> {
        let bytes = stretch.bytes.clone();
        let response = self.insist(ranged(&self.url, &bytes)).await?;
        self.check_status(&response)?;
        let (sent, size) = content_range_of(&self.url, response.headers())?;
        if size != self.size_bytes || !self.validator.is_of(response.headers()) {
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
        let response = self.insist(several_ranges(&self.url, &group)).await?;
        if response.status() == StatusCode::PRECONDITION_FAILED {
            return Err(self.changed());
        }
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let multipart = content_type.and_then(|text| Multipart::new(text, self.size_bytes));
        let Some(mut multipart) = multipart.filter(|_| response.status() == StatusCode::PARTIAL_CONTENT) else {
            return Ok(None);
        };
        if !self.validator.is_of(response.headers()) {
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

    /// Sends a request for this version and no other. A server that refuses it without naming another is asked once
    /// more without the condition, as it may never let one hold; what comes is held against the version like every
    /// answer.
    async fn insist(&self, request: Request) -> Result<Answered, SourceError> {
        let ask = |request| send(&self.clients, &self.origin, &self.url, request);
        if self.origin.heeds_conditions()
            && let Some(mut guarded) = request.try_clone()
        {
            self.validator.guard(&mut guarded);
            let answered = ask(guarded).await?;
            let is_refused = answered.status() == StatusCode::PRECONDITION_FAILED;
            if !is_refused || !self.validator.may_be_of(answered.headers()) {
                return Ok(answered);
            }
        }
        let answered = ask(request).await?;
        if answered.status() == StatusCode::PRECONDITION_FAILED {
            return Err(bad(&self.url, "it refuses a condition that was not made"));
        }
        if self.validator.is_of(answered.headers()) {
            self.origin.refuses_conditions();
        }
        Ok(answered)
    }

    fn check_status(&self, response: &Response) -> Result<(), SourceError> {
        match response.status() {
            StatusCode::PARTIAL_CONTENT => Ok(()),
            StatusCode::RANGE_NOT_SATISFIABLE if whole_of(response.headers()) == Some(self.size_bytes) => {
                Err(bad(&self.url, "it has these bytes and does not give them (status 416)"))
            }
            // 416: it has shrunk. 200: a server that honours If-Match by sending the whole new version.
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => Err(self.changed()),
            StatusCode::OK if !self.validator.is_of(response.headers()) => Err(self.changed()),
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
        self.validator.written_at()
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

#[cfg(test)]
mod tests;
