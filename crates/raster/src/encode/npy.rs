//! NumPy's array file, version 1.0. Source: numpy/lib/format.py, "Format Version 1.0".

use crate::{
    block::Samples,
    pixels::{Pixels, with_samples},
};

/// Magic, version 1.0; the header's length follows.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The data starts at a multiple of this.
const ALIGNMENT_BYTES: usize = 64;

pub(super) fn encode(pixels: &Pixels, with_mask: bool) -> Vec<u8> {
    let mut rows = NpyRows::new(pixels, pixels.height_px, with_mask);
    rows.put(pixels, 0);
    rows.finish(&pixels.mask)
}

/// A file of `height_px` rows, written strip by strip: it holds no values but as bytes of the file.
#[derive(Debug)]
pub struct NpyRows {
    file: Vec<u8>,
    /// Where the values begin.
    data_at: usize,
    width_px: usize,
    height_px: usize,
    /// A mask's sample where it is valid, if there is a mask.
    valid: Option<Vec<u8>>,
}

impl NpyRows {
    /// A file for strips like `strip`.
    pub fn new(strip: &Pixels, height_px: u32, with_mask: bool) -> Self {
        let mut file = header(strip, height_px, with_mask);
        let data_at = file.len();
        let (width_px, height_px) = (strip.width_px as usize, height_px as usize);
        let valid = valid(&strip.samples);
        let data_bytes = usize::from(strip.bands) * width_px * height_px * valid.len();
        file.reserve_exact(data_bytes + usize::from(with_mask) * width_px * height_px * valid.len());
        file.resize(data_at + data_bytes, 0);
        Self { file, data_at, width_px, height_px, valid: with_mask.then_some(valid) }
    }

    /// Puts a strip in its place, from row `first_row` on.
    pub fn put(&mut self, strip: &Pixels, first_row: u32) {
        let first = first_row as usize * self.width_px;
        for band in 0..usize::from(strip.bands) {
            let count = strip.pixels_per_band();
            with_samples!(&strip.samples, values => {
                let values = &values[band * count..][..count];
                let sample_bytes = size_of_val(values) / count.max(1);
                let at = self.data_at + (band * self.width_px * self.height_px + first) * sample_bytes;
                let places = self.file[at..][..count * sample_bytes].chunks_exact_mut(sample_bytes.max(1));
                places.zip(values).for_each(|(place, value)| place.copy_from_slice(&value.to_le_bytes()));
            });
        }
    }

    /// The file; `mask` is that of all rows.
    pub fn finish(mut self, mask: &[u8]) -> Vec<u8> {
        if let Some(valid) = &self.valid {
            let masked = vec![0; valid.len()];
            mask.iter().for_each(|&m| self.file.extend_from_slice(if m == 0 { &masked } else { valid }));
        }
        self.file
    }
}

fn header(strip: &Pixels, height_px: u32, with_mask: bool) -> Vec<u8> {
    let (bands, cols) = (u32::from(strip.bands) + u32::from(with_mask), strip.width_px);
    let descr = descr(&strip.samples);
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({bands}, {height_px}, {cols}), }}");
    let unpadded = MAGIC.len() + 2 + text.len() + 1;
    text.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(ALIGNMENT_BYTES) - unpadded));
    text.push('\n');
    let length = u16::try_from(text.len()).expect("four numbers and a type fit 64 KiB");
    [MAGIC, &length.to_le_bytes(), text.as_bytes()].concat()
}

fn descr(samples: &Samples) -> &'static str {
    match samples {
        Samples::U8(_) => "|u1",
        Samples::I8(_) => "|i1",
        Samples::U16(_) => "<u2",
        Samples::I16(_) => "<i2",
        Samples::U32(_) => "<u4",
        Samples::I32(_) => "<i4",
        Samples::U64(_) => "<u8",
        Samples::I64(_) => "<i8",
        Samples::F32(_) => "<f4",
        Samples::F64(_) => "<f8",
    }
}

/// What the mask's sample is where it is valid.
fn valid(like: &Samples) -> Vec<u8> {
    match like {
        Samples::U8(_) => vec![255],
        Samples::I8(_) => vec![127],
        Samples::U16(_) => 255_u16.to_le_bytes().to_vec(),
        Samples::I16(_) => 255_i16.to_le_bytes().to_vec(),
        Samples::U32(_) => 255_u32.to_le_bytes().to_vec(),
        Samples::I32(_) => 255_i32.to_le_bytes().to_vec(),
        Samples::U64(_) => 255_u64.to_le_bytes().to_vec(),
        Samples::I64(_) => 255_i64.to_le_bytes().to_vec(),
        Samples::F32(_) => 255_f32.to_le_bytes().to_vec(),
        Samples::F64(_) => 255_f64.to_le_bytes().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{block::Samples, pixels::Pixels};

    #[test]
    fn the_file_is_header_values_mask() {
        let pixels = Pixels::of_band(2, 1, Samples::U16(vec![1, 513]), vec![255, 0]);
        let file = super::encode(&pixels, true);
        let data = file.len() - 8;
        assert_eq!(data % 64, 0);
        assert_eq!(file[8] as usize + 256 * file[9] as usize, data - 10);
        let text = std::str::from_utf8(&file[10..data]).unwrap();
        assert!(text.starts_with("{'descr': '<u2', 'fortran_order': False, 'shape': (2, 1, 2), }"));
        assert!(text.ends_with('\n'));
        assert_eq!(file[data..], [1, 0, 1, 2, 255, 0, 0, 0]);
        let without_mask = super::encode(&pixels, false);
        assert!(String::from_utf8_lossy(&without_mask).contains("(1, 1, 2)"));
        assert_eq!(without_mask[without_mask.len() - 4..], [1, 0, 1, 2]);
    }
}
