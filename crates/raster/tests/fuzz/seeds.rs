//! Valid files of every codec, layout and place, and mutants of them.

use std::{ops::Range, path::Path};

use aurora_fixtures::corpus;
use bytes::Bytes;
use gdal::{
    Dataset, DriverManager, Gcp, config,
    raster::{Buffer, ColorInterpretation, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

use super::Random;

/// Side of what GDAL writes.
const SIDE_PX: usize = 96;

/// Writes a small scene with GDAL in a UTM zone.
fn written<T: GdalType + Copy>(
    options: &[&str],
    bands: usize,
    value: impl Fn(usize) -> T,
    overviews: &[i32],
) -> Option<Bytes> {
    let placed = |file: &mut Dataset| {
        file.set_spatial_ref(&SpatialRef::from_epsg(32_632).expect("a UTM zone")).expect("written");
        file.set_geo_transform(&[500_000.0, 30.0, 0.0, 5_000_000.0, 0.0, -30.0]).expect("written");
        if !overviews.is_empty() {
            file.build_overviews("NEAREST", overviews, &[]).expect("built");
        }
    };
    finished(options, bands, value, placed)
}

/// Writes a small scene with GDAL, which `finish` gives its place.
fn finished<T: GdalType + Copy>(
    options: &[&str],
    bands: usize,
    value: impl Fn(usize) -> T,
    finish: impl Fn(&mut Dataset),
) -> Option<Bytes> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("seed.tif");
    let mut file = filled(&path, options, bands, value)?;
    finish(&mut file);
    file.close().expect("written");
    Some(std::fs::read(&path).expect("written").into())
}

fn filled<T: GdalType + Copy>(
    path: &Path,
    options: &[&str],
    bands: usize,
    value: impl Fn(usize) -> T,
) -> Option<Dataset> {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let creation: RasterCreationOptions = options.iter().copied().collect();
    // A GDAL that was built without a codec writes nothing.
    let file = driver.create_with_band_type_with_options::<T, _>(path, SIDE_PX, SIDE_PX, bands, &creation).ok()?;
    for band in 1..=bands {
        let values = (0..SIDE_PX * SIDE_PX).map(|index| value(index * band)).collect();
        let mut band = file.rasterband(band).expect("a band");
        band.write((0, 0), (SIDE_PX, SIDE_PX), &mut Buffer::new((SIDE_PX, SIDE_PX), values)).expect("written");
    }
    Some(file)
}

/// Placed by control points on a slant.
fn by_control_points(file: &mut Dataset) {
    let gcp = |(number, (column, row)): (usize, (f64, f64))| Gcp {
        id: number.to_string(),
        info: String::new(),
        pixel: column,
        line: row,
        x: 12.0 + 0.01 * column + 0.002 * row,
        y: 45.0 - 0.01 * row + 0.001 * column,
        z: 0.0,
    };
    let end_px = SIDE_PX as f64;
    let places = [(0.0, 0.0), (end_px, 0.0), (0.0, end_px), (end_px, end_px), (end_px / 2.0, end_px / 3.0)];
    let gcps = places.into_iter().enumerate().map(gcp).collect();
    file.set_gcps(gcps, &SpatialRef::from_epsg(4326).expect("degrees")).expect("written");
}

/// With a mask inside, every seventh pixel of which is masked.
fn masked(file: &mut Dataset) {
    file.set_spatial_ref(&SpatialRef::from_epsg(3857).expect("the web map")).expect("written");
    file.set_geo_transform(&[1_000_000.0, 30.0, 0.0, 5_000_000.0, 0.0, -30.0]).expect("written");
    config::set_config_option("GDAL_TIFF_INTERNAL_MASK", "YES").expect("set");
    let mut band = file.rasterband(1).expect("a band");
    band.create_mask_band(true).expect("made");
    let values = (0..SIDE_PX * SIDE_PX).map(|index| if index % 7 == 0 { 0_u8 } else { 255 }).collect();
    let mut mask = band.open_mask_band().expect("a mask");
    mask.write((0, 0), (SIDE_PX, SIDE_PX), &mut Buffer::new((SIDE_PX, SIDE_PX), values)).expect("written");
}

/// The globe with an alpha band.
fn globe(file: &mut Dataset) {
    file.set_spatial_ref(&SpatialRef::from_epsg(4326).expect("degrees")).expect("written");
    file.set_geo_transform(&[-180.0, 3.75, 0.0, 90.0, 0.0, -1.875]).expect("written");
    let mut last = file.rasterband(file.raster_count()).expect("a band");
    last.set_color_interpretation(ColorInterpretation::AlphaBand).expect("written");
}

/// Valid files of every codec, layout and place.
pub(super) fn seeds() -> Vec<Bytes> {
    let seeds: Vec<Bytes> = by_gdal().into_iter().flatten().collect();
    assert!(seeds.len() >= 18, "GDAL wrote only {} of the seeds", seeds.len());
    // What lies elsewhere, or holds nothing in places, and types that GDAL's part leaves out.
    let families = ["place", "nodata", "sparse", "sample", "overviews", "shape"];
    let ours: Vec<Bytes> = corpus::cases()
        .into_iter()
        .filter(|case| families.contains(&case.property))
        .map(|case| case.encode().expect("encoded").into())
        .collect();
    assert!(ours.len() >= 30, "only {} of the corpus are of these families", ours.len());
    seeds.into_iter().chain(ours).collect()
}

fn by_gdal() -> Vec<Option<Bytes>> {
    let byte = |index: usize| ((index.wrapping_mul(2_654_435_761) >> 27) as u8).wrapping_add((index / 300) as u8);
    let bit = |index: usize| u8::from(index % 7 < 3);
    let word = |index: usize| (index as u16).wrapping_mul(40_503) >> 4;
    let real = |index: usize| (index as f32).sin();
    let tiled = ["TILED=YES", "BLOCKXSIZE=32", "BLOCKYSIZE=32"];
    let with = |more: &[&'static str]| -> Vec<&'static str> { tiled.iter().chain(more).copied().collect() };
    vec![
        written(&[], 1, word, &[]),
        written(&["BLOCKYSIZE=1"], 1, byte, &[]),
        written(&["ENDIANNESS=BIG", "INTERLEAVE=BAND"], 3, word, &[]),
        written(&["BIGTIFF=YES", "COMPRESS=LZW"], 1, word, &[]),
        written(&["NBITS=12", "COMPRESS=DEFLATE"], 1, word, &[]),
        written(&["NBITS=1", "COMPRESS=CCITTFAX4"], 1, bit, &[]),
        written(&["NBITS=1", "COMPRESS=CCITTFAX3"], 1, bit, &[]),
        written(&["COMPRESS=PACKBITS"], 1, byte, &[]),
        written(&with(&["COMPRESS=DEFLATE", "PREDICTOR=2"]), 1, word, &[2, 4]),
        written(&with(&["COMPRESS=DEFLATE", "PREDICTOR=3"]), 2, real, &[]),
        written(&with(&["COMPRESS=ZSTD"]), 4, byte, &[2]),
        written(&with(&["COMPRESS=LZMA"]), 1, word, &[]),
        written(&with(&["COMPRESS=JPEG"]), 1, byte, &[]),
        written(&with(&["COMPRESS=JPEG", "PHOTOMETRIC=YCBCR"]), 3, byte, &[2]),
        written(&with(&["COMPRESS=WEBP"]), 3, byte, &[]),
        written(&with(&["COMPRESS=LERC"]), 1, real, &[]),
        written(&with(&["COMPRESS=LERC_ZSTD"]), 1, word, &[]),
        written(&with(&["COMPRESS=LERC_DEFLATE", "MAX_Z_ERROR=0.1"]), 1, real, &[]),
        finished(&[], 1, word, by_control_points),
        finished(&with(&["COMPRESS=DEFLATE"]), 2, word, masked),
        finished(&with(&["COMPRESS=ZSTD"]), 4, byte, globe),
        finished(&["COMPRESS=DEFLATE"], 2, real, globe),
    ]
}

/// Numbers that counts, sizes and offsets are tried with.
const ODD_NUMBERS: [u32; 12] =
    [0, 1, 2, 7, 0xff, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

/// A mutant of a file in `reach`, and sometimes cut short.
pub(super) fn mutant(seed: &Bytes, reach: &Range<usize>, random: &mut Random) -> Bytes {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(5) {
        let at = reach.start + random.below(reach.len());
        match random.below(3) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            _ => {
                let number = ODD_NUMBERS[random.below(ODD_NUMBERS.len())].to_le_bytes();
                let at = at & !1;
                let length = number.len().min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&number[..length]);
            }
        }
    }
    if random.below(16) == 0 {
        bytes.truncate(random.below(bytes.len()));
    }
    bytes.into()
}

/// Where the directories of a file lie: behind its signature, and at its end.
pub(super) fn header_reach(seed: &Bytes, random: &mut Random) -> Range<usize> {
    const USUAL_BYTES: usize = 600;
    if random.below(3) == 0 {
        seed.len() - USUAL_BYTES.min(seed.len())..seed.len()
    } else {
        0..USUAL_BYTES.min(seed.len())
    }
}
