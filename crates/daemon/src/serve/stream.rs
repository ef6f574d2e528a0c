//! A client's socket, and what the ledger learns from it: that bytes came, and that what is written does not move.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::ledger::Entry;

/// Bytes a second that a client must take of its answer, on average.
const MIN_BYTES_PER_S: u64 = 4096;

/// Bytes of a first look at what the client speaks: a request's head commonly fits.
const LOOK_BYTES: usize = 1024;

/// How HTTP/2 without TLS begins (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The socket.
pub(super) struct Watched {
    stream: TcpStream,
    /// Bytes read by [`Watched::speaks_http2`], to be read again.
    ahead: Vec<u8>,
    entry: Arc<Entry>,
    write_timeout: Duration,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, entry: Arc<Entry>, write_timeout: Duration) -> Self {
        Self { stream, ahead: Vec::new(), entry, write_timeout }
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
            if std::future::poll_fn(|cx| self.poll_ahead(cx)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut bytes = [0; LOOK_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, &mut buffer) else {
            self.entry.heard_nothing();
            return Poll::Pending;
        };
        read?;
        self.entry.heard();
        self.ahead.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Tells the ledger how a write of `offered` bytes went.
    fn wrote(&self, offered: usize, polled: &Poll<io::Result<usize>>) {
        match polled {
            Poll::Pending => self.entry.write_blocked(self.write_timeout),
            Poll::Ready(Ok(written)) if *written < offered => {
                self.entry.write_blocked(self.write_timeout);
                let earned = Duration::from_millis(*written as u64 * 1000 / MIN_BYTES_PER_S);
                self.entry.write_moved(earned, self.write_timeout);
            }
            Poll::Ready(_) => self.entry.write_done(),
        }
    }
}

impl AsyncRead for Watched {
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
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) else {
            self.entry.heard_nothing();
            return Poll::Pending;
        };
        read?;
        if buffer.filled().len() > before {
            self.entry.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(bytes.len(), &polled);
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(slices.iter().map(|slice| slice.len()).sum(), &polled);
        polled
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
