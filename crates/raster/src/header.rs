//! What a GeoTIFF says of itself: levels, blocks, samples, nodata, georeferencing.
//!
//! Plain facts after all checks: every count, offset and size here has been held against the file's length and the
//! limits. It holds no pixels. Callers: [`crate::geotiff`], [`crate::render`], [`crate::facts`].

use std::{ops::Range, sync::Arc};

use ::bytes::Bytes;

use crate::{Limits, RasterError, Result, crs::Crs, source::ByteSource};

mod bytes;
mod control;
mod directory;
mod georef;
mod level;
mod metadata;
mod read;
mod rows;
mod samples;
mod walk;
mod window;

pub use control::{ControlPoint, ControlPoints};
pub use rows::StoredRows;

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
    /// Unsigned 64-bit.
    U64,
    /// Signed 64-bit.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
}

impl SampleType {
    /// Bytes of one decoded sample.
    pub fn size_bytes(self) -> u8 {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether a number lies within the type's range. A nodata value beyond it is none, as GDAL has it.
    fn reaches(self, number: f64) -> bool {
        let within = |least: f64, most: f64| number.is_nan() || (least..=most).contains(&number);
        match self {
            Self::U8 => within(0.0, u8::MAX.into()),
            Self::I8 => within(i8::MIN.into(), i8::MAX.into()),
            Self::U16 => within(0.0, u16::MAX.into()),
            Self::I16 => within(i16::MIN.into(), i16::MAX.into()),
            Self::U32 => within(0.0, u32::MAX.into()),
            Self::I32 => within(i32::MIN.into(), i32::MAX.into()),
            Self::U64 => within(0.0, u64::MAX as f64),
            Self::I64 => within(i64::MIN as f64, i64::MAX as f64),
            Self::F32 | Self::F64 => true,
        }
    }

    /// Its name in numpy and rasterio.
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }
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
    /// LZMA in an xz stream (34925).
    Lzma,
    /// A JPEG picture (7).
    Jpeg,
    /// A WebP picture (50001).
    WebP,
    /// A LERC blob (34887), and what it is wrapped in.
    Lerc(LercWrap),
    /// Runs of CCITT group 3, one-dimensional (3).
    Group3,
    /// Runs of CCITT group 4 (4).
    Group4,
}

/// What a LERC blob is compressed with once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LercWrap {
    /// Nothing.
    None,
    /// zlib.
    Deflate,
    /// Zstandard.
    Zstd,
}

/// How a sample is stored, where its type does not say it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As its type.
    Plain,
    /// An unsigned number of so many bits, packed.
    Packed(u8),
    /// A 16-bit float, which widens to [`SampleType::F32`].
    Half,
    /// Pixels of so many 8-bit inks, of which the first four become red, green, blue and alpha.
    Cmyk(u16),
    /// Real and imaginary part, of which the amplitude is served.
    Complex(ComplexPart),
}

/// Type of the two parts of a complex sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ComplexPart {
    /// Signed 16-bit.
    I16,
    /// Signed 32-bit.
    I32,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
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
    /// Whether the bits of every stored byte are turned round (fill order 2).
    pub reversed_bits: bool,
    /// Tables that the level's JPEG pictures leave out, as a stream of their own; else empty.
    pub jpeg_tables: Bytes,
    /// Where its blocks lie.
    pub storage: Storage,
}

