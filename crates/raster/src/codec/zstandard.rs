//! Zstandard frames into a buffer of known size, whole or part by part from the beginning. Nothing is ever written past
//! it.

use std::{cell::RefCell, mem::MaybeUninit};

use bytemuck::Pod;
use zstd::{
    bulk::Decompressor,
    zstd_safe::{self, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, WriteBuf, get_error_name},
};

use super::decompress::{complete, corrupt};
use crate::{Result, spare};

thread_local! {
    /// The decompressor's tables, 150 kB, are worth keeping from block to block.
    static DECOMPRESSOR: RefCell<Decompressor<'static>> = RefCell::default();
    /// One that goes part by part, and has a part's compressed bytes beside its tables.
    static STEPPER: RefCell<Option<DCtx<'static>>> = const { RefCell::new(None) };
}

/// The most that a frame's parts become, which are decompressed one after the other (RFC 8878, 3.1.1.2.3).
const PART_BYTES: u64 = 128 << 10;

/// Bytes taken first: no frame's header is longer, and a frame that is not longer has no parts worth it.
const HEADER_BYTES: usize = 18;

/// Larger windows than this are in no frame (RFC 8878, 3.1.1.1.2, but for what needs 64 bits); none is allocated here.
const MAX_WINDOW_LOG: u32 = 31;

/// Memory that nothing was written to yet.
struct Room<'a>(&'a mut [MaybeUninit<u8>]);

// SAFETY: address and capacity are those of one live slice. What was written is never read by way of it: nothing here
// asks for it, so none is said to be there.
#[allow(unsafe_code)]
unsafe impl WriteBuf for Room<'_> {
    fn as_slice(&self) -> &[u8] {
        &[]
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }

    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }

    unsafe fn filled_until(&mut self, _: usize) {}
}

/// `len` numbers, which must be all that `input` holds.
#[allow(unsafe_code)]
pub(super) fn numbers<T: Pod>(input: &[u8], len: usize) -> Result<Vec<T>> {
    // SAFETY: decompressing succeeds only when as many bytes were written as there are.
    unsafe { spare::filled(len, |bytes| fill(input, &mut Room(bytes))) }
}

/// Bytes of the parts that the first `bytes` lie in, where an encoder filled its parts.
pub(super) fn part_with(bytes: u64) -> u64 {
    bytes.next_multiple_of(PART_BYTES)
}

/// The first `len` of the `whole_len` numbers that `input` holds; what is behind their parts is not looked at.
#[allow(unsafe_code)]
pub(super) fn first_numbers<T: Pod>(input: &[u8], len: usize, whole_len: usize) -> Result<Vec<T>> {
    let fill = |bytes: &mut [MaybeUninit<u8>]| fill_first(input, &mut Room(bytes), len * size_of::<T>());
    // SAFETY: it succeeds only when as many bytes were written.
    unsafe { spare::filled_first(len, whole_len, fill) }
}

fn fill_first(input: &[u8], room: &mut Room<'_>, wanted_bytes: usize) -> Result<()> {
    let written = STEPPER.with_borrow_mut(|kept| {
        let stepper = match kept {
            Some(stepper) => stepper,
            None => kept.insert(stepper()?),
        };
        stepper.reset(ResetDirective::SessionOnly)?;
        let mut out = OutBuffer::around(room);
        let (mut rest, mut step_bytes) = (input, HEADER_BYTES);
        while out.pos() < wanted_bytes {
            let mut step = InBuffer::around(&rest[..step_bytes.min(rest.len())]);
            let before = out.pos();
            // It says what it wants next: to the end of a part, and nothing after that of a frame.
            step_bytes = stepper.decompress_stream(&mut out, &mut step)?.max(1);
            rest = &rest[step.pos()..];
            if step.pos() == 0 && out.pos() == before {
                break;
            }
        }
        Ok(out.pos())
    });
    let written = written.map_err(|code| corrupt("ZSTD", get_error_name(code)))?;
    complete(written.min(wanted_bytes), wanted_bytes, "ZSTD")
}

