//! What strips of a picture become: what is kept of each, and the file that they make together.

use std::sync::Arc;

use aurora_raster::{
    RasterError,
    encode::{Format, NpyRows, Payload, Placement, Quality, TifRows},
    pixels::{Gathered, Pixels},
    style::Style,
};

use super::{Order, Stages, cutline::Cutline, encoded};
use crate::failure::Failure;

/// Bytes for each value that is counted.
const COUNTED_BYTES_PER_VALUE: u64 = 16;

/// Bytes that libwebp takes for each pixel, with the colours that it is given.
const WEBP_BYTES_PER_PX: u64 = 20;

/// The same where nothing may be lost.
const LOSSLESS_WEBP_BYTES_PER_PX: u64 = 36;

/// What becomes of what is made, and so what is kept of it.
pub(super) enum Purpose {
    /// Its values are counted.
    Values,
    /// A file of its values.
    File { format: Format, with_mask: bool },
    /// A picture, of a format that may depend on what it shows.
    Picture { style: Arc<Style>, format: Option<Format>, quality: Quality },
}

/// Strips that were made, put together.
pub(super) enum Sheet {
    /// What is kept of their values.
    Pixels(Gathered),
    /// Bytes of a file of their values, and the mask.
    Npy(NpyRows, Vec<u8>),
    /// The same, compressed.
    Tif(TifRows, Vec<u8>),
}

impl Sheet {
    /// The file, and its media type; `style` is what is left of it to be done.
    pub(super) fn finish(
        self,
        order: &Order,
        style: &Style,
        cutline: Option<&Cutline>,
        placement: Option<&Placement>,
        stages: &mut Stages,
    ) -> Result<(Vec<u8>, &'static str), Failure> {
        let cut = |mut mask: Vec<u8>| {
            cutline.iter().for_each(|cutline| cutline.cut_mask(&mut mask));
            mask
        };
        let (bytes, format) = match self {
            Self::Pixels(gathered) => {
                let mut pixels = gathered.finish();
                cutline.iter().for_each(|cutline| cutline.cut(&mut pixels));
                return encoded(pixels, order, style, placement, stages);
            }
            Self::Npy(rows, mask) => (rows.finish(&cut(mask)), Format::Npy),
            Self::Tif(rows, mask) => {
                let mask = cut(mask);
                (rows.finish((!order.query.opaque).then_some(&mask), placement)?, Format::Tif)
            }
        };
        stages.end("encode");
        Ok((bytes, format.media_type()))
    }
}

impl Purpose {
    pub(super) fn of(order: &Order, style: &Style) -> Self {
        match order.format.filter(|format| format.payload() == Payload::Values) {
            Some(format) => Self::File { format, with_mask: !order.query.opaque },
            None => {
                Self::Picture { style: Arc::new(style.clone()), format: order.format, quality: order.query.quality }
            }
        }
    }

    /// Puts a strip that was made to those before it.
    pub(super) fn put(
        &self,
        sheet: Option<Sheet>,
        made: Pixels,
        first_row: u32,
        (height_px, limit_bytes): (u32, u64),
    ) -> Result<Sheet, Failure> {
        let kept = match self {
            Self::Picture { style, .. } => style.narrowed(made)?,
            _ => made,
        };
        let mut sheet = match sheet {
            Some(sheet) => sheet,
            None => {
                self.check(&kept, height_px, limit_bytes)?;
                self.begin(&kept, height_px)
            }
        };
        match &mut sheet {
            Sheet::Pixels(gathered) => gathered.put(&kept, first_row),
            Sheet::Npy(rows, mask) => {
                rows.put(&kept, first_row);
                mask.extend_from_slice(&kept.mask);
            }
            Sheet::Tif(rows, mask) => {
                rows.put(&kept)?;
                mask.extend_from_slice(&kept.mask);
            }
        }
        Ok(sheet)
    }

    /// Holds what all strips will take against its limit, now that the first one shows what there is to be kept.
    ///
    /// # Errors
    /// `TooLarge` beyond it.
    pub(super) fn check(&self, first: &Pixels, height_px: u32, limit: u64) -> Result<(), RasterError> {
        let pixels = u64::from(first.width_px) * u64::from(height_px);
        let value = pixels * self.bytes_per_px(first.bands.into(), first.samples.sample_bytes());
        let what = "bytes of the picture until it is encoded (see --picture-limit)";
        if value > limit { Err(RasterError::TooLarge { what, value, limit }) } else { Ok(()) }
    }

    /// Room for all strips.
    fn begin(&self, first: &Pixels, height_px: u32) -> Sheet {
        let mask = || Vec::with_capacity(first.width_px as usize * height_px as usize);
        match self {
            Self::File { format: Format::Npy, with_mask } => {
                Sheet::Npy(NpyRows::new(first, height_px, *with_mask), mask())
            }
            Self::File { .. } => Sheet::Tif(TifRows::new(first, height_px), mask()),
            _ => Sheet::Pixels(Gathered::new(first, height_px)),
        }
    }

    /// Bytes for each pixel from the first strip to the encoded file, where so many bands of so many bytes are kept.
    pub(super) fn bytes_per_px(&self, bands: u64, sample_bytes: u64) -> u64 {
        let kept = bands * sample_bytes + 1;
        match self {
            Self::Values => kept + bands * COUNTED_BYTES_PER_VALUE,
            // Of a GeoTIFF as many if they cannot be compressed.
            Self::File { .. } => kept + sample_bytes,
            Self::Picture { format: Some(Format::Webp), quality, .. } => {
                kept + if *quality == Quality::Lossless { LOSSLESS_WEBP_BYTES_PER_PX } else { WEBP_BYTES_PER_PX }
            }
            // Colours and alpha, as lines of a PNG or blocks of a JPEG, compressed, and once more in the file.
            Self::Picture { .. } => kept + 4 * (bands + 1) * sample_bytes,
        }
    }
}
