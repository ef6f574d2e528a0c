//! The places that bytes come from, kept apart so that one that hangs or dies takes only its own requests with it.
//!
//! An origin is a file server (scheme, host, port) or an allowed folder, which may be a mount. Each has its own share
//! of the requests that may be under way, and a circuit breaker: after some failures in a row nobody asks it for a
//! while, then one request tries whether it is back, and others wait a little for what becomes of it. Only a connection
//! that cannot be made and an answer that does not come in time are failures of an origin; one that answers badly may
//! do so of one file alone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use aurora_daemon::token::Token;
use aurora_raster::source::SourceError;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{timeout, timeout_at},
};

use crate::budget::{Reserved, Room};

/// Failures in a row after which an origin is left alone.
const MAX_FAILURES: u32 = 5;

/// Time for which it is left alone at first; doubled with every further failure.
const FIRST_REST: Duration = Duration::from_secs(1);

/// Longest time for which it is left alone.
const MAX_REST: Duration = Duration::from_secs(30);

/// Time for which requests wait to hear whether an origin is back, when one has gone to see: an origin that is back
/// answers at once, and nobody is to be held by one that is not.
const TRIAL_PATIENCE: Duration = Duration::from_secs(1);

/// Weight of the newest answer in the time that answers take of late.
const NEWEST_WEIGHT: f64 = 0.125;

/// What the HTTP library reads ahead of one answer at most, on top of where the answer goes: its buffer grows to this
/// size with the speed of the line, and it lets nobody bound it.
const READ_AHEAD_BYTES: u64 = 8192 + 100 * 4096;

/// Least requests to one origin.
const MIN_REQUESTS: usize = 4;

/// All origins so far. They are as many as there are in `--allow` and `--indexer`, for nothing else is ever asked.
pub(crate) struct Origins {
    by_name: Mutex<HashMap<Arc<str>, Arc<Origin>>>,
    requests: Arc<Semaphore>,
    requests_of_one: usize,
    patience: Duration,
    room: Option<Arc<Room>>,
    token: Option<Token>,
    shown_to: Vec<Arc<str>>,
}

/// One of them.
pub(crate) struct Origin {
    name: Arc<str>,
    all_requests: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    patience: Duration,
    /// Where buffers of requests under way are accounted for.
    room: Option<Arc<Room>>,
    token: Option<Token>,
    health: Mutex<Health>,
    /// Told whenever a trial has ended.
    tried: Notify,
    habits: Mutex<Habits>,
}

/// What its answers have shown of a file server.
#[derive(Debug, Default, Clone, Copy)]
struct Habits {
    several: Several,
    refuses_conditions: bool,
    answer_time: Option<Duration>,
}

/// Whether a file server answers several ranges at once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Several {
    #[default]
    Untried,
    Yes,
    No,
}

#[derive(Debug, Default, Clone, Copy)]
struct Health {
    failures: u32,
    rests: u32,
    rests_until: Option<Instant>,
    /// One request has gone to see whether it is back.
    is_tried: bool,
}

/// A request under way. Tell how it ended; one that was given up tells nothing, and lets another try in its place.
pub(crate) struct Visit {
    origin: Arc<Origin>,
    /// It tries whether the origin is back, and nothing is known of that yet.
    tries: bool,
    _permits: [OwnedSemaphorePermit; 2],
    _read_ahead: Option<Reserved>,
}

impl Origins {
    /// At most `requests` under way in all, half of them to one origin; nobody waits for longer than `patience`.
    pub(crate) fn new(requests: usize, patience: Duration) -> Self {
        let requests_of_one = (requests / 2).max(MIN_REQUESTS);
        Self {
            by_name: Mutex::default(),
            requests: Arc::new(Semaphore::new(requests)),
            requests_of_one,
            patience,
            room: None,
            token: None,
            shown_to: Vec::new(),
        }
    }

    /// The same for origins that are asked over the network: what each request reads ahead is accounted for in `room`.
    pub(crate) fn charging(self, room: Arc<Room>) -> Self {
        Self { room: Some(room), ..self }
    }

    /// The same, showing `token` to the origins of these names and to no other.
    pub(crate) fn showing(self, token: Option<Token>, shown_to: Vec<Arc<str>>) -> Self {
        Self { token, shown_to, ..self }
    }

    /// The origin of this name.
    pub(crate) fn named(&self, name: &Arc<str>) -> Arc<Origin> {
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = by_name.entry(Arc::clone(name)).or_insert_with(|| {
            Arc::new(Origin {
                name: Arc::clone(name),
                all_requests: Arc::clone(&self.requests),
                requests: Arc::new(Semaphore::new(self.requests_of_one)),
                patience: self.patience,
                room: self.room.clone(),
                token: self.token.clone().filter(|_| self.shown_to.contains(name)),
                health: Mutex::default(),
                tried: Notify::new(),
                habits: Mutex::default(),
            })
        });
        Arc::clone(origin)
    }
}

