//! The best prefix code for what is met so and so often, of codes that are not too long.

use super::bits::Code;

/// Longest code of all: four of them are put at once.
pub(super) const LONGEST_CODE: usize = 14;

/// Bits of a number that stands for a symbol and, above these, how often it is met: one number is sorted sooner than
/// two.
const SYMBOL_BITS: u32 = 9;

/// Lengths of the best prefix code whose codes have no more than `longest` bits; 0 for what was never met. Two symbols
/// at least must be met. Source: D. A. Huffman, "A Method for the Construction of Minimum-Redundancy Codes", 1952; what
/// would be longer is made up for by the next shorter ones, until the code has no gap again.
pub(super) fn code_lengths(counts: &[u32], longest: usize) -> Vec<u8> {
    let symbols = counts.iter().zip(0_u64..).filter(|(count, _)| **count > 0);
    let mut met: Vec<u64> = symbols.map(|(&count, symbol)| u64::from(count) << SYMBOL_BITS | symbol).collect();
    met.sort_unstable();
    let mut of_length = numbers_of_lengths(&met, longest);
    let mut lengths = vec![0; counts.len()];
    let mut length = longest;
    for symbol in met.into_iter().map(|met| (met & ((1 << SYMBOL_BITS) - 1)) as usize) {
        while of_length[length] == 0 {
            length -= 1;
        }
        of_length[length] -= 1;
        lengths[symbol] = length as u8;
    }
    lengths
}

/// How many codes there are of each length up to `longest`, for symbols in the order of their counts.
fn numbers_of_lengths(met: &[u64], longest: usize) -> Vec<u32> {
    let leaves = met.len();
    let mut weights: Vec<u64> = met.iter().map(|&met| met >> SYMBOL_BITS).collect();
    let mut parents = vec![0; 2 * leaves - 1];
    let (mut leaf, mut node) = (0, leaves);
    // Both leaves and inner nodes stand in the order of their weights, so the two least are found at the fronts.
    for parent in leaves..2 * leaves - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < leaves && (node >= parent || weights[leaf] <= weights[node]);
            let least = if takes_leaf { &mut leaf } else { &mut node };
            weight += weights[*least];
            parents[*least] = parent;
            *least += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0; 2 * leaves - 1];
    let mut of_length = vec![0; longest + 1];
    for at in (0..2 * leaves - 2).rev() {
        depths[at] = depths[parents[at]] + 1;
        if at < leaves {
            of_length[longest.min(depths[at])] += 1;
        }
    }
    shorten(&mut of_length, longest);
    of_length
}

/// Makes codes of which the longest were cut fit again: two of a length take the place of one that is shorter by a bit.
fn shorten(of_length: &mut [u32], longest: usize) {
    let share = |length: usize| 1_u32 << (longest - length);
    let mut taken: u32 = (1..=longest).map(|length| of_length[length] * share(length)).sum();
    while taken > share(0) {
        of_length[longest] -= 1;
        if let Some(shorter) = (1..longest).rev().find(|&length| of_length[length] > 0) {
            of_length[shorter] -= 1;
            of_length[shorter + 1] += 2;
        }
        taken -= 1;
    }
}

/// Codes of given lengths, shorter ones first and symbols of one length in their order (section 3.2.2), with their
/// first bit lowest.
pub(super) fn codes_of(lengths: &[u8]) -> Vec<Code> {
    let (mut of_length, mut next) = ([0_u32; LONGEST_CODE + 1], [0_u32; LONGEST_CODE + 1]);
    lengths.iter().filter(|&&length| length > 0).for_each(|&length| of_length[usize::from(length)] += 1);
    for length in 1..=LONGEST_CODE {
        next[length] = (next[length - 1] + of_length[length - 1]) << 1;
    }
    let code = |&length: &u8| match length {
        0 => Code::default(),
        _ => {
            let code = next[usize::from(length)];
            next[usize::from(length)] += 1;
            Code::new(code.reverse_bits() >> (u32::BITS - u32::from(length)), length.into())
        }
    };
    lengths.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_have_no_gap_and_are_short_for_what_is_often_met(
            counts in prop::collection::vec(prop_oneof![Just(0_u32), 1_u32..9, 1_u32..100_000], 2..286),
            longest in 9_usize..=LONGEST_CODE,
        ) {
            prop_assume!(counts.iter().filter(|count| **count > 0).count() > 1);
            let lengths = code_lengths(&counts, longest);
            let share = |&length: &u8| if length == 0 { 0 } else { 1_u32 << (longest - usize::from(length)) };
            prop_assert_eq!(lengths.iter().map(share).sum::<u32>(), 1 << longest);
            for (a, &length) in lengths.iter().enumerate() {
                prop_assert_eq!(length > 0, counts[a] > 0);
                prop_assert!((0..counts.len()).all(|b| counts[b] <= counts[a] || lengths[b] <= length || length == 0));
            }
        }
    }

    #[test]
    fn a_code_that_would_be_too_long_is_cut() {
        let (mut counts, mut pair) = ([0_u32; 30], (1, 1));
        for count in &mut counts {
            (*count, pair) = (pair.0, (pair.1, pair.0 + pair.1));
        }
        let lengths = code_lengths(&counts, LONGEST_CODE);
        assert_eq!(lengths.iter().max(), Some(&(LONGEST_CODE as u8)));
        assert_eq!(
            lengths.iter().map(|&length| 1 << (LONGEST_CODE - usize::from(length))).sum::<u32>(),
            1 << LONGEST_CODE
        );
        assert_eq!(lengths[29], 1);
    }
}
