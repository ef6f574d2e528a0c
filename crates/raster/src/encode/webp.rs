//! WebP by Google's libwebp, which alone writes the lossy kind: RGB, or RGBA where something is transparent. WebP knows
//! no gray.

use super::{Plain, Quality};
use crate::{RasterError, Result, style::Picture};

/// TiTiler's quality.
const USUAL_QUALITY: f32 = 75.0;

pub(super) fn encode(picture: &Picture, quality: Quality) -> Result<Vec<u8>> {
    let (width_px, height_px) = (picture.width_px, picture.height_px);
    let (lossless, quality) = match quality {
        Quality::Usual => (false, USUAL_QUALITY),
        Quality::Lossy(quality) => (false, f32::from(quality.clamp(1, 100))),
        Quality::Lossless => (true, USUAL_QUALITY),
    };
    let encoded = match Plain::of(&picture.colors) {
        Plain::Gray(gray) => {
            let rgb: Vec<u8> = gray.iter().flat_map(|&g| [g; 3]).collect();
            webp::Encoder::from_rgb(&rgb, width_px, height_px).encode_simple(lossless, quality)
        }
        Plain::Rgb(rgb) => webp::Encoder::from_rgb(&rgb, width_px, height_px).encode_simple(lossless, quality),
        Plain::Rgba(rgba) => webp::Encoder::from_rgba(&rgba, width_px, height_px).encode_simple(lossless, quality),
    };
    match encoded {
        Ok(file) => Ok(file.to_vec()),
        Err(error) => Err(RasterError::Encode { format: "webp", reason: format!("{error:?}") }),
    }
}
