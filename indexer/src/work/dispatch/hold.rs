//! A pause in which nothing is begun, since it would fail as the last did: the executor takes none, the command says
//! that it is not ready, or the results folder takes nothing. It grows while that goes on, and ends early when
//! something moves.

use std::time::{Duration, Instant};

/// The first pause; doubles each time it was of no avail.
const FIRST: Duration = Duration::from_secs(5);

/// The longest pause.
const MAX: Duration = Duration::from_secs(30);

/// The pause, if there is one, and why.
#[derive(Debug, Default)]
pub(super) struct Hold {
    until: Option<Instant>,
    pause: Duration,
    reason: Option<String>,
    /// It was an attempt that told of it: only how another one ends can tell that it is over.
    by_attempt: bool,
}

impl Hold {
    /// Nothing is to be begun for a while. What is told during a pause does not make it longer.
    pub(super) fn begin(&mut self, reason: String, now: Instant) {
        if !self.is_on(now) {
            self.pause = (self.pause * 2).clamp(FIRST, MAX);
            self.until = Some(now + self.pause);
        }
        self.reason = Some(reason);
        self.by_attempt = false;
    }

    /// The same, told by how an attempt ended.
    pub(super) fn begin_by_attempt(&mut self, reason: String, now: Instant) {
        self.begin(reason, now);
        self.by_attempt = true;
    }

    /// An attempt was accepted: well again, unless that can be told only by its end.
    pub(super) fn accepted(&mut self) {
        if self.by_attempt { self.ease() } else { self.over() }
    }

    /// An attempt has ended: that may have made room, and if it is what was waited for, all is well.
    pub(super) fn ended(&mut self) {
        if self.by_attempt { self.over() } else { self.ease() }
    }

    /// Nothing waits, and `under_way` says whether something still runs.
    pub(super) fn idle(&mut self, under_way: bool) {
        if !(self.by_attempt && under_way) {
            self.over();
        }
    }

    /// Whether nothing is to be begun.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// Something moved, and may have made room: one try is worth its while.
    pub(super) fn ease(&mut self) {
        self.until = None;
    }

    /// All is well.
    pub(super) fn over(&mut self) {
        *self = Self::default();
    }

    /// How long the last pause was.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// Why nothing was begun when that was last tried.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_all_is_well() {
        let mut hold = Hold::default();
        let mut now = Instant::now();
        assert!(!hold.is_on(now));
        for pause_s in [5, 10, 20, 30, 30] {
            for _ in 0..3 {
                hold.begin("full".to_owned(), now);
            }
            assert!(hold.is_on(now + Duration::from_secs(pause_s) - Duration::from_millis(1)), "{pause_s}");
            now += Duration::from_secs(pause_s);
            assert!(!hold.is_on(now), "{pause_s}");
        }
        hold.begin("full".to_owned(), now);
        hold.ease();
        assert_eq!((hold.is_on(now), hold.reason()), (false, Some("full".to_owned())));
        hold.begin_by_attempt("unready".to_owned(), now);
        hold.accepted();
        hold.idle(true);
        assert_eq!((hold.is_on(now), hold.reason().as_deref()), (false, Some("unready")), "till it ends well");
        hold.over();
        hold.begin("away".to_owned(), now);
        assert!(!hold.is_on(now + FIRST));
        assert_eq!(hold.reason().as_deref(), Some("away"));
    }
}
