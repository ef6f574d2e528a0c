//! The stages of a tile, each alone: a header parsed, a block inflated and undone, pixels warped, values stretched, a
//! picture encoded. On scenes of `perf/bench.sh` (`SCENES=DIR`, one folder a kind), one after the other on one thread:
//! pin it to a core.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use aurora_raster::{
    GeoTiff, Limits,
    block::BlockId,
    cache::BlockCache,
    codec, encode,
    pixels::Pixels,
    render::{self, Plan, ReadOptions, View},
    source::FileSource,
    statistics,
    style::{self, Style},
};
use aurora_tile::{Bounds, TileId, TileMatrixSet, lon_lat_to_mercator};
use bytes::Bytes;
use criterion::{BatchSize, Criterion};
use futures_util::FutureExt;

/// That of the server.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Kinds of scenes: 16-bit deflate with predictor 2, 8-bit deflate, 8-bit ZSTD.
const KINDS: [&str; 3] = ["u16d", "u8d", "u8z"];

/// Zooms of the tiles: the whole scene on a few tiles, its own resolution, and magnified.
const ZOOMS: [u8; 3] = [9, 12, 14];

/// Room for all blocks of a tile.
const CACHE_BYTES: u64 = 256 << 20;

fn main() -> Result<()> {
    let folder = std::env::var_os("SCENES").map_or_else(|| "../../.cache/bench/scenes".into(), PathBuf::from);
    let mut criterion = Criterion::default().configure_from_args();
    for kind in KINDS {
        match scene(&folder.join(kind))? {
            Some(path) => stages(&mut criterion, kind, &path)?,
            None => println!("no scene at {}: perf/bench.sh makes them", folder.join(kind).display()),
        }
    }
    criterion.final_summary();
    Ok(())
}

/// The first scene of a folder by name.
fn scene(folder: &Path) -> Result<Option<PathBuf>> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(None) };
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    Ok(paths?.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "tif")).min())
}

fn stages(criterion: &mut Criterion, kind: &str, path: &Path) -> Result<()> {
    let tiff = open(path)?;
    let style = auto_style(&tiff)?;
    criterion.bench_function(&format!("{kind}/header"), |bench| bench.iter(|| open(path)));
    block(criterion, kind, &tiff)?;
    for z in ZOOMS {
        tile(criterion, kind, &tiff, &style, middle_tile(&tiff, z)?)?;
    }
    Ok(())
}

fn open(path: &Path) -> Result<Arc<GeoTiff>> {
    Ok(GeoTiff::open(FileSource::open(path)?, Limits::default()).now_or_never().ok_or("a local file is ready")??)
}

/// The full-resolution block in the middle: inflated by the library that we use, and by our reader, which also undoes
/// the predictor.
fn block(criterion: &mut Criterion, kind: &str, tiff: &GeoTiff) -> Result<()> {
    let id = BlockId { level: 0, plane: 0, index: tiff.header().levels[0].blocks_in_plane() as u32 / 2 };
    let stored = stored(tiff, id)?;
    let decoded = codec::decode_block(tiff.header(), id, &stored, tiff.limits())?;
    let size_bytes =
        decoded.samples.map_or(0, |samples| samples.len()) * usize::from(tiff.header().sample_type.size_bytes());
    let mut out = vec![0; size_bytes];
    let inflate = |out: &mut [u8]| match kind {
        "u8z" => zstd::bulk::decompress_to_buffer(&stored, out).is_ok(),
        _ => isal::decompress_into(&stored, out, isal::Codec::Zlib).is_ok(),
    };
    assert!(inflate(&mut out), "a block of {kind} is inflated");
    criterion.bench_function(&format!("{kind}/inflate"), |bench| bench.iter(|| inflate(&mut out)));
    criterion.bench_function(&format!("{kind}/decode"), |bench| {
        bench.iter(|| codec::decode_block(tiff.header(), id, &stored, tiff.limits()));
    });
    Ok(())
}

fn stored(tiff: &GeoTiff, id: BlockId) -> Result<Bytes> {
    let parts = tiff.block_parts(id)?;
    let read = tiff.source().read(&parts).now_or_never().ok_or("a local file is ready")??;
    read.into_iter().next().ok_or_else(|| "a sparse block".into())
}

/// A tile whose blocks are decoded already.
fn tile(criterion: &mut Criterion, kind: &str, tiff: &GeoTiff, style: &Style, tile: TileId) -> Result<()> {
    let cache = BlockCache::new(CACHE_BYTES);
    let (plan, pixels) = paint(tiff, tile, &cache)?;
    let picture = style::apply(pixels.clone(), style)?;
    let mut stage = |name: &str, run: &mut dyn FnMut(&mut criterion::Bencher<'_>)| {
        criterion.bench_function(&format!("{kind}/z{}/{name}", tile.z), run);
    };
    let view = View::tile(TileMatrixSet::web_mercator_quad(), tile, 256)?;
    stage("plan", &mut |bench| bench.iter(|| render::plan(tiff, &view, &ReadOptions::default())));
    let fetched = render::at_hand(tiff, &plan, &cache).ok_or("all blocks are decoded")?;
    stage("warp", &mut |bench| {
        bench.iter_batched(
            || fetched.clone(),
            |fetched| render::paint(tiff, &plan, fetched, &cache),
            BatchSize::SmallInput,
        );
    });
    stage("stretch", &mut |bench| {
        bench.iter_batched(|| pixels.clone(), |pixels| style::apply(pixels, style), BatchSize::SmallInput);
    });
    stage("png", &mut |bench| bench.iter(|| encode::png(&picture)));
    Ok(())
}

fn paint(tiff: &GeoTiff, tile: TileId, cache: &BlockCache) -> Result<(Plan, Pixels)> {
    let view = View::tile(TileMatrixSet::web_mercator_quad(), tile, 256)?;
    let plan = render::plan(tiff, &view, &ReadOptions::default())?;
    let fetched = render::fetch(tiff, &plan, cache).now_or_never().ok_or("a local file is ready")??;
    let pixels = render::paint(tiff, &plan, fetched, cache)?;
    Ok((plan, pixels))
}

fn auto_style(tiff: &GeoTiff) -> Result<Style> {
    let cache = BlockCache::new(0);
    let plan = statistics::plan(tiff, &ReadOptions::default())?;
    let fetched = render::fetch(tiff, &plan, &cache).now_or_never().ok_or("a local file is ready")??;
    let pixels = render::paint(tiff, &plan, fetched, &cache)?;
    Ok(Style { rescale: statistics::auto_stretch(&pixels), ..Style::default() })
}

/// The tile over the scene's middle.
fn middle_tile(tiff: &GeoTiff, z: u8) -> Result<TileId> {
    let header = tiff.header();
    let georef = header.georef.as_ref().ok_or("the scene has no georeferencing")?;
    let middle = (f64::from(header.levels[0].width_px) / 2.0, f64::from(header.levels[0].height_px) / 2.0);
    let (x, y) = georef.placement.to_crs(middle);
    let (lon, lat) = georef.crs.to_wgs84(x, y).ok_or("a pixel without a place")?;
    let (x, y) = lon_lat_to_mercator(lon, lat);
    let around = Bounds::new(x - 0.01, y - 0.01, x + 0.01, y + 0.01);
    TileMatrixSet::web_mercator_quad().tiles_covering(z, around).next().ok_or_else(|| "no tile".into())
}
