//! Blocks cut out of uncompressed strips, row by row.
//!
//! A raw scene stores whole rows. Blocks as wide as the scene would bring 20 kB of each row where a tile shows 500
//! bytes of it, so blocks here are windows of rows, about as large as the tiles of other files. And since a raw scene
//! seldom has overviews, rows also make *thinned* levels, in which every n-th pixel of every n-th row stands for its
//! neighbours: where all that lies under a picture is too much to read, `render::level` takes one of these.

use std::ops::Range;

use super::{Level, Storage};

/// Bytes that a block aims at.
const BLOCK_BYTES: u64 = 128 << 10;

/// Longest sides of a block in pixels.
const BLOCK_SIDES_PX: (u32, u32) = (512, 128);

/// Side of the smallest thinned level, at least half of it: about one map tile.
const SMALLEST_SIDE_PX: u32 = 256;

/// Rows of an uncompressed image, whole and where the file says they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRows {
    strips: Strips,
    rows_per_strip: u32,
    row_bytes: u64,
    pixel_bits: u64,
    width_px: u32,
    height_px: u32,
}

/// Where strips begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Strips {
    /// One after the other, plane after plane, from this byte on.
    Even(u64),
    /// Anywhere.
    Table(Vec<u64>),
}

impl StoredRows {
    /// Of a level of uncompressed strips whose pixels take `pixel_bits` in a row; `None` where strips are left out or
    /// shorter than their rows.
    pub(super) fn of(level: &Level, pixel_bits: u64) -> Option<Self> {
        let Storage::Blocks(blocks) = &level.storage else { return None };
        let row_bytes = (u64::from(level.width_px) * pixel_bits).div_ceil(8);
        let per_plane = level.blocks_in_plane();
        let bytes_of = |index: usize| u64::from(level.block_rows((index % per_plane) as u32)) * row_bytes;
        let whole = |(index, &(offset, length)): (usize, &(u64, u64))| offset > 0 && length >= bytes_of(index);
        if !blocks.iter().enumerate().all(whole) {
            return None;
        }
        let mut next = blocks.first()?.0;
        let is_even = blocks.iter().enumerate().all(|(index, &(offset, _))| {
            let follows = offset == next;
            next = offset.saturating_add(bytes_of(index));
            follows
        });
        let strips = match is_even {
            true => Strips::Even(blocks[0].0),
            false => Strips::Table(blocks.iter().map(|&(offset, _)| offset).collect()),
        };
        let (width_px, height_px) = (level.width_px, level.height_px);
        Some(Self { strips, rows_per_strip: level.block_height_px, row_bytes, pixel_bits, width_px, height_px })
    }

    /// Width and height of the image in pixels.
    pub(super) fn size_px(&self) -> (u32, u32) {
        (self.width_px, self.height_px)
    }

    /// Bits of a pixel in a row of one plane.
    pub(super) fn pixel_bits(&self) -> u64 {
        self.pixel_bits
    }

    /// Rows that the file stores together.
    pub(super) fn rows_per_strip(&self) -> u32 {
        self.rows_per_strip
    }

    /// Bytes held in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + if let Strips::Table(offsets) = &self.strips { offsets.capacity() * size_of::<u64>() } else { 0 }
    }

    /// First byte after the last row of `planes` planes.
    pub(super) fn end_byte(&self, planes: u16) -> u64 {
        let last = |plane| self.row_start(plane, self.height_px - 1).saturating_add(self.row_bytes);
        match &self.strips {
            Strips::Even(_) => last(planes.saturating_sub(1)),
            Strips::Table(offsets) => {
                let strip_bytes = u64::from(self.rows_per_strip) * self.row_bytes;
                let ends = offsets.iter().map(|offset| offset.saturating_add(strip_bytes)).max();
                // The last strip of a plane may be a short one.
                ends.unwrap_or(0)
                    .min(offsets.iter().copied().max().unwrap_or(0).saturating_add(strip_bytes))
                    .max(last(0))
            }
        }
    }

    /// Width and height of the blocks to cut. Pixels that share a byte are never cut apart.
    pub(super) fn block_px(&self) -> (u32, u32) {
        let fit = |bytes: u64, most: u32| u32::try_from(BLOCK_BYTES / bytes.max(1)).unwrap_or(u32::MAX).clamp(1, most);
        let width = match self.pixel_bits % 8 {
            0 => fit(self.pixel_bits / 8, BLOCK_SIDES_PX.0).max(16).min(self.width_px),
            _ => self.width_px,
        };
        let height = fit((u64::from(width) * self.pixel_bits).div_ceil(8), BLOCK_SIDES_PX.1).min(self.height_px);
        (width, height)
    }

    /// Sizes of the thinned levels worth having, each about half of the one before.
    pub(super) fn thinned_sizes_px(&self) -> impl Iterator<Item = (u32, u32)> {
        let (width, height) = self.size_px();
        let worth = if self.pixel_bits.is_multiple_of(8) { u32::BITS } else { 0 };
        let halved = move |power: u32| (width.div_ceil(1 << power), height.div_ceil(1 << power));
        (1..worth).map(halved).take_while(move |&(w, h)| w.max(h) * 2 > SMALLEST_SIDE_PX)
    }

    /// Byte at which a row begins.
    fn row_start(&self, plane: u16, row: u32) -> u64 {
        let (plane, row) = (u64::from(plane), u64::from(row));
        match &self.strips {
            Strips::Even(start) => {
                start.saturating_add((plane * u64::from(self.height_px) + row).saturating_mul(self.row_bytes))
            }
            Strips::Table(offsets) => {
                let per_plane = u64::from(self.height_px.div_ceil(self.rows_per_strip));
                let rows_per_strip = u64::from(self.rows_per_strip);
                let strip = (plane * per_plane + row / rows_per_strip) as usize;
                let start = offsets.get(strip).copied().unwrap_or(u64::MAX);
                start.saturating_add(row % rows_per_strip * self.row_bytes)
            }
        }
    }
}

