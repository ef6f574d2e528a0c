//! A connection between two requests: bytes that came in before anybody read them, and an end that is none.
//!
//! hyper holds two buffers of 8 KiB and more for an HTTP/1 connection also while nothing is said on it; of a crowd at
//! any moment nearly all wait, for their client or for their turn. So once an answer has gone out and no more has come
//! in, hyper is shown the end of the input. It lets go of the connection, which then waits as a bare socket, and is
//! taken up again by [`super::connection`] with the first bytes of the next request.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{entry::Entry, heads::USUAL_BYTES};

/// Bytes of a first look: a request's head commonly fits.
const LOOK_BYTES: usize = 1024;

/// How HTTP/2 without TLS begins (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that ends for whoever reads it when its connection is at rest.
pub(super) struct Resting<S> {
    stream: S,
    /// Bytes that have come in and are still to be read.
    ahead: Vec<u8>,
    entry: Arc<Entry>,
    /// Whether the end that was shown is none.
    rests: bool,
}

impl<S: AsyncRead + Unpin> Resting<S> {
    pub(super) fn new(stream: S, entry: Arc<Entry>) -> Self {
        Self { stream, ahead: Vec::new(), entry, rests: false }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Waits for bytes; `false` at the end of the input. They are still there to be read.
    pub(super) async fn has_more(&mut self) -> io::Result<bool> {
        Ok(!self.ahead.is_empty() || self.look().await? > 0)
    }

    /// Waits for the client's first bytes and says whether they begin HTTP/2. They are still there to be read.
    pub(super) async fn speaks_http2(&mut self) -> io::Result<bool> {
        loop {
            let known = self.ahead.len().min(HTTP2_PREFACE.len());
            if self.ahead[..known] != HTTP2_PREFACE[..known] {
                return Ok(false);
            }
            if known == HTTP2_PREFACE.len() {
                return Ok(true);
            }
            if self.look().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether the end was none: then `unread`, which had come in and was not understood yet, is to be read again, if
    /// there is room for it.
    pub(super) fn goes_on(&mut self, unread: &[u8]) -> bool {
        let has_room = !self.rests || unread.is_empty() || self.entry.heard(unread.len());
        if self.rests && has_room {
            self.ahead.extend_from_slice(unread);
        }
        std::mem::take(&mut self.rests) && has_room
    }

    async fn look(&mut self) -> io::Result<usize> {
        std::future::poll_fn(|cx| self.poll_look(cx)).await
    }

    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; LOOK_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.ahead.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Resting<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..length]);
            self.ahead.drain(..length);
            if self.ahead.is_empty() {
                self.ahead = Vec::new();
            }
            return Poll::Ready(Ok(()));
        }
        // No more at once than a usual head: hyper doubles its buffer with every read that fills it.
        let (mut bytes, most) = ([0; USUAL_BYTES], buffer.remaining().min(USUAL_BYTES));
        let mut read = ReadBuf::new(&mut bytes[..most]);
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut read);
        if polled.is_pending() && self.entry.is_at_rest() {
            self.rests = true;
            return Poll::Ready(Ok(()));
        }
        buffer.put_slice(read.filled());
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Resting<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
