//! Samples of a span, eight at a time.
//!
//! One after the other a pixel takes two additions, two shifts, a product, a look at the bounds, a load and a store;
//! eight together share all but the loads, and the bounds are looked at once a span. The places are the very same
//! numbers. For processors with AVX2; others, and what is shorter or too near to the end of a block, go the plain way
//! of [`super`].

use std::arch::x86_64::{
    __m128i, __m256i, _mm_unpacklo_epi32, _mm256_add_epi32, _mm256_add_epi64, _mm256_castps_si256,
    _mm256_castsi128_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_i32gather_epi32, _mm256_mullo_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_epi64x,
    _mm256_setr_epi64x, _mm256_shuffle_epi8, _mm256_shuffle_ps,
};

use crate::render::{
    cell::{Position, whole},
    mosaic::Way,
};

/// Pixels taken together.
const AT_ONCE: usize = 8;

/// Bytes that a load takes, of which the first ones are the sample.
const LOADED_BYTES: usize = 4;

/// Longest span and largest step that are surely far from wrapping round.
const MOST_PIXELS: usize = 1 << 14;
const LARGEST_STEP: u64 = 1 << 48;

/// Fills a line of samples of `BYTES` (1, 2 or 4) bytes and says whether it did. `samples` are those of the block, as
/// bytes too.
pub(super) fn copy<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) -> bool {
    let pixels = line.len() / BYTES;
    let may = (AT_ONCE..=MOST_PIXELS).contains(&pixels) && std::arch::is_x86_feature_detected!("avx2");
    if !may || way.last != way.first.plus(way.step, pixels as i64 - 1) || !lies_in::<BYTES>(way, samples) {
        return false;
    }
    // SAFETY: this processor has AVX2, all samples of the way lie in `samples`, and the line has as many as the way.
    #[allow(unsafe_code)]
    unsafe {
        fill::<BYTES>(way, samples, line);
    }
    true
}

/// Whether each load lies within the samples. Places along a span run one way, so its ends tell.
fn lies_in<const BYTES: usize>(way: &Way, samples: &[u8]) -> bool {
    let Way { first, last, step, pixel_stride, row_stride } = *way;
    let is_short = step.x.unsigned_abs().max(step.y.unsigned_abs()) <= LARGEST_STEP;
    let is_before_first = (first.x | first.y | last.x | last.y) < 0;
    let (col, row) = (whole(first.x.max(last.x)) as usize, whole(first.y.max(last.y)) as usize);
    let furthest = row.checked_mul(row_stride).zip(col.checked_mul(pixel_stride));
    let end = furthest.and_then(|(row, col)| row.checked_add(col)?.checked_mul(BYTES)?.checked_add(LOADED_BYTES));
    // Within 31 bits no product of columns, rows and strides wraps round.
    let has_end = samples.len() <= i32::MAX as usize && end.is_some_and(|end| end <= samples.len());
    is_short && !is_before_first && has_end
}

/// Places of eight pixels along one axis, in an order that their whole parts are put together from in one step.
struct Places {
    first: __m256i,
    second: __m256i,
    step: __m256i,
}

impl Places {
    #[target_feature(enable = "avx2")]
    fn new(at: i64, step: i64) -> Self {
        let place = |k: i64| at.wrapping_add(step.wrapping_mul(k));
        Self {
            first: _mm256_setr_epi64x(place(0), place(1), place(4), place(5)),
            second: _mm256_setr_epi64x(place(2), place(3), place(6), place(7)),
            step: _mm256_set1_epi64x(step.wrapping_mul(AT_ONCE as i64)),
        }
    }

    /// The source pixels of the next eight: the upper halves of their places.
    #[target_feature(enable = "avx2")]
    fn next(&mut self) -> __m256i {
        let halves = (_mm256_castsi256_ps(self.first), _mm256_castsi256_ps(self.second));
        let upper = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(halves.0, halves.1));
        self.first = _mm256_add_epi64(self.first, self.step);
        self.second = _mm256_add_epi64(self.second, self.step);
        upper
    }
}

