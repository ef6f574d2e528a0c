//! The first half of a style, which needs no look at the picture as a whole: what is kept of a strip's values until all
//! strips are there. For pictures too large to be made in one piece.

use super::{Coloring, Depth, Style, apply::check, bands::to_u8};
use crate::{Result, block::Samples, pixels::Pixels};

impl Style {
    /// What a picture needs of values: the bands that it shows, as 8 bits unless it is made of the values themselves.
    ///
    /// # Errors
    /// As [`super::apply()`].
    pub fn narrowed(&self, pixels: Pixels) -> Result<Pixels> {
        check(&pixels, self)?;
        if self.is_of_values() {
            return Ok(pixels);
        }
        let bands = if pixels.bands < 3 { 1 } else { 3 };
        let samples = match &pixels.samples {
            Samples::U16(values) if self.keeps_words(&pixels.samples) => {
                Samples::U16(values[..usize::from(bands) * pixels.pixels_per_band()].to_vec())
            }
            _ => Samples::U8((0..bands.into()).flat_map(|band| to_u8(&pixels, band, self)).collect()),
        };
        Ok(Pixels { bands, samples, nodata: None, ..pixels })
    }

    /// What is left to be done to narrowed pixels: with [`super::apply()`] they become the picture that the values
    /// would have become.
    #[must_use]
    pub fn of_narrowed(&self) -> Self {
        Self { rescale: Vec::new(), ..self.clone() }
    }

    /// Whether 16-bit values are shown as they are.
    pub(super) fn keeps_words(&self, samples: &Samples) -> bool {
        let is_raw = self.rescale.is_empty() && self.formula.is_none() && self.coloring.is_none();
        is_raw && self.depth == Depth::AsStored && matches!(samples, Samples::U16(_))
    }

    /// Whether the values themselves are looked up, not what the rescale makes of them.
    fn is_of_values(&self) -> bool {
        match self.coloring {
            Some(Coloring::Classes(_)) => self.rescale.is_empty() && self.formula.is_none(),
            Some(Coloring::Palette(_)) => true,
            Some(Coloring::Map(_)) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        block::Samples,
        pixels::Pixels,
        style::{ColorFormula, Coloring, Colormap, Depth, Rescale, Style, apply},
    };

    fn pixels(samples: Samples) -> Vec<Pixels> {
        let count = 240;
        let masks = [vec![255; count], (0..count).map(|at| if at % 7 == 0 { 0 } else { 255 }).collect()];
        let bands = (samples.len() / count) as u16;
        let of = |mask| Pixels { bands, ..Pixels::of_band(24, 10, samples.clone(), mask) };
        masks.map(of).into()
    }

    fn words(bands: usize) -> Samples {
        Samples::U16((0..240 * bands).map(|at| (at * 977 % 1013) as u16).collect())
    }

    /// What is narrowed becomes the picture that it would have become.
    #[test]
    fn the_two_halves_make_the_whole() {
        let rescale = vec![Rescale { min: 10.0, max: 900.0 }];
        let three: Vec<Rescale> = (1..4).map(|at| Rescale { min: f64::from(at), max: 300.0 }).collect();
        let formula = || ColorFormula::parse("gamma rg 1.3").ok();
        let classes = || Coloring::from_json(r##"[[[0, 100], "#ff0000"], [[300, 900], [1, 2, 3, 4]]]"##).ok();
        let map = || Colormap::named("viridis").map(Coloring::Map);
        let styles = [
            Style::default(),
            Style { rescale: rescale.clone(), ..Style::default() },
            Style { rescale: three, formula: formula(), ..Style::default() },
            Style { rescale: rescale.clone(), opaque: true, formula: formula(), ..Style::default() },
            Style { depth: Depth::AsStored, ..Style::default() },
            Style { depth: Depth::AsStored, rescale: rescale.clone(), ..Style::default() },
            Style { coloring: map(), rescale: rescale.clone(), ..Style::default() },
            Style { coloring: classes(), ..Style::default() },
            Style { coloring: classes(), opaque: true, rescale, ..Style::default() },
        ];
        let numbers = |bands: usize| Samples::F64((0..240 * bands).map(|at| (at % 997) as f64 / 3.0).collect());
        let bytes = |bands: usize| Samples::U8((0..240 * bands).map(|at| (at % 251) as u8).collect());
        let mut compared = 0;
        for bands in 1..=4 {
            for pixels in [words(bands), numbers(bands), bytes(bands)].into_iter().flat_map(pixels) {
                for style in &styles {
                    let halves = style.narrowed(pixels.clone()).and_then(|kept| apply(kept, &style.of_narrowed()));
                    match apply(pixels.clone(), style) {
                        Ok(whole) => assert!(halves.ok() == Some(whole), "{bands} bands by {style:?}"),
                        Err(error) => assert_eq!(halves.unwrap_err().to_string(), error.to_string()),
                    }
                    compared += 1;
                }
            }
        }
        assert_eq!(compared, 4 * 6 * styles.len());
    }
}
