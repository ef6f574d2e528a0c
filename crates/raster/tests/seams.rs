//! No seams: neighbouring tiles put together are one big render of the same zoom, pixel for pixel.

#[allow(dead_code, reason = "it is the oracle tests' module; a part of it is used here")]
#[path = "oracle/kinds.rs"]
mod kinds;
mod support;

use aurora_raster::{
    GeoTiff, RasterError,
    block::Samples,
    cache::BlockCache,
    crs::Crs,
    pixels::{Gathered, Pixels},
    render::{self, Plan, ReadOptions, Resampling, Sizing, View},
};
use aurora_tile::{Bounds, TileId, TileMatrixSet};
use kinds::{By, Kind, Place, Sample};
use support::{open, render, sample_data, scene::Scene, tile, wait};

const TILE_PX: u32 = 256;

/// A tile's pixels, or none where it lies outside.
fn tile_or_nothing(tiff: &GeoTiff, z: u8, x: u32, y: u32, options: &ReadOptions) -> Option<Pixels> {
    match render(tiff, &tile(z, x, y, TILE_PX), options) {
        Ok(pixels) => Some(pixels),
        Err(RasterError::OutsideBounds) => None,
        Err(error) => panic!("{z}/{x}/{y}: {error}"),
    }
}

/// Compares the four quarters of a 512 pixel render of one tile with the four tiles below it.
fn compare(tiff: &GeoTiff, parent: TileId, options: &ReadOptions) -> usize {
    let whole = render(tiff, &tile(parent.z, parent.x, parent.y, 2 * TILE_PX), options).expect("the parent is inside");
    let mut compared = 0;
    for child in parent.children().expect("a zoom that goes on") {
        let part = tile_or_nothing(tiff, child.z, child.x, child.y, options);
        let (right, down) = ((child.x % 2) * TILE_PX, (child.y % 2) * TILE_PX);
        for row in 0..TILE_PX {
            for col in 0..TILE_PX {
                for band in 0..whole.bands {
                    let alone = part.as_ref().and_then(|part| part.value(band, row, col));
                    let together = whole.value(band, row + down, col + right);
                    assert_eq!(alone, together, "{child} at {col},{row}, band {band}, {:?}", options.resampling);
                    compared += usize::from(alone.is_some());
                }
            }
        }
    }
    compared
}

fn compare_all(tiff: &GeoTiff, zooms: std::ops::RangeInclusive<u8>, place: (f64, f64)) {
    let set = TileMatrixSet::web_mercator_quad();
    let (x, y) = aurora_tile::lon_lat_to_mercator(place.0, place.1);
    for (index, resampling) in Resampling::names().filter_map(Resampling::named).enumerate() {
        let options = ReadOptions { resampling, ..ReadOptions::default() };
        // The quick kernels at every zoom, the many others each at some of them.
        let step = if index < 2 { 1 } else { 3 };
        for z in zooms.clone().skip(index % step).step_by(step) {
            let tiles = set.tiles_covering(z, Bounds::new(x - 1.0, y - 1.0, x + 1.0, y + 1.0));
            let compared: usize = tiles.map(|parent| compare(tiff, parent, &options)).sum();
            assert!(compared > 0, "nothing was compared at zoom {z}");
        }
    }
}

#[test]
fn tiles_of_a_utm_scene_join() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    compare_all(&tiff, 4..=13, (-41.7, -22.77));
}

#[test]
fn tiles_without_overviews_join() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("strips.tif");
    Scene { options: &[], overviews: &[], ..Scene::cog_like() }.write(&path);
    let tiff = open(&path).expect("a scene that is read");
    compare_all(&tiff, 4..=9, (-41.7, -22.77));
}

/// Colours, masks of every sort, and what is no number, by every kernel: about as shown, shrunk, and magnified.
#[test]
fn tiles_of_every_kind_join() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    let place = Place::NorthUp([300_000.0, 7_400_000.0, 30.0]);
    let turned = Place::Turned([300_000.0, 7_400_000.0, 30.0, 33.0]);
    let bent = Place::Control([300_000.0, 7_400_000.0, 30.0]);
    for (name, sample, bands, masked, place) in [
        ("RGB", Sample::U8, 3, By::Nothing, place),
        ("RGB and alpha", Sample::U8, 3, By::Alpha, turned),
        ("RGB and a mask", Sample::U8, 3, By::Mask, place),
        ("RGB, nodata", Sample::U8, 3, By::Nodata(0.0), bent),
        ("negative", Sample::I16, 1, By::Nodata(-32_768.0), place),
        ("floats, NaN", Sample::F32, 2, By::Nodata(f64::NAN), turned),
        ("doubles", Sample::F64, 1, By::Nodata(-9999.0), bent),
        ("complex", Sample::Complex, 1, By::Nothing, place),
    ] {
        Kind { name, sample, bands, masked, epsg: 32_724, place }.write(&path);
        compare_all(&open(&path).expect(name), 9..=12, (-40.87, -23.58));
    }
}

