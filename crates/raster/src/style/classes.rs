//! Colours of classes: of single values, or of intervals. What belongs to no class is transparent.

use super::{Colors, Style, bands::to_u8};
use crate::{
    block::Number,
    pixels::{Pixels, with_samples},
};

/// Most classes of a colormap.
const MAX_CLASSES: usize = 4096;

/// Colours of a palette image, one of which is kept for what has no class.
const MAX_PALETTE: usize = 255;

/// Colours by value. Later entries win where several apply, as in TiTiler.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    kind: Kind,
    /// Places where the colour changes, or the values themselves, ascending.
    at: Vec<f64>,
    /// The colour of each; `None` between intervals.
    colors: Vec<Option<[u8; 4]>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A value has a colour if it is one of them.
    Values,
    /// A value has the colour of the last place not above it.
    Steps,
}

impl Classes {
    /// Classes of single values.
    pub(super) fn of_values(mut entries: Vec<(f64, [u8; 4])>) -> Result<Self, String> {
        check_count(entries.len())?;
        // Stable, so that of equal values the last one given comes last.
        entries.sort_by(|a, b| a.0.total_cmp(&b.0));
        entries.reverse();
        entries.dedup_by(|later, kept| later.0 == kept.0);
        entries.reverse();
        let (at, colors) = entries.into_iter().map(|(value, color)| (value, Some(color))).unzip();
        Ok(Self { kind: Kind::Values, at, colors })
    }

    /// Classes of intervals `[from, to)`.
    pub(super) fn of_intervals(entries: Vec<([f64; 2], [u8; 4])>) -> Result<Self, String> {
        check_count(entries.len())?;
        if entries.iter().any(|([from, to], _)| from.is_nan() || to.is_nan()) {
            return Err("has an interval that ends nowhere".to_owned());
        }
        let mut at: Vec<f64> = entries.iter().flat_map(|(ends, _)| *ends).collect();
        at.sort_by(f64::total_cmp);
        at.dedup();
        let mut colors = vec![None; at.len()];
        for ([from, to], color) in entries {
            let inside = at.partition_point(|&place| place < from)..at.partition_point(|&place| place < to);
            if inside.start < inside.end {
                colors[inside].fill(Some(color));
            }
        }
        Ok(Self { kind: Kind::Steps, at, colors })
    }

    /// Which colour a value has, as a place in `colors`.
    fn class_of(&self, value: f64) -> Option<usize> {
        let not_above = self.at.partition_point(|&place| place <= value);
        let last = not_above.checked_sub(1)?;
        let belongs = self.kind == Kind::Steps || self.at[last] == value;
        (belongs && !value.is_nan()).then_some(last)
    }

    /// Colours of the one band: indexed if they are few enough, else RGBA.
    pub(super) fn paint(&self, pixels: &Pixels, style: &Style) -> Colors {
        let mask = pixels.mask.iter();
        let shown = |m: u8| m != 0 || style.opaque;
        let class = |value: f64, m: u8| if shown(m) { self.class_of(if m == 0 { 0.0 } else { value }) } else { None };
        let classes: Vec<Option<usize>> = if style.rescale.is_empty() && style.formula.is_none() {
            with_samples!(&pixels.samples, values => {
                values.iter().zip(mask).map(|(&value, &m)| class(value.number(), m)).collect()
            })
        } else {
            let mut band = to_u8(pixels, 0, style);
            style.formula.iter().for_each(|formula| formula.apply(std::slice::from_mut(&mut band)));
            band.iter().zip(mask).map(|(&value, &m)| class(value.into(), m)).collect()
        };
        self.colors_of(&classes)
    }

    fn colors_of(&self, classes: &[Option<usize>]) -> Colors {
        let mut palette: Vec<[u8; 4]> = self.colors.iter().flatten().copied().collect();
        palette.sort_unstable();
        palette.dedup();
        if palette.len() > MAX_PALETTE {
            let color = |class: &Option<usize>| class.and_then(|at| self.colors[at]).unwrap_or_default();
            return Colors::Rgba8(classes.iter().flat_map(color).collect());
        }
        let nothing = palette.len();
        palette.push([0; 4]);
        let place = |color: &Option<[u8; 4]>| {
            color.and_then(|color| palette[..nothing].binary_search(&color).ok()).unwrap_or(nothing)
        };
        let places: Vec<usize> = self.colors.iter().map(place).collect();
        let indices = classes.iter().map(|class| class.map_or(nothing, |at| places[at]) as u8).collect();
        Colors::Indexed8 { indices, palette }
    }
}

fn check_count(count: usize) -> Result<(), String> {
    if count == 0 || count > MAX_CLASSES {
        return Err(format!("has {count} entries, and must have 1 to {MAX_CLASSES}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Classes, Colors, Style};
    use crate::{block::Samples, pixels::Pixels};

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 128];

    fn colors(classes: &Classes, values: Vec<f32>, mask: Vec<u8>, style: &Style) -> Vec<[u8; 4]> {
        let pixels = Pixels::of_band(mask.len() as u32, 1, Samples::F32(values), mask);
        match classes.paint(&pixels, style) {
            Colors::Indexed8 { indices, palette } => indices.iter().map(|&at| palette[usize::from(at)]).collect(),
            Colors::Rgba8(bytes) => bytes.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_values_named_have_a_colour_and_the_last_name_counts() {
        let classes = Classes::of_values(vec![(5.0, BLUE), (-1.5, RED), (5.0, RED)]).unwrap();
        let shown =
            colors(&classes, vec![5.0, -1.5, 4.9, f32::NAN, 5.0], vec![255, 255, 255, 255, 0], &Style::default());
        assert_eq!(shown, [RED, RED, [0; 4], [0; 4], [0; 4]]);
    }

    #[test]
    fn intervals_hold_their_start_and_later_ones_win() {
        let classes =
            Classes::of_intervals(vec![([0.0, 10.0], RED), ([5.0, 7.0], BLUE), ([20.0, 20.0], BLUE)]).unwrap();
        let shown = colors(&classes, vec![0.0, 5.0, 7.0, 10.0, 20.0, -1.0], vec![255; 6], &Style::default());
        assert_eq!(shown, [RED, BLUE, RED, [0; 4], [0; 4], [0; 4]]);
    }

    #[test]
    fn many_colours_take_four_bytes_a_pixel() {
        let entries = (0..300_u32).map(|value| (f64::from(value), [value as u8, (value >> 8) as u8, 0, 255])).collect();
        let classes = Classes::of_values(entries).unwrap();
        assert_eq!(colors(&classes, vec![299.0, 300.0], vec![255; 2], &Style::default()), [[43, 1, 0, 255], [0; 4]]);
    }

    #[test]
    fn without_a_mask_masked_pixels_are_zero() {
        let classes = Classes::of_values(vec![(0.0, RED)]).unwrap();
        let style = Style { opaque: true, ..Style::default() };
        assert_eq!(colors(&classes, vec![7.0], vec![0], &style), [RED]);
    }
}
