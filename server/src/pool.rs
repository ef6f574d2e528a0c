//! Threads for what costs CPU: as many as cores, apart from the async threads, so that `/livez` answers under any load.
//!
//! Work goes in turns by client, each charged with the time it took. Of a render that comes more than once, what comes
//! after the first goes before what is new: map users pan away, and the less is begun and not done the less was for
//! nothing. The queue is bounded by the callers' admission, not here. Work whose caller has gone before a thread took
//! it up is dropped.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use aurora_daemon::{
    fair::{Client, FairQueue},
    scheduling,
};
use tokio::{runtime::Handle, sync::oneshot};

use crate::bill::{self, Charge};

/// The work panicked; the thread lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a render panicked")]
pub(crate) struct Panicked;

type Job = Box<dyn FnOnce() + Send>;

/// What a piece of work is taken to cost until it is known: about a tile's planning and painting.
const EXPECTED: Duration = Duration::from_millis(4);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    cancelled: AtomicU64,
    busy_us: AtomicU64,
    wasted_us: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    /// Of what is under way.
    begun: FairQueue<Job>,
    new: FairQueue<Job>,
    closed: bool,
}

/// Whether a piece of work is the first of its render.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    First,
    Further,
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

    /// Runs `work` on a thread of the pool, in the name of the client whose request the present task answers. Dropping
    /// the future before a thread took the work up cancels it.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        piece: Piece,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        self.run_while_wanted(piece, move |_| work()).await
    }

    /// The same for work of several steps, which can ask between them whether anybody still waits for it.
    pub(crate) async fn run_while_wanted<T: Send + 'static>(
        &self,
        piece: Piece,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (sender, receiver) = oneshot::channel();
        let (queue, charge) = (Arc::clone(&self.queue), Charge::current());
        let job = move || {
            if sender.is_closed() {
                queue.cancelled.fetch_add(1, Relaxed);
                return;
            }
            let begun = Instant::now();
            let is_wanted = || !sender.is_closed();
            let result = catch_unwind(AssertUnwindSafe(|| work(&is_wanted))).map_err(|_| Panicked);
            let took = begun.elapsed();
            let wanted = sender.send(result).is_ok();
            charge.pay(took, wanted, |wasted| queue.waste(wasted));
        };
        self.queue.push(piece, Client::current(), Box::new(job));
        receiver.await.unwrap_or(Err(Panicked))
    }

    /// Runs `work`, which waits now and then, such that a thread of the pool is only taken while it computes. Dropping
    /// the future cancels it. Call inside the runtime whose input and output the work waits for.
    pub(crate) async fn drive<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Panicked> {
        let (queue, client, runtime) = (Arc::clone(&self.queue), Client::current(), Handle::current());
        let charge = Arc::new(Charge::current());
        let schedule = move |runnable: async_task::Runnable| {
            let (runtime, charge) = (runtime.clone(), Arc::clone(&charge));
            let job = move || {
                let (_inside, begun) = (runtime.enter(), Instant::now());
                runnable.run();
                charge.pay(begun.elapsed(), true, |_| {});
            };
            queue.push(Piece::First, client, Box::new(job));
        };
        let caught = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(work));
        let (runnable, task) = async_task::spawn(caught, schedule);
        runnable.schedule();
        task.await.map_err(|_| Panicked)
    }

    /// Makes something of several pieces of work; if it is dropped before it is done, all they took was wasted.
    pub(crate) async fn render<T>(&self, work: impl Future<Output = T>) -> T {
        let queue = Arc::clone(&self.queue);
        bill::for_render(move |wasted| queue.waste(wasted), work).await
    }

    /// Number of threads.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Pieces of work dropped because their callers had gone.
    pub(crate) fn cancelled(&self) -> u64 {
        self.queue.cancelled.load(Relaxed)
    }

    /// Time that the threads were busy, all together.
    pub(crate) fn busy(&self) -> Duration {
        Duration::from_micros(self.queue.busy_us.load(Relaxed))
    }

    /// Time of that spent on what nobody waited for in the end.
    pub(crate) fn wasted(&self) -> Duration {
        Duration::from_micros(self.queue.wasted_us.load(Relaxed))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.queue.arrived.notify_all();
    }
}

impl Queue {
    fn push(&self, piece: Piece, client: Client, job: Job) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let others_wait = !(waiting.begun.is_empty() && waiting.new.is_empty());
        match piece {
            Piece::First => waiting.new.push(client, job),
            Piece::Further => waiting.begun.push(client, job),
        }
        drop(waiting);
        self.arrived.notify_one();
        if others_wait {
            scheduling::be_patient();
        }
    }

    fn waste(&self, time: Duration) {
        self.wasted_us.fetch_add(micros(time), Relaxed);
        metrics::counter!("aurora_render_wasted_microseconds_total").increment(micros(time));
    }

    fn work(&self) {
        let mut done = None;
        while let Some((client, job)) = self.next(done) {
            let begun = Instant::now();
            job();
            let took_us = micros(begun.elapsed());
            self.busy_us.fetch_add(took_us, Relaxed);
            metrics::counter!("aurora_render_busy_microseconds_total").increment(took_us);
            done = Some((client, took_us.saturating_sub(micros(EXPECTED))));
        }
    }

    /// Waits for a job, once the client of the last one is charged what that took beyond the expected.
    fn next(&self, done: Option<(Client, u64)>) -> Option<(Client, Job)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((client, more)) = done {
            waiting.begun.charge(client, more);
            waiting.new.charge(client, more);
        }
        loop {
            let job = waiting.begun.pop(micros(EXPECTED));
            if let Some(job) = job.or_else(|| waiting.new.pop(micros(EXPECTED))) {
                return Some(job);
            }
            if waiting.closed {
                return None;
            }
            // A waker may have had it hand over work.
            scheduling::end_patience();
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
