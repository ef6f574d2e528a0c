//! One person at a map: panes to look at, six connections, and a browser that keeps the tiles it has.
//!
//! A user asks for what a Leaflet map with the scene's bounds asks for: tiles of the viewport that meet the scene,
//! nearest to the middle first, each at most once. It does not cancel or retry; failed tiles may be asked for again
//! by a later view.

mod viewport;
mod walk;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aurora_tile::TileId;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::{
    Error,
    client::{CONNECTIONS, Client, Outcome, Scene},
    measure::Meter,
};

pub use viewport::{MAX_ZOOM, View, Viewport};
pub use walk::{FIRST_ZOOM, LAST_ZOOM, Walk, WalkKind};

/// What all users have in common.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Size of each map pane.
    pub viewport: Viewport,
    /// At most one view in this time.
    pub pace: Duration,
    /// Views of a free walk.
    pub free_views: u32,
    /// How long a request may take.
    pub timeout: Duration,
}

/// A user and the panes open on the screen.
pub struct User {
    panes: Vec<Pane>,
}

/// One map; panes of a user share connections and cache.
struct Pane {
    scene: Arc<Scene>,
    walk: Walk,
    browser: Arc<Browser>,
}

struct Browser {
    client: Client,
    connections: Semaphore,
    /// Tiles in the browser's cache, by scene.
    kept: Mutex<HashSet<(String, TileId)>>,
}

impl User {
    /// A user who looks at these scenes side by side. Equal seeds walk equally.
    ///
    /// # Errors
    /// [`Error::Client`] when the HTTP client cannot be set up.
    pub fn new(scenes: &[Arc<Scene>], habits: &Habits, seed: u64) -> Result<Self, Error> {
        let browser = Arc::new(Browser {
            client: Client::new(habits.timeout)?,
            connections: Semaphore::new(CONNECTIONS),
            kept: Mutex::default(),
        });
        let pane = |(index, scene): (usize, &Arc<Scene>)| Pane {
            scene: Arc::clone(scene),
            walk: Walk::new(scene.bounds_m, seed.wrapping_add(index as u64)),
            browser: Arc::clone(&browser),
        };
        Ok(Self { panes: scenes.iter().enumerate().map(pane).collect() })
    }

    /// Walks all panes at once; calls `meter` with every tile and view, `viewed` after each view.
    pub async fn walk(&mut self, kind: WalkKind, habits: &Habits, meter: &Meter, viewed: &(dyn Fn() + Sync)) {
        join_all(self.panes.iter_mut().map(|pane| pane.walk(kind, habits, meter, viewed))).await;
    }

    /// Number of panes.
    pub fn panes(&self) -> usize {
        self.panes.len()
    }
}

impl Pane {
    async fn walk(&mut self, kind: WalkKind, habits: &Habits, meter: &Meter, viewed: &(dyn Fn() + Sync)) {
        for index in 0..kind.views(habits.free_views) {
            let started = Instant::now();
            let view = self.walk.next(kind, index);
            self.look(view, habits.viewport, meter).await;
            viewed();
            tokio::time::sleep(habits.pace.saturating_sub(started.elapsed())).await;
        }
    }

    /// Fetches what the view needs and the browser has not kept.
    async fn look(&self, view: View, viewport: Viewport, meter: &Meter) {
        let mut tiles = viewport.tiles(view, self.scene.bounds_m);
        {
            let kept = self.browser.kept.lock().unwrap_or_else(PoisonError::into_inner);
            tiles.retain(|tile| !kept.contains(&(self.scene.id.clone(), *tile)));
        }
        if tiles.is_empty() {
            return;
        }
        let started = Instant::now();
        let seen = join_all(tiles.into_iter().map(|tile| self.fetch(tile, started, meter))).await;
        let first = seen.iter().flatten().min().copied();
        meter.view(first, started.elapsed(), seen.iter().all(Option::is_some));
    }

    /// Fetches one tile; answers when it was there, counted from the start of the view.
    async fn fetch(&self, tile: TileId, view_started: Instant, meter: &Meter) -> Option<Duration> {
        // The semaphore is never closed; a permit is all that is waited for.
        let _permit = self.browser.connections.acquire().await.ok()?;
        let fetch = self.browser.client.fetch_tile(&self.scene.tiles.url(tile)).await;
        meter.tile(&fetch);
        if matches!(fetch.outcome, Outcome::Failed(_)) {
            return None;
        }
        let mut kept = self.browser.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((self.scene.id.clone(), tile));
        Some(view_started.elapsed())
    }
}
