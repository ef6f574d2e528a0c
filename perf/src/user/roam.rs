//! How people use a map when nobody tells them to: pans and zooms within a scene, now and then another scene.
//!
//! Seeded: equal seeds roam equally, on any server.

use std::{sync::Arc, time::Duration};

use aurora_tile::Bounds;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::viewport::{View, resolution_m};
use crate::client::Scene;

/// The zoom mix: part of the views by levels above a scene's deepest zoom. Views further out count as the last entry.
/// Walks are made so that long ones have exactly this mix (restricted to the zooms the scene has).
pub const ZOOM_MIX: [f64; 8] = [0.22, 0.20, 0.17, 0.13, 0.10, 0.08, 0.06, 0.04];
/// Part of the moves that try another zoom; the rest are pans.
const ZOOM_SHARE: f64 = 0.4;
/// Part of the moves that open another scene, where there is one.
const SCENE_SHARE: f64 = 0.03;
/// A pan goes at most this far, in pixels across and up.
const PAN_PX: (f64, f64) = (900.0, 560.0);
/// People look at the inner part of a scene: the outer corners of a turned footprint are empty.
const INNER_SHARE: f64 = 0.7;
/// A look lasts from half to one and a half of the usual time.
const STAY_SPREAD: std::ops::Range<f64> = 0.5..1.5;

/// A view of a scene, and how long it is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Glance {
    /// The scene.
    pub scene: Arc<Scene>,
    /// Where on it.
    pub view: View,
    /// How long.
    pub stay: Duration,
}

/// An endless walk over some scenes.
#[derive(Clone, Debug)]
pub struct Roam {
    scenes: Vec<Arc<Scene>>,
    scene: usize,
    view: View,
    /// The zoom a user who has just opened a scene goes in to first, drawn from the mix.
    approach: u8,
    dwell: Duration,
    rng: ChaCha8Rng,
    begun: bool,
}

impl Roam {
    /// Begins on one of the scenes (at least one), chosen by the seed.
    pub fn new(scenes: Vec<Arc<Scene>>, dwell: Duration, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let scene = rng.random_range(0..scenes.len().max(1));
        let view = View { x_m: 0.0, y_m: 0.0, zoom: 0 };
        let mut roam = Self { scenes, scene, view, approach: 0, dwell, rng, begun: false };
        roam.open(scene);
        roam
    }

    /// Where the walk goes next.
    pub fn move_on(&mut self) -> Glance {
        if self.begun {
            self.act();
        }
        self.begun = true;
        let stay = self.dwell.mul_f64(self.rng.random_range(STAY_SPREAD));
        Glance { scene: Arc::clone(&self.scenes[self.scene]), view: self.view, stay }
    }

    fn act(&mut self) {
        if self.view.zoom < self.approach {
            self.view.zoom += 1;
            return self.stay_inside();
        }
        self.approach = 0;
        if self.scenes.len() > 1 && self.rng.random_bool(SCENE_SHARE) {
            let other = self.rng.random_range(1..self.scenes.len());
            self.open((self.scene + other) % self.scenes.len());
        } else if self.rng.random_bool(ZOOM_SHARE) {
            self.zoom();
        } else {
            self.pan();
        }
    }

    /// A new scene is first seen as a whole, in the middle; from there people go in level by level.
    fn open(&mut self, scene: usize) {
        self.scene = scene;
        let scene = &self.scenes[scene];
        let (x_m, y_m) = scene.bounds_m.centre();
        self.view = View { x_m, y_m, zoom: scene.zooms.0 };
        self.approach = self.drawn_zoom();
    }

    /// A zoom of the scene, drawn from the mix.
    fn drawn_zoom(&mut self) -> u8 {
        let (low, high) = self.scenes[self.scene].zooms;
        let whole: f64 = (low..=high).map(|zoom| share(high - zoom)).sum();
        let mut left = self.rng.random_range(0.0..whole);
        let drawn = (low..=high).rev().find(|zoom| {
            left -= share(high - zoom);
            left < 0.0
        });
        drawn.unwrap_or(low)
    }

