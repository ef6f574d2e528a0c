//! What a render costs stays bounded, and what cannot be rendered says why.

mod support;

use std::sync::Arc;

use aurora_raster::{
    Limits, RasterError,
    block::{Block, BlockId, Samples},
    cache::{BlockCache, SourceKey},
    crs::Crs,
    facts,
    render::{self, ReadOptions, Resampling, View},
    statistics,
};
use aurora_tile::{Bounds, TileMatrixSet, lon_lat_to_mercator};
use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
};
use support::{open, open_within, paint, render, scene::Scene, tile, wait};

/// A tile that shows the whole scene, small.
const WHOLE: (u8, u32, u32) = (7, 49, 72);

fn strips() -> Scene {
    Scene { side_px: 3000, spacing_m: 15.0, options: &["BLOCKYSIZE=1"], overviews: &[], ..Scene::cog_like() }
}

fn tiles_without_overviews() -> Scene {
    Scene { side_px: 3000, spacing_m: 15.0, overviews: &[], ..Scene::cog_like() }
}

#[test]
fn one_row_strips_are_read_at_a_stride() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("raw.tif");
    strips().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let (z, x, y) = WHOLE;
    let plan = render::plan(&tiff, &tile(z, x, y, 256), &ReadOptions::default()).expect("the tile is inside");
    let whole_bytes = 2 * 3000 * 3000;
    assert!(plan.cost_bytes() < whole_bytes / 4, "{} of {whole_bytes} bytes", plan.cost_bytes());
    let level = &tiff.header().levels[usize::from(plan.level())];
    assert!(level.is_thinned() && level.width_px < 512, "{} px wide", level.width_px);
    let pixels = paint(&tiff, &plan).expect("painted");
    let numbers = statistics::summarise(&pixels, 0, &statistics::Wanted::default()).expect("the scene shows");
    assert!((numbers.mean - 611.5).abs() < 50.0, "mean {}", numbers.mean);
}

#[test]
fn tiles_without_overviews_are_thinned_out_to_the_limit() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiled.tif");
    tiles_without_overviews().write(&path);
    let limits = Limits { max_render_bytes: 4 << 20, max_walk_bytes: 4 << 20, ..Limits::default() };
    let tiff = open_within(&path, limits).expect("a scene that is read");
    let (z, x, y) = WHOLE;
    let plan = render::plan(&tiff, &tile(z, x, y, 256), &ReadOptions::default()).expect("the tile is inside");
    assert!(plan.cost_bytes() <= limits.max_render_bytes, "{} bytes", plan.cost_bytes());
    let thinned = paint(&tiff, &plan).expect("painted");
    let whole = render(&open(&path).expect("a scene"), &tile(z, x, y, 256), &ReadOptions::default()).expect("rendered");
    let (thinned, whole) = (thinned.valid_px() as f64, whole.valid_px() as f64);
    assert!((thinned - whole).abs() < 0.2 * whole, "{thinned} valid pixels instead of {whole}");
}

/// What a render may hold decides in how many parts it is read, and nothing else.
#[test]
fn a_view_read_in_parts_is_the_view_read_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiled.tif");
    for options in [tiles_without_overviews().options, &["BLOCKYSIZE=1", "COMPRESS=LZW"]] {
        Scene { options, ..tiles_without_overviews() }.write(&path);
        let at_once = open(&path).expect("a scene that is read");
        let bounded = open_within(&path, Limits { max_render_bytes: 6 << 20, ..Limits::default() }).expect("read");
        let (z, x, y) = WHOLE;
        for resampling in [Resampling::Nearest, Resampling::Average] {
            let options = ReadOptions { resampling, ..ReadOptions::default() };
            let plans = |tiff| [statistics::plan(tiff, &options), render::plan(tiff, &tile(z, x, y, 256), &options)];
            for (at, (whole, cut)) in plans(&at_once).into_iter().zip(plans(&bounded)).enumerate() {
                let (whole, cut) = (whole.expect("planned"), cut.expect("planned"));
                assert_eq!(whole.part_count(), 1);
                assert!(cut.part_count() > 1 || at > 0, "one part");
                assert!(cut.cost_bytes() <= bounded.limits().max_render_bytes, "{} bytes", cut.cost_bytes());
                let (whole, cut) = (paint(&at_once, &whole).expect("painted"), paint(&bounded, &cut).expect("painted"));
                assert_eq!(whole.mask, cut.mask);
                assert!(resampling != Resampling::Nearest || whole.samples == cut.samples, "other values in parts");
            }
        }
    }
}

#[test]
fn what_would_be_walked_over_has_a_limit_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiled.tif");
    tiles_without_overviews().write(&path);
    let limits = Limits { max_render_bytes: 4 << 20, max_walk_bytes: 8 << 20, ..Limits::default() };
    let tiff = open_within(&path, limits).expect("read");
    let refused = statistics::plan(&tiff, &ReadOptions::default()).expect_err("the whole scene has 18 MB");
    assert!(matches!(refused, RasterError::TooLarge { limit, .. } if limit == limits.max_walk_bytes), "{refused}");
    // A tile is thinned out instead.
    let (z, x, y) = WHOLE;
    assert!(render::plan(&tiff, &tile(z, x, y, 256), &ReadOptions::default()).is_ok());
}

