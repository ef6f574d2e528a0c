//! What can go wrong between a file's bytes and a picture. The server maps each variant to one HTTP status.

use crate::{Feature, source::SourceError};

/// The result of everything in this crate.
pub type Result<T, E = RasterError> = std::result::Result<T, E>;

/// Why a raster could not be read or rendered. "No data here" is never an error.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RasterError {
    /// The bytes are not a TIFF at all.
    #[error("not a TIFF: {reason}")]
    NotARaster {
        /// What the first bytes looked like instead.
        reason: String,
    },
    /// A valid file that uses something this reader does not read; ingest converts such files.
    #[error("unsupported {feature}: {detail}")]
    Unsupported {
        /// Which of the features that are refused.
        feature: Feature,
        /// The value met.
        detail: String,
    },
    /// The file contradicts itself or its length.
    #[error("broken file: {reason}")]
    Broken {
        /// What contradicts what.
        reason: String,
    },
    /// Something is larger than the stated limit.
    #[error("{what} is {value}, more than the limit of {limit}")]
    TooLarge {
        /// What was counted.
        what: &'static str,
        /// The count met.
        value: u64,
        /// The limit it passed.
        limit: u64,
    },
    /// A request parameter makes no sense for this raster.
    #[error("bad parameter {name}: {reason}")]
    BadParameter {
        /// The parameter's name as the user wrote it.
        name: &'static str,
        /// Why it cannot be used.
        reason: String,
    },
    /// The view lies wholly outside the raster.
    #[error("outside the bounds of the raster")]
    OutsideBounds,
    /// The bytes could not be had.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The encoder failed.
    #[error("encoding {format} failed: {reason}")]
    Encode {
        /// The format asked for.
        format: &'static str,
        /// What the encoder said.
        reason: String,
    },
}
