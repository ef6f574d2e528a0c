//! Bilevel images by runs: CCITT group 3 (one-dimensional) and group 4 (TIFF 6.0, sections 10 and 11).
//!
//! White is 0 and black is 1, as `libtiff` has it whatever the photometric interpretation.

use std::convert::Infallible;

use fax::{
    Color,
    decoder::{DecodeStatus, Group3Decoder, Group4Decoder, pels},
};

use super::decompress::short;
use crate::Result;

/// Hands out the color changes of one line after the other until the input ends.
type Lines = fn(&[u8], u32, &mut dyn FnMut(&[u32]) -> bool);

/// Fills `rows` of `width` pixels, packed into bytes.
///
/// # Errors
/// `Broken` when the input has fewer lines.
pub(super) fn fill(lines: Lines, input: &[u8], width: u32, rows: &mut [u8]) -> Result<()> {
    let row_bytes = (width as usize).div_ceil(8);
    let (needed, mut filled) = (rows.len() / row_bytes, 0);
    let mut rows = rows.chunks_exact_mut(row_bytes);
    lines(input, width, &mut |changes| {
        let Some(row) = rows.next() else { return false };
        for (x, color) in pels(changes, width).enumerate() {
            if color == Color::Black {
                row[x / 8] |= 0x80 >> (x % 8);
            }
        }
        filled += 1;
        filled < needed
    });
    if filled < needed { Err(short(filled, needed, "fax (in lines)")) } else { Ok(()) }
}

/// Lines of group 4.
pub(super) fn group4(input: &[u8], width: u32, line: &mut dyn FnMut(&[u32]) -> bool) {
    let Ok(mut decoder) = Group4Decoder::new(input.iter().copied().map(Ok::<u8, Infallible>), width);
    while let Ok(DecodeStatus::Incomplete) = decoder.advance() {
        if !line(decoder.transition()) {
            return;
        }
    }
}

/// Lines of group 3.
pub(super) fn group3(input: &[u8], width: u32, line: &mut dyn FnMut(&[u32]) -> bool) {
    let Ok(mut decoder) = Group3Decoder::new(input.iter().copied().map(Ok::<u8, Infallible>)) else { return };
    loop {
        match decoder.advance() {
            Ok(DecodeStatus::Incomplete) if line(decoder.transitions()) => {}
            Ok(DecodeStatus::Incomplete) => return,
            Ok(DecodeStatus::End) => {
                line(decoder.transitions());
                return;
            }
            // The last line of a strip may end without the sign for that.
            Err(_) => {
                if decoder.transitions().last() == Some(&width) {
                    line(decoder.transitions());
                }
                return;
            }
        }
    }
}