#[test]
fn statistics_of_a_whole_scene_come_from_a_small_picture_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tiled.tif");
    tiles_without_overviews().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let plan = statistics::plan(&tiff, &ReadOptions::default()).expect("planned");
    let pixels = paint(&tiff, &plan).expect("painted");
    assert_eq!((pixels.width_px, pixels.height_px), (1024, 1024));
    let [stretch] = statistics::auto_stretch(&pixels)[..] else { panic!("one band, one range") };
    // Values are even between 100 and 1,123.
    assert!((stretch.min - 120.5).abs() < 5.0 && (stretch.max - 1102.5).abs() < 5.0, "{stretch:?}");
}

#[test]
fn a_second_render_finds_its_blocks_decoded() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let plan = render::plan(&tiff, &tile(11, 787, 1156, 256), &ReadOptions::default()).expect("the tile is inside");
    let cache = BlockCache::new(support::CACHE_BYTES);
    let first = wait(render::fetch(&tiff, &plan, &cache)).expect("fetched");
    assert_eq!(first.missing_blocks(), plan.blocks().len());
    let painted = render::paint(&tiff, &plan, first, &cache).expect("painted");
    let second = wait(render::fetch(&tiff, &plan, &cache)).expect("fetched");
    assert_eq!(second.missing_blocks(), 0);
    assert_eq!(render::paint(&tiff, &plan, second, &cache).expect("painted"), painted);
    let counts = cache.counts();
    let blocks = plan.blocks().len() as u64;
    assert_eq!((counts.hits, counts.misses, counts.blocks), (blocks, blocks, blocks));
    assert!(plan.cost_bytes() >= blocks * 256 * 256 * 2, "{} for {blocks} blocks", plan.cost_bytes());
}

/// The scene's frame is UTM's, askew on the map: its bounds have slivers at the corners that no pixel lies in.
#[test]
fn within_the_bounds_but_off_the_frame_there_is_no_data_and_beyond_them_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let [west, south, east, north] = facts::of(&tiff).bounds_wgs84.expect("bounds");
    let (minx, miny) = lon_lat_to_mercator(west, south);
    let (maxx, maxy) = lon_lat_to_mercator(east, north);
    let set = TileMatrixSet::web_mercator_quad();
    let around = Bounds::new(minx - 3000.0, miny - 3000.0, maxx + 3000.0, maxy + 3000.0);
    let bounds = Bounds::new(minx, miny, maxx, maxy);
    let (mut empty, mut beyond, mut shown) = (0, 0, 0);
    for id in set.tiles_covering(15, around) {
        let box_meets = set.tile_bounds(id).expect("a tile of the set").intersects(&bounds);
        match render::plan(&tiff, &tile(id.z, id.x, id.y, 256), &ReadOptions::default()) {
            Ok(plan) if plan.blocks().is_empty() => {
                assert!(box_meets, "{id} lies beyond the bounds");
                if empty == 0 {
                    let pixels = paint(&tiff, &plan).expect("painted");
                    assert_eq!((pixels.is_empty(), pixels.all_valid, pixels.mask.len()), (true, false, 256 * 256));
                }
                empty += 1;
            }
            Ok(_) => shown += 1,
            Err(RasterError::OutsideBounds) => {
                assert!(!box_meets, "{id} lies within the bounds");
                beyond += 1;
            }
            Err(error) => panic!("{id}: {error}"),
        }
    }
    assert!(empty > 0 && beyond > 0 && shown > 0, "{empty} empty, {beyond} beyond, {shown} shown");
    // The place of such a tile is still on no pixel.
    let degrees = Crs::from_epsg(4326).expect("known");
    let corner = render::plan_point(&tiff, &degrees, (west + 1e-4, north - 1e-4), &ReadOptions::default());
    assert!(matches!(corner, Err(RasterError::OutsideBounds)), "{corner:?}");
}

#[test]
fn a_cache_never_waits_to_let_blocks_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let key = SourceKey::of(tiff.source().as_ref());
    let block = || Block { width_px: 256, height_px: 256, rows: 0..256, samples_per_pixel: 1, samples: None };
    let cache = BlockCache::new(4 * 65_536);
    let kept: Vec<_> = (0..40)
        .map(|index| {
            let samples = Some(Samples::U8(vec![0; 60_000]));
            let id = BlockId { level: 0, plane: 0, index };
            Arc::downgrade(&cache.insert(&key, id, Block { samples, ..block() }))
        })
        .collect();
    let alive = kept.iter().filter(|block| block.strong_count() > 0).count();
    // Two more may have left the cache and wait for its readers to have gone.
    assert!(alive <= 4 + 2, "{alive} blocks are held where four fit");
}