/// One that writes where it is told to without a window of its own, which may be larger than the block.
fn stepper() -> std::result::Result<DCtx<'static>, zstd_safe::ErrorCode> {
    let mut stepper = DCtx::create();
    stepper.set_parameter(DParameter::StableOutBuffer(true))?;
    stepper.set_parameter(DParameter::WindowLogMax(MAX_WINDOW_LOG))?;
    Ok(stepper)
}

/// Decompresses `input`, which must fill `out`.
pub(super) fn into(input: &[u8], out: &mut [u8]) -> Result<()> {
    fill(input, out)
}

fn fill<B: WriteBuf + ?Sized>(input: &[u8], out: &mut B) -> Result<()> {
    let written = DECOMPRESSOR.with_borrow_mut(|decompressor| decompressor.decompress_to_buffer(input, out));
    let written = written.map_err(|error| corrupt("ZSTD", &error.to_string()))?;
    complete(written, out.capacity(), "ZSTD")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Bytes that compress a little.
    fn speckle(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 57) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    /// As `libtiff` writes it: without the length of what it holds.
    fn streamed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 9).expect("an encoder");
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("finished")
    }

    #[test]
    fn what_is_behind_the_parts_wanted_is_not_looked_at() {
        let bytes = speckle(400_000);
        for frame in [streamed(&bytes), zstd::bulk::compress(&bytes, 1).expect("compressed")] {
            let mut damaged = frame.clone();
            let near_end = frame.len() - 50_000;
            damaged[near_end..].fill(0xff);
            assert!(numbers::<u8>(&damaged, bytes.len()).is_err());
            assert_eq!(first_numbers::<u8>(&damaged, 200_000, bytes.len()).expect("whole parts"), bytes[..200_000]);
            assert!(first_numbers::<u8>(&damaged, 390_000, bytes.len()).is_err());
        }
        assert_eq!(part_with(1), PART_BYTES);
    }

    #[test]
    fn what_ends_early_is_too_long_or_no_frame_is_told_and_frames_in_a_row_are_one() {
        let bytes = speckle(300_000);
        let frame = streamed(&bytes);
        let error = first_numbers::<u8>(&frame[..1000], 200_000, 300_000).expect_err("short").to_string();
        assert!(error.contains("holds 0 of 200000 bytes"), "{error}");
        let error = first_numbers::<u8>(&frame, 300_001, 400_000).expect_err("short").to_string();
        assert!(error.contains("holds 300000 of 300001 bytes"), "{error}");
        assert!(first_numbers::<u8>(&frame, 150_000, 150_000).is_err(), "a part has no room");
        assert!(first_numbers::<u8>(b"no frame at all", 1, 10).is_err());
        assert!(first_numbers::<u8>(&[], 1, 10).is_err());
        let two = [&frame[..], &frame].concat();
        assert_eq!(
            first_numbers::<u8>(&two, 450_000, 600_000).expect("both"),
            [&bytes[..], &bytes[..150_000]].concat()
        );
    }

    proptest! {
        #[test]
        fn the_first_are_those_of_the_whole(len in 1_usize..400_000, beyond in 0_usize..300_000, level in 1..12) {
            let bytes = speckle(len + beyond);
            let frame = zstd::bulk::compress(&bytes, level).expect("compressed");
            let words = |bytes: &[u8]| bytes.as_chunks::<2>().0.iter().map(|&word| u16::from_ne_bytes(word)).collect();
            let whole: Vec<u16> = words(&bytes);
            for frame in [streamed(&bytes), frame] {
                let first = first_numbers::<u16>(&frame, len / 2, bytes.len().div_ceil(2));
                prop_assert_eq!(&first.expect("decompressed")[..], &whole[..len / 2]);
            }
        }
    }
}
