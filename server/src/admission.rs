//! Who may render now, who waits, and who is sent away.
//!
//! A few renders are under way at once (enough to keep all threads busy while others wait for their bytes); a bounded
//! number waits, in turns by client; everybody else is answered 503 at once, which costs next to nothing. No client can
//! take all places, and the rasters of no one origin all permits: an origin that hangs holds only its own, and up only
//! those who wait for it, also where all users come by one proxy and so are one client.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use aurora_daemon::fair::{Client, FairQueue};
use aurora_raster::GeoTiff;
use tokio::sync::oneshot;

use crate::source::origin_of;

/// Renders under way for each thread: one computes, the others wait for bytes.
const RENDERS_PER_THREAD: usize = 8;

/// Renders of files at hand under way beside those that compute: their bytes are there sooner than a thread is, and
/// what they hold meanwhile is better used for blocks.
const RENDERS_AHEAD: usize = 1;

/// Too many are waiting, or the wait was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("overloaded")]
pub(crate) struct Overloaded;

/// The door to rendering.
pub(crate) struct Admission {
    state: Arc<Mutex<State>>,
    patience: Duration,
    shed: AtomicU64,
}

struct State {
    /// Renders that may be inside: under way and waiting.
    places: usize,
    /// How many of them one client may have.
    places_of_one: usize,
    permits: usize,
    permits_of_one: usize,
    permits_at_hand: usize,
    inside: HashMap<Client, usize>,
    inside_all: usize,
    running: HashMap<Arc<str>, usize>,
    running_all: usize,
    waiting: FairQueue<Waiting>,
}

struct Waiting {
    origin: Arc<str>,
    at_hand: bool,
    go: oneshot::Sender<Permit>,
}

/// How full it is.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Depth {
    /// Renders inside beyond those that may be under way at once: of these there are never more than `limit`.
    pub(crate) depth: usize,
    /// As many as may be; one more is sent away.
    pub(crate) limit: usize,
    /// Renders under way.
    pub(crate) running: usize,
    /// Renders inside that are not under way yet. Of files at hand fewer are under way at once than of others, so more
    /// of them may wait than `limit`.
    pub(crate) waiting: usize,
    /// Requests sent away since the start.
    pub(crate) shed: u64,
}

impl Admission {
    /// Room for the renders that keep `threads` threads busy; `limit` more may wait, none longer than `patience`.
    pub(crate) fn new(threads: usize, limit: usize, patience: Duration) -> Self {
        let permits = threads * RENDERS_PER_THREAD;
        let places = permits + limit;
        let state = State {
            places,
            places_of_one: places - limit / 4,
            permits,
            permits_of_one: permits.div_ceil(2),
            permits_at_hand: threads + RENDERS_AHEAD,
            inside: HashMap::new(),
            inside_all: 0,
            running: HashMap::new(),
            running_all: 0,
            waiting: FairQueue::default(),
        };
        Self { state: Arc::new(Mutex::new(state)), patience, shed: AtomicU64::new(0) }
    }

    /// A place inside, kept until it is dropped; take it before anything is done for a render.
    pub(crate) fn enter(&self) -> Result<Place, Overloaded> {
        let client = Client::current();
        let mut state = self.lock();
        let all = state.inside_all;
        let (places, places_of_one) = (state.places, state.places_of_one);
        let of_client = state.inside.entry(client).or_insert(0);
        if all >= places || *of_client >= places_of_one {
            if *of_client == 0 {
                state.inside.remove(&client);
            }
            drop(state);
            return Err(self.sent_away());
        }
        *of_client += 1;
        state.inside_all += 1;
        Ok(Place { state: Arc::clone(&self.state), client })
    }

    /// A permit to render `tiff`, kept until it is dropped.
    pub(crate) async fn admit(&self, tiff: &GeoTiff) -> Result<Permit, Overloaded> {
        let source = tiff.source().as_ref();
        self.admit_from(&origin_of(source), source.is_at_hand()).await
    }

    async fn admit_from(&self, origin: &Arc<str>, at_hand: bool) -> Result<Permit, Overloaded> {
        let wait = {
            let mut state = self.lock();
            if state.may_run(origin, at_hand) {
                state.run(origin);
                return Ok(Permit { state: Some(Arc::clone(&self.state)), origin: Arc::clone(origin) });
            }
            let (go, wait) = oneshot::channel();
            state.waiting.push(Client::current(), Waiting { origin: Arc::clone(origin), at_hand, go });
            wait
        };
        let admitted = tokio::time::timeout(self.patience, wait).await.ok().and_then(Result::ok);
        admitted.ok_or_else(|| self.sent_away())
    }

    /// How full it is now.
    pub(crate) fn depth(&self) -> Depth {
        let state = self.lock();
        Depth {
            depth: state.inside_all.saturating_sub(state.permits),
            limit: state.places - state.permits,
            running: state.running_all,
            waiting: state.inside_all.saturating_sub(state.running_all),
            shed: self.shed.load(Relaxed),
        }
    }

    fn sent_away(&self) -> Overloaded {
        self.shed.fetch_add(1, Relaxed);
        metrics::counter!("aurora_shed_total").increment(1);
        Overloaded
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_run(&self, origin: &Arc<str>, at_hand: bool) -> bool {
        let of_origin = self.running.get(origin).copied().unwrap_or(0);
        let most = if at_hand { self.permits_at_hand } else { self.permits_of_one };
        self.running_all < self.permits && of_origin < most
    }

    fn run(&mut self, origin: &Arc<str>) {
        *self.running.entry(Arc::clone(origin)).or_insert(0) += 1;
        self.running_all += 1;
    }

    fn end(&mut self, origin: &Arc<str>) {
        self.running_all -= 1;
        less_one(&mut self.running, origin);
    }

    /// The next who waits and may run now; it counts as running from here on.
    fn next(&mut self) -> Option<Waiting> {
        let mut waiting = std::mem::take(&mut self.waiting);
        // Hundreds may wait for an origin that hangs; whether it has permits left is looked up once.
        let refused = RefCell::new(Vec::new());
        let next = waiting.pop_if(1, |waiting| {
            let Waiting { origin, at_hand, go } = waiting;
            if go.is_closed() {
                return true;
            }
            if refused.borrow().iter().any(|refused: &(Arc<str>, bool)| refused.0 == *origin && refused.1 == *at_hand) {
                return false;
            }
            let may = self.may_run(origin, *at_hand);
            if !may {
                refused.borrow_mut().push((Arc::clone(origin), *at_hand));
            }
            may
        });
        self.waiting = waiting;
        let (_, next) = next?;
        self.run(&next.origin);
        Some(next)
    }
}

fn less_one<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// A place inside, given back when dropped, also by a caller who leaves.
pub(crate) struct Place {
    state: Arc<Mutex<State>>,
    client: Client,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.inside_all -= 1;
        less_one(&mut state.inside, &self.client);
    }
}

/// The right to render, handed on when dropped.
pub(crate) struct Permit {
    state: Option<Arc<Mutex<State>>>,
    origin: Arc<str>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(shared) = self.state.take() else { return };
        let lock = || shared.lock().unwrap_or_else(PoisonError::into_inner);
        lock().end(&self.origin);
        loop {
            let next = lock().next();
            let Some(Waiting { origin, go, .. }) = next else { return };
            // One permit given back lets one more run.
            let Err(mut back) = go.send(Permit { state: Some(Arc::clone(&shared)), origin }) else { return };
            // Whoever waited has gone: the permit is for the next.
            back.state = None;
            lock().end(&back.origin);
        }
    }
}

#[cfg(test)]
mod tests;
