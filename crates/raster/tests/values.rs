//! Files of values, opened again by decoders that are not ours: GeoTIFF by GDAL, NPY by numpy.

mod support;

use std::{path::Path, process::Command};

use aurora_fixtures::at_hand;
use aurora_raster::{
    block::Samples,
    crs::Crs,
    encode::{self, Format, Placement},
    pixels::Pixels,
    render,
};
use gdal::{Dataset, DriverManager, Gcp, raster::GdalDataType, spatial_ref::SpatialRef};
use serde_json::{Value, json};

const WIDTH: u32 = 21;
const HEIGHT: u32 = 10;

/// How many types of samples there are.
const KINDS: usize = 10;

/// Bands of one type that differ everywhere, with a masked corner, and GDAL's name of the type. GDAL 3.6 knows no
/// signed bytes: to it they are bytes.
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

fn place() -> Placement {
    Placement::north_up(&Crs::from_epsg(32_633).expect("known"), (500_000.0, 4_649_776.0), (12.5, 10.0))
}

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
        let (_folder, dataset) = written(&pixels, Some(&place()), true);
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

/// Scenes that do not lie north up, or whose system has no code, in files half their size.
#[test]
fn a_geotiff_lies_where_its_raster_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("raster.tif");
    let utm = || SpatialRef::from_epsg(32_633).expect("known");
    let own = SpatialRef::from_proj4("+proj=laea +lat_0=10 +lon_0=-81 +datum=WGS84 +units=m").expect("GDAL makes it");
    let north_up = [500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, -10.0];
    let south_up = [500_000.0, 10.0, 0.0, 4_600_000.0, 0.0, 10.0];
    let turned = [500_000.0, 8.0, 5.0, 4_600_000.0, 5.0, -8.0];
    for (name, system, transform) in
        [("own system", own, north_up), ("south up", utm(), south_up), ("turned", utm(), turned)]
    {
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
        let mut file = driver.create_with_band_type::<u8, _>(&path, 40, 20, 1).expect("created");
        file.set_geo_transform(&transform).expect("set");
        file.set_spatial_ref(&system).expect("set");
        file.close().expect("written");
        let (_folder, dataset) = written_half(&path);
        let [x, a, b, y, d, e] = transform;
        assert_eq!(dataset.geo_transform().expect("placed"), [x, 2.0 * a, 2.0 * b, y, 2.0 * d, 2.0 * e], "{name}");
        let told = dataset.spatial_ref().expect("a system").to_proj4().expect("told");
        assert_eq!(told, system.to_proj4().expect("told"), "{name}");
    }
}

#[test]
fn a_geotiff_of_a_raster_by_control_points_has_some_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("raster.tif");
    let place = |col: f64, row: f64| (500_000.0 + 10.0 * col + 3.0 * row, 4_600_000.0 - 11.0 * row + 2.0 * col);
    let ties = [(0.0, 0.0), (40.0, 0.0), (0.0, 20.0), (40.0, 20.0)].map(|(col, row)| {
        let (x, y) = place(col, row);
        Gcp { id: String::new(), info: String::new(), pixel: col, line: row, x, y, z: 0.0 }
    });
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
    let file = driver.create_with_band_type::<u8, _>(&path, 40, 20, 1).expect("created");
    file.set_gcps(ties.to_vec(), &SpatialRef::from_epsg(32_633).expect("known")).expect("set");
    file.close().expect("written");
    let (_folder, dataset) = written_half(&path);
    assert_eq!(dataset.gcp_spatial_ref().expect("a system").auth_code().expect("a code"), 32_633);
    let ties = dataset.gcps();
    assert!(ties.len() >= 4);
    for tie in ties {
        let (x, y) = place(2.0 * tie.pixel(), 2.0 * tie.line());
        assert!((tie.x() - x).abs() < 1e-6 && (tie.y() - y).abs() < 1e-6, "{:?}", (tie.pixel(), tie.line()));
    }
}

/// A raster of 40 × 20 pixels as a file of half the size.
fn written_half(path: &Path) -> (tempfile::TempDir, Dataset) {
    let tiff = support::open(path).expect("a raster that is read");
    let placement = render::placement_of_whole(tiff.header(), (20, 10));
    let pixels = Pixels::of_band(20, 10, Samples::U8(vec![7; 200]), vec![255; 200]);
    written(&pixels, placement.as_ref(), true)
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
    let degrees = Placement::north_up(&Crs::from_epsg(4326).expect("known"), (-10.0, 20.0), (0.5, 0.25));
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
    let (_folder, dataset) = written(&pixels, Some(&place()), false);
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
    let python = at_hand::python()?;
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