/// Fills a line of at least eight pixels; where they are no whole number of eights, the last ones are taken together
/// once more.
///
/// # Safety
/// Loads of all pixels of the line along `way` must lie within `samples`.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
unsafe fn fill<const BYTES: usize>(way: &Way, samples: &[u8], line: &mut [u8]) {
    let eights = |at: Position| (Places::new(at.x, way.step.x), Places::new(at.y, way.step.y));
    let (pixels, chunk_bytes) = (line.len() / BYTES, AT_ONCE * BYTES);
    let mut places = eights(way.first);
    for chunk in line.chunks_exact_mut(chunk_bytes) {
        // SAFETY: the caller's promise.
        store::<BYTES>(unsafe { load::<BYTES>(way, samples, &mut places) }, chunk);
    }
    if !pixels.is_multiple_of(AT_ONCE) {
        let mut places = eights(way.first.plus(way.step, (pixels - AT_ONCE) as i64));
        let last = line.len() - chunk_bytes;
        // SAFETY: the caller's promise.
        store::<BYTES>(unsafe { load::<BYTES>(way, samples, &mut places) }, &mut line[last..]);
    }
}

/// What lies at the next eight places, columns and rows.
///
/// # Safety
/// All loads must lie within `samples`.
#[target_feature(enable = "avx2")]
#[allow(unsafe_code)]
unsafe fn load<const BYTES: usize>(way: &Way, samples: &[u8], (cols, rows): &mut (Places, Places)) -> __m256i {
    let down = _mm256_mullo_epi32(rows.next(), _mm256_set1_epi32(way.row_stride as i32));
    let across = _mm256_mullo_epi32(cols.next(), _mm256_set1_epi32(way.pixel_stride as i32));
    let (start, at) = (samples.as_ptr().cast::<i32>(), _mm256_add_epi32(across, down));
    // SAFETY: the caller's promise.
    unsafe {
        match BYTES {
            1 => _mm256_i32gather_epi32::<1>(start, at),
            2 => _mm256_i32gather_epi32::<2>(start, at),
            _ => _mm256_i32gather_epi32::<4>(start, at),
        }
    }
}

/// The first `BYTES` (1 or 2) bytes of each of eight numbers, one behind the other.
#[target_feature(enable = "avx2")]
fn front<const BYTES: usize>(numbers: __m256i) -> __m128i {
    if BYTES == 1 {
        let bytes = _mm256_shuffle_epi8(numbers, bytemuck::cast(FIRST_BYTES));
        _mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes))
    } else {
        let words = _mm256_shuffle_epi8(numbers, bytemuck::cast(FIRST_WORDS));
        _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(words))
    }
}

/// Stores the first `BYTES` bytes of each of eight loads.
#[target_feature(enable = "avx2")]
fn store<const BYTES: usize>(loads: __m256i, chunk: &mut [u8]) {
    let samples = match BYTES {
        1 | 2 => _mm256_castsi128_si256(front::<BYTES>(loads)),
        _ => loads,
    };
    let bytes: [u8; 32] = bytemuck::cast(samples);
    chunk.copy_from_slice(&bytes[..AT_ONCE * BYTES]);
}

/// The first byte of each load to the front of its half, the rest zeros.
const FIRST_BYTES: [i8; 32] = of_both_halves([0, 4, 8, 12, -1, -1, -1, -1]);

/// The first two bytes of each load to the front of its half.
const FIRST_WORDS: [i8; 32] = of_both_halves([0, 1, 4, 5, 8, 9, 12, 13]);

/// An order of bytes for the front of both halves.
const fn of_both_halves(front: [i8; 8]) -> [i8; 32] {
    let mut order = [-1; 32];
    let mut at = 0;
    while at < front.len() {
        order[at] = front[at];
        order[16 + at] = front[at];
        at += 1;
    }
    order
}
