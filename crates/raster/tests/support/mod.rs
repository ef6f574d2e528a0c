//! What the render tests share: sample data, opening, rendering in one go.

#![allow(dead_code, reason = "every test program uses a part of it")]

pub(crate) mod scene;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use aurora_fixtures::at_hand;
use aurora_raster::{
    GeoTiff, Limits, Result,
    cache::BlockCache,
    pixels::Pixels,
    render::{self, Plan, ReadOptions, View},
    source::FileSource,
};
use aurora_tile::{TileId, TileMatrixSet};

/// Cache for tests: holds every block of the files they use.
pub(crate) const CACHE_BYTES: u64 = 256 << 20;

/// The folder of sample data, or `None` (said on the terminal) where it is not there.
pub(crate) fn sample_data() -> Option<PathBuf> {
    at_hand::sample_data("")
}

/// Waits for a future that needs no runtime but may be handed to one.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
    runtime.block_on(future)
}

pub(crate) fn open(path: &Path) -> Result<Arc<GeoTiff>> {
    open_within(path, Limits::default())
}

pub(crate) fn open_within(path: &Path, limits: Limits) -> Result<Arc<GeoTiff>> {
    wait(GeoTiff::open(FileSource::open(path)?, limits))
}

/// Fetches and paints a plan with a fresh cache, part by part.
pub(crate) fn paint(tiff: &GeoTiff, plan: &Plan) -> Result<Pixels> {
    let cache = BlockCache::new(CACHE_BYTES);
    let mut painted = None;
    for index in 0..plan.part_count() {
        let part = plan.part(tiff, index);
        let fetched = wait(render::fetch(tiff, &part, &cache))?;
        painted = Some(render::paint_onto(tiff, &part, fetched, &cache, painted)?);
    }
    Ok(painted.expect("a plan has a part"))
}

pub(crate) fn render(tiff: &GeoTiff, view: &View, options: &ReadOptions) -> Result<Pixels> {
    paint(tiff, &render::plan(tiff, view, options)?)
}

/// The view of a Web Mercator tile.
pub(crate) fn tile(z: u8, x: u32, y: u32, size_px: u32) -> View {
    View::tile(TileMatrixSet::web_mercator_quad(), TileId::new(z, x, y), size_px).expect("a tile that exists")
}
