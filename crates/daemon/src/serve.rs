//! Serving HTTP: an axum router, or what stands before one, behind bounds that `axum::serve` does not have.
//!
//! Every connection has a time for its request's head, for taking its answer and for doing nothing, and bounds on what
//! is buffered; the number of connections is bounded too. A client beyond it waits in the kernel's queue without
//! costing a descriptor, while those who are served give up their connection after some answers, so that all get their
//! turn. Requests are taken up in turns by client ([`crate::fair`]). On stop, listening ends, requests under way
//! finish, and what is left after the grace is dropped.
//!
//! The parts: `answers` is what is served, `sockets` listens, `accept` lets in, `ledger` knows who is there and `entry`
//! what each is at, `heads` what they hold before they ask, `streams` how much they may ask at once, `quantum` for how
//! many answers, `sweep` decides who has to go, `connection` speaks HTTP through `rest`, `stream` and `body`, in the
//! order of `turns`.

mod accept;
mod answers;
mod body;
mod connection;
mod dues;
mod entry;
mod heads;
mod ledger;
mod quantum;
mod rest;
mod sockets;
mod stream;
mod streams;
mod sweep;
mod turns;

use std::{io, sync::Arc, thread, time::Duration};

use tokio::{net::TcpListener, sync::oneshot};
use tokio_util::sync::CancellationToken;

pub use answers::Answers;
pub use ledger::Connections;
pub use sockets::{Inherited, Listeners, listen};

/// The bounds of one listener.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Time a client has to send a request's head, also the first one. While others wait in vain two seconds at most,
    /// and four to begin.
    pub header_timeout: Duration,
    /// Time in which a client must take some of its answer.
    pub write_timeout: Duration,
    /// Time in which a client must have taken all of a large answer, however steadily it takes it.
    pub answer_time: Duration,
    /// Time that a connection is kept for a next request. Four seconds at most while it is crowded.
    pub idle_timeout: Duration,
    /// Bytes of a request's head; 431 beyond.
    pub max_head_bytes: usize,
    /// Bytes of a request's body; 413 beyond.
    pub max_body_bytes: usize,
    /// Time that requests under way get after a stop.
    pub grace: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(15),
            answer_time: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(75),
            max_head_bytes: 64 * 1024,
            max_body_bytes: 2 * 1024 * 1024,
            grace: Duration::from_secs(15),
        }
    }
}

/// Serves `answers` on `listeners` until `stop`, then drains. Whoever answers may ask [`crate::fair::Client::current`],
/// and a router's handlers extract `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listeners: Listeners,
    answers: impl Answers,
    connections: Connections,
    bounds: Bounds,
    stop: CancellationToken,
) {
    let Listeners { sockets, inherited, tls } = listeners;
    let sockets = sockets.into_iter().map(|socket| TcpListener::from_std(socket).map(Arc::new));
    let sockets: Vec<Arc<TcpListener>> = match sockets.collect() {
        Ok(sockets) => sockets,
        Err(error) => return tracing::error!(%error, "the sockets cannot be listened on"),
    };
    let served = CancellationToken::new();
    // Whoever accepts at a socket closes it; looking at it must not keep it open.
    let looked_at = sockets.iter().map(Arc::downgrade).collect();
    let sweeping = tokio::spawn(sweep::sweep(connections.clone(), looked_at, bounds, stop.clone(), served.clone()));
    let renewing = tls.clone().map(|tls| tokio::spawn(served.clone().run_until_cancelled_owned(tls.keep_renewed())));
    let turns = turns::Turns::begin();
    let host = Arc::new(connection::Host::new(answers, connections.clone(), bounds, tls, stop, turns.clone()));
    let (stopped, grace_over) = (host.stop.clone(), host.grace_over.clone());
    let waiting_out = tokio::spawn(served.clone().run_until_cancelled_owned(async move {
        stopped.cancelled().await;
        tokio::time::sleep(bounds.grace).await;
        grace_over.cancel();
    }));
    let accepting = sockets.into_iter().map(|socket| {
        let accepting = accept::accept(socket, inherited, Arc::clone(&host));
        tokio::spawn(accepting)
    });
    let grace_is_over = host.grace_over.clone();
    futures_util::future::join_all(accepting.collect::<Vec<_>>()).await;
    if grace_is_over.run_until_cancelled(turns.done()).await.is_none() {
        tracing::warn!(connections = connections.open(), "some requests did not finish within the grace");
        connections.kill_all();
        turns.done().await;
    }
    turns.end();
    served.cancel();
    let _ = sweeping.await;
    let _ = waiting_out.await;
    if let Some(renewing) = renewing {
        let _ = renewing.await;
    }
}

/// As [`serve`], on a thread and a runtime of its own, so that it answers however busy the others are. The receiver
/// tells when it has ended.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub fn serve_apart(
    name: &str,
    listeners: Listeners,
    answers: impl Answers,
    connections: Connections,
    bounds: Bounds,
    stop: CancellationToken,
) -> io::Result<oneshot::Receiver<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (ended, end) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        runtime.block_on(serve(listeners, answers, connections, bounds, stop));
        // Nobody may be interested.
        let _ = ended.send(());
    })?;
    Ok(end)
}
