//! Hostile files by the thousand: headers, compressed blocks and whole renders of mutants of valid files.
//!
//! Every case must be answered, by pixels or an error, soon and within a stated number of bytes; a panic fails the test and
//! names its case. Cases follow from a seed, so that a failure can be had again: `AURORA_FUZZ_SEED` sets another one and
//! `AURORA_FUZZ_SECONDS` goes on for so long. Needs no sample data: the seeds are written by GDAL, one for each codec.

#[path = "reader/counting.rs"]
mod counting;
#[allow(dead_code, reason = "it is the reader tests' module; a part of it is used here")]
#[path = "reader/sample.rs"]
mod sample;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_raster::{
    GeoTiff, Limits, RasterError, Result,
    cache::BlockCache,
    crs::{self, Crs},
    encode::{self, Format, Payload, Quality},
    facts,
    pixels::Pixels,
    render::{self, Plan, ReadOptions, Resampling, View},
    source::{ByteSource, SourceFuture},
    statistics,
    style::{self, Style},
};
use aurora_tile::{Bounds, lon_lat_to_mercator};
use bytes::Bytes;
use counting::{Counting, peak_bytes};
use futures_util::FutureExt;
use gdal::{
    DriverManager,
    raster::{Buffer, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A generous bound on the time of one case, there to catch what never ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tight limits, so that a mutant that slips past one of them is seen at once.
fn limits() -> Limits {
    Limits {
        max_tag_bytes: 64 << 10,
        max_header_bytes: 1 << 20,
        max_blocks: 16 << 10,
        max_block_bytes: 1 << 20,
        max_compressed_bytes: 1 << 20,
        max_render_bytes: 8 << 20,
        ..Limits::default()
    }
}

/// What a header may hold at once under these limits: what was read of it, and tables of its blocks.
const HEADER_BYTES: usize = 4 << 20;
/// What a header and the decoding of one block may hold: the block as stored, decoded, and two copies on the way. LZMA's
/// dictionary is memory of its own that this does not count.
const BLOCK_BYTES: usize = HEADER_BYTES + (8 << 20);
/// What a header and a render may hold: what its plan may cost and a small view.
const RENDER_BYTES: usize = HEADER_BYTES + (8 << 20) + (4 << 20);

/// Marsaglia's xorshift with the triple 13, 7, 17.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end.max(1)
    }
}

/// A file in memory.
struct Memory(Bytes);

impl ByteSource for Memory {
    fn name(&self) -> &str {
        "mutant"
    }

    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn version(&self) -> &str {
        "1"
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        // A copy each, as other sources make them, so that it counts.
        let part = |range: &Range<u64>| Bytes::copy_from_slice(&self.0[range.start as usize..range.end as usize]);
        Box::pin(async move { Ok(ranges.iter().map(part).collect()) })
    }
}

fn open(bytes: &Bytes) -> Result<Arc<GeoTiff>> {
    GeoTiff::open(Arc::new(Memory(bytes.clone())), limits()).now_or_never().expect("ready at once")
}

/// Writes a small scene with GDAL.
fn written<T: GdalType + Copy>(
    options: &[&str],
    bands: usize,
    value: impl Fn(usize) -> T,
    overviews: &[i32],
) -> Option<Bytes> {
    const SIDE_PX: usize = 96;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seed.tif");
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let creation: RasterCreationOptions = options.iter().copied().collect();
    // A GDAL that was built without a codec writes nothing.
    let mut file = driver.create_with_band_type_with_options::<T, _>(&path, SIDE_PX, SIDE_PX, bands, &creation).ok()?;
    file.set_spatial_ref(&SpatialRef::from_epsg(32_632).expect("a UTM zone")).expect("written");
    file.set_geo_transform(&[500_000.0, 30.0, 0.0, 5_000_000.0, 0.0, -30.0]).expect("written");
    for band in 1..=bands {
        let values = (0..SIDE_PX * SIDE_PX).map(|index| value(index * band)).collect();
        let mut band = file.rasterband(band).expect("a band");
        band.write((0, 0), (SIDE_PX, SIDE_PX), &mut Buffer::new((SIDE_PX, SIDE_PX), values)).expect("written");
    }
    if !overviews.is_empty() {
        file.build_overviews("NEAREST", overviews, &[]).expect("built");
    }
    file.close().expect("written");
    Some(std::fs::read(&path).expect("written").into())
}

