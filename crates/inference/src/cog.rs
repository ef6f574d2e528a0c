//! Writes a prepared raster as a Cloud Optimized GeoTIFF.
//!
//! Blocks of 512 px, ZSTD level 1 with predictor, overviews by halves until one fits a block, averaged over valid
//! pixels only; none of a raster one pixel wide. It publishes nothing: the file stays in the staging folder. `run`
//! calls it.
//!
//! Why ZSTD 1: on an 8,000 × 8,000 scene of uint16 speckle it decodes a third faster than Deflate and is written twice
//! as fast as Deflate 6, for 1 % less size (81 against 82 MB); ZSTD 9 saves 6 % more size and decodes slower.

use std::path::Path;

use gdal::{
    Dataset, DriverManager, Metadata as _,
    raster::{ColorInterpretation, RasterCreationOptions},
};

use crate::{
    error::{Error, Result},
    gdal_env,
    prepare::Prepared,
};

/// Side of a block in pixels, in all levels.
pub(crate) const BLOCK_PX: usize = 512;

/// Writes `target`; GDAL's own temporary files lie beside it.
///
/// # Errors
/// [`Error::Broken`] if the fault lies in the raster's pixels, else [`Error::Output`].
pub(crate) fn write(prepared: &Prepared, target: &Path, threads: usize) -> Result<()> {
    let dataset = prepared.dataset();
    gdal_env::forget();
    if let Err(error) = create(dataset, target, threads) {
        let reason = gdal_env::reason(&error);
        reads_whole(dataset)?;
        return Err(Error::Output { action: "write the COG", reason });
    }
    verify(prepared, target)
}

fn create(dataset: &Dataset, target: &Path, threads: usize) -> gdal::errors::Result<()> {
    let driver = DriverManager::get_driver_by_name("COG")?;
    let band = dataset.rasterband(1)?;
    // Averages of palette indices are other colours.
    let is_palette = band.color_interpretation() == ColorInterpretation::PaletteIndex;
    // An overview is told by how much narrower it is, and validators take one as wide as the raster for a fault.
    let has_overviews = dataset.raster_size().0 > 1;
    let options = RasterCreationOptions::from_iter([
        "COMPRESS=ZSTD",
        "LEVEL=1",
        "PREDICTOR=YES",
        "OVERVIEW_COMPRESS=ZSTD",
        "OVERVIEW_PREDICTOR=YES",
        // Existing overviews may have been built before anybody knew the nodata value.
        if has_overviews { "OVERVIEWS=IGNORE_EXISTING" } else { "OVERVIEWS=NONE" },
        if is_palette { "OVERVIEW_RESAMPLING=NEAREST" } else { "OVERVIEW_RESAMPLING=AVERAGE" },
        "BIGTIFF=IF_SAFER",
        &format!("BLOCKSIZE={BLOCK_PX}"),
        &format!("NUM_THREADS={threads}"),
    ]);
    dataset.create_copy(&driver, target, &options)?.close()
}

/// Reads every band, to tell a broken input from a full disk.
fn reads_whole(dataset: &Dataset) -> Result<()> {
    let broken = |error| Error::Broken { reason: gdal_env::reason(&error) };
    let mut row = vec![0.0_f32; dataset.raster_size().0];
    gdal_env::forget();
    for band in dataset.rasterbands() {
        let band = band.map_err(broken)?;
        let (width, height) = band.size();
        for y in 0..height {
            band.read_into_slice((0, y as isize), (width, 1), (width, 1), &mut row, None).map_err(broken)?;
        }
    }
    Ok(())
}

/// Opens the file again: it has to be what was meant.
fn verify(prepared: &Prepared, target: &Path) -> Result<()> {
    let wrong = |reason: String| Error::Output { action: "verify the COG", reason };
    let written = Dataset::open(target).map_err(|error| wrong(gdal_env::reason(&error)))?;
    let source = prepared.dataset();
    if written.raster_size() != source.raster_size() || written.raster_count() != source.raster_count() {
        return Err(wrong(format!("size {:?}, {} bands", written.raster_size(), written.raster_count())));
    }
    match written.metadata_item("LAYOUT", "IMAGE_STRUCTURE").as_deref() {
        Some("COG") => Ok(()),
        other => Err(wrong(format!("layout {other:?}"))),
    }
}
