//! How two pictures of the same tile differ.

use image::{ImageError, RgbaImage};
use serde::Serialize;

/// Differences of one or several tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct PixelDifference {
    /// Tiles compared.
    pub tiles: u64,
    /// Tiles that only one of the two could show, or in another size, or not at all.
    pub unlike: u64,
    /// Pixels compared.
    pub pixels: u64,
    /// Pixels with data in one and none in the other, part of all.
    pub mask_share: f64,
    /// Pixels that differ where both have data, part of those.
    pub differing_share: f64,
    /// Mean difference of channels where both have data, in steps of 255.
    pub mean: f64,
    /// Largest difference of a channel, in steps of 255.
    pub max: u8,
}

/// Sums over tiles.
#[derive(Default)]
pub(super) struct Comparison {
    tiles: u64,
    unlike: u64,
    pixels: u64,
    masked_apart: u64,
    both: u64,
    differing: u64,
    sum: u64,
    max: u8,
}

impl Comparison {
    /// Adds a tile as both sent it; `None` is no data there (204, 404).
    pub(super) fn add(&mut self, a: Option<&[u8]>, b: Option<&[u8]>) {
        self.tiles += 1;
        match (a.map(decode), b.map(decode)) {
            (None, None) => {}
            (Some(Ok(a)), Some(Ok(b))) if a.dimensions() == b.dimensions() => self.add_pixels(&a, &b),
            // A tile without data may also come as a transparent picture.
            (Some(Ok(picture)), None) | (None, Some(Ok(picture))) => {
                let empty = RgbaImage::new(picture.width(), picture.height());
                self.add_pixels(&picture, &empty);
            }
            _ => self.unlike += 1,
        }
    }

    fn add_pixels(&mut self, a: &RgbaImage, b: &RgbaImage) {
        for (a, b) in a.pixels().zip(b.pixels()) {
            self.pixels += 1;
            match (a[3] > 0, b[3] > 0) {
                (false, false) => {}
                (true, true) => {
                    let steps = [0, 1, 2].map(|channel| a[channel].abs_diff(b[channel]));
                    let largest = steps.into_iter().max().unwrap_or(0);
                    self.both += 1;
                    self.differing += u64::from(largest > 0);
                    self.sum += steps.into_iter().map(u64::from).sum::<u64>();
                    self.max = self.max.max(largest);
                }
                _ => self.masked_apart += 1,
            }
        }
    }

    pub(super) fn finish(&self) -> PixelDifference {
        let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        PixelDifference {
            tiles: self.tiles,
            unlike: self.unlike,
            pixels: self.pixels,
            mask_share: share(self.masked_apart, self.pixels),
            differing_share: share(self.differing, self.both),
            mean: share(self.sum, 3 * self.both),
            max: self.max,
        }
    }
}

/// PNG, JPEG or WebP of any depth as 8-bit colour with opacity.
fn decode(bytes: &[u8]) -> Result<RgbaImage, ImageError> {
    image::load_from_memory(bytes).map(|picture| picture.to_rgba8())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgba};

    use super::*;

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn gray_and_colour_of_the_same_picture_are_the_same() {
        let gray = png(GrayImage::from_pixel(4, 4, Luma([100])));
        let mut colour = RgbaImage::from_pixel(4, 4, Rgba([100, 100, 100, 255]));
        let mut comparison = Comparison::default();
        comparison.add(Some(&gray), Some(&png(colour.clone())));
        assert_eq!(comparison.finish(), PixelDifference { tiles: 1, pixels: 16, ..PixelDifference::default() });
        colour.put_pixel(0, 0, Rgba([100, 103, 100, 255]));
        colour.put_pixel(1, 0, Rgba([0, 0, 0, 0]));
        comparison.add(Some(&gray), Some(&png(colour)));
        let found = comparison.finish();
        assert_eq!((found.tiles, found.pixels, found.max, found.unlike), (2, 32, 3, 0));
        assert!((found.mask_share - 1.0 / 32.0).abs() < 1e-12 && (found.differing_share - 1.0 / 31.0).abs() < 1e-12);
    }

    #[test]
    fn no_tile_is_like_an_empty_one_and_unlike_a_broken_one() {
        let mut comparison = Comparison::default();
        comparison.add(None, Some(&png(RgbaImage::new(4, 4))));
        comparison.add(None, None);
        assert_eq!((comparison.finish().unlike, comparison.finish().mask_share), (0, 0.0));
        comparison.add(Some(b"<html>"), Some(&png(RgbaImage::new(4, 4))));
        assert_eq!(comparison.finish().unlike, 1);
    }
}
