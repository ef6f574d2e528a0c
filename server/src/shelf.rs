//! A place in a cache that is emptied when the cache lets go of it.
//!
//! Moka hands what it evicted to a collector that only works as the cache is used again, which may be never. What
//! holds memory or a descriptor is therefore kept on a shelf, and the cache's eviction listener clears it.

use std::sync::{Arc, Mutex, PoisonError};

/// Holds something until it is cleared. Cheap to clone.
#[derive(Debug)]
pub(crate) struct Shelf<T>(Arc<Mutex<Option<Arc<T>>>>);

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Shelf<T> {
    /// A shelf that holds `thing`.
    pub(crate) fn of(thing: &Arc<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(Arc::clone(thing)))))
    }

    /// What it holds.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets go of what it holds.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
