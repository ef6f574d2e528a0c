//! Which tiles a tile load asks for: a hot set that all users share, and tiles nobody asked for yet.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aurora_tile::{TileId, TileMatrixSet};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::Tiles;

/// Tiles listed of all scenes together; a bigger scene's are listed from the top of its zooms down to here.
const MAX_LISTED: usize = 400_000;

/// The tiles of one thread. All threads list the same; each takes its own part of the distinct ones.
pub(super) struct TileSet {
    spec: Tiles,
    /// Shuffled; the hot ones come first. Scene by index.
    listed: Vec<(u32, TileId)>,
    hot: usize,
    part: (usize, usize),
    taken: AtomicU64,
}

impl TileSet {
    /// Part `part.0` of `part.1`.
    pub(super) fn new(spec: &Tiles, seed: u64, part: (usize, usize)) -> Self {
        let mut listed = list(spec);
        listed.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let hot = spec.hot.clamp(1, listed.len().max(1));
        Self { spec: spec.clone(), listed, hot, part, taken: AtomicU64::new(0) }
    }

    /// The next address.
    pub(super) fn pick(&self, rng: &mut ChaCha8Rng) -> String {
        let distinct = self.listed.len() - self.hot;
        if distinct == 0 || rng.random_bool(self.spec.hot_share.clamp(0.0, 1.0)) {
            return self.url(rng.random_range(0..self.hot), 0);
        }
        let number = self.taken.fetch_add(1, Relaxed) as usize * self.part.1 + self.part.0;
        self.url(self.hot + number % distinct, number / distinct)
    }

    /// Whether distinct tiles began anew without a query that keeps them distinct.
    pub(super) fn ran_out(&self) -> bool {
        let distinct = self.listed.len() - self.hot;
        let taken = self.taken.load(Relaxed) as usize * self.part.1;
        self.spec.distinct_query.is_none() && self.spec.hot_share < 1.0 && taken > distinct
    }

    fn url(&self, index: usize, pass: usize) -> String {
        let (scene, tile) = self.listed[index];
        let url = self.spec.scenes[scene as usize].tiles.url(tile);
        match &self.spec.distinct_query {
            Some(query) if pass > 0 => {
                let sign = if url.contains('?') { '&' } else { '?' };
                format!("{url}{sign}{}", query.replace("{n}", &format!("{pass:06}")))
            }
            _ => url,
        }
    }
}

/// Every tile whose middle lies in a scene, zoom by zoom, so that few lie wholly outside a turned footprint.
fn list(spec: &Tiles) -> Vec<(u32, TileId)> {
    let grid = TileMatrixSet::web_mercator_quad();
    let each = (MAX_LISTED / spec.scenes.len().max(1)).max(1);
    let mut listed = Vec::new();
    for (index, scene) in (0..).zip(&spec.scenes) {
        let zooms = (scene.zooms.0..=scene.zooms.1).flat_map(|zoom| grid.tiles_covering(zoom, scene.bounds_m));
        let inside = zooms.filter(|tile| {
            let middle = grid.tile_bounds(*tile).map(|bounds| bounds.centre());
            middle.is_ok_and(|(x_m, y_m)| scene.bounds_m.contains(x_m, y_m))
        });
        let before = listed.len();
        listed.extend(inside.take(each).map(|tile| (index, tile)));
        if listed.len() == before {
            // A scene smaller than a tile: whatever covers it.
            listed.extend(grid.tiles_covering(scene.zooms.1, scene.bounds_m).take(1).map(|tile| (index, tile)));
        }
    }
    listed
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use aurora_tile::Bounds;

    use super::*;
    use crate::client::{Scene, TileTemplate};

    fn spec(distinct_query: Option<&str>) -> Tiles {
        let bounds_m = Bounds::new(-4_800_000.0, -2_800_000.0, -4_700_000.0, -2_700_000.0);
        let tiles = TileTemplate::of_peer("http://s/{z}/{x}/{y}", "a");
        let scene = Scene { id: "a".to_owned(), bounds_m, zooms: (7, 12), tiles };
        Tiles { scenes: vec![scene], hot: 16, hot_share: 0.5, distinct_query: distinct_query.map(str::to_owned) }
    }

    #[test]
    fn distinct_tiles_are_distinct_over_all_parts() {
        let spec = spec(Some("rescale=0,255.{n}"));
        let sets = [0, 1].map(|part| TileSet::new(&spec, 1, (part, 2)));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let hot: HashSet<String> = (0..16).map(|index| sets[0].url(index, 0)).collect();
        let (mut seen, mut from_hot) = (HashSet::new(), 0);
        for _ in 0..1000 {
            for set in &sets {
                let url = set.pick(&mut rng);
                if hot.contains(&url) {
                    from_hot += 1;
                } else {
                    assert!(seen.insert(url.clone()), "{url} came twice");
                }
            }
        }
        assert!((900..1100).contains(&from_hot), "{from_hot} of 2000 from the hot half");
        assert!(seen.iter().any(|url| url.ends_with("?rescale=0,255.000001")) && !sets[0].ran_out());
    }

    #[test]
    fn tiles_that_begin_anew_are_owned_up_to() {
        let set = TileSet::new(&spec(None), 1, (0, 1));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(!set.ran_out());
        (0..10_000).for_each(|_| drop(set.pick(&mut rng)));
        assert!(set.ran_out());
    }
}
