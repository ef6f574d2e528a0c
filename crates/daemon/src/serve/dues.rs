//! Until when a client must have taken the large answers of its connection: what they hold of memory is kept from
//! others, and one that takes them steadily, but hardly at all, would hold it for hours.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::body::Bytes;

use super::entry::Entry;

/// A piece of an answer that is larger has its time. Of what is smaller the least rate is enough: it is taken within
/// five minutes.
const LARGE_BYTES: usize = 1 << 20;

/// The times of one connection's answers.
#[derive(Default)]
pub(super) struct Dues {
    all_ms: Mutex<Vec<u64>>,
    /// The first of them; 0 where there is none.
    first_ms: AtomicU64,
}

impl Dues {
    /// When the first of the answers must have been taken, if there is one.
    pub(super) fn first_ms(&self) -> Option<u64> {
        Some(self.first_ms.load(Relaxed)).filter(|&first_ms| first_ms > 0)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<u64>)) {
        let mut all_ms = self.all_ms.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut all_ms);
        self.first_ms.store(all_ms.iter().min().copied().unwrap_or(0), Relaxed);
    }
}

/// `bytes`, which if they are many must leave within `time`: all of them, to the last that the connection holds.
pub(super) fn due(bytes: Bytes, entry: &Arc<Entry>, time: Duration) -> Bytes {
    if bytes.len() <= LARGE_BYTES {
        return bytes;
    }
    let due_ms = entry.now_ms() + time.as_millis() as u64;
    entry.dues.change(|all_ms| all_ms.push(due_ms));
    Bytes::from_owner(Owed { bytes, due_ms, entry: Arc::clone(entry) })
}

/// Bytes on their way to a client.
struct Owed {
    bytes: Bytes,
    due_ms: u64,
    entry: Arc<Entry>,
}

impl AsRef<[u8]> for Owed {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.entry.dues.change(|all_ms| {
            if let Some(at) = all_ms.iter().position(|&due_ms| due_ms == self.due_ms) {
                all_ms.swap_remove(at);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::fair::Client;

    #[test]
    fn the_first_of_several_large_answers_is_due_until_it_is_taken() {
        let entry = Arc::new(Entry::new(Client::OWN, Arc::default(), Arc::default(), Instant::now()));
        let answer = |bytes: usize, s: u64| due(vec![0; bytes].into(), &entry, Duration::from_secs(s));
        let small = answer(LARGE_BYTES, 1);
        assert_eq!(entry.dues.first_ms(), None);
        let (later, mut sooner) = (answer(LARGE_BYTES + 1, 100), answer(LARGE_BYTES + 1, 10));
        assert!(entry.dues.first_ms().is_some_and(|due_ms| due_ms < 50_000));
        let rest = sooner.split_off(LARGE_BYTES);
        drop(sooner);
        assert!(entry.dues.first_ms().is_some_and(|due_ms| due_ms < 50_000), "some of it is there still");
        drop(rest);
        assert!(entry.dues.first_ms().is_some_and(|due_ms| due_ms >= 100_000));
        drop((later, small));
        assert_eq!(entry.dues.first_ms(), None);
    }
}
