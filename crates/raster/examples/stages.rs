//! Milliseconds a tile by stage: `stages FILE.tif [TILES [SEED [CACHE_MIB]]]` renders random tiles of a local raster,
//! each once, then all again, on one thread, and prints where the time goes, and how much of it nobody can do without:
//! to inflate each touched block once by the library that we use, and to encode the picture; what libraries alone would
//! need for both, ISA-L at level 1 for a gray picture; and the same where blocks are kept as a cache of that size keeps
//! them, in memory that the system has to give first. All are measured after every few tiles, so that a processor that
//! is now slower, now faster is so for all. Pin it to a core (`taskset -c 1`) when you compare.

use std::{
    collections::{HashSet, VecDeque},
    error::Error,
    time::{Duration, Instant},
};

use aurora_raster::{
    GeoTiff, Limits, RasterError,
    block::BlockId,
    cache::{BlockCache, SourceKey},
    encode,
    header::Compression,
    render::{self, ReadOptions, View},
    source::FileSource,
    statistics,
    style::{self, Colors, Picture, Style},
};
use aurora_tile::{Bounds, TileId, TileMatrixSet, lon_lat_to_mercator};

// That of the server: others give blocks back to the system at once and have them again page by page.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Tiles between looks at what they would need at least: far more than the processor's caches hold.
const TILES_AT_ONCE: usize = 20;

/// Draws for each tile until a raster counts as having no more of them.
const DRAWS_A_TILE: usize = 20;

const STAGES: [&str; 5] = ["plan", "fetch", "decode+warp", "style", "encode"];

/// Time by stage and what else is worth a line.
#[derive(Default)]
struct Totals {
    by_stage: [Duration; STAGES.len()],
    tiles: u32,
    outside: u32,
    /// Blocks decoded by the tiles since the last look at the floor, and their pictures.
    decoded: Vec<BlockId>,
    pictures: Vec<Picture>,
    /// Blocks decoded in all.
    blocks: usize,
    png_bytes: usize,
    /// `None` for compressions that are not looked at.
    inflating: Option<Duration>,
    /// The same into memory where blocks stay.
    keeping: Option<Duration>,
    deflating: Duration,
}

/// Inflated blocks, in as many bytes as the cache may have.
struct Shelf {
    blocks: VecDeque<Vec<u8>>,
    size_bytes: usize,
    capacity_bytes: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("usage: stages FILE.tif [TILES [SEED [CACHE_MIB]]]")?;
    let number = |at: usize, default: u64| arguments.get(at).map_or(Ok(default), |text| text.parse::<u64>());
    let (tiles, mut seed, cache_mib) = (number(1, 500)?, number(2, 1)?, number(3, 128)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let tiff = GeoTiff::open(FileSource::open(path)?, Limits::default()).await?;
        let cache = BlockCache::new(cache_mib << 20);
        let style = auto_style(&tiff).await?;
        let chosen = random_tiles(&tiff, tiles as usize, &mut seed)?;
        let mut shelf = Shelf { blocks: VecDeque::new(), size_bytes: 0, capacity_bytes: (cache_mib as usize) << 20 };
        for pass in ["blocks not yet decoded", "blocks in the cache as far as they fit"] {
            let mut totals =
                Totals { inflating: Some(Duration::ZERO), keeping: Some(Duration::ZERO), ..Totals::default() };
            for some in chosen.chunks(TILES_AT_ONCE) {
                for &tile in some {
                    render_one(&tiff, tile, &cache, &style, &mut totals).await?;
                }
                totals.add_floor(&tiff, &mut shelf).await?;
            }
            println!("-- {pass}");
            totals.print();
            println!("{:?}", cache.counts());
        }
        Ok(())
    })
}

async fn auto_style(tiff: &GeoTiff) -> Result<Style, RasterError> {
    let cache = BlockCache::new(0);
    let plan = statistics::plan(tiff, &ReadOptions::default())?;
    let fetched = render::fetch(tiff, &plan, &cache).await?;
    let pixels = render::paint(tiff, &plan, fetched, &cache)?;
    Ok(Style { rescale: statistics::auto_stretch(&pixels), ..Style::default() })
}

