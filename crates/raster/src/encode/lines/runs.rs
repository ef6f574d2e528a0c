//! Where a line is like the one above.

use std::ops::Range;

/// Bytes compared before it is looked at what they are.
pub(super) const CHUNK: usize = 64;

/// Finds runs line by line.
#[derive(Default)]
pub(super) struct Runs {
    /// The ranges found in the last line.
    pub(super) found: Vec<Range<usize>>,
    /// A bit for each byte of it, set where both lines have the same.
    equal: Vec<u64>,
}

impl Runs {
    /// Finds the ranges, of at least four bytes since a copy takes about the bits of three, in which two lines, equally
    /// long, have the same; `equal_chunks` says what of 64 bytes is.
    #[inline(always)]
    pub(super) fn find(&mut self, line: &[u8], above: &[u8], equal_chunks: impl Fn(&[u8; CHUNK], &[u8; CHUNK]) -> u64) {
        self.found.clear();
        self.equal.clear();
        let (chunks, rest) = line.as_chunks();
        let (above, rest_above) = above.as_chunks();
        self.equal.extend(chunks.iter().zip(above).map(|(chunk, above)| equal_chunks(chunk, above)));
        self.equal.push(rest.iter().zip(rest_above).rev().fold(0, |equal, (a, b)| equal << 1 | u64::from(a == b)));
        let mut done = 0;
        for word in 0..self.equal.len() {
            let (equal, next) = (self.equal[word], self.equal.get(word + 1).copied().unwrap_or(0));
            let later = |by: u32| equal >> by | next << (u64::BITS - by);
            let mut starts = equal & later(1) & later(2) & later(3);
            while starts != 0 {
                let first = word * CHUNK + starts.trailing_zeros() as usize;
                if first >= done {
                    done = self.end_of(first);
                    self.found.push(first..done);
                }
                // What is in the run that was found begins none.
                starts &= u64::MAX.checked_shl((done - word * CHUNK) as u32).unwrap_or(0);
            }
        }
    }

    /// Where the run ends that has its beginning, or a part of it, at `first`.
    #[inline(always)]
    fn end_of(&self, first: usize) -> usize {
        let (mut word, mut at) = (first / CHUNK, first);
        loop {
            let ones = (self.equal[word] >> (at % CHUNK)).trailing_ones() as usize;
            at += ones;
            word += 1;
            if at != word * CHUNK || word == self.equal.len() {
                return at;
            }
        }
    }
}

/// Bit k tells whether byte k is the same in both.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline(always)]
pub(super) fn equal_chunks(a: &[u8; CHUNK], b: &[u8; CHUNK]) -> u64 {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { equal_quarters(a, b) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn equal_quarters(a: &[u8; CHUNK], b: &[u8; CHUNK]) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8};
    let quarter = |bytes: &[u8; CHUNK], at: usize| bytemuck::cast::<[[u8; 16]; 4], [_; 4]>(bytemuck::cast(*bytes))[at];
    let same = |at: usize| _mm_movemask_epi8(_mm_cmpeq_epi8(quarter(a, at), quarter(b, at))) as u64;
    same(0) | same(1) << 16 | same(2) << 32 | same(3) << 48
}

/// The same for other processors, eight bytes at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_plainly(a: &[u8; CHUNK], b: &[u8; CHUNK]) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let words = |bytes: &[u8; CHUNK]| -> [[u8; 8]; 8] { bytemuck::cast(*bytes) };
    words(a).into_iter().zip(words(b)).rev().fold(0, |equal, (a, b)| {
        let differing = u64::from_le_bytes(a) ^ u64::from_le_bytes(b);
        // The highest bit of each byte that is zero, then those of all eight side by side.
        let same = !((differing & LOW).wrapping_add(LOW) | differing | LOW);
        equal << 8 | (same >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// Bit k tells whether byte k is the same in both.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn equal_chunks(a: &[u8; CHUNK], b: &[u8; CHUNK]) -> u64 {
    equal_plainly(a, b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_long_run_is_found(line in prop::collection::vec(0_u8..3, 0..300), other in prop::collection::vec((0_usize..300, any::<u8>()), 0..30)) {
            let mut above = line.clone();
            other.iter().filter(|(at, _)| *at < line.len()).for_each(|&(at, byte)| above[at] = byte);
            let same: Vec<usize> = (0..line.len()).filter(|&at| line[at] == above[at]).collect();
            let wanted: Vec<Range<usize>> = same
                .chunk_by(|a, b| a + 1 == *b)
                .filter(|run| run.len() >= 4)
                .map(|run| run[0]..run[run.len() - 1] + 1)
                .collect();
            let mut runs = Runs { found: vec![7..9, 12..20], equal: vec![5] };
            runs.find(&line, &above, equal_chunks);
            prop_assert_eq!(runs.found, wanted);
        }

        #[test]
        fn both_ways_compare_alike(a in prop::array::uniform32(any::<u16>()), same: u64) {
            let a: [u8; CHUNK] = bytemuck::cast(a);
            let b = std::array::from_fn(|at| if same >> at & 1 == 1 { a[at] } else { a[at] ^ (1 << (at % 8)) });
            prop_assert_eq!((equal_chunks(&a, &b), equal_plainly(&a, &b)), (same, same));
        }
    }
}
