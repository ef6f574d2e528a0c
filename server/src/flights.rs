//! Equal work under way is done once, for everybody who asks while it lasts.
//!
//! The work is a shared future: whoever waits drives it, so a requester who leaves takes nothing from the others, and
//! when the last one leaves the work is dropped where it stands. (Moka's own coalescing ties the work to the first
//! caller and makes the others start anew when that one leaves.) It keeps no results; its callers' caches do.

use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

type Work<V> = BoxFuture<'static, V>;
type Map<K, V> = HashMap<K, (u64, WeakShared<Work<V>>)>;

struct Open<K, V: Clone> {
    by_key: Map<K, V>,
    begun: u64,
}

/// Work under way by key.
pub(crate) struct Flights<K, V: Clone> {
    open: Arc<Mutex<Open<K, V>>>,
}

impl<K, V> Flights<K, V>
where
    K: Hash + Eq + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self { open: Arc::new(Mutex::new(Open { by_key: HashMap::new(), begun: 0 })) }
    }

    /// The result of the work of this key: joins it if it is under way (`true`), else begins it with `work`.
    pub(crate) fn join<F>(&self, key: K, work: impl FnOnce() -> F) -> (Shared<Work<V>>, bool)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = open.by_key.get(&key).and_then(|(_, flight)| flight.upgrade()) {
            return (flight, true);
        }
        open.begun += 1;
        let number = open.begun;
        let landing = Landing { open: Arc::clone(&self.open), key: key.clone(), number };
        let work = work();
        let landed = async move {
            let _landing = landing;
            work.await
        };
        let flight = landed.boxed().shared();
        if let Some(weak) = flight.downgrade() {
            open.by_key.insert(key, (number, weak));
        }
        (flight, false)
    }

    /// Number of keys with work under way.
    pub(crate) fn len(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).by_key.len()
    }
}

/// Takes the work off the list when it is done or dropped, unless a later one already stands there.
struct Landing<K: Hash + Eq, V: Clone> {
    open: Arc<Mutex<Open<K, V>>>,
    key: K,
    number: u64,
}

impl<K: Hash + Eq, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.by_key.get(&self.key).is_some_and(|(number, _)| *number == self.number) {
            open.by_key.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn equal_work_is_done_once() {
        let flights = Flights::<u8, u32>::new();
        let (go, gate) = oneshot::channel::<()>();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let (first, joined) = flights.join(1, || async move {
            gate.await.unwrap();
            counted.fetch_add(1, Relaxed)
        });
        assert!(!joined);
        let (second, joined) = flights.join(1, || async { unreachable!("the first does it") });
        assert!(joined);
        go.send(()).unwrap();
        assert_eq!(tokio::join!(first, second), (0, 0));
        assert_eq!((runs.load(Relaxed), flights.len()), (1, 0));
    }

    #[tokio::test]
    async fn a_leader_who_leaves_fails_nobody() {
        let flights = Flights::<u8, u32>::new();
        let (go, gate) = oneshot::channel::<u32>();
        let (mut leader, _) = flights.join(1, || async move { gate.await.unwrap() });
        assert!((&mut leader).now_or_never().is_none());
        let (follower, _) = flights.join(1, || async { unreachable!() });
        drop(leader);
        go.send(7).unwrap();
        assert_eq!(follower.await, 7);
    }

    #[tokio::test]
    async fn work_nobody_waits_for_is_dropped() {
        let flights = Flights::<u8, u32>::new();
        let (go, gate) = oneshot::channel::<u32>();
        let (mut only, _) = flights.join(1, || async move { gate.await.unwrap() });
        assert!((&mut only).now_or_never().is_none());
        drop(only);
        assert!(go.is_closed());
        assert_eq!(flights.len(), 0);
    }
}
