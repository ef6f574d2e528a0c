//! One map on the screen: the tiles it needs, those under way, and what a move does to them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_tile::TileId;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::AbortHandle,
};

use super::{Browser, View, Viewport};
use crate::{
    client::{Outcome, Scene},
    measure::{Count, Meter, Trend},
};

/// How long a user looks at a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until all of it is there.
    UntilComplete,
    /// This long, complete or not; then what is still under way and no longer needed is cancelled.
    For(Duration),
}

/// A map pane that shows one scene at a time.
pub struct Pane {
    browser: Arc<Browser>,
    viewport: Viewport,
    meter: Arc<Meter>,
    /// Tiles of the view before that are there, and the zoom and scene they belong to.
    shown: HashSet<TileId>,
    scene_id: String,
    under_way: HashMap<TileId, AbortHandle>,
    arrivals: UnboundedReceiver<(TileId, Outcome)>,
    arrived: UnboundedSender<(TileId, Outcome)>,
}

/// How a view went.
struct Watch {
    started: Instant,
    first: Option<Duration>,
    failed: bool,
}

impl Pane {
    /// An empty pane.
    pub fn new(browser: Arc<Browser>, viewport: Viewport, meter: Arc<Meter>) -> Self {
        let (arrived, arrivals) = unbounded_channel();
        let (shown, under_way) = (HashSet::new(), HashMap::new());
        Self { browser, viewport, meter, shown, scene_id: String::new(), under_way, arrivals, arrived }
    }

    /// Counts for another step from now on.
    pub fn count_for(&mut self, meter: Arc<Meter>) {
        self.meter = meter;
    }

    /// Looks at a view: tiles on the screen stay, tiles under way that it does not need are cancelled, the others are
    /// asked for, nearest to the middle first. `interval` is the time from move to move that the user aims at.
    pub async fn look(&mut self, scene: &Scene, view: View, stay: Stay, interval: Duration) {
        let watch = Watch { started: Instant::now(), first: None, failed: false };
        let asked = self.change(scene, view);
        if !asked && self.under_way.is_empty() {
            // Nothing to wait for, but the user still looks.
            if let Stay::For(time) = stay {
                tokio::time::sleep(time).await;
            }
            return;
        }
        self.meter.count(|tally| tally.add(Count::Views, 1));
        let watch = match stay {
            Stay::UntilComplete => self.receive_all(watch).await,
            Stay::For(time) => {
                let left = watch.started + time;
                let mut watch = watch;
                // The receiver keeps what arrives between; nothing is lost when the time is over.
                let _ = tokio::time::timeout_at(left.into(), self.receive_into(&mut watch)).await;
                self.close(&watch, interval);
                tokio::time::sleep_until(left.into()).await;
                return;
            }
        };
        self.close(&watch, interval);
    }

    /// Gives up whatever is under way: the tab is closed.
    pub fn leave(&mut self) {
        self.cancel(|_| true);
        self.shown.clear();
    }

    /// Whether any tile had to be asked for.
    fn change(&mut self, scene: &Scene, view: View) -> bool {
        let tiles = self.viewport.tiles(view, scene.bounds_m);
        let wanted: HashSet<TileId> = tiles.iter().copied().collect();
        if self.scene_id != scene.id {
            self.leave();
            self.scene_id.clone_from(&scene.id);
        }
        self.cancel(|tile| !wanted.contains(tile));
        self.shown.retain(|tile| wanted.contains(tile));
        let mut asked = false;
        for tile in tiles {
            if self.shown.contains(&tile) || self.under_way.contains_key(&tile) {
                continue;
            }
            asked = true;
            let (browser, meter, arrived) = (Arc::clone(&self.browser), Arc::clone(&self.meter), self.arrived.clone());
            let url = scene.tiles.url(tile);
            let task = tokio::spawn(async move {
                let outcome = browser.tile(&url, &meter).await;
                // Nobody listens any more when the tab is closed.
                let _ = arrived.send((tile, outcome));
            });
            self.under_way.insert(tile, task.abort_handle());
        }
        asked
    }

    fn cancel(&mut self, stale: impl Fn(&TileId) -> bool) {
        let before = self.under_way.len();
        self.under_way.retain(|tile, task| {
            let stale = stale(tile);
            if stale {
                task.abort();
            }
            !stale
        });
        let cancelled = (before - self.under_way.len()) as u64;
        self.meter.count(|tally| tally.add(Count::Cancelled, cancelled));
    }

    async fn receive_all(&mut self, mut watch: Watch) -> Watch {
        self.receive_into(&mut watch).await;
        watch
    }

    async fn receive_into(&mut self, watch: &mut Watch) {
        while !self.under_way.is_empty() {
            // This pane holds a sender, so the channel never ends.
            let Some((tile, outcome)) = self.arrivals.recv().await else { return };
            if self.under_way.remove(&tile).is_none() {
                continue; // It arrived just as it was cancelled.
            }
            if matches!(outcome, Outcome::Failed(_)) {
                watch.failed = true;
            } else {
                watch.first.get_or_insert(watch.started.elapsed());
                self.shown.insert(tile);
            }
        }
    }

    fn close(&self, watch: &Watch, interval: Duration) {
        let (took, abandoned) = (watch.started.elapsed(), !self.under_way.is_empty());
        self.meter.count(|tally| {
            if let Some(first) = watch.first {
                tally.trend(Trend::TileFirst).record(first);
            }
            if watch.failed {
                return tally.add(Count::IncompleteViews, 1);
            }
            if abandoned {
                tally.add(Count::AbandonedViews, 1);
                tally.trend(Trend::ViewportLeft).record(took);
            }
            tally.trend(Trend::ViewportComplete).record(took);
            if !interval.is_zero() {
                tally.trend(Trend::ViewportCorrected).record_corrected(took, interval);
            }
        });
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        self.under_way.values().for_each(AbortHandle::abort);
    }
}
