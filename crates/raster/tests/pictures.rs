//! Encoded pictures, opened again by decoders that are not ours: those of the `image` crate, and libpng and libjpeg by
//! way of GDAL.

use aurora_raster::{
    encode::{self, Format, Quality},
    style::{Colors, Picture},
};
use gdal::{
    Dataset,
    raster::{ColorInterpretation, GdalType},
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
        Colors::Wide { .. } => Vec::new(),
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

/// A smooth picture of every kind: what a lossy format keeps well.
fn smooth_pictures() -> Vec<Picture> {
    let (width_px, height_px) = (64, 48);
    let at = |channels: u32| -> Vec<u8> {
        let pixel = |x: u32, y: u32| (0..channels).map(move |c| (40 + x * 2 + y + c * 20) as u8);
        (0..height_px).flat_map(|y| (0..width_px).flat_map(move |x| pixel(x, y))).collect()
    };
    let masked_corner = |mut bytes: Vec<u8>, channels: usize| {
        for (index, pixel) in bytes.chunks_exact_mut(channels).enumerate() {
            let hidden = index % 64 < 16 && index / 64 < 16;
            pixel[channels - 1] = if hidden { 0 } else { 255 };
        }
        bytes
    };
    let palette: Vec<[u8; 4]> = (0..=255).map(|value| [value, 255 - value, value / 2, 255]).collect();
    let mut keyed = at(1);
    (0..16).for_each(|row| keyed[row * 64..row * 64 + 16].fill(0));
    let kinds = [
        Colors::Gray8(at(1)),
        Colors::GrayKeyed8 { gray: keyed, transparent: 0 },
        Colors::GrayAlpha8(masked_corner(at(2), 2)),
        Colors::Indexed8 { indices: at(1), palette },
        Colors::Rgb8(at(3)),
        Colors::Rgba8(masked_corner(at(4), 4)),
    ];
    kinds.into_iter().map(|colors| Picture { width_px, height_px, colors }).collect()
}

/// Largest difference of a channel where both are opaque, and whether transparency is the same.
fn difference(file: &[u8], format: image::ImageFormat, picture: &Picture) -> (u8, bool) {
    let image = image::load_from_memory_with_format(file, format).expect("a whole file").to_rgba8();
    assert_eq!((image.width(), image.height()), (picture.width_px, picture.height_px));
    let pairs = || image.pixels().map(|pixel| pixel.0).zip(expected(&picture.colors));
    let shown = pairs().filter(|(_, wanted)| wanted[3] == 255);
    let largest = shown.flat_map(|(found, wanted)| (0..3).map(move |c| found[c].abs_diff(wanted[c]))).max();
    (largest.unwrap_or(0), pairs().all(|(found, wanted)| found[3] == wanted[3]))
}

#[test]
fn jpeg_keeps_smooth_pictures_and_blackens_what_is_masked() {
    for picture in smooth_pictures() {
        let file = encode::picture(&picture, Format::Jpeg, Quality::Lossy(95)).expect("encoded");
        if !picture.colors.is_opaque() {
            let image =
                image::load_from_memory_with_format(&file, image::ImageFormat::Jpeg).expect("a JPEG").to_luma8();
            assert!(image.get_pixel(2, 2).0[0] < 8, "masked pixels are black");
            continue;
        }
        let (largest, _) = difference(&file, image::ImageFormat::Jpeg, &picture);
        assert!(largest <= 8, "{largest} for {:?}", std::mem::discriminant(&picture.colors));
    }
}

#[test]
fn webp_is_exact_when_asked_and_close_otherwise() {
    for picture in smooth_pictures() {
        let exact = encode::picture(&picture, Format::Webp, Quality::Lossless).expect("encoded");
        assert_eq!(difference(&exact, image::ImageFormat::WebP, &picture), (0, true));
        let close = encode::picture(&picture, Format::Webp, Quality::Usual).expect("encoded");
        let (largest, same_mask) = difference(&close, image::ImageFormat::WebP, &picture);
        assert!(largest <= 40 && same_mask, "{largest} {same_mask}");
        let small = encode::picture(&picture, Format::Webp, Quality::Lossy(5)).expect("encoded");
        assert!(small.len() < close.len());
    }
}

#[test]
fn without_a_format_transparency_decides() {
    for picture in smooth_pictures() {
        let format = if picture.colors.is_opaque() { Format::Jpeg } else { Format::Png };
        assert_eq!(Format::fitting(&picture), format);
    }
}

#[test]
fn sixteen_bits_survive_in_a_png() {
    for channels in 1_u8..=4 {
        let samples: Vec<u16> = (0..u16::from(channels) * 12).map(|at| at * 1_021 + 7).collect();
        let colors = Colors::Wide { channels, samples: samples.clone() };
        let file = encode::png(&Picture { width_px: 4, height_px: 3, colors }).expect("encoded");
        let image = image::load_from_memory_with_format(&file, image::ImageFormat::Png).expect("a PNG");
        let decoded = match channels {
            1 => image.as_luma16().map(|image| image.as_raw().clone()),
            2 => image.as_luma_alpha16().map(|image| image.as_raw().clone()),
            3 => image.as_rgb16().map(|image| image.as_raw().clone()),
            _ => image.as_rgba16().map(|image| image.as_raw().clone()),
        };
        assert_eq!(decoded, Some(samples), "{channels} channels");
    }
}

/// A file as GDAL's driver for its extension opens it.
fn by_gdal(picture: &Picture, format: Format, quality: Quality) -> (tempfile::TempDir, Dataset) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("picture").with_extension(format.extension());
    std::fs::write(&path, encode::picture(picture, format, quality).expect("encoded")).expect("written");
    let dataset = Dataset::open(&path).expect("GDAL opens it");
    assert_eq!(dataset.raster_size(), (picture.width_px as usize, picture.height_px as usize));
    (folder, dataset)
}

