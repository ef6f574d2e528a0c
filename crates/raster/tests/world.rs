//! A raster of the whole globe in systems that show a part of it, or its poles nowhere: views have sensible sizes, and
//! their pixels the values of their places.

mod support;

use std::path::Path;

use aurora_raster::{
    GeoTiff,
    block::Samples,
    crs::Crs,
    facts,
    render::{ReadOptions, Resampling, Sizing, View, carried_bounds, plan},
};
use aurora_tile::Bounds;
use gdal::{
    DriverManager,
    raster::{Buffer, RasterCreationOptions},
    spatial_ref::SpatialRef,
};
use support::{open, render};

const SIZE_PX: (usize, usize) = (3600, 1800);

/// Degrees of latitude from the south pole on, whole ones, and half of those of longitude on every other row of
/// degrees.
fn value(lon_deg: f64, lat_deg: f64) -> u8 {
    let south = (lat_deg + 90.0).floor();
    if south % 2.0 == 0.0 { south as u8 } else { ((lon_deg + 180.0) / 2.0).floor() as u8 }
}

/// A tenth of a degree a pixel.
fn write(path: &Path) {
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
    let options: RasterCreationOptions = ["TILED=YES", "COMPRESS=DEFLATE"].into_iter().collect();
    let (width, height) = SIZE_PX;
    let mut file =
        driver.create_with_band_type_with_options::<u8, _>(path, width, height, 1, &options).expect("created");
    file.set_spatial_ref(&SpatialRef::from_epsg(4326).expect("known")).expect("set");
    file.set_geo_transform(&[-180.0, 0.1, 0.0, 90.0, 0.0, -0.1]).expect("set");
    let centre = |px: usize| (px as f64 + 0.5) / 10.0;
    let values = (0..width * height).map(|at| value(centre(at % width) - 180.0, 90.0 - centre(at / width))).collect();
    let mut band = file.rasterband(1).expect("a band");
    band.write((0, 0), SIZE_PX, &mut Buffer::new(SIZE_PX, values)).expect("written");
    file.close().expect("written");
}

fn crs(code: u32) -> Crs {
    Crs::from_epsg(code).expect("known")
}

fn size_px(view: &View) -> (u32, u32) {
    (view.width_px(), view.height_px())
}

/// Share of the view's pixels that are valid, and of these the share with the value of their place or one a pixel
/// beside it.
fn right(tiff: &GeoTiff, view: &View) -> (f64, f64) {
    let pixels = render(tiff, view, &ReadOptions::default()).expect("rendered");
    let Samples::U8(values) = &pixels.samples else { panic!("bytes") };
    let (bounds, (width, height)) = (view.bounds(), size_px(view));
    let at = |index: usize| {
        let (col, row) = (f64::from(index as u32 % width) + 0.5, f64::from(index as u32 / width) + 0.5);
        let x = bounds.minx + col / f64::from(width) * bounds.width();
        view.crs().to_wgs84(x, bounds.maxy - row / f64::from(height) * bounds.height())
    };
    let is_right = |index: &usize| {
        let Some((lon, lat)) = at(*index) else { return false };
        let near = [-0.1, 0.0, 0.1].map(|off| [value(lon + off, lat), value(lon, lat + off)]);
        near.as_flattened().contains(&values[*index])
    };
    let valid: Vec<usize> = (0..values.len()).filter(|&index| pixels.mask[index] != 0).collect();
    let right = valid.iter().filter(|index| is_right(index)).count();
    (valid.len() as f64 / values.len() as f64, right as f64 / valid.len().max(1) as f64)
}

/// rio-tiler 9.4.12 gives 78 × 79 pixels, and for the world 256 × 255.
#[test]
fn boxes_on_the_web_map_have_the_rasters_resolution() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("world.tif");
    write(&path);
    let tiff = open(&path).expect("a raster that is read");
    let view = |degrees: [f64; 4], max_px| {
        let [minx, miny, maxx, maxy] = degrees;
        let bounds = carried_bounds(&crs(4326), &crs(3857), Bounds::new(minx, miny, maxx, maxy)).expect("carried");
        let sizing = Sizing { max_px, ..Sizing::default() };
        View::of_box(tiff.header(), crs(3857), bounds, sizing).expect("a view")
    };
    let near = view([0.0, 0.0, 10.0, 10.0], None);
    assert_eq!(size_px(&near), (78, 79));
    assert!(right(&tiff, &near).1 > 0.99);
    let (width, height) = size_px(&view([-180.0, -85.0, 180.0, 85.0], Some(256)));
    assert!(width == 256 && (255..=256).contains(&height), "{width} x {height}");
}

