//! Codes of 64 literals at a time, and lines compared 64 bytes at a time.
//!
//! Two registers hold half a table of bytes, and processors with AVX-512 and its byte permutations (VBMI) look up 64 of
//! them at once; codes are then put together in pairs, fours and eights within the registers, and only what is left
//! goes to the stream one after the other. Others go the ways of [`super`].

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_and_si512, _mm512_cmpeq_epi8_mask, _mm512_madd_epi16, _mm512_mask_blend_epi8,
    _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutex2var_epi8, _mm512_set1_epi16, _mm512_set1_epi32,
    _mm512_set1_epi64, _mm512_setzero_si512, _mm512_sllv_epi32, _mm512_sllv_epi64, _mm512_srli_epi32,
    _mm512_srli_epi64, _mm512_unpackhi_epi8, _mm512_unpackhi_epi64, _mm512_unpacklo_epi8, _mm512_unpacklo_epi64,
};

use super::{
    bits::{Bits, Code, MOST_AT_ONCE},
    runs::CHUNK,
};

/// Literals whose codes are put at once if they are not too long, and as many of them as a register has.
const EIGHT: usize = 8;

/// Least literals for which that pays.
const LEAST_AT_ONCE: usize = 16;

pub(super) fn is_supported() -> bool {
    std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
}

/// A byte for each of 256.
#[derive(Clone, Copy)]
struct Table([__m512i; 4]);

impl Table {
    #[target_feature(enable = "avx512bw")]
    fn new(entries: impl Fn(usize) -> u8) -> Self {
        let parts: [[u8; 64]; 4] = bytemuck::cast(std::array::from_fn::<u8, 256, _>(entries));
        Self(parts.map(bytemuck::cast))
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn look_up(&self, places: __m512i) -> __m512i {
        let [first, second, third, fourth] = self.0;
        let lower = _mm512_permutex2var_epi8(first, places, second);
        let upper = _mm512_permutex2var_epi8(third, places, fourth);
        _mm512_mask_blend_epi8(_mm512_movepi8_mask(places), lower, upper)
    }
}

/// Codes of literals, none of them longer than 14 bits, by their bytes.
pub(super) struct Tables {
    low: Table,
    high: Table,
    lengths: Table,
}

impl Tables {
    #[target_feature(enable = "avx512bw")]
    pub(super) fn new(codes: &[Code; 256]) -> Self {
        Self {
            low: Table::new(|at| codes[at].bits() as u8),
            high: Table::new(|at| (codes[at].bits() >> 8) as u8),
            lengths: Table::new(|at| codes[at].len() as u8),
        }
    }

