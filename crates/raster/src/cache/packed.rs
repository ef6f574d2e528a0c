//! A block of 16-bit samples in as few bits as its values need.
//!
//! Radar amplitudes fill 8 to 11 of their 16 bits but for a few bright targets, so a cache holds nearly twice as many
//! packed blocks, and unpacking one takes a thirtieth of what decompressing it anew does. Stretches of 1,024 samples
//! are each stored as differences to their least one ([`lanes`]). Other types are not packed. Caller:
//! [`super::BlockCache`].

use std::{mem::MaybeUninit, ops::Range};

mod lanes;

use lanes::{LANES, ROWS, Row};

use crate::{
    ahead::{LINE_BYTES, ask_for},
    block::{Block, Samples},
    spare,
};

/// Words that the processor fetches at once.
const LINE_WORDS: usize = LINE_BYTES / size_of::<u16>();

/// Samples packed together.
const STRETCH: usize = LANES * ROWS;

/// Turns signed numbers into unsigned ones of the same order, and back.
const SIGN: u16 = 0x8000;

/// Least share of a block's bytes that packing must save, as its reciprocal.
const LEAST_SAVED: usize = 8;

/// Samples of one block, packed.
#[derive(Debug)]
pub(crate) struct Packed {
    width_px: u32,
    pub(super) height_px: u32,
    /// Rows that it has, from the first on.
    pub(super) rows_px: u32,
    samples_per_pixel: u16,
    is_signed: bool,
    stretches: Box<[Stretch]>,
    /// Words of its stretches, as many rows for each as a difference has bits.
    words: Box<[Row]>,
    /// What is left after the last whole stretch, as it is.
    rest: Box<[u16]>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Bits of a difference.
    bits: u8,
    least: u16,
}

impl Packed {
    /// Packs a block, or the first rows of one; `None` where that would save little.
    pub(super) fn of(block: &Block) -> Option<Self> {
        let (samples, is_signed): (&[u16], _) = match block.samples.as_ref()? {
            Samples::U16(samples) => (samples, false),
            Samples::I16(samples) => (bytemuck::cast_slice(samples), true),
            _ => return None,
        };
        let (whole, rest) = samples.as_chunks::<STRETCH>();
        let stretches: Box<[Stretch]> = whole.iter().map(|stretch| Stretch::of(stretch, is_signed)).collect();
        let row_count: usize = stretches.iter().map(|stretch| stretch.rows()).sum();
        if row_count * LANES + rest.len() > samples.len() - samples.len() / LEAST_SAVED {
            return None;
        }
        let mut words = Vec::with_capacity(row_count);
        spare::populate(words.spare_capacity_mut());
        for (stretch, samples) in stretches.iter().zip(whole) {
            let packed = words.len();
            words.resize(packed + stretch.rows(), [0; LANES]);
            stretch.pack(samples, &mut words[packed..]);
        }
        let words = words.into_boxed_slice();
        let &Block { width_px, height_px, samples_per_pixel, ref rows, .. } = block;
        let rows_px = rows.end;
        Some(Self { width_px, height_px, rows_px, samples_per_pixel, is_signed, stretches, words, rest: rest.into() })
    }

    /// A window of the block as it was: those of `rows` that it has.
    pub(super) fn unpack(&self, rows: Range<u32>) -> Block {
        let rows = rows.start.min(self.rows_px)..rows.end.min(self.rows_px);
        let row_samples = self.width_px as usize * usize::from(self.samples_per_pixel);
        let wanted = rows.start as usize * row_samples..rows.end as usize * row_samples;
        let mut samples = spare::take(wanted.len());
        let (mut words, mut first) = (&*self.words, 0);
        for stretch in &self.stretches {
            let (packed, behind) = words.split_at(stretch.rows());
            if let Some(window) = overlap(&wanted, first, STRETCH) {
                let later = behind.iter().skip(stretch.rows()).take(stretch.rows());
                later.flat_map(|row| row.chunks(LINE_WORDS)).for_each(|line| ask_for(&line[0]));
                stretch.append(packed, window, &mut samples);
            }
            (words, first) = (behind, first + STRETCH);
        }
        samples.extend(overlap(&wanted, first, self.rest.len()).into_iter().flat_map(|window| &self.rest[window]));
        let samples = if self.is_signed { Samples::I16(bytemuck::cast_vec(samples)) } else { Samples::U16(samples) };
        let &Self { width_px, height_px, samples_per_pixel, .. } = self;
        Block { width_px, height_px, rows, samples_per_pixel, samples: Some(samples) }
    }

    /// Bytes of each of its buffers.
    pub(super) fn buffers_bytes(&self) -> [usize; 3] {
        [size_of_val(&*self.words), size_of_val(&*self.rest), size_of_val(&*self.stretches)]
    }
}

