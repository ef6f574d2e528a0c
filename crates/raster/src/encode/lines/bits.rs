//! Bits one behind the other, as a deflate stream has them: each byte is filled from its lowest bit up (RFC 1951,
//! section 3.1.1).

/// Most bits that may be put at once.
#[cfg(target_arch = "x86_64")]
pub(super) const MOST_AT_ONCE: u32 = 56;

/// Bytes written at once, of which only the first ones may be whole yet.
pub(super) const WORD_BYTES: usize = size_of::<u64>();

/// Some bits, the first of them the lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Code {
    bits: u32,
    len: u32,
}

impl Code {
    pub(super) fn new(bits: u32, len: u32) -> Self {
        Self { bits, len }
    }

    /// This code and `other` behind it; both together must have no more than 32 bits.
    pub(super) fn then(self, other: Self) -> Self {
        Self { bits: self.bits | other.bits.wrapping_shl(self.len), len: self.len + other.len }
    }
}

/// What puts many codes together by itself looks at.
#[cfg(target_arch = "x86_64")]
impl Code {
    pub(super) fn bits(self) -> u32 {
        self.bits
    }

    pub(super) fn len(self) -> u32 {
        self.len
    }
}

/// Puts bits into a buffer that has room for all of them and [`WORD_BYTES`] more.
pub(super) struct Bits<'a> {
    room: &'a mut [u8],
    /// Whole bytes written.
    at: usize,
    /// Bits not yet part of a whole byte, and how many they are: fewer than eight.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0, held: 0, count: 0 }
    }

    /// The same bits, and nothing left here: what lives in one function alone stays in registers.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(&mut []))
    }

    /// Puts the lowest `len` bits of `bits`, the only ones that may be set.
    #[inline(always)]
    pub(super) fn put_bits(&mut self, bits: u64, len: u32) {
        self.held |= bits.wrapping_shl(self.count);
        self.count = self.count.wrapping_add(len);
        self.room[self.at..self.at.wrapping_add(WORD_BYTES)].copy_from_slice(&self.held.to_le_bytes());
        self.at = self.at.wrapping_add((self.count >> 3) as usize);
        self.held = self.held.wrapping_shr(self.count & !7);
        self.count &= 7;
    }

    #[inline(always)]
    pub(super) fn put(&mut self, code: Code) {
        self.put_bits(code.bits.into(), code.len);
    }

    /// Puts four codes, which together have no more than 56 bits. They are put together in pairs, so that they wait
    /// less for each other.
    #[inline(always)]
    pub(super) fn put_four(&mut self, [a, b, c, d]: [Code; 4]) {
        let pair = |first: Code, second: Code| {
            let bits = u64::from(first.bits) | u64::from(second.bits).wrapping_shl(first.len);
            (bits, first.len.wrapping_add(second.len))
        };
        let ((front, front_len), (back, back_len)) = (pair(a, b), pair(c, d));
        self.put_bits(front | back.wrapping_shl(front_len), front_len.wrapping_add(back_len));
    }

    /// Fills the last byte with zeros and says how many bytes were written.
    pub(super) fn finish(mut self) -> usize {
        self.put_bits(0, 7);
        self.at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_stand_one_behind_the_other(codes in prop::collection::vec((any::<u32>(), 1_u32..15), 0..40)) {
            let codes: Vec<Code> = codes.into_iter().map(|(bits, len)| Code::new(bits & ((1 << len) - 1), len)).collect();
            let wanted: Vec<bool> = codes.iter().flat_map(|code| (0..code.len).map(|bit| code.bits >> bit & 1 == 1)).collect();
            let mut room = [0; 100];
            let mut bits = Bits::new(&mut room);
            let (fours, rest) = codes.as_chunks::<4>();
            fours.iter().for_each(|four| bits.put_four(*four));
            rest.iter().for_each(|code| bits.put(*code));
            let bytes = bits.finish();
            prop_assert_eq!(bytes, wanted.len().div_ceil(8));
            let is_set = |at: usize| room[at / 8] >> (at % 8) & 1 == 1;
            prop_assert!((0..bytes * 8).all(|at| is_set(at) == wanted.get(at).copied().unwrap_or(false)));
        }
    }
}
