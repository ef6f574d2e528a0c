//! What a GeoTIFF says of itself: levels, blocks, samples, nodata, georeferencing.
//!
//! Plain facts after all checks: every count, offset and size here has been held against the file's length and the
//! limits. It holds no pixels. Callers: [`crate::geotiff`], [`crate::render`], [`crate::facts`].

use crate::{Limits, Result, block::BlockId, crs::Crs, source::ByteSource};

/// Sample type of all bands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleType {
    /// Unsigned 8-bit.
    U8,
    /// Signed 8-bit.
    I8,
    /// Unsigned 16-bit.
    U16,
    /// Signed 16-bit.
    I16,
    /// Unsigned 32-bit.
    U32,
    /// Signed 32-bit.
    I32,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Stored.
    None,
    /// Byte runs (32773).
    PackBits,
    /// LZW (5).
    Lzw,
    /// zlib streams (8, 32946).
    Deflate,
    /// Zstandard (50000).
    Zstd,
}

/// What was done to samples before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Predictor {
    /// Nothing.
    None,
    /// Horizontal differences (2).
    Horizontal,
    /// Floating point byte planes (3).
    FloatingPoint,
}

/// How bands lie in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Planar {
    /// All bands of a pixel together: `[row][col][band]`.
    Contiguous,
    /// A block a band: planes follow each other.
    Separate,
}

/// One resolution of the raster: the full one, an overview, or a mask of either.
#[derive(Debug, Clone)]
pub struct Level {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Block width in pixels (the level's width for strips).
    pub block_width_px: u32,
    /// Block height in pixels (rows per strip for strips).
    pub block_height_px: u32,
    /// Tiles keep full size at the edge; strips end with the image.
    pub tiled: bool,
    /// Compression of its blocks.
    pub compression: Compression,
    /// Predictor of its blocks.
    pub predictor: Predictor,
    /// Layout of bands.
    pub planar: Planar,
    /// Byte offset and length of every block, row-major, plane after plane; length 0 is a sparse block.
    pub blocks: Vec<(u64, u64)>,
}

impl Level {
    /// Blocks across.
    pub fn blocks_across(&self) -> u32 {
        self.width_px.div_ceil(self.block_width_px)
    }

    /// Blocks down.
    pub fn blocks_down(&self) -> u32 {
        self.height_px.div_ceil(self.block_height_px)
    }
}

/// `x = a·col + b·row + c`, `y = d·col + e·row + f`; (0, 0) is the outer corner of the first pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// x a column.
    pub a: f64,
    /// x a row.
    pub b: f64,
    /// x of the corner.
    pub c: f64,
    /// y a column.
    pub d: f64,
    /// y a row.
    pub e: f64,
    /// y of the corner.
    pub f: f64,
}

/// Where the raster lies.
#[derive(Debug, Clone)]
pub struct Georef {
    /// Coordinate reference system of `pixel_to_crs`.
    pub crs: Crs,
    /// Full-resolution pixel corners to CRS coordinates.
    pub pixel_to_crs: Affine,
}

/// What is known of one band.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BandInfo {
    /// Description from GDAL metadata, or empty.
    pub description: String,
    /// Factor of stored values.
    pub scale: Option<f64>,
    /// Offset of stored values.
    pub offset: Option<f64>,
}

/// What the samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColorInterpretation {
    /// Measured values.
    Gray,
    /// Red, green, blue in the first three bands.
    Rgb,
    /// Indices into [`Header::palette`].
    Palette,
}

/// All facts of one file.
#[derive(Debug, Clone)]
pub struct Header {
    /// Levels from full resolution down; never empty.
    pub levels: Vec<Level>,
    /// Internal masks by level (bit or byte masks, 0 = masked); empty or as long as `levels` (`None` where a level has no mask).
    pub masks: Vec<Option<Level>>,
    /// Bits a mask sample is stored with (1 or 8).
    pub mask_bits: u8,
    /// Number of bands, alpha included.
    pub bands: u16,
    /// Type of every sample.
    pub sample_type: SampleType,
    /// Whether multi-byte samples are big-endian in the file.
    pub big_endian: bool,
    /// Declared nodata value.
    pub nodata: Option<f64>,
    /// Zero-based index of the alpha band, if one is declared.
    pub alpha_band: Option<u16>,
    /// What the samples mean.
    pub color: ColorInterpretation,
    /// RGBA palette for [`ColorInterpretation::Palette`], else empty.
    pub palette: Vec<[u8; 4]>,
    /// One entry a band.
    pub band_info: Vec<BandInfo>,
    /// Georeferencing, if there is one.
    pub georef: Option<Georef>,
    /// First byte after the last block and directory: a shorter file is not whole.
    pub end_byte: u64,
}

impl Header {
    /// Reads the header through `source`.
    ///
    /// # Errors
    /// See [`crate::RasterError`].
    pub async fn read(source: &dyn ByteSource, limits: &Limits) -> Result<Self> {
        read::read(source, limits).await
    }

    /// Where block `id` lies: offset and length, or `None` when it is sparse.
    ///
    /// # Panics
    /// When `id` is not of this header.
    pub fn block_range(&self, id: BlockId) -> Option<std::ops::Range<u64>> {
        let (offset, length) = self.levels[usize::from(id.level)].blocks[id.index as usize];
        (length > 0).then(|| offset..offset + length)
    }
}

mod read;
