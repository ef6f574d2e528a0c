//! What renders and answers leave of their part of `--memory` for a while, lent to the block cache.
//!
//! They get it back when they take it, before anything else happens, so the whole never grows beyond `--memory`; where
//! they take more than their part, blocks give way for as long. The caller is [`crate::budget::Room`], under its lock.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_raster::cache::BlockCache;

/// The room is lent in this many parts, so that the cache's bound does not move with every render; one of them is kept
/// back.
const PARTS: u64 = 32;

/// How long something must have been left before it is lent.
const LEFT_FOR: Duration = Duration::from_millis(500);

/// What is lent now, and what could be.
pub(crate) struct Loan {
    blocks: Arc<BlockCache>,
    /// The cache's own part.
    own_bytes: u64,
    /// The room's part.
    room_bytes: u64,
    lent_bytes: u64,
    /// What is taken of the cache's own part.
    owed_bytes: u64,
    /// The most that was taken of the room since.
    most_taken_bytes: u64,
    since: Instant,
}

impl Loan {
    /// Nothing is lent at first.
    pub(crate) fn new(blocks: Arc<BlockCache>, own_bytes: u64, room_bytes: u64) -> Self {
        Self { blocks, own_bytes, room_bytes, lent_bytes: 0, owed_bytes: 0, most_taken_bytes: 0, since: Instant::now() }
    }

    /// `taken_bytes` of the room are taken now.
    pub(crate) fn settle(&mut self, taken_bytes: u64) {
        self.most_taken_bytes = self.most_taken_bytes.max(taken_bytes);
        let (mut lent_bytes, left_bytes) = (self.lent_bytes, self.room_bytes.saturating_sub(taken_bytes));
        if lent_bytes > left_bytes {
            lent_bytes = self.whole_parts(left_bytes);
        } else if self.since.elapsed() >= LEFT_FOR {
            let left_bytes = self.room_bytes.saturating_sub(self.most_taken_bytes + self.room_bytes / PARTS);
            lent_bytes = self.whole_parts(left_bytes.max(lent_bytes));
            (self.most_taken_bytes, self.since) = (taken_bytes, Instant::now());
        }
        let more_bytes = taken_bytes.saturating_sub(self.room_bytes);
        let owed_bytes = more_bytes.div_ceil(self.part_bytes()) * self.part_bytes();
        if (lent_bytes, owed_bytes) != (self.lent_bytes, self.owed_bytes) {
            (self.lent_bytes, self.owed_bytes) = (lent_bytes, owed_bytes);
            self.blocks.set_capacity_bytes((self.own_bytes + lent_bytes).saturating_sub(owed_bytes));
        }
    }

    fn part_bytes(&self) -> u64 {
        (self.room_bytes / PARTS).max(1)
    }

    /// As many whole parts as `bytes` make.
    fn whole_parts(&self, bytes: u64) -> u64 {
        bytes / self.part_bytes() * self.part_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(loan: &mut Loan, taken_bytes: u64) -> u64 {
        loan.settle(taken_bytes);
        loan.blocks.counts().capacity_bytes
    }

    #[test]
    fn what_is_left_for_a_while_is_lent_and_comes_back_at_once() {
        let blocks = Arc::new(BlockCache::new(1000));
        let mut loan = Loan::new(Arc::clone(&blocks), 1000, 3200);
        assert_eq!(settled(&mut loan, 300), 1000, "nothing was left for long");
        let long_ago = Instant::now() - LEFT_FOR;
        loan.since = long_ago;
        // 3,200 less 300 and one part that is kept back.
        assert_eq!(settled(&mut loan, 10), 1000 + 2800);
        assert_eq!(settled(&mut loan, 400), 1000 + 2800);
        assert_eq!(settled(&mut loan, 401), 1000 + 2700);
        assert_eq!(settled(&mut loan, 3200), 1000);
        assert_eq!(settled(&mut loan, 3650), 1000 - 500, "blocks give way to more than there is room for");
        assert_eq!(settled(&mut loan, 5000), 0);
        assert_eq!(settled(&mut loan, 0), 1000);
        // The most that was taken meanwhile counts, then only what is taken still.
        loan.since = long_ago;
        assert_eq!(settled(&mut loan, 0), 1000);
        loan.since = long_ago;
        assert_eq!(settled(&mut loan, 0), 1000 + 3100);
    }
}
