//! How much a lossless WebP would have its decoder hold, known before it decodes.
//!
//! A lossless picture (RFC 9649, chapter 3) is cut into squares, and a small picture at its head, the entropy image,
//! says by which of up to 65,536 groups of prefix codes each is coded. `libwebp` makes room for the lookup tables of
//! all groups that are used, some 12 kB each, while a group may cost the file 20 bits: 74 kB of picture took 97 MiB. So
//! what stands before the pixels is read here: transforms, entropy image, and no pixel. It decodes no picture; that is
//! [`super::picture`]'s, which calls this first.

mod code;

use code::{Bits, Code, Group};

/// What a lossless stream's code tables would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tables {
    /// Groups of codes that are kept.
    groups: u64,
    /// Groups that the stream holds, used or not.
    stored_groups: u64,
    /// Bits of the colour cache, which the first code of each group has symbols for.
    cache_bits: u32,
}

/// Entries of a group's lookup tables in `libwebp`: those of red, blue, alpha and distance, and by the bits of the
/// colour cache those of green (its `kTableSize`).
const OTHER_ENTRIES: u64 = 630 * 3 + 410;
const GREEN_ENTRIES: [u64; 12] = [654, 656, 658, 662, 670, 686, 718, 782, 912, 1168, 1680, 2704];
const ENTRY_BYTES: u64 = 4;
/// A group beside its tables (`HTreeGroup`), and its place in the list of those that are used.
const GROUP_BYTES: u64 = 576;
const STORED_GROUP_BYTES: u64 = 4;
/// As many groups are kept without a look at which are used.
const ALWAYS_KEPT: u64 = 1000;

impl Tables {
    fn bytes(self) -> u64 {
        let entries = OTHER_ENTRIES + GREEN_ENTRIES[self.cache_bits as usize];
        self.groups * (entries * ENTRY_BYTES + GROUP_BYTES) + self.stored_groups * STORED_GROUP_BYTES
    }
}

/// Bytes of code tables that decoding a WebP file of so many pixels takes at most at once; 0 for what is not lossless.
/// `None` where it is no file that decodes.
pub(super) fn table_bytes(file: &[u8], (width_px, height_px): (usize, usize)) -> Option<u64> {
    let mut most = 0;
    for (name, data) in chunks(file)? {
        let tables = match (&name, data.first()) {
            (b"VP8L", _) => tables(Bits::new(data.get(PICTURE_HEADER_BYTES..)?), width_px, height_px)?,
            // Lossless alpha beside a lossy picture: a byte of flags, and then as above without the size.
            (b"ALPH", Some(flags)) if flags & 3 == 1 => tables(Bits::new(&data[1..]), width_px, height_px)?,
            _ => continue,
        };
        most = most.max(tables.bytes());
    }
    Some(most)
}

/// Signature, width, height, version.
const PICTURE_HEADER_BYTES: usize = 5;

/// Name and data of every chunk of a RIFF file (RFC 9649, section 2.3); the last may be cut off.
fn chunks(file: &[u8]) -> Option<impl Iterator<Item = ([u8; 4], &[u8])>> {
    const HEADER_BYTES: usize = 8;
    let (riff, mut rest) = file.split_at_checked(12)?;
    let is_webp = riff.starts_with(b"RIFF") && riff.ends_with(b"WEBP") && rest.starts_with(b"VP8");
    is_webp.then(|| {
        std::iter::from_fn(move || {
            let (header, data) = rest.split_at_checked(HEADER_BYTES)?;
            let (name, size) = (header.first_chunk::<4>()?, header.last_chunk::<4>()?);
            let size = u32::from_le_bytes(*size) as usize;
            rest = data.get(size.checked_next_multiple_of(2)?..).unwrap_or_default();
            Some((*name, &data[..size.min(data.len())]))
        })
    })
}

/// Walks a stream up to its codes.
fn tables(mut bits: Bits<'_>, mut width_px: usize, height_px: usize) -> Option<Tables> {
    let mut seen = [false; 4];
    while bits.read(1)? == 1 {
        let kind = bits.read(2)?;
        // Each at most once, so that a stream of nothing but transforms ends soon.
        if std::mem::replace(&mut seen[kind as usize], true) {
            return None;
        }
        width_px = transform(kind, &mut bits, width_px, height_px)?;
    }
    let cache_bits = cache_bits(&mut bits)?;
    if bits.read(1)? == 0 {
        return Some(Tables { groups: 1, stored_groups: 1, cache_bits });
    }
    let square = bits.read(3)? + 2;
    let entropy_image = picture(&mut bits, shrunk(width_px, square), shrunk(height_px, square))?;
    let mut used: Vec<u16> = entropy_image.into_iter().map(|pixel| (pixel >> 8) as u16).collect();
    used.sort_unstable();
    used.dedup();
    let stored_groups = u64::from(*used.last()?) + 1;
    let keeps_all = stored_groups <= ALWAYS_KEPT && stored_groups <= (width_px * height_px) as u64;
    Some(Tables { groups: if keeps_all { stored_groups } else { used.len() as u64 }, stored_groups, cache_bits })
}

