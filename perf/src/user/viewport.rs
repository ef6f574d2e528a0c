//! What part of the world a map pane shows, and the tiles that cover it.

use std::str::FromStr;

use aurora_tile::{Bounds, TileId, TileMatrixSet};
use serde::{Deserialize, Serialize};

/// Size of a map pane in pixels of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewport {
    /// Columns.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
}

/// Where a map looks: its middle in web Mercator metres, and a zoom level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Metres east.
    pub x_m: f64,
    /// Metres north.
    pub y_m: f64,
    /// Zoom level, 0 to [`MAX_ZOOM`].
    pub zoom: u8,
}

/// The deepest zoom the tile matrix set has.
pub const MAX_ZOOM: u8 = 24;

/// Less than this much of a tile is rounding, and no reason to ask for it.
const ROUNDING_PX: f64 = 0.01;

/// Metres of a map pixel at a zoom level.
pub(super) fn resolution_m(zoom: u8) -> f64 {
    TileMatrixSet::web_mercator_quad().resolution(zoom.min(MAX_ZOOM)).unwrap_or(f64::INFINITY)
}

impl Viewport {
    /// Tiles that the view shows of a scene, nearest to the middle first.
    pub fn tiles(self, view: View, scene_m: Bounds) -> Vec<TileId> {
        let grid = TileMatrixSet::web_mercator_quad();
        let Some(shown_m) = self.bounds_m(view).intersection(&scene_m) else { return Vec::new() };
        let rounding_m = ROUNDING_PX * resolution_m(view.zoom);
        let inner_m = Bounds::new(
            shown_m.minx + rounding_m,
            shown_m.miny + rounding_m,
            shown_m.maxx - rounding_m,
            shown_m.maxy - rounding_m,
        );
        let mut tiles: Vec<_> = grid.tiles_covering(view.zoom, inner_m).collect();
        let distance_m = |tile: &TileId| {
            let centre = grid.tile_bounds(*tile).map(|bounds| bounds.centre());
            centre.map_or(f64::INFINITY, |(x, y)| (x - view.x_m).hypot(y - view.y_m))
        };
        tiles.sort_by(|a, b| distance_m(a).total_cmp(&distance_m(b)));
        tiles
    }

    fn bounds_m(self, view: View) -> Bounds {
        let half = |side_px: u32| f64::from(side_px) / 2.0 * resolution_m(view.zoom);
        let (across_m, up_m) = (half(self.width_px), half(self.height_px));
        Bounds::new(view.x_m - across_m, view.y_m - up_m, view.x_m + across_m, view.y_m + up_m)
    }
}

impl FromStr for Viewport {
    type Err = String;

    /// `WxH`, each 1 to 10,000.
    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.parse().ok().filter(|side| (1..=10_000).contains(side));
        let sides = text.split_once('x').and_then(|(width, height)| side(width).zip(side(height)));
        let (width_px, height_px) = sides.ok_or_else(|| format!("`{text}` is not WxH in pixels up to 10000"))?;
        Ok(Self { width_px, height_px })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD: Bounds = Bounds { minx: -2e7, miny: -2e7, maxx: 2e7, maxy: 2e7 };

    #[test]
    fn a_view_needs_the_tiles_under_it_and_no_others() {
        let viewport: Viewport = "512x256".parse().unwrap();
        // The corner of four tiles lies in the middle: 512 pixels reach one tile each way, 256 half a tile.
        let view = View { x_m: 0.0, y_m: 0.0, zoom: 5 };
        let mut tiles = viewport.tiles(view, WORLD);
        tiles.sort();
        let expected = [(15, 15), (15, 16), (16, 15), (16, 16)].map(|(x, y)| TileId::new(5, x, y));
        assert_eq!(tiles, expected);
    }

    #[test]
    fn the_middle_comes_first_and_the_scenes_edge_cuts() {
        let viewport: Viewport = "1280x800".parse().unwrap();
        let size_m = resolution_m(10) * 256.0;
        let view = View { x_m: size_m * 0.5, y_m: size_m * 0.5, zoom: 10 };
        let tiles = viewport.tiles(view, WORLD);
        assert_eq!(tiles[0], TileId::new(10, 512, 511));
        assert_eq!(tiles.len(), 5 * 5);
        let scene_m = Bounds::new(0.0, 0.0, size_m, size_m);
        assert_eq!(viewport.tiles(view, scene_m), [TileId::new(10, 512, 511)]);
    }

    #[test]
    fn sizes_are_checked() {
        for text in ["", "100", "0x10", "10x99999", "axb"] {
            assert!(text.parse::<Viewport>().is_err(), "{text}");
        }
    }
}
