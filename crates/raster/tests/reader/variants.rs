//! Files of every combination of type, compression, predictor, layout and byte order that GDAL writes, sample by sample
//! against what GDAL reads back.
//!
//! The combinations are drawn from a seed, so that each run takes the same ones: some hundred of the thousands there
//! are.

use std::path::Path;

use aurora_raster::header::ColorInterpretation;
use gdal::{
    DriverManager,
    raster::{Buffer, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

use crate::{pixels::band_values, sample};

const SIDES_PX: (usize, usize) = (83, 57);

/// Writes what `value` gives for pixel and band; `false` where the GDAL at hand cannot.
fn write<T: GdalType + Copy>(
    path: &Path,
    options: &[String],
    bands: usize,
    nodata: Option<f64>,
    value: impl Fn(usize, usize) -> T,
) -> bool {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let creation: RasterCreationOptions = options.iter().map(String::as_str).collect();
    let (width, height) = SIDES_PX;
    let Ok(mut file) = driver.create_with_band_type_with_options::<T, _>(path, width, height, bands, &creation) else {
        return false;
    };
    file.set_spatial_ref(&SpatialRef::from_epsg(32_632).expect("a UTM zone")).expect("written");
    file.set_geo_transform(&[500_000.0, 30.0, 0.0, 5_000_000.0, 0.0, -30.0]).expect("written");
    for band in 1..=bands {
        let values = (0..width * height).map(|index| value(index, band)).collect();
        let mut band = file.rasterband(band).expect("a band");
        band.set_no_data_value(nodata).expect("written");
        band.write((0, 0), SIDES_PX, &mut Buffer::new(SIDES_PX, values)).expect("written");
    }
    file.close().is_ok()
}

/// A slope with some noise, between 0 and 250, of pixel and band.
fn slope(index: usize, band: usize) -> f64 {
    let (x, y) = (index % SIDES_PX.0, index / SIDES_PX.0);
    (x + 2 * y + 7 * band + index.wrapping_mul(2_654_435_761) % 5) as f64
}

fn write_type(path: &Path, sample_type: &str, options: &[String], bands: usize) -> bool {
    let masked = |value: f64| if (value as u32).is_multiple_of(11) { f64::NAN } else { value / 3.0 };
    match sample_type {
        "u8" => write(path, options, bands, None, |index, band| slope(index, band) as u8),
        "u16" => write(path, options, bands, None, |index, band| (slope(index, band) * 200.0) as u16),
        "i16" => write(path, options, bands, Some(-9999.0), |index, band| (slope(index, band) * 100.0 - 9000.0) as i16),
        "u32" => write(path, options, bands, None, |index, band| (slope(index, band) * 9e6) as u32),
        "i32" => write(path, options, bands, None, |index, band| (slope(index, band) * 4e6 - 5e8) as i32),
        "f32" => write(path, options, bands, None, |index, band| slope(index, band) as f32 / 7.0 - 9.0),
        "f64" => write(path, options, bands, None, |index, band| slope(index, band) / 7.0 - 9.0),
        // Masked pixels that differ from band to band, for which LERC has a layout of its own.
        _ => write(path, options, bands, Some(f64::NAN), |index, band| masked(slope(index * band, band)) as f32),
    }
}

const TYPES: [&str; 8] = ["u8", "u16", "i16", "u32", "i32", "f32", "f64", "f32 with gaps"];
const COMPRESSIONS: [&str; 9] =
    ["NONE", "DEFLATE", "LZW", "ZSTD", "PACKBITS", "LZMA", "LERC", "LERC_DEFLATE", "LERC_ZSTD"];
const LAYOUTS: [&str; 6] = ["TILED=YES 16 16", "TILED=YES 64 32", "STRIPS 1", "STRIPS 7", "STRIPS 57", "STRIPS 16"];

/// Creation options number `draw` of a type and compression.
fn options(sample_type: &str, compression: &str, draw: usize) -> (Vec<String>, usize) {
    let mut options = vec![format!("COMPRESS={compression}")];
    let mut pick = draw;
    let mut choose = |count: usize| {
        let chosen = pick % count;
        pick /= count;
        chosen
    };
    options.push(["ENDIANNESS=LITTLE", "ENDIANNESS=BIG"][choose(2)].to_owned());
    options.push(["INTERLEAVE=PIXEL", "INTERLEAVE=BAND"][choose(2)].to_owned());
    let words: Vec<&str> = LAYOUTS[choose(LAYOUTS.len())].split(' ').collect();
    match words[..] {
        [tiled, width, height] => {
            options.extend([tiled.to_owned(), format!("BLOCKXSIZE={width}"), format!("BLOCKYSIZE={height}")]);
        }
        [_, rows] => options.push(format!("BLOCKYSIZE={rows}")),
        _ => {}
    }
    let predictors = match (compression, sample_type.starts_with('f')) {
        ("DEFLATE" | "LZW" | "ZSTD", true) => 3,
        ("DEFLATE" | "LZW" | "ZSTD", false) => 2,
        _ => 1,
    };
    options.push(format!("PREDICTOR={}", 1 + choose(predictors)));
    options.push(["BIGTIFF=NO", "BIGTIFF=YES"][choose(2)].to_owned());
    (options, [1, 3, 2, 4][choose(4)])
}

#[test]
fn what_gdal_writes_is_read_as_gdal_reads_it() {
    const DRAWS: usize = 7;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("variant.tif");
    let (mut equal, mut unwritten, mut wrong) = (0, 0, Vec::new());
    for (kind, &sample_type) in TYPES.iter().enumerate() {
        for (method, &compression) in COMPRESSIONS.iter().enumerate() {
            for draw in 0..DRAWS {
                let seed = (kind * 131 + method * 31 + draw * 1009).wrapping_mul(2_654_435_761) >> 7;
                let (options, bands) = options(sample_type, compression, seed);
                if !write_type(&path, sample_type, &options, bands) {
                    unwritten += 1;
                    continue;
                }
                // Of LERC it writes some that it cannot read.
                let Some(theirs) = by_gdal(&path) else {
                    unwritten += 1;
                    continue;
                };
                match difference(&path, &theirs) {
                    None => equal += 1,
                    Some(how) => wrong.push(format!("{sample_type} × {bands} {options:?}: {how}")),
                }
            }
        }
    }
    println!("{equal} equal, {unwritten} could not be written");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal > 300, "only {equal} were written");
}

/// GDAL's samples, band by band.
fn by_gdal(path: &Path) -> Option<Vec<Vec<f64>>> {
    let dataset = gdal::Dataset::open(path).expect("GDAL opens it");
    let samples = |band: usize| Some(dataset.rasterband(band).ok()?.read_band_as::<f64>().ok()?.data().to_vec());
    (1..=dataset.raster_count()).map(samples).collect()
}

/// What differs from GDAL's reading.
fn difference(path: &Path, theirs: &[Vec<f64>]) -> Option<String> {
    let tiff = match sample::open(path) {
        Ok(tiff) => tiff,
        Err(error) => return Some(error.to_string()),
    };
    if let Err(error) = sample::pixels(&tiff, 0) {
        return Some(error.to_string());
    }
    for (band, theirs) in theirs.iter().enumerate() {
        let ours = band_values(&tiff, 0, band);
        let same = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan();
        if let Some(at) = ours.iter().zip(theirs).position(|pair| !same(pair)) {
            return Some(format!("band {} pixel {at} is {}, not {}", band + 1, ours[at], theirs[at]));
        }
    }
    None
}

/// Beside gray and colours GDAL writes pictures of two and of four components, which are no others than they are stored
/// as.
#[test]
fn jpegs_of_two_and_four_bands_are_read_as_gdal_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bands.tif");
    let usual = ["COMPRESS=JPEG", "INTERLEAVE=PIXEL", "TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=48"];
    for (bands, photometric) in [(2, "MINISBLACK"), (4, "RGB"), (4, "MINISBLACK")] {
        let photometric = format!("PHOTOMETRIC={photometric}");
        let options: Vec<String> = usual.iter().map(|&option| option.to_owned()).chain([photometric]).collect();
        assert!(write(&path, &options, bands, None, |index, band| slope(index, band) as u8), "{options:?}");
        let theirs = by_gdal(&path).expect("GDAL reads it");
        assert_eq!(difference(&path, &theirs), None, "{options:?}");
    }
}

