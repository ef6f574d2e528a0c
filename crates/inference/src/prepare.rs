//! From a raster as it came to one that can be surveyed and written: north-up, one EPSG code, real numbers, nodata set.
//!
//! What can be said in a header becomes a virtual layer over the file; only a warp writes pixels, into the staging
//! folder, because they are read several times. It writes no result. `run` calls it.

use std::path::Path;

use gdal::{
    Dataset, DriverManager, Metadata as _,
    raster::{ColorInterpretation, GdalDataType, RasterCreationOptions},
};

use crate::{
    error::{Error, Result},
    gdal_env,
    georef::{self, Placement},
    nodata::{self, NodataChoice},
    programs,
};

/// Most pixels of a warp's result for each pixel of its source: a sane warp stays near one.
const MAX_WARP_GROWTH: u64 = 8;
/// Part of the memory that the warper may use for its chunks.
const WARP_MEMORY_DIVISOR: u64 = 8;

/// A raster ready for the survey and for writing.
pub(crate) struct Prepared {
    /// The file and the virtual layers over it, each resting on the one before.
    layers: Vec<Dataset>,
    /// EPSG code of the raster.
    pub(crate) epsg: u32,
    /// The value of pixels without data.
    pub(crate) nodata: Option<f64>,
}

impl Prepared {
    /// The topmost layer.
    pub(crate) fn dataset(&self) -> &Dataset {
        &self.layers[self.layers.len() - 1]
    }
}

impl Drop for Prepared {
    /// Closes a layer before the one it rests on.
    fn drop(&mut self) {
        while self.layers.pop().is_some() {}
    }
}

/// How to prepare.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PrepareOptions {
    /// What is nodata.
    pub(crate) nodata: NodataChoice,
    /// Memory of the whole run in bytes.
    pub(crate) memory_bytes: u64,
    /// Threads of the warper.
    pub(crate) threads: usize,
}

/// Prepares `source`, opened from `path`; `staging` takes warped pixels.
///
/// # Errors
/// A permanent reason if the raster cannot be placed or read.
pub(crate) fn prepare(source: Dataset, path: &Path, staging: &Path, options: PrepareOptions) -> Result<Prepared> {
    let placement = georef::place(&source, path)?;
    let mut prepared = Prepared { layers: vec![source], epsg: 0, nodata: None };
    if let Some(real) = as_real_numbers(prepared.dataset())? {
        prepared.layers.push(real);
    }
    prepared.nodata = nodata::decide(prepared.dataset(), options.nodata)?;
    match placement {
        Placement::InPlace { epsg } => {
            prepared.epsg = epsg;
            let layer = described(prepared.dataset(), prepared.nodata, Some(epsg))?;
            prepared.layers.push(layer);
            Ok(prepared)
        }
        Placement::Warp { epsg, source_crs, is_flip } => {
            let layer = described(prepared.dataset(), prepared.nodata, None)?;
            prepared.layers.push(layer);
            let warp = Warp { epsg, source_crs: source_crs.as_deref(), is_flip, options };
            let (warped, nodata) = warp.materialise(&prepared, staging)?;
            let layer = described(&warped, nodata, Some(epsg))?;
            Ok(Prepared { layers: vec![warped, layer], epsg, nodata })
        }
    }
}

fn broken(error: gdal::errors::GdalError) -> Error {
    Error::Broken { reason: gdal_env::reason(&error) }
}

/// A virtual layer of real numbers over complex ones (their amplitude, 32-bit float) or over signed bytes, which this
/// GDAL reads as unsigned ones (16-bit integers).
fn as_real_numbers(dataset: &Dataset) -> Result<Option<Dataset>> {
    let band = dataset.rasterband(1).map_err(broken)?;
    let is_signed_byte = band.metadata_item("PIXELTYPE", "IMAGE_STRUCTURE").as_deref() == Some("SIGNEDBYTE");
    let rewrite: fn(&str) -> String = match () {
        () if programs::is_complex(&band) => amplitude_of,
        () if is_signed_byte => signed_of,
        () => return Ok(None),
    };
    let plain = programs::translate(dataset, Path::new(""), &["-of", "VRT"]).map_err(broken)?;
    let xml = plain.metadata_domain("xml:VRT").unwrap_or_default().concat();
    Dataset::open(rewrite(&xml)).map(Some).map_err(broken)
}