impl Origin {
    /// A place for one request.
    ///
    /// # Errors
    /// `Unavailable` while the origin is left alone, or when others wait for it for too long already.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<Visit, SourceError> {
        let until = tokio::time::Instant::now() + TRIAL_PATIENCE;
        loop {
            self.check(Instant::now())?;
            timeout_at(until, self.trial()).await.ok();
            let permits = self.places().await?;
            // It may have been given up meanwhile, or somebody else goes to see.
            match self.try_again(Instant::now()) {
                Err(_) if self.is_tried() && tokio::time::Instant::now() < until => {}
                tries => {
                    let read_ahead = self.room.as_ref().map(|room| room.hold(READ_AHEAD_BYTES));
                    return Ok(Visit {
                        origin: Arc::clone(self),
                        tries: tries?,
                        _permits: permits,
                        _read_ahead: read_ahead,
                    });
                }
            }
        }
    }

    async fn places(&self) -> Result<[OwnedSemaphorePermit; 2], SourceError> {
        let places = async {
            // Its own places first: who waits for a slow origin must not hold a place that others could use.
            let own = Arc::clone(&self.requests).acquire_owned().await.ok()?;
            let all = Arc::clone(&self.all_requests).acquire_owned().await.ok()?;
            Some([own, all])
        };
        let places = timeout(self.patience, places).await.ok().flatten();
        places.ok_or_else(|| self.unavailable("too many others wait for it"))
    }

    /// Whether it answers several ranges at once.
    pub(crate) fn several(&self) -> Several {
        self.habits().several
    }

    /// Remembers whether it does.
    pub(crate) fn answers_several(&self, several: Several) {
        self.habits().several = several;
    }

    /// Whether it lets a condition hold (`If-Match`, `If-Unmodified-Since`), as far as is known.
    pub(crate) fn heeds_conditions(&self) -> bool {
        !self.habits().refuses_conditions
    }

    /// Remembers that it refuses the very version it has.
    pub(crate) fn refuses_conditions(&self) {
        self.habits().refuses_conditions = true;
    }

    /// How long it takes of late until an answer begins; nothing when it never answered.
    pub(crate) fn answer_time(&self) -> Duration {
        self.habits().answer_time.unwrap_or_default()
    }

    /// Remembers how long one took.
    pub(crate) fn answered_after(&self, took: Duration) {
        let mut habits = self.habits();
        let before = habits.answer_time.unwrap_or(took);
        habits.answer_time = Some(before.mul_f64(1.0 - NEWEST_WEIGHT) + took.mul_f64(NEWEST_WEIGHT));
    }

    fn habits(&self) -> MutexGuard<'_, Habits> {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its requests show.
    pub(crate) fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether it may be asked, or at least waited for.
    fn check(&self, now: Instant) -> Result<(), SourceError> {
        let health = self.lock();
        if health.rests(now) && !health.is_tried { Err(self.rests()) } else { Ok(()) }
    }

    /// Waits until nobody tries whether it is back.
    async fn trial(&self) {
        loop {
            let mut ended = std::pin::pin!(self.tried.notified());
            // From now on nothing is missed.
            ended.as_mut().enable();
            let health = *self.lock();
            if !(health.is_tried && health.rests(Instant::now())) {
                return;
            }
            ended.await;
        }
    }

    /// Whether this request tries if it is back: after a rest only one does.
    fn try_again(&self, now: Instant) -> Result<bool, SourceError> {
        let mut health = self.lock();
        if health.rests(now) {
            return Err(self.rests());
        }
        let tries = health.rests_until.is_some();
        if tries {
            health.rests_until = Some(now + self.patience);
            health.is_tried = true;
        }
        Ok(tries)
    }

    fn is_tried(&self) -> bool {
        self.lock().is_tried
    }

    /// Who tried was given up, as when its requester left: the next one tries.
    fn untried(&self) {
        let mut health = self.lock();
        if health.is_tried {
            (health.rests_until, health.is_tried) = (Some(Instant::now()), false);
        }
        drop(health);
        self.tried.notify_waiters();
    }

    fn succeeded(&self) {
        let mut health = self.lock();
        if health.rests_until.is_some() {
            tracing::info!(origin = &*self.name, "it answers again");
        }
        *health = Health::default();
        drop(health);
        self.tried.notify_waiters();
    }

    pub(super) fn failed(&self) {
        let (mut health, now) = (self.lock(), Instant::now());
        if health.rests(now) && !health.is_tried {
            // It was under way when the others failed, and says nothing new.
            return;
        }
        health.failures = health.failures.saturating_add(1);
        if health.failures < MAX_FAILURES {
            return;
        }
        if health.rests == 0 {
            tracing::warn!(origin = &*self.name, "it failed several times in a row: left alone for a while");
            metrics::counter!("aurora_origin_rests_total").increment(1);
        }
        let rest = FIRST_REST.saturating_mul(1 << health.rests.min(16)).min(MAX_REST);
        *health =
            Health { rests: health.rests.saturating_add(1), rests_until: Some(now + rest), is_tried: false, ..*health };
        drop(health);
        self.tried.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rests(&self) -> SourceError {
        self.unavailable("it failed several times in a row")
    }

    fn unavailable(&self, reason: &str) -> SourceError {
        SourceError::Unavailable { name: self.name.to_string(), reason: reason.to_owned() }
    }
}

impl Health {
    fn rests(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }
}

impl Visit {
    /// The origin has answered, whatever becomes of the rest.
    pub(crate) fn answered(&mut self) {
        self.tries = false;
        self.origin.succeeded();
    }

    /// The origin answered, be it badly, or that it does not have what was asked for.
    pub(crate) fn succeeded(mut self) {
        self.tries = false;
        self.origin.succeeded();
    }

    /// The origin could not be connected to, or did not answer in time.
    pub(crate) fn failed(mut self) {
        self.tries = false;
        self.origin.failed();
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if self.tries {
            self.origin.untried();
        }
    }
}

#[cfg(test)]
mod tests;
