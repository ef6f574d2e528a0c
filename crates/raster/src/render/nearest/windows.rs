//! Samples of a span, a register full at a time, each picked out of a window of the row that it lies in.
//!
//! Loads from eight places at once take the time of eight loads, and the pixels of a view stand close together in the
//! source: two registers hold all that up to 64 of them may want of one row, and one instruction picks them. Where a
//! span crosses rows, each row is picked from in turn. The places are the very same numbers as those of the plain way.
//! For processors with AVX-512 and its byte permutations (VBMI); others, and spans of longer or steeper steps, go the
//! ways of [`super`].

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_cmpeq_epi8_mask, _mm512_cmpeq_epi16_mask, _mm512_mask_add_epi64,
    _mm512_mask_blend_epi8, _mm512_mask_blend_epi16, _mm512_mask_blend_epi32, _mm512_mask_storeu_epi8,
    _mm512_maskz_loadu_epi8, _mm512_maskz_mov_epi64, _mm512_permutex2var_epi8, _mm512_permutex2var_epi16,
    _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi64, _mm512_slli_epi16, _mm512_slli_epi32, _mm512_slli_epi64,
    _mm512_srli_epi64,
};

use crate::render::{
    cell::{ONE, whole},
    mosaic::Way,
};

/// Bytes of a register.
const REGISTER_BYTES: usize = 64;

/// Longest steps along a row with which a register full of pixels, or half of one, fits into a window of two registers.
const STEP_OF_WHOLE: i64 = 2 * ONE;
pub(super) const STEP_OF_HALF: i64 = 4 * ONE;

/// Largest step from row to row: beyond it so many rows must be picked from that loads of each sample take no longer.
pub(super) const STEEPEST_STEP: i64 = ONE / 8;

/// Fills a line of samples of `BYTES` (1 or 2) bytes and says whether it did. `samples` are those of the block, as
/// bytes too.
pub(super) fn copy<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) -> bool {
    let is_usual = way.pixel_stride == 1 && (0..=STEP_OF_HALF).contains(&way.step.x);
    if !is_usual || way.step.y.unsigned_abs() > STEEPEST_STEP as u64 || !is_supported() {
        return false;
    }
    // SAFETY: this processor has what it takes.
    #[allow(unsafe_code)]
    unsafe {
        fill::<BYTES>(way, samples, line);
    }
    true
}

pub(super) fn is_supported() -> bool {
    std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vbmi")
}

#[target_feature(enable = "avx512bw,avx512vbmi")]
fn fill<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) {
    let chunk_bytes = if way.step.x <= STEP_OF_WHOLE { REGISTER_BYTES } else { REGISTER_BYTES / 2 };
    let across = Steps::new::<BYTES>(way.step.x);
    let mut place = way.first;
    for chunk in line.chunks_mut(chunk_bytes) {
        let last = place.plus(way.step, (chunk.len() / BYTES) as i64 - 1);
        let (first_row, last_row) = (whole(place.y.min(last.y)), whole(place.y.max(last.y)));
        let cols = whole(place.x) as usize..whole(last.x) as usize + 1;
        let columns = across.wholes::<BYTES>(place.x & (ONE - 1));
        let picked = |row: i64| {
            let start = (row as usize).wrapping_mul(way.row_stride).wrapping_add(cols.start).wrapping_mul(BYTES);
            Window::of(&samples[start..start.wrapping_add(cols.len().wrapping_mul(BYTES))]).pick::<BYTES>(columns)
        };
        let mut values = picked(first_row);
        if first_row != last_row {
            let from_first = place.y.wrapping_sub(first_row.wrapping_mul(ONE));
            let rows = Steps::new::<BYTES>(way.step.y).wholes::<BYTES>(from_first);
            for row in first_row + 1..=last_row {
                values = where_equal::<BYTES>(rows, row.wrapping_sub(first_row), picked(row), values);
            }
        }
        store(values, chunk);
        place = place.plus(way.step, (chunk_bytes / BYTES) as i64);
    }
}

/// How far from the first pixel of a register the others are along one axis.
struct Steps {
    /// One step, in each part.
    one: __m512i,
    /// Those of every fourth or eighth pixel.
    strides: __m512i,
}

