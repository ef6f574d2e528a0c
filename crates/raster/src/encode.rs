//! From colours or values to bytes of a file format.
//!
//! PNG carries pictures; NPY carries values as they were before the style. It knows neither HTTP nor rasters.

mod deflate;
mod npy;
mod png;

use crate::{Result, pixels::Pixels, style::Picture};

/// A file format that a view can be sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Portable Network Graphics: pictures, lossless.
    Png,
    /// NumPy's array file: values in their own type.
    Npy,
}

/// What a format carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// Colours, after the style.
    Picture,
    /// Values, before the style.
    Values,
}

impl Format {
    /// The format of a file name extension without its dot, in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let known = [("png", Self::Png), ("npy", Self::Npy)];
        known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(extension)).map(|(_, format)| format)
    }

    /// The usual extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Npy => "npy",
        }
    }

    /// The media type; NPY has none registered, this is the one TiTiler sends.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Npy => "application/x-binary",
        }
    }

    /// Whether it carries colours or values.
    pub fn payload(self) -> Payload {
        match self {
            Self::Png => Payload::Picture,
            Self::Npy => Payload::Values,
        }
    }
}

/// A picture as a PNG file.
///
/// # Errors
/// `Encode` when the compressor fails.
pub fn png(picture: &Picture) -> Result<Vec<u8>> {
    png::encode(picture)
}

/// Values as an NPY file: one array `[band][row][col]` in the samples' own type, whose last band is the mask (0 or
/// 255, for signed 8-bit samples 0 or 127).
pub fn npy(pixels: &Pixels) -> Vec<u8> {
    npy::encode(pixels)
}
