//! One connection, from its first byte to its end.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, response::IntoResponse};
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body_util::Limited;
use hyper::{
    body::{Body as _, Incoming},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

use super::{
    Bounds,
    answers::Answers,
    body::Answer,
    entry::{Entry, UnderWay},
    ledger::{Connections, Entered},
    rest::Resting,
    stream::{Socket, Watched},
    turns::Turns,
};
use crate::{fair::Client, problem::Problem, tls::Tls};

/// Why a connection ended before its time.
type Ended = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of request bodies that one HTTP/2 connection may send before anybody reads them: the protocol's least. hyper
/// would take a megabyte.
const MAX_UNREAD_BYTES: u32 = 65_535;

/// Bytes of a request's head on HTTP/2 once it is whole, of which every stream may hold one.
const MAX_HTTP2_HEAD_BYTES: usize = 16 << 10;

/// Bytes of one HTTP/2 stream buffered for writing.
const MAX_SEND_BYTES: usize = 64 * 1024;

/// Bytes taken of a client that still sends after its last answer, and the time that it has for them.
const MAX_PARTING_BYTES: u64 = 1 << 20;
const PARTING_TIME: Duration = Duration::from_secs(1);

/// Time between two looks whether the other end of an HTTP/2 connection is still there.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// What all connections of a listener share.
pub(super) struct Host<A> {
    pub(super) answers: A,
    pub(super) connections: Connections,
    pub(super) bounds: Bounds,
    pub(super) tls: Option<Tls>,
    pub(super) stop: CancellationToken,
    /// Comes when the grace after the stop is over.
    pub(super) grace_over: CancellationToken,
    pub(super) turns: Turns,
    http1: http1::Builder,
}

impl<A: Answers> Host<A> {
    pub(super) fn new(
        answers: A,
        connections: Connections,
        bounds: Bounds,
        tls: Option<Tls>,
        stop: CancellationToken,
        turns: Turns,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        // The sweep ends connections whose head does not come; a timer a request is spared.
        http1.header_read_timeout(None).max_buf_size(bounds.max_head_bytes);
        Self { answers, connections, bounds, tls, stop, grace_over: CancellationToken::new(), turns, http1 }
    }

    /// Of an HTTP/2 connection of `client`, which may have as many `streams` under way.
    fn http2(&self, client: Client, streams: u32) -> http2::Builder<InTurns> {
        let mut http2 = http2::Builder::new(InTurns { turns: self.turns.clone(), client });
        let max_head_bytes = self.bounds.max_head_bytes.min(MAX_HTTP2_HEAD_BYTES);
        http2
            .initial_stream_window_size(MAX_UNREAD_BYTES)
            .initial_connection_window_size(MAX_UNREAD_BYTES)
            .timer(TokioTimer::new())
            .max_concurrent_streams(streams)
            .max_send_buf_size(MAX_SEND_BYTES)
            .max_header_list_size(u32::try_from(max_head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING_INTERVAL);
        http2
    }

    /// Serves a client until it or we have had enough.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, entered: Entered) {
        let stream = Watched::new(stream, Arc::clone(&entered.entry), self.bounds.write_timeout);
        let visit = Arc::new(Visit { entry: Arc::clone(&entered.entry), peer, host: self });
        let ended = match &visit.host.tls {
            // Rare beside plain connections, which should not pay for its size.
            Some(tls) => Box::pin(visit.secured(tls, stream)).await,
            None => visit.plain(stream).await,
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "connection ended early");
        }
    }
}

/// Gives the requests of an HTTP/2 connection turns of their own.
#[derive(Clone)]
struct InTurns {
    turns: Turns,
    client: Client,
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for InTurns {
    fn execute(&self, request: F) {
        self.turns.spawn(self.client, request);
    }
}

/// One client's connection.
struct Visit<A> {
    host: Arc<Host<A>>,
    entry: Arc<Entry>,
    peer: SocketAddr,
}

impl<A: Answers> Visit<A> {
    async fn plain(self: &Arc<Self>, stream: Watched) -> Result<(), Ended> {
        let mut stream = Resting::new(stream, Arc::clone(&self.entry));
        let Some(http2) = until_told(&self.entry, stream.speaks_http2()).await else { return Ok(()) };
        match http2? {
            true => Box::pin(self.speak_http2(stream)).await,
            false => self.speak_http1(stream).await,
        }
    }

