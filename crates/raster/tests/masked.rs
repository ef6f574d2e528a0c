//! Masked pixels neither bleed in nor eat away, whatever says that they are masked: nodata of several types, an alpha
//! band, an internal mask. The ground has one value, so any other that is shown has come from under the mask. Also:
//! bands asked for more than once.

mod support;

use std::path::Path;

use aurora_raster::{
    GeoTiff, Limits, encode,
    pixels::Pixels,
    render::{ReadOptions, Resampling, plan_stretched},
    style::{self, Style},
};
use gdal::{
    Dataset, DriverManager,
    config::set_thread_local_config_option,
    raster::{Buffer, ColorInterpretation, GdalType, RasterCreationOptions},
    spatial_ref::SpatialRef,
};
use support::{open, open_within, paint, render, tile};

/// Side of the scene in pixels.
const SIDE_PX: usize = 1024;

/// The value of all that is valid, and of what a mask or an alpha band hides.
const GROUND: u8 = 200;
const HIDDEN: u8 = 9;

/// Tiles in which the scene, 60 m a pixel, is shrunk eightfold, shown about as it is, magnified, and hidden by whole
/// blocks.
const TILES: [(u8, u32, u32); 4] = [(8, 98, 144), (11, 788, 1156), (13, 3152, 4624), (11, 787, 1158)];

/// What says that pixels are masked.
#[derive(Clone, Copy, Debug)]
enum By {
    Nodata(f64),
    Alpha,
    Mask,
    /// Written when the overviews were there, which so have none.
    LateMask,
    /// Beside stored rows without overviews, which are read in other blocks than its own.
    MaskOfRows,
}

/// Single holes all over, and a wide one.
fn is_hole(at: usize) -> bool {
    let (col, row) = (at % SIDE_PX, at / SIDE_PX);
    let mixed = (col as u32).wrapping_mul(73_856_093) ^ (row as u32).wrapping_mul(19_349_663);
    let single = mixed.wrapping_mul(2_654_435_761) >> 24 < 20;
    let wide = (300..520).contains(&col) && (280..(400 + col / 4)).contains(&row);
    single || wide || col >= 640 && row >= 640
}

fn write<T: Copy + GdalType>(path: &Path, by: By, number: fn(f64) -> T) {
    let tiled = ["TILED=YES", "BLOCKXSIZE=128", "BLOCKYSIZE=128", "COMPRESS=DEFLATE"];
    let options: RasterCreationOptions = match by {
        By::MaskOfRows => ["TILED=NO"].into_iter().collect(),
        _ => tiled.into_iter().collect(),
    };
    let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
    let bands = if matches!(by, By::Alpha) { 2 } else { 1 };
    let mut file =
        driver.create_with_band_type_with_options::<T, _>(path, SIDE_PX, SIDE_PX, bands, &options).expect("created");
    file.set_spatial_ref(&SpatialRef::from_epsg(32_724).expect("a UTM zone")).expect("written");
    file.set_geo_transform(&[200_000.0, 60.0, 0.0, 7_500_000.0, 0.0, -60.0]).expect("written");
    let under = match by {
        By::Nodata(nodata) => nodata,
        _ => HIDDEN.into(),
    };
    let size = (SIDE_PX, SIDE_PX);
    let plane = |hole: f64, ground: f64| {
        Buffer::new(size, (0..SIDE_PX * SIDE_PX).map(|at| number(if is_hole(at) { hole } else { ground })).collect())
    };
    file.rasterband(1).expect("a band").write((0, 0), size, &mut plane(under, GROUND.into())).expect("written");
    match by {
        By::Nodata(nodata) => file.rasterband(1).expect("a band").set_no_data_value(Some(nodata)).expect("written"),
        By::Alpha => {
            let mut alpha = file.rasterband(2).expect("two bands");
            alpha.set_color_interpretation(ColorInterpretation::AlphaBand).expect("written");
            alpha.write((0, 0), size, &mut plane(0.0, 255.0)).expect("written");
        }
        By::Mask | By::MaskOfRows => write_mask(&file),
        By::LateMask => {}
    }
    if !matches!(by, By::MaskOfRows) {
        file.build_overviews("NEAREST", &[2, 4, 8], &[]).expect("built");
    }
    if matches!(by, By::LateMask) {
        write_mask(&file);
    }
    file.close().expect("written");
}