#[test]
fn what_cannot_be_rendered_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let options = ReadOptions::default();
    let error = |view: &View, options: &ReadOptions| render::plan(&tiff, view, options).expect_err("refused");
    assert!(matches!(error(&tile(9, 0, 0, 256), &options), RasterError::OutsideBounds));
    let inside = tile(11, 787, 1156, 256);
    for bands in [vec![], vec![0], vec![2]] {
        let options = ReadOptions { bands: Some(bands), ..ReadOptions::default() };
        assert!(matches!(error(&inside, &options), RasterError::BadParameter { name: "bidx", .. }));
    }
    assert!(matches!(error(&tile(11, 787, 1156, 8192), &options), RasterError::TooLarge { limit: 4096, .. }));
    let mercator = Crs::from_epsg(3857).expect("known");
    assert!(View::of_bounds(mercator.clone(), Bounds::new(0.0, 0.0, 0.0, 1.0), 1, 1).is_err());
    assert!(View::of_bounds(mercator, Bounds::new(0.0, 0.0, f64::NAN, 1.0), 1, 1).is_err());
}

/// All overviews of such a raster are as wide, or as high, as it is.
#[test]
fn a_raster_one_pixel_wide_or_high_is_the_one_that_gdal_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("thin.tif");
    let values: Vec<u16> = (0..3000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 16) as u16).collect();
    for (sides, overviews) in [((1, 3000), true), ((3000, 1), true), ((1, 3000), false), ((3000, 1), false)] {
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
        let mut file = driver.create_with_band_type::<u16, _>(&path, sides.0, sides.1, 1).expect("created");
        let mut band = file.rasterband(1).expect("a band");
        band.write((0, 0), sides, &mut Buffer::new(sides, values.clone())).expect("written");
        if overviews {
            file.build_overviews("NEAREST", &[2, 4, 8], &[]).expect("built");
        }
        file.close().expect("written");
        let (tiff, theirs) = (open(&path).expect("read"), gdal::Dataset::open(&path).expect("read"));
        for long_px in [3000, 2400, 1500, 1024, 500, 300] {
            let size_px = if sides.0 == 1 { (1, long_px) } else { (long_px, 1) };
            let plan = render::plan_stretched(&tiff, size_px, &ReadOptions::default()).expect("planned");
            let pixels = paint(&tiff, &plan).expect("painted");
            let shape = (size_px.0 as usize, size_px.1 as usize);
            let read = theirs.rasterband(1).expect("a band").read_as::<u16>((0, 0), sides, shape, None).expect("read");
            assert_eq!(pixels.samples, Samples::U16(read.data().to_vec()), "{sides:?} in {size_px:?}, {overviews}");
        }
    }
}

/// Pixels of a raster's side, and of the square in it that is stored.
const SPARSE_SIDE_PX: usize = 60_000;
const STORED_SIDE_PX: usize = 1024;
const STORED_FROM_PX: usize = 30_720;

#[test]
fn blocks_that_are_left_out_are_looked_over_for_next_to_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sparse.tif");
    let options = ["TILED=YES", "SPARSE_OK=TRUE", "BIGTIFF=YES"].into_iter().collect::<RasterCreationOptions>();
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let created =
        driver.create_with_band_type_with_options::<u16, _>(&path, SPARSE_SIDE_PX, SPARSE_SIDE_PX, 1, &options);
    let file = created.expect("created");
    let value = |col: usize, row: usize| 1 + ((col * 7 + row * 13) % 60_000) as u16;
    let square = (0..STORED_SIDE_PX * STORED_SIDE_PX)
        .map(|index| value(STORED_FROM_PX + index % STORED_SIDE_PX, STORED_FROM_PX + index / STORED_SIDE_PX));
    let (from, shape) = ((STORED_FROM_PX as isize, STORED_FROM_PX as isize), (STORED_SIDE_PX, STORED_SIDE_PX));
    let mut band = file.rasterband(1).expect("a band");
    band.write(from, shape, &mut Buffer::new(shape, square.collect())).expect("written");
    file.close().expect("written");
    // All blocks have 7 GB, those that are stored 2 MB.
    let limits = Limits { max_render_bytes: 128 << 20, max_walk_bytes: 256 << 20, ..Limits::default() };
    let tiff = open_within(&path, limits).expect("read");
    let plan = statistics::plan(&tiff, &ReadOptions::default()).expect("planned");
    assert!(plan.cost_bytes() < 64 << 20, "{} bytes", plan.cost_bytes());
    let pixels = paint(&tiff, &plan).expect("painted");
    let (side_px, stored) = (1024, STORED_FROM_PX..STORED_FROM_PX + STORED_SIDE_PX);
    let source = |px: usize| (2 * px + 1) * SPARSE_SIDE_PX / (2 * side_px);
    let expected = (0..side_px * side_px).map(|index| (source(index % side_px), source(index / side_px)));
    let shown = |(col, row)| if stored.contains(&col) && stored.contains(&row) { value(col, row) } else { 0 };
    assert!(pixels.samples == Samples::U16(expected.map(shown).collect()), "other pixels");
}
