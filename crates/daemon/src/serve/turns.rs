//! Turns: whose request is looked at next, when more arrive than the threads can take up.
//!
//! A request holds its turn while its handler runs for the first time. An answer at hand needs no more; whatever has
//! to wait (for bytes, for a render) gives the turn back by waiting. So the turns order the work of the async threads
//! by client without limiting how much may be waiting for something else.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::oneshot;

use crate::fair::{Client, FairQueue};

/// First runs under way or granted: enough that no thread runs out of work while a granted turn is on its way.
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

    pub(super) async fn turn(&self, client: Client) -> Turn {
        let waits = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.out < TURNS && state.waiting.is_empty() {
                state.out += 1;
                return Turn { state: Some(Arc::clone(&self.state)) };
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push(client, sender);
            receiver
        };
        // A sender is dropped unused only with the whole of the turns.
        waits.await.unwrap_or(Turn { state: None })
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

/// `call`, giving `turn` back after its first run.
pub(super) struct Gated<F> {
    pub(super) turn: Option<Turn>,
    pub(super) call: F,
}

impl<F: Future + Unpin> Future for Gated<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let polled = Pin::new(&mut self.call).poll(cx);
        self.turn = None;
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn turns_go_round_by_client_and_none_is_lost() {
        let turns = Turns::new();
        let client = |last: u8| Client::at(IpAddr::from([10, 0, 0, last]));
        let mut out: Vec<Turn> = Vec::new();
        for _ in 0..TURNS {
            out.push(turns.turn(client(1)).await);
        }
        let mut greedy: Vec<_> = (0..50).map(|_| Box::pin(turns.turn(client(1)))).collect();
        assert!(greedy.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        let mut other = Box::pin(turns.turn(client(2)));
        assert!(other.as_mut().now_or_never().is_none());
        greedy.drain(..10);
        out.pop();
        out.pop();
        // Two were given back: one of them to the other client, however many of the first one wait.
        assert!(other.as_mut().now_or_never().is_some());
        out.clear();
        for turn in greedy {
            drop(turn.await);
        }
        assert_eq!(turns.state.lock().unwrap().out, 0);
    }
}
