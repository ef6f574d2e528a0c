//! How samples are typed and stored: the few kinds there are of each.
//!
//! Names and sizes only; what decodes them stands in [`crate::codec`], what recognises them in a file beside this
//! module.

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
    pub(super) fn reaches(self, number: f64) -> bool {
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
