//! Small rasters made by GDAL, and the runs of the library and the program over them.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    path::Path,
    process::{Command, Output},
};

use aurora_inference::{Job, Model, NodataChoice};
use gdal::{
    Dataset, DriverManager,
    raster::{Buffer, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};

/// UTM 23 S: metres, off Brazil.
pub(crate) const UTM_23_S: u32 = 32723;

/// A geotransform with its corner in UTM 23 S.
pub(crate) fn north_up(spacing_m: f64) -> [f64; 6] {
    [600_000.0, spacing_m, 0.0, 7_400_000.0, 0.0, -spacing_m]
}

/// Writes a GeoTIFF of one band; `value(column, row)` gives its pixels.
pub(crate) fn geotiff<T: GdalType + Copy>(
    path: &Path,
    (width, height): (usize, usize),
    place: Option<(u32, [f64; 6])>,
    nodata: Option<f64>,
    value: impl Fn(usize, usize) -> T,
) {
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let options = RasterCreationOptions::from_iter(["BLOCKYSIZE=1"]);
    let mut dataset = driver.create_with_band_type_with_options::<T, _>(path, width, height, 1, &options).unwrap();
    if let Some((epsg, transform)) = place {
        dataset.set_spatial_ref(&SpatialRef::from_epsg(epsg).unwrap()).unwrap();
        dataset.set_geo_transform(&transform).unwrap();
    }
    let mut band = dataset.rasterband(1).unwrap();
    band.set_no_data_value(nodata).unwrap();
    let pixels = (0..width * height).map(|i| value(i % width, i / width)).collect();
    let mut buffer = Buffer::new((width, height), pixels);
    band.write((0, 0), (width, height), &mut buffer).unwrap();
    dataset.close().unwrap();
}

/// A job with the program's defaults.
pub(crate) fn job(input: &Path, out: &Path) -> Job {
    Job {
        input: input.to_owned(),
        out: out.to_owned(),
        model: Model::DarkSpot,
        memory_bytes: 512 << 20,
        threads: 2,
        nodata: NodataChoice::Auto,
        scene_id: None,
        max_pixels: 1_000_000_000,
    }
}

/// All pixels of the first band of a level: 0 is the full resolution.
pub(crate) fn level(path: &Path, level: usize) -> Vec<f32> {
    let dataset = Dataset::open(path).unwrap();
    let band = dataset.rasterband(1).unwrap();
    let band = if level == 0 { band } else { band.overview(level - 1).unwrap() };
    band.read_band_as::<f32>().unwrap().data().to_vec()
}

/// Runs the program.
pub(crate) fn infer(args: &[&std::ffi::OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_aurora-infer")).args(args).output().unwrap()
}

/// Noise like speckle of `looks` looks, the same for the same place: mean 1, never 0.
pub(crate) fn speckle(column: usize, row: usize, looks: u32) -> f64 {
    let mut state = (column as u64) << 32 | row as u64 | 1 << 63;
    let exponential = (0..looks).map(|_| {
        // splitmix64, as published by Sebastiano Vigna.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        -(((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64).max(1e-12).ln()
    });
    exponential.sum::<f64>() / f64::from(looks)
}
