//! What the heads of requests hold, of all connections together.
//!
//! A head may be long, and thousands of clients may each send most of one and wait: by themselves all of them keep to
//! their bounds, together they would hold a gigabyte. So what is beyond a usual head has one account; whoever would
//! send more when it is full has to go. On HTTP/1 a head is held until its answer is over. On HTTP/2 nobody learns of
//! one before it is whole: all that came in since the last request counts, up to what may be held. Then it counts by
//! itself, as one of those that wait for their answers. [`super::entry`] keeps one [`Head`] a connection, and one for
//! each long head of HTTP/2; [`super::stream`] asks.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed},
};

/// Bytes of a usual head, for which there always is room, and most that are read at once.
pub(super) const USUAL_BYTES: usize = 4 << 10;

/// What a usual head holds once it was read on HTTP/2, tables of lines included.
const USUAL_WHOLE_BYTES: usize = 8 << 10;

/// Most that an HTTP/2 connection holds of a head that is not whole: six frames of 16 KiB, in a buffer that doubles.
const MOST_HTTP2_BYTES: usize = 160 << 10;

/// Bytes beyond those of usual heads that all may hold together. hyper's buffers may be twice as large.
const MOST_BYTES: i64 = 16 << 20;

/// The account.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Below zero only while a head ends on one thread and grows on another.
    beyond_bytes: AtomicI64,
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

    /// One of the same account that came in whole, and whether there is room for it; none if it is a usual one.
    pub(super) fn another(&self, bytes: usize) -> Option<(Self, bool)> {
        (bytes > USUAL_WHOLE_BYTES).then(|| {
            let head = Self::new(Arc::clone(&self.all));
            let has_room = head.grow(bytes - USUAL_WHOLE_BYTES + USUAL_BYTES);
            (head, has_room)
        })
    }

    /// Adds bytes that have come in, and says whether there is room for them.
    pub(super) fn grow(&self, more_bytes: usize) -> bool {
        let before = self.bytes.fetch_add(more_bytes, Relaxed);
        let added = beyond_usual(before + more_bytes) - beyond_usual(before);
        added == 0 || self.all.beyond_bytes.fetch_add(added, Relaxed) + added <= MOST_BYTES
    }

    /// The same of an HTTP/2 connection, whose frames are not told apart.
    pub(super) fn grow_by_frames(&self, more_bytes: usize) -> bool {
        let room = MOST_HTTP2_BYTES.saturating_sub(self.bytes.load(Relaxed));
        self.grow(more_bytes.min(room))
    }

    /// It is held no longer.
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

fn beyond_usual(bytes: usize) -> i64 {
    bytes.saturating_sub(USUAL_BYTES) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_heads_share_a_bound_and_usual_ones_have_none() {
        let all = Arc::new(Heads::default());
        let head = || Head::new(Arc::clone(&all));
        let long = head();
        assert!(long.grow(1000) && long.grow(MOST_BYTES as usize + USUAL_BYTES - 1000));
        let other = head();
        assert!(other.grow(USUAL_BYTES), "a usual one");
        assert!(!other.grow(1), "what is beyond has no room left");
        drop(other);
        long.end();
        assert_eq!(all.beyond_bytes.load(Relaxed), 0);
        assert!(head().grow(2 * USUAL_BYTES));
        assert_eq!(all.beyond_bytes.load(Relaxed), 0, "given back with the connection");
        let frames = head();
        assert!((0..1000).all(|_| frames.grow_by_frames(1 << 20)), "a long body is no long head");
        assert_eq!(all.beyond_bytes.load(Relaxed), beyond_usual(MOST_HTTP2_BYTES));
        assert!(frames.another(USUAL_WHOLE_BYTES).is_none());
        let whole: Vec<_> = (0..MOST_BYTES / 4096).filter_map(|_| frames.another(USUAL_WHOLE_BYTES + 4096)).collect();
        assert!(whole[0].1 && !whole.last().expect("many").1, "until they are as much as may be");
        drop((whole, frames));
        assert_eq!(all.beyond_bytes.load(Relaxed), 0);
    }
}
