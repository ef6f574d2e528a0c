//! JPEG by the `jpeg-encoder` crate: gray or RGB, masked pixels black.

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};

use super::{Plain, Quality};
use crate::{RasterError, Result, style::Picture};

/// TiTiler's quality.
const USUAL_QUALITY: u8 = 85;

pub(super) fn encode(picture: &Picture, quality: Quality) -> Result<Vec<u8>> {
    let failed = |reason: String| RasterError::Encode { format: "jpg", reason };
    let side = |side_px: u32| u16::try_from(side_px).map_err(|_| failed(format!("a side of {side_px} pixels")));
    let (width, height) = (side(picture.width_px)?, side(picture.height_px)?);
    let (bytes, color_type) = match Plain::of(&picture.colors) {
        Plain::Gray(gray) => (gray, ColorType::Luma),
        Plain::Rgb(rgb) => (rgb, ColorType::Rgb),
        Plain::Rgba(rgba) => (rgba.chunks_exact(4).flat_map(on_black).collect(), ColorType::Rgb),
    };
    let mut file = Vec::with_capacity(bytes.len() / 2 + 1024);
    let quality = match quality {
        Quality::Usual => USUAL_QUALITY,
        Quality::Lossy(quality) => quality.clamp(1, 100),
        Quality::Lossless => 100,
    };
    let mut encoder = Encoder::new(&mut file, quality);
    // The mean of each 2 by 2 pixels, as libjpeg makes it, and not one of them.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(&bytes, width, height, color_type).map_err(|error| failed(error.to_string()))?;
    file.shrink_to_fit();
    Ok(file)
}

/// A colour laid over black as far as it is transparent.
fn on_black(pixel: &[u8]) -> [u8; 3] {
    let over = |channel: u8| (u16::from(channel) * u16::from(pixel[3]) / 255) as u8;
    [over(pixel[0]), over(pixel[1]), over(pixel[2])]
}
