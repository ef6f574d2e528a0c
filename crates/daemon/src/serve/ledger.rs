//! Which connections are open, whose they are, and what each is at.
//!
//! The ledger only knows and tells; [`super::sweep`] decides who has to go, and each connection's own task
//! ([`super::connection`]) lets it go. One look a quarter of a second replaces a timer a connection.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use slab::Slab;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::quantum::Quantum;
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

    /// How many answers a connection gets while it is crowded.
    pub(super) fn quantum(&self) -> &Quantum {
        &self.ledger.quantum
    }

    /// Whether this connection, of which an answer is ready, shall make room with it for others who may be waiting.
    pub(super) fn has_had_its_turn(&self, entry: &Entry) -> bool {
        self.ledger.quantum.count();
        let answers = entry.answers.fetch_add(1, Relaxed) + 1;
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
        let entry = Arc::new(Entry {
            client,
            of_client,
            answers: AtomicU32::new(0),
            born: self.ledger.born,
            phase: AtomicU64::new(0),
            write_deadline_ms: AtomicU64::new(0),
            under_way: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
            had_body: AtomicBool::new(false),
            offered: AtomicU32::new(0),
            moved_ms: AtomicU64::new(0),
            told_ms: AtomicU64::new(0),
            killed: AtomicBool::new(false),
            told: Notify::new(),
        });
        entry.phase.store(UNSEEN, Relaxed);
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

/// [`Phase::Silent`] of a connection that nobody has looked at yet: it has not begun.
const UNSEEN: u64 = (u64::MAX >> 2) << 2;

fn since_ms(born: Instant) -> u64 {
    // Zero means "never" in some fields.
    u64::try_from(born.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
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
        if self.entry.of_client.fetch_sub(1, Relaxed) == 1 {
            open.by_client.remove(&self.entry.client);
        }
    }
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was ever sent on it. It begins when the first look finds nothing: what came before is not its fault.
    Silent,
    /// A request is coming in.
    Head,
    /// A request is answered.
    Busy,
    /// It waits for the next request.
    Idle,
}

/// What is known of one connection. All methods are cheap and lock nothing.
pub(super) struct Entry {
    pub(super) client: Client,
    of_client: Arc<AtomicUsize>,
    /// Answers so far.
    answers: AtomicU32,
    born: Instant,
    /// Milliseconds at which the phase began, then two bits of phase.
    phase: AtomicU64,
    /// Until when what is being written must move; 0 while nothing waits.
    write_deadline_ms: AtomicU64,
    under_way: AtomicU32,
    /// HTTP/2: bytes that come in are not always a request.
    multiplexed: AtomicBool,
    /// A request with a body came in: what of it nobody wanted may still be on its way.
    had_body: AtomicBool,
    /// Answers that have something to give and wait for the client to make room.
    offered: AtomicU32,
    /// When one of them was last taken from, or began to wait while no other did.
    moved_ms: AtomicU64,
    /// When it was first asked to close; 0 when it was not.
    told_ms: AtomicU64,
    killed: AtomicBool,
    told: Notify,
}

impl Entry {
    fn set(&self, phase: Phase) {
        self.phase.store(since_ms(self.born) << 2 | phase as u64, Relaxed);
    }

    /// The phase and the milliseconds at which it began.
    pub(super) fn phase(&self) -> (Phase, u64) {
        let word = self.phase.load(Relaxed);
        let phase = [Phase::Silent, Phase::Head, Phase::Busy, Phase::Idle][(word & 3) as usize];
        (phase, word >> 2)
    }

    /// Connections that its client has.
    pub(super) fn of_client(&self) -> usize {
        self.of_client.load(Relaxed)
    }

    /// A look for bytes found none.
    pub(super) fn heard_nothing(&self) {
        if self.phase.load(Relaxed) == UNSEEN {
            self.set(Phase::Silent);
        }
    }

    /// Bytes have come in.
    pub(super) fn heard(&self) {
        let (phase, _) = self.phase();
        let waits = matches!(phase, Phase::Silent | Phase::Idle);
        if waits && !(phase == Phase::Idle && self.multiplexed.load(Relaxed)) {
            self.set(Phase::Head);
        }
    }

    pub(super) fn multiplex(&self) {
        self.multiplexed.store(true, Relaxed);
        self.set(Phase::Idle);
    }

    pub(super) fn is_multiplexed(&self) -> bool {
        self.multiplexed.load(Relaxed)
    }

    /// A request brings a body along.
    pub(super) fn expect_body(&self) {
        self.had_body.store(true, Relaxed);
    }

    /// Whether any request did.
    pub(super) fn had_body(&self) -> bool {
        self.had_body.load(Relaxed)
    }

    /// Whether nothing is said: it waits for its client's next request, has handed over all of the last answer, and
    /// whatever comes in begins a request.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_silent = self.phase().0 == Phase::Idle && self.write_deadline_ms().is_none();
        is_silent && !self.is_multiplexed() && !self.had_body()
    }

    /// A request has come in whole; it is under way until the guard is dropped, with the last byte of its answer.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, SeqCst);
        self.set(Phase::Busy);
        UnderWay(Arc::clone(self))
    }

    /// The client took nothing of what waits for it: it has until `patience` from now, unless it was told so before.
    pub(super) fn write_blocked(&self, patience: Duration) {
        let deadline_ms = since_ms(self.born) + patience.as_millis() as u64;
        let _ = self.write_deadline_ms.compare_exchange(0, deadline_ms, Relaxed, Relaxed);
    }

    /// The client took some; what is still waiting gets `more` time, though never more than `patience` from now.
    pub(super) fn write_moved(&self, more: Duration, patience: Duration) {
        let known_ms = self.write_deadline_ms.load(Relaxed);
        if known_ms > 0 {
            let latest_ms = since_ms(self.born) + patience.as_millis() as u64;
            let deadline_ms = (known_ms + more.as_millis() as u64).min(latest_ms);
            self.write_deadline_ms.store(deadline_ms, Relaxed);
        }
    }

    /// Nothing waits to be written.
    pub(super) fn write_done(&self) {
        if self.write_deadline_ms.load(Relaxed) > 0 {
            self.write_deadline_ms.store(0, Relaxed);
        }
    }

    /// Until when what is being written must move, if something waits.
    pub(super) fn write_deadline_ms(&self) -> Option<u64> {
        Some(self.write_deadline_ms.load(Relaxed)).filter(|&deadline_ms| deadline_ms > 0)
    }

    /// An answer has something to give.
    pub(super) fn offer(&self) {
        if self.offered.fetch_add(1, SeqCst) == 0 {
            self.took();
        }
    }

    /// An answer has nothing to give any more, or for now.
    pub(super) fn withdraw(&self) {
        self.offered.fetch_sub(1, SeqCst);
    }

    /// The client took of an answer.
    pub(super) fn took(&self) {
        self.moved_ms.store(since_ms(self.born), Relaxed);
    }

    /// Since when the client has made no room for any of the answers that wait for it, if any do.
    pub(super) fn untaken_since_ms(&self) -> Option<u64> {
        (self.offered.load(SeqCst) > 0).then(|| self.moved_ms.load(Relaxed))
    }

    /// When it was first asked to close, if it was.
    pub(super) fn told_ms(&self) -> Option<u64> {
        Some(self.told_ms.load(Relaxed)).filter(|&told_ms| told_ms > 0)
    }

    /// Asks the connection's task to close it at the end of what is under way.
    pub(super) fn close(&self) {
        let _ = self.told_ms.compare_exchange(0, since_ms(self.born), Relaxed, Relaxed);
        self.told.notify_one();
    }

    /// Makes the connection's task drop it.
    pub(super) fn kill(&self) {
        self.killed.store(true, SeqCst);
        self.told.notify_one();
    }

    /// Waits until the connection shall end.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }

    pub(super) fn is_killed(&self) -> bool {
        self.killed.load(SeqCst)
    }
}