#[test]
fn tiles_near_the_dateline_and_far_north_join() {
    let Some(folder) = sample_data() else { return };
    let dateline = open(&folder.join("cog/rio-tiler__cog_dateline.tif")).expect("a file that is read");
    for parent in [TileId::new(3, 7, 2), TileId::new(3, 0, 2)] {
        assert!(compare(&dateline, parent, &ReadOptions::default()) > 0, "{parent} shows the raster");
    }
    // All of it in degrees is one piece of 3.5 degrees, not a ribbon round the world.
    let degrees = Crs::from_epsg(4326).expect("known");
    let sizing = Sizing { max_px: Some(512), ..Sizing::default() };
    let whole = View::of_whole(dateline.header(), degrees, sizing).expect("it has a place");
    let Bounds { minx, maxx, .. } = whole.bounds();
    assert!(minx > 177.9 && maxx < 181.6 && whole.width_px() == 512, "{whole:?}");
    let shown = render(&dateline, &whole, &ReadOptions::default()).expect("it is inside");
    assert!(shown.valid_px() * 2 > shown.mask.len(), "{} pixels", shown.valid_px());
    let north = open(&folder.join("cog/rio-tiler__cog.tif")).expect("a file that is read");
    compare_all(&north, 2..=8, (-56.8, 73.4));
}

/// A picture made in strips of rows is the one made in one piece, for every kernel: of a map tile, of a box on a
/// lattice of its own and of the whole raster, with rows that show nothing of it.
#[test]
fn strips_of_a_picture_join() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let degrees = Crs::from_epsg(4326).expect("known");
    let sizing = Sizing { max_px: Some(700), ..Sizing::default() };
    let views = [
        tile(9, 196, 289, 700).grown(5),
        View::of_box(tiff.header(), degrees, Bounds::new(-42.5, -23.3, -41.3, -22.0), sizing).expect("a box"),
    ];
    for resampling in Resampling::names().filter_map(Resampling::named) {
        let options = ReadOptions { resampling, ..ReadOptions::default() };
        let joined = |whole: Pixels, plan: &dyn Fn(std::ops::Range<u32>) -> render::Plan| {
            let (height_px, mut gathered) = (whole.height_px, Gathered::new(&whole, whole.height_px));
            for first in (0..height_px).step_by(147) {
                let strip = support::paint(&tiff, &plan(first..(first + 147).min(height_px))).expect("painted");
                gathered.put(&strip, first);
            }
            assert!(gathered.finish() == whole && whole.valid_px() > 10_000, "{resampling:?}");
        };
        for view in &views {
            let whole = render(&tiff, view, &options).expect("it is inside");
            joined(whole, &|rows| render::plan(&tiff, &view.strip(rows), &options).expect("planned"));
        }
        let size_px = (640, 610);
        let whole = support::paint(&tiff, &render::plan_stretched(&tiff, size_px, &options).expect("planned"));
        joined(whole.expect("painted"), &|rows| render::plan_rows(&tiff, size_px, rows, &options).expect("planned"));
    }
}

/// With nodata 0 declared and every real value at 100 or more, anything below 100 has bled in.
#[test]
fn nodata_does_not_bleed_in_nor_eat_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let view = tile(9, 196, 289, TILE_PX);
    let with = |resampling| {
        let options = ReadOptions { resampling, ..ReadOptions::default() };
        render(&tiff, &view, &options).expect("the tile is inside")
    };
    let nearest = with(Resampling::Nearest);
    assert!(!nearest.all_valid && nearest.valid_px() > 1000, "the tile shows an edge");
    for name in Resampling::names() {
        let smooth = with(Resampling::named(name).expect("a listed name"));
        assert_eq!(nearest.mask, smooth.mask, "{name}");
        let Samples::U16(values) = &smooth.samples else { panic!("the scene is 16-bit") };
        let valid = values.iter().zip(&smooth.mask).filter(|(_, m)| **m != 0).map(|(value, _)| *value);
        // Filters with negative lobes fall below all of their pixels, but never far.
        let least = if ["cubic", "lanczos"].contains(&name) { 1 } else { 100 };
        assert!(name == "sum" || valid.clone().min() >= Some(least), "{name}: {:?} bled in", valid.min());
        let most = if ["cubic", "lanczos"].contains(&name) { 1500 } else { 1123 };
        assert!(name == "sum" || valid.clone().max() <= Some(most), "{name}: {:?}", valid.max());
    }
}

