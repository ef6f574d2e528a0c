//! Streams that `libwebp` writes are walked to their end, whatever they are made of.

use webp::{Encoder, WebPConfig};

use super::table_bytes;

const SIDE_PX: u32 = 160;

/// Pictures for which the encoder chooses different means: palettes of several sizes, repeats, slopes, noise, patches
/// of all.
fn pictures() -> Vec<Vec<u8>> {
    let noise = |at: u32| at.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(40_503);
    let of = |pixel: &dyn Fn(u32, u32, u32) -> [u32; 4]| -> Vec<u8> {
        let places = (0..SIDE_PX * SIDE_PX).map(|at| (at % SIDE_PX, at / SIDE_PX, at));
        places.flat_map(|(x, y, at)| pixel(x, y, at).map(|value| value as u8)).collect()
    };
    let slope = |x: u32, y: u32, _: u32| [x, y, x + y, 255 - x / 4];
    let speckle = |_: u32, _: u32, at: u32| [noise(at), noise(at + 1) >> 9, noise(at) >> 5, 255];
    let palette = |colors: u32| {
        move |x: u32, y: u32, at: u32| [(x / 7 * 31 + y / 5 * 17 + noise(at) % 3) % colors * 5, 9, 7, 255]
    };
    let fields = |x: u32, y: u32, at: u32| match (x / 20 + y / 20 * 3) % 5 {
        0 => slope(x, y, at),
        1 => speckle(x, y, at),
        2 => palette(200)(x, y, at),
        3 => [x % 9 * 20, y % 7 * 30, 0, noise(at) % 200],
        _ => [90, 80, 70, 255],
    };
    let mut pictures = vec![of(&slope), of(&speckle), of(&fields)];
    pictures.extend([1, 2, 4, 16, 40].map(|colors| of(&palette(colors))));
    pictures
}

#[test]
fn every_picture_of_the_encoder_is_walked_and_has_few_tables() {
    let (mut most, mut least) = (0, u64::MAX);
    for (index, picture) in pictures().into_iter().enumerate() {
        for (lossless, method, quality) in [(1, 0, 0.0), (1, 3, 50.0), (1, 4, 75.0), (1, 6, 100.0), (0, 4, 60.0)] {
            let mut config = WebPConfig::new().expect("libwebp's version");
            (config.lossless, config.method, config.quality) = (lossless, method, quality);
            let encoder = Encoder::from_rgba(&picture, SIDE_PX, SIDE_PX);
            let file = encoder.encode_advanced(&config).expect("encoded");
            let bytes = table_bytes(&file, (SIDE_PX as usize, SIDE_PX as usize));
            let bytes = bytes.unwrap_or_else(|| panic!("picture {index} by method {method}, lossless {lossless}"));
            (most, least) = (most.max(bytes), least.min(bytes));
            // Cut off behind its size, it is no picture.
            let cut = table_bytes(&file[..25], (SIDE_PX as usize, SIDE_PX as usize));
            assert!(lossless == 0 || cut.is_none(), "picture {index} by method {method}");
        }
    }
    println!("{least} to {most} bytes");
    assert!(least == 0 && most > 5 * 12_000 && most < 2 << 20, "{least} to {most} bytes");
}