/// Overviews may be stored otherwise than what they are of: as pictures in other colours, or the other way round.
#[test]
fn overviews_in_other_colours_are_read_as_gdal_reads_them() {
    use gdal::config::{clear_thread_local_config_option, set_thread_local_config_option};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("overviews.tif");
    let tiled = ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32", "INTERLEAVE=PIXEL"];
    for (own, overviews) in [
        (["COMPRESS=DEFLATE", "PHOTOMETRIC=RGB"], [("COMPRESS_OVERVIEW", "JPEG"), ("PHOTOMETRIC_OVERVIEW", "YCBCR")]),
        (["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR"], [("COMPRESS_OVERVIEW", "DEFLATE"), ("PHOTOMETRIC_OVERVIEW", "RGB")]),
    ] {
        let options: Vec<String> = tiled.iter().chain(&own).map(|&option| option.to_owned()).collect();
        // Reds and blues apart, as gray is the same in both.
        let color = |index: usize, band: usize| (slope(index, 1) as usize * [1, 0, 0][band - 1] + 60 * band) as u8;
        assert!(write(&path, &options, 3, None, color));
        overviews.iter().for_each(|(name, value)| set_thread_local_config_option(name, value).expect("set"));
        let update = gdal::DatasetOptions { open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE, ..Default::default() };
        let mut file = gdal::Dataset::open_ex(&path, update).expect("GDAL opens it");
        file.build_overviews("AVERAGE", &[2], &[]).expect("built");
        file.close().expect("written");
        overviews.iter().for_each(|(name, _)| clear_thread_local_config_option(name).expect("cleared"));
        let theirs = gdal::Dataset::open(&path).expect("GDAL opens it");
        let tiff = sample::open(&path).expect("read");
        let is_ycbcr: Vec<bool> = tiff.header().levels.iter().map(|level| level.ycbcr).collect();
        assert_eq!(is_ycbcr, [own[1].ends_with("YCBCR"), overviews[1].1 == "YCBCR"], "{own:?}");
        for band in 1..=3 {
            let theirs = theirs.rasterband(band).expect("a band").overview(0).expect("one").read_band_as::<f64>();
            let (ours, theirs) = (band_values(&tiff, 1, band - 1), theirs.expect("read"));
            let most = ours.iter().zip(theirs.data()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(ours.len() == theirs.data().len() && most <= 2.0, "{own:?} band {band}: {most} apart");
        }
    }
}

/// GDAL's crate has no complex numbers: a dataset of floats is copied to one of pairs, all imaginary parts 0, by way of
/// a virtual one.
#[test]
fn differences_of_complex_samples_are_read_as_gdal_reads_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (floats, xml, path) =
        (folder.path().join("a.tif"), folder.path().join("a.vrt"), folder.path().join("pairs.tif"));
    // Whole numbers, so that pairs of 16-bit integers hold them too.
    assert!(write(&floats, &[], 2, None, |index, band| 100.0 - slope(index, band) as f32));
    let theirs: Vec<Vec<f64>> = by_gdal(&floats).expect("GDAL reads it");
    let amplitudes: Vec<Vec<f64>> = theirs.iter().map(|band| band.iter().map(|value| value.abs()).collect()).collect();
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
    for (kind, order, layout) in ["CInt16", "CInt32", "CFloat32"]
        .into_iter()
        .flat_map(|kind| [(kind, "LITTLE", "PIXEL"), (kind, "BIG", "PIXEL"), (kind, "LITTLE", "BAND")])
    {
        let band = |band: usize| {
            format!(
                "<VRTRasterBand dataType=\"{kind}\" band=\"{band}\"><SimpleSource><SourceFilename>{}</SourceFilename>\
                 <SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>",
                floats.display()
            )
        };
        let (width, height) = SIDES_PX;
        let (first, second) = (band(1), band(2));
        let text = format!("<VRTDataset rasterXSize=\"{width}\" rasterYSize=\"{height}\">{first}{second}</VRTDataset>");
        std::fs::write(&xml, text).expect("written");
        let (order, layout) = (format!("ENDIANNESS={order}"), format!("INTERLEAVE={layout}"));
        let options: RasterCreationOptions = ["COMPRESS=DEFLATE", "PREDICTOR=2", &order, &layout].into_iter().collect();
        let pairs = gdal::Dataset::open(&xml).expect("a virtual dataset");
        pairs.create_copy(&driver, &path, &options).expect("copied").close().expect("written");
        assert_eq!(difference(&path, &amplitudes), None, "{kind} {options:?}");
    }
}

