//! One decoded block (tile or strip) of one level of one raster.

use std::{ops::Range, sync::Arc};

/// Which block: level 0 is full resolution, plane is 0 unless bands are stored apart, index counts row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId {
    /// Overview level, 0 = full resolution.
    pub level: u16,
    /// Band plane for planar files, else 0.
    pub plane: u16,
    /// Row-major index within the level (and plane).
    pub index: u32,
}

/// Samples in the file's own type, `[row][col][sample]` with the block's full width (tiles keep their padding;
/// the last strip has only its own rows).
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// Unsigned 8-bit.
    U8(Vec<u8>),
    /// Signed 8-bit.
    I8(Vec<i8>),
    /// Unsigned 16-bit.
    U16(Vec<u16>),
    /// Signed 16-bit.
    I16(Vec<i16>),
    /// Unsigned 32-bit.
    U32(Vec<u32>),
    /// Signed 32-bit.
    I32(Vec<i32>),
    /// Unsigned 64-bit.
    U64(Vec<u64>),
    /// Signed 64-bit.
    I64(Vec<i64>),
    /// 32-bit float (16-bit floats and complex amplitudes widen to it).
    F32(Vec<f32>),
    /// 64-bit float.
    F64(Vec<f64>),
}

impl Samples {
    /// Bytes of one sample.
    pub fn sample_bytes(&self) -> u64 {
        match self {
            Self::U8(_) | Self::I8(_) => 1,
            Self::U16(_) | Self::I16(_) => 2,
            Self::U32(_) | Self::I32(_) | Self::F32(_) => 4,
            Self::U64(_) | Self::I64(_) | Self::F64(_) => 8,
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::I8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::I32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
        }
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes the backing buffer holds (its capacity, which is what memory pays for).
    pub fn capacity_bytes(&self) -> usize {
        match self {
            Self::U8(v) => v.capacity(),
            Self::I8(v) => v.capacity(),
            Self::U16(v) => v.capacity() * 2,
            Self::I16(v) => v.capacity() * 2,
            Self::U32(v) => v.capacity() * 4,
            Self::I32(v) => v.capacity() * 4,
            Self::U64(v) => v.capacity() * 8,
            Self::I64(v) => v.capacity() * 8,
            Self::F32(v) => v.capacity() * 4,
            Self::F64(v) => v.capacity() * 8,
        }
    }
}

/// A sample as a number; 64-bit integers beyond 2⁵³ are rounded.
pub(crate) trait Number: Copy {
    /// The same as a 64-bit float.
    fn number(self) -> f64;
}

macro_rules! number {
    ($($exact:ty),*; $($rounded:ty),*) => {
        $(impl Number for $exact {
            fn number(self) -> f64 {
                self.into()
            }
        })*
        $(impl Number for $rounded {
            fn number(self) -> f64 {
                self as f64
            }
        })*
    };
}
number!(u8, i8, u16, i16, u32, i32, f32, f64; u64, i64);

/// A decoded block, or the knowledge that the file stores none there (sparse: all nodata).
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Width in pixels, padding included.
    pub width_px: u32,
    /// Height in pixels, padding included.
    pub height_px: u32,
    /// Rows that the samples are of: all of them, but for a window out of a block that a cache keeps and for the first
    /// rows of one that was not worth decoding to its end.
    pub rows: Range<u32>,
    /// Samples a pixel in this block: all bands when contiguous, else 1.
    pub samples_per_pixel: u16,
    /// The samples, or `None` for a sparse block.
    pub samples: Option<Samples>,
}

/// A block as caches and renders share it.
pub type SharedBlock = Arc<Block>;