/// Valid files of every codec and layout.
fn seeds() -> Vec<Bytes> {
    let byte = |index: usize| ((index.wrapping_mul(2_654_435_761) >> 27) as u8).wrapping_add((index / 300) as u8);
    let bit = |index: usize| u8::from(index % 7 < 3);
    let word = |index: usize| (index as u16).wrapping_mul(40_503) >> 4;
    let real = |index: usize| (index as f32).sin();
    let tiled = ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32"];
    let with = |more: &[&'static str]| -> Vec<&'static str> { tiled.iter().chain(more).copied().collect() };
    let seeds = [
        written(&[], 1, word, &[]),
        written(&["BLOCKYSIZE=1"], 1, byte, &[]),
        written(&["ENDIANNESS=BIG", "INTERLEAVE=BAND"], 3, word, &[]),
        written(&["BIGTIFF=YES", "COMPRESS=LZW"], 1, word, &[]),
        written(&["NBITS=12", "COMPRESS=DEFLATE"], 1, word, &[]),
        written(&["NBITS=1", "COMPRESS=CCITTFAX4"], 1, bit, &[]),
        written(&["NBITS=1", "COMPRESS=CCITTFAX3"], 1, bit, &[]),
        written(&["COMPRESS=PACKBITS"], 1, byte, &[]),
        written(&with(&["COMPRESS=DEFLATE", "PREDICTOR=2"]), 1, word, &[2, 4]),
        written(&with(&["COMPRESS=DEFLATE", "PREDICTOR=3"]), 2, real, &[]),
        written(&with(&["COMPRESS=ZSTD"]), 4, byte, &[2]),
        written(&with(&["COMPRESS=LZMA"]), 1, word, &[]),
        written(&with(&["COMPRESS=JPEG"]), 1, byte, &[]),
        written(&with(&["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR"]), 3, byte, &[2]),
        written(&with(&["COMPRESS=WEBP"]), 3, byte, &[]),
        written(&with(&["COMPRESS=LERC"]), 1, real, &[]),
        written(&with(&["COMPRESS=LERC_ZSTD"]), 1, word, &[]),
        written(&with(&["COMPRESS=LERC_DEFLATE", "MAX_Z_ERROR=0.1"]), 1, real, &[]),
    ];
    let seeds: Vec<Bytes> = seeds.into_iter().flatten().collect();
    assert!(seeds.len() >= 14, "GDAL wrote only {} of the seeds", seeds.len());
    seeds.iter().for_each(|seed| drop(open(seed).expect("a valid file")));
    seeds
}

/// Numbers that counts, sizes and offsets are tried with.
const ODD_NUMBERS: [u32; 12] =
    [0, 1, 2, 7, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

/// A mutant of a file in `reach`, and sometimes cut short.
fn mutant(seed: &Bytes, reach: &Range<usize>, random: &mut Random) -> Bytes {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(5) {
        let at = reach.start + random.below(reach.len());
        match random.below(3) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            _ => {
                let number = ODD_NUMBERS[random.below(ODD_NUMBERS.len())].to_le_bytes();
                let at = at & !1;
                let length = number.len().min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&number[..length]);
            }
        }
    }
    if random.below(16) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    bytes.into()
}

/// Where the directories of a file lie: behind its signature, and at its end.
fn header_reach(seed: &Bytes, random: &mut Random) -> Range<usize> {
    const USUAL_BYTES: usize = 600;
    if random.below(3) == 0 {
        seed.len() - USUAL_BYTES.min(seed.len())..seed.len()
    } else {
        0..USUAL_BYTES.min(seed.len())
    }
}

/// Cases that once went wrong, and are tried first each time: a WebP whose partitions claim 16 MiB each, and a raster of which a
/// view pixel spans more pixels than numbers reach.
const FOUND: [u64; 2] = [1_037_893, 151_006_272];

/// Runs cases of one target; `AURORA_FUZZ_SECONDS` takes the place of their number.
fn run(cases: usize, most_bytes: usize, case: impl Fn(&[Bytes], &mut Random) -> Result<()>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("AURORA_FUZZ_SEED").unwrap_or(1);
    let until = number("AURORA_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seeds = seeds();
    let (mut done, mut answered, mut held) = (0_usize, 0, 0);
    while until.map_or(done < cases, |until| Instant::now() < until) {
        let number = FOUND.get(done).copied().unwrap_or_else(|| first.wrapping_add((done - FOUND.len()) as u64));
        // Neighbouring seeds of a xorshift are alike at first.
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| _ = random.next());
        let start = Instant::now();
        let (result, bytes) = peak_bytes(|| catch_unwind(AssertUnwindSafe(|| case(&seeds, &mut random))));
        assert!(start.elapsed() < PATIENCE, "case {number} takes {:?}", start.elapsed());
        assert!(bytes <= most_bytes, "case {number} holds {bytes} bytes, more than {most_bytes}");
        let result = result.unwrap_or_else(|_| panic!("case {number} panics"));
        (done, answered, held) = (done + 1, answered + usize::from(result.is_ok()), bytes.max(held));
    }
    println!("{done} cases, {answered} of them read, at most {held} bytes held");
    assert!(answered * 50 > done && answered < done, "{answered} of {done} were read: the mutants are no test");
}

