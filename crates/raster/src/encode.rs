//! From colours or values to bytes of a file format.
//!
//! PNG, JPEG and WebP carry pictures; GeoTIFF and NPY carry values as they were before the style. It knows neither HTTP
//! nor readers, and places a GeoTIFF where its caller says. Callers: the server, at the end of a render.

mod deflate;
mod jpeg;
mod lines;
mod npy;
mod png;
mod tif;
mod webp;

use crate::{
    Result,
    pixels::Pixels,
    style::{Colors, Picture},
};

pub use npy::NpyRows;
pub use tif::{Ground, Placement, System, TifRows, tif_rows_per_strip};

/// A file format that a view can be sent in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Portable Network Graphics: pictures, lossless, 8 bits a channel.
    Png,
    /// PNG of values that nobody stretched: 16-bit ones stay 16 bits. TiTiler's `pngraw`.
    PngRaw,
    /// JPEG (JFIF): pictures, lossy, without transparency; masked pixels are black.
    Jpeg,
    /// WebP: pictures, lossy or lossless, with transparency.
    Webp,
    /// GeoTIFF: values in their own type, placed on the ground.
    Tif,
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

/// How much a lossy format may lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Quality {
    /// TiTiler's: 85 for JPEG, 75 for WebP.
    #[default]
    Usual,
    /// From 1 (small) to 100.
    Lossy(u8),
    /// Nothing; WebP only, JPEG takes it as 100.
    Lossless,
}

/// Every extension, the usual one of a format first.
const EXTENSIONS: [(&str, Format); 8] = [
    ("png", Format::Png),
    ("pngraw", Format::PngRaw),
    ("jpg", Format::Jpeg),
    ("jpeg", Format::Jpeg),
    ("webp", Format::Webp),
    ("tif", Format::Tif),
    ("tiff", Format::Tif),
    ("npy", Format::Npy),
];

impl Format {
    /// The format of a file name extension without its dot, in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        EXTENSIONS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(extension)).map(|(_, format)| format)
    }

    /// The extensions known, for messages.
    pub fn extensions() -> impl Iterator<Item = &'static str> {
        EXTENSIONS.into_iter().map(|(name, _)| name)
    }

    /// The usual extension.
    pub fn extension(self) -> &'static str {
        EXTENSIONS.into_iter().find(|&(_, format)| format == self).map_or("", |(name, _)| name)
    }

    /// The media type; NPY has none registered, this is the one TiTiler sends.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png | Self::PngRaw => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Tif => "image/tiff; application=geotiff",
            Self::Npy => "application/x-binary",
        }
    }

    /// Whether it carries colours or values.
    pub fn payload(self) -> Payload {
        match self {
            Self::Png | Self::PngRaw | Self::Jpeg | Self::Webp => Payload::Picture,
            Self::Tif | Self::Npy => Payload::Values,
        }
    }

    /// The format of a picture for which none was asked: PNG where any pixel is masked, else JPEG.
    pub fn fitting(picture: &Picture) -> Self {
        if picture.colors.is_opaque() { Self::Jpeg } else { Self::Png }
    }
}

/// A picture as a file of a format that carries pictures.
///
/// # Errors
/// `Encode` when the encoder fails or the format carries values.
pub fn picture(picture: &Picture, format: Format, quality: Quality) -> Result<Vec<u8>> {
    match format {
        Format::Png | Format::PngRaw => png(picture),
        Format::Jpeg => jpeg::encode(picture, quality),
        Format::Webp => webp::encode(picture, quality),
        Format::Tif | Format::Npy => Err(carries("values, not pictures", format)),
    }
}

/// Values as a file of a format that carries values; `placement` says where they lie, for GeoTIFF. With `with_mask` the
/// last band is the mask.
///
/// # Errors
/// `Encode` when the encoder fails or the format carries pictures.
pub fn values(pixels: &Pixels, format: Format, placement: Option<&Placement>, with_mask: bool) -> Result<Vec<u8>> {
    match format {
        Format::Npy => Ok(npy::encode(pixels, with_mask)),
        Format::Tif => tif::encode(pixels, placement, with_mask),
        _ => Err(carries("pictures, not values", format)),
    }
}

fn carries(what: &str, format: Format) -> crate::RasterError {
    crate::RasterError::Encode { format: format.extension(), reason: format!("it carries {what}") }
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
    npy::encode(pixels, true)
}

/// Colours of a picture as gray, RGB or RGBA bytes, for encoders that know nothing else.
enum Plain<'a> {
    Gray(std::borrow::Cow<'a, [u8]>),
    Rgb(std::borrow::Cow<'a, [u8]>),
    Rgba(std::borrow::Cow<'a, [u8]>),
}

impl<'a> Plain<'a> {
    fn of(colors: &'a Colors) -> Self {
        let gray_alpha = |g: u8, a: u8| [g, g, g, a];
        match colors {
            Colors::Gray8(gray) => Self::Gray(gray.into()),
            Colors::Rgb8(bytes) => Self::Rgb(bytes.into()),
            Colors::Rgba8(bytes) => Self::Rgba(bytes.into()),
            Colors::GrayKeyed8 { gray, transparent } => {
                let shown = |&g: &u8| if g == *transparent { [0; 4] } else { gray_alpha(g, u8::MAX) };
                Self::Rgba(gray.iter().flat_map(shown).collect())
            }
            Colors::GrayAlpha8(bytes) => {
                Self::Rgba(bytes.chunks_exact(2).flat_map(|pixel| gray_alpha(pixel[0], pixel[1])).collect())
            }
            Colors::Indexed8 { indices, palette } => {
                let color = |&index: &u8| palette.get(usize::from(index)).copied().unwrap_or_default();
                if colors.is_opaque() {
                    Self::Rgb(indices.iter().flat_map(|index| color(index).into_iter().take(3)).collect())
                } else {
                    Self::Rgba(indices.iter().flat_map(color).collect())
                }
            }
            Colors::Wide { channels, samples } => Self::narrowed(*channels, samples),
        }
    }

    /// 16 bits a channel cut to the upper 8.
    fn narrowed(channels: u8, samples: &[u16]) -> Self {
        let high = |sample: &u16| (sample >> 8) as u8;
        match channels {
            1 => Self::Gray(samples.iter().map(high).collect()),
            2 => Self::Rgba(
                samples.chunks_exact(2).flat_map(|p| [high(&p[0]), high(&p[0]), high(&p[0]), high(&p[1])]).collect(),
            ),
            3 => Self::Rgb(samples.iter().map(high).collect()),
            _ => Self::Rgba(samples.iter().map(high).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Payload};

    #[test]
    fn every_extension_leads_to_a_format_and_back() {
        for extension in Format::extensions() {
            let format = Format::from_extension(&extension.to_uppercase()).expect("a known extension");
            assert_eq!(Format::from_extension(format.extension()), Some(format));
        }
        assert_eq!(Format::from_extension("jp2"), None);
        assert_eq!((Format::Tif.payload(), Format::Webp.payload()), (Payload::Values, Payload::Picture));
    }
}
