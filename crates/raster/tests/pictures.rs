//! Encoded pictures, opened again by decoders that are not ours.

use aurora_raster::{
    encode,
    style::{Colors, Picture},
};
use proptest::prelude::*;

/// RGBA of every pixel as the `image` crate sees the file.
fn decoded(file: &[u8]) -> (u32, u32, Vec<[u8; 4]>) {
    let image = image::load_from_memory_with_format(file, image::ImageFormat::Png).expect("a PNG").to_rgba8();
    (image.width(), image.height(), image.pixels().map(|pixel| pixel.0).collect())
}

fn expected(colors: &Colors) -> Vec<[u8; 4]> {
    match colors {
        Colors::Gray8(gray) => gray.iter().map(|&g| [g, g, g, 255]).collect(),
        Colors::GrayKeyed8 { gray, transparent } => {
            gray.iter().map(|&g| [g, g, g, if g == *transparent { 0 } else { 255 }]).collect()
        }
        Colors::GrayAlpha8(bytes) => bytes.chunks_exact(2).map(|p| [p[0], p[0], p[0], p[1]]).collect(),
        Colors::Indexed8 { indices, palette } => indices.iter().map(|&index| palette[usize::from(index)]).collect(),
        Colors::Rgb8(bytes) => bytes.chunks_exact(3).map(|p| [p[0], p[1], p[2], 255]).collect(),
        Colors::Rgba8(bytes) => bytes.chunks_exact(4).map(|p| [p[0], p[1], p[2], p[3]]).collect(),
    }
}

/// Pictures of every kind, up to 40 pixels a side.
fn any_picture() -> impl Strategy<Value = Picture> {
    (1_u32..40, 1_u32..40, 0_u8..6).prop_flat_map(|(width_px, height_px, kind)| {
        let channels = [1, 1, 2, 1, 3, 4][usize::from(kind)];
        let count = width_px as usize * height_px as usize * channels;
        let palette = prop::collection::vec(any::<[u8; 4]>(), 256);
        (prop::collection::vec(any::<u8>(), count), palette, any::<u8>()).prop_map(move |(bytes, palette, key)| {
            let colors = match kind {
                0 => Colors::Gray8(bytes),
                1 => Colors::GrayKeyed8 { gray: bytes, transparent: key },
                2 => Colors::GrayAlpha8(bytes),
                3 => Colors::Indexed8 { indices: bytes, palette },
                4 => Colors::Rgb8(bytes),
                _ => Colors::Rgba8(bytes),
            };
            Picture { width_px, height_px, colors }
        })
    })
}

proptest! {
    #[test]
    fn a_png_holds_the_picture(picture in any_picture()) {
        let file = encode::png(&picture).unwrap();
        prop_assert_eq!(file.len(), file.capacity());
        let (width_px, height_px, pixels) = decoded(&file);
        prop_assert_eq!((width_px, height_px), (picture.width_px, picture.height_px));
        prop_assert_eq!(pixels, expected(&picture.colors));
    }
}

/// The `png` crate checks every chunk's CRC and the zlib checksum; one-band pictures never become RGB in the file.
#[test]
fn one_band_stays_one_byte_a_pixel() {
    let gray = vec![100; 256 * 256];
    for (colors, kind) in [
        (Colors::Gray8(gray.clone()), png::ColorType::Grayscale),
        (Colors::GrayKeyed8 { gray: gray.clone(), transparent: 0 }, png::ColorType::Grayscale),
        (Colors::Indexed8 { indices: gray, palette: vec![[1, 2, 3, 255]; 256] }, png::ColorType::Indexed),
    ] {
        let file = encode::png(&Picture { width_px: 256, height_px: 256, colors }).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut bytes).expect("a whole picture");
        assert_eq!((reader.info().color_type, reader.info().bit_depth), (kind, png::BitDepth::Eight));
    }
}
