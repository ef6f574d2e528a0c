//! What one connection is at: what its task tells, and what others may ask of it.
//!
//! An entry stands in the [`super::ledger`]. The connection's own parts write into it ([`super::connection`],
//! [`super::stream`], [`super::body`]); [`super::sweep`] reads it and asks the connection to end.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::{
    dues::Dues,
    heads::{Head, Heads},
};
use crate::fair::Client;

/// [`Phase::Silent`] of a connection that nobody has looked at yet: it has not begun.
const UNSEEN: u64 = (u64::MAX >> 2) << 2;

/// Milliseconds since `born`, at least one.
pub(super) fn since_ms(born: Instant) -> u64 {
    // Zero means "never" in some fields.
    u64::try_from(born.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
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

/// What is known of one connection. All methods are cheap and lock nothing; the dues of large answers have a lock of
/// their own.
pub(super) struct Entry {
    pub(super) client: Client,
    /// Until when its large answers must have been taken.
    pub(super) dues: Dues,
    of_client: Arc<AtomicUsize>,
    /// What has come in of a request's head.
    head: Head,
    /// Answers so far.
    answers: AtomicU32,
    born: Instant,
    /// Milliseconds at which the phase began, then two bits of phase.
    phase: AtomicU64,
    /// Until when what is being written must move; 0 while nothing waits.
    write_deadline_ms: AtomicU64,
    /// When some of an answer was last known to be on its way, after all of it had been handed over; 0 when it never
    /// was.
    parted_ms: AtomicU64,
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
    /// One that nobody has looked at yet, on a clock that began at `born`. `of_client` counts its client's connections,
    /// this one among them; `heads` is the account of all.
    pub(super) fn new(client: Client, of_client: Arc<AtomicUsize>, heads: Arc<Heads>, born: Instant) -> Self {
        Self {
            client,
            dues: Dues::default(),
            of_client,
            head: Head::new(heads),
            answers: AtomicU32::new(0),
            born,
            phase: AtomicU64::new(UNSEEN),
            write_deadline_ms: AtomicU64::new(0),
            parted_ms: AtomicU64::new(0),
            under_way: AtomicU32::new(0),
            multiplexed: AtomicBool::new(false),
            had_body: AtomicBool::new(false),
            offered: AtomicU32::new(0),
            moved_ms: AtomicU64::new(0),
            told_ms: AtomicU64::new(0),
            killed: AtomicBool::new(false),
            told: Notify::new(),
        }
    }

    /// Milliseconds on its clock.
    pub(super) fn now_ms(&self) -> u64 {
        since_ms(self.born)
    }

    fn set(&self, phase: Phase) {
        self.phase.store(since_ms(self.born) << 2 | phase as u64, Relaxed);
    }

    /// The phase and the milliseconds at which it began.
    pub(super) fn phase(&self) -> (Phase, u64) {
        let word = self.phase.load(Relaxed);
        let phase = [Phase::Silent, Phase::Head, Phase::Busy, Phase::Idle][(word & 3) as usize];
        (phase, word >> 2)
    }

    /// Counts an answer; returns how many there were.
    pub(super) fn answered(&self) -> u32 {
        self.answers.fetch_add(1, Relaxed) + 1
    }

    /// Connections that its client has.
    pub(super) fn of_client(&self) -> usize {
        self.of_client.load(Relaxed)
    }

    /// One connection of its client is gone; returns how many are left.
    pub(super) fn leave(&self) -> usize {
        self.of_client.fetch_sub(1, Relaxed) - 1
    }

    /// A look for bytes found none.
    pub(super) fn heard_nothing(&self) {
        if self.phase.load(Relaxed) == UNSEEN {
            self.set(Phase::Silent);
        }
    }

    /// Bytes have come in. Says whether there is room for them: of a head none is refused before it is longer than
    /// usual.
    #[must_use]
    pub(super) fn heard(&self, bytes: usize) -> bool {
        if self.is_multiplexed() {
            return self.head.grow_by_frames(bytes);
        }
        match self.phase().0 {
            Phase::Silent | Phase::Idle => self.set(Phase::Head),
            Phase::Head => {}
            Phase::Busy => return true,
        }
        self.head.grow(bytes)
    }

    /// What came in so far was no request's: a handshake.
    pub(super) fn shook_hands(&self) {
        self.head.end();
    }

    /// Whatever comes in from now on is read for the client's sake and let go.
    pub(super) fn parts(&self) {
        self.head.end();
        self.set(Phase::Busy);
    }

    pub(super) fn multiplex(&self) {
        self.multiplexed.store(true, Relaxed);
        self.head.end();
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

    /// A request has come in whole, with a head of as many bytes; it is under way until the guard is dropped, with the
    /// last byte of its answer. A long head of HTTP/2 that there is no room for ends the connection.
    pub(super) fn begin(self: &Arc<Self>, head_bytes: usize) -> UnderWay {
        self.under_way.fetch_add(1, SeqCst);
        let mut head = None;
        if self.is_multiplexed() {
            self.head.end();
            head = self.head.another(head_bytes).map(|(head, has_room)| {
                if !has_room {
                    self.kill();
                }
                head
            });
        }
        self.set(Phase::Busy);
        UnderWay { entry: Arc::clone(self), _head: head }
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
            self.parting();
        }
    }

    /// Some of the last answer is on its way to the client still, or has left only just.
    pub(super) fn parting(&self) {
        self.parted_ms.store(since_ms(self.born), Relaxed);
    }

    /// Since when the client, as far as is known, has had its last answer and nothing to do but to ask again.
    pub(super) fn quiet_since_ms(&self) -> u64 {
        self.phase().1.max(self.parted_ms.load(Relaxed))
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
pub(super) struct UnderWay {
    entry: Arc<Entry>,
    /// A long one of HTTP/2.
    _head: Option<Head>,
}

impl UnderWay {
    /// The connection that it came in on.
    pub(super) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.entry.under_way.fetch_sub(1, SeqCst) == 1 {
            if !self.entry.is_multiplexed() {
                self.entry.head.end();
            }
            self.entry.set(Phase::Idle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Arc<Entry> {
        Arc::new(Entry::new(Client::OWN, Arc::default(), Arc::default(), Instant::now()))
    }

    #[test]
    fn a_connection_is_silent_then_heard_then_busy_then_idle() {
        let entry = entry();
        let phase = || entry.phase().0;
        assert_eq!(phase(), Phase::Silent);
        assert!(entry.heard(1));
        assert_eq!(phase(), Phase::Head);
        let first = entry.begin(10);
        let second = entry.begin(10);
        drop(first);
        assert_eq!(phase(), Phase::Busy);
        drop(second);
        assert_eq!(phase(), Phase::Idle);
    }

    #[test]
    fn a_slow_reader_gets_time_for_what_it_takes_and_no_more() {
        let (entry, patience) = (entry(), Duration::from_secs(10));
        assert_eq!(entry.write_deadline_ms(), None);
        entry.write_blocked(patience);
        let first = entry.write_deadline_ms().unwrap();
        entry.write_blocked(Duration::from_secs(100));
        assert_eq!(entry.write_deadline_ms(), Some(first), "trying again gives no more time");
        entry.write_moved(Duration::from_secs(1000), patience);
        assert!(entry.write_deadline_ms().unwrap() <= since_ms(entry.born) + 10_000);
        entry.write_done();
        assert_eq!(entry.write_deadline_ms(), None);
        assert!(entry.quiet_since_ms() >= first - 10_000, "it has had the last of it only now");
    }
}
