//! Bilevel images by runs: CCITT group 3 (one-dimensional) and group 4 (TIFF 6.0, sections 10 and 11).
//!
//! White is 0 and black is 1, as `libtiff` has it whatever the photometric interpretation.

use std::{cell::Cell, convert::Infallible, slice};

use fax::{
    Color,
    decoder::{DecodeStatus, Group3Decoder, Group4Decoder, pels},
};

use super::decompress::short;

/// Hands out the color changes of one line after the other until the input ends.
type Lines = fn(&[u8], u32, &mut dyn FnMut(&[u32]) -> bool);

/// Fills `rows` of `width` pixels, packed into bytes.
///
/// # Errors
/// `Broken` when the input has fewer lines.
pub(super) fn fill(lines: Lines, input: &[u8], width: u32, rows: &mut [u8]) -> crate::Result<()> {
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

/// Most bytes that a line takes, whatever its pixels: a color change takes 7 bits and more than one a pixel are none;
/// signs for a line's and the picture's end come beside.
const fn most_line_bytes(width: u32) -> usize {
    width as usize + 64
}

/// Bytes that the color changes of two lines may take where every bit is used to harm, with what lists have at hand to
/// grow: a change takes three bits at least.
pub(crate) const fn line_room_bytes(width: u32) -> u64 {
    const BYTES_PER_CHANGE: u64 = 4;
    const LISTS: u64 = 2;
    most_line_bytes(width) as u64 * 8 / 3 * BYTES_PER_CHANGE * LISTS * 2
}

/// Bytes that end early where a line takes more of them than any can: the decoder's list of changes grows with what it
/// reads.
struct Metered<'a> {
    bytes: slice::Iter<'a, u8>,
    left: &'a Cell<usize>,
}

impl Iterator for Metered<'_> {
    type Item = Result<u8, Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left.set(self.left.get().checked_sub(1)?);
        self.bytes.next().copied().map(Ok)
    }
}

/// Lines of group 4.
pub(super) fn group4(input: &[u8], width: u32, line: &mut dyn FnMut(&[u32]) -> bool) {
    let left = Cell::new(most_line_bytes(width));
    let Ok(mut decoder) = Group4Decoder::new(Metered { bytes: input.iter(), left: &left }, width);
    while let Ok(DecodeStatus::Incomplete) = decoder.advance() {
        if !line(decoder.transition()) {
            return;
        }
        left.set(most_line_bytes(width));
    }
}

/// Lines of group 3.
pub(super) fn group3(input: &[u8], width: u32, line: &mut dyn FnMut(&[u32]) -> bool) {
    let left = Cell::new(most_line_bytes(width));
    let Ok(mut decoder) = Group3Decoder::new(Metered { bytes: input.iter(), left: &left }) else { return };
    loop {
        match decoder.advance() {
            Ok(DecodeStatus::Incomplete) if line(decoder.transitions()) => left.set(most_line_bytes(width)),
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
