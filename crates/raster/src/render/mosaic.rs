//! Blocks side by side: finds the samples of a place in a level.

use std::ops::Range;

use crate::{
    RasterError, Result,
    block::{Block, SharedBlock},
    header::Level,
    render::{
        cell::{ONE, Position, Span, whole},
        pixel::Pixel,
        touch::Touched,
    },
};

/// Decoded blocks of one plane of a level, in their window of the level's grid.
pub(super) struct Mosaic<'a, T> {
    level: &'a Level,
    first_block: (u32, u32),
    blocks_across: usize,
    /// Samples by block of the window; `None` where none is stored or none was asked for.
    blocks: Vec<Option<Held<'a, T>>>,
    samples_per_pixel: usize,
    /// Which sample of a pixel is meant.
    sample: usize,
}

/// Samples of one block, from the sample meant of the first pixel on, and the rows of the level that they are of.
#[derive(Clone)]
struct Held<'a, T> {
    samples: &'a [T],
    rows: Range<i64>,
}

/// One block in reach: its samples and the area it covers, cut to the level.
pub(super) struct Patch<'a, T> {
    /// From the sample meant of the first pixel on; `None` for a sparse block.
    pub(super) samples: Option<&'a [T]>,
    /// Columns of the level it covers.
    pub(super) cols: Range<i64>,
    /// Rows of the level it covers.
    pub(super) rows: Range<i64>,
    /// Samples from one pixel to the next.
    pub(super) pixel_stride: usize,
    /// Samples from one row to the next.
    pub(super) row_stride: usize,
}

/// Where a span's samples are: the places of its first and last pixel within a block, and the way from one to the next.
#[derive(Clone, Copy)]
pub(super) struct Way {
    pub(super) first: Position,
    pub(super) last: Position,
    pub(super) step: Position,
    /// Samples from one pixel of the block to the next.
    pub(super) pixel_stride: usize,
    /// Samples from one row of the block to the next.
    pub(super) row_stride: usize,
}

impl<'a, T: Pixel> Mosaic<'a, T> {
    /// Puts decoded blocks, in the order of `touched`, in their places; `sample` says which of a pixel's samples
    /// counts.
    ///
    /// # Errors
    /// `Broken` when a block is not of the type or size that the header promises.
    pub(super) fn new(level: &'a Level, touched: &Touched, blocks: &'a [SharedBlock], sample: usize) -> Result<Self> {
        let blocks_across = touched.cols.len();
        let mut mosaic = Self {
            level,
            first_block: (touched.cols.start, touched.rows.start),
            blocks_across,
            blocks: vec![None; blocks_across * touched.rows.len()],
            samples_per_pixel: blocks.first().map_or(1, |block| usize::from(block.samples_per_pixel)),
            sample,
        };
        for ((col, row), block) in touched.blocks().zip(blocks) {
            let at = (row - touched.rows.start) as usize * blocks_across + (col - touched.cols.start) as usize;
            mosaic.blocks[at] = mosaic.samples_of(block, row)?;
        }
        Ok(mosaic)
    }

    fn samples_of(&self, block: &'a Block, row: u32) -> Result<Option<Held<'a, T>>> {
        let Some(samples) = &block.samples else { return Ok(None) };
        let first_px = row * self.level.block_height_px;
        let rows_px = self.level.block_height_px.min(self.level.height_px - first_px);
        let row_samples = self.level.block_width_px as usize * self.samples_per_pixel;
        let fits = usize::from(block.samples_per_pixel) == self.samples_per_pixel
            && block.width_px == self.level.block_width_px
            && self.sample < self.samples_per_pixel;
        let rows = block.rows.start.min(rows_px)..block.rows.end.min(rows_px);
        let needed = rows.len() * row_samples;
        let values = T::of(samples).filter(|values| fits && values.len() >= needed);
        let broken = || RasterError::Broken { reason: "a block is not of the size or type the header promises".into() };
        let values = values.ok_or_else(broken)?;
        let rows = i64::from(first_px + rows.start)..i64::from(first_px + rows.end);
        Ok(Some(Held { samples: values.get(self.sample..).unwrap_or_default(), rows }))
    }

    /// The block that holds a pixel of the level; beyond the window there is none.
    pub(super) fn patch_at(&self, col: i64, row: i64) -> Patch<'a, T> {
        let (block_width, block_height) = (i64::from(self.level.block_width_px), i64::from(self.level.block_height_px));
        let (across, down) = (col.div_euclid(block_width), row.div_euclid(block_height));
        let within = |index: i64, first: u32| usize::try_from(index - i64::from(first)).ok();
        let col_in_window = within(across, self.first_block.0).filter(|&col| col < self.blocks_across);
        let in_window = col_in_window.zip(within(down, self.first_block.1));
        let area =
            |index: i64, block_px: i64, side_px: u32| index * block_px..((index + 1) * block_px).min(side_px.into());
        let place = in_window.and_then(|(col, row)| row.checked_mul(self.blocks_across)?.checked_add(col));
        let held = place.and_then(|place| self.blocks.get(place)?.as_ref());
        Patch {
            samples: held.map(|held| held.samples),
            cols: area(across, block_width, self.level.width_px),
            rows: held.map_or_else(|| area(down, block_height, self.level.height_px), |held| held.rows.clone()),
            pixel_stride: self.samples_per_pixel,
            row_stride: self.samples_per_pixel * self.level.block_width_px as usize,
        }
    }

