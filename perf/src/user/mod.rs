//! One person at a map: panes to look at, the browser around them, and where they go.
//!
//! A user asks for what a Leaflet map with the scene's bounds asks for: tiles of the viewport that meet the scene,
//! nearest to the middle first, unless the browser has them. What is asked for and answered is counted in a
//! [`Meter`]; who starts users, and how many, is for [`crate::protocol`] and [`crate::load`].

mod browser;
mod cache;
mod page;
mod pane;
mod record;
mod roam;
mod viewport;
mod walk;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::{
    client::{Client, Scene},
    measure::Meter,
};

pub use browser::{Browser, TILES};
pub use page::open_page;
pub use pane::{Pane, Stay};
pub use record::{Recorder, Recording};
pub use roam::{Glance, Roam, ZOOM_MIX};
pub use viewport::{MAX_ZOOM, View, Viewport};
pub use walk::{FIRST_ZOOM, LAST_ZOOM, Walk, WalkKind};

/// What the users of a protocol have in common.
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

/// A user who walks as told and waits for every view, with some panes open on the screen.
pub struct User {
    panes: Vec<(Pane, Arc<Scene>, Walk)>,
}

impl User {
    /// A user who looks at these scenes side by side. Equal seeds walk equally.
    pub fn new(scenes: &[Arc<Scene>], habits: &Habits, client: Client, seed: u64) -> Self {
        let browser = Arc::new(Browser::new(client, 0));
        let pane = |(index, scene): (usize, &Arc<Scene>)| {
            let pane = Pane::new(Arc::clone(&browser), habits.viewport, Arc::default());
            (pane, Arc::clone(scene), Walk::new(scene.bounds_m, seed.wrapping_add(index as u64)))
        };
        Self { panes: scenes.iter().enumerate().map(pane).collect() }
    }

    /// Walks all panes at once; counts in `meter`, calls `viewed` after each view, ends before the next once `stop` is
    /// set.
    pub async fn walk(
        &mut self,
        kind: WalkKind,
        habits: &Habits,
        meter: &Arc<Meter>,
        viewed: &(dyn Fn() + Sync),
        stop: &AtomicBool,
    ) {
        let walks = self.panes.iter_mut().map(|(pane, scene, walk)| async move {
            pane.count_for(Arc::clone(meter));
            for index in 0..kind.views(habits.free_views) {
                if stop.load(Relaxed) {
                    break;
                }
                let started = Instant::now();
                pane.look(scene, walk.next(kind, index), Stay::UntilComplete, habits.pace).await;
                viewed();
                tokio::time::sleep(habits.pace.saturating_sub(started.elapsed())).await;
            }
        });
        join_all(walks).await;
    }

    /// Number of panes.
    pub fn panes(&self) -> usize {
        self.panes.len()
    }
}