/// GDAL's own pixel function `mod` in place of a copy.
fn amplitude_of(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len() + 256);
    for line in xml.lines() {
        match line.trim_start().strip_prefix("<VRTRasterBand dataType=\"") {
            Some(rest) => {
                let after_type = rest.split_once('"').map_or("", |(_, after)| after);
                let opening = after_type.trim_end_matches('>');
                out += "<VRTRasterBand dataType=\"Float32\" subClass=\"VRTDerivedRasterBand\"";
                out += opening;
                out += "><PixelFunctionType>mod</PixelFunctionType><SourceTransferType>CFloat32</SourceTransferType>";
            }
            None => out += line,
        }
        out.push('\n');
    }
    out
}

/// A look-up table that gives bytes above 127 their negative meaning.
fn signed_of(xml: &str) -> String {
    xml.replace("dataType=\"Byte\"", "dataType=\"Int16\"")
        .replace("SimpleSource>", "ComplexSource>")
        .replace("</ComplexSource>", "<LUT>0:0,127:127,128:-128,255:-1</LUT></ComplexSource>")
        .replace("<MDI key=\"PIXELTYPE\">SIGNEDBYTE</MDI>", "")
}

/// A virtual layer that says nodata and CRS the way results say them. Doubles become floats, which is what tiles need.
fn described(dataset: &Dataset, nodata: Option<f64>, epsg: Option<u32>) -> Result<Dataset> {
    let nodata_text = nodata.map_or("none".to_owned(), |value| value.to_string());
    let epsg_text = epsg.map(|code| format!("EPSG:{code}"));
    let mut args = vec!["-of", "VRT", "-a_nodata", &nodata_text];
    if let Some(text) = &epsg_text {
        args.extend(["-a_srs", text]);
    }
    if is_narrowed(dataset, nodata)? {
        args.extend(["-ot", "Float32"]);
    }
    let layer = programs::translate(dataset, Path::new(""), &args).map_err(broken)?;
    for band in layer.rasterbands() {
        // Else one-bit data would be written with one bit a sample, which few readers of tiles take.
        programs::clear_metadata_item(&band.map_err(broken)?, "NBITS", "IMAGE_STRUCTURE").map_err(broken)?;
    }
    Ok(layer)
}

fn is_narrowed(dataset: &Dataset, nodata: Option<f64>) -> Result<bool> {
    let is_double = dataset.rasterband(1).map_err(broken)?.band_type() == GdalDataType::Float64;
    Ok(is_double && nodata.is_none_or(|value| !value.is_finite() || (value as f32).is_finite()))
}

struct Warp<'a> {
    epsg: u32,
    source_crs: Option<&'a str>,
    is_flip: bool,
    options: PrepareOptions,
}

/// How the pixels that a warp leaves empty are marked.
enum Empty {
    Nodata(f64),
    Alpha,
    Nothing,
}

