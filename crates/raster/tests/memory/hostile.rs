//! Blocks made to harm: sizes, samplings, codes and lengths that a decoder would make room for. Whatever they claim, a
//! render holds no more than its plan says. What decoders in C hold, `decoders.rs` measures.

use std::{io::Write, sync::Arc};

use aurora_raster::{
    GeoTiff,
    cache::BlockCache,
    render::{self, ReadOptions},
};
use jpeg_encoder::{ColorType, Encoder};

use super::{ROOM_BYTES, counting::peak_bytes, little, wait};
use little::{Longs, Shorts, Values};

/// Side of the only block in pixels.
const SIDE_PX: u16 = 256;
const PIXELS: usize = SIDE_PX as usize * SIDE_PX as usize;

/// A kind of blocks: the code of its compression, bands, bits of each, and more tags.
struct Kind {
    name: &'static str,
    compression: u16,
    bands: u16,
    bits: u16,
    more: Vec<(u16, Values)>,
}

impl Kind {
    fn of(name: &'static str, compression: u16, bands: u16, bits: u16) -> Self {
        Self { name, compression, bands, bits, more: Vec::new() }
    }

    fn raster(&self, stored: &[u8]) -> Arc<GeoTiff> {
        let mut tags = little::image(SIDE_PX, SIDE_PX);
        tags.retain(|(tag, _)| !matches!(tag, 258 | 262 | 279));
        tags.extend([
            (258, Shorts(vec![self.bits; self.bands.into()])),
            (259, Shorts(vec![self.compression])),
            (262, Shorts(vec![if self.bands == 3 { 2 } else { 1 }])),
            (277, Shorts(vec![self.bands])),
            (279, Longs(vec![stored.len() as u32])),
        ]);
        tags.extend(self.more.iter().map(|(tag, values)| match values {
            Shorts(numbers) => (*tag, Shorts(numbers.clone())),
            Longs(numbers) => (*tag, Longs(numbers.clone())),
            Values::Doubles(numbers) => (*tag, Values::Doubles(numbers.clone())),
        }));
        tags.sort_by_key(|(tag, _)| *tag);
        little::open(little::tiff(&tags, stored, little::end)).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Renders all of it, within what the plan says; whether it was painted.
    fn render(&self, stored: &[u8], what: &str) -> bool {
        let tiff = self.raster(stored);
        let plan = render::plan_whole(&tiff, SIDE_PX.into(), &ReadOptions::default()).expect("planned");
        let cache = BlockCache::new(0);
        let (painted, peak) = peak_bytes(|| {
            let fetched = wait(render::fetch(&tiff, &plan, &cache)).expect("fetched");
            render::paint_onto(&tiff, &plan, fetched, &cache, None).is_ok()
        });
        let cost = plan.cost_bytes() as usize;
        assert!(peak <= cost + ROOM_BYTES, "{}, {what}: {peak} bytes held, {cost} planned", self.name);
        painted
    }
}

fn speckle(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at.wrapping_mul(2_654_435_761) >> 27) as u8).collect()
}

fn jpeg(bands: u16, is_progressive: bool) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 80);
    encoder.set_progressive(is_progressive);
    let color = if bands == 3 { ColorType::Rgb } else { ColorType::Luma };
    encoder.encode(&speckle(PIXELS * usize::from(bands)), SIDE_PX, SIDE_PX, color).expect("encoded");
    file
}

/// Where the frame header of a JPEG stands.
fn frame_at(file: &[u8]) -> usize {
    file.windows(2).position(|pair| matches!(pair, [0xff, 0xc0..=0xc2])).expect("a frame")
}

#[test]
fn frames_of_jpegs_take_no_more_than_their_block() {
    for (bands, is_progressive) in [(1, false), (3, false), (1, true), (3, true)] {
        let kind = Kind::of(if is_progressive { "progressive JPEG" } else { "JPEG" }, 7, bands, 8);
        let honest = jpeg(bands, is_progressive);
        assert!(kind.render(&honest, "as encoded"));
        let frame = frame_at(&honest);
        let patched = |at: usize, bytes: &[u8], what: &str| {
            let mut file = honest.clone();
            file[frame + at..frame + at + bytes.len()].copy_from_slice(bytes);
            kind.render(&file, what)
        };
        for (height, width) in [(65_535, 65_535), (65_535, 1), (1, 65_535), (65_535, 256), (256, 65_535), (257, 256)] {
            let size = [u16::to_be_bytes(height), u16::to_be_bytes(width)].concat();
            assert!(!patched(5, &size, &format!("{width} × {height} pixels")));
        }
        for factors in [0x44, 0x41, 0x14, 0x22, 0xff, 0x00] {
            patched(11, &[factors], &format!("sampling {factors:x}"));
        }
        // Of more components than the block has bands, each with the largest sampling.
        let other = jpeg(if bands == 1 { 3 } else { 1 }, is_progressive);
        assert!(!kind.render(&other, "other components"));
    }
}

/// Each scan of a progressive picture goes over all of it.
#[test]
fn a_jpeg_of_a_thousand_scans_is_broken() {
    let honest = jpeg(1, true);
    let last = honest.windows(2).rposition(|pair| pair == [0xff, 0xda]).expect("a scan");
    let (before, scan) = honest[..honest.len() - 2].split_at(last);
    let many = [before, &scan.repeat(1000), b"\xff\xd9"].concat();
    assert!(!Kind::of("progressive JPEG", 7, 1, 8).render(&many, "1,000 scans"));
}

