//! What GDAL's own warp makes of a view of one level of a file, by `gdalwarp`'s function with the error that it allows
//! by default.

use std::{
    ffi::{CString, c_char},
    path::Path,
    ptr,
};

use aurora_raster::render::View;
use gdal::{Dataset, DatasetOptions};
use gdal_sys::{GDALWarp, GDALWarpAppOptionsFree, GDALWarpAppOptionsNew};

/// A view as GDAL fills it.
pub(crate) struct Warped {
    /// Values `[band][pixel]`, alpha not among them.
    pub(crate) bands: Vec<Vec<f64>>,
    /// 255 where a pixel is valid, 0 where not, between them where filters meet an edge.
    pub(crate) alpha: Vec<f64>,
}

/// Warps `level` of a file to a view in EPSG:`epsg`, by a kernel under `gdalwarp`'s name for it.
pub(crate) fn warp(path: &Path, level: u16, view: &View, epsg: u32, kernel: &str) -> Warped {
    let overview = format!("OVERVIEW_LEVEL={}", i32::from(level) - 1);
    let with_overview = [overview.as_str()];
    let open_options: &[&str] = if level == 0 { &[] } else { &with_overview };
    let options = DatasetOptions { open_options: Some(open_options), ..DatasetOptions::default() };
    let source = Dataset::open_ex(path, options).expect("GDAL opens it");
    let bounds = view.bounds().to_array().map(|edge| format!("{edge:.17e}")).join(" ");
    let size = format!("{} {}", view.width_px(), view.height_px());
    // A view that holds little of the raster is cut, and its rows with it; filters want that, since their width follows
    // from the piece.
    let cuts = if kernel == "near" { "NO" } else { "YES" };
    let arguments = format!(
        "-of MEM -t_srs EPSG:{epsg} -te {bounds} -ts {size} -r {kernel} -et 0.125 -dstalpha -ovr NONE \
         -wo SAMPLE_GRID=YES -wo SOURCE_EXTRA=20 -wo SRC_FILL_RATIO_HEURISTICS={cuts}"
    );
    let warped = gdalwarp(&source, &arguments);
    let band = |index: usize| {
        let band = warped.rasterband(index).expect("a band");
        let (width, height) = warped.raster_size();
        band.read_as::<f64>((0, 0), (width, height), (width, height), None).expect("read").data().to_vec()
    };
    let count = warped.raster_count();
    Warped { bands: (1..count).map(band).collect(), alpha: band(count) }
}

/// Runs `gdalwarp` into memory.
#[allow(unsafe_code)]
fn gdalwarp(source: &Dataset, arguments: &str) -> Dataset {
    let arguments: Vec<CString> =
        arguments.split(' ').map(|word| CString::new(word).expect("a word without zeros")).collect();
    let mut words: Vec<*mut c_char> = arguments.iter().map(|word| word.as_ptr().cast_mut()).collect();
    words.push(ptr::null_mut());
    // SAFETY: words are copied before they go; the source lives for the whole call; the result is owned by nobody else.
    unsafe {
        let options = GDALWarpAppOptionsNew(words.as_mut_ptr(), ptr::null_mut());
        assert!(!options.is_null(), "gdalwarp takes {arguments:?}");
        let mut sources = [source.c_dataset()];
        let warped = GDALWarp(c"".as_ptr(), ptr::null_mut(), 1, sources.as_mut_ptr(), options, ptr::null_mut());
        GDALWarpAppOptionsFree(options);
        assert!(!warped.is_null(), "GDAL warps by {arguments:?}");
        Dataset::from_c_dataset(warped)
    }
}