impl Warp<'_> {
    /// Warps into a file of the staging folder; gives it and its nodata value.
    fn materialise(&self, prepared: &Prepared, staging: &Path) -> Result<(Dataset, Option<f64>)> {
        let source = prepared.dataset();
        let empty = self.empty(source, prepared.nodata)?;
        let args = self.args(source, &empty)?;
        let words: Vec<&str> = args.iter().map(String::as_str).collect();
        gdal_env::forget();
        let virtual_warp = programs::warp(source, Path::new(""), &words).map_err(unplaceable)?;
        grown_sanely(source, &virtual_warp)?;
        let path = staging.join("north-up.tif");
        let driver = DriverManager::get_driver_by_name("GTiff").map_err(broken)?;
        let creation = RasterCreationOptions::from_iter([
            "TILED=YES",
            "BLOCKXSIZE=512",
            "BLOCKYSIZE=512",
            "COMPRESS=ZSTD",
            "ZSTD_LEVEL=1",
            "BIGTIFF=IF_SAFER",
            &format!("NUM_THREADS={}", self.options.threads),
        ]);
        gdal_env::forget();
        let copy = virtual_warp.create_copy(&driver, &path, &creation);
        let copy = copy.and_then(Dataset::close);
        copy.map_err(|error| Error::Output { action: "warp", reason: gdal_env::reason(&error) })?;
        let nodata = match empty {
            Empty::Nodata(value) => Some(value),
            Empty::Alpha | Empty::Nothing => None,
        };
        Ok((Dataset::open(&path).map_err(broken)?, nodata))
    }

    fn args(&self, source: &Dataset, empty: &Empty) -> Result<Vec<String>> {
        let memory_mib = ((self.options.memory_bytes / WARP_MEMORY_DIVISOR) >> 20).max(16);
        let mut args = vec!["-of".to_owned(), "VRT".into(), "-t_srs".into(), format!("EPSG:{}", self.epsg)];
        args.extend(["-r".into(), self.resampling(source)?.into(), "-wm".into(), memory_mib.to_string()]);
        args.extend(["-wo".into(), format!("NUM_THREADS={}", self.options.threads)]);
        if self.is_flip {
            // GDAL's own guess of the extent is off in the last digit.
            let (width, height) = source.raster_size();
            let transform = source.geo_transform().map_err(broken)?;
            let extent = georef::transform_extent(&transform, width, height);
            args.push("-te".into());
            args.extend(extent.map(|side| side.to_string()));
            args.extend(["-ts".into(), width.to_string(), height.to_string()]);
        }
        if let Some(crs) = self.source_crs {
            args.extend(["-s_srs".into(), crs.to_owned()]);
        }
        match empty {
            Empty::Nodata(value) => args.extend(["-dstnodata".into(), value.to_string()]),
            Empty::Alpha => args.push("-dstalpha".into()),
            Empty::Nothing => {}
        }
        Ok(args)
    }

    /// Palettes and flips must keep their values; everything else is interpolated.
    fn resampling(&self, source: &Dataset) -> Result<&'static str> {
        let interpretation = source.rasterband(1).map_err(broken)?.color_interpretation();
        let is_exact = self.is_flip || interpretation == ColorInterpretation::PaletteIndex;
        Ok(if is_exact { "near" } else { "bilinear" })
    }

    fn empty(&self, source: &Dataset, nodata: Option<f64>) -> Result<Empty> {
        if let Some(value) = nodata {
            return Ok(Empty::Nodata(value));
        }
        let band = source.rasterband(1).map_err(broken)?;
        let flags = band.mask_flags().map_err(broken)?;
        Ok(match band.band_type() {
            _ if self.is_flip && flags.is_all_valid() || flags.is_alpha() => Empty::Nothing,
            _ if source.raster_count() >= 3 || !flags.is_all_valid() => Empty::Alpha,
            // A warp never gives a valid pixel the target's nodata value: GDAL moves it to the next one.
            GdalDataType::UInt8 | GdalDataType::UInt16 | GdalDataType::UInt32 => Empty::Nodata(0.0),
            GdalDataType::Int16 => Empty::Nodata(f64::from(i16::MIN)),
            GdalDataType::Int32 => Empty::Nodata(f64::from(i32::MIN)),
            _ => Empty::Nodata(f64::NAN),
        })
    }
}

fn unplaceable(error: gdal::errors::GdalError) -> Error {
    Error::placement(format!("cannot be warped: {}", gdal_env::reason(&error)))
}

fn grown_sanely(source: &Dataset, warped: &Dataset) -> Result<()> {
    let pixels = |dataset: &Dataset| dataset.raster_size().0 as u64 * dataset.raster_size().1 as u64;
    let limit = pixels(source).saturating_mul(MAX_WARP_GROWTH).saturating_add(1 << 16);
    let actual = pixels(warped);
    if actual > limit { Err(Error::TooLarge { what: "number of pixels once north-up", actual, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_amplitude_layer_keeps_the_bands_attributes() {
        let xml = "  <VRTRasterBand dataType=\"CInt16\" band=\"1\">\n    <SimpleSource/>\n";
        let out = amplitude_of(xml);
        assert!(
            out.starts_with("<VRTRasterBand dataType=\"Float32\" subClass=\"VRTDerivedRasterBand\" band=\"1\">"),
            "{out}"
        );
        assert!(out.contains("<PixelFunctionType>mod</PixelFunctionType>") && out.contains("<SimpleSource/>"));
    }
}
