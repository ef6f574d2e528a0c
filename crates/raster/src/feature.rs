//! The features of valid files that are refused, by the names that problems give them.
//!
//! The list is closed: whatever the reader declines to read falls under one of these, `docs/rasters.md` has a row for
//! each, and a test provokes every row. A file that contradicts itself is broken instead, one beyond a limit too large.
//! Callers: the header, the codecs and the renders, which add the value they met.

use std::fmt;

/// What of a file is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Feature {
    /// How blocks are compressed, or what samples are compressed so.
    Compression,
    /// The kind and size of numbers.
    BitsPerSample,
    /// Bands that are not of one type.
    MixedBands,
    /// The colour space.
    Photometric,
    /// What was done to samples before compression.
    Predictor,
    /// How an internal mask is stored.
    Mask,
    /// A coordinate reference system that a request names.
    CoordinateReferenceSystem,
    /// The place of the file: none, or in a system that is not computed.
    Georeferencing,
}

impl Feature {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Compression,
        Self::BitsPerSample,
        Self::MixedBands,
        Self::Photometric,
        Self::Predictor,
        Self::Mask,
        Self::CoordinateReferenceSystem,
        Self::Georeferencing,
    ];

    /// Its name in problems.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compression => "compression",
            Self::BitsPerSample => "bits per sample",
            Self::MixedBands => "bands of different types",
            Self::Photometric => "photometric interpretation",
            Self::Predictor => "predictor",
            Self::Mask => "mask",
            Self::CoordinateReferenceSystem => "coordinate reference system",
            Self::Georeferencing => "georeferencing",
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
