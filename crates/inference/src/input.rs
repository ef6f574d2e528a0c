//! Opens the raster of one input file, or says why it is none.
//!
//! It checks what the header claims against limits before a pixel is read. It does not place the raster on Earth
//! (`georef`), nor decide what nodata is (`nodata`). `run` calls it.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use gdal::{
    Dataset, DatasetOptions, DriverManager, GdalOpenFlags, Metadata as _,
    config::{clear_thread_local_config_option, set_thread_local_config_option},
};

use crate::{
    error::{Error, Result},
    gdal_env,
};

/// Drivers that follow references out of the file, to other files or hosts, or that read documents: what lands in the
/// folder must not make this program read elsewhere.
const INDIRECT_DRIVERS: [&str; 26] = [
    "VRT",
    "DERIVED",
    "GTI",
    "WMS",
    "WMTS",
    "WCS",
    "HTTP",
    "OGCAPI",
    "STACIT",
    "STACTA",
    "PLMOSAIC",
    "PLSCENES",
    "EEDA",
    "EEDAI",
    "DAAS",
    "NGW",
    "TileDB",
    "PostGISRaster",
    "GeoRaster",
    "Rasterlite",
    "MEM",
    "PDF",
    "KMLSUPEROVERLAY",
    "Zarr",
    "RDB",
    "ESRIC",
];

/// Most subdatasets of a container looked at; a product holds a dozen.
const MAX_SUBDATASETS: usize = 64;
/// Most bands read.
const MAX_BANDS: usize = 64;
/// Longest side in pixels that the tile server reads.
const MAX_SIDE_PX: usize = 1 << 20;
/// Part of the memory that one block of the file may take once decoded.
const BLOCK_MEMORY_DIVISOR: u64 = 4;

/// What a file may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InputLimits {
    /// Most pixels of one band.
    pub(crate) max_pixels: u64,
    /// Memory of the whole run in bytes.
    pub(crate) memory_bytes: u64,
}

/// Opens `path` and, if it is a container, its mosaic or its largest raster of two dimensions.
///
/// # Errors
/// [`Error::Unreadable`] if the operating system will not give the file, else a permanent reason.
pub(crate) fn open(path: &Path, limits: InputLimits) -> Result<Dataset> {
    let path = readable(path)?;
    let dataset = open_raster(&path)?;
    let dataset = if dataset.raster_count() == 0 { best_subdataset(&dataset)? } else { dataset };
    let dataset = if is_placed(&dataset) { dataset } else { with_sidecars(&path).unwrap_or(dataset) };
    check(&dataset, limits)?;
    Ok(dataset)
}

/// The absolute path of a regular file that can be opened, so that GDAL never takes it for a URL or a virtual path.
fn readable(path: &Path) -> Result<PathBuf> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let absolute = path.canonicalize().map_err(unreadable)?;
    let file = File::open(&absolute).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_file() {
        Ok(absolute)
    } else {
        Err(Error::NotARaster { reason: "not a regular file".into() })
    }
}

fn open_raster(path: &Path) -> Result<Dataset> {
    // To count the drivers registers them, once for all threads; GDAL's own call, made by two at a time, crashes.
    let names: Vec<String> =
        (0..DriverManager::count()).filter_map(|i| Some(DriverManager::get_driver(i).ok()?.short_name())).collect();
    let allowed: Vec<&str> = names.iter().map(String::as_str).filter(|name| !INDIRECT_DRIVERS.contains(name)).collect();
    let options = DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR,
        allowed_drivers: Some(&allowed),
        ..DatasetOptions::default()
    };
    gdal_env::forget();
    Dataset::open_ex(path, options).map_err(|error| Error::NotARaster { reason: without_path(&error, path) })
}

/// GDAL's reason, without the long path that GDAL puts into it.
fn without_path(error: &gdal::errors::GdalError, path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    gdal_env::reason(error).replace(&*path.to_string_lossy(), &name)
}

/// Opens the subdataset that is a delivery's mosaic, else the largest one of two real dimensions.
fn best_subdataset(container: &Dataset) -> Result<Dataset> {
    let items = container.metadata_domain("SUBDATASETS").unwrap_or_default();
    let names: Vec<&str> = items.iter().filter_map(|item| item.split_once('=')).filter_map(subdataset_name).collect();
    let pixels = |dataset: &Dataset| dataset.raster_size().0 as u64 * dataset.raster_size().1 as u64;
    let opened = names.iter().take(MAX_SUBDATASETS).filter_map(|name| {
        let dataset = open_raster(Path::new(name)).ok()?;
        let (width, height) = dataset.raster_size();
        let is_plane = dataset.raster_count() > 0 && width > 1 && height > 1;
        // COSMO-SkyMed products hold the mosaic as `MBI` beside quick looks and single beams.
        is_plane.then_some((name.ends_with("/MBI"), pixels(&dataset), dataset))
    });
    opened
        .max_by_key(|(is_mosaic, pixels, _)| (*is_mosaic, *pixels))
        .map(|(.., dataset)| dataset)
        .ok_or_else(|| Error::NoRaster { reason: format!("{} subdatasets, none with two dimensions", names.len()) })
}

/// The name in an item `SUBDATASET_n_NAME=…`.
fn subdataset_name<'a>((key, name): (&str, &'a str)) -> Option<&'a str> {
    key.ends_with("_NAME").then_some(name)
}

fn is_placed(dataset: &Dataset) -> bool {
    dataset.geo_transform().is_ok() || !dataset.gcps().is_empty()
}

/// Opens the file again with world files and `.aux.xml` beside it. Only for files that say nothing of their place
/// themselves (PNG, JPEG), because looking for sidecars costs round trips on network file systems.
fn with_sidecars(path: &Path) -> Option<Dataset> {
    let options = [("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"), ("GDAL_PAM_ENABLED", "YES")];
    for (key, value) in options {
        set_thread_local_config_option(key, value).ok()?;
    }
    let dataset = open_raster(path).ok().filter(|dataset| dataset.raster_count() > 0 && is_placed(dataset));
    for (key, _) in options {
        clear_thread_local_config_option(key).ok()?;
    }
    dataset
}

fn check(dataset: &Dataset, limits: InputLimits) -> Result<()> {
    let (width, height) = dataset.raster_size();
    at_most("side in pixels", width.max(height) as u64, MAX_SIDE_PX as u64)?;
    at_most("number of pixels", width as u64 * height as u64, limits.max_pixels)?;
    at_most("number of bands", dataset.raster_count() as u64, MAX_BANDS as u64)?;
    at_most(
        "samples of all bands",
        (width * height * dataset.raster_count()) as u64,
        limits.max_pixels.saturating_mul(4),
    )?;
    let band = dataset.rasterband(1).map_err(|error| Error::Broken { reason: gdal_env::reason(&error) })?;
    let (block_width, block_height) = band.block_size();
    let bytes_per_sample = u64::from(band.band_type().bytes()).max(1);
    let block_bytes = (block_width as u64).saturating_mul(block_height as u64).saturating_mul(bytes_per_sample);
    at_most("bytes of one block", block_bytes, limits.memory_bytes / BLOCK_MEMORY_DIVISOR)
}

fn at_most(what: &'static str, actual: u64, limit: u64) -> Result<()> {
    if actual > limit { Err(Error::TooLarge { what, actual, limit }) } else { Ok(()) }
}
