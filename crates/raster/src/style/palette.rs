//! Colours that a file brings along for samples of more than 8 bits, looked up by the value itself.
//!
//! As rio-tiler has it: a value without an entry is transparent, and signed 8-bit values are taken for unsigned ones,
//! since a colour map of theirs has 256 entries. A picture seldom shows more colours than a palette image has room for;
//! then it is one.

use std::sync::Arc;

use super::{Colors, Style};
use crate::{
    block::{Number, Samples},
    pixels::{Pixels, with_samples},
};

/// The place of an entry that was not seen yet.
const UNSEEN: u16 = u16::MAX;

/// Colours for the whole numbers from 0 on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    entries: Arc<[[u8; 4]]>,
}

impl Palette {
    /// RGBA by value.
    pub fn new(entries: Arc<[[u8; 4]]>) -> Self {
        Self { entries }
    }

    /// Colours of the one band: indexed if they are few enough, else RGBA. Masked pixels are transparent, or take the
    /// colour of 0 where the picture is to be opaque.
    pub(super) fn paint(&self, pixels: &Pixels, style: &Style) -> Colors {
        let masked = if style.opaque { self.entry_of(0.0) } else { self.nothing() };
        let entry = |value: f64, m: u8| if m == 0 { masked } else { self.entry_of(value) };
        let mask = || pixels.mask.iter();
        match &pixels.samples {
            Samples::I8(values) => {
                self.colors(&|| values.iter().zip(mask()).map(|(&value, &m)| entry(f64::from(value as u8), m)))
            }
            samples => with_samples!(samples, values => {
                self.colors(&|| values.iter().zip(mask()).map(|(&value, &m)| entry(value.number(), m)))
            }),
        }
    }

    /// The place behind all entries, which stands for what has no colour.
    fn nothing(&self) -> usize {
        self.entries.len()
    }

    fn entry_of(&self, value: f64) -> usize {
        // Cut to a whole number; what is none, or lies below 0, differs from it then.
        let entry = value as usize;
        if entry < self.nothing() && entry as f64 == value { entry } else { self.nothing() }
    }

    fn color(&self, entry: usize) -> [u8; 4] {
        self.entries.get(entry).copied().unwrap_or_default()
    }

    /// The colours of the entries that `pixels` walks over.
    fn colors<I: Iterator<Item = usize>>(&self, pixels: &impl Fn() -> I) -> Colors {
        self.indexed(pixels()).unwrap_or_else(|| Colors::Rgba8(pixels().flat_map(|entry| self.color(entry)).collect()))
    }

    /// `None` when they are more than an index of 8 bits can name.
    fn indexed(&self, pixels: impl Iterator<Item = usize>) -> Option<Colors> {
        let mut palette: Vec<[u8; 4]> = Vec::new();
        let mut places = vec![UNSEEN; self.nothing() + 1];
        let place_of = |entry: usize| {
            if places[entry] == UNSEEN {
                let color = self.color(entry);
                let known = palette.iter().position(|&known| known == color);
                if known.is_none() {
                    palette.push(color);
                }
                places[entry] = known.unwrap_or(palette.len() - 1) as u16;
            }
            u8::try_from(places[entry]).ok()
        };
        let indices = pixels.map(place_of).collect::<Option<Vec<u8>>>()?;
        Some(Colors::Indexed8 { indices, palette })
    }
}

#[cfg(test)]
mod tests {
    use super::{Colors, Palette, Pixels, Samples, Style};
    use crate::style::{Coloring, Picture, apply};

    /// A colour of its own for each value.
    fn palette(entries: usize) -> Palette {
        let color = |value: usize| [value as u8, (value >> 8) as u8, 7, if value == 3 { 0 } else { 255 }];
        Palette::new((0..entries).map(color).collect())
    }

    fn shown(samples: Samples, mask: Vec<u8>, entries: usize, opaque: bool) -> (Vec<[u8; 4]>, bool) {
        let pixels = Pixels::of_band(mask.len() as u32, 1, samples, mask);
        let style = Style { coloring: Some(Coloring::Palette(palette(entries))), opaque, ..Style::default() };
        let Picture { colors, .. } = apply(pixels.clone(), &style).expect("one band");
        let halves = style.narrowed(pixels).and_then(|kept| apply(kept, &style.of_narrowed())).expect("one band");
        assert_eq!(halves.colors, colors);
        match colors {
            Colors::Indexed8 { indices, palette } => {
                (indices.iter().map(|&at| palette[usize::from(at)]).collect(), true)
            }
            Colors::Rgba8(bytes) => (bytes.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect(), false),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_value_has_the_colour_of_its_entry() {
        let values = vec![0, 1, 3, 255, 256, 4095, 4096, 65_535, 5];
        let mask = vec![255, 255, 255, 255, 255, 255, 255, 255, 0];
        let nothing = [0; 4];
        let colors =
            [[0, 0, 7, 255], [1, 0, 7, 255], [3, 0, 7, 0], [255, 0, 7, 255], [0, 1, 7, 255], [255, 15, 7, 255]];
        let whole = [&colors[..], &[[0, 16, 7, 255], [255, 255, 7, 255], nothing]].concat();
        assert_eq!(shown(Samples::U16(values.clone()), mask.clone(), 65_536, false), (whole, true));
        let of_twelve_bits = [&colors[..], &[nothing; 3]].concat();
        assert_eq!(shown(Samples::U16(values), mask, 4096, false), (of_twelve_bits, true));
    }

    /// What rio-tiler 9.4.12 shows of signed samples with a colour map.
    #[test]
    fn signed_bytes_are_taken_for_unsigned_ones_and_other_negative_numbers_have_no_entry() {
        let (bytes, _) = shown(Samples::I8(vec![-1, -128, 127]), vec![255; 3], 256, false);
        assert_eq!(bytes, [[255, 0, 7, 255], [128, 0, 7, 255], [127, 0, 7, 255]]);
        let (words, _) = shown(Samples::I16(vec![-1, i16::MIN, 127]), vec![255; 3], 65_536, false);
        assert_eq!(words, [[0; 4], [0; 4], [127, 0, 7, 255]]);
        let (numbers, _) = shown(Samples::F32(vec![2.0, 2.5, f32::NAN, -1.0, -0.0]), vec![255; 5], 16, false);
        assert_eq!(numbers, [[2, 0, 7, 255], [0; 4], [0; 4], [0; 4], [0, 0, 7, 255]]);
    }

    #[test]
    fn many_colours_take_four_bytes_a_pixel() {
        for (count, is_indexed) in [(256, true), (257, false)] {
            let expected = (0..count).map(|value| palette(count).color(value)).collect();
            let values = (0..count as u16).collect();
            assert_eq!(shown(Samples::U16(values), vec![255; count], 65_536, false), (expected, is_indexed));
        }
    }

    #[test]
    fn without_a_mask_masked_pixels_are_zero() {
        assert_eq!(shown(Samples::U16(vec![9]), vec![0], 65_536, true).0, [[0, 0, 7, 255]]);
    }
}
