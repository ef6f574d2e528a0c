//! What can go wrong with one scene, and whether trying again may help.
//!
//! It decides exit codes, not texts for people at the edge: callers of the program see the last line of stderr, callers
//! of the library see these variants.

use std::path::PathBuf;

/// Why a scene has no results.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is missing or the operating system will not read it.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The input file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// No driver takes the file.
    #[error("not a raster: {reason}")]
    NotARaster {
        /// What GDAL said.
        reason: String,
    },
    /// A container without a raster of two dimensions.
    #[error("a container without a raster: {reason}")]
    NoRaster {
        /// What was found instead.
        reason: String,
    },
    /// Larger than this program was told to take.
    #[error("too large: {what} {actual} is over the limit of {limit}")]
    TooLarge {
        /// The quantity measured, with its unit.
        what: &'static str,
        /// What the file asks for.
        actual: u64,
        /// What is allowed.
        limit: u64,
    },
    /// Nothing says where on Earth the pixels lie, or what is said makes no sense.
    #[error("no usable georeferencing: {reason}")]
    NoGeoreferencing {
        /// What is missing or wrong.
        reason: String,
    },
    /// The header is fine, the pixels are not.
    #[error("broken: {reason}")]
    Broken {
        /// What GDAL said while reading.
        reason: String,
    },
    /// The nodata value asked for does not fit the data.
    #[error("nodata {value} does not fit {dtype} data")]
    NodataOutOfRange {
        /// The value asked for.
        value: f64,
        /// GDAL's name of the data type.
        dtype: String,
    },
    /// The network cannot be loaded, or does not take or give what it should.
    #[error("cannot use the model {path}: {reason}")]
    Model {
        /// The ONNX file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of ours could not be written, or GDAL failed for a reason that is not the input's.
    #[error("cannot {action}: {reason}")]
    Output {
        /// What was being done.
        action: &'static str,
        /// What GDAL or the operating system said.
        reason: String,
    },
    /// Another run is working on the same scene in the same folder.
    #[error("{path} is in use by another run")]
    Busy {
        /// The staging folder of the other run.
        path: PathBuf,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether the same input will fail again, so that nobody need retry.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Unreadable { .. } | Self::Model { .. } | Self::Output { .. } | Self::Busy { .. })
    }

    /// The program's exit status after this error, from `sysexits.h`: 65 (`EX_DATAERR`) is permanent, 66
    /// (`EX_NOINPUT`), 73 (`EX_CANTCREAT`), 75 (`EX_TEMPFAIL`) and 78 (`EX_CONFIG`) may be retried.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreadable { .. } => 66,
            Self::Output { .. } => 73,
            Self::Busy { .. } => 75,
            Self::Model { .. } => 78,
            _ => 65,
        }
    }

    pub(crate) fn output(action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Output { action, reason: source.to_string() }
    }

    pub(crate) fn placement(reason: impl Into<String>) -> Self {
        Self::NoGeoreferencing { reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_retried() {
        let full = Error::Output { action: "write", reason: "No space left on device".into() };
        assert!(!full.is_permanent() && full.exit_code() != 65);
        let broken = Error::Broken { reason: "TIFFReadEncodedStrip() failed".into() };
        assert!(broken.is_permanent() && broken.exit_code() == 65);
    }
}
