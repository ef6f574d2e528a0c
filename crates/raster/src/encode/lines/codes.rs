//! Prefix codes of one dynamic deflate block, and how the block says what they are. Source: RFC 1951, section 3.2.
//!
//! Every literal and every length has a code, also such as were not counted: what is coded may hold others than what
//! was counted.

use super::{
    bits::{Bits, Code},
    huffman::{LONGEST_CODE, code_lengths, codes_of},
};

/// Literals, the end of the block, and lengths of copies.
pub(super) const SYMBOLS: usize = 286;

/// Of these the end of the block.
const END: usize = 256;

/// Longest code of a length of codes.
const LONGEST_CODE_OF_LENGTHS: usize = 7;

/// Shortest and longest copy.
pub(super) const SHORTEST_COPY: usize = 3;
pub(super) const LONGEST_COPY: usize = 258;

/// Furthest that is copied from: half of what a stream may, so that the bits of a copy fit into a [`Code`].
pub(super) const FURTHEST: usize = 16_384;

/// The order in which the lengths of the codes of lengths are given.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// How often each symbol is met.
pub(super) type Counts = [u32; SYMBOLS];

/// A number as the code of its range and the bits that tell it from others of that range.
#[derive(Debug, PartialEq, Eq)]
struct Ranged {
    range: usize,
    extra: Code,
}

/// The symbol of a length of a copy, and its extra bits.
fn of_length(length: usize) -> Ranged {
    if length == LONGEST_COPY {
        return Ranged { range: SYMBOLS - 1, extra: Code::default() };
    }
    let ranged = ranged(length - SHORTEST_COPY, 2);
    Ranged { range: END + 1 + ranged.range, ..ranged }
}

/// The code of a distance, and its extra bits.
fn of_distance(distance: usize) -> Ranged {
    ranged(distance - 1, 1)
}

/// Ranges double in length after every 2 to the power of `fine` of them.
fn ranged(number: usize, fine: u32) -> Ranged {
    let len = (usize::BITS - number.leading_zeros()).saturating_sub(fine + 1);
    let range = (len as usize) * (1 << fine) + (number >> len);
    Ranged { range, extra: Code::new((number & ((1 << len) - 1)) as u32, len) }
}

/// The symbol that a copy of `length` counts as.
pub(super) fn symbol_of_length(length: usize) -> usize {
    of_length(length).range
}

/// The codes of one block, all of whose copies are from one distance.
pub(super) struct Codes {
    lengths: Vec<u8>,
    distance_lengths: Vec<u8>,
    pub(super) literals: [Code; 256],
    pub(super) end: Code,
    /// Copies by their length, with the distance.
    pub(super) copies: [Code; LONGEST_COPY + 1],
}

impl Codes {
    /// The best codes for such counts, and copies from `distance`, at most [`FURTHEST`], behind.
    pub(super) fn new(counts: &Counts, distance: usize) -> Self {
        // Counts of a part stand for the whole: what was not met there is rare, but may be met.
        let lengths = code_lengths(&counts.map(|count| count.saturating_mul(4).saturating_add(1)), LONGEST_CODE);
        let codes = codes_of(&lengths);
        let far = of_distance(distance);
        // A second code that is never used, since some decoders want codes without gaps.
        let unused = usize::from(far.range == 0);
        let mut distance_lengths = vec![0; far.range.max(unused) + 1];
        (distance_lengths[far.range], distance_lengths[if far.range == 0 { unused } else { 0 }]) = (1, 1);
        let from = Code::new(u32::from(far.range > 0), 1).then(far.extra);
        let copy = |length: usize| {
            let Ranged { range, extra } = of_length(length);
            codes[range].then(extra).then(from)
        };
        let copies = std::array::from_fn(|length| if length < SHORTEST_COPY { Code::default() } else { copy(length) });
        let literals = std::array::from_fn(|literal| codes[literal]);
        Self { lengths, distance_lengths, literals, end: codes[END], copies }
    }

    /// Puts the beginning of a last block with these codes.
    pub(super) fn put_header(&self, bits: &mut Bits<'_>) {
        let runs = runs_of(&self.lengths, &self.distance_lengths);
        let mut counts = [0; ORDER.len()];
        runs.iter().for_each(|run| counts[run.symbol] += 1);
        let lengths = code_lengths(&counts, LONGEST_CODE_OF_LENGTHS);
        let codes = codes_of(&lengths);
        let given = ORDER.iter().rposition(|&symbol| lengths[symbol] > 0).map_or(4, |last| (last + 1).max(4));
        let (last_block, dynamic) = (1, 2);
        bits.put(Code::new(last_block, 1).then(Code::new(dynamic, 2)));
        bits.put(Code::new((SYMBOLS - 257) as u32, 5).then(Code::new(self.distance_lengths.len() as u32 - 1, 5)));
        bits.put(Code::new(given as u32 - 4, 4));
        ORDER[..given].iter().for_each(|&symbol| bits.put(Code::new(lengths[symbol].into(), 3)));
        runs.iter().for_each(|run| bits.put(codes[run.symbol].then(run.extra)));
    }
}

/// Lengths of codes as they are given: one, or how often the last one or none comes again.
struct Run {
    symbol: usize,
    extra: Code,
}

fn runs_of(lengths: &[u8], distance_lengths: &[u8]) -> Vec<Run> {
    let all: Vec<u8> = [lengths, distance_lengths].concat();
    let mut runs = Vec::with_capacity(all.len());
    for same in all.chunk_by(|a, b| a == b) {
        let (length, mut left) = (usize::from(same[0]), same.len());
        if length > 0 {
            runs.push(Run { symbol: length, extra: Code::default() });
            left -= 1;
        }
        while left > 0 {
            let (symbol, least, most, extra_bits) = match length {
                0 if left > 10 => (18, 11, 138, 7),
                0 => (17, 3, 10, 3),
                _ => (16, 3, 6, 2),
            };
            if left < least {
                runs.extend((0..left).map(|_| Run { symbol: length, extra: Code::default() }));
                break;
            }
            let times = left.min(most);
            runs.push(Run { symbol, extra: Code::new((times - least) as u32, extra_bits) });
            left -= times;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_tables() {
        let of = |(range, extra, len)| Ranged { range, extra: Code::new(extra, len) };
        // The two tables of section 3.2.5, at their edges.
        for (length, symbol) in [
            (3, (257, 0, 0)),
            (10, (264, 0, 0)),
            (11, (265, 0, 1)),
            (12, (265, 1, 1)),
            (18, (268, 1, 1)),
            (19, (269, 0, 2)),
            (66, (276, 7, 3)),
            (114, (279, 15, 4)),
            (115, (280, 0, 4)),
            (131, (281, 0, 5)),
            (257, (284, 30, 5)),
            (258, (285, 0, 0)),
        ] {
            assert_eq!(of_length(length), of(symbol), "{length}");
        }
        for (distance, code) in [
            (1, (0, 0, 0)),
            (4, (3, 0, 0)),
            (5, (4, 0, 1)),
            (8, (5, 1, 1)),
            (9, (6, 0, 2)),
            (256, (15, 63, 6)),
            (257, (16, 0, 7)),
            (16_384, (27, 4095, 12)),
            (24_577, (29, 0, 13)),
        ] {
            assert_eq!(of_distance(distance), of(code), "{distance}");
        }
    }
}
