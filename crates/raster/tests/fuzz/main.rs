//! Hostile files by the thousand: headers, compressed blocks and whole renders of mutants of valid files.
//!
//! Every case must be answered, by pixels or an error, soon and within a stated number of bytes; a panic fails the test
//! and names its case. Cases follow from a seed, so that a failure can be had again: `AURORA_FUZZ_SEED` sets another
//! one and `AURORA_FUZZ_SECONDS` goes on for so long. Needs no sample data: the seeds are written by GDAL, one for each
//! codec, and by the makers of fixtures, one for each place and type.

#[path = "../reader/counting.rs"]
mod counting;
mod renders;
#[allow(dead_code, reason = "it is the reader tests' module; a part of it is used here")]
#[path = "../reader/sample.rs"]
mod sample;
mod seeds;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_raster::{
    GeoTiff, Limits, Result, facts,
    source::{ByteSource, SourceFuture},
};
use bytes::Bytes;
use counting::{Counting, peak_bytes};
use futures_util::FutureExt;
use seeds::{header_reach, mutant};

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
/// What a header and the decoding of one block may hold: the block as stored, decoded, and two copies on the way.
/// LZMA's dictionary is memory of its own that this does not count.
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

/// Runs cases of one target; `AURORA_FUZZ_SECONDS` takes the place of their number.
fn run(cases: usize, most_bytes: usize, case: impl Fn(&[Bytes], &mut Random) -> Result<()>) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("AURORA_FUZZ_SEED").unwrap_or(1);
    let until = number("AURORA_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let seeds = seeds::seeds();
    seeds.iter().for_each(|seed| drop(open(seed).expect("a valid file")));
    let (mut done, mut answered, mut held) = (0_usize, 0, 0);
    while until.map_or(done < cases, |until| Instant::now() < until) {
        let number = first.wrapping_add(done as u64);
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
        blocks(&tiff)
    });
}

/// Decodes the first blocks of every level.
fn blocks(tiff: &GeoTiff) -> Result<()> {
    for level in 0..u16::try_from(tiff.header().levels.len()).expect("few levels") {
        for id in sample::block_ids(tiff.header(), level).take(4) {
            sample::block(tiff, id)?;
        }
    }
    Ok(())
}