/// The blob's own checksum (Esri's LERC, `Lerc2::ComputeChecksumFletcher32`), of what lies behind it.
fn with_checksum(mut blob: Vec<u8>) -> Vec<u8> {
    const CHECKSUM_AT: usize = 10;
    let (mut first, mut second) = (0xffff_u64, 0xffff_u64);
    for pair in blob[CHECKSUM_AT + 4..].chunks(2) {
        first += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        second += first;
        (first, second) = (first % 0xffff, second % 0xffff);
    }
    let folded = |sum: u64| if sum == 0 { 0xffff } else { sum as u32 };
    blob[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&(folded(second) << 16 | folded(first)).to_le_bytes());
    blob
}

/// Kinds of LERC, each with an honest blob: by Huffman codes, bit-stuffed, and floats as they are.
fn lerc_kinds() -> Vec<(Kind, Vec<u8>)> {
    let bytes = speckle(PIXELS);
    let side = u32::from(SIDE_PX);
    let words: Vec<u16> = bytes.iter().map(|&byte| u16::from(byte) * 40).collect();
    let reals: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte).sqrt()).collect();
    let floats = Kind { more: vec![(339, Shorts(vec![3]))], ..Kind::of("LERC of floats", 34887, 1, 32) };
    vec![
        (
            Kind::of("LERC of bytes", 34887, 1, 8),
            lerc::encode_slice(side, side, &bytes, lerc::Precision::Lossless).expect("encoded"),
        ),
        (
            Kind::of("LERC of words", 34887, 1, 16),
            lerc::encode_slice(side, side, &words, lerc::Precision::Tolerance(8)).expect("encoded"),
        ),
        (floats, lerc::encode_slice(side, side, &reals, lerc::Precision::Lossless).expect("encoded")),
    ]
}

#[test]
fn headers_and_codes_of_lerc_take_no_more_than_their_block() {
    /// Header, mask, and the tables of codes behind them.
    const REACH_BYTES: usize = 160;
    const NUMBERS: [u32; 3] = [0x7fff_ffff, 0xffff_ffff, 0x0001_0000];
    for (kind, honest) in lerc_kinds() {
        assert!(kind.render(&with_checksum(honest.clone()), "as encoded"));
        for (at, number) in (14..REACH_BYTES).flat_map(|at| NUMBERS.map(|number| (at, number))) {
            let mut blob = honest.clone();
            blob[at..at + 4].copy_from_slice(&number.to_le_bytes());
            kind.render(&with_checksum(blob), &format!("{number} at byte {at}"));
        }
        for (wrap, name) in [(1, "deflated"), (2, "by ZSTD")] {
            let more = kind.more.iter().map(|(tag, _)| (*tag, Shorts(vec![3])));
            let more = more.chain([(50674, Longs(vec![4, wrap]))]).collect();
            let wrapped = Kind { more, ..Kind::of(name, kind.compression, 1, kind.bits) };
            let stored = |bytes: &[u8]| if wrap == 1 { deflated(bytes) } else { by_zstd(bytes) };
            assert!(wrapped.render(&stored(&honest), "as encoded"));
            assert!(!wrapped.render(&stored(&vec![0; BOMB_BYTES]), "a bomb"));
            assert!(!wrapped.render(&stored(&[honest.clone(), vec![0; BOMB_BYTES]].concat()), "a bomb in its tail"));
        }
    }
}

/// What bombs unfold to: hundreds of blocks.
const BOMB_BYTES: usize = 16 << 20;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("written to memory")
}

fn by_zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 1).expect("compressed")
}

#[test]
fn bombs_take_no_more_than_their_block() {
    let bytes = vec![0; BOMB_BYTES];
    let lzw = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&bytes).expect("encoded");
    let runs = [0x81, 7].repeat(BOMB_BYTES / 128);
    for (name, code, stored, is_painted) in [
        ("Deflate", 8, deflated(&bytes), true),
        ("LZW", 5, lzw, true),
        ("PackBits", 32773, runs, true),
        // In one go, which a frame too large for its room does not fit.
        ("ZSTD", 50000, by_zstd(&bytes), false),
    ] {
        assert_eq!(Kind::of(name, code, 1, 8).render(&stored, "a bomb"), is_painted, "{name}");
    }
}

/// Bits from the highest of each byte down.
fn packed(bits: &str) -> Vec<u8> {
    let byte = |bits: &[u8]| bits.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')) << (8 - bits.len());
    bits.as_bytes().chunks(8).map(byte).collect()
}

/// Color changes without end in one line, by runs of two pixels or of none.
#[test]
fn lines_of_fax_take_no_more_than_their_width() {
    const PAIRS: usize = 1 << 20;
    const WHITE: (&str, &str) = ("00110101", "0111");
    const BLACK: (&str, &str) = ("0000110111", "11");
    let none = [WHITE.0, BLACK.0].concat().repeat(PAIRS);
    let two = [WHITE.1, BLACK.1].concat().repeat(PAIRS);
    let in_one_line = |runs: &str| packed(&["000000000001", runs].concat());
    let group3 = Kind::of("fax 3", 3, 1, 1);
    assert!(!group3.render(&in_one_line(&none), "runs of none"));
    assert!(!group3.render(&in_one_line(&two), "runs of two"));
    let horizontally = |white: &str, black: &str| packed(&["001", white, black].concat().repeat(PAIRS));
    let group4 = Kind::of("fax 4", 4, 1, 1);
    assert!(!group4.render(&horizontally(WHITE.0, BLACK.0), "runs of none"));
    // To and fro: a run of three, and three back from where the line above changes.
    group4.render(&packed(&["0000011", "0000010"].concat().repeat(PAIRS)), "to and fro");
    // All white, each line one bit, and the sign for the end.
    let white = ["1".repeat(SIDE_PX.into()), "000000000001".repeat(2)].concat();
    assert!(group4.render(&packed(&white), "white"));
}