    /// Rows of the level that lie in the same row of blocks as one of them, or in the same group of so many of these.
    pub(super) fn rows_px_together(&self, row: i64, rows_together: u32) -> Range<i64> {
        let height_px = i64::from(self.level.block_height_px) * i64::from(rows_together);
        let first = row.div_euclid(height_px) * height_px;
        first..(first + height_px).min(self.level.height_px.into())
    }

    /// Whether the level has such a pixel.
    pub(super) fn has(&self, col: i64, row: i64) -> bool {
        (0..i64::from(self.level.width_px)).contains(&col) && (0..i64::from(self.level.height_px)).contains(&row)
    }

    /// The sample of one pixel, or `None` outside the level and in sparse blocks.
    pub(super) fn value(&self, col: i64, row: i64) -> Option<T> {
        self.has(col, row).then(|| self.patch_at(col, row).value(col, row)).flatten()
    }

    /// Size of the level in pixels.
    pub(super) fn size_px(&self) -> (u32, u32) {
        (self.level.width_px, self.level.height_px)
    }

    /// The level that the blocks are of.
    pub(super) fn level(&self) -> &'a Level {
        self.level
    }
}

impl<T: Copy> Patch<'_, T> {
    /// No block at all.
    pub(super) fn nowhere() -> Self {
        Self { samples: None, cols: 0..0, rows: 0..0, pixel_stride: 1, row_stride: 0 }
    }

    /// Whether a position lies in the area.
    pub(super) fn holds(&self, place: Position) -> bool {
        let (col, row) = pixel_of(place);
        self.cols.contains(&col) && self.rows.contains(&row)
    }

    /// The sample of one pixel in the area, or `None` when the block is sparse.
    pub(super) fn value(&self, col: i64, row: i64) -> Option<T> {
        let (right, down) = ((col - self.cols.start) as usize, (row - self.rows.start) as usize);
        self.samples.map(|samples| samples[down * self.row_stride + right * self.pixel_stride])
    }

    /// The way of a span whose both ends lie in the area.
    pub(super) fn way(&self, span: &Span) -> Option<Way> {
        let relative = |place: Position| {
            let from = |at: i64, area: &Range<i64>| at.wrapping_sub(area.start.wrapping_mul(ONE));
            Position { x: from(place.x, &self.cols), y: from(place.y, &self.rows) }
        };
        let length = |area: &Range<i64>| (area.end.wrapping_sub(area.start)).wrapping_mul(ONE) as u64;
        // What lies before the area counts as far behind it.
        let is_inside =
            |place: Position| (place.x as u64) < length(&self.cols) && (place.y as u64) < length(&self.rows);
        let (first, last) = (relative(span.start), relative(span.end()));
        let Self { pixel_stride, row_stride, .. } = *self;
        (is_inside(first) && is_inside(last)).then_some(Way { first, last, step: span.step, pixel_stride, row_stride })
    }

    /// For how many steps from `place` on, at most `len`, the area is not left.
    pub(super) fn steps_inside(&self, place: Position, step: Position, len: u32) -> u32 {
        let steps = |at: i64, step: i64, area: &Range<i64>| match step.signum() {
            0 => i64::MAX,
            1 => (area.end * ONE - at - 1) / step + 1,
            _ => (at - area.start * ONE) / -step + 1,
        };
        let fewer = steps(place.x, step.x, &self.cols).min(steps(place.y, step.y, &self.rows));
        fewer.min(i64::from(len)) as u32
    }
}

/// Column and row of the pixel that a position falls into.
pub(super) fn pixel_of(place: Position) -> (i64, i64) {
    (whole(place.x), whole(place.y))
}
