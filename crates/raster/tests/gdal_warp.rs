//! Renders against GDAL's own warp of the same level, with its exact transformer.

mod support;

use std::path::Path;

use aurora_raster::{
    block::Samples,
    pixels::Pixels,
    render::{self, ReadOptions, Resampling, View},
};
use gdal::{Dataset, DatasetOptions, DriverManager, spatial_ref::SpatialRef};
use gdal_sys::{CPLErr, GDALReprojectImage, GDALResampleAlg};
use support::{open, paint, scene::Scene, tile};

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

#[allow(unsafe_code)]
fn reproject(source: &Dataset, target: &Dataset, kernel: GDALResampleAlg::Type) {
    let null = std::ptr::null;
    // SAFETY: both datasets live for the whole call; the other pointers may be null, and GDAL then reads the projections
    // from the datasets, takes no progress callback and default options.
    let outcome = unsafe {
        let (source, target) = (source.c_dataset(), target.c_dataset());
        let no_options = std::ptr::null_mut();
        GDALReprojectImage(source, null(), target, null(), kernel, 0.0, 0.0, None, std::ptr::null_mut(), no_options)
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
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    Scene::cog_like().write(&path);
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
    compare(Resampling::Nearest, |ours, theirs, source_px_per_view_px| {
        let mine = values(ours);
        let same_mask = share(mine.len(), |pixel| (ours.mask[pixel] != 0) == theirs.valid[pixel]);
        let both: Vec<usize> = (0..mine.len()).filter(|&pixel| ours.mask[pixel] != 0 && theirs.valid[pixel]).collect();
        let same = share(both.len(), |at| mine[both[at]] == theirs.values[both[at]]);
        println!("  {:.4} % of masks, {:.4} % of values equal", same_mask * 100.0, same * 100.0);
        // Beyond the coarsest overview a hundredth of a view pixel is a tenth of a source pixel.
        let least = if source_px_per_view_px <= 2.0 { 0.995 } else { 0.97 };
        assert!(same_mask >= 0.995 && same >= least, "masks {same_mask}, values {same}");
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
/// the view magnifies the formulas are the same; where it shrinks GDAL's filters are as wide as the warped windows are in
/// the mean, which at the scene's edge is not what a pixel spans, so only the means are compared there; and so with
/// Lanczos, which GDAL 3.6 does not widen as later releases do.
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
            let most_off = if source_px_per_view_px > 8.0 { 90.0 } else { most_off };
            assert!(mean_off <= most_off, "{kernel:?}: {mean_off} off at {source_px_per_view_px}");
        });
    }
}