/// Where a file keeps the blocks of a level.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Each by itself: byte offset and length, row-major, plane after plane; length 0 is a sparse block.
    Blocks(Vec<(u64, u64)>),
    /// Cut out of uncompressed rows, which the level's thinned versions share.
    Rows(Arc<StoredRows>),
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

    /// Blocks of one plane: of all bands when contiguous, of one band when separate.
    pub fn blocks_in_plane(&self) -> usize {
        self.blocks_across() as usize * self.blocks_down() as usize
    }

    /// Rows that block `index` of a plane is stored with: the last strip ends with the image, tiles never do.
    pub fn block_rows(&self, index: u32) -> u32 {
        let first_row = u64::from(index / self.blocks_across()) * u64::from(self.block_height_px);
        let left = u64::from(self.height_px).saturating_sub(first_row);
        if self.tiled {
            self.block_height_px
        } else {
            self.block_height_px.min(u32::try_from(left).unwrap_or(u32::MAX))
        }
    }

    /// Where the bytes of block `index` of `plane` lie, to be put together by [`Level::place`]: nothing when it is sparse
    /// or there is no such block, one range in most files, one a row where blocks are cut out of rows.
    pub fn block_parts(&self, plane: u16, index: u32) -> Vec<Range<u64>> {
        let in_plane = self.blocks_in_plane();
        if index as usize >= in_plane {
            return Vec::new();
        }
        match &self.storage {
            Storage::Blocks(blocks) => match blocks.get(usize::from(plane) * in_plane + index as usize) {
                Some(&(offset, length)) if length > 0 => {
                    std::iter::once(offset..offset.saturating_add(length)).collect()
                }
                _ => Vec::new(),
            },
            Storage::Rows(rows) => rows::parts(self, rows, plane, index),
        }
    }

    /// Bytes of block `index` as it is stored and put together, before it is decoded.
    pub fn stored_block_bytes(&self, plane: u16, index: u32) -> u64 {
        match &self.storage {
            Storage::Blocks(_) => self.block_parts(plane, index).first().map_or(0, |range| range.end - range.start),
            Storage::Rows(rows) => rows::block_bytes(self, rows, index),
        }
    }

    /// Puts the bytes of one of [`Level::block_parts`] in their place in the stored block.
    pub fn place(&self, index: u32, part: usize, bytes: &[u8], block: &mut [u8]) {
        match &self.storage {
            Storage::Blocks(_) => block.copy_from_slice(bytes),
            Storage::Rows(rows) => rows::place(self, rows, index, part, bytes, block),
        }
    }

    /// Width and height in pixels of what the file stores together: a tile, or a strip, of which blocks may be cut.
    pub fn stored_block_px(&self) -> (u32, u32) {
        match &self.storage {
            Storage::Blocks(_) => (self.block_width_px, self.block_height_px),
            Storage::Rows(rows) => (self.width_px, rows.rows_per_strip().min(self.height_px)),
        }
    }

    /// Whether it is no level of the file but every n-th pixel of one.
    pub fn is_thinned(&self) -> bool {
        matches!(&self.storage, Storage::Rows(rows) if rows.size_px() != (self.width_px, self.height_px))
    }

    /// First byte after its last block.
    fn end_byte(&self, planes: u16) -> u64 {
        match &self.storage {
            Storage::Blocks(blocks) => {
                let stored = blocks.iter().filter(|&&(_, length)| length > 0);
                stored.map(|&(offset, length)| offset.saturating_add(length)).max().unwrap_or(0)
            }
            Storage::Rows(rows) => rows.end_byte(planes),
        }
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.jpeg_tables.len()
            + match &self.storage {
                Storage::Blocks(blocks) => blocks.capacity() * size_of::<(u64, u64)>(),
                Storage::Rows(_) if self.is_thinned() => 0,
                Storage::Rows(rows) => rows.memory_bytes(),
            }
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

impl Affine {
    /// The coordinates of a point in pixels.
    pub fn apply(&self, column: f64, row: f64) -> (f64, f64) {
        (self.a * column + self.b * row + self.c, self.d * column + self.e * row + self.f)
    }

    /// The point in pixels at coordinates; not finite when the transformation is degenerate.
    pub fn invert(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y, determinant) = (x - self.c, y - self.f, self.determinant());
        ((self.e * x - self.b * y) / determinant, (self.a * y - self.d * x) / determinant)
    }

    /// Signed area of a pixel in square units.
    pub fn determinant(&self) -> f64 {
        self.a * self.e - self.b * self.d
    }

    /// The same with the origin moved by so many columns and rows.
    #[must_use]
    pub fn shifted(&self, columns: f64, rows: f64) -> Self {
        let (c, f) = self.apply(columns, rows);
        Self { c, f, ..*self }
    }

    fn is_invertible(&self) -> bool {
        let determinant = self.determinant();
        determinant.is_finite() && determinant != 0.0 && self.c.is_finite() && self.f.is_finite()
    }
}

