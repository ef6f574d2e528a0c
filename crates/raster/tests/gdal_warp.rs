//! Renders against GDAL's own warp of the same level, whose rows are straight where that errs by an eighth of a pixel
//! at most: as its programs and rio-tiler have it by default.

mod support;

use std::path::Path;

use aurora_raster::{
    block::Samples,
    crs::{Crs, WEB_MERCATOR},
    pixels::Pixels,
    render::{self, ReadOptions, Resampling, View},
};
use aurora_tile::Bounds;
use gdal::{
    Dataset, DatasetOptions, DriverManager,
    raster::{Buffer, ResampleAlg},
    spatial_ref::SpatialRef,
};
use gdal_sys::{
    CPLErr, CSLSetNameValue, GDALCreateWarpOptions, GDALDestroyWarpOptions, GDALReprojectImage, GDALResampleAlg,
};
use serde_json::Value;
use support::{
    open, paint,
    scene::{Ground, Scene},
    tile,
};

/// What GDAL makes of a view: values and whether they are valid.
struct Warped {
    values: Vec<u16>,
    valid: Vec<bool>,
}

/// Warps `level` of the file by GDAL. The canvas starts as 65535, which no scene has, so that what stays so is invalid.
fn gdal_warp(path: &Path, level: u16, view: &View, kernel: GDALResampleAlg::Type) -> Warped {
    let overview = format!("OVERVIEW_LEVEL={}", i32::from(level) - 1);
    let with_overview = [overview.as_str()];
    let open_options: &[&str] = if level == 0 { &[] } else { &with_overview };
    let options = DatasetOptions { open_options: Some(open_options), ..DatasetOptions::default() };
    let source = Dataset::open_ex(path, options).expect("GDAL opens it");
    let (width, height) = (view.width_px() as usize, view.height_px() as usize);
    let driver = DriverManager::get_driver_by_name("MEM").expect("a driver in memory");
    let mut target = driver.create_with_band_type::<u16, _>("", width, height, 1).expect("created");
    let bounds = view.bounds();
    let (pixel_x, pixel_y) = (bounds.width() / width as f64, bounds.height() / height as f64);
    target.set_geo_transform(&[bounds.minx, pixel_x, 0.0, bounds.maxy, 0.0, -pixel_y]).expect("set");
    target.set_spatial_ref(&SpatialRef::from_epsg(3857).expect("Web Mercator")).expect("set");
    let mut band = target.rasterband(1).expect("one band");
    band.set_no_data_value(Some(f64::from(u16::MAX))).expect("set");
    band.fill(f64::from(u16::MAX), None).expect("filled");
    reproject(&source, &target, kernel);
    let values = band.read_as::<u16>((0, 0), (width, height), (width, height), None).expect("read").data().to_vec();
    let valid = values.iter().map(|&value| value != u16::MAX).collect();
    Warped { values, valid }
}

/// What GDAL lets a row err by default, in source pixels.
const DEFAULT_ERROR_PX: f64 = 0.125;

#[allow(unsafe_code)]
fn reproject(source: &Dataset, target: &Dataset, kernel: GDALResampleAlg::Type) {
    let null = std::ptr::null;
    // SAFETY: both datasets live for the whole call, and so do the options, which own their list and are destroyed
    // once; the other pointers may be null, and GDAL then reads the projections from the datasets and takes no progress
    // callback.
    let outcome = unsafe {
        let (source, target) = (source.c_dataset(), target.c_dataset());
        let options = GDALCreateWarpOptions();
        // Rio-tiler's tiles are not cut where they hold little of the raster, either, which would cut their rows.
        let (name, value) = (c"SRC_FILL_RATIO_HEURISTICS", c"NO");
        (*options).papszWarpOptions = CSLSetNameValue((*options).papszWarpOptions, name.as_ptr(), value.as_ptr());
        let progress = std::ptr::null_mut();
        let outcome =
            GDALReprojectImage(source, null(), target, null(), kernel, 0.0, DEFAULT_ERROR_PX, None, progress, options);
        GDALDestroyWarpOptions(options);
        outcome
    };
    assert_eq!(outcome, CPLErr::CE_None, "GDAL warps");
}

fn values(pixels: &Pixels) -> &[u16] {
    let Samples::U16(values) = &pixels.samples else { panic!("the scene is 16-bit") };
    values
}

/// Share of pixels for which `holds`.
fn share(count: usize, holds: impl Fn(usize) -> bool) -> f64 {
    (0..count).filter(|&pixel| holds(pixel)).count() as f64 / count as f64
}

