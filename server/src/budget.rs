//! Divides `--memory` between what is kept and what is under way, and keeps account of the latter.
//!
//! Every cache weighs its own entries, and has a part of its own, so that a flood of headers cannot push out tiles.
//! [`Room`] accounts for everything else that lives: what renders, surveys and header reads hold, and encoded tiles
//! until the last client has taken them; what these leave is lent to the blocks. Pictures too large for their part are
//! held to `--picture-limit`, all together ([`beyond`]). Lists account for themselves ([`crate::features`]). The rest
//! of the process (code, connections, the catalogue) is the overhead that comes on top.

mod account;
mod beyond;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aurora_daemon::fair::{Client, FairQueue};
use aurora_raster::cache::BlockCache;
use bytes::Bytes;
use tokio::{sync::oneshot, time::timeout};

use crate::{admission::Overloaded, lending::Loan};
pub(crate) use account::Reserved;
use account::{Account, Leaving, Of, lock};
pub(crate) use beyond::Place;
use beyond::Places;

/// Below this a single render of a large block has no room.
pub(crate) const MIN_MEMORY_BYTES: u64 = 32 << 20;

/// Part of what renders may have that answers may take of blocks' part, beside what the cache of tiles may hold:
/// clients take their time.
const SLOW_ANSWERS_PART: u64 = 2;

/// An answer may take this part of what others leave, so that there is room for some tiles however many large ones are
/// taken slowly; a larger one counts beyond `--memory`.
const ANSWER_PART: u64 = 2;

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
    /// What is counted of rasters window by window, until the last one is.
    pub(crate) surveys_bytes: u64,
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
            blocks_bytes: sixteenths(6),
            tiles_bytes: sixteenths(2) - recall_bytes,
            recall_bytes,
            lists_bytes: sixteenths(1),
            surveys_bytes: sixteenths(1),
            in_flight_bytes: sixteenths(5),
        }
    }
}

/// Bytes that live outside of the caches of headers and blocks, in two accounts. What renders hold has a part that
/// answers never touch, or one client that takes its time would keep all others from renders. What encoded tiles hold,
/// be it in their cache or in the answers of such clients, has another; where it is more than their cache may hold,
/// blocks give way to it.
pub(crate) struct Room {
    account: Arc<Mutex<Account>>,
    /// What one reservation may take.
    render_bytes: u64,
    /// Answers that may be larger than this are given their place before they are made.
    small_answer_bytes: u64,
    beyond: Places,
    patience: Duration,
}

/// The bytes of an answer, until its last client has taken it.
pub(crate) enum Answer {
    /// Within `--memory`.
    Within { _reserved: Reserved },
    /// Too large for that beside what is there.
    Beyond { _place: Place },
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

impl Room {
    /// Room for renders, for surveys and for the tiles in their cache, of which `blocks` get what is left, and for as
    /// much as `beyond_bytes` on top of all that; nobody waits for longer than `patience`.
    pub(crate) fn new(budget: &Budget, beyond_bytes: u64, blocks: Arc<BlockCache>, patience: Duration) -> Self {
        let limit_bytes = budget.in_flight_bytes + budget.tiles_bytes + budget.surveys_bytes;
        let slow_bytes = budget.in_flight_bytes / SLOW_ANSWERS_PART;
        let account = Account {
            limit_bytes,
            tiles_bytes: budget.tiles_bytes,
            answers_limit_bytes: budget.tiles_bytes + slow_bytes,
            renders_bytes: 0,
            answers_bytes: 0,
            loan: Loan::new(blocks, budget.blocks_bytes, limit_bytes),
            waiting: FairQueue::default(),
        };
        Self {
            account: Arc::new(Mutex::new(account)),
            render_bytes: budget.in_flight_bytes,
            small_answer_bytes: slow_bytes / ANSWER_PART,
            beyond: Places::new(beyond_bytes.max(budget.in_flight_bytes)),
            patience,
        }
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
        // Whoever gives up lets those behind pass.
        let _leaving = Leaving(&self.account);
        timeout(self.patience, waits).await.ok().and_then(Result::ok).ok_or(Overloaded)
    }

    /// The same for what may be larger than all renders may have, or become an answer of as much as `answer_bytes` that
    /// is too large to be sent beside others: that is given a place beyond `--memory` before anything is made.
    ///
    /// # Errors
    /// There is no place now, or no room in time.
    pub(crate) async fn reserve_large(
        &self,
        cost_bytes: u64,
        answer_bytes: u64,
    ) -> Result<(Reserved, Option<Place>), Overloaded> {
        let excess_bytes = cost_bytes.saturating_sub(self.render_bytes);
        let sent_bytes = Some(answer_bytes).filter(|&bytes| bytes > self.small_answer_bytes).unwrap_or(0);
        let place = match excess_bytes.max(sent_bytes) {
            0 => None,
            bytes => Some(self.beyond.take(bytes).ok_or(Overloaded)?),
        };
        Ok((self.reserve(cost_bytes).await?, place))
    }

    /// Room for `cost_bytes` if there is some and nobody waits for it.
    pub(crate) fn try_reserve(&self, cost_bytes: u64) -> Option<Reserved> {
        self.take(&mut lock(&self.account), cost_bytes)
    }

    fn take(&self, account: &mut Account, cost_bytes: u64) -> Option<Reserved> {
        let bytes = cost_bytes.min(self.render_bytes);
        let may = account.waiting.is_empty() && account.fits(bytes);
        may.then(|| {
            account.add(Of::Renders, bytes);
            self.reserved(Of::Renders, bytes)
        })
    }

    /// Accounts for bytes that are there already.
    pub(crate) fn hold(&self, bytes: u64) -> Reserved {
        lock(&self.account).add(Of::Renders, bytes);
        self.reserved(Of::Renders, bytes)
    }

    /// Accounts for an answer of `bytes` that was made, for which `place` may have been taken.
    ///
    /// # Errors
    /// Those that clients are still taking leave no room for it.
    pub(crate) fn answer(&self, bytes: u64, place: Option<Place>) -> Result<Answer, Overloaded> {
        if let Some(within) = self.answer_within(bytes) {
            return Ok(within);
        }
        Ok(Answer::Beyond { _place: self.beyond.resize(place, bytes).ok_or(Overloaded)? })
    }

    /// The same of one that is not worth a place beyond `--memory`; none if there is no room for it now.
    pub(crate) fn answer_within(&self, bytes: u64) -> Option<Answer> {
        let mut account = lock(&self.account);
        let left_bytes = account.answers_limit_bytes.saturating_sub(account.answers_bytes);
        (bytes.saturating_mul(ANSWER_PART) <= left_bytes).then(|| {
            account.add(Of::Answers, bytes);
            Answer::Within { _reserved: self.reserved(Of::Answers, bytes) }
        })
    }

    fn reserved(&self, of: Of, bytes: u64) -> Reserved {
        Reserved { account: Some(Arc::clone(&self.account)), bytes, of }
    }

    /// Bytes taken now.
    pub(crate) fn used_bytes(&self) -> u64 {
        lock(&self.account).used_bytes() + self.beyond.taken_bytes()
    }
}

impl Answer {
    pub(crate) fn is_beyond(&self) -> bool {
        matches!(self, Self::Beyond { .. })
    }
}

#[cfg(test)]
mod tests;