/// Samples `[row][col][band]` of a file.
fn interleaved<T: Copy + GdalType>(dataset: &Dataset) -> Vec<T> {
    let size = dataset.raster_size();
    let band = |band| dataset.rasterband(band).expect("a band").read_as::<T>((0, 0), size, size, None).expect("read");
    let bands: Vec<_> = (1..=dataset.raster_count()).map(band).collect();
    (0..size.0 * size.1).flat_map(|at| bands.iter().map(move |band| band.data()[at])).collect()
}

fn roles(dataset: &Dataset) -> Vec<ColorInterpretation> {
    let role = |band| dataset.rasterband(band).expect("a band").color_interpretation();
    (1..=dataset.raster_count()).map(role).collect()
}

#[test]
fn libpng_finds_the_samples_of_every_kind_and_what_is_transparent() {
    use ColorInterpretation::{AlphaBand, BlueBand, GrayIndex, GreenBand, PaletteIndex, RedBand};
    for picture in smooth_pictures() {
        let (_folder, dataset) = by_gdal(&picture, Format::Png, Quality::Usual);
        let (samples, roles) = (interleaved::<u8>(&dataset), roles(&dataset));
        let band = dataset.rasterband(1).expect("a band");
        match &picture.colors {
            Colors::Gray8(gray) => assert_eq!((samples, roles), (gray.clone(), vec![GrayIndex])),
            Colors::GrayKeyed8 { gray, transparent } => {
                assert_eq!((samples, roles), (gray.clone(), vec![GrayIndex]));
                assert_eq!(band.no_data_value(), Some(f64::from(*transparent)));
            }
            Colors::GrayAlpha8(bytes) => assert_eq!((samples, roles), (bytes.clone(), vec![GrayIndex, AlphaBand])),
            Colors::Indexed8 { indices, palette } => {
                assert_eq!((samples, roles), (indices.clone(), vec![PaletteIndex]));
                let table = band.color_table().expect("a palette");
                assert_eq!(table.entry_count(), 256);
                for (index, color) in palette.iter().enumerate() {
                    let entry = table.entry_as_rgb(index).expect("a colour");
                    assert_eq!([entry.r, entry.g, entry.b, entry.a], color.map(i16::from), "{index}");
                }
            }
            Colors::Rgb8(bytes) => assert_eq!((samples, roles), (bytes.clone(), vec![RedBand, GreenBand, BlueBand])),
            Colors::Rgba8(bytes) => {
                assert_eq!((samples, roles), (bytes.clone(), vec![RedBand, GreenBand, BlueBand, AlphaBand]));
            }
            Colors::Wide { .. } => unreachable!("none of these"),
        }
    }
    for channels in 1_u8..=4 {
        let samples: Vec<u16> = (0..u16::from(channels) * 12).map(|at| at * 1_021 + 7).collect();
        let picture =
            Picture { width_px: 4, height_px: 3, colors: Colors::Wide { channels, samples: samples.clone() } };
        let (_folder, dataset) = by_gdal(&picture, Format::PngRaw, Quality::Usual);
        assert_eq!(dataset.rasterband(1).expect("a band").band_type(), u16::datatype());
        assert_eq!(interleaved::<u16>(&dataset), samples, "{channels} channels");
    }
}

#[test]
fn libjpeg_finds_gray_or_colours_close_to_those_that_were_put_in() {
    for picture in smooth_pictures().into_iter().filter(|picture| picture.colors.is_opaque()) {
        let (_folder, dataset) = by_gdal(&picture, Format::Jpeg, Quality::Lossy(95));
        let samples = interleaved::<u8>(&dataset);
        let wanted: Vec<u8> = match &picture.colors {
            Colors::Gray8(gray) => gray.clone(),
            colors => expected(colors).into_iter().flat_map(|color| color.into_iter().take(3)).collect(),
        };
        assert_eq!(samples.len(), wanted.len());
        let largest = samples.iter().zip(&wanted).map(|(found, wanted)| found.abs_diff(*wanted)).max();
        assert!(largest.is_some_and(|largest| largest <= 8), "{largest:?}");
    }
}
