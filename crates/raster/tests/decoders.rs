//! What decoders written in C hold while they decode a block, which the counting allocator does not see.
//!
//! The kernel's peak of this process is taken before and after; what Rust's allocator held meanwhile is taken off.
//! Linux only, and one test alone in this program, since the peak is that of all threads. glibc only.

#[path = "reader/counting.rs"]
mod counting;
#[allow(dead_code, reason = "it is the reader tests' module; a part of it is used here")]
#[path = "reader/little.rs"]
mod little;
#[path = "support/lossless.rs"]
mod lossless;
#[allow(dead_code, reason = "it is the reader tests' module; a part of it is used here")]
#[path = "reader/sample.rs"]
mod sample;

use std::{path::Path, sync::Arc};

use aurora_raster::GeoTiff;
use counting::{Counting, peak_bytes};
use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Side of the block: large enough that what a page more or less makes out does not count.
const SIDE_PX: usize = 1024;

/// What an allocator may round up to or keep at hand, and the tables of a decoder.
const SLACK_BYTES: usize = 2 << 20;

/// Writes one block of bytes; `false` where the GDAL at hand was built without the codec.
fn write(path: &Path, compression: &[&str], bands: usize) -> bool {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let block = ["TILED=YES", "BLOCKXSIZE=1024", "BLOCKYSIZE=1024", "INTERLEAVE=PIXEL"];
    let options: RasterCreationOptions = block.iter().chain(compression).copied().collect();
    let created = driver.create_with_band_type_with_options::<u8, _>(path, SIDE_PX, SIDE_PX, bands, &options);
    let Ok(file) = created else { return false };
    for band in 1..=bands {
        // A slope with noise, of which no codec makes little.
        let value =
            |index: usize| (index % SIDE_PX / 8 + ((index * band).wrapping_mul(2_654_435_761) >> 28) % 16) as u8;
        let values = (0..SIDE_PX * SIDE_PX).map(value).collect();
        let mut band = file.rasterband(band).expect("a band");
        band.write((0, 0), (SIDE_PX, SIDE_PX), &mut Buffer::new((SIDE_PX, SIDE_PX), values)).expect("written");
    }
    file.close().is_ok()
}

/// A line of `/proc/self/status` in bytes.
fn status_bytes(key: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("a line of that name");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// Lets the C library take all but small pieces of memory from the kernel one by one, so that each is seen to come and
/// go.
#[allow(unsafe_code)]
fn map_each_piece() {
    const M_MMAP_THRESHOLD: i32 = -3;
    const LEAST_BYTES: i32 = 16 << 10;
    unsafe extern "C" {
        fn mallopt(parameter: i32, value: i32) -> i32;
    }
    // SAFETY: glibc's function, called before other threads allocate anything large; it changes a threshold.
    unsafe { mallopt(M_MMAP_THRESHOLD, LEAST_BYTES) };
}

/// Bytes that decoding a file's block took beside what Rust's allocator counted.
fn unseen_bytes(tiff: &GeoTiff) -> usize {
    let id = sample::block_ids(tiff.header(), 0).next().expect("a block");
    // Tables that a thread keeps are there from the second block on.
    sample::block(tiff, id).expect("decodes");
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak starts anew");
    let before = status_bytes("VmRSS:");
    let (_, counted) = peak_bytes(|| sample::block(tiff, id).expect("decodes"));
    (status_bytes("VmHWM:") - before).saturating_sub(counted)
}

/// In blocks: what a render asks room for beside the block itself, as `render::cost` reckons it.
#[test]
fn decoders_in_c_hold_what_a_render_asks_room_for() {
    if std::fs::write("/proc/self/clear_refs", "5").is_err() {
        return aurora_fixtures::at_hand::skipped("the kernel does not start a peak anew");
    }
    map_each_piece();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("block.tif");
    let mut measured = 0;
    for (compression, bands, most_blocks) in [
        (&["COMPRESS=DEFLATE"][..], 3, 0),
        (&["COMPRESS=ZSTD"], 3, 0),
        (&["COMPRESS=LZMA"], 3, 1),
        (&["COMPRESS=WEBP", "WEBP_LOSSLESS=YES"], 3, 4),
        (&["COMPRESS=WEBP", "WEBP_LOSSLESS=YES"], 4, 4),
        (&["COMPRESS=WEBP", "WEBP_LEVEL=75"], 3, 4),
        (&["COMPRESS=WEBP", "WEBP_LEVEL=75"], 4, 4),
        (&["COMPRESS=JPEG"], 3, 4),
        (&["COMPRESS=LERC_ZSTD"], 3, 4),
    ] {
        if !write(&path, compression, bands) {
            println!("{compression:?} was not written");
            continue;
        }
        let (unseen, block) = (unseen_bytes(&sample::open(&path).expect("opens")), SIDE_PX * SIDE_PX * bands);
        println!("{compression:?} × {bands}: {unseen} bytes, {:.2} blocks", unseen as f64 / block as f64);
        assert!(unseen <= most_blocks * block + SLACK_BYTES, "{compression:?} × {bands}: {unseen} bytes");
        measured += 1;
    }
    assert!(measured >= 4, "only {measured} codecs were measured");
    code_tables_are_bounded();
}

/// A raster whose only block is a lossless WebP with so many groups of codes.
fn webp_of_groups(groups: u32) -> (Vec<u8>, Arc<GeoTiff>) {
    use little::{Longs, Shorts};
    let file = lossless::of_groups(SIDE_PX as u32, groups);
    let mut tags = little::image(SIDE_PX as u16, SIDE_PX as u16);
    tags.retain(|(tag, _)| !matches!(tag, 258 | 262 | 279));
    tags.extend([
        (258, Shorts(vec![8; 3])),
        (259, Shorts(vec![50001])),
        (262, Shorts(vec![2])),
        (277, Shorts(vec![3])),
        (279, Longs(vec![file.len() as u32])),
    ]);
    let tiff = little::open(little::tiff(&tags, &file, little::end)).expect("opens");
    (file, tiff)
}

/// A lossless WebP may have as many code tables as fit into two blocks and 2 MiB, and no more.
fn code_tables_are_bounded() {
    const BLOCK_BYTES: usize = SIDE_PX * SIDE_PX * 3;
    const GROUP_BYTES: usize = 12_392;
    let most_groups = ((2 * BLOCK_BYTES + (2 << 20)) / GROUP_BYTES) as u32;
    let (_, tiff) = webp_of_groups(most_groups);
    let unseen = unseen_bytes(&tiff);
    println!("WebP of {most_groups} groups of codes: {unseen} bytes, {:.2} blocks", unseen as f64 / BLOCK_BYTES as f64);
    assert!(unseen <= 4 * BLOCK_BYTES + (2 << 20) + SLACK_BYTES, "{unseen} bytes");
    for groups in [most_groups + 1, 8192, 65_536] {
        let (file, tiff) = webp_of_groups(groups);
        if groups < 10_000 {
            assert!(webp::Decoder::new(&file).decode().is_some(), "libwebp would decode it");
        }
        let id = sample::block_ids(tiff.header(), 0).next().expect("a block");
        let before = status_bytes("VmRSS:");
        std::fs::write("/proc/self/clear_refs", "5").expect("the peak starts anew");
        let refused = sample::block(&tiff, id).expect_err("too many");
        assert!(refused.to_string().contains("code tables"), "{refused}");
        let held = status_bytes("VmHWM:").saturating_sub(before);
        assert!(held <= SLACK_BYTES + BLOCK_BYTES, "{held} bytes for {groups} groups");
    }
}
