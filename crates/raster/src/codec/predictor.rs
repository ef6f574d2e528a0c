//! Undoing what was done to samples before compression (TIFF 6.0, section 14, and Adobe's technical note 3).
//!
//! Horizontal differences are summed up along each row, band by band, in the samples' own width with wrap-around. The
//! floating point predictor keeps the bytes of a row's samples apart, most significant first, as byte differences.

use super::prefix;
use crate::header::Predictor;

/// An unsigned number that differences are taken in.
pub(super) trait Difference: Copy {
    /// Wrapping sum.
    fn plus(self, other: Self) -> Self;
    /// The same bytes in reverse.
    fn swap_bytes(self) -> Self;
    /// Replaces each number of a row by the sum of itself and all before it.
    fn sum_row(row: &mut [Self]);
}

macro_rules! difference {
    ($($number:ty: $sum_row:expr),*) => {$(
        impl Difference for $number {
            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline]
            fn swap_bytes(self) -> Self {
                Self::swap_bytes(self)
            }
            fn sum_row(row: &mut [Self]) {
                $sum_row(row);
            }
        }
    )*};
}
difference!(
    u8: prefix::sum_u8,
    u16: prefix::sum_u16,
    u32: |row| prefix::serial(row, 0, u32::wrapping_add),
    u64: |row| prefix::serial(row, 0, u64::wrapping_add)
);

/// Sums up differences in rows of `width` pixels of `bands` samples, where `predictor` is the horizontal one.
pub(super) fn undo_horizontal<D: Difference>(predictor: Predictor, samples: &mut [D], width: usize, bands: usize) {
    if predictor != Predictor::Horizontal {
        return;
    }
    for row in samples.chunks_exact_mut(width * bands) {
        match bands {
            1 => D::sum_row(row),
            2 => sum_row::<D, 2>(row),
            3 => sum_row::<D, 3>(row),
            4 => sum_row::<D, 4>(row),
            _ => sum_wide_row(row, bands),
        }
    }
}

/// Running sums of `BANDS` bands, kept in registers.
fn sum_row<D: Difference, const BANDS: usize>(row: &mut [D]) {
    let (pixels, _) = row.as_chunks_mut::<BANDS>();
    let Some((first, rest)) = pixels.split_first_mut() else { return };
    let mut sums = *first;
    for pixel in rest {
        for (sum, sample) in sums.iter_mut().zip(pixel.iter_mut()) {
            *sum = sum.plus(*sample);
            *sample = *sum;
        }
    }
}

fn sum_wide_row<D: Difference>(row: &mut [D], bands: usize) {
    for index in bands..row.len() {
        row[index] = row[index].plus(row[index - bands]);
    }
}

/// Puts samples of `sample_bytes` bytes together again, in native byte order.
pub(super) fn undo_floating_point(bytes: &mut [u8], width: usize, bands: usize, sample_bytes: usize) {
    let row_samples = width * bands;
    let mut planes = vec![0; row_samples * sample_bytes];
    for row in bytes.chunks_exact_mut(planes.len()) {
        undo_horizontal(Predictor::Horizontal, row, row_samples * sample_bytes / bands, bands);
        planes.copy_from_slice(row);
        for (significance, plane) in planes.chunks_exact(row_samples).enumerate() {
            let place = if cfg!(target_endian = "big") { significance } else { sample_bytes - 1 - significance };
            row.chunks_exact_mut(sample_bytes).zip(plane).for_each(|(sample, &byte)| sample[place] = byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The predictor as the specification words it: each sample less its neighbour to the left.
    fn differences(row: &[u16], bands: usize) -> Vec<u16> {
        (0..row.len()).map(|i| if i < bands { row[i] } else { row[i].wrapping_sub(row[i - bands]) }).collect()
    }

    proptest! {
        #[test]
        fn horizontal_differences_sum_up(width in 1usize..40, bands in 1usize..7, seed in any::<u64>()) {
            let sample = |i: usize| (seed.wrapping_mul(i as u64 * 2 + 1) >> 40) as u16;
            let samples: Vec<u16> = (0..width * bands * 3).map(sample).collect();
            let mut coded: Vec<u16> = samples.chunks(width * bands).flat_map(|row| differences(row, bands)).collect();
            undo_horizontal(Predictor::Horizontal, &mut coded, width, bands);
            prop_assert_eq!(coded, samples);
        }
    }

    #[test]
    fn float_bytes_come_together() {
        let floats = [1.5f32, -2.25, 1e10];
        let plane = |place: usize| floats.iter().map(move |float| float.to_be_bytes()[place]);
        let bytes: Vec<u8> = (0..4).flat_map(plane).collect();
        let mut coded: Vec<u8> =
            (0..bytes.len()).map(|i| if i == 0 { bytes[0] } else { bytes[i].wrapping_sub(bytes[i - 1]) }).collect();
        undo_floating_point(&mut coded, 3, 1, 4);
        let decoded: Vec<f32> =
            coded.chunks(4).map(|bytes| f32::from_ne_bytes(bytes.try_into().expect("four"))).collect();
        assert_eq!(decoded, floats);
    }
}
