//! What a directory says of its samples: type, bands, colour, alpha, palette.

use super::{
    ColorInterpretation, ComplexPart, Compression, Encoding, Level, Planar, SampleType, broken,
    directory::{Directory, tag},
    unsupported,
    window::Window,
};
use crate::{Feature, Limits, RasterError, Result};

const WHITE_IS_ZERO: u32 = 0;
const BLACK_IS_ZERO: u32 = 1;
const RGB: u32 = 2;
const PALETTE: u32 = 3;
pub(super) const TRANSPARENCY_MASK: u32 = 4;
const SEPARATED: u32 = 5;
/// Bands that CMYK is served as.
const RGBA_BANDS: u16 = 4;
pub(super) const YCBCR: u32 = 6;
/// Bits of the largest numbers that a colour map has entries for.
const MAX_MAPPED_BITS: u8 = 16;

/// Sample facts of one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) bands: u16,
    pub(super) sample_type: SampleType,
    pub(super) encoding: Encoding,
}

impl Samples {
    pub(super) fn read(directory: &Directory, window: &Window<'_>, limits: &Limits) -> Result<Self> {
        let bands = directory.small(window, tag::SAMPLES_PER_PIXEL, 1)?;
        let limit = limits.max_bands;
        let bands = u16::try_from(bands).ok().filter(|&bands| bands <= limit);
        let bands = bands.ok_or(RasterError::TooLarge {
            what: "bands",
            value: u64::from(limit) + 1,
            limit: u64::from(limit),
        })?;
        if bands == 0 {
            return Err(broken("it has no bands".to_owned()));
        }
        let bits = uniform(directory, window, tag::BITS_PER_SAMPLE, 1)?;
        let format = uniform(directory, window, tag::SAMPLE_FORMAT, 1)?;
        if photometric(directory, window)? == SEPARATED && bits == 8 && bands >= RGBA_BANDS {
            return Ok(Self { bands: RGBA_BANDS, sample_type: SampleType::U8, encoding: Encoding::Cmyk(bands) });
        }
        let (sample_type, encoding) = sample_type(format, bits)?;
        Ok(Self { bands, sample_type, encoding })
    }

    /// Samples stored of a pixel.
    pub(super) fn stored_bands(self) -> u16 {
        if let Encoding::Cmyk(inks) = self.encoding { inks } else { self.bands }
    }

    /// Bits of one stored sample.
    pub(super) fn bits(self) -> u8 {
        match self.encoding {
            Encoding::Plain | Encoding::Cmyk(_) => self.sample_type.size_bytes() * 8,
            Encoding::Packed(bits) => bits,
            Encoding::Half => 16,
            Encoding::Complex(ComplexPart::I16) => 32,
            Encoding::Complex(ComplexPart::I32 | ComplexPart::F32) => 64,
            Encoding::Complex(ComplexPart::F64) => 128,
        }
    }
}

/// TIFF 6.0 section 19: format 1 unsigned, 2 signed, 3 float, 4 undefined (taken as unsigned); the tag's later values 5
/// and 6, complex integers and floats. Odd numbers of bits take the next larger type.
fn sample_type(format: u16, bits: u16) -> Result<(SampleType, Encoding)> {
    let plain = |sample_type| (sample_type, Encoding::Plain);
    let packed = |sample_type| (sample_type, Encoding::Packed(bits as u8));
    let complex = |sample_type, part| (sample_type, Encoding::Complex(part));
    Ok(match (format, bits) {
        (1 | 4, 8) => plain(SampleType::U8),
        (1 | 4, 16) => plain(SampleType::U16),
        (1 | 4, 32) => plain(SampleType::U32),
        (1 | 4, 64) => plain(SampleType::U64),
        (1 | 4, 1..8) => packed(SampleType::U8),
        (1 | 4, 9..16) => packed(SampleType::U16),
        (1 | 4, 17..32) => packed(SampleType::U32),
        (2, 8) => plain(SampleType::I8),
        (2, 16) => plain(SampleType::I16),
        (2, 32) => plain(SampleType::I32),
        (2, 64) => plain(SampleType::I64),
        (3, 16) => (SampleType::F32, Encoding::Half),
        (3, 32) => plain(SampleType::F32),
        (3, 64) => plain(SampleType::F64),
        (5, 32) => complex(SampleType::F32, ComplexPart::I16),
        (5, 64) => complex(SampleType::F64, ComplexPart::I32),
        (6, 64) => complex(SampleType::F32, ComplexPart::F32),
        (6, 128) => complex(SampleType::F64, ComplexPart::F64),
        (1..=6, _) => return Err(unsupported(Feature::BitsPerSample, format!("{bits} bits of format {format}"))),
        _ => return Err(broken(format!("sample format {format}"))),
    })
}

/// The one value of a tag that has one for each band.
fn uniform(directory: &Directory, window: &Window<'_>, tag: u16, default: u16) -> Result<u16> {
    let values = directory.shorts(window, tag)?;
    let first = values.first().copied().unwrap_or(default);
    if values.iter().any(|&value| value != first) {
        return Err(unsupported(Feature::MixedBands, format!("tag {tag} holds {first} and others")));
    }
    Ok(first)
}