fn write_mask(file: &Dataset) {
    set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", "YES").expect("set");
    let mut band = file.rasterband(1).expect("a band");
    band.create_mask_band(true).expect("created");
    let mask = (0..SIDE_PX * SIDE_PX).map(|at| if is_hole(at) { 0 } else { 255 }).collect();
    let mut mask_band = band.open_mask_band().expect("it was made");
    let size = (SIDE_PX, SIDE_PX);
    mask_band.write((0, 0), size, &mut Buffer::<u8>::new(size, mask)).expect("written");
}

/// The same file of which no block is stored that hides all.
fn copy_sparse(from: &Path, to: &Path) {
    let options = ["COMPRESS=DEFLATE", "BLOCKSIZE=128", "SPARSE_OK=YES", "OVERVIEWS=AUTO"].into_iter().collect();
    let driver = DriverManager::get_driver_by_name("COG").expect("GDAL writes COGs");
    let copy = Dataset::open(from).expect("written before").create_copy(&driver, to, &options).expect("copied");
    copy.close().expect("written");
    let tiff = open(to).expect("a scene that is read");
    let blocks = tiff.header().mask(0).expect("it has a mask").blocks_in_plane() as u32;
    let left_out = (0..blocks).filter(|&index| tiff.mask_parts(0, index).expect("known").is_empty()).count();
    assert!(left_out > 0, "all {blocks} blocks of the mask are stored");
}

fn painted(tiff: &GeoTiff, (z, x, y): (u8, u32, u32), resampling: Resampling) -> Pixels {
    let options = ReadOptions { resampling, ..ReadOptions::default() };
    render(tiff, &tile(z, x, y, 256), &options).expect("the tile shows the scene")
}

fn check(path: &Path, what: &str, limits: Limits) {
    let tiff = open_within(path, limits).expect("a scene that is read");
    for place in TILES {
        let nearest = painted(&tiff, place, Resampling::Nearest);
        let masked = nearest.mask.iter().filter(|&&m| m == 0).count();
        assert!(masked > 1000 && nearest.valid_px() > 1000, "{what} {place:?}: {masked} masked");
        for name in Resampling::names().filter(|name| *name != "sum") {
            let shown = painted(&tiff, place, Resampling::named(name).expect("a listed name"));
            assert!(shown.mask == nearest.mask, "{what} {place:?} {name}");
            let values = shown.valid_values(0);
            let other = values.iter().find(|&&value| (value - f64::from(GROUND)).abs() > 1e-3);
            assert_eq!(other, None, "{what} {place:?} {name}");
        }
    }
}

#[test]
fn what_is_masked_neither_bleeds_in_nor_eats_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scene.tif");
    let with = |what: &str, make: &dyn Fn(&Path)| {
        make(&path);
        check(&path, what, Limits::default());
    };
    with("16-bit, nodata 0", &|path| write::<u16>(path, By::Nodata(0.0), |value| value as u16));
    with("16-bit, nodata 65535", &|path| write::<u16>(path, By::Nodata(65_535.0), |value| value as u16));
    with("signed, nodata -32768", &|path| write::<i16>(path, By::Nodata(-32_768.0), |value| value as i16));
    with("floats, nodata NaN", &|path| write::<f32>(path, By::Nodata(f64::NAN), |value| value as f32));
    with("floats, nodata -9999", &|path| write::<f64>(path, By::Nodata(-9999.0), |value| value));
    with("bytes and alpha", &|path| write::<u8>(path, By::Alpha, |value| value as u8));
    with("bytes and a mask", &|path| write::<u8>(path, By::Mask, |value| value as u8));
    with("bytes and a mask of the full size only", &|path| write::<u8>(path, By::LateMask, |value| value as u8));
    with("bytes and a sparse mask", &|path| {
        let whole = path.with_extension("whole.tif");
        write::<u8>(&whole, By::Mask, |value| value as u8);
        copy_sparse(&whole, path);
    });
    with("rows and a mask", &|path| write::<u8>(path, By::MaskOfRows, |value| value as u8));
    // So little that the scene is walked over in parts, and so little that kernels are confined to the blocks under
    // their centres.
    for max_render_bytes in [1 << 20, 3 << 20] {
        check(&path, "rows and a mask in parts", Limits { max_render_bytes, ..Limits::default() });
    }
}

