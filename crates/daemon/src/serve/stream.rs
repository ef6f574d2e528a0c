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

use tokio_rustls::server::TlsStream;

use super::{entry::Entry, sockets};

/// Bytes a second that a client must take of its answer, on average.
const MIN_BYTES_PER_S: u64 = 4096;

/// The socket.
pub(super) struct Watched {
    stream: TcpStream,
    entry: Arc<Entry>,
    write_timeout: Duration,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, entry: Arc<Entry>, write_timeout: Duration) -> Self {
        Self { stream, entry, write_timeout }
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

/// What is told of a client's socket, whatever is spoken on it.
pub(super) trait Socket {
    /// Bytes written to it that have not reached the client yet.
    fn untaken_bytes(&self) -> usize;
}

impl Socket for Watched {
    fn untaken_bytes(&self) -> usize {
        sockets::untaken_bytes(&self.stream)
    }
}

impl Socket for TlsStream<Watched> {
    fn untaken_bytes(&self) -> usize {
        self.get_ref().0.untaken_bytes()
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buffer) else {
            self.entry.heard_nothing();
            return Poll::Pending;
        };
        read?;
        let came = buffer.filled().len() - before;
        if came > 0 && !self.entry.heard(came) {
            return Poll::Ready(Err(io::Error::other("long heads of requests hold all that they may together")));
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