fn mean(values: &[u16], counts: impl Fn(usize) -> bool) -> f64 {
    let counted: Vec<f64> =
        (0..values.len()).filter(|&pixel| counts(pixel)).map(|pixel| values[pixel].into()).collect();
    counted.iter().sum::<f64>() / counted.len() as f64
}

/// Tiles over the scene: coarse ones with edges, one inside it a zoom, and one that magnifies eight times.
const TILES: [(u8, u32, u32); 7] =
    [(7, 49, 72), (8, 98, 144), (9, 196, 289), (10, 393, 578), (11, 787, 1156), (12, 1573, 2313), (15, 12588, 18510)];

/// Where the scene lies, and its side.
const LATITUDE_DEG: f64 = -22.7;
const SCENE_M: f64 = 45_000.0;

fn compare(kernel: Resampling, check: impl Fn(&Pixels, &Warped, f64)) {
    compare_on(Ground::Speckle, kernel, check);
}

fn compare_on(ground: Ground, kernel: Resampling, check: impl Fn(&Pixels, &Warped, f64)) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene { ground, ..Scene::cog_like() }.write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let options = ReadOptions { resampling: kernel, ..ReadOptions::default() };
    let gdal_kernel = match kernel {
        Resampling::Bilinear => GDALResampleAlg::GRA_Bilinear,
        Resampling::Cubic => GDALResampleAlg::GRA_Cubic,
        Resampling::CubicSpline => GDALResampleAlg::GRA_CubicSpline,
        Resampling::Lanczos => GDALResampleAlg::GRA_Lanczos,
        Resampling::Average => GDALResampleAlg::GRA_Average,
        Resampling::Rms => GDALResampleAlg::GRA_RMS,
        Resampling::Mode => GDALResampleAlg::GRA_Mode,
        Resampling::Sum => GDALResampleAlg::GRA_Sum,
        Resampling::Max => GDALResampleAlg::GRA_Max,
        Resampling::Min => GDALResampleAlg::GRA_Min,
        Resampling::Median => GDALResampleAlg::GRA_Med,
        Resampling::FirstQuartile => GDALResampleAlg::GRA_Q1,
        Resampling::ThirdQuartile => GDALResampleAlg::GRA_Q3,
        _ => GDALResampleAlg::GRA_NearestNeighbour,
    };
    let mut valid_px = 0;
    for (z, x, y) in TILES {
        let view = tile(z, x, y, 256);
        let plan = render::plan(&tiff, &view, &options).expect("the tile is inside");
        let ours = paint(&tiff, &plan).expect("painted");
        let theirs = gdal_warp(&path, plan.level(), &view, gdal_kernel);
        let level_width = f64::from(tiff.header().levels[usize::from(plan.level())].width_px);
        let ground_m_per_px = view.bounds().width() / 256.0 * LATITUDE_DEG.to_radians().cos();
        let source_px_per_view_px = ground_m_per_px / (SCENE_M / level_width);
        println!("{z}/{x}/{y}: level {}, {} valid", plan.level(), ours.valid_px());
        valid_px += ours.valid_px();
        check(&ours, &theirs, source_px_per_view_px);
    }
    assert!(valid_px > 200_000, "only {valid_px} pixels were compared");
}

#[test]
fn nearest_is_gdals_nearest() {
    compare(Resampling::Nearest, |ours, theirs, _| {
        let mine = values(ours);
        let same_mask = share(mine.len(), |pixel| (ours.mask[pixel] != 0) == theirs.valid[pixel]);
        let both: Vec<usize> = (0..mine.len()).filter(|&pixel| ours.mask[pixel] != 0 && theirs.valid[pixel]).collect();
        let same = share(both.len(), |at| mine[both[at]] == theirs.values[both[at]]);
        println!("  {:.4} % of masks, {:.4} % of values equal", same_mask * 100.0, same * 100.0);
        assert!(same_mask >= 0.9999 && same >= 0.9999, "masks {same_mask}, values {same}");
    });
}

/// Share of values that differ from GDAL's by at most `most`, and by how much they differ in the mean.
fn closeness(ours: &Pixels, theirs: &Warped, most: u16) -> (f64, f64) {
    let mine = values(ours);
    let both: Vec<usize> = (0..mine.len()).filter(|&pixel| ours.mask[pixel] != 0 && theirs.valid[pixel]).collect();
    let off = |pixel: usize| mine[pixel].abs_diff(theirs.values[pixel]);
    let close = share(both.len(), |at| off(both[at]) <= most);
    (close, both.iter().map(|&pixel| f64::from(off(pixel))).sum::<f64>() / both.len().max(1) as f64)
}

