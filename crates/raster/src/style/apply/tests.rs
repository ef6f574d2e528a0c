//! Colours of hand-made values.

use proptest::prelude::*;

use crate::{
    block::Samples,
    pixels::Pixels,
    style::{ColorFormula, Coloring, Colormap, Colors, Depth, Picture, Rescale, Style},
};

fn pixels(samples: Samples, mask: &[u8]) -> Pixels {
    let count = mask.len();
    let bands = u16::try_from(samples.len() / count).unwrap();
    Pixels { bands, ..Pixels::of_band(u32::try_from(count).unwrap(), 1, samples, mask.to_vec()) }
}

fn apply(pixels: Pixels, style: &Style) -> Picture {
    super::apply(pixels, style).expect("the style fits the bands")
}

fn rescale(min: f64, max: f64) -> Style {
    Style { rescale: vec![Rescale { min, max }], ..Style::default() }
}

#[test]
fn bytes_without_a_rescale_pass_as_they_are() {
    let picture = apply(pixels(Samples::U8(vec![0, 7, 255]), &[255; 3]), &Style::default());
    assert_eq!(picture.colors, Colors::Gray8(vec![0, 7, 255]));
}

#[test]
fn a_rescale_clamps_and_rounds_down() {
    let picture = apply(pixels(Samples::U16(vec![50, 100, 101, 299, 300, 900]), &[255; 6]), &rescale(100.0, 300.0));
    assert_eq!(picture.colors, Colors::Gray8(vec![0, 0, 1, 253, 255, 255]));
}

#[test]
fn a_backward_range_inverts() {
    let picture = apply(pixels(Samples::I16(vec![-10, 0, 10]), &[255; 3]), &rescale(10.0, -10.0));
    assert_eq!(picture.colors, Colors::Gray8(vec![255, 127, 0]));
}

#[test]
fn an_empty_range_and_no_number_are_black() {
    let nan = Samples::F32(vec![f32::NAN, 3.0]);
    assert_eq!(apply(pixels(nan, &[255; 2]), &rescale(3.0, 3.0)).colors, Colors::Gray8(vec![0, 0]));
}

#[test]
fn masked_gray_takes_a_free_value_if_there_is_one() {
    let picture = apply(pixels(Samples::U8(vec![9, 0, 2]), &[0, 255, 255]), &Style::default());
    assert_eq!(picture.colors, Colors::GrayKeyed8 { gray: vec![1, 0, 2], transparent: 1 });
}

#[test]
fn masked_gray_with_every_value_used_has_alpha() {
    let values: Vec<u8> = (0..=255).chain([77]).collect();
    let mask: Vec<u8> = std::iter::repeat_n(255, 256).chain([0]).collect();
    let Colors::GrayAlpha8(bytes) = apply(pixels(Samples::U8(values), &mask), &Style::default()).colors else {
        panic!("no value is free");
    };
    assert_eq!(bytes[..4], [0, 255, 1, 255]);
    assert_eq!(bytes[512..], [0, 0]);
}

#[test]
fn a_colormap_keeps_indices_and_clears_a_free_one() {
    let style = Style { coloring: Colormap::named("viridis").map(Coloring::Map), ..Style::default() };
    let Colors::Indexed8 { indices, palette } =
        apply(pixels(Samples::U8(vec![0, 5, 9]), &[255, 255, 0]), &style).colors
    else {
        panic!("a colormap makes indices");
    };
    assert_eq!((indices, palette[1]), (vec![0, 5, 1], [0; 4]));
    assert_eq!(palette[5], Colormap::named("viridis").unwrap().entries()[5]);
}

#[test]
fn a_full_colormap_gives_up_its_first_colour_for_the_mask() {
    let values: Vec<u8> = (0..=255).chain([0]).collect();
    let mask: Vec<u8> = std::iter::repeat_n(255, 256).chain([0]).collect();
    let style = Style { coloring: Colormap::named("gray").map(Coloring::Map), ..Style::default() };
    let Colors::Indexed8 { indices, palette } = apply(pixels(Samples::U8(values), &mask), &style).colors else {
        panic!("a colormap makes indices");
    };
    assert_eq!((indices[0], indices[1], indices[256], palette[0]), (1, 1, 0, [0; 4]));
}

#[test]
fn three_bands_are_colours_and_masked_ones_have_alpha() {
    let bands = || Samples::U8(vec![1, 2, 10, 20, 100, 200]);
    assert_eq!(apply(pixels(bands(), &[255; 2]), &Style::default()).colors, Colors::Rgb8(vec![1, 10, 100, 2, 20, 200]));
    let masked = apply(pixels(bands(), &[255, 0]), &Style::default());
    assert_eq!(masked.colors, Colors::Rgba8(vec![1, 10, 100, 255, 0, 0, 0, 0]));
}

