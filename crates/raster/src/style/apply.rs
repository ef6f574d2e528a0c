//! Values to colours.

use std::slice::from_mut;

use super::{
    Coloring, Colormap, Colors, Picture, Style,
    bands::{first_band, part_to_u8},
};
use crate::{RasterError, Result, block::Samples, pixels::Pixels};

/// Makes a picture: one or two bands become gray (the first band) or, with a colormap, indexed; three or more become
/// RGB of the first three. Values are clamped to the rescale's range and rounded down, as TiTiler does.
///
/// # Errors
/// `BadParameter` for a colormap on several bands, or a formula's saturation on fewer than three.
pub fn apply(pixels: Pixels, style: &Style) -> Result<Picture> {
    let (width_px, height_px) = (pixels.width_px, pixels.height_px);
    check(&pixels, style)?;
    let colors = match (&style.coloring, pixels.bands) {
        (Some(Coloring::Map(colormap)), _) => indexed(pixels, style, colormap),
        (Some(Coloring::Classes(classes)), _) => classes.paint(&pixels, style),
        (Some(Coloring::Palette(palette)), _) => palette.paint(&pixels, style),
        (None, _) if style.keeps_words(&pixels.samples) => wide(&pixels, style),
        (None, 0..=2) => gray(pixels, style),
        (None, _) => rgb(&pixels, style),
    };
    Ok(Picture { width_px, height_px, colors })
}

/// Pixels of a colour picture that are worked on together: those of a tile.
const PIECE_PX: usize = 1 << 16;

pub(super) fn check(pixels: &Pixels, style: &Style) -> Result<()> {
    if let Some(coloring) = style.coloring.as_ref().filter(|_| pixels.bands != 1) {
        let reason = format!("colours one band, and this has {}", pixels.bands);
        let name = if matches!(coloring, Coloring::Classes(_)) { "colormap" } else { "colormap_name" };
        return Err(RasterError::BadParameter { name, reason });
    }
    if style.formula.as_ref().is_some_and(|formula| formula.needs_rgb()) && pixels.bands < 3 {
        let reason = format!("has a saturation, which needs three bands, and this has {}", pixels.bands);
        return Err(RasterError::BadParameter { name: "color_formula", reason });
    }
    Ok(())
}

fn gray(pixels: Pixels, style: &Style) -> Colors {
    let (mut gray, mask, all_valid) = formed_band(pixels, style);
    if all_valid {
        return Colors::Gray8(gray);
    }
    let is_translucent = mask.iter().fold(false, |any, &m| any | (m.wrapping_add(1) > 1));
    if let Some(transparent) = unused_value(&gray, &mask).filter(|_| !is_translucent) {
        gray.iter_mut().zip(&mask).for_each(|(value, &m)| *value = if m == 0 { transparent } else { *value });
        return Colors::GrayKeyed8 { gray, transparent };
    }
    Colors::GrayAlpha8(gray.iter().zip(&mask).flat_map(|(&value, &m)| [shown(value, m), m]).collect())
}

/// The first band as 8 bits after the formula, the mask, and whether it is 255 throughout.
fn formed_band(pixels: Pixels, style: &Style) -> (Vec<u8>, Vec<u8>, bool) {
    let (mut band, mask, all_valid) = first_band(pixels, style);
    if let Some(formula) = &style.formula {
        formula.apply(from_mut(&mut band));
    }
    if style.opaque && !all_valid {
        band.iter_mut().zip(&mask).for_each(|(value, &m)| *value = shown(*value, m));
    }
    (band, mask, all_valid || style.opaque)
}

/// A free index means masked when something is. With none free it is index 0, and value 0 takes the colour of 1.
fn indexed(pixels: Pixels, style: &Style, colormap: &Colormap) -> Colors {
    let (mut indices, mask, all_valid) = formed_band(pixels, style);
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

/// Piece by piece, so that the channels do not lie beside the picture as a whole.
fn rgb(pixels: &Pixels, style: &Style) -> Colors {
    let count = pixels.pixels_per_band();
    let with_alpha = !(pixels.all_valid || style.opaque);
    let mut bytes = Vec::with_capacity(count * if with_alpha { 4 } else { 3 });
    for first in (0..count).step_by(PIECE_PX) {
        let part = first..(first + PIECE_PX).min(count);
        let mut channels = [0, 1, 2].map(|band| part_to_u8(pixels, band, part.clone(), style));
        if let Some(formula) = &style.formula {
            formula.apply(&mut channels);
        }
        let [red, green, blue] = &channels;
        let colors = red.iter().zip(green).zip(blue).map(|((&r, &g), &b)| [r, g, b]);
        let masked =
            || colors.clone().zip(&pixels.mask[part]).map(|([r, g, b], &m)| [shown(r, m), shown(g, m), shown(b, m), m]);
        match (with_alpha, pixels.all_valid) {
            (true, _) => bytes.extend(masked().flatten()),
            (false, true) => bytes.extend(colors.flatten()),
            (false, false) => bytes.extend(masked().flat_map(|[r, g, b, _]| [r, g, b])),
        }
    }
    if with_alpha { Colors::Rgba8(bytes) } else { Colors::Rgb8(bytes) }
}

/// A value, or 0 where nothing of it shows.
fn shown(value: u8, m: u8) -> u8 {
    if m == 0 { 0 } else { value }
}

/// Unsigned 16-bit values as they are.
fn wide(pixels: &Pixels, style: &Style) -> Colors {
    let Samples::U16(values) = &pixels.samples else { return Colors::Gray8(Vec::new()) };
    let count = pixels.pixels_per_band();
    let shown = if pixels.bands < 3 { 1 } else { 3 };
    let with_alpha = !(pixels.all_valid || style.opaque);
    let channels = shown + usize::from(with_alpha);
    let mut samples = Vec::with_capacity(count * channels);
    for (at, &m) in pixels.mask.iter().enumerate() {
        let alpha = u16::from(m) * 257;
        samples.extend((0..shown).map(|band| if m == 0 { 0 } else { values[band * count + at] }));
        samples.extend(with_alpha.then_some(alpha));
    }
    Colors::Wide { channels: channels as u8, samples }
}

/// Values looked for by themselves before all are counted, which takes as long as a dozen such looks: nodata mostly is
/// 0 already, and what is seldom shown is the brightest.
const LIKELY_UNUSED: [u8; 4] = [0, 1, 255, 254];

/// Pixels looked at in one go.
const CHUNK_PX: usize = 1024;

/// A gray value that no valid pixel has; 0 where it is free.
fn unused_value(gray: &[u8], mask: &[u8]) -> Option<u8> {
    let is_in = |value: u8, gray: &[u8], mask: &[u8]| {
        gray.iter().zip(mask).fold(0, |found, (&v, &m)| found | if v == value { m } else { 0 }) != 0
    };
    let chunks = || gray.chunks(CHUNK_PX).zip(mask.chunks(CHUNK_PX));
    let is_unused = |&value: &u8| !chunks().any(|(gray, mask)| is_in(value, gray, mask));
    LIKELY_UNUSED.into_iter().find(is_unused).or_else(|| {
        let mut used = [false; 512];
        for (&value, &m) in gray.iter().zip(mask) {
            // Masked pixels mark slots beyond the values, which spares a branch: only of 0 the complement and 1 make
            // 256.
            let beyond = (usize::from(!m) + 1) & 256;
            used[usize::from(value) | beyond] = true;
        }
        (0..=255).find(|&value| !used[usize::from(value)])
    })
}

#[cfg(test)]
mod tests;
