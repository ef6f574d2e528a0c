//! The sample data beside the workspace, and whole rasters out of the reader's blocks.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use aurora_fixtures::at_hand::sample_data;
use aurora_raster::{
    GeoTiff, Limits, RasterError, Result,
    block::{Block, BlockId, Samples},
    codec,
    header::{Header, Level, Planar, SampleType},
    source::FileSource,
};
use futures_util::FutureExt;

/// The sample data's folder, or `None` with a word about it.
pub(crate) fn folder() -> Option<PathBuf> {
    sample_data("")
}

/// A JSON file of the sample data.
pub(crate) fn json(name: &str) -> Option<serde_json::Value> {
    let text = fs::read_to_string(folder()?.join(name)).expect("the sample data's index is readable");
    Some(serde_json::from_str(&text).expect("the sample data's index is JSON"))
}

/// Opens a local file.
pub(crate) fn open(path: &Path) -> Result<Arc<GeoTiff>> {
    let source = FileSource::open(path)?;
    GeoTiff::open(source, Limits::default()).now_or_never().expect("local reads are ready at once")
}

/// Block `id` of an open raster.
pub(crate) fn block(tiff: &GeoTiff, id: BlockId) -> Result<Block> {
    let level = tiff.header().levels.get(usize::from(id.level)).expect("such a level");
    let bytes = stored(tiff, level, id.plane, id.index, tiff.block_parts(id)?)?;
    codec::decode_block(tiff.header(), id, &bytes, tiff.limits())
}

/// Block `index` of the mask of `level`.
pub(crate) fn mask_block(tiff: &GeoTiff, level: u16, index: u32) -> Result<Block> {
    let mask = tiff.header().mask(level).expect("it has a mask");
    let bytes = stored(tiff, mask, 0, index, tiff.mask_parts(level, index)?)?;
    codec::decode_mask(tiff.header(), level, index, &bytes, tiff.limits())
}

/// The bytes of a block put together.
fn stored(tiff: &GeoTiff, level: &Level, plane: u16, index: u32, parts: Vec<Range<u64>>) -> Result<Vec<u8>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let mut block = vec![0; usize::try_from(level.stored_block_bytes(plane, index)).expect("limited")];
    let answers = tiff.source().read(&parts).now_or_never().expect("ready")?;
    answers.iter().enumerate().for_each(|(part, bytes)| level.place(index, part, bytes, &mut block));
    Ok(block)
}

/// Every block of every plane of one level.
pub(crate) fn block_ids(header: &Header, level: u16) -> impl Iterator<Item = BlockId> {
    let this = &header.levels[usize::from(level)];
    let planes = if this.planar == Planar::Separate { header.bands } else { 1 };
    let in_plane = u32::try_from(this.blocks_in_plane()).expect("blocks are limited");
    (0..planes).flat_map(move |plane| (0..in_plane).map(move |index| BlockId { level, plane, index }))
}

/// The little-endian bytes of every sample of a level, `[band][row][col]`; sparse blocks are nodata or 0.
pub(crate) fn pixels(tiff: &GeoTiff, level: u16) -> Result<Vec<u8>> {
    let header = tiff.header();
    let this = &header.levels[usize::from(level)];
    let (width, height) = (this.width_px as usize, this.height_px as usize);
    let sample_bytes = usize::from(header.sample_type.size_bytes());
    let fill = fill_bytes(header);
    let mut out = fill.repeat(width * height * usize::from(header.bands));
    for id in block_ids(header, level) {
        let block = block(tiff, id)?;
        let Some(samples) = &block.samples else { continue };
        let bytes = little_endian(samples);
        let (bands, block_width) = (usize::from(block.samples_per_pixel), block.width_px as usize);
        let x0 = (id.index % this.blocks_across()) as usize * block_width;
        let y0 = (id.index / this.blocks_across()) as usize * this.block_height_px as usize;
        for (y, row) in bytes.chunks_exact(block_width * bands * sample_bytes).enumerate().take(height - y0) {
            for (i, sample) in row.chunks_exact(sample_bytes).enumerate().take((width - x0) * bands) {
                let band = usize::from(id.plane) + i % bands;
                let place = ((band * height + y0 + y) * width + x0 + i / bands) * sample_bytes;
                out[place..place + sample_bytes].copy_from_slice(sample);
            }
        }
    }
    Ok(out)
}

