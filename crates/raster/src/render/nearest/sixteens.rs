//! Samples of a span, sixteen bytes at a time, each picked out of a window of the row that it lies in.
//!
//! What [`super::windows`] does for processors that have AVX2 and no byte permutations over wide registers: two
//! shuffles of 16 bytes pick 16 pixels of one byte, or eight of two, out of 32 bytes of a row. Loads from eight places
//! at once, the way of [`super::wide`], take such processors five times as many steps; spans of longer or steeper
//! steps, and short ones, are left to it. The places are the very same numbers.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_add_epi8, _mm_add_epi16, _mm_adds_epu8, _mm_blendv_epi8, _mm_cmpeq_epi8, _mm_cmpeq_epi16,
    _mm_mullo_epi16, _mm_or_si128, _mm_packus_epi16, _mm_packus_epi32, _mm_set1_epi8, _mm_set1_epi16, _mm_shuffle_epi8,
    _mm256_add_epi64, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_packus_epi32, _mm256_set1_epi64x, _mm256_setr_epi64x, _mm256_shuffle_ps,
};

use crate::render::{
    cell::{ONE, Position, whole},
    mosaic::Way,
    nearest::windows::STEEPEST_STEP,
};

/// Bytes of samples picked at once.
const REGISTER_BYTES: usize = 16;

/// Bytes of a row that they are picked from.
const WINDOW_BYTES: usize = 2 * REGISTER_BYTES;

/// Longest step along a row with which a register full of pixels fits into a window.
pub(super) const LONGEST_STEP: i64 = 2 * ONE;

/// Fills a line of samples of `BYTES` (1 or 2) bytes and says whether it did. `samples` are those of the block, as
/// bytes too.
pub(super) fn copy<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) -> bool {
    let is_usual = way.pixel_stride == 1 && (0..=LONGEST_STEP).contains(&way.step.x) && line.len() >= REGISTER_BYTES;
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
    std::arch::is_x86_feature_detected!("avx2")
}

/// Fills a line of at least one register; where it is no whole number of them, the last pixels are picked once more.
#[target_feature(enable = "avx2")]
fn fill<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) {
    let across = Steps::new::<BYTES>(way.step.x);
    let (pixels, at_once) = (line.len() / BYTES, REGISTER_BYTES / BYTES);
    let mut place = way.first;
    let (chunks, rest) = line.as_chunks_mut::<REGISTER_BYTES>();
    for chunk in chunks {
        *chunk = bytemuck::cast(picked::<BYTES>(way, samples, &across, place));
        place = place.plus(way.step, at_once as i64);
    }
    if !rest.is_empty() {
        let place = way.first.plus(way.step, (pixels - at_once) as i64);
        let last: [u8; REGISTER_BYTES] = bytemuck::cast(picked::<BYTES>(way, samples, &across, place));
        rest.copy_from_slice(&last[REGISTER_BYTES - rest.len()..]);
    }
}

/// A register full of samples, from a place on.
#[target_feature(enable = "avx2")]
fn picked<const BYTES: usize>(way: &Way, samples: &[u8], across: &Steps, place: Position) -> __m128i {
    let last_y = place.plus(way.step, (REGISTER_BYTES / BYTES) as i64 - 1).y;
    let (first_row, last_row) = (whole(place.y.min(last_y)), whole(place.y.max(last_y)));
    let columns = across.wholes::<BYTES>(place.x & (ONE - 1));
    let of_row = |row: i64| {
        let start = (row as usize).wrapping_mul(way.row_stride).wrapping_add(whole(place.x) as usize);
        Window::at(samples, start.wrapping_mul(BYTES)).pick::<BYTES>(columns)
    };
    let mut values = of_row(first_row);
    if first_row != last_row {
        let from_first = place.y.wrapping_sub(first_row.wrapping_mul(ONE));
        let rows = Steps::new::<BYTES>(way.step.y).wholes::<BYTES>(from_first);
        for row in first_row + 1..=last_row {
            let here = equal::<BYTES>(rows, row.wrapping_sub(first_row));
            values = _mm_blendv_epi8(values, of_row(row), here);
        }
    }
    values
}

