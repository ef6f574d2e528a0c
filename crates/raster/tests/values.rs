//! Files of values, opened again by decoders that are not ours: GeoTIFF by GDAL, NPY by numpy.

mod support;

use std::{io::Write, path::Path, process::Command};

use aurora_raster::{
    block::Samples,
    encode::{self, Format, Placement},
    pixels::Pixels,
};
use gdal::{Dataset, raster::GdalDataType};
use serde_json::{Value, json};

const WIDTH: u32 = 21;
const HEIGHT: u32 = 10;

/// How many types of samples there are.
const KINDS: usize = 10;

/// Bands of one type that differ everywhere, with a masked corner, and GDAL's name of the type. GDAL 3.6 knows no signed bytes: to it
/// they are bytes.
fn any_pixels(kind: usize, bands: u16) -> (Pixels, GdalDataType) {
    let count = (WIDTH * HEIGHT) as usize;
    let number = |at: usize| (at % 100 + 3 * (at / count)) as i8 - 40;
    macro_rules! of {
        ($($variant:ident, $type:ty, $gdal:ident);*) => {
            [$((
                Samples::$variant((0..usize::from(bands) * count).map(|at| number(at) as $type).collect()),
                GdalDataType::$gdal
            )),*]
        };
    }
    let kinds: [_; KINDS] = of!(
        U8, u8, UInt8; U16, u16, UInt16; I16, i16, Int16; U32, u32, UInt32; I32, i32, Int32; F32, f32, Float32;
        F64, f64, Float64; I8, i8, UInt8; U64, u64, UInt64; I64, i64, Int64
    );
    let (samples, gdal_type) = kinds.into_iter().nth(kind).expect("one of the types");
    let mask: Vec<u8> = (0..count).map(|at| if at % 21 < 5 && at < 84 { 0 } else { 255 }).collect();
    (Pixels { bands, all_valid: false, ..Pixels::of_band(WIDTH, HEIGHT, samples, mask) }, gdal_type)
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
    for kind in 0..KINDS {
        let (pixels, gdal_type) = any_pixels(kind, 2);
        let (_folder, dataset) = written(&pixels, Some(&PLACE), true);
        assert_eq!((dataset.raster_size(), dataset.raster_count()), ((21, 10), 3));
        assert_eq!(dataset.geo_transform().expect("placed"), [500_000.0, 12.5, 0.0, 4_649_776.0, 0.0, -10.0]);
        assert_eq!(dataset.spatial_ref().expect("a system").auth_code().expect("a code"), 32_633);
        for band in 0..2 {
            let read = dataset.rasterband(usize::from(band) + 1).expect("a band");
            assert_eq!(read.band_type(), gdal_type);
            let values = read.read_as::<f64>((0, 0), (21, 10), (21, 10), None).expect("read");
            // What GDAL takes for bytes runs on from 127 to 255.
            let is_signed_byte = matches!(pixels.samples, Samples::I8(_));
            let as_told = |value: f64| if is_signed_byte { value.rem_euclid(256.0) } else { value };
            let wanted: Vec<f64> = pixels.numbers(band).into_iter().map(as_told).collect();
            assert_eq!(values.data(), wanted, "{gdal_type:?}");
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
    let (two, _) = any_pixels(0, 2);
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
    let (mut pixels, _) = any_pixels(1, 2);
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

#[test]
fn nodata_that_is_no_number_is_declared_too() {
    let (mut pixels, _) = any_pixels(5, 1);
    pixels.nodata = Some(f64::NAN);
    let (_folder, dataset) = written(&pixels, Some(&PLACE), false);
    assert!(dataset.rasterband(1).expect("a band").no_data_value().expect("declared").is_nan());
}

/// Prints type, shape and numbers of each file that is named, line by line.
const NUMPY: &str = "
import json, sys, numpy
for path in sys.argv[1:]:
    array = numpy.load(path, allow_pickle=False)
    print(json.dumps([str(array.dtype), array.shape, array.astype('float64').ravel().tolist()]))
";

/// What numpy, in the tests' own environment, loads from files; `None` (said on the terminal) where it is not there.
fn by_numpy(files: &[Vec<u8>]) -> Option<Vec<Value>> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python");
    if !python.is_file() {
        let _ = writeln!(std::io::stderr(), "skipped: no Python at {}; `make setup` installs it", python.display());
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = |at: usize| folder.path().join(format!("{at}.npy"));
    files.iter().enumerate().for_each(|(at, file)| std::fs::write(path(at), file).expect("written"));
    let run = Command::new(python).args(["-c", NUMPY]).args((0..files.len()).map(path)).output();
    let output = run.expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

#[test]
fn an_npy_file_holds_bands_and_mask_of_every_type() {
    let pixels: Vec<Pixels> = (0..KINDS).flat_map(|kind| [1, 2, 5].map(|bands| any_pixels(kind, bands).0)).collect();
    let encoded = |pixels, with_mask| encode::values(pixels, Format::Npy, None, with_mask).expect("encoded");
    let files: Vec<_> = pixels.iter().flat_map(|pixels| [encoded(pixels, false), encoded(pixels, true)]).collect();
    let Some(loaded) = by_numpy(&files) else { return };
    assert_eq!(loaded.len(), files.len());
    let mut types = Vec::new();
    for (pixels, loaded) in pixels.iter().zip(loaded.chunks_exact(2)) {
        let dtype = loaded[0][0].as_str().expect("a type");
        let values = (0..pixels.bands).flat_map(|band| pixels.numbers(band));
        // A signed byte ends at 127.
        let valid = if dtype == "int8" { 127.0 } else { 255.0 };
        let mask = pixels.mask.iter().map(|&m| if m == 0 { 0.0 } else { valid });
        let bare = json!([dtype, [pixels.bands, 10, 21], values.clone().collect::<Vec<f64>>()]);
        let masked = json!([dtype, [pixels.bands + 1, 10, 21], values.chain(mask).collect::<Vec<f64>>()]);
        assert!(loaded[0] == bare && loaded[1] == masked, "{dtype}, {} bands", pixels.bands);
        types.push(dtype);
    }
    types.dedup();
    let every = ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int8", "uint64", "int64"];
    assert_eq!(types, every);
}
