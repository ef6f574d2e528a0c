//! Who may render now, who waits, and who is sent away.
//!
//! A few renders are under way at once (enough to keep all threads busy while others wait for their bytes); a bounded
//! number waits in order of arrival; everybody else is answered 503 at once, which costs next to nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Renders under way for each thread: one computes, the others wait for bytes.
const RENDERS_PER_THREAD: usize = 8;

/// Too many are waiting, or the wait was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("overloaded")]
pub(crate) struct Overloaded;

/// The door to rendering.
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    limit: usize,
    patience: Duration,
    shed: AtomicU64,
}

/// How full it is.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub(crate) struct Depth {
    /// Renders waiting.
    pub(crate) depth: usize,
    /// Renders that may wait.
    pub(crate) limit: usize,
    /// Requests sent away since the start.
    pub(crate) shed: u64,
}

impl Admission {
    /// Room for the renders that keep `threads` threads busy; `limit` more may wait, none longer than `patience`.
    pub(crate) fn new(threads: usize, limit: usize, patience: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(threads * RENDERS_PER_THREAD));
        Self { permits, waiting: AtomicUsize::new(0), limit, patience, shed: AtomicU64::new(0) }
    }

    /// A permit to render, kept until it is dropped.
    pub(crate) async fn admit(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let admitted = match Place::take(self) {
            Some(_place) => tokio::time::timeout(self.patience, Arc::clone(&self.permits).acquire_owned()).await.ok(),
            None => None,
        };
        admitted.and_then(Result::ok).ok_or_else(|| {
            self.shed.fetch_add(1, Relaxed);
            metrics::counter!("aurora_shed_total").increment(1);
            Overloaded
        })
    }

    /// How full it is now.
    pub(crate) fn depth(&self) -> Depth {
        Depth { depth: self.waiting.load(Relaxed), limit: self.limit, shed: self.shed.load(Relaxed) }
    }
}

/// A place in the queue, given back when dropped, also by a caller who leaves.
struct Place<'a>(&'a Admission);

impl<'a> Place<'a> {
    fn take(admission: &'a Admission) -> Option<Self> {
        // Made before the check, so that its drop undoes the count either way.
        let place = Self(admission);
        (admission.waiting.fetch_add(1, Relaxed) < admission.limit).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    fn admission(limit: usize, patience: Duration) -> Admission {
        Admission::new(1, limit, patience)
    }

    async fn fill(admission: &Admission) -> Vec<OwnedSemaphorePermit> {
        join_all((0..RENDERS_PER_THREAD).map(|_| admission.admit())).await.into_iter().map(Result::unwrap).collect()
    }

    #[tokio::test]
    async fn beyond_the_limit_callers_are_sent_away_at_once_and_later_let_in() {
        let admission = admission(1, Duration::from_secs(60));
        let mut running = fill(&admission).await;
        let mut waiting = Box::pin(admission.admit());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(matches!(admission.admit().now_or_never(), Some(Err(Overloaded))));
        running.pop();
        assert!(waiting.await.is_ok());
        let depth = admission.depth();
        assert_eq!((depth.depth, depth.shed), (0, 1));
    }

    #[tokio::test]
    async fn patience_ends_and_leaving_frees_the_place() {
        let admission = admission(1, Duration::from_millis(5));
        let _running = fill(&admission).await;
        let mut left = Box::pin(admission.admit());
        assert!(left.as_mut().now_or_never().is_none());
        assert_eq!(admission.depth().depth, 1);
        drop(left);
        assert_eq!(admission.depth().depth, 0);
        assert!(matches!(admission.admit().await, Err(Overloaded)));
    }
}
