//! How much of their part of `--memory` tiles take: all of it, as long as some are asked for again.
//!
//! Users who move over scenes ask for hardly any tile twice: browsers keep what they have seen. What such tiles would
//! take is then of more use to the blocks, of which the next tile is made. The caller is [`crate::tiles`].

use std::collections::{HashSet, VecDeque};

use crate::tiles::Key;

/// Tiles made between two looks.
const LOOK_EVERY: u64 = 128;

/// Tiles are worth keeping while at least one is asked for again for so many that are made.
const MADE_FOR_ONE_AGAIN: u64 = 64;

/// They give up this part at a look, as its reciprocal, down to one such part.
const STEP: u64 = 8;

/// Tiles of which it is known that they were made, be they kept or not: who asks for one of them would have found it.
const KNOWN: usize = 1024;

/// The share, and what has happened since the last look.
#[derive(Debug)]
pub(crate) struct Share {
    whole_bytes: u64,
    capacity_bytes: u64,
    made: u64,
    made_again: u64,
    /// Tiles found at hand until the last look.
    hits: u64,
    lately: VecDeque<Key>,
    known: HashSet<Key>,
}

impl Share {
    /// All of `whole_bytes` at first.
    pub(crate) fn new(whole_bytes: u64) -> Self {
        let (lately, known) = (VecDeque::with_capacity(KNOWN), HashSet::with_capacity(KNOWN));
        Self { whole_bytes, capacity_bytes: whole_bytes, made: 0, made_again: 0, hits: 0, lately, known }
    }

    /// The tile of `key` was made, and `hits` were found at hand since the start. Returns the new share when it
    /// changes.
    pub(crate) fn made(&mut self, key: Key, hits: u64) -> Option<u64> {
        self.made += 1;
        self.made_again += u64::from(!self.is_new(key));
        if self.made < LOOK_EVERY {
            return None;
        }
        let again = self.made_again + hits.saturating_sub(self.hits);
        let step_bytes = self.whole_bytes / STEP;
        let wanted_bytes = match again * MADE_FOR_ONE_AGAIN >= self.made {
            true => (self.capacity_bytes * 2).min(self.whole_bytes),
            false => self.capacity_bytes.saturating_sub(step_bytes).max(step_bytes),
        };
        (self.made, self.made_again, self.hits) = (0, 0, hits);
        let changes = wanted_bytes != self.capacity_bytes;
        self.capacity_bytes = wanted_bytes;
        changes.then_some(wanted_bytes)
    }

    /// Whether the tile was not made lately; from now on it was.
    fn is_new(&mut self, key: Key) -> bool {
        if !self.known.insert(key) {
            return false;
        }
        if let Some(oldest) = self.lately.pop_front_if(|_| self.known.len() > KNOWN) {
            self.known.remove(&oldest);
        }
        self.lately.push_back(key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Tiles {
        share: Share,
        made: u64,
        hits: u64,
    }

    impl Tiles {
        /// The shares that looks come to while so many of each look's tiles are found again, or made again.
        fn shares(&mut self, found: u64, made_again: u64, looks: usize) -> Vec<u64> {
            let look = |_| {
                self.hits += found;
                for number in 0..LOOK_EVERY {
                    self.made += u64::from(number >= made_again);
                    self.share.made(Key::of(&[&self.made.to_string()]), self.hits);
                }
                self.share.capacity_bytes
            };
            (0..looks).map(look).collect()
        }
    }

    #[test]
    fn tiles_give_way_while_nobody_asks_again_and_come_back() {
        let mut tiles = Tiles { share: Share::new(1600), made: 0, hits: 0 };
        assert_eq!(tiles.shares(2, 0, 2), [1600, 1600]);
        assert_eq!(tiles.shares(1, 0, 3), [1400, 1200, 1000]);
        assert_eq!(tiles.shares(0, 0, 6), [800, 600, 400, 200, 200, 200]);
        assert_eq!(tiles.shares(2, 0, 2), [400, 800]);
        // One too large for what is left is never found, but made again and again.
        assert_eq!(tiles.shares(0, 1, 1), [600]);
        assert_eq!(tiles.shares(0, 2, 3), [1200, 1600, 1600]);
    }

    #[test]
    fn only_the_last_are_known() {
        let mut share = Share::new(1600);
        let keys: Vec<Key> = (0..KNOWN + 1).map(|number| Key::of(&[&number.to_string()])).collect();
        assert!(keys.iter().all(|key| share.is_new(*key)));
        assert!(!share.is_new(keys[KNOWN]) && !share.is_new(keys[1]) && share.is_new(keys[0]));
        assert_eq!((share.known.len(), share.lately.len()), (KNOWN, KNOWN));
    }
}