    async fn secured(self: &Arc<Self>, tls: &Tls, stream: Watched) -> Result<(), Ended> {
        let Some(accepted) = until_told(&self.entry, tls.accept(stream)).await else { return Ok(()) };
        let stream = Resting::new(accepted?, Arc::clone(&self.entry));
        self.entry.shook_hands();
        match stream.get_ref().get_ref().1.alpn_protocol() {
            Some(b"h2") => self.speak_http2(stream).await,
            _ => self.speak_http1(stream).await,
        }
    }

    async fn speak_http1<S>(&self, mut stream: Resting<S>) -> Result<(), Ended>
    where
        S: AsyncRead + AsyncWrite + Socket + Unpin,
    {
        while self.next_request(&mut stream).await.transpose()? == Some(true) {
            let service = service_fn(|request| {
                let under_way = self.begin(&request);
                Box::pin(self.answer(request, under_way))
            });
            let mut spoken = Box::new(self.host.http1.serve_connection(TokioIo::new(stream), service));
            let poll = |spoken: Pin<&mut http1::Connection<_, _>>, cx: &mut Context<'_>| {
                let spoken = spoken.get_mut();
                let polled = spoken.poll_without_shutdown(cx);
                // It waits for bytes to come; at rest it is to look for them once more, and finds the end.
                if polled.is_pending() && self.entry.is_at_rest() { spoken.poll_without_shutdown(cx) } else { polled }
            };
            let finish = http1::Connection::graceful_shutdown;
            let Some(ended) = self.see_through(Pin::new(&mut *spoken), poll, finish).await else { return Ok(()) };
            let http1::Parts { io, read_buf, .. } = spoken.into_parts();
            stream = io.into_inner();
            let goes_on = stream.goes_on(&read_buf);
            // A head that was too long would be held until the client is gone.
            drop(read_buf);
            if !goes_on {
                self.entry.parts();
                self.part(&mut stream, ended.is_err() || self.entry.had_body()).await;
                return Ok(ended?);
            }
        }
        Ok(())
    }

    /// Waits for the next request; nothing if none shall come. After a stop it waits on while some of the last answer
    /// is on its way, and for once when that was so at the last look: only with its end does the client's time to ask
    /// again begin.
    async fn next_request<S>(&self, stream: &mut Resting<S>) -> Option<io::Result<bool>>
    where
        S: AsyncRead + Socket + Unpin,
    {
        let mut was_untaken = false;
        loop {
            if let Some(more) = until_told(&self.entry, stream.has_more()).await {
                return Some(more);
            }
            let is_untaken = stream.get_ref().untaken_bytes() > 0;
            let may_wait = self.host.stop.is_cancelled() && !self.entry.is_killed();
            if !may_wait || !(is_untaken || was_untaken) {
                return None;
            }
            was_untaken = is_untaken;
            self.entry.parting();
        }
    }

    /// Closes a stream on which the last answer has gone out. Of a client that may still be sending some is taken, or
    /// it would find the connection reset before it has read the answer.
    async fn part<S>(&self, stream: &mut Resting<S>, may_be_sending: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let parting = async {
            stream.shutdown().await?;
            if may_be_sending {
                tokio::io::copy(&mut stream.take(MAX_PARTING_BYTES), &mut tokio::io::sink()).await?;
            }
            io::Result::Ok(())
        };
        // Nothing is left to be lost.
        let _ = until_told(&self.entry, tokio::time::timeout(PARTING_TIME, parting)).await;
    }

