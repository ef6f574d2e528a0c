//! Cyan, magenta, yellow and black of 8 bits each as the colours they print, opaque.
//!
//! The plain conversion of `libtiff`'s RGBA interface, which is what GDAL serves such files by; inks beyond the four
//! are left out.

/// Red, green, blue and alpha of pixels of `inks` samples, at least four.
pub(super) fn to_rgba(samples: &[u8], inks: usize) -> Vec<u8> {
    samples
        .chunks_exact(inks)
        .flat_map(|pixel| {
            let light = 255 - u32::from(pixel[3]);
            let color = |ink: u8| (light * (255 - u32::from(ink)) / 255) as u8;
            [color(pixel[0]), color(pixel[1]), color(pixel[2]), u8::MAX]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::to_rgba;

    #[test]
    fn inks_take_light_away() {
        assert_eq!(to_rgba(&[0, 255, 0, 0, 9, 100, 100, 100, 128, 9], 5), [255, 0, 255, 255, 77, 77, 77, 255]);
    }
}
