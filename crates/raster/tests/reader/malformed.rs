//! Broken and hostile files: an answer or an error, soon, and within bounds.

use std::{
    fs,
    time::{Duration, Instant},
};

use aurora_raster::{Limits, RasterError};

use crate::{counting, sample};

/// A generous bound on the time of one file, there to catch what never ends.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes that reading one file may hold at once: a header, a block before and after decompression, and the
/// picture that the test puts together.
fn bound_bytes() -> usize {
    let limits = Limits::default();
    let header = limits.max_header_bytes + (limits.max_blocks * size_of::<(u64, u64)>()) as u64;
    usize::try_from(header + limits.max_compressed_bytes + 2 * limits.max_block_bytes).expect("fits")
}

/// Opens a file and decodes up to so many blocks of each level and mask.
fn exercise(path: &std::path::Path) -> Result<(), RasterError> {
    const BLOCKS_A_LEVEL: usize = 64;
    let tiff = sample::open(path)?;
    let facts = aurora_raster::facts::of(&tiff);
    assert!(!facts.footprint_wgs84.iter().flatten().any(|degrees| degrees.is_nan()));
    for level in 0..u16::try_from(tiff.header().levels.len()).expect("few levels") {
        for id in sample::block_ids(tiff.header(), level).take(BLOCKS_A_LEVEL) {
            sample::block(&tiff, id)?;
        }
        let Some(mask) = tiff.header().mask(level) else { continue };
        for index in (0..mask.blocks_in_plane()).take(BLOCKS_A_LEVEL) {
            sample::mask_block(&tiff, level, u32::try_from(index).expect("limited"))?;
        }
    }
    Ok(())
}

#[test]
fn no_malformed_file_panics_hangs_or_takes_more_than_its_bound() {
    let Some(folder) = sample::folder() else { return };
    let (mut read, mut refused, mut most_bytes) = (0, 0, 0);
    for entry in fs::read_dir(folder.join("malformed")).expect("folder") {
        let path = entry.expect("entry").path();
        let start = Instant::now();
        let (result, peak_bytes) = counting::peak_bytes(|| exercise(&path));
        assert!(start.elapsed() < PATIENCE, "{} takes too long", path.display());
        assert!(peak_bytes <= bound_bytes(), "{} takes {peak_bytes} bytes", path.display());
        most_bytes = most_bytes.max(peak_bytes);
        if result.is_ok() { read += 1 } else { refused += 1 }
    }
    println!("{read} read, {refused} refused, at most {most_bytes} bytes held");
    assert!(read + refused > 200, "the sample data has hundreds of malformed files");
}