    /// Puts the codes of some literals, and says of how many: all but a few.
    #[target_feature(enable = "avx512bw,avx512vbmi,bmi1,bmi2")]
    pub(super) fn put(&self, literals: &[u8], bits: &mut Bits<'_>) -> usize {
        let (chunks, rest) = literals.as_chunks::<CHUNK>();
        let mut own = bits.take();
        for chunk in chunks {
            self.codes_of(chunk).put(CHUNK / EIGHT, &mut own);
        }
        let mut put = chunks.len() * CHUNK;
        if rest.len() >= LEAST_AT_ONCE {
            let mut chunk = [0; CHUNK];
            chunk[..rest.len()].copy_from_slice(rest);
            self.codes_of(&chunk).put(rest.len() / EIGHT, &mut own);
            put += rest.len() / EIGHT * EIGHT;
        }
        *bits = own;
        put
    }

    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn codes_of(&self, literals: &[u8; CHUNK]) -> Eights {
        let places = bytemuck::cast(*literals);
        let (low, high) = (self.low.look_up(places), self.high.look_up(places));
        let (lengths, none) = (self.lengths.look_up(places), _mm512_setzero_si512());
        // Each half of a register's parts has eights of literals of its own: the first of every part, or the second.
        let front = fours(_mm512_unpacklo_epi8(low, high), _mm512_unpacklo_epi8(lengths, none));
        let back = fours(_mm512_unpackhi_epi8(low, high), _mm512_unpackhi_epi8(lengths, none));
        let (firsts, seconds) = (front.firsts(&back), front.seconds(&back));
        let wholes = firsts.then(&seconds);
        Eights { wholes: wholes.numbers(), firsts: firsts.numbers(), seconds: seconds.numbers() }
    }
}

/// Codes of eights of literals as bits and their numbers: of all eight, and of the first and the second four.
struct Eights {
    wholes: ([u64; EIGHT], [u64; EIGHT]),
    firsts: ([u64; EIGHT], [u64; EIGHT]),
    seconds: ([u64; EIGHT], [u64; EIGHT]),
}

impl Eights {
    /// Puts the first `count` of them.
    #[inline(always)]
    fn put(&self, count: usize, bits: &mut Bits<'_>) {
        for at in 0..count.min(EIGHT) {
            if self.wholes.1[at] <= u64::from(MOST_AT_ONCE) {
                bits.put_bits(self.wholes.0[at], self.wholes.1[at] as u32);
            } else {
                bits.put_bits(self.firsts.0[at], self.firsts.1[at] as u32);
                bits.put_bits(self.seconds.0[at], self.seconds.1[at] as u32);
            }
        }
    }
}

/// As [`super::runs::equal_chunks`].
#[inline]
#[target_feature(enable = "avx512bw")]
pub(super) fn equal_chunks(a: &[u8; CHUNK], b: &[u8; CHUNK]) -> u64 {
    _mm512_cmpeq_epi8_mask(bytemuck::cast(*a), bytemuck::cast(*b))
}

/// Codes put together, eight of them.
struct Joined {
    bits: __m512i,
    lengths: __m512i,
}

/// Puts codes of 16 bits of room each together in fours.
#[inline]
#[target_feature(enable = "avx512bw")]
fn fours(codes: __m512i, lengths: __m512i) -> Joined {
    let (low_word, low_long) = (_mm512_set1_epi32(0xffff), _mm512_set1_epi64(0xffff_ffff));
    let second = _mm512_sllv_epi32(_mm512_srli_epi32::<16>(codes), _mm512_and_si512(lengths, low_word));
    let pairs = _mm512_or_si512(_mm512_and_si512(codes, low_word), second);
    let lengths = _mm512_madd_epi16(lengths, _mm512_set1_epi16(1));
    let first_lengths = _mm512_and_si512(lengths, low_long);
    let second = _mm512_sllv_epi64(_mm512_srli_epi64::<32>(pairs), first_lengths);
    Joined {
        bits: _mm512_or_si512(_mm512_and_si512(pairs, low_long), second),
        lengths: _mm512_add_epi64(first_lengths, _mm512_srli_epi64::<32>(lengths)),
    }
}

impl Joined {
    /// The first fours of each eight, of these and of those behind.
    #[target_feature(enable = "avx512bw")]
    fn firsts(&self, behind: &Self) -> Self {
        Self {
            bits: _mm512_unpacklo_epi64(self.bits, behind.bits),
            lengths: _mm512_unpacklo_epi64(self.lengths, behind.lengths),
        }
    }

    /// The second fours of each eight.
    #[target_feature(enable = "avx512bw")]
    fn seconds(&self, behind: &Self) -> Self {
        Self {
            bits: _mm512_unpackhi_epi64(self.bits, behind.bits),
            lengths: _mm512_unpackhi_epi64(self.lengths, behind.lengths),
        }
    }

    /// Each of these with one of `seconds` behind it; what is longer than 64 bits is cut.
    #[target_feature(enable = "avx512bw")]
    fn then(&self, seconds: &Self) -> Self {
        Self {
            bits: _mm512_or_si512(self.bits, _mm512_sllv_epi64(seconds.bits, self.lengths)),
            lengths: _mm512_add_epi64(self.lengths, seconds.lengths),
        }
    }

    fn numbers(&self) -> ([u64; EIGHT], [u64; EIGHT]) {
        (bytemuck::cast(self.bits), bytemuck::cast(self.lengths))
    }
}
