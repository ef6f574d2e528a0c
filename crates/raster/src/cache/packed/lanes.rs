//! Stretches of 1,024 samples in as few bits each as their differences to the least one need.
//!
//! A stretch is sixteen rows of 64 lanes. The numbers of a lane stand one behind the other in its words, so all lanes
//! are shifted by the same number of bits and as many of them are dealt with at a time as the processor has room for:
//! the layout of Afroozeh and Boncz, "The FastLanes Compression Layout" (VLDB 2023), but for the order of its rows.

use std::mem::MaybeUninit;

/// Lanes of a stretch.
pub(super) const LANES: usize = 64;

/// Rows of a stretch: one for each bit of a word.
pub(super) const ROWS: usize = 16;

/// One number of each lane.
pub(super) type Row = [u16; LANES];

/// Room for one number of each lane.
pub(super) type Room = [MaybeUninit<u16>; LANES];

/// Runs a function as it is compiled for AVX2 where this processor has that, else for what all have.
macro_rules! by_width {
    ($(#[$doc:meta])* $name:ident, $plain:ident, $wide:ident, ($($argument:ident: $type:ty),*) $(-> $result:ty)?) => {
        $(#[$doc])*
        pub(super) fn $name($($argument: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: this processor has AVX2.
                #[allow(unsafe_code)]
                return unsafe { $wide($($argument),*) };
            }
            $plain($($argument),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2")]
        fn $wide($($argument: $type),*) $(-> $result)? {
            $plain($($argument),*)
        }
    };
}

by_width!(
    /// The least and the greatest sample, in the order that they have once the bits of `flip` are turned over.
    bounds, bounds_plainly, bounds_widely, (samples: &[Row; ROWS], flip: u16) -> (u16, u16)
);

by_width!(
    /// Packs what the samples exceed `least` by, all of it less than 2 to the power of `bits`, into as many rows as
    /// that.
    pack, pack_plainly, pack_widely, (bits: usize, samples: &[Row; ROWS], least: u16, packed: &mut [Row])
);

by_width!(
    /// Writes all samples again. There must be `bits` rows of them, at most 16.
    unpack, unpack_plainly, unpack_widely, (bits: usize, packed: &[Row], least: u16, samples: &mut [Room; ROWS])
);

#[inline(always)]
fn bounds_plainly(samples: &[Row; ROWS], flip: u16) -> (u16, u16) {
    let (mut least, mut most) = ([u16::MAX; LANES], [0; LANES]);
    for row in samples {
        for ((least, most), &sample) in least.iter_mut().zip(&mut most).zip(row) {
            (*least, *most) = ((*least).min(sample ^ flip), (*most).max(sample ^ flip));
        }
    }
    (least.into_iter().fold(u16::MAX, u16::min), most.into_iter().fold(0, u16::max))
}

/// Word of a lane that a row begins in, and bits of that word before it.
#[inline(always)]
fn place(row: usize, bits: usize) -> (usize, u32) {
    (row * bits / ROWS, (row * bits % ROWS) as u32)
}

#[inline(always)]
fn pack_plainly(bits: usize, samples: &[Row; ROWS], least: u16, packed: &mut [Row]) {
    let mut words = [0; LANES];
    for (row, samples) in samples.iter().enumerate() {
        let (at, shift) = place(row, bits);
        for (word, sample) in words.iter_mut().zip(samples) {
            *word |= sample.wrapping_sub(least).wrapping_shl(shift);
        }
        if place(row + 1, bits).0 > at {
            packed[at] = words;
            // What had no room, in two steps: a word is as long as all that may have had none.
            for (word, sample) in words.iter_mut().zip(samples) {
                *word = (sample.wrapping_sub(least) >> 1).wrapping_shr(u16::BITS - 1 - shift);
            }
        }
    }
}

#[inline(always)]
fn unpack_plainly(bits: usize, packed: &[Row], least: u16, samples: &mut [Room; ROWS]) {
    let mask = ((1_u32 << bits) - 1) as u16;
    for (row, samples) in samples.iter_mut().enumerate() {
        let (at, shift) = place(row, bits);
        let (Some(words), next) = (packed.get(at), packed.get(at + 1)) else {
            *samples = [MaybeUninit::new(least); LANES];
            continue;
        };
        match next {
            Some(next) if shift as usize + bits > ROWS => {
                for ((sample, low), high) in samples.iter_mut().zip(words).zip(next) {
                    let number = low.wrapping_shr(shift) | high.wrapping_shl(u16::BITS - shift);
                    sample.write((number & mask).wrapping_add(least));
                }
            }
            _ => {
                for (sample, word) in samples.iter_mut().zip(words) {
                    sample.write((word.wrapping_shr(shift) & mask).wrapping_add(least));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_packs_alike_and_gives_the_samples_back(least: u16, bits in 0_usize..=16, mut state: u64) {
            let mask = ((1_u32 << bits) - 1) as u16;
            let samples: [Row; ROWS] = std::array::from_fn(|_| std::array::from_fn(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                least.wrapping_add((state >> 40) as u16 & mask)
            }));
            let (mut packed, mut plainly) = (vec![[1; LANES]; bits], vec![[2; LANES]; bits]);
            pack(bits, &samples, least, &mut packed);
            pack_plainly(bits, &samples, least, &mut plainly);
            prop_assert_eq!(&packed, &plainly);
            for way in [unpack, unpack_plainly] {
                let mut unpacked = [[MaybeUninit::new(!least); LANES]; ROWS];
                way(bits, &packed, least, &mut unpacked);
                // SAFETY: they were numbers before.
                #[allow(unsafe_code)]
                let unpacked = unsafe { unpacked.as_flattened().assume_init_ref() };
                prop_assert_eq!(unpacked, samples.as_flattened());
            }
            for flip in [0, 0x8000] {
                let ordered = samples.as_flattened().iter().map(|sample| sample ^ flip);
                prop_assert_eq!(bounds(&samples, flip), (ordered.clone().min().unwrap(), ordered.max().unwrap()));
                prop_assert_eq!(bounds(&samples, flip), bounds_plainly(&samples, flip));
            }
        }
    }
}