proptest! {
    /// The look-up table is only a faster way to the same numbers.
    #[test]
    fn table_and_arithmetic_agree(values in prop::collection::vec(any::<u16>(), 1..50), min in -1e5..1e5_f64, span in -3e4..3e4_f64) {
        let style = rescale(min, min + span);
        let mask = vec![255; values.len()];
        let wide = Samples::F64(values.iter().map(|&value| f64::from(value)).collect());
        let by_table = apply(pixels(Samples::U16(values), &mask), &style);
        prop_assert_eq!(by_table, apply(pixels(wide, &mask), &style));
    }
}

proptest! {
    /// Tables are filled by stretches; every entry must be what its value is rescaled to alone.
    #[test]
    fn tables_hold_what_each_value_becomes(min in -70_000_i32..70_000, width in -3000_i32..3000, wide in any::<bool>()) {
        let max = if wide { -min } else { min + width };
        let range = Rescale { min: f64::from(min) / 3.0, max: f64::from(max) / 3.0 };
        let table = super::super::bands::table::<65_536>(i16::MIN.into(), range);
        let exact = (i16::MIN..=i16::MAX).map(|value| super::super::bands::scaled(value.into(), range));
        prop_assert!(table.iter().copied().eq(exact));
    }
}

#[test]
fn every_sixteen_bit_value_takes_its_own_entry() {
    let style = rescale(-300.0, 40_000.0);
    let signed: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let numbers: Vec<f32> = signed.iter().map(|&value| value.into()).collect();
    let mask = vec![255; signed.len()];
    let by_number = apply(pixels(Samples::F32(numbers), &mask), &style);
    assert_eq!(apply(pixels(Samples::I16(signed), &mask), &style), by_number);
}

#[test]
fn sixteen_bits_stay_when_asked_and_nothing_touches_them() {
    let raw = Style { depth: Depth::AsStored, ..Style::default() };
    let values = || Samples::U16(vec![7, 65_535]);
    let Colors::Wide { channels: 1, samples } = apply(pixels(values(), &[255; 2]), &raw).colors else { panic!("gray") };
    assert_eq!(samples, [7, 65_535]);
    let Colors::Wide { channels: 2, samples } = apply(pixels(values(), &[255, 0]), &raw).colors else {
        panic!("alpha")
    };
    assert_eq!(samples, [7, 65_535, 0, 0]);
    let stretched = Style { rescale: vec![Rescale { min: 0.0, max: 65_535.0 }], ..raw };
    assert_eq!(apply(pixels(values(), &[255; 2]), &stretched).colors, Colors::Gray8(vec![0, 255]));
}

#[test]
fn an_opaque_picture_shows_masked_pixels_as_zero() {
    let opaque = Style { opaque: true, ..Style::default() };
    assert_eq!(apply(pixels(Samples::U8(vec![9, 3]), &[0, 255]), &opaque).colors, Colors::Gray8(vec![0, 3]));
    let rgb = apply(pixels(Samples::U8(vec![1, 2, 10, 20, 100, 200]), &[255, 0]), &opaque);
    assert_eq!(rgb.colors, Colors::Rgb8(vec![1, 10, 100, 0, 0, 0]));
}

#[test]
fn a_formula_comes_after_the_rescale_and_before_the_colormap() {
    let formula = ColorFormula::parse("gamma r 2").ok();
    let style = Style { formula, ..rescale(0.0, 510.0) };
    assert_eq!(apply(pixels(Samples::U16(vec![200]), &[255]), &style).colors, Colors::Gray8(vec![159]));
    let style = Style { coloring: Colormap::named("viridis").map(Coloring::Map), ..style };
    let Colors::Indexed8 { indices, .. } = apply(pixels(Samples::U16(vec![200]), &[255]), &style).colors else {
        panic!("a colormap makes indices");
    };
    assert_eq!(indices, [159]);
}

#[test]
fn what_does_not_fit_the_bands_is_refused() {
    let two = || pixels(Samples::U8(vec![1, 2]), &[255]);
    let colored = Style { coloring: Colormap::named("gray").map(Coloring::Map), ..Style::default() };
    let saturated = Style { formula: ColorFormula::parse("saturation 2").ok(), ..Style::default() };
    assert!(super::apply(two(), &colored).is_err() && super::apply(two(), &saturated).is_err());
}
