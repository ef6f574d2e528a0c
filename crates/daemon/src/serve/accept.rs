//! Accepting: one loop a socket, which pauses while there is no room.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::{answers::Answers, connection::Host, sockets};
use crate::fair::Client;

/// Pause after a failed accept, so that a lack of descriptors or memory never spins.
const PAUSE: Duration = Duration::from_millis(50);

/// Time after a stop in which clients who were connecting get through: some round trips over a slow network. Those that
/// come later lose nothing by it, since they try again after a second.
const HANDSHAKE_TIME: Duration = Duration::from_millis(500);

/// Accepts until the stop, and then whoever was already waiting or connecting at a socket of our own; at an inherited
/// one they wait for whoever takes it over.
pub(super) async fn accept<A: Answers>(socket: Arc<TcpListener>, inherited: bool, host: Arc<Host<A>>) {
    let stop = host.stop.clone();
    while let Some(accepted) = stop.run_until_cancelled(socket.accept()).await {
        admit(accepted, &host).await;
    }
    if inherited {
        return;
    }
    if let Err(error) = sockets::ignore_new_clients(&socket) {
        tracing::warn!(%error, "clients that come now may be cut off");
    }
    let connected_at = Instant::now() + HANDSHAKE_TIME;
    let waiting = async {
        // Past that time it goes on while somebody is there.
        while let Ok(accepted) = tokio::time::timeout_at(connected_at, socket.accept()).await {
            admit(accepted, &host).await;
        }
    };
    if host.grace_over.run_until_cancelled(waiting).await.is_none() {
        tracing::warn!("the grace ended before all who were connecting could be let in");
    }
}

/// Begins to serve a client, once there is room: until then nobody else is accepted at this socket. Room is asked for
/// after accepting, or a socket at which nobody knocks would keep some for itself.
async fn admit<A: Answers>(accepted: io::Result<(TcpStream, SocketAddr)>, host: &Arc<Host<A>>) {
    match accepted {
        Ok((stream, peer)) => {
            let Some(room) = host.connections.room(host.grace_over.cancelled()).await else {
                return tracing::warn!(%peer, "there was no room for a client until the end of the grace");
            };
            // Small answers must not wait for more to send.
            let _ = stream.set_nodelay(true);
            let client = Client::at(peer.ip());
            let entered = host.connections.enter(client, room);
            host.turns.spawn(client, Arc::clone(host).serve(stream, peer, entered));
        }
        // A client who left while waiting is nothing to worry about.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
