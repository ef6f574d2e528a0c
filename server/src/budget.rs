//! Divides `--memory` between what is kept and what is under way, and keeps account of the latter.
//!
//! Every cache weighs its own entries, and has a part of its own, so that a flood of headers cannot push out tiles.
//! [`Room`] accounts for everything else that lives: what renders and header reads hold, and encoded tiles until the last
//! client has taken them; what these leave is lent to the blocks. Lists account for themselves
//! ([`crate::features`]). The rest of the process (code, connections, the catalogue) is the overhead that comes on top.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aurora_daemon::fair::{Client, FairQueue};
use aurora_raster::cache::BlockCache;
use bytes::Bytes;
use tokio::{sync::oneshot, time::timeout};

use crate::{admission::Overloaded, lending::Loan};

/// Below this a single render of a large block has no room.
pub(crate) const MIN_MEMORY_BYTES: u64 = 32 << 20;

/// The parts, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Budget {
    /// Headers of opened rasters.
    pub(crate) headers_bytes: u64,
    /// Source blocks.
    pub(crate) blocks_bytes: u64,
    /// Encoded tiles.
    pub(crate) tiles_bytes: u64,
    /// Addresses that lead to them.
    pub(crate) recall_bytes: u64,
    /// Lists of scenes and detections, until they are taken.
    pub(crate) lists_bytes: u64,
    /// Source bytes and buffers of renders under way.
    pub(crate) in_flight_bytes: u64,
}

impl Budget {
    /// Divides `memory_bytes`.
    pub(crate) fn split(memory_bytes: u64) -> Self {
        let sixteenths = |n: u64| memory_bytes / 16 * n;
        let recall_bytes = memory_bytes / 128;
        Self {
            headers_bytes: sixteenths(1),
            blocks_bytes: sixteenths(7),
            tiles_bytes: sixteenths(2) - recall_bytes,
            recall_bytes,
            lists_bytes: sixteenths(1),
            in_flight_bytes: sixteenths(5),
        }
    }
}

/// Bytes that live outside of the caches of headers and blocks. Tiles count as long as they live, be it in their cache
/// or in the answers of clients that take their time: the latter leave less room for renders.
pub(crate) struct Room {
    account: Arc<Mutex<Account>>,
    /// What one reservation may take.
    render_bytes: u64,
    patience: Duration,
}

struct Account {
    limit_bytes: u64,
    used_bytes: u64,
    loan: Loan,
    waiting: FairQueue<(u64, oneshot::Sender<Reserved>)>,
}

/// Bytes taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    account: Option<Arc<Mutex<Account>>>,
    bytes: u64,
}

/// `bytes`, for which `taken` was taken, until the last who holds them has let go.
pub(crate) fn held<T: Send + 'static>(bytes: Bytes, taken: T) -> Bytes {
    Bytes::from_owner(Held { bytes, _taken: taken })
}

struct Held<T> {
    bytes: Bytes,
    _taken: T,
}

impl<T> AsRef<[u8]> for Held<T> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("used_bytes", &self.used_bytes).finish_non_exhaustive()
    }
}

impl Room {
    /// Room for renders and for the tiles in their cache, of which `blocks` get what is left; nobody waits for longer than
    /// `patience`.
    pub(crate) fn new(budget: &Budget, blocks: Arc<BlockCache>, patience: Duration) -> Self {
        let limit_bytes = budget.in_flight_bytes + budget.tiles_bytes;
        let loan = Loan::new(blocks, budget.blocks_bytes, limit_bytes);
        let account = Account { limit_bytes, used_bytes: 0, loan, waiting: FairQueue::default() };
        Self { account: Arc::new(Mutex::new(account)), render_bytes: budget.in_flight_bytes, patience }
    }

    /// Waits for room for `cost_bytes`. What costs more than all renders may have runs alone; the raster's own limits
    /// keep that within bounds.
    pub(crate) async fn reserve(&self, cost_bytes: u64) -> Result<Reserved, Overloaded> {
        let waits = {
            let mut account = lock(&self.account);
            if let Some(reserved) = self.take(&mut account, cost_bytes) {
                return Ok(reserved);
            }
            let (sender, receiver) = oneshot::channel();
            account.waiting.push(Client::current(), (cost_bytes.min(self.render_bytes), sender));
            receiver
        };
        timeout(self.patience, waits).await.ok().and_then(Result::ok).ok_or(Overloaded)
    }

    /// Room for `cost_bytes` if there is some and nobody waits for it.
    pub(crate) fn try_reserve(&self, cost_bytes: u64) -> Option<Reserved> {
        self.take(&mut lock(&self.account), cost_bytes)
    }