impl Stretch {
    fn of(samples: &[u16; STRETCH], is_signed: bool) -> Self {
        let flip = if is_signed { SIGN } else { 0 };
        let (least, most) = lanes::bounds(bytemuck::cast_ref(samples), flip);
        let bits = (u16::BITS - (most - least).leading_zeros()) as u8;
        Self { bits, least: least ^ flip }
    }

    /// Rows of words that it takes.
    fn rows(self) -> usize {
        self.bits.into()
    }

    fn pack(self, samples: &[u16; STRETCH], packed: &mut [Row]) {
        lanes::pack(self.rows(), bytemuck::cast_ref(samples), self.least, packed);
    }

    /// Appends a window of its samples: all of them where they lie, fewer by way of the whole.
    #[allow(unsafe_code)]
    fn append(self, packed: &[Row], window: Range<usize>, samples: &mut Vec<u16>) {
        if window.len() < STRETCH {
            let mut all = [[MaybeUninit::uninit(); LANES]; ROWS];
            lanes::unpack(self.rows(), packed, self.least, &mut all);
            // SAFETY: all of them were written.
            samples.extend_from_slice(unsafe { &all.as_flattened().assume_init_ref()[window] });
            return;
        }
        samples.reserve(STRETCH);
        let (room, _) = samples.spare_capacity_mut()[..STRETCH].as_chunks_mut::<LANES>();
        let room: &mut [_; ROWS] = room.try_into().expect("as many rows as a stretch has");
        lanes::unpack(self.rows(), packed, self.least, room);
        // SAFETY: as many samples were written behind those there were.
        unsafe { samples.set_len(samples.len() + STRETCH) };
    }
}

/// The part of `len` samples from `first` on that is wanted, counted from `first`.
fn overlap(wanted: &Range<usize>, first: usize, len: usize) -> Option<Range<usize>> {
    let window = wanted.start.max(first)..wanted.end.min(first + len);
    (!window.is_empty()).then(|| window.start - first..window.end - first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(samples: Samples) -> Block {
        Block { width_px: samples.len() as u32, height_px: 1, rows: 0..1, samples_per_pixel: 1, samples: Some(samples) }
    }

    #[test]
    fn a_block_of_speckle_takes_the_bits_of_its_values() {
        let samples: Vec<u16> = (0..8 * STRETCH + 5).map(|k| ((k * 2654435761) >> 16) as u16 % 1000 + 40).collect();
        let block = block(Samples::U16(samples));
        let packed = Packed::of(&block).expect("worth it");
        assert_eq!(packed.unpack(0..1), block);
        let (all, bytes) =
            (block.samples.as_ref().map_or(0, Samples::capacity_bytes), packed.buffers_bytes().iter().sum::<usize>());
        assert!(bytes * 16 < all * 11, "{bytes} of {all} bytes");
    }

    #[test]
    fn what_fills_its_bits_and_other_types_are_left_alone() {
        let wide: Vec<u16> = (0..2 * STRETCH).map(|k| if k % 2 == 0 { 0 } else { u16::MAX }).collect();
        assert!(Packed::of(&block(Samples::U16(wide))).is_none());
        assert!(Packed::of(&block(Samples::F32(vec![0.0; STRETCH]))).is_none());
        assert!(Packed::of(&Block { samples: None, ..block(Samples::U16(Vec::new())) }).is_none());
    }

    #[test]
    fn a_window_has_the_rows_asked_for() {
        let (width_px, height_px) = (300, 40);
        let samples: Vec<u16> = (0..width_px * height_px).map(|k| (k % 1009) as u16).collect();
        let rows = 7..38;
        let of_window = samples[7 * 300..38 * 300].to_vec();
        let block =
            Block { width_px, height_px, rows: 0..height_px, samples_per_pixel: 1, samples: Some(samples.into()) };
        let window = Packed::of(&block).expect("worth it").unpack(rows.clone());
        assert_eq!((window.rows, window.samples), (rows, Some(of_window.into())));
        let all = Packed::of(&block).expect("worth it").unpack(0..u32::MAX);
        assert_eq!(all, block);
    }

    proptest! {
        #[test]
        fn unpacked_is_as_it_was(
            seeds in prop::collection::vec((any::<i16>(), 0_u32..17, any::<u64>()), 1..5),
            rest in 0_usize..STRETCH,
        ) {
            let mut samples = Vec::new();
            for (least, bits, mut state) in seeds {
                for _ in 0..STRETCH {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    let difference = (state >> 40) as u16 & ((1_u32 << bits) - 1) as u16;
                    samples.push(least.wrapping_add_unsigned(difference));
                }
            }
            samples.resize(samples.len() + rest, -7);
            let unsigned = samples.iter().map(|&sample| sample as u16).collect();
            for block in [block(Samples::I16(samples)), block(Samples::U16(unsigned))] {
                if let Some(packed) = Packed::of(&block) {
                    prop_assert_eq!(packed.unpack(0..1), block);
                }
            }
        }
    }
}
