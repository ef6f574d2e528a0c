//! A plan says beforehand what fetching and painting will hold: never less than they do.

#[path = "reader/counting.rs"]
mod counting;
#[path = "memory/hostile.rs"]
mod hostile;
#[allow(dead_code, reason = "it is the reader tests' module; a part of it is used here")]
#[path = "reader/little.rs"]
mod little;
mod support;

use aurora_raster::{
    GeoTiff, Limits,
    cache::BlockCache,
    render::{self, Plan, ReadOptions, Resampling},
};
use counting::{Counting, peak_bytes};
use support::{open, open_within, scene::Scene, tile, wait};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Room for what a runtime and a line of a span take.
const ROOM_BYTES: usize = 64 << 10;

/// Most bytes held from the first read to the last pixel.
fn peak_of(tiff: &GeoTiff, plan: &Plan) -> usize {
    // A cache that keeps nothing: what it would keep is in the books of its own.
    let cache = BlockCache::new(0);
    let ((), bytes) = peak_bytes(|| {
        let mut painted = None;
        for index in 0..plan.part_count() {
            let part = plan.part(tiff, index);
            let fetched = wait(render::fetch(tiff, &part, &cache)).expect("fetched");
            painted = Some(render::paint_onto(tiff, &part, fetched, &cache, painted).expect("painted"));
        }
    });
    bytes
}

fn scene(options: &'static [&'static str], overviews: &'static [i32]) -> Scene {
    Scene { side_px: 3000, spacing_m: 15.0, options, overviews, ..Scene::cog_like() }
}

#[test]
fn no_render_holds_more_than_its_plan_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let kinds = [
        ("raw", scene(&["BLOCKYSIZE=1"], &[])),
        ("strip", scene(&["BLOCKYSIZE=3000"], &[])),
        ("lzw", scene(&["BLOCKYSIZE=1", "COMPRESS=LZW"], &[])),
        ("tiled", scene(&["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=DEFLATE"], &[])),
        ("cog", scene(&["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=ZSTD", "PREDICTOR=2"], &[2, 4, 8])),
    ];
    for (name, scene) in kinds {
        let path = folder.path().join(name);
        scene.write(&path);
        let tiff = open(&path).expect("a scene that is read");
        for ((z, x, y), size_px) in
            [((7, 49, 72), 256), ((9, 196, 289), 512), ((11, 787, 1156), 256), ((12, 1575, 2312), 1024)]
        {
            for resampling in [Resampling::Nearest, Resampling::Bilinear] {
                let options = ReadOptions { resampling, ..ReadOptions::default() };
                let plan = render::plan(&tiff, &tile(z, x, y, size_px), &options).expect("the tile is inside");
                let (peak, cost) = (peak_of(&tiff, &plan), plan.cost_bytes() as usize);
                println!("{name} {z}/{x}/{y} at {size_px} px: {peak} bytes held, {cost} planned");
                assert!(peak <= cost + ROOM_BYTES, "{name} {z}/{x}/{y}: {peak} bytes held, {cost} planned");
                assert!(peak >= (size_px * size_px) as usize, "nothing was counted");
            }
        }
    }
}

/// Of a raster without overviews a small picture needs all blocks, but never at once.
#[test]
fn a_render_in_parts_holds_one_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiled.tif");
    scene(&["TILED=YES", "BLOCKXSIZE=256", "BLOCKYSIZE=256", "COMPRESS=DEFLATE"], &[]).write(&path);
    let limits = Limits { max_render_bytes: 6 << 20, ..Limits::default() };
    let tiff = open_within(&path, limits).expect("a scene that is read");
    let plan = render::plan_whole(&tiff, 500, &ReadOptions::default()).expect("planned");
    let (peak, cost) = (peak_of(&tiff, &plan), plan.cost_bytes() as usize);
    println!("{} parts: {peak} bytes held, {cost} planned", plan.part_count());
    assert!(plan.part_count() > 4 && peak <= cost + ROOM_BYTES && cost <= 6 << 20);
}

/// A tile of a raw scene takes what the tile of a tiled one does, not whole rows of the scene.
#[test]
fn a_native_tile_of_one_row_strips_costs_no_whole_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("raw.tif");
    scene(&["BLOCKYSIZE=1"], &[]).write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let plan = render::plan(&tiff, &tile(13, 3150, 4625, 256), &ReadOptions::default()).expect("the tile is inside");
    assert_eq!(plan.level(), 0);
    assert!(plan.cost_bytes() < 4 << 20, "{} bytes", plan.cost_bytes());
}
