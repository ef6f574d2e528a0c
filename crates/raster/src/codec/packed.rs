//! Samples of a number of bits that is no whole type, packed one after the other, most significant bit first.
//!
//! Rows begin at whole bytes (TIFF 6.0, section 8). The file's byte order does not matter, not even to samples of three
//! bytes.

/// Bytes of a row of so many samples.
pub(super) fn row_bytes(samples: usize, bits: u8) -> usize {
    (samples * usize::from(bits)).div_ceil(8)
}

/// The numbers in `rows`, each of `samples` samples, of `bits` from 1 to 31.
pub(super) fn unpack<T: TryFrom<u32>>(rows: &[u8], samples: usize, bits: u8) -> Vec<T> {
    let number = |value: u32| T::try_from(value).ok();
    let mut out = Vec::with_capacity(rows.len() / row_bytes(samples, bits).max(1) * samples);
    for row in rows.chunks_exact(row_bytes(samples, bits).max(1)) {
        let (mut pending, mut pending_bits) = (0_u64, 0_u8);
        let mut bytes = row.iter();
        out.extend((0..samples).filter_map(|_| {
            while pending_bits < bits {
                pending = pending << 8 | u64::from(*bytes.next()?);
                pending_bits += 8;
            }
            pending_bits -= bits;
            number((pending >> pending_bits) as u32 & ((1 << bits) - 1))
        }));
    }
    out
}

/// Numbers that can be cut to fewer bits.
pub(super) trait Masked: Copy {
    /// The lowest `bits` bits.
    fn low_bits(self, bits: u8) -> Self;
}

macro_rules! masked {
    ($($number:ty),*) => {$(
        impl Masked for $number {
            fn low_bits(self, bits: u8) -> Self {
                self & (Self::MAX >> (Self::BITS - u32::from(bits)))
            }
        }
    )*};
}
masked!(u8, u16, u32);

/// The same bytes with the bits of each turned round: fill order 2.
pub(super) fn reversed_bits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_out_as_they_were_put_in(bits in 1_u8..=31, samples in 1_usize..20, seed in any::<u32>()) {
            let value = |index: usize| seed.wrapping_mul(2 * index as u32 + 1) >> (32 - u32::from(bits));
            let mut rows = Vec::new();
            for row in 0..3 {
                let text: String = (0..samples).map(|k| format!("{:0bits$b}", value(row * samples + k), bits = usize::from(bits))).collect();
                let padded = format!("{text:0<length$}", length = row_bytes(samples, bits) * 8);
                rows.extend(padded.as_bytes().chunks(8).map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()));
            }
            let expected: Vec<u32> = (0..3 * samples).map(value).collect();
            prop_assert_eq!(unpack::<u32>(&rows, samples, bits), expected);
        }
    }

    #[test]
    fn bits_and_bytes_come_most_significant_first() {
        assert_eq!(unpack::<u32>(&[1, 2, 3, 4, 5, 6], 2, 24), [0x01_02_03, 0x04_05_06]);
        assert_eq!(unpack::<u8>(&[0b1010_0000, 0xff], 3, 1), [1, 0, 1, 1, 1, 1]);
    }
}
