//! Files of values, opened again by GDAL.

mod support;

use aurora_raster::{
    block::Samples,
    encode::{self, Format, Placement},
    pixels::Pixels,
};
use gdal::{Dataset, raster::GdalDataType};

const WIDTH: u32 = 21;
const HEIGHT: u32 = 10;

/// Two bands of each type that differ everywhere, with a masked corner.
fn any_pixels(kind: usize) -> (Pixels, GdalDataType) {
    let count = (WIDTH * HEIGHT) as usize;
    let number = |at: usize| (at % 100 + 3 * (at / count)) as i8;
    macro_rules! of {
        ($($variant:ident, $type:ty, $gdal:ident);*) => {
            [$((Samples::$variant((0..2 * count).map(|at| number(at) as $type).collect()), GdalDataType::$gdal)),*]
        };
    }
    let kinds = of!(
        U8, u8, UInt8; U16, u16, UInt16; I16, i16, Int16; U32, u32, UInt32; I32, i32, Int32; F32, f32, Float32;
        F64, f64, Float64
    );
    let (samples, gdal_type) = kinds.into_iter().nth(kind).expect("seven types");
    let mask: Vec<u8> = (0..count).map(|at| if at % 21 < 5 && at < 84 { 0 } else { 255 }).collect();
    (Pixels { bands: 2, ..Pixels::of_band(WIDTH, HEIGHT, samples, mask) }, gdal_type)
}

const PLACE: Placement =
    Placement { epsg: Some(32_633), is_geographic: false, corner: (500_000.0, 4_649_776.0), pixel: (12.5, 10.0) };

fn written(pixels: &Pixels, placement: Option<&Placement>, with_mask: bool) -> (tempfile::TempDir, Dataset) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("values.tif");
    let file = encode::values(pixels, Format::Tif, placement, with_mask).expect("encoded");
    std::fs::write(&path, file).expect("written");
    let dataset = Dataset::open(&path).expect("GDAL opens it");
    (folder, dataset)
}

#[test]
fn a_geotiff_holds_values_place_and_mask_of_every_type() {
    for kind in 0..7 {
        let (pixels, gdal_type) = any_pixels(kind);
        let (_folder, dataset) = written(&pixels, Some(&PLACE), true);
        assert_eq!((dataset.raster_size(), dataset.raster_count()), ((21, 10), 3));
        assert_eq!(dataset.geo_transform().expect("placed"), [500_000.0, 12.5, 0.0, 4_649_776.0, 0.0, -10.0]);
        assert_eq!(dataset.spatial_ref().expect("a system").auth_code().expect("a code"), 32_633);
        for band in 0..2 {
            let read = dataset.rasterband(usize::from(band) + 1).expect("a band");
            assert_eq!(read.band_type(), gdal_type);
            let values = read.read_as::<f64>((0, 0), (21, 10), (21, 10), None).expect("read");
            assert_eq!(values.data(), pixels.numbers(band), "{gdal_type:?}");
            let mask = read.open_mask_band().expect("a mask").read_as::<u8>((0, 0), (21, 10), (21, 10), None);
            assert_eq!(mask.expect("read").data(), pixels.mask, "{gdal_type:?}");
        }
        let last = dataset.rasterband(3).expect("the mask").read_as::<f64>((0, 0), (21, 10), (21, 10), None);
        let last = last.expect("read");
        assert!(last.data().iter().zip(&pixels.mask).all(|(value, &m)| (*value > 0.0) == (m != 0)), "{gdal_type:?}");
    }
}

/// Beside one band GDAL takes the last one of bytes for the mask.
#[test]
fn a_single_band_of_bytes_is_masked_by_the_second() {
    let (two, _) = any_pixels(0);
    let count = (WIDTH * HEIGHT) as usize;
    let samples = Samples::U8((0..count).map(|at| at as u8).collect());
    let one = Pixels::of_band(WIDTH, HEIGHT, samples, two.mask);
    let (_folder, dataset) = written(&one, None, true);
    let band = dataset.rasterband(1).expect("a band");
    let mask = band.open_mask_band().expect("a mask").read_as::<u8>((0, 0), (21, 10), (21, 10), None);
    assert_eq!((dataset.raster_count(), mask.expect("read").data()), (2, &one.mask[..]));
}

#[test]
fn without_a_mask_there_are_the_bands_alone_and_nodata_is_declared() {
    let (mut pixels, _) = any_pixels(1);
    pixels.nodata = Some(3.0);
    let degrees = Placement { epsg: Some(4326), is_geographic: true, corner: (-10.0, 20.0), pixel: (0.5, 0.25) };
    let (_folder, dataset) = written(&pixels, Some(&degrees), false);
    assert_eq!(dataset.raster_count(), 2);
    assert_eq!(dataset.rasterband(1).expect("a band").no_data_value(), Some(3.0));
    assert!(dataset.spatial_ref().expect("a system").is_geographic());
}

#[test]
fn three_bytes_are_colours_and_a_file_needs_no_place() {
    let count = (WIDTH * HEIGHT) as usize;
    let samples = Samples::U8((0..3 * count).map(|at| at as u8).collect());
    let pixels = Pixels { bands: 3, ..Pixels::of_band(WIDTH, HEIGHT, samples, vec![255; count]) };
    let (_folder, dataset) = written(&pixels, None, true);
    assert_eq!(dataset.raster_count(), 4);
    let colour = |band| dataset.rasterband(band).expect("a band").color_interpretation().name();
    assert_eq!((1..=4).map(colour).collect::<Vec<_>>(), ["Red", "Green", "Blue", "Alpha"]);
}
