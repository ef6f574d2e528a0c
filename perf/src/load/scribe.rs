//! Hands over what the users of a thread did, second by second.

use std::{
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use super::{timeline::Slice, visitor::Crowd};
use crate::measure::{Durations, Meter};

/// Hands over a slice each second.
pub(super) struct Scribe<'a> {
    pub(super) meter: Arc<Meter>,
    pub(super) crowd: Arc<Crowd>,
    pub(super) slices: &'a Sender<Slice>,
    pub(super) second: u32,
    pub(super) users: u64,
    pub(super) lateness: Durations,
}

impl Scribe<'_> {
    /// Notes who is there, and each second hands over. Whether anybody still listens.
    pub(super) fn write(&mut self, time: Duration, users: u64) -> bool {
        let second = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        if second == self.second {
            self.users = self.users.max(users);
            return true;
        }
        let sent = self.send();
        (self.second, self.users) = (second, users);
        sent
    }

    pub(super) fn send(&mut self) -> bool {
        let slice = Slice {
            second: self.second,
            users: self.users,
            tally: self.meter.take(),
            lateness: std::mem::take(&mut self.lateness),
            ran_out: self.crowd.ran_out(),
        };
        self.slices.send(slice).is_ok()
    }
}
