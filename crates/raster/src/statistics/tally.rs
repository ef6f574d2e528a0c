//! Counts of all bands of a raster that is looked at window by window, held to a limit.
//!
//! It reserves no memory; callers hold room for as many values as they allow.

use super::Counts;
use crate::{RasterError, Result, pixels::Pixels};

/// Most different values that anybody should allow, of all bands together; 16-bit values of one band are never more
/// than 65,536.
pub const MAX_DIFFERENT_VALUES: usize = 1 << 22;

/// Bytes that each of them takes: itself and how often it occurs, and once more while those of a window are added.
pub const BYTES_PER_DIFFERENT_VALUE: u64 = 32;

/// What was counted so far.
#[derive(Debug, Clone)]
pub struct Tally {
    bands: Vec<Counts>,
    most_values: usize,
}

impl Tally {
    /// Nothing yet, and never more than `most_values` different values of all bands together.
    pub fn new(most_values: usize) -> Self {
        Self { bands: Vec::new(), most_values }
    }

    /// The counts of each band.
    pub fn bands(&self) -> &[Counts] {
        &self.bands
    }

    /// Adds the values of a window, band by band: counts of all of its bands would come on top of those that are held.
    ///
    /// # Errors
    /// `TooLarge` for more different values than may be.
    pub fn add(&mut self, window: &Pixels) -> Result<()> {
        let mut values: usize = self.bands.iter().map(Counts::different_values).sum();
        for band in 0..window.bands {
            let more = Counts::of(window, band);
            let own = self.bands.get(usize::from(band));
            let others = values - own.map_or(0, Counts::different_values);
            let of_band = own.map_or(more.different_values(), |own| own.different_values_with(&more));
            values = others + of_band;
            if values > self.most_values {
                let (value, limit) = (values as u64, self.most_values as u64);
                return Err(RasterError::TooLarge { what: "number of different values of all bands", value, limit });
            }
            match self.bands.get_mut(usize::from(band)) {
                Some(own) => own.add(&more),
                None => self.bands.push(more),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;
    use crate::{
        RasterError,
        block::Samples,
        pixels::Pixels,
        statistics::{Counts, Wanted},
    };

    /// Two bands of these numbers, the second one of their halves.
    fn window(numbers: std::ops::Range<u16>) -> Pixels {
        let mask = vec![255; numbers.len()];
        let values = numbers.clone().map(f32::from).chain(numbers.map(|number| f32::from(number) / 2.0)).collect();
        Pixels { bands: 2, ..Pixels::of_band(mask.len() as u32, 1, Samples::F32(values), mask) }
    }

    #[test]
    fn windows_add_up_to_the_whole() {
        let mut tally = Tally::new(6000);
        for numbers in [0..1000, 500..2000, 2000..3000, 0..1] {
            tally.add(&window(numbers)).expect("few values");
        }
        let once = window(0..3000);
        for (band, counts) in (0..2).zip(tally.bands()) {
            let (sum, whole) =
                (counts.summarise(&Wanted::default()), Counts::of(&once, band).summarise(&Wanted::default()));
            let (sum, whole) = (sum.expect("valid"), whole.expect("valid"));
            assert_eq!((sum.unique, sum.min, sum.max, sum.valid_px), (3000, whole.min, whole.max, 3501));
        }
    }

    /// Neither band has too many by itself.
    #[test]
    fn the_limit_is_one_of_all_bands_together() {
        let mut tally = Tally::new(5999);
        tally.add(&window(0..1500)).expect("3,000 values");
        tally.add(&window(1000..2999)).expect("5,998 values");
        let beyond = tally.add(&window(2999..3000));
        assert!(matches!(beyond, Err(RasterError::TooLarge { value: 6000, limit: 5999, .. })), "{beyond:?}");
        assert!(Tally::new(5999).add(&window(0..3000)).is_err(), "the first window is held to it, too");
    }
}
