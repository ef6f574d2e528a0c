//! `validate`: whether a raster is a Cloud Optimized GeoTIFF, under the names that rio-cogeo's `cog_info` has.
//!
//! The rules are those of GDAL's and rio-cogeo's validators as far as the header decides them: tiling, overviews and
//! the order of the image data. The order of the directories among themselves is not looked at.

use std::sync::Arc;

use aurora_raster::{
    GeoTiff,
    facts::{self, Facts},
    header::{ColorInterpretation, Compression, Header, LercWrap, Level, Planar, Predictor, Storage},
};
use axum::{extract::State, response::Response};
use serde_json::{Map, Value, json};

use super::{
    conditions::Conditions,
    info::{color_names, overviews},
    parameters::Pairs,
    walk::{JSON, Walk},
};
use crate::{
    app::App,
    failure::Failure,
    query::SharedQuery,
    target::{Origin, Target},
    tiles::Tile,
};

/// A raster this small need not be tiled nor have overviews.
const SMALL_PX: u32 = 512;

/// The first directory stands right after the file's header, and GDAL's notes on the layout.
const MAX_FIRST_DIRECTORY: u64 = 300;

/// The first bytes: enough to say where the first directory is.
const FIRST_BYTES: u64 = 16;

/// What speaks against a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// The verdict with everything that led to it.
pub(crate) async fn validate(
    State(app): State<Arc<App>>,
    target: Target,
    query: SharedQuery,
    pairs: Pairs,
    conditions: Conditions,
) -> Result<Response, Failure> {
    let is_strict = pairs.boolean("strict")?.unwrap_or(false);
    let walk = Walk { app: &app, target: &target, revision: query.revision, conditions: &conditions };
    let make = |app: Arc<App>, pinned| {
        let target = target.clone();
        async move {
            let tiff = Arc::clone(&app.rasters.open(&target, &pinned).await?.tiff);
            let verdict = judge(tiff.header(), first_directory(&tiff).await?);
            Ok(Tile::document(JSON, &document(&tiff, &target, &verdict, is_strict)))
        }
    };
    walk.kept(&["validate", &is_strict.to_string()], make).await
}

/// Where the first directory lies (TIFF 6.0, section 2; BigTIFF has 64 bits).
async fn first_directory(tiff: &GeoTiff) -> Result<u64, Failure> {
    let source = tiff.source();
    let end = FIRST_BYTES.min(source.size_bytes());
    let bytes = source.read(std::slice::from_ref(&(0..end))).await?.pop().unwrap_or_default();
    let is_big_endian = tiff.header().big_endian;
    let number = |start: usize, count: usize| {
        let digits = bytes.get(start..start + count).unwrap_or_default().iter();
        let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if is_big_endian { digits.fold(0, join) } else { digits.rev().fold(0, join) }
    };
    Ok(if number(2, 2) == 43 { number(8, 8) } else { number(4, 4) })
}

fn judge(header: &Header, first_directory: u64) -> Verdict {
    let mut verdict = Verdict::default();
    let full = &header.levels[0];
    if is_large(full) && !is_tiled(full) {
        verdict.errors.push(format!("The file is greater than {SMALL_PX}xH or {SMALL_PX}xW, but is not tiled"));
    }
    if is_large(full) && stored_levels(header).count() == 1 {
        verdict.warnings.push(format!(
            "The file is greater than {SMALL_PX}xH or {SMALL_PX}xW, it is recommended to include internal overviews"
        ));
    }
    if first_directory > MAX_FIRST_DIRECTORY {
        verdict.errors.push(format!(
            "The offset of the main IFD should be < {MAX_FIRST_DIRECTORY}. It is {first_directory} instead"
        ));
    }
    let firsts: Vec<Option<u64>> = stored_levels(header).map(first_block).collect();
    for (index, pair) in firsts.windows(2).enumerate() {
        if let [Some(larger), Some(smaller)] = pair
            && larger < smaller
        {
            let what = if index == 0 {
                "the main resolution image".to_owned()
            } else {
                format!("overview of index {}", index - 1)
            };
            verdict.errors.push(format!(
                "The offset of the first block of {what} should be after the one of the overview of index {index}"
            ));
        }
    }
    verdict.errors.extend(invalid_decimations(&overviews(header)));
    for (index, level) in stored_levels(header).skip(1).enumerate() {
        if is_large(level) && !is_tiled(level) {
            verdict.errors.push(format!("Overview of index {index} is not tiled"));
        }
    }
    verdict
}

/// Faults of overviews that are as wide as the raster, as all are of one that is one pixel wide.
fn invalid_decimations(overviews: &[u32]) -> impl Iterator<Item = String> + '_ {
    let faulty = overviews.iter().enumerate().filter(|&(_, &decimation)| decimation <= 1);
    faulty.map(|(index, decimation)| format!("Invalid Decimation {decimation} for overview level {index}"))
}

/// Levels that the file has, without those that are thinned out of them.
fn stored_levels(header: &Header) -> impl Iterator<Item = &Level> {
    header.levels.iter().filter(|level| !level.is_thinned())
}