#[test]
fn a_band_may_be_asked_for_more_than_once() {
    let folder = tempfile::tempdir().expect("a folder");
    for interleave in ["PIXEL", "BAND"] {
        let path = folder.path().join(format!("{interleave}.tif"));
        let options: RasterCreationOptions = ["TILED=YES", &format!("INTERLEAVE={interleave}")].into_iter().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL reads TIFF");
        let file = driver.create_with_band_type_with_options::<u8, _>(&path, 256, 256, 2, &options).expect("made");
        for band in 1..=2 {
            let values = (0..256 * 256).map(|at| (at * band % 251) as u8).collect();
            let mut values = Buffer::new((256, 256), values);
            file.rasterband(band).expect("two bands").write((0, 0), (256, 256), &mut values).expect("written");
        }
        file.close().expect("written");
        let tiff = open(&path).expect("a raster");
        let of = |bands: &[u16]| {
            let options = ReadOptions { bands: Some(bands.to_vec()), ..ReadOptions::default() };
            let plan = aurora_raster::render::plan_whole(&tiff, 256, &options).expect("planned");
            support::paint(&tiff, &plan).expect("painted")
        };
        let (once, often) = (of(&[1, 2]), of(&[2, 1, 2, 2]));
        let bands: Vec<_> = (0..4).map(|band| often.numbers(band)).collect();
        assert_eq!(bands[1], once.numbers(0), "{interleave}");
        assert!([0, 2, 3].iter().all(|&band| bands[band] == once.numbers(1)), "{interleave}");
    }
}

/// RGB or gray whose alpha grows from column to column, as feathered edges have it.
#[test]
fn half_transparent_pixels_are_shown_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feathered.tif");
    let (width, height) = (256, 40);
    for bands in [1, 3] {
        let photometric = if bands == 3 { "PHOTOMETRIC=RGB" } else { "PHOTOMETRIC=MINISBLACK" };
        let options: RasterCreationOptions = [photometric, "TILED=YES", "COMPRESS=DEFLATE"].into_iter().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").expect("GDAL writes TIFF");
        let mut file = driver
            .create_with_band_type_with_options::<u8, _>(&path, width, height, bands + 1, &options)
            .expect("created");
        file.set_spatial_ref(&SpatialRef::from_epsg(32_724).expect("a UTM zone")).expect("written");
        file.set_geo_transform(&[200_000.0, 60.0, 0.0, 7_500_000.0, 0.0, -60.0]).expect("written");
        for band in 1..=bands + 1 {
            let values =
                (0..width * height).map(|at| if band > bands { at % width } else { 40 * band + at / width } as u8);
            let mut buffer = Buffer::new((width, height), values.collect());
            let mut written = file.rasterband(band).expect("a band");
            if band > bands {
                written.set_color_interpretation(ColorInterpretation::AlphaBand).expect("written");
            }
            written.write((0, 0), (width, height), &mut buffer).expect("written");
        }
        file.close().expect("written");
        let tiff = open(&path).expect("a raster that is read");
        for resampling in [Resampling::Nearest, Resampling::Bilinear] {
            let options = ReadOptions { resampling, ..ReadOptions::default() };
            let plan = plan_stretched(&tiff, (width as u32, height as u32), &options).expect("planned");
            let pixels = paint(&tiff, &plan).expect("painted");
            assert_eq!(pixels.valid_px(), (width - 1) * height, "only clear pixels have no value");
            let picture = style::apply(pixels, &Style::default()).expect("styled");
            let file = encode::png(&picture).expect("encoded");
            let shown = image::load_from_memory(&file).expect("a PNG").to_rgba8();
            for (col, row, image::Rgba([red, _, blue, alpha])) in shown.enumerate_pixels() {
                assert_eq!(u32::from(*alpha), col, "{bands} bands, {resampling:?}");
                let expected = [40 + row, 40 * bands as u32 + row].map(|value| if col == 0 { 0 } else { value });
                assert_eq!([red, blue].map(|&value| u32::from(value)), expected, "{bands} bands, {resampling:?}");
            }
        }
    }
}
