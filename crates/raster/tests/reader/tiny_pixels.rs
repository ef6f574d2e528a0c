//! Rasters that claim pixels so small, or so turned, that a pixel of a view spans more of them than numbers reach.

use aurora_raster::{
    GeoTiff,
    cache::BlockCache,
    crs::Crs,
    render::{self, ReadOptions, Resampling, Sizing, View},
};
use aurora_tile::{Bounds, TileMatrixSet};
use futures_util::FutureExt;

use crate::little::{Doubles, end, geo_keys, image, open, pixels, tiff};

const SIDE_PX: u16 = 256;

/// Where the raster's corner lies in its system.
const CORNER: (f64, f64) = (500_000.0, 5_000_000.0);

/// A raster in UTM zone 32 of pixels turned and scaled so: x and y of a step to the right, x and y of one down.
fn raster([right_x, right_y, down_x, down_y]: [f64; 4], projected: u16) -> std::sync::Arc<GeoTiff> {
    let mut tags = image(SIDE_PX, SIDE_PX);
    let first = [right_x, down_x, 0.0, CORNER.0, right_y, down_y, 0.0, CORNER.1];
    let matrix = first.into_iter().chain([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]).collect();
    let keys = [[1024, 0, 1, 1], [1025, 0, 1, 1], [3072, 0, 1, projected]];
    tags.extend([(34264, Doubles(matrix)), (34735, geo_keys(&keys))]);
    open(tiff(&tags, &pixels(SIDE_PX, SIDE_PX), end)).expect("opens")
}

fn utm() -> Crs {
    Crs::from_epsg(32_632).expect("known")
}

/// Plans and paints a view, which may be refused but for nothing else than a problem.
fn painted(tiff: &GeoTiff, view: &View, resampling: Resampling) -> Option<usize> {
    let options = ReadOptions { resampling, ..ReadOptions::default() };
    let plan = render::plan(tiff, view, &options).ok()?;
    let cache = BlockCache::new(1 << 20);
    let fetched = render::fetch(tiff, &plan, &cache).now_or_never().expect("at hand").ok()?;
    Some(render::paint(tiff, &plan, fetched, &cache).ok()?.valid_px() as usize)
}

#[test]
fn pixels_smaller_than_numbers_reach_are_shown_in_one_or_none() {
    for size in [1e-5, 1e-7, 2e-8, 1e-9, 1e-11, 1e-13] {
        for (right, down) in [(size, -size), (-size, -size), (size, size), (-size, size)] {
            let tiff = raster([right, 0.0, 0.0, down], 32_632);
            for side_px in [1, 2, 3, 5, 9, 17, 33, 65] {
                for pixel in [30.0, 1000.0, 536_870_912.0 * size, 1_073_741_824.0 * size] {
                    // The centre of the first pixel, of the last, or of none lies in the raster.
                    let side = f64::from(side_px) * pixel;
                    for first in [0.5 * pixel, side - 0.5 * pixel, 0.3 * pixel] {
                        let (minx, maxy) = (CORNER.0 + 99.5 * right - first, CORNER.1 + 99.5 * down + first);
                        let bounds = Bounds::new(minx, maxy - side, minx + side, maxy);
                        let Ok(view) = View::of_bounds(utm(), bounds, side_px, side_px) else { continue };
                        for resampling in Resampling::names().filter_map(Resampling::named) {
                            let valid = painted(&tiff, &view, resampling);
                            let most = if pixel > 300.0 * size { 1 } else { usize::MAX };
                            assert!(valid.is_none_or(|valid| valid <= most), "{size} {side_px} {pixel}: {valid:?}");
                        }
                    }
                }
            }
        }
    }
}

/// A view that magnifies a pixel some thousand million times is no dearer than others.
#[test]
fn a_view_of_next_to_nothing_is_cheap() {
    let tiff = raster([30.0, 0.0, 0.0, -30.0], 32_632);
    for (crs, place, side) in [
        (utm(), (CORNER.0 + 1000.0, CORNER.1 - 1000.0), 1e-5),
        (Crs::from_epsg(4326).expect("known"), (9.01, 45.145), 1e-10),
        (Crs::from_epsg(3857).expect("known"), (1_003_100.0, 5_641_800.0), 1e-5),
    ] {
        let bounds = Bounds::new(place.0, place.1, place.0 + side, place.1 + side);
        let view = View::of_bounds(crs, bounds, 2048, 2048).expect("a view");
        let plan = render::plan(&tiff, &view, &ReadOptions::default()).expect("planned");
        let values_and_mask = 2048 * 2048 * 3;
        assert!(plan.cost_bytes() < values_and_mask + (2 << 20), "{} for {place:?}", plan.cost_bytes());
        assert!(painted(&tiff, &view, Resampling::Nearest).is_some_and(|valid| valid > 0), "{place:?}");
    }
}

/// Columns run north and rows east, so that none of the numbers that are else the pixel's sides is one.
#[test]
fn a_raster_on_its_side_has_the_size_of_its_pixels() {
    let tiff = raster([0.0, 30.0, 30.0, 0.0], 3857);
    let zooms = |tiff| render::zooms(tiff, TileMatrixSet::web_mercator_quad()).expect("a place on the web map");
    assert_eq!(zooms(&tiff), zooms(&raster([30.0, 0.0, 0.0, -30.0], 3857)));
    let side = 30.0 * f64::from(SIDE_PX);
    let bounds = Bounds::new(CORNER.0, CORNER.1, CORNER.0 + side, CORNER.1 + side);
    for (max_px, side_px) in [(None, 256), (Some(100), 100)] {
        let sizing = Sizing { max_px, ..Sizing::default() };
        let crs = Crs::from_epsg(3857).expect("known");
        let view = View::of_box(tiff.header(), crs, bounds, sizing).expect("a view");
        assert_eq!((view.width_px(), view.height_px()), (side_px, side_px));
        let shown = painted(&tiff, &view, Resampling::Nearest).expect("painted");
        assert_eq!(shown, (side_px * side_px) as usize);
    }
}