/// How far from the first pixel of a register the others are along one axis, four pixels in each part, in the order
/// that their whole parts are put together from in the fewest steps.
struct Steps([__m256i; 4]);

impl Steps {
    #[target_feature(enable = "avx2")]
    fn new<const BYTES: usize>(step: i64) -> Self {
        let of = |pixels: [i64; 4]| {
            let [a, b, c, d] = pixels.map(|pixel| step.wrapping_mul(pixel));
            _mm256_setr_epi64x(a, b, c, d)
        };
        match BYTES {
            1 => Self([of([0, 1, 8, 9]), of([2, 3, 10, 11]), of([4, 5, 12, 13]), of([6, 7, 14, 15])]),
            _ => Self([of([0, 1, 4, 5]), of([2, 3, 6, 7]), of([0; 4]), of([0; 4])]),
        }
    }

    /// Whole source pixels of a register full of places from `at` on, which must not be negative and stay below 256;
    /// each with as much room as a sample. The whole part is the upper half of a place.
    #[target_feature(enable = "avx2")]
    fn wholes<const BYTES: usize>(&self, at: i64) -> __m128i {
        let [first, second, third, fourth] = self.0;
        let at = _mm256_set1_epi64x(at);
        let longs = |a: __m256i, b: __m256i| upper_halves(_mm256_add_epi64(at, a), _mm256_add_epi64(at, b));
        let low = longs(first, second);
        if BYTES == 2 {
            return _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256::<1>(low));
        }
        let words = _mm256_packus_epi32(low, longs(third, fourth));
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words))
    }
}

/// The upper halves of the numbers of both: two of the one, two of the other, and so again.
#[target_feature(enable = "avx2")]
fn upper_halves(a: __m256i, b: __m256i) -> __m256i {
    let halves = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
    _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(halves.0, halves.1))
}

/// A part of one row.
struct Window {
    left: __m128i,
    right: __m128i,
}

impl Window {
    /// What lies from `start` on; zeros beyond the last sample.
    fn at(samples: &[u8], start: usize) -> Self {
        let seen = samples.get(start..).unwrap_or_default();
        let bytes = seen.first_chunk().copied().unwrap_or_else(|| {
            let mut padded = [0; WINDOW_BYTES];
            padded[..seen.len()].copy_from_slice(seen);
            padded
        });
        let [left, right]: [__m128i; 2] = bytemuck::cast(bytes);
        Self { left, right }
    }

    /// A shuffle picks by the lower four bits of a number, and nothing where the uppermost is set.
    #[target_feature(enable = "avx2")]
    fn pick<const BYTES: usize>(&self, columns: __m128i) -> __m128i {
        let bytes = match BYTES {
            1 => columns,
            // Of each sample the bytes 2 n and 2 n + 1.
            _ => _mm_add_epi16(_mm_mullo_epi16(columns, _mm_set1_epi16(0x0202)), _mm_set1_epi16(0x0100)),
        };
        let of_left = _mm_adds_epu8(bytes, _mm_set1_epi8((0x80 - REGISTER_BYTES) as i8));
        let of_right = _mm_add_epi8(bytes, _mm_set1_epi8(-(REGISTER_BYTES as i8)));
        _mm_or_si128(_mm_shuffle_epi8(self.left, of_left), _mm_shuffle_epi8(self.right, of_right))
    }
}

/// All bits of each number that is `wanted`.
#[target_feature(enable = "avx2")]
fn equal<const BYTES: usize>(numbers: __m128i, wanted: i64) -> __m128i {
    match BYTES {
        1 => _mm_cmpeq_epi8(numbers, _mm_set1_epi8(wanted as i8)),
        _ => _mm_cmpeq_epi16(numbers, _mm_set1_epi16(wanted as i16)),
    }
}