impl Steps {
    #[target_feature(enable = "avx512bw")]
    fn new<const BYTES: usize>(step: i64) -> Self {
        let one = _mm512_set1_epi64(step);
        let stride = if BYTES == 1 { _mm512_slli_epi64::<3>(one) } else { _mm512_slli_epi64::<2>(one) };
        // Sums by the bits of each part's number: a product of such long numbers takes five times as long.
        let ones = _mm512_maskz_mov_epi64(0b1010_1010, stride);
        let twos = _mm512_mask_add_epi64(ones, 0b1100_1100, ones, _mm512_slli_epi64::<1>(stride));
        let strides = _mm512_mask_add_epi64(twos, 0b1111_0000, twos, _mm512_slli_epi64::<2>(stride));
        Self { one, strides }
    }

    /// Whole source pixels of a register full of places from `at` on, which must not be negative; the lowest bits of
    /// each. The whole part is the upper half of a place: pairs of registers are put together until each pixel has no
    /// more room than a sample.
    #[target_feature(enable = "avx512bw")]
    fn wholes<const BYTES: usize>(&self, at: i64) -> __m512i {
        let first = _mm512_add_epi64(_mm512_set1_epi64(at), self.strides);
        let next = |places: __m512i| _mm512_add_epi64(places, self.one);
        let second = next(first);
        let third = next(second);
        let fourth = next(third);
        if BYTES == 2 {
            return words(longs(first, third), longs(second, fourth));
        }
        let fifth = next(fourth);
        let sixth = next(fifth);
        let seventh = next(sixth);
        let eighth = next(seventh);
        let even = words(longs(first, fifth), longs(third, seventh));
        let odd = words(longs(second, sixth), longs(fourth, eighth));
        _mm512_mask_blend_epi8(0xaaaa_aaaa_aaaa_aaaa, even, _mm512_slli_epi16::<8>(odd))
    }
}

/// The upper halves of both, in turn.
#[target_feature(enable = "avx512bw")]
fn longs(even: __m512i, odd: __m512i) -> __m512i {
    _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<32>(even), odd)
}

/// The lower halves of both, in turn.
#[target_feature(enable = "avx512bw")]
fn words(even: __m512i, odd: __m512i) -> __m512i {
    _mm512_mask_blend_epi16(0xaaaa_aaaa, even, _mm512_slli_epi32::<16>(odd))
}

/// Up to two registers of one row.
struct Window {
    left: __m512i,
    right: __m512i,
}

impl Window {
    #[target_feature(enable = "avx512bw")]
    fn of(seen: &[u8]) -> Self {
        let (left, right) = seen.split_at(seen.len().min(REGISTER_BYTES));
        Self { left: load(left), right: load(right) }
    }

    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn pick<const BYTES: usize>(&self, columns: __m512i) -> __m512i {
        match BYTES {
            1 => _mm512_permutex2var_epi8(self.left, columns, self.right),
            _ => _mm512_permutex2var_epi16(self.left, columns, self.right),
        }
    }
}

/// The lowest `count` bits, of 64 at most.
fn lowest(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

/// What is in `bytes`, of which the first 64 count, and zeros behind.
#[target_feature(enable = "avx512bw")]
fn load(bytes: &[u8]) -> __m512i {
    // SAFETY: no more bytes are read than the slice has.
    #[allow(unsafe_code)]
    unsafe {
        _mm512_maskz_loadu_epi8(lowest(bytes.len()), bytes.as_ptr().cast())
    }
}

/// Fills `chunk`, of at most 64 bytes, with the first ones of `values`.
#[target_feature(enable = "avx512bw")]
fn store(values: __m512i, chunk: &mut [u8]) {
    // SAFETY: no more bytes are written than the slice has.
    #[allow(unsafe_code)]
    unsafe {
        _mm512_mask_storeu_epi8(chunk.as_mut_ptr().cast(), lowest(chunk.len()), values);
    }
}

/// `values` where a number is `wanted`, and `others` elsewhere.
#[target_feature(enable = "avx512bw")]
fn where_equal<const BYTES: usize>(numbers: __m512i, wanted: i64, values: __m512i, others: __m512i) -> __m512i {
    match BYTES {
        1 => {
            let here = _mm512_cmpeq_epi8_mask(numbers, _mm512_set1_epi8(wanted as i8));
            _mm512_mask_blend_epi8(here, others, values)
        }
        _ => {
            let here = _mm512_cmpeq_epi16_mask(numbers, _mm512_set1_epi16(wanted as i16));
            _mm512_mask_blend_epi16(here, others, values)
        }
    }
}