/// While nothing can be kept only those parts of a block are decompressed that a tile needs.
#[test]
fn parts_of_blocks_show_what_whole_ones_do_and_nothing_behind_them_is_looked_at() {
    let tiled = &["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=ZSTD", "PREDICTOR=2"];
    for options in [&tiled[..], &["BLOCKYSIZE=350", "COMPRESS=ZSTD", "ENDIANNESS=BIG"]] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scene.tif");
        Scene { options, ..Scene::cog_like() }.write(&path);
        let tiff = open(&path).expect("a scene that is read");
        let painted = |plan: &Plan, cache_bytes: u64| {
            let cache = BlockCache::new(cache_bytes);
            render::paint(&tiff, plan, wait(render::fetch(&tiff, plan, &cache))?, &cache)
        };
        let (mut tiles, mut of_first_rows) = (0, Vec::new());
        for (x, y) in (1574..1578).flat_map(|x| (2311..2315).map(move |y| (x, y))) {
            let Ok(plan) = render::plan(&tiff, &tile(12, x, y, 256), &ReadOptions::default()) else { continue };
            let whole = painted(&plan, support::CACHE_BYTES).expect("painted");
            assert!(whole == painted(&plan, 0).expect("painted"), "{x}/{y} {options:?}");
            tiles += 1;
            let header = tiff.header();
            let block_px = header.levels[usize::from(plan.level())].block_height_px;
            if plan.blocks().iter().all(|&id| plan.rows_needed(header, id).end < block_px / 2) {
                of_first_rows.push((plan, whole));
            }
        }
        assert!(tiles > 8, "{tiles} are too few to tell");
        let (plan, whole) = of_first_rows.pop().expect("a tile of first rows alone");
        let mut bytes = std::fs::read(&path).expect("read");
        for part in plan.blocks().iter().flat_map(|&id| tiff.block_parts(id).expect("stored")) {
            bytes[part.end as usize - 2000..part.end as usize].fill(0xff);
        }
        std::fs::write(&path, bytes).expect("written");
        let tiff = open(&path).expect("a scene that is read");
        let painted = |cache_bytes: u64| {
            let cache = BlockCache::new(cache_bytes);
            render::paint(&tiff, &plan, wait(render::fetch(&tiff, &plan, &cache))?, &cache)
        };
        assert!(painted(support::CACHE_BYTES).is_err(), "the whole is damaged");
        assert!(painted(0).expect("painted") == whole, "{options:?}");
    }
}

/// Blocks are kept packed, and of a kept block only those rows are unpacked that a view needs.
#[test]
fn a_tile_of_kept_blocks_is_the_one_they_were_decoded_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let (mut shown_px, full) = (0, BlockCache::new(6 * 65_536));
    for (z, columns, rows) in [(9, 196..198, 288..291), (10, 393..395, 577..580), (12, 1574..1578, 2311..2315)] {
        for (x, y) in columns.flat_map(|x| rows.clone().map(move |y| (x, y))) {
            for resampling in [Resampling::Nearest, Resampling::Bilinear, Resampling::Lanczos, Resampling::Mode] {
                let options = ReadOptions { resampling, ..ReadOptions::default() };
                let cache = BlockCache::new(support::CACHE_BYTES);
                let Ok(plan) = render::plan(&tiff, &tile(z, x, y, 256), &options) else { continue };
                let [decoded, kept] = [(); 2].map(|()| {
                    let fetched = wait(render::fetch(&tiff, &plan, &cache)).expect("fetched");
                    render::paint(&tiff, &plan, fetched, &cache).expect("painted")
                });
                assert!(decoded == kept, "{z}/{x}/{y} {resampling:?}");
                // A full cache has blocks decoded as far as they were needed, by other tiles or by this one.
                let [first, again] = [(); 2].map(|()| {
                    let fetched = wait(render::fetch(&tiff, &plan, &full)).expect("fetched");
                    render::paint(&tiff, &plan, fetched, &full).expect("painted")
                });
                assert!(first == kept && again == kept, "{z}/{x}/{y} {resampling:?} with a full cache");
                shown_px += kept.valid_px();
            }
        }
    }
    assert!(shown_px > 1_000_000, "{shown_px} pixels are too few to tell");
    assert!(full.counts().hits > 50, "{:?}", full.counts());
}
