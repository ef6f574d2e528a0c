//! `gdal_translate` and `gdalwarp` as functions, and the few calls that the `gdal` crate leaves out.
//!
//! The only module that speaks to GDAL's C interface. Everything it offers is safe to call; it decides nothing.

use std::{
    ffi::{CString, c_char},
    path::Path,
    ptr::{null, null_mut},
};

use gdal::{Dataset, errors::GdalError, raster::RasterBand, spatial_ref::SpatialRef};

type Result<T> = std::result::Result<T, GdalError>;

/// Words of a command line, owned and with the null-terminated array of pointers that C wants.
struct Words {
    _owned: Vec<CString>,
    pointers: Vec<*mut c_char>,
}

impl Words {
    fn new(words: &[&str]) -> Result<Self> {
        let owned = words.iter().map(|word| CString::new(*word)).collect::<std::result::Result<Vec<_>, _>>()?;
        let pointers = owned.iter().map(|word| word.as_ptr().cast_mut()).chain([null_mut()]).collect();
        Ok(Self { _owned: owned, pointers })
    }
}

fn failed(method_name: &'static str) -> GdalError {
    GdalError::NullPointer { method_name, msg: String::new() }
}

fn path_text(path: &Path) -> Result<CString> {
    Ok(CString::new(path.as_os_str().as_encoded_bytes())?)
}

/// `gdal_translate ARGS source target`; an empty `target` with `-of VRT` stays in memory.
///
/// A virtual result refers to `source`, which has to outlive it.
#[allow(unsafe_code)]
pub(crate) fn translate(source: &Dataset, target: &Path, args: &[&str]) -> Result<Dataset> {
    let mut words = Words::new(args)?;
    let target = path_text(target)?;
    // SAFETY: the words are a null-terminated array of strings that live until the options are built, which copies
    // them; the source is an open dataset; a non-null result is a dataset that we then own.
    unsafe {
        let options = gdal_sys::GDALTranslateOptionsNew(words.pointers.as_mut_ptr(), null_mut());
        if options.is_null() {
            return Err(failed("GDALTranslateOptionsNew"));
        }
        let result = gdal_sys::GDALTranslate(target.as_ptr(), source.c_dataset(), options, null_mut());
        gdal_sys::GDALTranslateOptionsFree(options);
        if result.is_null() { Err(failed("GDALTranslate")) } else { Ok(Dataset::from_c_dataset(result)) }
    }
}

/// `gdalwarp ARGS source target`; an empty `target` with `-of VRT` stays in memory.
///
/// A virtual result refers to `source`, which has to outlive it.
#[allow(unsafe_code)]
pub(crate) fn warp(source: &Dataset, target: &Path, args: &[&str]) -> Result<Dataset> {
    let mut words = Words::new(args)?;
    let target = path_text(target)?;
    let mut sources = [source.c_dataset()];
    // SAFETY: as in `translate`; the array of sources holds the one dataset it is said to hold.
    unsafe {
        let options = gdal_sys::GDALWarpAppOptionsNew(words.pointers.as_mut_ptr(), null_mut());
        if options.is_null() {
            return Err(failed("GDALWarpAppOptionsNew"));
        }
        let result = gdal_sys::GDALWarp(target.as_ptr(), null_mut(), 1, sources.as_mut_ptr(), options, null_mut());
        gdal_sys::GDALWarpAppOptionsFree(options);
        if result.is_null() { Err(failed("GDALWarp")) } else { Ok(Dataset::from_c_dataset(result)) }
    }
}

/// Removes one metadata item of a band.
#[allow(unsafe_code)]
pub(crate) fn clear_metadata_item(band: &RasterBand<'_>, key: &str, domain: &str) -> Result<()> {
    let (key, domain) = (CString::new(key)?, CString::new(domain)?);
    // SAFETY: the band is open and both strings are null-terminated; a null value means removal.
    unsafe { gdal_sys::GDALSetMetadataItem(band.c_rasterband(), key.as_ptr(), null(), domain.as_ptr()) };
    Ok(())
}

/// Whether the band holds complex numbers, which the `gdal` crate has no type for.
#[allow(unsafe_code)]
pub(crate) fn is_complex(band: &RasterBand<'_>) -> bool {
    // SAFETY: the band is open; both calls only look.
    unsafe { gdal_sys::GDALDataTypeIsComplex(gdal_sys::GDALGetRasterDataType(band.c_rasterband())) != 0 }
}

/// UTM zone of a projected CRS: positive north, negative south of the equator, `None` if it is no UTM.
#[allow(unsafe_code)]
pub(crate) fn utm_zone(crs: &SpatialRef) -> Option<i32> {
    let mut is_north = 0;
    // SAFETY: the handle is valid for as long as `crs`; the flag is written before it is read.
    let zone = unsafe { gdal_sys::OSRGetUTMZone(crs.to_c_hsrs(), &raw mut is_north) };
    (zone != 0).then(|| if is_north != 0 { zone.abs() } else { -zone.abs() })
}

/// Drops the vertical part of a compound CRS; others stay as they are.
#[allow(unsafe_code)]
pub(crate) fn strip_vertical(crs: &mut SpatialRef) {
    // SAFETY: the handle is valid and not shared with another thread.
    unsafe { gdal_sys::OSRStripVertical(crs.to_c_hsrs()) };
}
