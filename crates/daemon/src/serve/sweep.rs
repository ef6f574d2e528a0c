//! Which connections have to go, looked at a few times a second.
//!
//! Always: those whose client does not finish asking, does not take its answer, or has not asked for long. When it is
//! crowded also those that wait for nothing in particular, the clients with the most connections first, so that one
//! that opens thousands makes room before one that has a handful.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{
    Bounds,
    entry::{Entry, Phase},
    ledger::Connections,
    quantum::Pace,
    sockets,
};

/// Time between two looks.
const PACE: Duration = Duration::from_millis(250);

/// Time between two looks while stopping.
const STOPPING_PACE: Duration = Duration::from_millis(50);

/// Least time between two looks that crowding asks for: looking at thousands takes a millisecond.
const CROWDED_PACE: Duration = Duration::from_millis(50);

/// Time without room for anybody after which those who do not make way are hurried.
const STALL: Duration = Duration::from_secs(1);

/// Time that a client has for its request's head while others wait in vain. Not always while it is crowded: a client
/// that has much to do itself may take a while to ask.
const HURRIED_HEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// The same of a client that has not begun to ask: one that connects first and thinks then is as common as one that
/// asks late again.
const HURRIED_SILENT_TIMEOUT: Duration = Duration::from_secs(4);

/// Time that a connection is kept for a next request while it is crowded: a client that asks again and again, however
/// slowly, is told to close with an answer, rather than cut off as it asks.
const HURRIED_IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Time in which a request that was on its way still comes in on a connection kept alive: after a stop, or after the
/// end of an answer that began before it, whose head could not say that it was the last.
const LINGER: Duration = Duration::from_millis(500);

/// Looks until `done`, at the connections and at who waits at the `sockets` to become one.
pub(super) async fn sweep(
    connections: Connections,
    sockets: Vec<Weak<TcpListener>>,
    bounds: Bounds,
    stop: CancellationToken,
    done: CancellationToken,
) {
    let (mut stopped_ms, mut pace_of_answers, mut looked) = (None, Pace::default(), Instant::now());
    loop {
        let pace = if stopped_ms.is_some() { STOPPING_PACE } else { PACE };
        tokio::select! {
            () = done.cancelled() => return,
            () = tokio::time::sleep(pace) => {}
            () = crowding(&connections) => {}
            () = stop.cancelled(), if stopped_ms.is_none() => stopped_ms = Some(connections.now_ms()),
        }
        let outside = sockets.iter().filter_map(Weak::upgrade).map(|socket| sockets::waiting(&socket)).sum();
        connections.quantum().adjust(&mut pace_of_answers, outside, looked.elapsed());
        looked = Instant::now();
        let look = Look {
            now_ms: connections.now_ms(),
            stopped_ms,
            crowded: connections.is_crowded(),
            stalled: connections.is_stalled(STALL),
            bounds: &bounds,
        };
        look.at(&connections);
    }
}

async fn crowding(connections: &Connections) {
    connections.crowding().await;
    tokio::time::sleep(CROWDED_PACE).await;
}

/// One look at all connections.
struct Look<'a> {
    now_ms: u64,
    stopped_ms: Option<u64>,
    crowded: bool,
    stalled: bool,
    bounds: &'a Bounds,
}

impl Look<'_> {
    fn at(&self, connections: &Connections) {
        let mut spare = Vec::new();
        for entry in connections.all() {
            if self.must_go(&entry) {
                let (phase, since_ms) = entry.phase();
                let for_ms = self.now_ms.saturating_sub(since_ms);
                tracing::debug!(?phase, for_ms, crowded = self.crowded, "a client keeps us waiting: closed");
                entry.kill();
            } else if self.may_go(&entry) {
                entry.close();
            } else if self.crowded && self.is_idle_for(&entry, HURRIED_IDLE_TIMEOUT) {
                // As they are now: they change while they are sorted.
                spare.push((std::cmp::Reverse(entry.of_client()), entry.phase().1, entry));
            }
        }
        let surplus = connections.open().saturating_sub(connections.hurry_at() - 1);
        // The most connections first, and of one client those idle for longest.
        spare.sort_unstable_by_key(|&(of_client, since_ms, _)| (of_client, since_ms));
        spare.iter().take(surplus).for_each(|(_, _, entry)| entry.close());
    }

    fn is_past(&self, since_ms: u64, patience: Duration) -> bool {
        u128::from(self.now_ms.saturating_sub(since_ms)) >= patience.as_millis()
    }

    /// Its client keeps us waiting.
    fn must_go(&self, entry: &Entry) -> bool {
        let is_over = |deadline_ms: u64| deadline_ms <= self.now_ms;
        if entry.write_deadline_ms().is_some_and(is_over) || entry.dues.first_ms().is_some_and(is_over) {
            return true;
        }
        if entry.is_multiplexed() && self.does_not_take(entry) {
            return true;
        }
        match entry.phase() {
            (Phase::Silent, since_ms) if self.stopped_ms.is_some() => self.is_past(since_ms, LINGER),
            (Phase::Silent, since_ms) => self.is_past(since_ms, self.patience(HURRIED_SILENT_TIMEOUT)),
            (Phase::Head, since_ms) => self.is_past(since_ms, self.patience(HURRIED_HEADER_TIMEOUT)),
            _ => false,
        }
    }

    /// Time for a request's head: no more than `hurried` while others wait in vain, unless nobody else comes any more.
    fn patience(&self, hurried: Duration) -> Duration {
        let is_hurried = self.stalled && self.stopped_ms.is_none();
        if is_hurried { self.bounds.header_timeout.min(hurried) } else { self.bounds.header_timeout }
    }

    /// Its client makes no room for what it asked for, on none of its streams; or was asked to close and, with nothing
    /// under way, still does not take the last of it.
    fn does_not_take(&self, entry: &Entry) -> bool {
        let patience = self.bounds.write_timeout;
        let untaken = entry.untaken_since_ms().is_some_and(|since_ms| self.is_past(since_ms, patience));
        let stays = entry.told_ms().is_some_and(|told_ms| self.is_past(told_ms, patience));
        untaken || stays && entry.phase().0 == Phase::Idle
    }

    /// Nobody needs it any more.
    fn may_go(&self, entry: &Entry) -> bool {
        let has_lingered = |stopped_ms: u64| self.is_past(stopped_ms.max(entry.quiet_since_ms()), LINGER);
        let lingered = self.stopped_ms.is_some_and(has_lingered);
        let told_at_once = self.stopped_ms.is_some() && entry.is_multiplexed();
        told_at_once || is_idle(entry) && lingered || self.is_idle_for(entry, self.bounds.idle_timeout)
    }

    fn is_idle_for(&self, entry: &Entry, time: Duration) -> bool {
        is_idle(entry) && self.is_past(entry.quiet_since_ms(), time)
    }
}

/// It waits for its client's next request, and has handed over all of the last answer.
fn is_idle(entry: &Entry) -> bool {
    entry.phase().0 == Phase::Idle && entry.write_deadline_ms().is_none()
}
