//! How many requests each HTTP/2 connection may have under way.
//!
//! One that waits for its client holds some 3 KiB: a hundred on each of thousands of connections would be gigabytes, on
//! six they are less than the connection itself. So each connection may have a few, and what is more comes out of one
//! store, of which every connection takes a small part of what is left: the first ones as many as they could want,
//! those of a crowd next to none. A client learns with the first frame how many it has, and keeps the others back.
//! [`super::connection`] asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Requests that every connection may have under way: as many as browsers send at once by HTTP/1.
const LEAST: u32 = 6;

/// The most that one may have.
const MOST: u32 = 100;

/// All that connections may have together beyond the least.
const STORE: u32 = 8192;

/// A connection takes this part of what is left of the store, as its reciprocal.
const PART: u32 = 16;

/// What is left of the store.
#[derive(Debug)]
pub(super) struct Streams {
    left: Mutex<u32>,
}

/// Of one connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    all: Arc<Streams>,
    beyond_least: u32,
}

impl Default for Streams {
    fn default() -> Self {
        Self { left: Mutex::new(STORE) }
    }
}

impl Streams {
    /// For a connection that begins.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        let mut left = self.left();
        let beyond_least = (*left / PART).min(MOST - LEAST);
        *left -= beyond_least;
        Share { all: Arc::clone(self), beyond_least }
    }

    fn left(&self) -> MutexGuard<'_, u32> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Requests under way at once.
    pub(super) fn streams(&self) -> u32 {
        LEAST + self.beyond_least
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        *self.all.left() += self.beyond_least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_have_many_and_a_crowd_has_few() {
        let all = Arc::new(Streams::default());
        let shares: Vec<Share> = (0..10_000).map(|_| all.share()).collect();
        let streams: Vec<u32> = shares.iter().map(Share::streams).collect();
        assert!(streams[..50].iter().all(|&streams| streams == MOST));
        assert!(streams.is_sorted_by(|a, b| a >= b) && streams[200..].iter().all(|&streams| streams == LEAST));
        assert!(streams.iter().sum::<u32>() <= STORE + 10_000 * LEAST);
        drop(shares);
        assert_eq!(*all.left(), STORE, "given back");
        assert_eq!(all.share().streams(), MOST);
    }
}
