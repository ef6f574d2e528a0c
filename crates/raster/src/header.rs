//! What a GeoTIFF says of itself: levels, blocks, samples, nodata, georeferencing.
//!
//! Plain facts after all checks: every count, offset and size here has been held against the file's length and the
//! limits. It holds no pixels. Callers: [`crate::geotiff`], [`crate::render`], [`crate::facts`].

use std::{collections::BTreeMap, sync::Arc};

use crate::{Feature, Limits, RasterError, Result, source::ByteSource};

mod bytes;
mod control;
mod directory;
mod georef;
mod grid;
mod kinds;
mod level;
mod metadata;
mod placement;
mod read;
mod rows;
mod samples;
mod walk;
mod window;

pub use control::{ControlPoint, ControlPoints};
pub use grid::{Level, Storage};
pub use kinds::{ComplexPart, Compression, Encoding, LercWrap, Planar, Predictor, SampleType};
pub use placement::{Affine, Georef, Placement, UserKeys};
pub use rows::StoredRows;

/// What is known of one band.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BandInfo {
    /// Description from GDAL metadata, or empty.
    pub description: String,
    /// Factor of stored values.
    pub scale: Option<f64>,
    /// Offset of stored values.
    pub offset: Option<f64>,
    /// Whether GDAL metadata says that it is alpha, or that it is not.
    pub is_alpha: Option<bool>,
    /// What GDAL metadata tells of it besides, by name.
    pub items: BTreeMap<String, String>,
}

impl BandInfo {
    fn memory_bytes(&self) -> usize {
        let items = self.items.iter().map(|(name, text)| 2 * size_of::<String>() + name.capacity() + text.capacity());
        size_of::<Self>() + self.description.capacity() + items.sum::<usize>()
    }
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
    /// Internal masks by level (bit or byte masks, 0 = masked); empty or as long as `levels` (`None` where a level has
    /// no mask).
    pub masks: Vec<Option<Level>>,
    /// Bits a mask sample is stored with (1 or 8).
    pub mask_bits: u8,
    /// Number of bands, alpha included.
    pub bands: u16,
    /// Type of every sample.
    pub sample_type: SampleType,
    /// How every sample is stored.
    pub encoding: Encoding,
    /// Whether multi-byte samples are big-endian in the file.
    pub big_endian: bool,
    /// Declared nodata value.
    pub nodata: Option<f64>,
    /// Zero-based index of the alpha band, if one is declared.
    pub alpha_band: Option<u16>,
    /// What the samples mean.
    pub color: ColorInterpretation,
    /// RGBA palette for [`ColorInterpretation::Palette`], else empty.
    pub palette: Arc<[[u8; 4]]>,
    /// One entry a band.
    pub band_info: Vec<BandInfo>,
    /// Georeferencing, if there is one.
    pub georef: Option<Georef>,
    /// Why there is no georeferencing although the file tries to give one (too few ground control points, an unknown
    /// CRS).
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
        Ok(Self::read_so_far(source, limits).await?)
    }

    /// The same of a file that may still be growing: tells what only has to come from what is wrong.
    pub(crate) async fn read_so_far(source: &dyn ByteSource, limits: &Limits) -> Result<Self, Unread> {
        read::read(source, limits).await
    }

    /// How many bytes the header is likely to take, by its first ones; it may turn out to take more.
    ///
    /// # Errors
    /// As [`Self::read`], as far as the first bytes tell.
    pub async fn likely_bytes(source: &dyn ByteSource, limits: &Limits) -> Result<u64> {
        walk::likely_bytes(&mut window::Window::new(source, limits), limits).await
    }

    /// Numbers of the bands with values, from 1: all but alpha.
    pub fn value_bands(&self) -> Vec<u16> {
        (1..=self.bands).filter(|&band| Some(band - 1) != self.alpha_band).collect()
    }

    /// The name of what the file stores, in numpy and rasterio: complex samples are served as floats but named as they
    /// are.
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

    /// Whether blocks of a level, and of its mask, can be decoded within the limits.
    ///
    /// # Errors
    /// `TooLarge` where they are beyond them.
    pub(crate) fn check_blocks(&self, level: u16, limits: &Limits) -> Result<()> {
        level::check_blocks(self, level, limits)
    }

    /// Bytes this header holds in memory, for caches that weigh what they keep.
    pub fn memory_bytes(&self) -> usize {
        let levels = self.levels.iter().chain(self.masks.iter().flatten());
        let blocks: usize = levels.map(Level::memory_bytes).sum();
        let bands: usize = self.band_info.iter().map(BandInfo::memory_bytes).sum();
        let keys =
            self.georef.iter().filter_map(|georef| georef.keys.as_ref()).map(|keys| keys.memory_bytes()).sum::<usize>();
        size_of::<Self>() + blocks + bands + self.palette.len() * 4 + keys
    }
}

/// Why there is no header.
#[derive(Debug)]
pub(crate) enum Unread {
    /// A directory, or a value it names, lies beyond the end of the file.
    CutOff {
        /// Which of the two.
        what: &'static str,
        /// Where it lies, in bytes.
        range: std::ops::Range<u64>,
        /// Length of the file.
        size_bytes: u64,
    },
    /// Anything else.
    Wrong(RasterError),
}

impl From<RasterError> for Unread {
    fn from(error: RasterError) -> Self {
        Self::Wrong(error)
    }
}

impl From<Unread> for RasterError {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::CutOff { what, range, size_bytes } => broken(beyond_end(what, &range, size_bytes)),
            Unread::Wrong(error) => error,
        }
    }
}

/// [`Unread::CutOff`] in words.
pub(crate) fn beyond_end(what: &str, range: &std::ops::Range<u64>, size_bytes: u64) -> String {
    format!("{what} at bytes {}..{} lies beyond the end at {size_bytes}", range.start, range.end)
}

fn broken(reason: String) -> RasterError {
    RasterError::Broken { reason }
}

fn unsupported(feature: Feature, detail: String) -> RasterError {
    RasterError::Unsupported { feature, detail }
}
