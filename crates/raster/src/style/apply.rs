//! Values to colours.

use crate::{
    block::{Number, Samples},
    pixels::Pixels,
    style::{Colormap, Colors, Picture, Rescale, Style},
};

/// Makes a picture: one or two bands become gray (the first band) or, with a colormap, indexed; three or more become
/// RGB of the first three. Values are clamped to the rescale's range and rounded down, as TiTiler does.
pub fn apply(pixels: Pixels, style: &Style) -> Picture {
    let (width_px, height_px) = (pixels.width_px, pixels.height_px);
    let colors = match (&style.colormap, pixels.bands) {
        (Some(colormap), _) => indexed(pixels, style, colormap),
        (None, 0..=2) => gray(pixels, style),
        (None, _) => rgb(&pixels, style),
    };
    Picture { width_px, height_px, colors }
}

fn gray(pixels: Pixels, style: &Style) -> Colors {
    let (mut gray, mask, all_valid) = first_band(pixels, style);
    if all_valid {
        return Colors::Gray8(gray);
    }
    let is_black = |(&value, &m): (&u8, &u8)| value == 0 && m != 0;
    if !gray.iter().zip(&mask).fold(false, |any, pair| any | is_black(pair)) {
        // The usual case, without a branch a pixel.
        gray.iter_mut().zip(&mask).for_each(|(value, &m)| *value &= m);
        return Colors::GrayKeyed8 { gray, transparent: 0 };
    }
    if let Some(transparent) = unused_value(&gray, &mask) {
        gray.iter_mut().zip(&mask).for_each(|(value, &m)| *value = if m == 0 { transparent } else { *value });
        return Colors::GrayKeyed8 { gray, transparent };
    }
    Colors::GrayAlpha8(gray.iter().zip(&mask).flat_map(|(&value, &m)| [value & m, m]).collect())
}

/// A free index means masked when something is. With none free it is index 0, and value 0 takes the colour of 1.
fn indexed(pixels: Pixels, style: &Style, colormap: &Colormap) -> Colors {
    let (mut indices, mask, all_valid) = first_band(pixels, style);
    let mut palette = colormap.entries().to_vec();
    if !all_valid {
        let key = unused_value(&indices, &mask).unwrap_or(0);
        palette[usize::from(key)] = [0; 4];
        for (index, &m) in indices.iter_mut().zip(&mask) {
            let taken = *index == key;
            *index = if m == 0 { key } else { *index + u8::from(taken) };
        }
    }
    Colors::Indexed8 { indices, palette }
}

fn rgb(pixels: &Pixels, style: &Style) -> Colors {
    let [red, green, blue] = [0, 1, 2].map(|band| band_to_u8(pixels, band, style));
    let colors = red.iter().zip(&green).zip(&blue).map(|((&r, &g), &b)| [r, g, b]);
    if pixels.all_valid {
        return Colors::Rgb8(colors.flatten().collect());
    }
    let with_mask = colors.zip(&pixels.mask).map(|([r, g, b], &m)| [r & m, g & m, b & m, m]);
    Colors::Rgba8(with_mask.flatten().collect())
}

/// A gray value that no valid pixel has; 0 where it is free, since nodata mostly is 0 already.
fn unused_value(gray: &[u8], mask: &[u8]) -> Option<u8> {
    let mut used = [false; 512];
    for (&value, &m) in gray.iter().zip(mask) {
        // Masked pixels mark slots beyond the values, which spares a branch.
        let beyond = (usize::from(!m) + 1) & 256;
        used[usize::from(value) | beyond] = true;
    }
    (0..=255).find(|&value| !used[usize::from(value)])
}