/// What the samples mean as far as a palette stands for them where none is stored: bits are black and white, as GDAL
/// has it.
pub(super) fn bilevel_palette(directory: &Directory, window: &Window<'_>, samples: Samples) -> Result<Vec<[u8; 4]>> {
    const BLACK: [u8; 4] = [0, 0, 0, 255];
    const WHITE: [u8; 4] = [255; 4];
    if samples.bands != 1 || samples.encoding != Encoding::Packed(1) {
        return Ok(Vec::new());
    }
    Ok(match photometric(directory, window)? {
        WHITE_IS_ZERO => vec![WHITE, BLACK],
        BLACK_IS_ZERO => vec![BLACK, WHITE],
        _ => Vec::new(),
    })
}

/// What the samples mean, refusing colour spaces that would need a conversion. CMYK of more than 8 bits is served as
/// the four inks it is.
pub(super) fn color(
    directory: &Directory,
    window: &Window<'_>,
    full: &Level,
    bands: u16,
) -> Result<ColorInterpretation> {
    match photometric(directory, window)? {
        // Inverted grays are served as the numbers they are, as GDAL does.
        WHITE_IS_ZERO | BLACK_IS_ZERO | TRANSPARENCY_MASK | SEPARATED => Ok(ColorInterpretation::Gray),
        RGB => Ok(ColorInterpretation::Rgb),
        YCBCR if full.compression == Compression::Jpeg && bands == 3 && full.planar == Planar::Contiguous => {
            Ok(ColorInterpretation::Rgb)
        }
        PALETTE => Ok(ColorInterpretation::Palette),
        YCBCR => Err(unsupported(Feature::Photometric, "YCbCr outside JPEG of three bands".to_owned())),
        8..=10 => Err(unsupported(Feature::Photometric, "CIE L*a*b*".to_owned())),
        32844 | 32845 => Err(unsupported(Feature::Photometric, "LogLuv".to_owned())),
        other => Err(unsupported(Feature::Photometric, format!("code {other}"))),
    }
}

pub(super) fn photometric(directory: &Directory, window: &Window<'_>) -> Result<u32> {
    directory.small(window, tag::PHOTOMETRIC, BLACK_IS_ZERO)
}

/// Zero-based index of the first band declared as alpha (extra sample 1 or 2). A band that there is nothing beside is
/// shown, whatever it is declared as.
pub(super) fn alpha_band(directory: &Directory, window: &Window<'_>, samples: Samples) -> Result<Option<u16>> {
    if let Encoding::Cmyk(_) = samples.encoding {
        return Ok(Some(RGBA_BANDS - 1));
    }
    let bands = samples.bands;
    let extra = directory.shorts(window, tag::EXTRA_SAMPLES)?;
    let color_bands = usize::from(bands).saturating_sub(extra.len());
    let alpha = extra.iter().position(|&kind| kind == 1 || kind == 2).map(|index| index + color_bands);
    Ok(alpha.and_then(|index| u16::try_from(index).ok()).filter(|&index| index < bands && bands > 1))
}

/// Whether a colour map stands for the samples although the photometric interpretation says that they are grays:
/// writers add one without changing the other. As in GDAL, whole numbers of at most 16 bits, and a map of exactly as
/// many entries as these have values; beside alpha there is but one band.
pub(super) fn is_mapped(
    directory: &Directory,
    window: &Window<'_>,
    samples: Samples,
    alpha_band: Option<u16>,
) -> Result<bool> {
    let is_whole = matches!(samples.encoding, Encoding::Plain | Encoding::Packed(_));
    let is_one_band = samples.bands - u16::from(alpha_band.is_some()) == 1;
    if !is_one_band || !is_whole || samples.bits() > MAX_MAPPED_BITS || !directory.has(tag::COLOR_MAP) {
        return Ok(false);
    }
    Ok(directory.shorts(window, tag::COLOR_MAP)?.len() == 3 << samples.bits())
}

/// RGBA entries of a colour map: all reds, then all greens, then all blues (TIFF 6.0, section 5). The entry of the
/// nodata value is transparent.
pub(super) fn palette(directory: &Directory, window: &Window<'_>, nodata: Option<f64>) -> Result<Vec<[u8; 4]>> {
    let map = directory.shorts(window, tag::COLOR_MAP)?;
    let entries = map.len() / 3;
    if entries == 0 || map.len() % 3 != 0 {
        return Err(broken(format!("colour map of {} numbers", map.len())));
    }
    let divisor = color_divisor(&map);
    let channel = |index: usize| u8::try_from(map[index] / divisor).unwrap_or(u8::MAX);
    let entry = |index: usize| {
        let is_nodata = nodata.is_some_and(|value| value == index as f64);
        [channel(index), channel(entries + index), channel(2 * entries + index), if is_nodata { 0 } else { u8::MAX }]
    };
    Ok((0..entries).map(entry).collect())
}

/// Writers stretch 8-bit colours to 16 by 257, by 256, or not at all.
fn color_divisor(map: &[u16]) -> u16 {
    match () {
        () if map.iter().all(|&value| value <= 255) => 1,
        () if map.iter().all(|&value| value % 256 == 0) => 256,
        () => 257,
    }
}