#[test]
fn bits_are_read_from_runs_and_shown_black_and_white() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bits.tif");
    for (compression, photometric) in [
        ("CCITTFAX3", "MINISBLACK"),
        ("CCITTFAX4", "MINISWHITE"),
        ("CCITTFAX4", "MINISBLACK"),
        ("DEFLATE", "MINISWHITE"),
    ] {
        let options = [format!("COMPRESS={compression}"), format!("PHOTOMETRIC={photometric}"), "NBITS=1".to_owned()];
        assert!(write(&path, &options, 1, None, |index, band| u8::from(slope(index, band) > 100.0)), "{options:?}");
        let theirs = by_gdal(&path).expect("GDAL reads it");
        assert_eq!(difference(&path, &theirs), None, "{options:?}");
        let tiff = sample::open(&path).expect("read");
        let white_first = photometric == "MINISWHITE";
        assert_eq!(tiff.header().color, ColorInterpretation::Palette);
        assert_eq!(tiff.header().palette.first() == Some(&[255; 4]), white_first, "{options:?}");
    }
}

#[test]
fn a_nodata_value_beyond_the_type_is_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nodata.tif");
    for (value, kept) in [(-9999.0, None), (65_535.0, Some(65_535.0)), (65_536.0, None)] {
        assert!(write(&path, &[], 1, Some(value), |index, band| slope(index, band) as u16));
        assert_eq!(sample::open(&path).expect("read").header().nodata, kept, "{value}");
    }
}
