//! A pause in which nothing is begun, since it would fail as the last did: the executor takes none, or there is no room. It
//! grows while that goes on, and ends early when something moves.

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
}

impl Hold {
    /// Nothing is to be begun for a while. What is told during a pause does not make it longer.
    pub(super) fn begin(&mut self, reason: String, now: Instant) {
        if !self.is_on(now) {
            self.pause = (self.pause * 2).clamp(FIRST, MAX);
            self.until = Some(now + self.pause);
        }
        self.reason = Some(reason);
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
        hold.over();
        hold.begin("away".to_owned(), now);
        assert!(!hold.is_on(now + FIRST));
        assert_eq!(hold.reason().as_deref(), Some("away"));
    }
}
