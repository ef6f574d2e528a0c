//! Where ISA-L's stream lies while it compresses, so that equal bytes become equal streams on every thread.
//!
//! The library finds what it has seen before in a table, by a hash of the next four bytes. For those from the third
//! byte on it takes the hash of something else by mistake: of the address of its own stream
//! (`igzip_icf_body_h1_gr_bt.asm`: after `.write_first_byte` the register `tmp2` still holds it). That does no harm,
//! since what is found is compared; but where that slot is also one of the first bytes' own, a match is missed or found
//! that is not on another thread, whose stream lies elsewhere. So among a few places the stream is laid where its slot
//! is none of theirs.

use isal::isal_sys::igzip_lib::isal_zstream;

/// Of 8,192 slots at most six are to be kept clear of: that none of three places is clear happens to one picture in a
/// thousand million, and to one in ten thousand of a hundred bytes, whose tables are smaller.
pub(super) const PLACES: usize = 3;

/// A place and the room to the next one. The hash leaves out the address' last 16 bits, which makes their slots differ.
#[repr(C, align(64))]
pub(super) struct Place {
    stream: isal_zstream,
    room: [u8; STEP_BYTES - size_of::<isal_zstream>()],
}

const STEP_BYTES: usize = 1 << 17;

pub(super) struct Places(Box<[Place; PLACES]>);

impl Places {
    pub(super) fn new() -> Self {
        Self(super::zeroed())
    }

    /// The stream to compress `input` with, in whatever state it was left.
    pub(super) fn clear_of(&mut self, input: &[u8]) -> &mut isal_zstream {
        let first = self.0.as_ptr().addr();
        &mut self.0[slots::clear_of(input, first)].stream
    }
}

#[cfg(target_arch = "x86_64")]
mod slots {
    use std::arch::x86_64::_mm_crc32_u32;

    use super::{PLACES, STEP_BYTES};

    /// Slots of the table of level 1; a short input has as many as it has bytes, made a power of two (`hash_mask`).
    const MOST_SLOTS: usize = 8 << 10;

    /// A run of zeros or ones at the beginning that is coded apart is so long at least (`MIN_REPEAT_LEN`): what follows
    /// is a beginning again.
    pub(super) const LONG_RUN_BYTES: usize = 4 << 10;

    /// Which of the places from the address `first` on has a slot that none of the input's first bytes have.
    pub(super) fn clear_of(input: &[u8], first: usize) -> usize {
        if !std::arch::is_x86_feature_detected!("sse4.2") {
            // What the library does there makes no such mistake.
            return 0;
        }
        // SAFETY: just asked for.
        unsafe { first_clear(input, first) }
    }

    #[target_feature(enable = "sse4.2")]
    fn first_clear(input: &[u8], first: usize) -> usize {
        let slots = if 2 * input.len() < MOST_SLOTS { (input.len() + 1).next_power_of_two() } else { MOST_SLOTS };
        let is_same = |one: u32, other: u32| (one ^ other) as usize & (slots - 1) == 0;
        let taken = [input, &input[run_bytes(input)..]].map(|bytes| first_hashes(bytes));
        let is_clear = |place: &usize| {
            let mistaken = mistaken(first + place * STEP_BYTES);
            !taken.iter().flatten().any(|hash| hash.is_some_and(|hash| is_same(hash, mistaken)))
        };
        (0..PLACES).find(is_clear).unwrap_or(0)
    }

    /// The hashes of the first three strings of four bytes.
    #[target_feature(enable = "sse4.2")]
    fn first_hashes(bytes: &[u8]) -> [Option<u32>; 3] {
        let mut strings = bytes.array_windows().map(|&string| _mm_crc32_u32(0, u32::from_le_bytes(string)));
        [(); 3].map(|()| strings.next())
    }

    /// The hash that is taken of a stream at that address.
    #[target_feature(enable = "sse4.2")]
    fn mistaken(stream: usize) -> u32 {
        _mm_crc32_u32(0, (stream >> 16) as u32)
    }

    /// Length of the run at the beginning, if it is coded apart.
    fn run_bytes(input: &[u8]) -> usize {
        let Some(&first) = input.first().filter(|&&byte| matches!(byte, 0 | 0xff)) else { return 0 };
        let run = input.iter().position(|&byte| byte != first).unwrap_or(input.len());
        if run < LONG_RUN_BYTES { 0 } else { run }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod slots {
    pub(super) fn clear_of(_input: &[u8], _first: usize) -> usize {
        0
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::slots::{LONG_RUN_BYTES, clear_of};

    /// Four bytes that have the hash of a stream at that address.
    fn bytes_of(stream: usize) -> [u8; 4] {
        // The hash is of just these bytes, and of no others.
        ((stream >> 16) as u32).to_le_bytes()
    }

    /// A picture of noise that has `repeated` twice, the first time `at` bytes from its beginning.
    fn picture(length: u32, repeated: &[u8], at: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 1).collect();
        bytes[at..at + repeated.len()].copy_from_slice(repeated);
        bytes[200..200 + repeated.len()].copy_from_slice(repeated);
        bytes
    }

    #[test]
    fn a_place_is_clear_of_the_first_bytes_and_of_those_after_a_long_run() {
        if !std::arch::is_x86_feature_detected!("sse4.2") {
            return;
        }
        let first = 0x7f12_3456_7890;
        assert_eq!([clear_of(b"abcdefgh", first), clear_of(b"", first)], [0, 0]);
        for run in [0, LONG_RUN_BYTES - 1, LONG_RUN_BYTES, 5 * LONG_RUN_BYTES] {
            for before in 0..4 {
                let input = [&vec![0; run], &vec![7; before][..], &bytes_of(first), &[9; 9000]].concat();
                let is_first = before < 3 && (run == 0 || run >= LONG_RUN_BYTES);
                assert_eq!(clear_of(&input, first), usize::from(is_first), "{before} after {run}");
            }
        }
    }

    #[test]
    fn equal_bytes_become_equal_streams_on_every_thread() {
        if !std::arch::is_x86_feature_detected!("sse4.2") {
            return;
        }
        let compress = |input: &[u8]| {
            let mut output = Vec::new();
            super::super::append(input, &mut output, input.len() + 2048).unwrap();
            output
        };
        let own = super::super::DEFLATE.with_borrow(|deflate| deflate.streams.0.as_ptr().addr());
        for (length, at) in [300, 1500, 40_000].into_iter().flat_map(|length| (0..3).map(move |at| (length, at))) {
            let input = picture(length, &[&bytes_of(own)[..], b"and some more"].concat(), at);
            let here = compress(&input);
            let there = std::thread::scope(|scope| {
                // Alive at once, so that their memory lies apart.
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| compress(&input))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
            });
            assert!(there.iter().all(|stream| *stream == here), "{length} bytes, of which those from {at} come again");
        }
    }
}
