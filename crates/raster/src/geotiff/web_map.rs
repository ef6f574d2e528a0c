//! What every tile of the web map asks of a raster, though the answer is the same for all of a zoom: kept with the
//! raster.
//!
//! Each costs from a dozen to hundreds of projected points. Callers: [`crate::render`], which knows how to reckon them.

use std::sync::{Mutex, OnceLock, PoisonError};

use aurora_tile::Bounds;

/// Zooms, or other grids of pixels, that scales are kept for.
const MOST_SCALES: usize = 32;

/// Origin and size of a grid's pixels: x and y of each, in metres of the web map.
pub(crate) type PixelGrid = [f64; 4];

/// Answers by raster, and by raster and zoom. Empty until asked.
#[derive(Default)]
pub(crate) struct WebMap {
    resolution: OnceLock<Option<f64>>,
    outline: OnceLock<Option<Bounds>>,
    scales: Mutex<Vec<(PixelGrid, Option<f64>)>>,
}

impl WebMap {
    /// Size of the raster's pixels in metres of the web map; `None` where that cannot be told.
    pub(crate) fn resolution(&self, reckon: impl FnOnce() -> Option<f64>) -> Option<f64> {
        *self.resolution.get_or_init(reckon)
    }

    /// The box round the raster; `None` where a part has no place on the web map.
    pub(crate) fn outline(&self, reckon: impl FnOnce() -> Option<Bounds>) -> Option<Bounds> {
        *self.outline.get_or_init(reckon)
    }

    /// Full-resolution pixels that a pixel of a grid spans; `None` where that cannot be told. Where more grids are
    /// asked for than are kept, the one asked for longest ago goes.
    pub(crate) fn scale(&self, grid: PixelGrid, reckon: impl FnOnce() -> Option<f64>) -> Option<f64> {
        let kept = || self.scales.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = |kept: &mut Vec<(PixelGrid, Option<f64>)>| {
            let at = kept.iter().position(|(of, _)| *of == grid)?;
            Some(kept.remove(at).1)
        };
        let known = {
            let mut kept = kept();
            // The last one asked for stands last.
            taken(&mut kept).inspect(|&scale| kept.push((grid, scale)))
        };
        known.unwrap_or_else(|| {
            let scale = reckon();
            let mut kept = kept();
            // Another may have reckoned it meanwhile.
            taken(&mut kept);
            if kept.len() == MOST_SCALES {
                kept.remove(0);
            }
            kept.push((grid, scale));
            scale
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_reckoned_once_a_grid_and_those_not_asked_for_go() {
        let map = WebMap::default();
        let grid = |zoom: usize| [0.0, 0.0, 1.0 / zoom as f64, 1.0];
        let of = |zoom: usize| map.scale(grid(zoom), || Some(zoom as f64));
        assert!((1..=MOST_SCALES).all(|zoom| of(zoom) == Some(zoom as f64)));
        assert!((1..=MOST_SCALES).all(|zoom| map.scale(grid(zoom), || None) == Some(zoom as f64)));
        assert_eq!(of(1), Some(1.0), "asked for again");
        assert_eq!(of(MOST_SCALES + 1), Some((MOST_SCALES + 1) as f64));
        assert_eq!(map.scale(grid(2), || Some(0.5)), Some(0.5), "the one asked for longest ago went");
        assert_eq!(map.scale(grid(1), || None), Some(1.0));
        assert_eq!(map.scales.lock().expect("not poisoned").len(), MOST_SCALES);
    }
}