/// Which full-resolution row or column stands for `index` of `level_px` ones: the one under the middle.
fn source_of(index: u32, level_px: u32, full_px: u32) -> u32 {
    ((2 * u64::from(index) + 1) * u64::from(full_px) / (2 * u64::from(level_px))) as u32
}

/// One block of a level of rows.
struct Window {
    cols: Range<u32>,
    rows: Range<u32>,
}

fn window(level: &Level, index: u32) -> Window {
    let (col, row) = (index % level.blocks_across(), index / level.blocks_across());
    let cut = |block: u32, block_px: u32, side_px: u32| {
        let first = block * block_px;
        first..first.saturating_add(block_px).min(side_px)
    };
    Window {
        cols: cut(col, level.block_width_px, level.width_px),
        rows: cut(row, level.block_height_px, level.height_px),
    }
}

/// Where the parts of a block lie: from the first wanted pixel of each row to the last.
pub(super) fn parts(level: &Level, stored: &StoredRows, plane: u16, index: u32) -> Vec<Range<u64>> {
    let Window { cols, rows } = window(level, index);
    let column = |col: u32| u64::from(source_of(col, level.width_px, stored.width_px));
    let first = column(cols.start) * stored.pixel_bits / 8;
    let end = ((column(cols.end - 1) + 1) * stored.pixel_bits).div_ceil(8);
    let start_of = |row: u32| stored.row_start(plane, source_of(row, level.height_px, stored.height_px));
    rows.map(|row| start_of(row).saturating_add(first)..start_of(row).saturating_add(end)).collect()
}

/// Puts the bytes of part `part` of a block in their place in `block`, which is as large as
/// [`Level::stored_block_bytes`] says.
pub(super) fn place(level: &Level, stored: &StoredRows, index: u32, part: usize, bytes: &[u8], block: &mut [u8]) {
    let row_bytes = (u64::from(level.block_width_px) * stored.pixel_bits).div_ceil(8) as usize;
    let Some(row) = block.chunks_exact_mut(row_bytes).nth(part) else { return };
    if level.width_px == stored.width_px {
        row[..bytes.len()].copy_from_slice(bytes);
        return;
    }
    let pixel_bytes = (stored.pixel_bits / 8) as usize;
    let cols = window(level, index).cols;
    let first = source_of(cols.start, level.width_px, stored.width_px);
    for (col, pixel) in cols.zip(row.chunks_exact_mut(pixel_bytes)) {
        let at = (source_of(col, level.width_px, stored.width_px) - first) as usize * pixel_bytes;
        pixel.copy_from_slice(&bytes[at..at + pixel_bytes]);
    }
}

/// Bytes of a block put together.
pub(super) fn block_bytes(level: &Level, stored: &StoredRows, index: u32) -> u64 {
    (u64::from(level.block_width_px) * stored.pixel_bits).div_ceil(8) * u64::from(level.block_rows(index))
}

#[cfg(test)]
mod tests {
    use super::source_of;

    #[test]
    fn thinned_rows_lie_in_the_middle_of_what_they_stand_for() {
        assert_eq!([0, 1, 2].map(|row| source_of(row, 3, 12)), [2, 6, 10]);
        assert_eq!([0, 4].map(|row| source_of(row, 5, 5)), [0, 4]);
        assert_eq!(source_of(312, 313, 10_001), 9985);
    }
}
