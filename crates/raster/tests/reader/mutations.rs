//! Valid headers cut short and with bytes turned: an answer or an error within bounds, never a panic.

use std::sync::Arc;

use aurora_raster::{GeoTiff, Limits, Result, facts};
use bytes::Bytes;
use futures_util::FutureExt;
use proptest::prelude::*;

use crate::{counting, little::Memory, sample};

/// Tight limits, so that a mutant that slips past one of them is seen at once.
fn limits() -> Limits {
    Limits {
        max_tag_bytes: 64 << 10,
        max_header_bytes: 1 << 20,
        max_blocks: 16 << 10,
        max_block_bytes: 1 << 20,
        max_compressed_bytes: 1 << 20,
        ..Limits::default()
    }
}

/// What a mutant may hold at once under these limits.
const BOUND_BYTES: usize = 8 << 20;

fn exercise(bytes: Bytes) -> Result<()> {
    let tiff = GeoTiff::open(Arc::new(Memory(bytes)), limits()).now_or_never().expect("ready at once")?;
    facts::of(&tiff);
    for level in 0..u16::try_from(tiff.header().levels.len()).expect("few levels") {
        for id in sample::block_ids(tiff.header(), level).take(4) {
            sample::block(&tiff, id)?;
        }
    }
    Ok(())
}

/// Small valid files of many kinds: classic and BigTIFF, both byte orders, tiles and strips, every compression.
fn seeds() -> Vec<Bytes> {
    let Some(folder) = sample::folder() else { return Vec::new() };
    let files = ["codec", "cog"].iter().flat_map(|part| std::fs::read_dir(folder.join(part)).expect("folder"));
    let mut paths: Vec<_> = files.map(|entry| entry.expect("entry").path()).collect();
    paths.sort();
    let small = paths.iter().filter(|path| std::fs::metadata(path).is_ok_and(|file| file.len() < 100_000));
    let valid = small.filter(|path| sample::open(path).is_ok());
    valid.map(|path| std::fs::read(path).expect("readable").into()).collect()
}

#[test]
fn mutants_of_valid_files_harm_nothing() {
    let seeds = seeds();
    if seeds.is_empty() {
        return;
    }
    let mutation = (
        0..seeds.len(),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..6),
        0..4u8,
        any::<prop::sample::Index>(),
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let result = runner.run(&mutation, |(seed, turned, cut, cut_at)| {
        let mut bytes = seeds[seed].to_vec();
        // Most flips go where headers usually are: the front and the end.
        let reach = bytes.len().min(1024);
        for (place, value, at_end) in turned {
            let place = place.index(reach);
            let place = if at_end { bytes.len() - 1 - place } else { place };
            bytes[place] = value;
        }
        if cut == 0 {
            bytes.truncate(cut_at.index(bytes.len()));
        }
        let bytes = Bytes::from(bytes);
        let (_, peak_bytes) = counting::peak_bytes(|| exercise(bytes));
        prop_assert!(peak_bytes < BOUND_BYTES, "{peak_bytes} bytes held");
        Ok(())
    });
    result.expect("every mutant is answered");
}