    /// One level in or out, taken as often as keeps the mix (Metropolis and others, 1953).
    fn zoom(&mut self) {
        let (low, high) = self.scenes[self.scene].zooms;
        let now = self.view.zoom;
        let next = if self.rng.random_bool(0.5) { now + 1 } else { now.saturating_sub(1) };
        if next == now || !(low..=high).contains(&next) {
            return;
        }
        if self.rng.random_bool((share(high - next) / share(high - now)).min(1.0)) {
            self.view.zoom = next;
            self.stay_inside();
        }
    }

    fn pan(&mut self) {
        let pixel_m = resolution_m(self.view.zoom);
        let (across_px, up_px) = PAN_PX;
        self.view.x_m += self.rng.random_range(-across_px..across_px) * pixel_m;
        self.view.y_m += self.rng.random_range(-up_px..up_px) * pixel_m;
        self.stay_inside();
    }

    fn stay_inside(&mut self) {
        let inner_m = inner_m(self.scenes[self.scene].bounds_m);
        self.view.x_m = self.view.x_m.clamp(inner_m.minx, inner_m.maxx);
        self.view.y_m = self.view.y_m.clamp(inner_m.miny, inner_m.maxy);
    }
}

/// Part of the views so many levels above the deepest zoom.
fn share(levels_above: u8) -> f64 {
    ZOOM_MIX[usize::from(levels_above).min(ZOOM_MIX.len() - 1)]
}

/// The part of a scene people look at.
pub(super) fn inner_m(scene_m: Bounds) -> Bounds {
    let (x_m, y_m) = scene_m.centre();
    let (half_width_m, half_height_m) = (scene_m.width() / 2.0 * INNER_SHARE, scene_m.height() / 2.0 * INNER_SHARE);
    Bounds::new(x_m - half_width_m, y_m - half_height_m, x_m + half_width_m, y_m + half_height_m)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::TileTemplate;

    fn scene(id: &str) -> Arc<Scene> {
        let bounds_m = Bounds::new(-4_800_000.0, -2_800_000.0, -4_560_000.0, -2_560_000.0);
        Arc::new(Scene { id: id.to_owned(), bounds_m, zooms: (7, 13), tiles: TileTemplate::of_peer("", id) })
    }

    fn glances(seed: u64, count: usize) -> Vec<Glance> {
        let mut roam = Roam::new(vec![scene("a"), scene("b")], Duration::from_secs(2), seed);
        (0..count).map(|_| roam.move_on()).collect()
    }

    #[test]
    fn equal_seeds_roam_equally_and_others_do_not() {
        assert_eq!(glances(1, 50), glances(1, 50));
        assert_ne!(glances(1, 50), glances(2, 50));
    }

    #[test]
    fn a_walk_stays_in_its_scene_and_its_zooms() {
        let glances = glances(3, 5000);
        assert!(glances.iter().all(|glance| glance.scene.bounds_m.contains(glance.view.x_m, glance.view.y_m)));
        assert!(glances.iter().all(|glance| (7..=13).contains(&glance.view.zoom)));
        assert!(["a", "b"].iter().all(|id| glances.iter().any(|glance| glance.scene.id == *id)));
        assert!(glances.iter().all(|glance| (1.0..3.0).contains(&glance.stay.as_secs_f64())));
    }

    #[test]
    fn a_long_walk_has_the_published_mix() {
        // One scene: opening another starts at its lowest zoom, which pulls the mix outwards.
        let mut roam = Roam::new(vec![scene("a")], Duration::ZERO, 5);
        let mut seen = [0_u32; 7];
        let total = 200_000;
        (0..total).for_each(|_| seen[usize::from(13 - roam.move_on().view.zoom)] += 1);
        let whole: f64 = ZOOM_MIX[..7].iter().sum();
        for (depth, count) in seen.iter().enumerate() {
            let (share, wanted) = (f64::from(*count) / f64::from(total), ZOOM_MIX[depth] / whole);
            assert!((share - wanted).abs() < 0.02, "depth {depth}: {share} for {wanted}");
        }
    }
}