/// Whether the file stores it in tiles; blocks that are cut out of rows are none.
fn is_tiled(level: &Level) -> bool {
    level.tiled && matches!(level.storage, Storage::Blocks(_))
}

fn is_large(level: &Level) -> bool {
    level.width_px.max(level.height_px) > SMALL_PX
}

/// Offset of the first block that is not sparse.
fn first_block(level: &Level) -> Option<u64> {
    (0..level.blocks_in_plane()).find_map(|index| Some(level.block_parts(0, index as u32).first()?.start))
}

fn document(tiff: &GeoTiff, target: &Target, verdict: &Verdict, is_strict: bool) -> Value {
    let (header, facts) = (tiff.header(), facts::of(tiff));
    let full = &header.levels[0];
    let interleave = if full.planar == Planar::Contiguous && header.bands > 1 { "PIXEL" } else { "BAND" };
    let listed = |faults: &Vec<String>| if faults.is_empty() { Value::Null } else { json!(faults) };
    let is_cog = verdict.errors.is_empty() && (!is_strict || verdict.warnings.is_empty());
    json!({
        "Path": path(target),
        "Driver": "GTiff",
        "COG": is_cog,
        "Compression": compression(full.compression),
        "ColorSpace": Value::Null,
        "COG_errors": listed(&verdict.errors),
        "COG_warnings": listed(&verdict.warnings),
        "Profile": {
            "Bands": header.bands,
            "Width": full.width_px,
            "Height": full.height_px,
            "Tiled": is_tiled(full),
            "Dtype": facts.dtype,
            "Interleave": interleave,
            "AlphaBand": header.alpha_band.is_some(),
            "InternalMask": header.masks.iter().any(Option::is_some),
            "Nodata": facts.nodata,
            "ColorInterp": color_names(header),
            "ColorMap": header.color == ColorInterpretation::Palette,
            "Scales": header.band_info.iter().map(|band| band.scale.unwrap_or(1.0)).collect::<Vec<_>>(),
            "Offsets": header.band_info.iter().map(|band| band.offset.unwrap_or(0.0)).collect::<Vec<_>>(),
        },
        "GEO": place(header, &facts),
        "Tags": {
            "Image Structure": {
                "COMPRESSION": compression(full.compression),
                "INTERLEAVE": interleave,
                "PREDICTOR": predictor(full.predictor),
            },
        },
        "Band Metadata": bands(header),
        "IFD": directories(header),
    })
}

fn path(target: &Target) -> &str {
    match &target.origin {
        Origin::Scene { scene, .. } => &scene.scene_id,
        Origin::Url(url) => url,
    }
}

fn compression(compression: Compression) -> Option<String> {
    let name = match compression {
        Compression::None => return None,
        Compression::Lerc(LercWrap::None) => "LERC".to_owned(),
        Compression::Lerc(wrap) => format!("LERC_{wrap:?}"),
        Compression::Group3 => "CCITTFAX3".to_owned(),
        Compression::Group4 => "CCITTFAX4".to_owned(),
        other => format!("{other:?}"),
    };
    Some(name.to_uppercase())
}

fn predictor(predictor: Predictor) -> &'static str {
    match predictor {
        Predictor::None => "1",
        Predictor::Horizontal => "2",
        Predictor::FloatingPoint => "3",
    }
}

fn place(header: &Header, facts: &Facts) -> Value {
    let size_px = (facts.width_px, facts.height_px);
    let affine = header.georef.as_ref().map(|georef| georef.placement.grid(size_px).0);
    json!({
        "CRS": facts.epsg.map(|code| format!("EPSG:{code}")),
        "BoundingBox": facts.bounds_native,
        "Origin": affine.map(|affine| [affine.c, affine.f]),
        "Resolution": affine.map(|affine| [affine.a, affine.e]),
        "MinZoom": facts.minzoom,
        "MaxZoom": facts.maxzoom,
    })
}

fn bands(header: &Header) -> Value {
    let band = |(index, color): (usize, &str)| {
        let info = header.band_info.get(index).cloned().unwrap_or_default();
        let document = json!({
            "Description": Some(info.description).filter(|text| !text.is_empty()),
            "ColorInterp": color,
            "Offset": info.offset.unwrap_or(0.0),
            "Scale": info.scale.unwrap_or(1.0),
            "Metadata": {},
        });
        (format!("Band {}", index + 1), document)
    };
    color_names(header).into_iter().enumerate().map(band).collect::<Map<_, _>>().into()
}

fn directories(header: &Header) -> Vec<Value> {
    let decimations = std::iter::once(0).chain(overviews(header));
    let directory = |(index, (level, decimation)): (usize, (&Level, u32))| {
        json!({
            "Level": index,
            "Width": level.width_px,
            "Height": level.height_px,
            "Blocksize": [level.stored_block_px().1, level.stored_block_px().0],
            "Decimation": decimation,
        })
    };
    stored_levels(header).zip(decimations).enumerate().map(directory).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overviews_as_wide_as_the_raster_are_faults() {
        let faults: Vec<String> = invalid_decimations(&[1, 2, 1]).collect();
        let fault = |index| format!("Invalid Decimation 1 for overview level {index}");
        assert_eq!(faults, [fault(0), fault(2)]);
    }
}