/// The mask of the full level, `[row][col]`, 0 or 255.
pub(crate) fn mask(tiff: &GeoTiff) -> Vec<u8> {
    let this = tiff.header().mask(0).expect("it has a mask");
    let (width, height) = (this.width_px as usize, this.height_px as usize);
    let mut out = vec![0; width * height];
    for index in 0..u32::try_from(this.blocks_in_plane()).expect("limited") {
        let block = mask_block(tiff, 0, index).expect("decodes");
        let Some(Samples::U8(samples)) = &block.samples else { continue };
        let x0 = (index % this.blocks_across()) as usize * block.width_px as usize;
        let y0 = (index / this.blocks_across()) as usize * this.block_height_px as usize;
        for (y, row) in samples.chunks_exact(block.width_px as usize).enumerate().take(height - y0) {
            let columns = row.len().min(width - x0);
            out[(y0 + y) * width + x0..][..columns].copy_from_slice(&row[..columns]);
        }
    }
    out
}

/// A sample from its little-endian bytes.
pub(crate) fn value(sample_type: SampleType, bytes: &[u8]) -> f64 {
    match sample_type {
        SampleType::U8 => bytes[0].into(),
        SampleType::I8 => (bytes[0] as i8).into(),
        SampleType::U16 => u16::from_le_bytes(bytes.try_into().expect("size")).into(),
        SampleType::I16 => i16::from_le_bytes(bytes.try_into().expect("size")).into(),
        SampleType::U32 => u32::from_le_bytes(bytes.try_into().expect("size")).into(),
        SampleType::I32 => i32::from_le_bytes(bytes.try_into().expect("size")).into(),
        SampleType::U64 => u64::from_le_bytes(bytes.try_into().expect("size")) as f64,
        SampleType::I64 => i64::from_le_bytes(bytes.try_into().expect("size")) as f64,
        SampleType::F32 => f32::from_le_bytes(bytes.try_into().expect("size")).into(),
        SampleType::F64 => f64::from_le_bytes(bytes.try_into().expect("size")),
    }
}

/// One sample of the value that GDAL gives blocks a file leaves out.
fn fill_bytes(header: &Header) -> Vec<u8> {
    let value = header.nodata.unwrap_or(0.0);
    match header.sample_type {
        SampleType::U8 => vec![value as u8],
        SampleType::I8 => (value as i8).to_le_bytes().to_vec(),
        SampleType::U16 => (value as u16).to_le_bytes().to_vec(),
        SampleType::I16 => (value as i16).to_le_bytes().to_vec(),
        SampleType::U32 => (value as u32).to_le_bytes().to_vec(),
        SampleType::I32 => (value as i32).to_le_bytes().to_vec(),
        SampleType::U64 => (value as u64).to_le_bytes().to_vec(),
        SampleType::I64 => (value as i64).to_le_bytes().to_vec(),
        SampleType::F32 => (value as f32).to_le_bytes().to_vec(),
        SampleType::F64 => value.to_le_bytes().to_vec(),
    }
}

fn little_endian(samples: &Samples) -> Vec<u8> {
    match samples {
        Samples::U8(v) => v.clone(),
        Samples::I8(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::U16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::I16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::U32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::U64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Samples::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// The feature and value that a file is refused for.
pub(crate) fn refusal(error: &RasterError) -> Option<String> {
    match error {
        RasterError::Unsupported { feature, detail } => Some(format!("{feature}: {detail}")),
        _ => None,
    }
}
