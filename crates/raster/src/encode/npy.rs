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
    let mut file = header(pixels, with_mask);
    with_samples!(&pixels.samples, values => {
        let sample_bytes = size_of_val(&values[..]) / values.len().max(1);
        file.reserve_exact(size_of_val(&values[..]) + usize::from(with_mask) * pixels.mask.len() * sample_bytes);
        values.iter().for_each(|value| file.extend_from_slice(&value.to_le_bytes()));
    });
    if with_mask {
        append_mask(pixels, &mut file);
    }
    file
}

fn header(pixels: &Pixels, with_mask: bool) -> Vec<u8> {
    let (bands, rows, cols) = (u32::from(pixels.bands) + u32::from(with_mask), pixels.height_px, pixels.width_px);
    let descr = descr(&pixels.samples);
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({bands}, {rows}, {cols}), }}");
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

fn append_mask(pixels: &Pixels, file: &mut Vec<u8>) {
    let mut append = |valid: &[u8]| {
        let masked = vec![0; valid.len()];
        pixels.mask.iter().for_each(|&m| file.extend_from_slice(if m == 0 { &masked } else { valid }));
    };
    match &pixels.samples {
        Samples::U8(_) => append(&[255]),
        Samples::I8(_) => append(&[127]),
        Samples::U16(_) => append(&255_u16.to_le_bytes()),
        Samples::I16(_) => append(&255_i16.to_le_bytes()),
        Samples::U32(_) => append(&255_u32.to_le_bytes()),
        Samples::I32(_) => append(&255_i32.to_le_bytes()),
        Samples::U64(_) => append(&255_u64.to_le_bytes()),
        Samples::I64(_) => append(&255_i64.to_le_bytes()),
        Samples::F32(_) => append(&255_f32.to_le_bytes()),
        Samples::F64(_) => append(&255_f64.to_le_bytes()),
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