/// So many tiles of random zooms, each once: of those zooms that have few all are taken soon.
fn random_tiles(tiff: &GeoTiff, count: usize, seed: &mut u64) -> Result<Vec<TileId>, Box<dyn Error>> {
    let (mut chosen, mut seen) = (Vec::with_capacity(count), HashSet::new());
    for _ in 0..count * DRAWS_A_TILE {
        let tile = random_tile(tiff, seed)?;
        if chosen.len() < count && seen.insert((tile.z, tile.x, tile.y)) {
            chosen.push(tile);
        }
    }
    Ok(chosen)
}

/// A tile of a random zoom at a random place of the raster.
fn random_tile(tiff: &GeoTiff, seed: &mut u64) -> Result<TileId, Box<dyn Error>> {
    let mut random = || {
        // Marsaglia's xorshift with the triple 13, 7, 17.
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    let header = tiff.header();
    let georef = header.georef.as_ref().ok_or("the raster has no georeferencing")?;
    let (col, row) =
        (random() * f64::from(header.levels[0].width_px), random() * f64::from(header.levels[0].height_px));
    let (x, y) = georef.placement.to_crs((col, row));
    let place = georef.crs.to_wgs84(x, y);
    let (lon, lat) = place.ok_or("a pixel without a place")?;
    let set = TileMatrixSet::web_mercator_quad();
    let zooms = render::zooms(tiff, set)?;
    let (x, y) = lon_lat_to_mercator(lon, lat);
    let (first, last) = (*zooms.start(), *zooms.end() + 1);
    let z = first + (random() * f64::from(last - first + 1)) as u8;
    set.tiles_covering(z, Bounds::new(x - 0.01, y - 0.01, x + 0.01, y + 0.01)).next().ok_or_else(|| "no tile".into())
}

async fn render_one(
    tiff: &GeoTiff,
    tile: TileId,
    cache: &BlockCache,
    style: &Style,
    totals: &mut Totals,
) -> Result<(), RasterError> {
    let start = Instant::now();
    let view = View::tile(TileMatrixSet::web_mercator_quad(), tile, 256)?;
    let plan = match render::plan(tiff, &view, &ReadOptions::default()) {
        Err(RasterError::OutsideBounds) => {
            totals.outside += 1;
            return Ok(());
        }
        other => other?,
    };
    let planned = Instant::now();
    let key = SourceKey::of(tiff.source().as_ref());
    totals
        .decoded
        .extend(plan.blocks().iter().filter(|id| !cache.holds(&key, **id, &plan.rows_needed(tiff.header(), **id))));
    let looked = Instant::now();
    let fetched = render::fetch(tiff, &plan, cache).await?;
    let fetch_end = Instant::now();
    let pixels = render::paint(tiff, &plan, fetched, cache)?;
    let painted = Instant::now();
    let picture = style::apply(pixels, style)?;
    let styled = Instant::now();
    let png = encode::png(&picture)?;
    let start = start + (looked - planned);
    let planned = looked;
    let ends = [start, planned, fetch_end, painted, styled, Instant::now()];
    totals.by_stage.iter_mut().zip(ends.windows(2)).for_each(|(total, pair)| *total += pair[1] - pair[0]);
    totals.tiles += 1;
    totals.png_bytes += png.len();
    totals.pictures.push(picture);
    Ok(())
}

/// Time that ISA-L takes for the lines of a gray picture; none for others.
fn deflating(picture: &Picture) -> Duration {
    let (Colors::Gray8(bytes) | Colors::GrayKeyed8 { gray: bytes, .. } | Colors::GrayAlpha8(bytes)) = &picture.colors
    else {
        return Duration::ZERO;
    };
    let line_bytes = bytes.len() / picture.height_px as usize;
    let lines: Vec<u8> = bytes.chunks(line_bytes).flat_map(|line| [&[0], line].concat()).collect();
    let mut out = vec![0; 2 * lines.len()];
    let begun = Instant::now();
    let written = isal::compress_into(&lines, &mut out, isal::CompressionLevel::One, isal::Codec::Zlib);
    let took = begun.elapsed();
    assert!(written.is_ok(), "there is room for any stream");
    took
}

/// Time to inflate blocks, and nothing else, each as often as it is named, into one buffer, or where it stays; `None`
/// for other compressions than the usual.
async fn inflating(
    tiff: &GeoTiff,
    blocks: &[BlockId],
    mut shelf: Option<&mut Shelf>,
) -> Result<Option<Duration>, Box<dyn Error>> {
    let (mut sum, mut out) = (Duration::ZERO, Vec::new());
    // Made anew for each block it would take a sixth of the time again.
    let mut zstd = zstd::bulk::Decompressor::new()?;
    for &id in blocks {
        let level = &tiff.header().levels[usize::from(id.level)];
        let Some(part) = tiff.block_parts(id)?.pop() else { continue };
        let stored = tiff.source().read(std::slice::from_ref(&part)).await?.concat();
        let pixels = level.block_width_px as usize * level.block_height_px as usize * usize::from(tiff.header().bands);
        let bytes = pixels * usize::from(tiff.header().sample_type.size_bytes());
        if let Some(shelf) = &mut shelf {
            let room = shelf.room(bytes);
            shelf.put(std::mem::replace(&mut out, room));
        }
        out.resize(bytes, 0);
        let begun = Instant::now();
        let is_done = match level.compression {
            Compression::Deflate => isal::decompress_into(&stored, &mut out, isal::Codec::Zlib).is_ok(),
            Compression::Zstd => zstd.decompress_to_buffer(&stored, &mut out).is_ok(),
            _ => return Ok(None),
        };
        sum += begun.elapsed();
        assert!(is_done, "a block that was painted inflates");
    }
    Ok(Some(sum))
}

impl Shelf {
    /// A buffer of the oldest block, where the shelf is full, else a new one, of zeros that the system gives.
    fn room(&mut self, bytes: usize) -> Vec<u8> {
        let oldest = (self.size_bytes + bytes > self.capacity_bytes).then(|| self.blocks.pop_front()).flatten();
        self.size_bytes -= oldest.as_ref().map_or(0, Vec::len);
        oldest.filter(|oldest| oldest.len() == bytes).unwrap_or_else(|| vec![0; bytes])
    }

    fn put(&mut self, block: Vec<u8>) {
        self.size_bytes += block.len();
        self.blocks.push_back(block);
    }
}

impl Totals {
    /// What the tiles since the last look would need at least.
    async fn add_floor(&mut self, tiff: &GeoTiff, shelf: &mut Shelf) -> Result<(), Box<dyn Error>> {
        self.blocks += self.decoded.len();
        let decoded = std::mem::take(&mut self.decoded);
        let added = |sum: Option<Duration>, more| sum.zip(more).map(|(sum, more)| sum + more);
        self.inflating = added(self.inflating, inflating(tiff, &decoded, None).await?);
        self.keeping = added(self.keeping, inflating(tiff, &decoded, Some(shelf)).await?);
        self.deflating += std::mem::take(&mut self.pictures).iter().map(deflating).sum::<Duration>();
        Ok(())
    }

    fn print(&self) {
        let each = |total: Duration| total.as_secs_f64() * 1000.0 / f64::from(self.tiles.max(1));
        let sum: Duration = self.by_stage.iter().sum();
        for (name, total) in STAGES.iter().zip(self.by_stage) {
            println!("{name:12} {:8.4} ms a tile", each(total));
        }
        println!("{:12} {:8.4} ms a tile, {:.0} tiles/s", "all", each(sum), f64::from(self.tiles) / sum.as_secs_f64());
        let mean_bytes = self.png_bytes / self.tiles.max(1) as usize;
        println!(
            "{} tiles ({} outside), {} blocks decoded, {mean_bytes} bytes a PNG",
            self.tiles, self.outside, self.blocks
        );
        if let (Some(inflating), Some(keeping), Some(encoding)) = (self.inflating, self.keeping, self.by_stage.last()) {
            let floors = [
                ("floor", inflating, *encoding),
                ("by libraries", inflating, self.deflating),
                ("and kept", keeping, self.deflating),
            ];
            for (name, inflating, encoding) in floors {
                let floor = inflating + encoding;
                let times = sum.as_secs_f64() / floor.as_secs_f64();
                println!(
                    "{name:12} {:8.4} ms a tile to inflate, {:.4} in all; the whole is {times:.2} times that",
                    each(inflating),
                    each(floor)
                );
            }
        }
    }
}