#[test]
fn mutants_of_headers_are_answered() {
    run(10_000, HEADER_BYTES, |seeds, random| {
        let seed = &seeds[random.below(seeds.len())];
        let reach = header_reach(seed, random);
        let tiff = open(&mutant(seed, &reach, random))?;
        let facts = facts::of(&tiff);
        assert!(!facts.footprint_wgs84.iter().flatten().any(|degrees| degrees.is_nan()));
        Ok(())
    });
}

#[test]
fn mutants_of_blocks_are_answered() {
    run(4_000, BLOCK_BYTES, |seeds, random| {
        let seed = &seeds[random.below(seeds.len())];
        let reach = match random.below(4) {
            0 => header_reach(seed, random),
            _ => 300.min(seed.len() - 1)..seed.len(),
        };
        let tiff = open(&mutant(seed, &reach, random))?;
        for level in 0..u16::try_from(tiff.header().levels.len()).expect("few levels") {
            for id in sample::block_ids(tiff.header(), level).take(4) {
                sample::block(&tiff, id)?;
            }
        }
        Ok(())
    });
}

fn paint(tiff: &GeoTiff, plan: &Plan) -> Result<Pixels> {
    let cache = BlockCache::new(0);
    let mut painted = None;
    for index in 0..plan.part_count() {
        let part = plan.part(tiff, index);
        let fetched = render::fetch(tiff, &part, &cache).now_or_never().expect("ready at once")?;
        painted = Some(render::paint_onto(tiff, &part, fetched, &cache, painted)?);
    }
    let pixels = painted.expect("a part");
    assert_eq!(pixels.mask.len(), pixels.pixels_per_band());
    Ok(pixels)
}

/// A file of them, with the stretch that their values call for.
fn encoded(pixels: Pixels, format: Format) -> Result<()> {
    let file = match format.payload() {
        Payload::Values => encode::values(&pixels, format, None, true)?,
        Payload::Picture => {
            let style = Style { rescale: statistics::auto_stretch(&pixels), ..Style::default() };
            encode::picture(&style::apply(pixels, &style)?, format, Quality::Usual)?
        }
    };
    assert!(!file.is_empty());
    Ok(())
}

/// The raster's bounds on the web map.
fn view(tiff: &GeoTiff, side_px: u32) -> Option<View> {
    let [west, south, east, north] = facts::of(tiff).bounds_wgs84?;
    let ((minx, miny), (maxx, maxy)) = (lon_lat_to_mercator(west, south), lon_lat_to_mercator(east, north));
    let mercator = Crs::from_epsg(crs::WEB_MERCATOR).expect("known");
    View::of_bounds(mercator, Bounds::new(minx, miny, maxx, maxy), side_px, side_px).ok()
}

#[test]
fn mutants_are_rendered_or_refused() {
    let kernels: Vec<&str> = Resampling::names().collect();
    let formats: Vec<&str> = Format::extensions().collect();
    run(2_500, RENDER_BYTES, |seeds, random| {
        let seed = &seeds[random.below(seeds.len())];
        let reach = match random.below(2) {
            0 => header_reach(seed, random),
            _ => 0..seed.len(),
        };
        let tiff = open(&mutant(seed, &reach, random))?;
        let usual = ["nearest", "bilinear"][random.below(2)];
        let name = if random.below(2) == 0 { usual } else { kernels[random.below(kernels.len())] };
        let resampling = Resampling::named(name).expect("a listed name");
        let options = ReadOptions { resampling, ..ReadOptions::default() };
        let format = Format::from_extension(formats[random.below(formats.len())]).expect("its own name");
        encoded(paint(&tiff, &render::plan_whole(&tiff, 48, &options)?)?, format)?;
        if let Some(view) = view(&tiff, 64) {
            match render::plan(&tiff, &view, &options) {
                Err(RasterError::OutsideBounds) => {}
                plan => encoded(paint(&tiff, &plan?)?, format)?,
            }
        }
        Ok(())
    });
}
