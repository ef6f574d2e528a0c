//! Turns: who is looked after next, when more wants to be than the threads can take up.
//!
//! A connection that something has come in for (bytes, a finished render, room to write) waits for its turn in the lane
//! of its client ([`crate::fair`]) and is then polled once: what has come in is read, its request answered and the
//! answer written, as far as all that goes without waiting. So the work of the async threads goes round by client,
//! reading and parsing included: whoever has thousands of connections makes others wait for one of them, not for all.
//! The requests of an HTTP/2 connection take turns of their own.
//!
//! It is an executor on top of tokio's: a few of tokio's tasks, one a thread, poll the connections, which are not tasks
//! of tokio. [`super::serve()`] starts it and ends it, [`super::accept`] and [`super::connection`] give it work.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use async_task::Runnable;
use tokio::{runtime::Handle, task};
use tokio_util::task::TaskTracker;

use crate::fair::{Client, FairQueue};

/// Turns that a thread gives between two looks at the sockets: so many hot tiles of others a request waits for before
/// anybody knows that it has come. A look costs a thirtieth of one.
const TURNS_A_LOOK: usize = 4;

/// The executor. Cheap to clone.
#[derive(Clone)]
pub(super) struct Turns {
    state: Arc<Mutex<State>>,
    spawned: TaskTracker,
}

#[derive(Default)]
struct State {
    woken: FairQueue<Runnable>,
    /// Threads that found nothing to do.
    resting: Vec<Waker>,
    ended: bool,
}

impl Turns {
    /// One thread of the present runtime each gives turns until [`Self::end`].
    pub(super) fn begin() -> Self {
        let turns = Self { state: Arc::default(), spawned: TaskTracker::new() };
        for _ in 0..Handle::current().metrics().num_workers() {
            task::spawn(turns.clone().give());
        }
        turns
    }

    /// Sees `work` of `client` through, polled only in its turns.
    pub(super) fn spawn(&self, client: Client, work: impl Future<Output = ()> + Send + 'static) {
        let state = Arc::clone(&self.state);
        let schedule = move |runnable| wake(&state, client, runnable);
        let work = self.spawned.track_future(work);
        // A panic ends this work, not the thread that polls it; the hook has told of it.
        let (runnable, task) = async_task::Builder::new().propagate_panic(true).spawn(|()| work, schedule);
        task.detach();
        runnable.schedule();
    }

    /// Waits until all work is done; some may still be given meanwhile by what is under way.
    pub(super) async fn done(&self) {
        self.spawned.close();
        self.spawned.wait().await;
    }

    /// Nothing is polled any more; what is woken later is let go.
    pub(super) fn end(&self) {
        let (resting, woken) = {
            let mut state = lock(&self.state);
            state.ended = true;
            (std::mem::take(&mut state.resting), std::mem::take(&mut state.woken))
        };
        drop(woken);
        resting.into_iter().for_each(Waker::wake);
    }

    /// Gives turns, to the end.
    async fn give(self) {
        while let Some(first) = poll_fn(|cx| self.poll_next(cx)).await {
            let mut next = Some(first);
            for left in (0..TURNS_A_LOOK).rev() {
                let Some((client, runnable)) = next else { break };
                let began = Instant::now();
                runnable.run();
                // What tokio lets one of its tasks do at once is shared by those that it polls.
                let may_go_on = left > 0 && task::coop::has_budget_remaining();
                next = self.charge(client, began.elapsed(), may_go_on);
            }
            // Comes back after a look at the sockets.
            task::yield_now().await;
        }
    }

    /// Charges a client for its turn; then the next one, if it may go on.
    fn charge(&self, client: Client, took: Duration, may_go_on: bool) -> Option<(Client, Runnable)> {
        let mut state = lock(&self.state);
        state.woken.charge(client, u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if may_go_on { state.woken.pop(1) } else { None }
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<(Client, Runnable)>> {
        let mut state = lock(&self.state);
        if state.ended {
            return Poll::Ready(None);
        }
        match state.woken.pop(1) {
            Some(next) => Poll::Ready(Some(next)),
            None => {
                state.resting.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Puts what was woken into its client's lane, and sets a thread on it if one rests.
fn wake(state: &Mutex<State>, client: Client, runnable: Runnable) {
    let resting = {
        let mut state = lock(state);
        if state.ended {
            drop(state);
            return drop(runnable);
        }
        state.woken.push(client, runnable);
        state.resting.pop()
    };
    if let Some(resting) = resting {
        resting.wake();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    fn client(last: u8) -> Client {
        Client::at(IpAddr::from([10, 0, 0, last]))
    }

    /// Work that writes down its client each time that it is polled, and asks for `polls` of them.
    fn noting(notes: &Arc<Mutex<Vec<u8>>>, last: u8, polls: usize) -> impl Future<Output = ()> + Send + 'static {
        let (notes, mut left) = (Arc::clone(notes), polls);
        poll_fn(move |cx| {
            notes.lock().unwrap().push(last);
            left -= 1;
            match left {
                0 => Poll::Ready(()),
                _ => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        })
    }

    #[tokio::test]
    async fn turns_go_round_by_client_and_none_is_lost() {
        let (turns, notes) = (Turns::begin(), Arc::default());
        (0..500).for_each(|_| turns.spawn(client(1), noting(&notes, 1, 3)));
        turns.spawn(client(2), noting(&notes, 2, 3));
        turns.done().await;
        let notes = notes.lock().unwrap();
        assert_eq!(notes.len(), 1503);
        // Of the 500 that came first, one or two go before each turn of the other client (a turn that took longer is
        // charged more), not all of them.
        let last = notes.iter().rposition(|&who| who == 2).unwrap();
        assert!(last < 100, "{last}");
        turns.end();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn work_is_done_whatever_thread_wakes_it() {
        let (turns, done) = (Turns::begin(), Arc::new(AtomicUsize::new(0)));
        for number in 0..1000_u64 {
            let done = Arc::clone(&done);
            turns.spawn(client((number % 7) as u8), async move {
                for _ in 0..20 {
                    task::spawn(async { task::yield_now().await }).await.unwrap();
                }
                done.fetch_add(1, Relaxed);
            });
        }
        turns.done().await;
        assert_eq!(done.load(Relaxed), 1000);
        turns.end();
    }

    #[tokio::test]
    async fn a_panic_ends_only_its_own_work() {
        let (turns, told) = (Turns::begin(), Arc::new(AtomicBool::new(false)));
        turns.spawn(client(1), async { panic!("on purpose") });
        let tells = Arc::clone(&told);
        turns.spawn(client(1), async move { tells.store(true, Relaxed) });
        turns.done().await;
        assert!(told.load(Relaxed));
        turns.end();
    }

    #[tokio::test]
    async fn threads_that_rest_end_when_told() {
        let turns = Turns::begin();
        task::yield_now().await;
        turns.end();
        while Arc::strong_count(&turns.state) > 1 {
            task::yield_now().await;
        }
    }
}
