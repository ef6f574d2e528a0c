//! What of the room is taken, and who waits for more of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aurora_daemon::fair::FairQueue;
use tokio::sync::oneshot;

use crate::lending::Loan;

/// Bytes taken in one room.
pub(super) struct Account {
    pub(super) limit_bytes: u64,
    /// The most that answers leave less for renders: what the cache of tiles may hold.
    pub(super) tiles_bytes: u64,
    pub(super) answers_limit_bytes: u64,
    pub(super) renders_bytes: u64,
    pub(super) answers_bytes: u64,
    pub(super) loan: Loan,
    pub(super) waiting: FairQueue<(u64, oneshot::Sender<Reserved>)>,
}

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Renders,
    Answers,
}

/// Bytes taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(super) account: Option<Arc<Mutex<Account>>>,
    pub(super) bytes: u64,
    pub(super) of: Of,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("used_bytes", &self.used_bytes()).finish_non_exhaustive()
    }
}

impl Account {
    /// Whether renders may have `bytes` more. Answers never leave them less than their own part.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        self.renders_bytes + self.answers_bytes.min(self.tiles_bytes) + bytes <= self.limit_bytes
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.renders_bytes + self.answers_bytes
    }

    pub(super) fn add(&mut self, of: Of, bytes: u64) {
        *self.of(of) += bytes;
        self.loan.settle(self.used_bytes());
    }

    fn give_back(&mut self, of: Of, bytes: u64) {
        *self.of(of) -= bytes;
        self.loan.settle(self.used_bytes());
    }

    fn of(&mut self, of: Of) -> &mut u64 {
        match of {
            Of::Renders => &mut self.renders_bytes,
            Of::Answers => &mut self.answers_bytes,
        }
    }

    /// Takes for the next one who waits, if there is room for it; until then nobody passes it, or what is large would
    /// starve.
    fn next(&mut self) -> Option<(u64, oneshot::Sender<Reserved>)> {
        while self.waiting.peek().is_some_and(|(_, sender)| sender.is_closed()) {
            self.waiting.pop(0);
        }
        let bytes = self.waiting.peek()?.0;
        if !self.fits(bytes) {
            return None;
        }
        self.add(Of::Renders, bytes);
        self.waiting.pop(bytes).map(|(_, waiting)| waiting)
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let Some(account) = self.account.take() else { return };
        lock(&account).give_back(self.of, self.bytes);
        hand_on(&account);
    }
}

/// One who waits, and has gone when it is dropped.
pub(super) struct Leaving<'a>(pub(super) &'a Arc<Mutex<Account>>);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        hand_on(self.0);
    }
}

/// Gives what is free to those who wait.
fn hand_on(account: &Arc<Mutex<Account>>) {
    loop {
        let next = lock(account).next();
        let Some((bytes, sender)) = next else { return };
        let reserved = Reserved { account: Some(Arc::clone(account)), bytes, of: Of::Renders };
        if let Err(mut back) = sender.send(reserved) {
            // Whoever waited has gone.
            back.account = None;
            lock(account).give_back(Of::Renders, bytes);
        }
    }
}

pub(super) fn lock(account: &Arc<Mutex<Account>>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}