/// A request under way.
pub(super) struct UnderWay(Arc<Entry>);

impl UnderWay {
    /// The connection that it came in on.
    pub(super) fn entry(&self) -> &Entry {
        &self.0
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, SeqCst) == 1 {
            self.0.set(Phase::Idle);
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

    #[tokio::test]
    async fn a_connection_is_silent_then_heard_then_busy_then_idle() {
        let connections = Connections::new(1);
        let entered = connections.enter(Client::OWN, connections.room(pending()).await.unwrap());
        let phase = || entered.entry.phase().0;
        assert_eq!(phase(), Phase::Silent);
        entered.entry.heard();
        assert_eq!(phase(), Phase::Head);
        let first = entered.entry.begin();
        let second = entered.entry.begin();
        drop(first);
        assert_eq!(phase(), Phase::Busy);
        drop(second);
        assert_eq!(phase(), Phase::Idle);
    }

    #[tokio::test]
    async fn a_slow_reader_gets_time_for_what_it_takes_and_no_more() {
        let connections = Connections::new(1);
        let entered = connections.enter(Client::OWN, connections.room(pending()).await.unwrap());
        let (entry, patience) = (&entered.entry, Duration::from_secs(10));
        assert_eq!(entry.write_deadline_ms(), None);
        entry.write_blocked(patience);
        let first = entry.write_deadline_ms().unwrap();
        entry.write_blocked(Duration::from_secs(100));
        assert_eq!(entry.write_deadline_ms(), Some(first), "trying again gives no more time");
        entry.write_moved(Duration::from_secs(1000), patience);
        assert!(entry.write_deadline_ms().unwrap() <= connections.now_ms() + 10_000);
        entry.write_done();
        assert_eq!(entry.write_deadline_ms(), None);
    }
}
