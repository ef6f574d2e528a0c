//! Which connections are open, and whose they are; what each is at stands in its [`Entry`].
//!
//! The ledger only knows and tells; [`super::sweep`] decides who has to go, and each connection's own task
//! ([`super::connection`]) lets it go. One look a quarter of a second replaces a timer a connection.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use slab::Slab;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::{
    entry::{Entry, since_ms},
    heads::Heads,
    quantum::Quantum,
    streams::{Share, Streams},
};
use crate::fair::Client;

/// Share of the limit, in percent, from which clients make room after some answers ([`super::quantum`]).
const HURRY_PERCENT: usize = 85;

/// Share of the limit, in percent, at which accepting pauses.
const PAUSE_PERCENT: usize = 95;

/// The connections of one or more listeners, counted against one limit. Cheap to clone.
#[derive(Clone)]
pub struct Connections {
    ledger: Arc<Ledger>,
}

struct Ledger {
    limit: usize,
    pause_at: usize,
    hurry_at: usize,
    permits: Arc<Semaphore>,
    open: Mutex<Open>,
    born: Instant,
    crowded: Notify,
    /// Sockets at which an accepted client waits for room.
    wanting: AtomicUsize,
    /// When room was last given.
    given_ms: AtomicU64,
    quantum: Quantum,
    heads: Arc<Heads>,
    streams: Arc<Streams>,
}

#[derive(Default)]
struct Open {
    entries: Slab<Arc<Entry>>,
    /// Connections of each client.
    by_client: HashMap<Client, Arc<AtomicUsize>>,
}

impl Connections {
    /// Room for `limit` connections, of which the last twentieth is never used.
    pub fn new(limit: usize) -> Self {
        let share = |percent: usize| (limit * percent).div_ceil(100).max(1);
        let (pause_at, hurry_at) = (share(PAUSE_PERCENT), share(HURRY_PERCENT));
        let ledger = Ledger {
            limit,
            pause_at,
            hurry_at,
            permits: Arc::new(Semaphore::new(pause_at)),
            open: Mutex::default(),
            born: Instant::now(),
            crowded: Notify::new(),
            wanting: AtomicUsize::new(0),
            given_ms: AtomicU64::new(0),
            quantum: Quantum::default(),
            heads: Arc::default(),
            streams: Arc::default(),
        };
        Self { ledger: Arc::new(ledger) }
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.ledger.pause_at - self.ledger.permits.available_permits()
    }

    /// Connections that may be open.
    pub fn limit(&self) -> usize {
        self.ledger.limit
    }

    /// Whether so many are open that others may be waiting: who was answered makes room.
    pub fn is_crowded(&self) -> bool {
        self.open() >= self.ledger.hurry_at
    }

    /// How many requests an HTTP/2 connection that begins may have under way.
    pub(super) fn streams(&self) -> Share {
        self.ledger.streams.share()
    }

    /// How many answers a connection gets while it is crowded.
    pub(super) fn quantum(&self) -> &Quantum {
        &self.ledger.quantum
    }

    /// Whether this connection, of which an answer is ready, shall make room with it for others who may be waiting.
    pub(super) fn has_had_its_turn(&self, entry: &Entry) -> bool {
        self.ledger.quantum.count();
        let answers = entry.answered();
        self.is_crowded() && answers >= self.ledger.quantum.answers()
    }

    /// Connections beyond which it is crowded.
    pub(super) fn hurry_at(&self) -> usize {
        self.ledger.hurry_at
    }

    /// Room for one more, when there is some; none if there is none until the `end`.
    pub(super) async fn room(&self, end: impl Future<Output = ()>) -> Option<OwnedSemaphorePermit> {
        if self.is_crowded() {
            self.ledger.crowded.notify_one();
        }
        self.ledger.wanting.fetch_add(1, SeqCst);
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&self.ledger.permits).acquire_owned() => permit.ok(),
            () = end => None,
        };
        self.ledger.wanting.fetch_sub(1, SeqCst);
        if permit.is_some() {
            self.ledger.given_ms.store(self.now_ms(), Relaxed);
        }
        permit
    }

    /// Whether somebody wants room and nobody was given any for `time`: those who are here do not make way.
    pub(super) fn is_stalled(&self, time: Duration) -> bool {
        let waited_ms = self.now_ms().saturating_sub(self.ledger.given_ms.load(Relaxed));
        self.ledger.wanting.load(SeqCst) > 0 && u128::from(waited_ms) >= time.as_millis()
    }

    /// Waits until somebody wanted room while it was crowded.
    pub(super) async fn crowding(&self) {
        self.ledger.crowded.notified().await;
    }

    /// Enters a connection; it leaves the ledger when the guard is dropped.
    pub(super) fn enter(&self, client: Client, permit: OwnedSemaphorePermit) -> Entered {
        let mut open = self.lock();
        let of_client = Arc::clone(open.by_client.entry(client).or_default());
        of_client.fetch_add(1, Relaxed);
        let entry = Arc::new(Entry::new(client, of_client, Arc::clone(&self.ledger.heads), self.ledger.born));
        let key = open.entries.insert(Arc::clone(&entry));
        Entered { connections: self.clone(), entry, key, _permit: permit }
    }

    /// Every open connection.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.lock().entries.iter().map(|(_, entry)| Arc::clone(entry)).collect()
    }

    /// Drops every connection.
    pub(super) fn kill_all(&self) {
        self.all().iter().for_each(|entry| entry.kill());
    }

    /// Milliseconds on the clock of the entries.
    pub(super) fn now_ms(&self) -> u64 {
        since_ms(self.ledger.born)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.ledger.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place in the ledger.
pub(super) struct Entered {
    pub(super) entry: Arc<Entry>,
    connections: Connections,
    key: usize,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.entries.try_remove(self.key);
        if self.entry.leave() == 0 {
            open.by_client.remove(&self.entry.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, net::IpAddr};

    use super::*;

    #[tokio::test]
    async fn connections_are_counted_by_client_until_they_go() {
        let connections = Connections::new(100);
        assert_eq!((connections.limit(), connections.hurry_at()), (100, 85));
        let client = Client::at(IpAddr::from([10, 0, 0, 1]));
        let mut entered = Vec::new();
        for _ in 0..95 {
            entered.push(connections.enter(client, connections.room(pending()).await.unwrap()));
        }
        assert!(connections.is_crowded());
        assert!(futures_util::FutureExt::now_or_never(connections.room(pending())).is_none());
        assert!(connections.all().iter().all(|entry| entry.of_client() == 95));
        entered.truncate(3);
        assert_eq!((connections.open(), connections.all()[0].of_client()), (3, 3));
        entered.clear();
        assert!(connections.all().is_empty() && connections.lock().by_client.is_empty());
    }
}