/// The first band as 8 bits, the mask, and whether it is 255 throughout. 8-bit values that need no rescale are moved.
fn first_band(pixels: Pixels, style: &Style) -> (Vec<u8>, Vec<u8>, bool) {
    let count = pixels.pixels_per_band();
    let Pixels { samples: Samples::U8(mut values), mask, all_valid, .. } = pixels else {
        return (band_to_u8(&pixels, 0, style), pixels.mask, pixels.all_valid);
    };
    values.truncate(count);
    if let Some(range) = style.rescale.first() {
        let table: Box<[u8; 256]> = table(0, *range);
        values.iter_mut().for_each(|value| *value = table[usize::from(*value)]);
    }
    (values, mask, all_valid)
}

fn band_to_u8(pixels: &Pixels, band: usize, style: &Style) -> Vec<u8> {
    let count = pixels.pixels_per_band();
    let part = band * count..(band + 1) * count;
    let range = style.rescale.get(band).or(style.rescale.first()).copied();
    let or = |min: f64, max: f64| range.unwrap_or(Rescale { min, max });
    match &pixels.samples {
        Samples::U8(v) => match range {
            Some(range) => {
                let table: Box<[u8; 256]> = table(0, range);
                v[part].iter().map(|&x| table[usize::from(x)]).collect()
            }
            None => v[part].to_vec(),
        },
        Samples::I8(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(-128.0, 127.0)),
        Samples::U16(v) => {
            let table: Box<[u8; 65_536]> = table(0, or(0.0, 65_535.0));
            v[part].iter().map(|&x| table[usize::from(x)]).collect()
        }
        Samples::I16(v) => {
            let table: Box<[u8; 65_536]> = table(i16::MIN.into(), or(-32_768.0, 32_767.0));
            // Turning the sign bit over counts from the least value on.
            v[part].iter().map(|&x| table[usize::from(x as u16 ^ 0x8000)]).collect()
        }
        Samples::U32(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(0.0, f64::from(u32::MAX))),
        Samples::I32(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(f64::from(i32::MIN), f64::from(i32::MAX))),
        Samples::U64(v) => numbers(v[part].iter().map(|&x| x.number()), or(0.0, u64::MAX.number())),
        Samples::I64(v) => numbers(v[part].iter().map(|&x| x.number()), or(i64::MIN.number(), i64::MAX.number())),
        Samples::F32(v) => numbers(v[part].iter().map(|&x| f64::from(x)), or(0.0, 1.0)),
        Samples::F64(v) => numbers(v[part].iter().copied(), or(0.0, 1.0)),
    }
}

/// What each of `LEN` whole numbers from `first` on becomes. The rescale never turns back, so where both ends of a stretch
/// become the same, all between them do.
fn table<const LEN: usize>(first: i32, range: Rescale) -> Box<[u8; LEN]> {
    let mut table: Box<[u8; LEN]> = vec![0; LEN].into_boxed_slice().try_into().expect("made of this length");
    let value = |at: usize| scaled(f64::from(first) + at as f64, range);
    fill(&mut table[..], 0, (value(0), value(LEN - 1)), &value);
    table
}

/// Fills the entries from number `start` on, the first and last of which become `ends`.
fn fill(entries: &mut [u8], start: usize, ends: (u8, u8), value: &impl Fn(usize) -> u8) {
    if ends.0 == ends.1 || entries.len() <= 2 {
        let last = entries.len() - 1;
        entries[..last.max(1)].fill(ends.0);
        entries[last] = ends.1;
        return;
    }
    let half = entries.len() / 2;
    let (left, right) = entries.split_at_mut(half);
    let (before, after) = (value(start + half - 1), value(start + half));
    fill(left, start, (ends.0, before), value);
    fill(right, start + half, (after, ends.1), value);
}

fn numbers(values: impl Iterator<Item = f64>, range: Rescale) -> Vec<u8> {
    values.map(|value| scaled(value, range)).collect()
}

/// rio-tiler's `linear_rescale` to 0–255, then cut to a whole number. Not a number becomes 0; an empty range, too.
fn scaled(value: f64, Rescale { min, max }: Rescale) -> u8 {
    let share = (value - min) / (max - min);
    (share.clamp(0.0, 1.0) * 255.0) as u8
}

#[cfg(test)]
mod tests;
