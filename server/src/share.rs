//! How much of their part of `--memory` tiles take: all of it, as long as some are asked for again.
//!
//! Users who move over scenes ask for hardly any tile twice: browsers keep what they have seen. What such tiles would take
//! is then of more use to the blocks, of which the next tile is made. The caller is [`crate::tiles`].

/// Tiles made between two looks.
const LOOK_EVERY: u64 = 256;

/// Tiles are worth keeping while at least one is asked for again for so many that are made.
const MADE_FOR_ONE_AGAIN: u64 = 64;

/// They keep this part, as its reciprocal, whatever happens: enough to notice that they are asked for again.
const LEAST: u64 = 8;

/// The share, and what has happened since the last look.
#[derive(Debug)]
pub(crate) struct Share {
    whole_bytes: u64,
    capacity_bytes: u64,
    made: u64,
    /// Tiles found at hand until the last look.
    hits: u64,
}

impl Share {
    /// All of `whole_bytes` at first.
    pub(crate) fn new(whole_bytes: u64) -> Self {
        Self { whole_bytes, capacity_bytes: whole_bytes, made: 0, hits: 0 }
    }

    /// A tile was made, and `hits` were found at hand since the start. Returns the new share when it changes.
    pub(crate) fn made(&mut self, hits: u64) -> Option<u64> {
        self.made += 1;
        if self.made < LOOK_EVERY {
            return None;
        }
        let again = hits.saturating_sub(self.hits);
        let wanted_bytes = match again * MADE_FOR_ONE_AGAIN >= self.made {
            true => (self.capacity_bytes * 2).min(self.whole_bytes),
            false => (self.capacity_bytes / 2).max(self.whole_bytes / LEAST),
        };
        (self.made, self.hits) = (0, hits);
        let changes = wanted_bytes != self.capacity_bytes;
        self.capacity_bytes = wanted_bytes;
        changes.then_some(wanted_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shares that looks come to, one after another, while so many of each look's tiles are asked for again.
    fn shares(share: &mut Share, hits: &mut u64, again: u64, looks: usize) -> Vec<u64> {
        let look = |_| {
            *hits += again;
            (0..LOOK_EVERY).filter_map(|_| share.made(*hits)).for_each(drop);
            share.capacity_bytes
        };
        (0..looks).map(look).collect()
    }

    #[test]
    fn tiles_give_way_while_nobody_asks_again_and_come_back() {
        let (mut share, mut hits) = (Share::new(1600), 0);
        assert_eq!(shares(&mut share, &mut hits, 4, 2), [1600, 1600]);
        assert_eq!(shares(&mut share, &mut hits, 3, 5), [800, 400, 200, 200, 200]);
        assert_eq!(shares(&mut share, &mut hits, 4, 4), [400, 800, 1600, 1600]);
    }
}