/// The scene is speckle from 100 to 1,123, whose standard deviation of 295 every difference may be held against. Where
/// the view magnifies the formulas are the same; where it shrinks GDAL's filters are as wide as the warped windows are
/// in the mean, which at the scene's edge is not what a pixel spans, so only the means are compared there; and so with
/// Lanczos, which GDAL 3.6 does not widen as later releases do: see below.
#[test]
fn filters_are_gdals_filters() {
    for kernel in [Resampling::Bilinear, Resampling::Cubic, Resampling::CubicSpline, Resampling::Lanczos] {
        compare(kernel, |ours, theirs, source_px_per_view_px| {
            let (close, mean_off) = closeness(ours, theirs, 2);
            println!("  {kernel:?} at {source_px_per_view_px:.2}: {close:.4} within 2, {mean_off:.2} off in the mean");
            if source_px_per_view_px < 0.9 {
                assert!(close >= 0.99, "{kernel:?}: {close} of the values are close");
            }
            if ours.all_valid && kernel != Resampling::Lanczos {
                assert!(mean_off <= 12.0, "{kernel:?}: {mean_off} off at {source_px_per_view_px}");
            }
            let both = |pixel: usize| ours.mask[pixel] != 0 && theirs.valid[pixel];
            let (a, b) = (mean(values(ours), both), mean(&theirs.values, both));
            assert!(ours.valid_px() < 10_000 || (a - b).abs() <= 0.002 * b, "{kernel:?}: means {a} and {b}");
        });
    }
}

/// GDAL takes whole source pixels where ours weigh by area, and of very many ours looks at some.
#[test]
fn areas_are_gdals_areas() {
    for (kernel, most_off) in [
        (Resampling::Average, 4.0),
        (Resampling::Rms, 4.0),
        (Resampling::Median, 8.0),
        (Resampling::Max, 8.0),
        (Resampling::Min, 8.0),
        (Resampling::FirstQuartile, 8.0),
        (Resampling::ThirdQuartile, 8.0),
    ] {
        compare(kernel, |ours, theirs, source_px_per_view_px| {
            let (close, mean_off) = closeness(ours, theirs, 2);
            println!("  {kernel:?} at {source_px_per_view_px:.2}: {close:.4} within 2, {mean_off:.2} off in the mean");
            assert!(mean_off <= most_off, "{kernel:?}: {mean_off} off at {source_px_per_view_px}");
        });
    }
}

/// On fields of seven kinds, since of speckle every value is as frequent as the others. GDAL counts whole source pixels
/// where ours weigh by area, so that the two differ where kinds are as frequent, or nearly.
#[test]
fn the_mode_is_gdals_mode() {
    compare_on(Ground::Fields, Resampling::Mode, |ours, theirs, source_px_per_view_px| {
        let (same, _) = closeness(ours, theirs, 0);
        println!("  {source_px_per_view_px:.2}: {same:.4} equal");
        let least = if source_px_per_view_px > 8.0 { 0.6 } else { 0.74 };
        assert!(same >= least, "{same} equal at {source_px_per_view_px}");
    });
}

/// The sum grows with the square of the pixel's side, and with it what a part of a source pixel more or less makes out:
/// GDAL's straight rows lead from edge to edge here, ours from centre to centre, up to two hundredths of a source pixel
/// beside them.
#[test]
fn the_sum_is_gdals_sum() {
    compare(Resampling::Sum, |ours, theirs, source_px_per_view_px| {
        let (_, mean_off) = closeness(ours, theirs, 0);
        let both = |pixel: usize| ours.mask[pixel] != 0 && theirs.valid[pixel];
        let (a, b) = (mean(values(ours), both), mean(&theirs.values, both));
        println!("  {source_px_per_view_px:.2}: {mean_off:.2} off in the mean, means {a:.1} and {b:.1}");
        let most_off = if source_px_per_view_px < 2.0 { 0.003 } else { 0.02 / source_px_per_view_px };
        assert!(
            mean_off <= most_off * b && (a - b).abs() <= 0.002 * b,
            "{mean_off} of {b} off at {source_px_per_view_px}"
        );
    });
}

