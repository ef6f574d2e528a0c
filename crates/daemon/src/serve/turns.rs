//! Turns: who is looked after next, when more wants to be than the threads can take up.
//!
//! A connection holds a turn while it is polled: what has come in is read, its request answered, and the answer written,
//! as far as all that goes without waiting. Whatever has to wait (for bytes, for a render) gives the turn back by waiting.
//! So the turns order the work of the async threads by client, reading and parsing included, without limiting how much may
//! be waiting for something else. The requests of an HTTP/2 connection are tasks of their own and take turns of their own.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::sync::oneshot;

use crate::fair::{Client, FairQueue};

/// Polls under way or granted: enough that no thread runs out of work while a granted turn is on its way.
const TURNS: usize = 16;

pub(super) struct Turns {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    out: usize,
    waiting: FairQueue<oneshot::Sender<Turn>>,
}

/// The right to run; given on when dropped.
pub(super) struct Turn {
    state: Option<Arc<Mutex<State>>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { state: Arc::default() }
    }

    /// `work` of `client`, polled only in its turn.
    pub(super) fn by_turns<F: Future + Unpin>(&self, client: Client, work: F) -> ByTurns<F> {
        ByTurns { turns: Self { state: Arc::clone(&self.state) }, client, waits: None, work }
    }

    /// A turn if there is one, else a place in the queue.
    fn ask(&self, client: Client) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.out < TURNS && state.waiting.is_empty() {
            state.out += 1;
            return Ok(Turn { state: Some(Arc::clone(&self.state)) });
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.push(client, sender);
        Err(receiver)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(shared) = self.state.take() else { return };
        loop {
            let next = {
                let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let next = state.waiting.pop(1);
                if next.is_none() {
                    state.out -= 1;
                }
                next
            };
            let Some((_, sender)) = next else { return };
            match sender.send(Turn { state: Some(Arc::clone(&shared)) }) {
                Ok(()) => return,
                // Its request has gone: the turn is for the one after it.
                Err(mut back) => back.state = None,
            }
        }
    }
}

/// See [`Turns::by_turns`].
pub(super) struct ByTurns<F> {
    turns: Turns,
    client: Client,
    waits: Option<oneshot::Receiver<Turn>>,
    work: F,
}

impl<F: Future + Unpin> ByTurns<F> {
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Turn> {
        let mut waits = match self.waits.take() {
            Some(waits) => waits,
            None => match self.turns.ask(self.client) {
                Ok(turn) => return Poll::Ready(turn),
                Err(waits) => waits,
            },
        };
        match Pin::new(&mut waits).poll(cx) {
            // A sender is dropped unused only with the whole of the turns.
            Poll::Ready(turn) => Poll::Ready(turn.unwrap_or(Turn { state: None })),
            Poll::Pending => {
                self.waits = Some(waits);
                Poll::Pending
            }
        }
    }
}

impl<F: Future + Unpin> Future for ByTurns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _turn = ready!(self.poll_turn(cx));
        Pin::new(&mut self.work).poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        net::IpAddr,
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use futures_util::FutureExt;

    use super::*;

    /// Counts its polls, and stays as it is.
    fn polled(turns: &Turns, last: u8, polls: &Arc<AtomicU32>) -> ByTurns<impl Future<Output = ()> + Unpin> {
        let polls = Arc::clone(polls);
        let work = poll_fn(move |_| {
            polls.fetch_add(1, Relaxed);
            Poll::Pending
        });
        turns.by_turns(Client::at(IpAddr::from([10, 0, 0, last])), work)
    }

    #[test]
    fn turns_go_round_by_client_and_none_is_lost() {
        let turns = Turns::new();
        let client = Client::at(IpAddr::from([10, 0, 0, 1]));
        let mut out: Vec<Turn> = (0..TURNS).map(|_| turns.ask(client).ok().expect("a free turn")).collect();
        let (of_greedy, of_other) = (Arc::default(), Arc::default());
        let mut greedy: Vec<_> = (0..50).map(|_| polled(&turns, 1, &of_greedy)).collect();
        let mut other = polled(&turns, 2, &of_other);
        assert!(greedy.iter_mut().chain([&mut other]).all(|work| work.now_or_never().is_none()));
        assert_eq!((of_greedy.load(Relaxed), of_other.load(Relaxed)), (0, 0));
        // Who has gone is passed over.
        greedy.drain(..10);
        out.pop();
        out.pop();
        // Two were given back: one of them to the other client, however many of the first one wait.
        assert!(other.now_or_never().is_none());
        assert_eq!(of_other.load(Relaxed), 1);
        out.clear();
        // Each poll gives its turn back, for those that found none free.
        for _ in 0..greedy.len() {
            assert!(greedy.iter_mut().all(|work| work.now_or_never().is_none()));
        }
        assert!(of_greedy.load(Relaxed) >= 40);
        assert_eq!(turns.state.lock().unwrap().out, 0);
    }
}
