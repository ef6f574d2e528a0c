//! Pixels put together of strips of rows.

use super::{Pixels, with_samples};
use crate::block::Samples;

/// Pixels of which the rows come strip by strip. All strips have the same width, bands and type.
#[derive(Debug)]
pub struct Gathered {
    pixels: Pixels,
}

impl Gathered {
    /// Room for `height_px` rows like those of `strip`, masked until they are put there.
    pub fn new(strip: &Pixels, height_px: u32) -> Self {
        let Pixels { width_px, bands, nodata, .. } = *strip;
        let count = width_px as usize * height_px as usize;
        let all = count * usize::from(bands);
        let samples = with_samples!(&strip.samples, values => zeros_like(values, all).into());
        Self { pixels: Pixels { width_px, height_px, bands, samples, mask: vec![0; count], all_valid: false, nodata } }
    }

    /// Puts a strip in its place, from row `first_row` on.
    pub fn put(&mut self, strip: &Pixels, first_row: u32) {
        let first = first_row as usize * self.pixels.width_px as usize;
        macro_rules! put {
            ($($variant:ident),*) => {
                match (&mut self.pixels.samples, &strip.samples) {
                    $((Samples::$variant(all), Samples::$variant(some)) => {
                        let bands = all.chunks_exact_mut(self.pixels.mask.len()).zip(some.chunks_exact(strip.mask.len()));
                        bands.for_each(|(all, some)| all[first..][..some.len()].copy_from_slice(some));
                    })*
                    // Of another type than the first there is none.
                    _ => {}
                }
            };
        }
        put!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64);
        self.pixels.mask[first..][..strip.mask.len()].copy_from_slice(&strip.mask);
    }

    /// All rows.
    pub fn finish(mut self) -> Pixels {
        self.pixels.all_valid = self.pixels.mask.iter().all(|&m| m == u8::MAX);
        self.pixels
    }
}

fn zeros_like<T: Clone + Default>(_: &[T], count: usize) -> Vec<T> {
    vec![T::default(); count]
}