#[test]
fn the_whole_is_shown_as_far_as_a_system_reaches() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("world.tif");
    write(&path);
    let tiff = open(&path).expect("a raster that is read");
    for (code, least_valid) in
        [(3857, 0.99), (3395, 0.9), (3031, 0.7), (5041, 0.7), (32_632, 0.5), (3035, 0.7), (6933, 0.99)]
    {
        for max_px in [256, 4096] {
            let sizing = Sizing { max_px: Some(max_px), ..Sizing::default() };
            let view = View::of_whole(tiff.header(), crs(code), sizing).expect("a view");
            let (width, height) = size_px(&view);
            println!("{code}: {width} x {height} of {:?}", view.bounds());
            assert!(width.min(height) >= max_px / 5 && width.max(height) >= max_px / 4, "{code}: {width} x {height}");
            if max_px == 256 {
                let (valid, right) = right(&tiff, &view);
                println!("  {valid:.3} valid, {right:.3} right");
                assert!(valid >= least_valid && right > 0.97, "{code}: {valid} valid, {right} right");
            }
        }
    }
}

/// The middle of such a raster lies beside the pole, where a pixel of the web map spans next to nothing; what the map
/// shows of it is far away.
#[test]
fn a_raster_round_a_pole_is_read_from_an_overview_where_the_map_shows_it_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("polar.tif");
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
    let options: RasterCreationOptions = ["TILED=YES", "COMPRESS=DEFLATE"].into_iter().collect();
    let side_px = 2001_usize;
    let mut file =
        driver.create_with_band_type_with_options::<u8, _>(&path, side_px, side_px, 1, &options).expect("made");
    file.set_spatial_ref(&SpatialRef::from_epsg(3031).expect("known")).expect("set");
    let metres = 3000.0;
    for off_px in [0.0, 0.5, 0.01] {
        let corner = (side_px as f64 / 2.0 + off_px) * metres;
        file.set_geo_transform(&[-corner, metres, 0.0, corner, 0.0, -metres]).expect("set");
        let values = vec![7; side_px * side_px];
        let mut band = file.rasterband(1).expect("a band");
        band.write((0, 0), (side_px, side_px), &mut Buffer::new((side_px, side_px), values)).expect("written");
        if off_px == 0.0 {
            file.build_overviews("NEAREST", &[2, 4, 8, 16], &[]).expect("built");
        }
        file.flush_cache().expect("written");
        let tiff = open(&path).expect("a raster that is read");
        for (code, bounds) in [
            (3857, Bounds::new(-20_037_508.34, -20_037_508.34, 20_037_508.34, 20_037_508.34)),
            (4326, Bounds::new(-180.0, -90.0, 180.0, 90.0)),
        ] {
            let view = View::of_bounds(crs(code), bounds, 256, 256).expect("a view");
            for resampling in [Resampling::Nearest, Resampling::Bilinear, Resampling::Average] {
                let options = ReadOptions { resampling, ..ReadOptions::default() };
                let plan = plan(&tiff, &view, &options).expect("planned");
                assert!(plan.level() >= 2, "{code} {resampling:?} {off_px}: level {}", plan.level());
                let pixels = render(&tiff, &view, &options).expect("rendered");
                let share = pixels.valid_px() as f64 / 65_536.0;
                assert!((0.05..0.3).contains(&share), "{code} {resampling:?} {off_px}: {share} valid");
            }
        }
    }
}

/// RFC 7946: longitudes are within 180 degrees, and west is larger than east across the antimeridian.
#[test]
fn degrees_counted_on_are_told_as_those_of_the_globe() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("degrees.tif");
    for (west, told) in [(175.0, [175.0, -170.0]), (340.0, [-20.0, -5.0]), (-185.0, [175.0, -170.0])] {
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
        let mut file = driver.create_with_band_type::<u8, _>(&path, 150, 130, 1).expect("created");
        file.set_spatial_ref(&SpatialRef::from_epsg(4326).expect("known")).expect("set");
        file.set_geo_transform(&[west, 0.1, 0.0, 95.0, 0.0, -0.1]).expect("set");
        file.close().expect("written");
        let facts = facts::of(&open(&path).expect("a raster that is read"));
        let [west, south, east, north] = facts.bounds_wgs84.expect("a place");
        assert!((west - told[0]).abs() < 1e-9 && (east - told[1]).abs() < 1e-9, "{west} {east}");
        assert!((south - 82.0).abs() < 1e-9 && north == 90.0, "{south} {north}");
    }
}
