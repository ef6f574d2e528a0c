//! Running sums of 8- and 16-bit samples, a vector at a time.
//!
//! A sum along a row is serial, one sample a cycle. Within a vector it takes only a shifted addition for each doubling,
//! and the carry from one vector to the next one more: a third of the time for gray blocks, which is what radar
//! scenes are, and less where the processor has vectors of 32 bytes. Other processors than x86-64 take the serial way.

/// Replaces each sample by the wrapping sum of itself and all before it.
pub(super) fn sum_u8(row: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    // SAFETY: every x86-64 processor has SSE2, and this one AVX2 where it says so.
    unsafe {
        if std::arch::is_x86_feature_detected!("avx2") { avx2::sum_u8(row) } else { sse2::sum_u8(row) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    serial(row, 0, u8::wrapping_add);
}

/// Replaces each sample by the wrapping sum of itself and all before it.
pub(super) fn sum_u16(row: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code)]
    // SAFETY: every x86-64 processor has SSE2, and this one AVX2 where it says so.
    unsafe {
        if std::arch::is_x86_feature_detected!("avx2") { avx2::sum_u16(row) } else { sse2::sum_u16(row) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    serial(row, 0, u16::wrapping_add);
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::{
        _mm_add_epi8, _mm_add_epi16, _mm_set1_epi8, _mm_setzero_si128, _mm_shuffle_epi32, _mm_shufflehi_epi16,
        _mm_slli_si128,
    };

    use super::serial;

    #[target_feature(enable = "sse2")]
    pub(super) fn sum_u8(row: &mut [u8]) {
        let (vectors, rest) = row.as_chunks_mut::<16>();
        let mut carry = _mm_setzero_si128();
        for vector in vectors {
            let mut sums = bytemuck::cast(*vector);
            sums = _mm_add_epi8(sums, _mm_slli_si128::<1>(sums));
            sums = _mm_add_epi8(sums, _mm_slli_si128::<2>(sums));
            sums = _mm_add_epi8(sums, _mm_slli_si128::<4>(sums));
            sums = _mm_add_epi8(sums, _mm_slli_si128::<8>(sums));
            *vector = bytemuck::cast(_mm_add_epi8(sums, carry));
            let last: [i8; 16] = bytemuck::cast(sums);
            carry = _mm_add_epi8(carry, _mm_set1_epi8(last[15]));
        }
        let carry: [u8; 16] = bytemuck::cast(carry);
        serial(rest, carry[0], u8::wrapping_add);
    }

    #[target_feature(enable = "sse2")]
    pub(super) fn sum_u16(row: &mut [u16]) {
        let (vectors, rest) = row.as_chunks_mut::<8>();
        let mut carry = _mm_setzero_si128();
        for vector in vectors {
            let mut sums = bytemuck::cast(*vector);
            sums = _mm_add_epi16(sums, _mm_slli_si128::<2>(sums));
            sums = _mm_add_epi16(sums, _mm_slli_si128::<4>(sums));
            sums = _mm_add_epi16(sums, _mm_slli_si128::<8>(sums));
            *vector = bytemuck::cast(_mm_add_epi16(sums, carry));
            // The last sample into the whole upper half, then its upper pair everywhere.
            let last = _mm_shuffle_epi32::<0xff>(_mm_shufflehi_epi16::<0xff>(sums));
            carry = _mm_add_epi16(carry, last);
        }
        let carry: [u16; 8] = bytemuck::cast(carry);
        serial(rest, carry[0], u16::wrapping_add);
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256i, _mm256_add_epi8, _mm256_add_epi16, _mm256_permute2x128_si256, _mm256_permute4x64_epi64,
        _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_si256,
    };

    use super::serial;

    /// The last sample of each half all over that half.
    const LAST: [u8; 32] = {
        let mut bytes = [14; 32];
        let mut odd = 1;
        while odd < bytes.len() {
            bytes[odd] = 15;
            odd += 2;
        }
        bytes
    };

    #[target_feature(enable = "avx2")]
    pub(super) fn sum_u8(row: &mut [u8]) {
        let (vectors, rest) = row.as_chunks_mut::<32>();
        let (last, mut carry) = (bytemuck::cast::<_, __m256i>([15_u8; 32]), _mm256_setzero_si256());
        for vector in vectors {
            // As below.
            let mut sums = bytemuck::cast(*vector);
            sums = _mm256_add_epi8(sums, _mm256_slli_si256::<1>(sums));
            sums = _mm256_add_epi8(sums, _mm256_slli_si256::<2>(sums));
            sums = _mm256_add_epi8(sums, _mm256_slli_si256::<4>(sums));
            sums = _mm256_add_epi8(sums, _mm256_slli_si256::<8>(sums));
            let lower = _mm256_shuffle_epi8(_mm256_permute2x128_si256::<0x08>(sums, sums), last);
            sums = _mm256_add_epi8(sums, lower);
            *vector = bytemuck::cast(_mm256_add_epi8(sums, carry));
            let whole = _mm256_shuffle_epi8(_mm256_permute4x64_epi64::<0xee>(sums), last);
            carry = _mm256_add_epi8(carry, whole);
        }
        let carry: [u8; 32] = bytemuck::cast(carry);
        serial(rest, carry[0], u8::wrapping_add);
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn sum_u16(row: &mut [u16]) {
        let (vectors, rest) = row.as_chunks_mut::<16>();
        let (last, mut carry) = (bytemuck::cast::<_, __m256i>(LAST), _mm256_setzero_si256());
        for vector in vectors {
            // Shifts stay within the halves, so the lower half's sum is added to the upper one.
            let mut sums = bytemuck::cast(*vector);
            sums = _mm256_add_epi16(sums, _mm256_slli_si256::<2>(sums));
            sums = _mm256_add_epi16(sums, _mm256_slli_si256::<4>(sums));
            sums = _mm256_add_epi16(sums, _mm256_slli_si256::<8>(sums));
            let lower = _mm256_shuffle_epi8(_mm256_permute2x128_si256::<0x08>(sums, sums), last);
            sums = _mm256_add_epi16(sums, lower);
            *vector = bytemuck::cast(_mm256_add_epi16(sums, carry));
            let whole = _mm256_shuffle_epi8(_mm256_permute4x64_epi64::<0xee>(sums), last);
            carry = _mm256_add_epi16(carry, whole);
        }
        let carry: [u16; 16] = bytemuck::cast(carry);
        serial(rest, carry[0], u16::wrapping_add);
    }
}

/// The plain way, from a sum so far.
pub(super) fn serial<T: Copy>(row: &mut [T], mut sum: T, add: impl Fn(T, T) -> T) {
    for sample in row {
        sum = add(sum, *sample);
        *sample = sum;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn vectors_sum_like_the_plain_way(bytes in prop::collection::vec(any::<u8>(), 0..100), words in prop::collection::vec(any::<u16>(), 0..100)) {
            let (mut fast, mut plain, unsummed) = (bytes.clone(), bytes.clone(), bytes);
            sum_u8(&mut fast);
            serial(&mut plain, 0, u8::wrapping_add);
            prop_assert_eq!(&fast, &plain);
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            // SAFETY: every x86-64 processor has SSE2.
            unsafe {
                fast.clone_from(&unsummed);
                sse2::sum_u8(&mut fast);
            }
            prop_assert_eq!(fast, plain);
            let (mut fast, mut plain, unsummed) = (words.clone(), words.clone(), words);
            sum_u16(&mut fast);
            serial(&mut plain, 0, u16::wrapping_add);
            prop_assert_eq!(&fast, &plain);
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            // SAFETY: every x86-64 processor has SSE2.
            unsafe {
                fast.clone_from(&unsummed);
                sse2::sum_u16(&mut fast);
            }
            prop_assert_eq!(fast, plain);
        }
    }
}
