//! The zlib stream of a picture of speckle, gray or by indices: literals, and copies of the line above.
//!
//! A general compressor spends most of its time on looking for repetitions that speckle does not have. Magnified it has
//! one kind of them, and so has what is masked: lines like the one above. To look for these alone and to reckon the
//! codes from a part of the lines takes about half of ISA-L's time for a stream that is longer by a fiftieth, but only
//! where there are no others: a sample tells, and [`with_zlib`] leaves other pictures to [`mod@super::deflate`].
//! Caller: [`mod@super::png`].

mod bits;
mod codes;
mod huffman;
mod repeats;
mod runs;
#[cfg(target_arch = "x86_64")]
mod wide;

use std::{cell::RefCell, ops::Range};

use bits::{Bits, WORD_BYTES};
use codes::{Codes, Counts, FURTHEST, LONGEST_COPY, SHORTEST_COPY, SYMBOLS};
use huffman::LONGEST_CODE;
use runs::{CHUNK, Runs};
use simd_adler32::Adler32;

/// Bytes of the least picture for which codes of its own pay.
const LEAST_BYTES: usize = 1 << 12;

/// A window of 32 KiB, deflate, the fastest way (RFC 1950, section 2.2).
const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];

/// What the header of a block and the end of the stream take at most.
const MOST_AROUND_BYTES: usize = 1 << 10;

/// Most room that a thread keeps for the next stream: that of a tile of 512 × 512 grays, or of 256 × 256 with alpha.
const MOST_KEPT_BYTES: usize = 1 << 19;

