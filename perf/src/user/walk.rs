//! How a map is moved: the four walks of the operator's test. Seeded, so that two servers see the same.

use aurora_tile::Bounds;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{
    roam::inner_m,
    viewport::{View, resolution_m},
};

/// The zoom a session starts at.
pub const FIRST_ZOOM: u8 = 7;
/// The zoom it goes in to.
pub const LAST_ZOOM: u8 = 14;
const MOVES: u32 = 8;
/// A move is half a wide pane.
const MOVE_PX: f64 = 640.0;
/// A free pan goes at most this far.
const FREE_PAN_PX: (f64, f64) = (900.0, 560.0);
/// In a free walk this part of the views is a zoom, the rest are pans.
const FREE_ZOOM_SHARE: f64 = 0.4;

/// What a step of the protocol asks a user to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalkKind {
    /// Opens the page around the map, before any tile: see [`super::open_page`].
    Page,
    /// The first view, at [`FIRST_ZOOM`].
    Initial,
    /// In to [`LAST_ZOOM`], level by level, over the middle.
    Zoom,
    /// Sideways at [`LAST_ZOOM`], half a pane at a time.
    Move,
    /// Zooms and pans at random.
    Free,
}

/// One map's way through a scene.
#[derive(Clone, Debug)]
pub struct Walk {
    scene_m: Bounds,
    view: View,
    /// East or west.
    heading: f64,
    rng: ChaCha8Rng,
}

impl WalkKind {
    /// Number of views.
    pub fn views(self, free_views: u32) -> u32 {
        match self {
            Self::Page => 0,
            Self::Initial => 1,
            Self::Zoom => u32::from(LAST_ZOOM - FIRST_ZOOM) + 1,
            Self::Move => MOVES,
            Self::Free => free_views,
        }
    }
}

impl Walk {
    /// Starts over the middle of a scene.
    pub fn new(scene_m: Bounds, seed: u64) -> Self {
        let (x_m, y_m) = scene_m.centre();
        let view = View { x_m, y_m, zoom: FIRST_ZOOM };
        Self { scene_m, view, heading: 1.0, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// View number `index` of a walk, from 0; goes on from where the last one ended.
    pub fn next(&mut self, kind: WalkKind, index: u32) -> View {
        match kind {
            WalkKind::Page | WalkKind::Initial => self.look_at_middle(FIRST_ZOOM),
            WalkKind::Zoom => self.look_at_middle(FIRST_ZOOM + index.min(u32::from(LAST_ZOOM - FIRST_ZOOM)) as u8),
            WalkKind::Move => {
                self.view.zoom = LAST_ZOOM;
                self.step_sideways();
            }
            WalkKind::Free => self.wander(),
        }
        self.view
    }

    fn look_at_middle(&mut self, zoom: u8) {
        let (x_m, y_m) = self.scene_m.centre();
        self.view = View { x_m, y_m, zoom };
    }

    /// Half a pane on; at the scene's edge the other way.
    fn step_sideways(&mut self) {
        let step_m = MOVE_PX * resolution_m(self.view.zoom);
        if !self.holds(self.view.x_m + self.heading * step_m, self.view.y_m) {
            self.heading = -self.heading;
        }
        self.view.x_m += self.heading * step_m;
        self.stay_inside();
    }

    fn wander(&mut self) {
        if self.rng.random_bool(FREE_ZOOM_SHARE) {
            let change: i8 = [1, 1, -1, 2, -2][self.rng.random_range(0..5)];
            self.view.zoom = self.view.zoom.saturating_add_signed(change).clamp(FIRST_ZOOM, LAST_ZOOM);
        } else {
            let (across_px, up_px) = FREE_PAN_PX;
            let pixel_m = resolution_m(self.view.zoom);
            self.view.x_m += self.rng.random_range(-across_px..across_px) * pixel_m;
            self.view.y_m += self.rng.random_range(-up_px..up_px) * pixel_m;
        }
        self.stay_inside();
    }

    fn stay_inside(&mut self) {
        let inner_m = self.inner_m();
        self.view.x_m = self.view.x_m.clamp(inner_m.minx, inner_m.maxx);
        self.view.y_m = self.view.y_m.clamp(inner_m.miny, inner_m.maxy);
    }

    fn holds(&self, x_m: f64, y_m: f64) -> bool {
        self.inner_m().contains(x_m, y_m)
    }

    fn inner_m(&self) -> Bounds {
        inner_m(self.scene_m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENE: Bounds = Bounds { minx: -4_800_000.0, miny: -2_800_000.0, maxx: -4_560_000.0, maxy: -2_560_000.0 };

    fn views(seed: u64, kind: WalkKind, count: u32) -> Vec<View> {
        let mut walk = Walk::new(SCENE, seed);
        (0..count).map(|index| walk.next(kind, index)).collect()
    }

    #[test]
    fn equal_seeds_walk_equally_and_others_do_not() {
        assert_eq!(views(1, WalkKind::Free, 40), views(1, WalkKind::Free, 40));
        assert_ne!(views(1, WalkKind::Free, 40), views(2, WalkKind::Free, 40));
    }

    #[test]
    fn a_free_walk_stays_in_the_scene_and_uses_its_zooms() {
        let views = views(3, WalkKind::Free, 400);
        assert!(views.iter().all(|view| SCENE.contains(view.x_m, view.y_m)));
        for zoom in FIRST_ZOOM..=LAST_ZOOM {
            assert!(views.iter().any(|view| view.zoom == zoom), "zoom {zoom} never used");
        }
    }

    #[test]
    fn zooming_goes_level_by_level_and_moving_turns_at_the_edge() {
        let zooms: Vec<_> = views(1, WalkKind::Zoom, 8).iter().map(|view| view.zoom).collect();
        assert_eq!(zooms, [7, 8, 9, 10, 11, 12, 13, 14]);
        let small = Bounds::new(0.0, 0.0, 20_000.0, 20_000.0);
        let mut walk = Walk::new(small, 1);
        let xs: Vec<_> = (0..8).map(|index| walk.next(WalkKind::Move, index).x_m).collect();
        assert!(xs.iter().all(|x| (0.0..20_000.0).contains(x)), "{xs:?}");
        assert!(xs.windows(2).any(|pair| pair[1] < pair[0]), "{xs:?} never turned");
    }
}
