//! A browser's connections to one host: how many, which are idle, and what happens to one that is left in the middle.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore, SemaphorePermit},
    task::AbortHandle,
};

use super::{
    Failure, Timing,
    origin::{Dialer, Line, Origin, Protocol},
};

type Http1 = http1::SendRequest<Full<Bytes>>;
type Http2 = http2::SendRequest<Full<Bytes>>;

/// Streams a browser opens at once on one HTTP/2 connection.
const STREAMS: usize = 100;

/// All connections of one client to one origin.
pub(super) struct Lane {
    origin: Origin,
    permits: Semaphore,
    idle: Mutex<Vec<(Http1, AbortHandle)>>,
    shared: AsyncMutex<Option<Http2>>,
}

/// A place on a connection for one request. Dropped before [`Seat::finish`], it closes an HTTP/1.1 connection: there is
/// no other way to cancel a request on one.
pub(super) struct Seat<'a> {
    lane: &'a Lane,
    line: Option<Line>,
    pub(super) reused: bool,
}

impl Lane {
    pub(super) fn new(origin: Origin, protocol: Protocol, connections: usize) -> Self {
        let at_once = match protocol {
            Protocol::Http1 => connections,
            Protocol::Http2 => STREAMS,
        };
        Self { origin, permits: Semaphore::new(at_once), idle: Mutex::default(), shared: AsyncMutex::default() }
    }

    /// Waits until a request may start.
    pub(super) async fn wait(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.permits.acquire().await.ok()
    }

    /// An idle connection or a new one.
    pub(super) async fn seat(
        &self,
        dialer: &Dialer,
        source: Option<IpAddr>,
        timing: &mut Timing,
    ) -> Result<Seat<'_>, Failure> {
        let seat = |line, reused| Seat { lane: self, line: Some(line), reused };
        if dialer.protocol() == Protocol::Http2 {
            let mut shared = self.shared.lock().await;
            if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
                return Ok(seat(Line::Http2(sender.clone()), true));
            }
            let line = self.dial(dialer, source, timing).await?;
            if let Line::Http2(sender) = &line {
                *shared = Some(sender.clone());
            }
            return Ok(seat(line, false));
        }
        while let Some((sender, task)) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            if !sender.is_closed() {
                return Ok(seat(Line::Http1(sender, task), true));
            }
        }
        Ok(seat(self.dial(dialer, source, timing).await?, false))
    }

    async fn dial(&self, dialer: &Dialer, source: Option<IpAddr>, timing: &mut Timing) -> Result<Line, Failure> {
        let begun = Instant::now();
        let line = dialer.dial(&self.origin, source).await;
        timing.connecting = Some(timing.connecting.unwrap_or_default() + begun.elapsed());
        line
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        for (_, task) in self.idle.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

impl Seat<'_> {
    pub(super) fn is_http2(&self) -> bool {
        matches!(self.line, Some(Line::Http2(_)))
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match &mut self.line {
            Some(Line::Http1(sender, _)) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Some(Line::Http2(sender)) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            // A seat loses its line only when it is finished.
            None => unreachable!("a finished seat sends nothing"),
        }
    }

    /// The whole answer is read; the connection may serve another request unless the server closes it.
    pub(super) fn finish(&mut self, keep_alive: bool) {
        if let Some(Line::Http1(sender, task)) = self.line.take() {
            if keep_alive && !sender.is_closed() {
                self.lane.idle.lock().unwrap_or_else(PoisonError::into_inner).push((sender, task));
            } else {
                task.abort();
            }
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(Line::Http1(_, task)) = &self.line {
            task.abort();
        }
    }
}
