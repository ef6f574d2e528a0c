//! From values to colours: rescale, then a colormap or gray or RGB.
//!
//! It reads no file and encodes nothing. A [`Style`] holds numbers only; what `auto` means is resolved before, by
//! [`crate::statistics`], so that neighbouring tiles always match. Callers: the server, between paint and encode.

mod apply;
mod colormap;
mod tables;

pub use apply::apply;
pub use colormap::{Colormap, colormap_names};

/// The range of values that becomes 0 to 255. `min` may exceed `max`: the picture is then inverted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rescale {
    /// Value that becomes 0.
    pub min: f64,
    /// Value that becomes 255.
    pub max: f64,
}

/// How values become colours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Style {
    /// One range for all bands, or one a band; none leaves 8-bit values as they are and maps the whole range of other
    /// integer types.
    pub rescale: Vec<Rescale>,
    /// Colours for single-band values 0 to 255 after the rescale.
    pub colormap: Option<Colormap>,
}

/// A picture ready to encode; all buffers are `[row][col]` with the channels of a pixel together.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// The colours.
    pub colors: Colors,
}

/// Colours of a picture. Variants with transparency appear only where a pixel really is masked.
#[derive(Debug, Clone, PartialEq)]
pub enum Colors {
    /// One byte a pixel.
    Gray8(Vec<u8>),
    /// One byte a pixel, and one gray value that no valid pixel has and that stands for "masked".
    GrayKeyed8 {
        /// Gray values.
        gray: Vec<u8>,
        /// The value that is transparent.
        transparent: u8,
    },
    /// Gray and alpha, two bytes a pixel.
    GrayAlpha8(Vec<u8>),
    /// Indices into a palette of RGBA colours.
    Indexed8 {
        /// One index a pixel.
        indices: Vec<u8>,
        /// Colours; at most 256.
        palette: Vec<[u8; 4]>,
    },
    /// Three bytes a pixel.
    Rgb8(Vec<u8>),
    /// Four bytes a pixel, alpha not premultiplied.
    Rgba8(Vec<u8>),
}