    fn take(&self, account: &mut Account, cost_bytes: u64) -> Option<Reserved> {
        let bytes = cost_bytes.min(self.render_bytes);
        let may = account.waiting.is_empty() && account.fits(bytes);
        if may {
            account.change(|used| used + bytes);
        }
        may.then(|| Reserved { account: Some(Arc::clone(&self.account)), bytes })
    }

    /// Accounts for bytes that are there already.
    pub(crate) fn hold(&self, bytes: u64) -> Reserved {
        lock(&self.account).change(|used| used + bytes);
        Reserved { account: Some(Arc::clone(&self.account)), bytes }
    }

    /// Bytes taken now.
    pub(crate) fn used_bytes(&self) -> u64 {
        lock(&self.account).used_bytes
    }
}

impl Account {
    fn fits(&self, bytes: u64) -> bool {
        self.used_bytes + bytes <= self.limit_bytes
    }

    fn change(&mut self, change: impl FnOnce(u64) -> u64) {
        self.used_bytes = change(self.used_bytes);
        self.loan.settle(self.used_bytes);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let Some(account) = self.account.take() else { return };
        lock(&account).change(|used| used - self.bytes);
        while let Some((bytes, sender)) = next(&account) {
            if let Err(mut back) = sender.send(Reserved { account: Some(Arc::clone(&account)), bytes }) {
                // Whoever waited has gone.
                back.account = None;
                lock(&account).change(|used| used - bytes);
            }
        }
    }
}

/// Takes the next one who waits, if there is room for it; until then nobody passes it, or what is large would starve.
fn next(account: &Arc<Mutex<Account>>) -> Option<(u64, oneshot::Sender<Reserved>)> {
    let mut account = lock(account);
    let (bytes, sender) = account.waiting.peek()?;
    let (bytes, has_gone) = (*bytes, sender.is_closed());
    if !has_gone && !account.fits(bytes) {
        return None;
    }
    account.change(|used| used + bytes);
    account.waiting.pop(bytes).map(|(_, waiting)| waiting)
}

fn lock(account: &Arc<Mutex<Account>>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn room(render_bytes: u64, tiles_bytes: u64) -> Room {
        let budget = Budget { tiles_bytes, in_flight_bytes: render_bytes, ..Budget::split(0) };
        Room::new(&budget, Arc::new(BlockCache::new(0)), Duration::from_secs(60))
    }

    #[test]
    fn the_parts_stay_within_the_whole() {
        for memory in [MIN_MEMORY_BYTES, 64 << 20, (256 << 20) + 5] {
            let parts = Budget::split(memory);
            let sum = parts.headers_bytes
                + parts.blocks_bytes
                + parts.tiles_bytes
                + parts.recall_bytes
                + parts.lists_bytes
                + parts.in_flight_bytes;
            assert!(sum <= memory && sum > memory / 16 * 14);
        }
    }

    #[tokio::test]
    async fn a_render_waits_for_room_and_a_huge_one_runs_alone() {
        let room = room(100, 0);
        let small = room.reserve(1).await.unwrap();
        let mut huge = Box::pin(room.reserve(u64::MAX));
        assert!(huge.as_mut().now_or_never().is_none());
        let mut after = Box::pin(room.reserve(1));
        assert!(after.as_mut().now_or_never().is_none(), "nobody passes who waits");
        drop(small);
        let huge = huge.await.unwrap();
        assert_eq!(room.used_bytes(), 100);
        assert!(after.as_mut().now_or_never().is_none());
        drop(huge);
        drop(after.await.unwrap());
        assert_eq!(room.used_bytes(), 0);
    }

    #[tokio::test]
    async fn tiles_that_clients_still_hold_leave_less_room_for_renders() {
        let room = room(100, 50);
        let held = room.hold(80);
        let mut render = Box::pin(room.reserve(100));
        assert!(render.as_mut().now_or_never().is_none());
        drop(held);
        assert!(render.await.is_ok());
    }

    #[tokio::test]
    async fn who_has_gone_leaves_no_trace_and_who_waits_for_long_is_sent_away() {
        let mut room = room(100, 0);
        room.patience = Duration::from_millis(5);
        let all = room.reserve(100).await.unwrap();
        drop(Box::pin(room.reserve(60)).now_or_never());
        assert!(matches!(room.reserve(60).await, Err(Overloaded)));
        drop(all);
        assert_eq!(room.used_bytes(), 0);
        assert!(room.reserve(100).await.is_ok());
    }
}
