//! A rescale of whole numbers as one product and one sum of 32-bit floats.
//!
//! A table answers for one value after the other; arithmetic is done on eight or sixteen at a time. Floats of 32 bits
//! round otherwise than the 64-bit ones that a table is made of, so a product and a sum take its place only where they
//! give the table's every entry: mostly, but not for ranges of nearly all 16-bit values. Caller: [`super::bands`].

use super::Rescale;

/// What added to a float leaves its nearest whole number in the lowest bits: 2²³, beyond which floats are whole.
const WHOLE: f32 = 8_388_608.0;

/// Shares of the least distance between a value and the next whole number that are tried as room for rounding.
const ROOMS: [f64; 3] = [0.5, 0.25, 0.75];

/// Entries compared between looks whether to go on.
const CHUNK: usize = 1024;

/// A product and a sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    factor: f32,
    sum: f32,
}

impl Linear {
    /// The rescale by `range` of whole numbers from `first` on, where it is what `table` has for each of them.
    pub(super) fn of(first: i32, range: Rescale, table: &[u8]) -> Option<Self> {
        let extent = range.max - range.min;
        let factor = 255.0 / extent;
        // Numbers are cut, not rounded, so half of one is taken off; and whole ones must not fall short of themselves.
        let shifted = |room: f64| -range.min * factor - 0.5 + room / extent.abs();
        let candidates = ROOMS.map(|room| Self { factor: factor as f32, sum: shifted(room) as f32 });
        candidates.into_iter().filter(|linear| linear.is_finite()).find(|linear| linear.agrees(first, table))
    }

    fn is_finite(&self) -> bool {
        self.factor.is_finite() && self.sum.is_finite()
    }

    fn agrees(self, first: i32, table: &[u8]) -> bool {
        table.chunks(CHUNK).zip((first..).step_by(CHUNK)).all(|(entries, first)| {
            // Without a branch for each, so that many are compared at once.
            let differs = |(&entry, value): (&u8, i32)| self.byte(value as f32) != entry;
            !entries.iter().zip(first..).fold(false, |any, pair| any | differs(pair))
        })
    }

    #[inline(always)]
    fn byte(self, value: f32) -> u8 {
        let scaled = (value * self.factor + self.sum).clamp(0.0, 255.0);
        (scaled + WHOLE).to_bits() as u8
    }

    /// All values of a band.
    pub(super) fn bytes<T: Copy + Into<f32>>(self, values: &[T]) -> Vec<u8> {
        #[cfg(target_arch = "x86_64")]
        #[allow(unsafe_code)]
        // SAFETY: this processor has AVX-512 or AVX2 where it says so.
        unsafe {
            if std::arch::is_x86_feature_detected!("avx512bw") {
                return self.bytes_by_sixteens(values);
            }
            if std::arch::is_x86_feature_detected!("avx2") {
                return self.bytes_by_eights(values);
            }
        }
        self.bytes_plainly(values)
    }

    /// The same for a compiler that may use the widest registers.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512bw")]
    fn bytes_by_sixteens<T: Copy + Into<f32>>(self, values: &[T]) -> Vec<u8> {
        self.bytes_plainly(values)
    }

    /// The same for a compiler that may use wider registers.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn bytes_by_eights<T: Copy + Into<f32>>(self, values: &[T]) -> Vec<u8> {
        self.bytes_plainly(values)
    }

    #[inline(always)]
    fn bytes_plainly<T: Copy + Into<f32>>(self, values: &[T]) -> Vec<u8> {
        values.iter().map(|&value| self.byte(value.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::style::bands::table;

    fn of_words(range: Rescale) -> (Option<Linear>, Box<[u8; 65_536]>) {
        let table = table(0, range);
        (Linear::of(0, range, &table[..]), table)
    }

    #[test]
    fn usual_ranges_need_no_table() {
        for (min, max) in [(0.0, 255.0), (37.0, 1042.0), (12.5, 873.25), (1042.0, 37.0), (0.0, 4095.0), (-30.0, 5.0)] {
            assert!(of_words(Rescale { min, max }).0.is_some(), "{min} to {max}");
        }
    }

    #[test]
    fn what_is_no_range_has_a_table() {
        for (min, max) in [(3.0, 3.0), (f64::NAN, 5.0)] {
            assert!(of_words(Rescale { min, max }).0.is_none(), "{min} to {max}");
        }
    }

    proptest! {
        #[test]
        fn it_gives_the_tables_bytes(min in -3000.0..3000.0, extent in 0.5..9000.0, is_whole: bool, is_turned: bool) {
            let (low, high): (f64, f64) = if is_whole { (f64::round(min), f64::round(min + extent) + 1.0) } else { (min, min + extent) };
            let (min, max) = if is_turned { (high, low) } else { (low, high) };
            let (linear, table) = of_words(Rescale { min, max });
            if let Some(linear) = linear {
                let values: Vec<u16> = (0..=u16::MAX).collect();
                prop_assert_eq!(&linear.bytes(&values)[..], &table[..]);
                prop_assert_eq!(&linear.bytes_plainly(&values)[..], &table[..]);
                #[cfg(target_arch = "x86_64")]
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: this processor has AVX2.
                    #[allow(unsafe_code)]
                    let bytes = unsafe { linear.bytes_by_eights(&values) };
                    prop_assert_eq!(&bytes[..], &table[..]);
                }
            }
        }
    }
}
