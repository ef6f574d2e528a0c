//! From values to colours: rescale, colour formula, then a colormap or gray or RGB.
//!
//! It reads no file and encodes nothing. A [`Style`] holds numbers only; what `auto` means is resolved before, by
//! [`crate::statistics`], so that neighbouring tiles always match. Callers: the server, between paint and encode.

mod apply;
mod bands;
mod classes;
mod coloring;
mod colormap;
mod formula;
mod lab;
mod linear;
mod lookup;
mod narrow;
mod palette;
mod tables;

pub use apply::apply;
pub use classes::Classes;
pub use coloring::Coloring;
pub use colormap::{Colormap, colormap_names};
pub use formula::ColorFormula;
pub use palette::Palette;

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
    /// One range a band, else the first for all bands; none leaves 8-bit values as they are and maps the whole range of
    /// other integer types.
    pub rescale: Vec<Rescale>,
    /// Bits a channel.
    pub depth: Depth,
    /// What is done to the 8-bit channels.
    pub formula: Option<ColorFormula>,
    /// Colours for single-band values.
    pub coloring: Option<Coloring>,
    /// Shows masked pixels as 0 instead of transparent.
    pub opaque: bool,
}

/// Bits a channel of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// 8 bits.
    #[default]
    Eight,
    /// 16 bits for unsigned 16-bit values that neither a rescale, a formula nor a colormap touches; else 8.
    AsStored,
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

/// Colours of a picture. Variants with transparency appear only where a pixel really is masked, or a colormap says so.
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
    /// Sixteen bits a channel: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA.
    Wide {
        /// Channels a pixel, 1 to 4.
        channels: u8,
        /// `channels` samples a pixel.
        samples: Vec<u16>,
    },
}

impl Colors {
    /// Whether no pixel shows anything but an opaque colour.
    pub fn is_opaque(&self) -> bool {
        match self {
            Self::Gray8(_) | Self::Rgb8(_) => true,
            Self::GrayKeyed8 { gray, transparent } => !gray.contains(transparent),
            Self::GrayAlpha8(bytes) => bytes.chunks_exact(2).all(|pixel| pixel[1] == u8::MAX),
            Self::Rgba8(bytes) => bytes.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX),
            Self::Indexed8 { indices, palette } => {
                let mut shows = [false; 256];
                indices.iter().for_each(|&index| shows[usize::from(index)] = true);
                let translucent = |index: usize| palette.get(index).is_none_or(|color| color[3] != u8::MAX);
                !(0..256).any(|index| shows[index] && translucent(index))
            }
            Self::Wide { channels: 1 | 3, .. } => true,
            Self::Wide { channels, samples } => {
                samples.chunks_exact(usize::from(*channels)).all(|pixel| pixel.last() == Some(&u16::MAX))
            }
        }
    }
}