thread_local! {
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Hands `use_it` the zlib stream of `pixels`, of one or two bytes each, in lines of `width` bytes behind a zero each:
/// a PNG's unfiltered lines. `None` where a general compressor does better.
pub(super) fn with_zlib<T>(
    pixels: &[u8],
    width: usize,
    pixel_bytes: usize,
    use_it: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    if pixels.len() < LEAST_BYTES || width + 1 > FURTHEST {
        return None;
    }
    let is_even = pixels.iter().all(|byte| *byte == pixels[0]);
    if is_even || repeats::are_many(pixels, width, pixel_bytes) {
        return None;
    }
    let lines = pixels.len() / width;
    let room_bytes = (pixels.len() + lines) * LONGEST_CODE / 8 + MOST_AROUND_BYTES + WORD_BYTES;
    Some(ROOM.with_borrow_mut(|room| {
        if room.len() < room_bytes {
            room.resize(room_bytes, 0);
        }
        let length = fill(pixels, width, room);
        let outcome = use_it(&room[..length]);
        if room.len() > MOST_KEPT_BYTES {
            *room = Vec::new();
        }
        outcome
    }))
}

/// Fills the front of `room` with the stream and says how many bytes it has: by the widest registers that this
/// processor has.
fn fill(pixels: &[u8], width: usize, room: &mut [u8]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if wide::is_supported() {
        // SAFETY: this processor has what it takes.
        #[allow(unsafe_code)]
        return unsafe { fill_widely(pixels, width, room) };
    }
    fill_by(pixels, width, room, runs::equal_chunks, |_| put_plainly)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,avx512vbmi,bmi1,bmi2")]
fn fill_widely(pixels: &[u8], width: usize, room: &mut [u8]) -> usize {
    let equal_chunks = |a: &_, b: &_| wide::equal_chunks(a, b);
    fill_by(pixels, width, room, equal_chunks, |codes| {
        let tables = wide::Tables::new(&codes.literals);
        move |literals, codes, bits| {
            let put = tables.put(literals, bits);
            put_plainly(&literals[put..], codes, bits);
        }
    })
}

#[inline(always)]
fn fill_by<P: Fn(&[u8], &Codes, &mut Bits<'_>)>(
    pixels: &[u8],
    width: usize,
    room: &mut [u8],
    equal_chunks: impl Fn(&[u8; CHUNK], &[u8; CHUNK]) -> u64,
    way_to_put: impl FnOnce(&Codes) -> P,
) -> usize {
    let mut runs = Runs::default();
    let codes = Codes::new(&counts(pixels, width, &mut runs, &equal_chunks), width + 1);
    let put = way_to_put(&codes);
    let mut checksum = Adler32::new();
    let (header, stream) = room.split_at_mut(ZLIB_HEADER.len());
    header.copy_from_slice(&ZLIB_HEADER);
    let mut bits = Bits::new(stream);
    codes.put_header(&mut bits);
    let mut above: &[u8] = &[];
    for line in pixels.chunks_exact(width) {
        checksum.write(&[0]);
        checksum.write(line);
        bits.put(codes.literals[0]);
        runs.find(line, above, &equal_chunks);
        put_line(line, &runs.found, &codes, &mut bits, &put);
        above = line;
    }
    bits.put(codes.end);
    let length = ZLIB_HEADER.len() + bits.finish();
    room[length..length + size_of::<u32>()].copy_from_slice(&checksum.finish().to_be_bytes());
    length + size_of::<u32>()
}

#[inline(always)]
fn put_line(
    line: &[u8],
    runs: &[Range<usize>],
    codes: &Codes,
    bits: &mut Bits<'_>,
    put_literals: &impl Fn(&[u8], &Codes, &mut Bits<'_>),
) {
    let mut at = 0;
    for run in runs {
        put_literals(&line[at..run.start], codes, bits);
        copies(run.len()).for_each(|length| bits.put(codes.copies[length]));
        at = run.end;
    }
    put_literals(&line[at..], codes, bits);
}

#[inline(always)]
fn put_plainly(bytes: &[u8], codes: &Codes, bits: &mut Bits<'_>) {
    let code = |byte: u8| codes.literals[usize::from(byte)];
    let (fours, rest) = bytes.as_chunks::<4>();
    fours.iter().for_each(|four| bits.put_four(four.map(code)));
    rest.iter().for_each(|&byte| bits.put(code(byte)));
}

/// Lengths of the copies that a run is made of, none of them shorter than the shortest.
fn copies(run: usize) -> impl Iterator<Item = usize> {
    let mut left = run;
    std::iter::from_fn(move || {
        let length = match left {
            0 => return None,
            _ if left <= LONGEST_COPY => left,
            _ => LONGEST_COPY.min(left - SHORTEST_COPY),
        };
        left -= length;
        Some(length)
    })
}

/// What is met in a quarter of the lines, no two of them at a distance that magnified pixels have.
#[inline(always)]
fn counts(
    pixels: &[u8],
    width: usize,
    runs: &mut Runs,
    equal_chunks: impl Fn(&[u8; CHUNK], &[u8; CHUNK]) -> u64,
) -> Counts {
    let mut counts = [[0_u32; 256]; 4];
    let mut all: Counts = [0; SYMBOLS];
    let lines = || pixels.chunks_exact(width);
    let above = std::iter::once(&[][..]).chain(lines());
    for (line, above) in lines().zip(above).zip(0_u32..).filter(|(_, row)| is_counted(*row)).map(|(pair, _)| pair) {
        runs.find(line, above, &equal_chunks);
        let mut at = 0;
        for run in &runs.found {
            count(&line[at..run.start], &mut counts);
            copies(run.len()).for_each(|length| all[codes::symbol_of_length(length)] += 1);
            at = run.end;
        }
        count(&line[at..], &mut counts);
        all[0] += 1;
    }
    for (byte, all) in all.iter_mut().enumerate().take(256) {
        *all += counts.iter().map(|counts| counts[byte]).sum::<u32>();
    }
    all
}

/// Whether a row is one of the quarter that is counted: Knuth's multiplicative hash scatters them.
fn is_counted(row: u32) -> bool {
    row.wrapping_mul(2_654_435_761) >> 30 == 0
}

/// Counts bytes in four tables in turn: to count the same one again at once would wait for the count before.
#[inline(always)]
fn count(bytes: &[u8], [a, b, c, d]: &mut [[u32; 256]; 4]) {
    let (fours, rest) = bytes.as_chunks::<4>();
    let add = |counts: &mut [u32; 256], byte: u8| counts[usize::from(byte)] = counts[usize::from(byte)].wrapping_add(1);
    for four in fours {
        add(a, four[0]);
        add(b, four[1]);
        add(c, four[2]);
        add(d, four[3]);
    }
    rest.iter().for_each(|&byte| add(a, byte));
}

#[cfg(test)]
mod tests;