/// Skips a transform of some kind; the width that the picture has behind it.
fn transform(kind: u32, bits: &mut Bits<'_>, width_px: usize, height_px: usize) -> Option<usize> {
    const PREDICTOR: u32 = 0;
    const COLOR: u32 = 1;
    const SUBTRACT_GREEN: u32 = 2;
    match kind {
        PREDICTOR | COLOR => {
            let square = bits.read(3)? + 2;
            picture(bits, shrunk(width_px, square), shrunk(height_px, square))?;
            Some(width_px)
        }
        SUBTRACT_GREEN => Some(width_px),
        _ => {
            let colors = bits.read(8)? as usize + 1;
            picture(bits, colors, 1)?;
            // Few colours are packed, several pixels into one.
            let packed = match colors {
                0..=2 => 3,
                3..=4 => 2,
                5..=16 => 1,
                _ => 0,
            };
            Some(shrunk(width_px, packed))
        }
    }
}

/// A side in squares of 2^`bits` pixels.
fn shrunk(side_px: usize, bits: u32) -> usize {
    side_px.div_ceil(1 << bits)
}

fn cache_bits(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.read(1)? {
        0 => Some(0),
        _ => bits.read(4).filter(|bits| (1..=11).contains(bits)),
    }
}

/// A picture within the stream, as alpha, red, green and blue from the highest byte down: one group of codes, no
/// transforms.
fn picture(bits: &mut Bits<'_>, width_px: usize, height_px: usize) -> Option<Vec<u32>> {
    const LITERALS: usize = 256;
    const LENGTHS: usize = 24;
    let cache_bits = cache_bits(bits)?;
    let mut cache = vec![0_u32; if cache_bits == 0 { 0 } else { 1 << cache_bits }];
    let Group([green, red, blue, alpha, distance]) = Group::read(bits, cache.len())?;
    let count = width_px * height_px;
    let (mut pixels, mut cached) = (Vec::with_capacity(count), 0);
    while pixels.len() < count {
        let symbol = green.symbol(bits)?;
        if symbol < LITERALS {
            let other = |code: &Code, bits: &mut Bits<'_>| code.symbol(bits).map(|symbol| symbol as u32);
            let (red, blue, alpha) = (other(&red, bits)?, other(&blue, bits)?, other(&alpha, bits)?);
            pixels.push(alpha << 24 | red << 16 | (symbol as u32) << 8 | blue);
        } else if symbol < LITERALS + LENGTHS {
            let length = bits.number(symbol - LITERALS)?;
            let code = distance.symbol(bits)?;
            let from = pixels.len().checked_sub(back(bits.number(code)?, width_px))?;
            if length > count - pixels.len() {
                return None;
            }
            (from..from + length).for_each(|at| pixels.push(pixels[at]));
        } else {
            // The cache holds what was met up to here; it is filled only when it is asked.
            for &pixel in &pixels[cached..] {
                cache[(0x1e35_a7bd_u32.wrapping_mul(pixel) >> (32 - cache_bits)) as usize] = pixel;
            }
            cached = pixels.len();
            pixels.push(*cache.get(symbol - LITERALS - LENGTHS)?);
        }
    }
    Some(pixels)
}

/// Pixels back to what a distance stands for: near places in the rows above have short codes.
fn back(distance: usize, width_px: usize) -> usize {
    match NEAR.get(distance - 1) {
        Some(&(x, y)) => (isize::from(x) + isize::from(y) * width_px as isize).max(1) as usize,
        None => distance - NEAR.len(),
    }
}

/// Columns to the left and rows up (RFC 9649, section 3.5.2.2).
#[rustfmt::skip]
const NEAR: [(i8, i8); 120] = [
    (0, 1),  (1, 0),  (1, 1),  (-1, 1), (0, 2),  (2, 0),  (1, 2),  (-1, 2),
    (2, 1),  (-2, 1), (2, 2),  (-2, 2), (0, 3),  (3, 0),  (1, 3),  (-1, 3),
    (3, 1),  (-3, 1), (2, 3),  (-2, 3), (3, 2),  (-3, 2), (0, 4),  (4, 0),
    (1, 4),  (-1, 4), (4, 1),  (-4, 1), (3, 3),  (-3, 3), (2, 4),  (-2, 4),
    (4, 2),  (-4, 2), (0, 5),  (3, 4),  (-3, 4), (4, 3),  (-4, 3), (5, 0),
    (1, 5),  (-1, 5), (5, 1),  (-5, 1), (2, 5),  (-2, 5), (5, 2),  (-5, 2),
    (4, 4),  (-4, 4), (3, 5),  (-3, 5), (5, 3),  (-5, 3), (0, 6),  (6, 0),
    (1, 6),  (-1, 6), (6, 1),  (-6, 1), (2, 6),  (-2, 6), (6, 2),  (-6, 2),
    (4, 5),  (-4, 5), (5, 4),  (-5, 4), (3, 6),  (-3, 6), (6, 3),  (-6, 3),
    (0, 7),  (7, 0),  (1, 7),  (-1, 7), (5, 5),  (-5, 5), (7, 1),  (-7, 1),
    (4, 6),  (-4, 6), (6, 4),  (-6, 4), (2, 7),  (-2, 7), (7, 2),  (-7, 2),
    (3, 7),  (-3, 7), (7, 3),  (-7, 3), (5, 6),  (-5, 6), (6, 5),  (-6, 5),
    (8, 0),  (4, 7),  (-4, 7), (7, 4),  (-7, 4), (8, 1),  (8, 2),  (6, 6),
    (-6, 6), (8, 3),  (5, 7),  (-5, 7), (7, 5),  (-7, 5), (8, 4),  (6, 7),
    (-6, 7), (7, 6),  (-7, 6), (8, 5),  (7, 7),  (-7, 7), (8, 6),  (8, 7),
];

#[cfg(test)]
mod tests;
