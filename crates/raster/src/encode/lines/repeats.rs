//! Whether a picture repeats itself otherwise than from line to line, by a sample.

/// Places in the picture that are looked at, and lines at each of them.
const PLACES: usize = 2;
const LINES: usize = 4;

/// Pixels that make a repetition.
const LENGTH_PX: usize = 4;

/// Bits of what such pixels are found by.
const HASH_BITS: u32 = 12;

/// Of how many positions one may repeat what was met before, other than right above, in a picture that has few.
const FEW: usize = 16;

/// Whether a general compressor would find much in lines of `line_bytes` bytes, of pixels of one or two bytes each.
pub(super) fn are_many(pixels: &[u8], line_bytes: usize, pixel_bytes: usize) -> bool {
    let height = pixels.len() / line_bytes;
    let (mut found, mut positions) = (0, 0);
    for place in 0..PLACES {
        let first = (height * (2 * place + 1) / (2 * PLACES)).min(height.saturating_sub(LINES));
        let part = &pixels[first * line_bytes..(first + LINES).min(height) * line_bytes];
        found += match pixel_bytes {
            1 => repeats(part, line_bytes, |bytes: [u8; LENGTH_PX]| u32::from_le_bytes(bytes).into()),
            _ => repeats(part, line_bytes, |bytes: [u8; 2 * LENGTH_PX]| u64::from_le_bytes(bytes)),
        };
        positions += part.len();
    }
    found * FEW > positions
}

/// At how many positions behind the first line there are bytes that were met before, but not right above.
fn repeats<const LENGTH: usize>(part: &[u8], line_bytes: usize, number: impl Fn([u8; LENGTH]) -> u64) -> usize {
    let mut last = [0_u16; 1 << HASH_BITS];
    let number_at = |at: usize| part[at..].first_chunk().map(|bytes| number(*bytes));
    let mut found = 0;
    for (bytes, at) in part.windows(LENGTH).zip(0_u16..) {
        let Some(bytes) = bytes.first_chunk().map(|bytes| number(*bytes)) else { break };
        // Knuth's multiplicative hash, with 2 to the power of 64 by the golden ratio.
        let slot = (bytes.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - HASH_BITS)) as usize;
        let before = usize::from(std::mem::replace(&mut last[slot], at));
        let is_elsewhere = |above: usize| number_at(before) == Some(bytes) && number_at(above) != Some(bytes);
        found += usize::from(usize::from(at).checked_sub(line_bytes).is_some_and(is_elsewhere));
    }
    found
}
