//! What the heads of requests hold that have not come in whole, of all connections together.
//!
//! A head may be long, and thousands of clients may each send most of one and wait: by themselves all of them keep to
//! their bounds, together they would hold a gigabyte. So what is beyond a usual head has one account; whoever would
//! send more when it is full has to go. [`super::entry`] keeps one [`Head`] a connection, [`super::stream`] asks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Bytes of a usual head, for which there always is room.
const USUAL_BYTES: usize = 4 << 10;

/// Bytes beyond those of usual heads that all may hold together. hyper's buffers may be twice as large.
pub(super) const MOST_BYTES: usize = 16 << 20;

/// The account.
#[derive(Debug, Default)]
pub(super) struct Heads {
    beyond_bytes: AtomicUsize,
}

/// The part of one connection, given back when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Head {
    all: Arc<Heads>,
    bytes: AtomicUsize,
}

impl Head {
    /// One of which nothing has come in.
    pub(super) fn new(all: Arc<Heads>) -> Self {
        Self { all, bytes: AtomicUsize::new(0) }
    }

    /// Adds bytes that have come in, and says whether there is room for them.
    pub(super) fn grow(&self, more_bytes: usize) -> bool {
        let before = self.bytes.fetch_add(more_bytes, Relaxed);
        let added = beyond_usual(before + more_bytes) - beyond_usual(before);
        added == 0 || self.all.beyond_bytes.fetch_add(added, Relaxed) + added <= MOST_BYTES
    }

    /// It has come in whole, or never will.
    pub(super) fn end(&self) {
        let beyond = beyond_usual(self.bytes.swap(0, Relaxed));
        if beyond > 0 {
            self.all.beyond_bytes.fetch_sub(beyond, Relaxed);
        }
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.end();
    }
}

fn beyond_usual(bytes: usize) -> usize {
    bytes.saturating_sub(USUAL_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_heads_share_a_bound_and_usual_ones_have_none() {
        let all = Arc::new(Heads::default());
        let head = || Head::new(Arc::clone(&all));
        let long = head();
        assert!(long.grow(1000) && long.grow(MOST_BYTES + USUAL_BYTES - 1000));
        let other = head();
        assert!(other.grow(USUAL_BYTES), "a usual one");
        assert!(!other.grow(1), "what is beyond has no room left");
        drop(other);
        long.end();
        assert_eq!(all.beyond_bytes.load(Relaxed), 0);
        assert!(head().grow(2 * USUAL_BYTES));
        assert_eq!(all.beyond_bytes.load(Relaxed), 0, "given back with the connection");
    }
}
