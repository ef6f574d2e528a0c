//! What computing costs, and who it is for: the route that was asked, and the render that may turn out to be for
//! nobody.
//!
//! A request's bill says for which route its threads were busy, async and render threads alike; that is how the share
//! of the map's own files, lists and tiles shows. A render's bill adds up its pieces; when all who wait for it have
//! gone before it is done, all of them were for nothing. Times are those of a clock on the wall, as polls and pieces of
//! work do not wait. It decides nothing; [`crate::pool`] counts and [`crate::handlers::health`] tells.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use metrics::Counter;

tokio::task_local! {
    static ROUTE: Counter;
    static RENDER: Arc<Render>;
}

/// Answers a request in the name of a route, whose `counter` is charged for every poll and for work done elsewhere.
pub(crate) async fn for_route<F: Future>(counter: Counter, work: F) -> F::Output {
    let mut work = pin!(ROUTE.scope(counter.clone(), work));
    poll_fn(|cx| {
        let begun = Instant::now();
        let polled = work.as_mut().poll(cx);
        charge(&counter, begun);
        polled
    })
    .await
}

/// Charges a route's `counter` for what has been done since `begun`.
pub(crate) fn charge(counter: &Counter, begun: Instant) {
    counter.increment(nanos(begun.elapsed()));
}

/// Makes something whose pieces of work are for nothing if this future is dropped before it is done. `wasted` is told.
pub(crate) async fn for_render<F: Future>(wasted: impl Fn(Duration) + Send + Sync + 'static, work: F) -> F::Output {
    let render = Arc::new(Render { spent: AtomicU64::new(0), left: AtomicBool::new(false), wasted: Box::new(wasted) });
    let mut open = Open(Some(Arc::clone(&render)));
    let made = RENDER.scope(render, work).await;
    // It is done, also for a piece whose result was waited for and that has yet to be charged.
    open.0 = None;
    made
}

/// Whom the present task works for.
pub(crate) struct Charge {
    route: Option<Counter>,
    render: Option<Arc<Render>>,
}

struct Render {
    /// Nanoseconds.
    spent: AtomicU64,
    left: AtomicBool,
    wasted: Box<dyn Fn(Duration) + Send + Sync>,
}

/// The bill of a render, until it is done.
struct Open(Option<Arc<Render>>);

impl Charge {
    pub(crate) fn current() -> Self {
        Self { route: ROUTE.try_with(Clone::clone).ok(), render: RENDER.try_with(Arc::clone).ok() }
    }

    /// Charges a piece of work. `wanted` says whether somebody waits for it itself; pieces of a render are wanted as
    /// long as the render is.
    pub(crate) fn pay(&self, took: Duration, wanted: bool, wasted: impl FnOnce(Duration)) {
        self.route.iter().for_each(|route| route.increment(nanos(took)));
        match &self.render {
            Some(render) => {
                render.spent.fetch_add(nanos(took), SeqCst);
                if render.left.load(SeqCst) {
                    render.waste();
                }
            }
            None if !wanted => wasted(took),
            None => {}
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(render) = &self.0 else { return };
        render.left.store(true, SeqCst);
        render.waste();
    }
}

impl Render {
    /// All that was spent was for nothing.
    fn waste(&self) {
        let spent = self.spent.swap(0, SeqCst);
        if spent > 0 {
            (self.wasted)(Duration::from_nanos(spent));
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_millis(3);

    fn counted() -> (Arc<AtomicU64>, impl Fn(Duration) + Send + Sync + Clone + 'static) {
        let sum = Arc::new(AtomicU64::new(0));
        let into = Arc::clone(&sum);
        let wasted = move |time: Duration| {
            into.fetch_add(nanos(time), SeqCst);
        };
        (sum, wasted)
    }

    #[tokio::test]
    async fn a_render_that_is_done_wasted_nothing() {
        let (sum, wasted) = counted();
        let last = for_render(wasted.clone(), async {
            Charge::current().pay(PIECE, true, &wasted);
            Charge::current()
        });
        // The thread that worked on it hands its result over first, and charges then.
        last.await.pay(PIECE, true, &wasted);
        assert_eq!(sum.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn all_pieces_of_a_render_that_is_left_were_for_nothing() {
        let (sum, wasted) = counted();
        let (sender, mut charges) = tokio::sync::mpsc::unbounded_channel();
        let left = for_render(wasted, async {
            Charge::current().pay(PIECE, true, |_| {});
            sender.send(Charge::current()).ok();
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), left).await.is_err());
        assert_eq!(sum.load(SeqCst), nanos(PIECE));
        // A piece that was being worked on meanwhile.
        charges.recv().await.unwrap().pay(PIECE, true, |_| {});
        assert_eq!(sum.load(SeqCst), 2 * nanos(PIECE));
    }

    #[tokio::test]
    async fn work_outside_of_renders_is_for_nothing_when_nobody_waits_for_it() {
        let (sum, wasted) = counted();
        Charge::current().pay(PIECE, true, wasted.clone());
        assert_eq!(sum.load(SeqCst), 0);
        Charge::current().pay(PIECE, false, wasted);
        assert_eq!(sum.load(SeqCst), nanos(PIECE));
    }
}
