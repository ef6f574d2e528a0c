//! Threads for rendering: as many as cores, apart from the async threads, so that `/livez` answers under any load.
//!
//! The queue in front is bounded by the callers' admission permits, not here. Work whose caller has gone before a
//! thread took it up is dropped.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use tokio::sync::oneshot;

/// The work panicked; the thread lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a render panicked")]
pub(crate) struct Panicked;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    cancelled: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// The threads; they end when the pool is dropped.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    threads: usize,
}

impl Pool {
    /// Starts `threads` threads.
    pub(crate) fn new(threads: usize) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        for index in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("render-{index}")).spawn(move || queue.work())?;
        }
        Ok(Self { queue, threads })
    }

    /// Runs `work` on a thread of the pool. Dropping the future before a thread took the work up cancels it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (sender, receiver) = oneshot::channel();
        let queue = Arc::clone(&self.queue);
        self.queue.push(Box::new(move || {
            if sender.is_closed() {
                queue.cancelled.fetch_add(1, Relaxed);
                return;
            }
            let result = catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked);
            // Nobody waits any more: the result is dropped.
            let _ = sender.send(result);
        }));
        receiver.await.unwrap_or(Err(Panicked))
    }

    /// Number of threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Pieces of work dropped because their callers had gone.
    pub(crate) fn cancelled(&self) -> u64 {
        self.queue.cancelled.load(Relaxed)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.queue.arrived.notify_all();
    }
}

impl Queue {
    fn push(&self, job: Job) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).jobs.push_back(job);
        self.arrived.notify_one();
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{atomic::AtomicBool, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_and_the_thread_lives_on() {
        let pool = Pool::new(1).unwrap();
        assert_eq!(pool.run(|| panic!("on purpose")).await, Err::<(), _>(Panicked));
        assert_eq!(pool.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn work_whose_caller_has_gone_is_not_done() {
        let pool = Pool::new(1).unwrap();
        let (release, blocked) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let busy = pool.run(move || {
            let _ = started.send(());
            blocked.recv()
        });
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let abandon = async {
            has_started.await.unwrap();
            let abandoned = pool.run(move || flag.store(true, Relaxed));
            assert!(tokio::time::timeout(std::time::Duration::from_millis(20), abandoned).await.is_err());
            release.send(()).unwrap();
        };
        let (answer, ()) = tokio::join!(busy, abandon);
        assert!(answer.unwrap().is_ok());
        // The same thread takes pieces in order, so the abandoned one is behind us after this.
        pool.run(|| ()).await.unwrap();
        assert!(!done.load(Relaxed));
        assert_eq!(pool.cancelled(), 1);
    }
}
