//! A tile's own buffers, source blocks aside, stay small whatever the tile shows.

#[path = "reader/counting.rs"]
mod counting;
mod support;

use aurora_raster::{
    GeoTiff,
    cache::BlockCache,
    encode,
    render::{self, ReadOptions, Resampling, View},
    style::{self, Coloring, Colormap, Rescale, Style},
};
use counting::{Counting, peak_bytes};
use support::{open, scene::Scene, tile, wait};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a tile of 256 pixels may take from plan to PNG.
const MOST_BYTES: usize = 4 << 20;

/// Most bytes held while a tile is made of blocks that lie in the cache.
fn peak_of(tiff: &GeoTiff, view: &View, options: &ReadOptions, style: &Style) -> usize {
    let cache = BlockCache::new(support::CACHE_BYTES);
    let (plan, plan_bytes) = peak_bytes(|| render::plan(tiff, view, options).expect("the tile is inside"));
    let warm_up = wait(render::fetch(tiff, &plan, &cache)).expect("fetched");
    render::paint(tiff, &plan, warm_up, &cache).expect("painted");
    let fetched = wait(render::fetch(tiff, &plan, &cache)).expect("fetched");
    assert_eq!(fetched.missing_blocks(), 0);
    let (png, paint_bytes) = peak_bytes(|| {
        let pixels = render::paint(tiff, &plan, fetched, &cache).expect("painted");
        encode::png(&style::apply(pixels, style).expect("styled")).expect("encoded")
    });
    assert!(png.len() > 500, "an empty picture of {} bytes", png.len());
    plan_bytes + paint_bytes
}

/// Side of the scenes.
const SCENE_PX: usize = 1500;

#[test]
fn a_tile_takes_little_beside_its_blocks() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cog, strips) = (folder.path().join("cog.tif"), folder.path().join("strips.tif"));
    Scene::cog_like().write(&cog);
    Scene { options: &["BLOCKYSIZE=1"], overviews: &[], ..Scene::cog_like() }.write(&strips);
    let rescale = vec![Rescale { min: 100.0, max: 1123.0 }];
    let styles = [
        Style { rescale: rescale.clone(), ..Style::default() },
        Style { rescale, coloring: Colormap::named("viridis").map(Coloring::Map), ..Style::default() },
    ];
    for (path, (z, x, y)) in [(&cog, (11, 787, 1156)), (&cog, (9, 196, 289)), (&strips, (7, 49, 72))] {
        let tiff = open(path).expect("a scene that is read");
        for resampling in [Resampling::Nearest, Resampling::Bilinear, Resampling::Lanczos, Resampling::Mode] {
            let options = ReadOptions { resampling, ..ReadOptions::default() };
            for style in &styles {
                let bytes = peak_of(&tiff, &tile(z, x, y, 256), &options, style);
                println!("{z}/{x}/{y} {resampling:?}: {bytes} bytes");
                // Small strips are looked at whole, and blocks that are kept packed are unpacked for it.
                let blocks_bytes = if path == &strips { 2 * SCENE_PX * SCENE_PX } else { 0 };
                assert!(bytes <= MOST_BYTES + blocks_bytes, "{bytes} bytes for {z}/{x}/{y}, {resampling:?}");
                assert!(bytes >= 2 * 256 * 256, "{bytes} bytes cannot hold a tile: nothing was counted");
            }
        }
    }
}