    async fn speak_http2<S>(self: &Arc<Self>, stream: Resting<S>) -> Result<(), Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.entry.multiplex();
        let service = service_fn(|request| {
            let (visit, under_way) = (Arc::clone(self), self.begin(&request));
            // What making the answer takes is let go of before its client begins to take it.
            async move { Box::pin(visit.answer(request, under_way)).await }
        });
        let share = self.host.connections.streams();
        let http2 = self.host.http2(self.entry.client, share.streams());
        let spoken = pin!(http2.serve_connection(TokioIo::new(stream), service));
        self.see_through(spoken, Future::poll, http2::Connection::graceful_shutdown).await.transpose()?;
        Ok(())
    }

    /// What is spoken on the connection, to its end; `finish` is called once it shall end. Nothing if it was killed.
    async fn see_through<C, T>(
        &self,
        mut spoken: Pin<&mut C>,
        mut poll: impl FnMut(Pin<&mut C>, &mut Context<'_>) -> Poll<T>,
        finish: impl Fn(Pin<&mut C>),
    ) -> Option<T> {
        loop {
            tokio::select! {
                // What has come in meanwhile is answered first.
                biased;
                ended = poll_fn(|cx| poll(spoken.as_mut(), cx)) => return Some(ended),
                () = self.entry.told() => match self.entry.is_killed() {
                    true => return None,
                    false => finish(spoken.as_mut()),
                },
            }
        }
    }

    /// Notes a request as soon as it is read: of several that came in together, hyper looks for the end of the input
    /// between reading one and asking for its answer, and must not find the connection at rest.
    fn begin(&self, request: &Request<Incoming>) -> UnderWay {
        if !request.body().is_end_stream() {
            self.entry.expect_body();
        }
        // On HTTP/1 it was counted as it came in.
        let head_bytes = if self.entry.is_multiplexed() { head_bytes(request) } else { 0 };
        self.entry.begin(head_bytes)
    }

    async fn answer(&self, request: Request<Incoming>, under_way: UnderWay) -> Result<Response<Answer>, Infallible> {
        let mut response = self.entry.client.scope(self.within_bounds(request)).await;
        if response.status() == StatusCode::NOT_MODIFIED {
            // What the router says of the empty body would be taken for the length of what was not sent (RFC 9110,
            // 8.6).
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        if self.host.connections.has_had_its_turn(&self.entry) || self.host.stop.is_cancelled() {
            // Room for whoever waits.
            match self.entry.is_multiplexed() {
                true => self.entry.close(),
                false => drop(response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"))),
            }
        }
        Ok(response.map(|body| Answer::new(body, under_way, self.host.bounds.answer_time)))
    }

    async fn within_bounds(&self, request: Request<Incoming>) -> axum::response::Response {
        if !names_one_host(&request) {
            let detail = "a request says once which Host it is for (RFC 9112, 3.2)";
            return Problem::client(StatusCode::BAD_REQUEST, detail).into_response();
        }
        let limit_bytes = self.host.bounds.max_body_bytes;
        if request.body().size_hint().lower() > limit_bytes as u64 {
            let detail = format!("the request's body is longer than {limit_bytes} bytes");
            return Problem::client(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
        }
        let request = request.map(|body| match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(Limited::new(body, limit_bytes)),
        });
        self.host.answers.answer(request, self.peer).await
    }
}

/// About what a request's head holds in memory.
fn head_bytes<B>(request: &Request<B>) -> usize {
    /// Name, value and places in a table of lines that doubles.
    const BYTES_A_LINE: usize = 128;
    let uri = request.uri();
    let authority_bytes = uri.authority().map_or(0, |authority| authority.as_str().len());
    let address_bytes = uri.path_and_query().map_or(0, |address| address.as_str().len());
    let texts = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let lines_bytes = request.headers().capacity() * BYTES_A_LINE + texts.sum::<usize>();
    request.method().as_str().len() + authority_bytes + address_bytes + lines_bytes
}

/// Two hosts may mean one thing to us and another to a proxy before us; HTTP/1.1 cannot do without.
fn names_one_host(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() != Version::HTTP_11,
        (Some(_), second) => second.is_none(),
    }
}

/// `work`, unless the connection shall end first.
async fn until_told<T>(entry: &Entry, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = entry.told() => None,
    }
}