/// Where the raster lies.
#[derive(Debug, Clone)]
pub struct Georef {
    /// Coordinate reference system of `placement`.
    pub crs: Crs,
    /// Full-resolution pixel corners to CRS coordinates.
    pub placement: Placement,
}

/// The way between full-resolution pixels and coordinates.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// Straight.
    Affine(Affine),
    /// Through ground control points.
    ControlPoints(Arc<ControlPoints>),
}

impl Placement {
    /// The coordinates of a point in pixels.
    pub fn to_crs(&self, (column, row): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Affine(affine) => affine.apply(column, row),
            Self::ControlPoints(points) => points.to_crs((column, row)),
        }
    }

    /// The point in pixels at coordinates; not finite where there is none.
    pub fn to_pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Affine(affine) => affine.invert(x, y),
            Self::ControlPoints(points) => points.to_pixel((x, y)),
        }
    }

    /// The straight grid that stands for a raster of so many pixels where its bounds and resolution are asked for: its
    /// own, or the north-up one that it would be warped to; and that grid's size in pixels.
    pub fn grid(&self, size_px: (u32, u32)) -> (Affine, (u32, u32)) {
        match self {
            Self::Affine(affine) => (*affine, size_px),
            Self::ControlPoints(points) => points.grid(),
        }
    }
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
    /// Levels from full resolution down; never empty. Uncompressed strips without overviews get thinned ones.
    pub levels: Vec<Level>,
    /// Internal masks by level (bit or byte masks, 0 = masked); empty or as long as `levels` (`None` where a level has no mask).
    pub masks: Vec<Option<Level>>,
    /// Bits a mask sample is stored with (1 or 8).
    pub mask_bits: u8,
    /// Number of bands, alpha included.
    pub bands: u16,
    /// Type of every sample.
    pub sample_type: SampleType,
    /// How every sample is stored.
    pub encoding: Encoding,
    /// Whether pictures in blocks are YCbCr, to be served as RGB.
    pub ycbcr: bool,
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
    /// Why there is no georeferencing although the file tries to give one (too few ground control points, an unknown CRS).
    pub georef_note: Option<String>,
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

    /// How many bytes the header is likely to take, by its first ones; it may turn out to take more.
    ///
    /// # Errors
    /// As [`Self::read`], as far as the first bytes tell.
    pub async fn likely_bytes(source: &dyn ByteSource, limits: &Limits) -> Result<u64> {
        walk::likely_bytes(&mut window::Window::new(source, limits), limits).await
    }

    /// The name of what the file stores, in numpy and rasterio: complex samples are served as floats but named as they are.
    pub fn dtype(&self) -> &'static str {
        match self.encoding {
            Encoding::Complex(ComplexPart::I16) => "complex_int16",
            Encoding::Complex(ComplexPart::I32 | ComplexPart::F32) => "complex64",
            Encoding::Complex(ComplexPart::F64) => "complex128",
            _ => self.sample_type.name(),
        }
    }

    /// The mask of a level, if it has one.
    pub fn mask(&self, level: u16) -> Option<&Level> {
        self.masks.get(usize::from(level))?.as_ref()
    }

    /// Bytes this header holds in memory, for caches that weigh what they keep.
    pub fn memory_bytes(&self) -> usize {
        let levels = self.levels.iter().chain(self.masks.iter().flatten());
        let blocks: usize = levels.map(Level::memory_bytes).sum();
        let bands: usize = self.band_info.iter().map(|band| size_of::<BandInfo>() + band.description.capacity()).sum();
        size_of::<Self>() + blocks + bands + self.palette.capacity() * 4
    }
}

fn broken(reason: String) -> RasterError {
    RasterError::Broken { reason }
}

fn unsupported(feature: &'static str, detail: String) -> RasterError {
    RasterError::Unsupported { feature, detail }
}