/// GDAL's warp has no Gaussian; its reading of a smaller picture has, of three or five whole pixels that are weighed by
/// binomials and lie up to half of one beside the centre. So the two agree but roughly, on speckle whose standard
/// deviation is 295.
#[test]
fn the_gaussian_is_that_of_gdals_smaller_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene { overviews: &[], nodata: None, ..Scene::cog_like() }.write(&path);
    let tiff = open(&path).expect("a scene that is read");
    let dataset = Dataset::open(&path).expect("GDAL opens it");
    let side = dataset.raster_size().0;
    let options = ReadOptions { resampling: Resampling::Gauss, ..ReadOptions::default() };
    for shrink in [2, 3, 4] {
        let small = side / shrink;
        let band = dataset.rasterband(1).expect("one band");
        let theirs = band.read_as::<u16>((0, 0), (side, side), (small, small), Some(ResampleAlg::Gauss)).expect("read");
        let plan = render::plan_stretched(&tiff, (small as u32, small as u32), &options).expect("planned");
        let ours = paint(&tiff, &plan).expect("painted");
        let theirs = Warped { values: theirs.data().to_vec(), valid: vec![true; small * small] };
        let (close, mean_off) = closeness(&ours, &theirs, 2);
        let all = |values: &[u16]| mean(values, |_| true);
        let (a, b) = (all(values(&ours)), all(&theirs.values));
        println!("  {shrink}: {close:.4} within 2, {mean_off:.2} off in the mean, means {a:.2} and {b:.2}");
        assert!(mean_off <= 36.0 && (a - b).abs() <= 0.002 * b, "{shrink}: {mean_off} off, means {a} and {b}");
    }
}

/// The rasters of `newer_gdal/warp.py`.
fn write_ground(path: &Path, kernel: Resampling) {
    const SIDE_PX: usize = 160;
    let noise = |col: u32, row: u32| {
        (col.wrapping_mul(73_856_093) ^ row.wrapping_mul(19_349_663)).wrapping_mul(2_654_435_761) >> 22
    };
    let value = |index: usize| {
        let (col, row) = ((index % SIDE_PX) as u32, (index / SIDE_PX) as u32);
        100 + match kernel {
            Resampling::Mode if noise(col, row).is_multiple_of(9) => noise(col, row) as u16 % 7,
            Resampling::Mode => noise(col / 11, row / 9) as u16 % 7,
            _ => noise(col, row) as u16,
        }
    };
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
    let mut file = driver.create_with_band_type::<u16, _>(path, SIDE_PX, SIDE_PX, 1).expect("created");
    file.set_spatial_ref(&SpatialRef::from_epsg(32_724).expect("a UTM zone")).expect("written");
    file.set_geo_transform(&[500_000.0, 30.0, 0.0, 7_500_000.0, 0.0, -30.0]).expect("written");
    let values = (0..SIDE_PX * SIDE_PX).map(value).collect();
    let mut band = file.rasterband(1).expect("one band");
    band.write((0, 0), (SIDE_PX, SIDE_PX), &mut Buffer::new((SIDE_PX, SIDE_PX), values)).expect("written");
    file.close().expect("written");
}

/// GDAL 3.10 widens Lanczos' filter where the view shrinks and weighs by area for the mode, as 3.6 does not.
#[test]
fn lanczos_and_the_mode_are_those_of_newer_gdals() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ground.tif");
    let newer: Value = serde_json::from_str(include_str!("newer_gdal/warp.json")).expect("JSON");
    for view in newer["views"].as_array().expect("views") {
        let resampling = view["kernel"].as_str().and_then(Resampling::named).expect("a kernel");
        write_ground(&path, resampling);
        let tiff = open(&path).expect("a raster that is read");
        let numbers =
            |key: &str| view[key].as_array().expect("numbers").iter().filter_map(Value::as_f64).collect::<Vec<_>>();
        let theirs: Vec<u16> = numbers("values").into_iter().map(|value| value as u16).collect();
        let side_px = theirs.len().isqrt() as u32;
        let [minx, miny, maxx, maxy] = numbers("bounds")[..] else { panic!("four bounds") };
        let mercator = Crs::from_epsg(WEB_MERCATOR).expect("known");
        let bounds = View::of_bounds(mercator, Bounds::new(minx, miny, maxx, maxy), side_px, side_px).expect("a view");
        let options = ReadOptions { resampling, ..ReadOptions::default() };
        let ours = support::render(&tiff, &bounds, &options).expect("inside");
        let theirs = Warped { valid: vec![true; theirs.len()], values: theirs };
        let within = if resampling == Resampling::Mode { 0 } else { 2 };
        let (close, mean_off) = closeness(&ours, &theirs, within);
        println!("  {resampling:?} at {}: {close:.4} within {within}, {mean_off:.2} off", view["ratio"]);
        // Where a pixel lies on kinds that are as frequent, or magnified on the edge of two, the first that is met
        // counts.
        let least = match view["ratio"].as_f64() {
            _ if resampling != Resampling::Mode => 0.995,
            Some(ratio) if ratio < 1.0 => 0.87,
            _ => 0.96,
        };
        assert!(close >= least, "{resampling:?} at {}: {close}", view["ratio"]);
    }
}
