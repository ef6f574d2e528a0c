//! Plans that read too much to hold it at once, cut into parts that are read, painted and let go one after the other.
//!
//! A raster without overviews has to be walked over whole for a small picture of it. Each part is a plan of its own for
//! some of the blocks and paints the pixels that fall into them, so that a render holds one part and the picture,
//! whatever it reads. Kernels then look at the block under a pixel's centre alone, or where blocks are low strips at
//! some of them together.

use std::borrow::Cow;

use crate::{
    GeoTiff, RasterError, Result,
    block::BlockId,
    header::{Header, Level, Planar},
    render::{
        Plan, cost,
        plan::{MASK_PLANE, block_bytes},
        touch::{self, Touched},
    },
};

/// Part of the bytes of a render that one part of a plan aims at: the next render finds room beside it.
const SHARE_OF_LIMIT: u64 = 4;

/// Rows of pixels that are looked over together where blocks are strips of fewer.
const ROWS_TOGETHER_PX: u32 = 256;

/// Most bytes of them.
const BYTES_TOGETHER: u64 = 8 << 20;

/// Rows of blocks that a kernel looks over together of a raster that is read in parts. By the raster alone, so that
/// neighbouring views agree.
pub(super) fn rows_together(header: &Header, level: &Level, bands: usize) -> u32 {
    let planes = if level.planar == Planar::Separate { bands as u64 } else { 1 };
    let row_bytes = block_bytes(header, level).saturating_mul(planes).max(1);
    let fits = u32::try_from(BYTES_TOGETHER / row_bytes).unwrap_or(u32::MAX);
    if level.blocks_across() > 1 { 1 } else { (ROWS_TOGETHER_PX / level.block_height_px).min(fits).max(1) }
}

impl Plan {
    /// How many parts it is read in, one after the other.
    pub fn part_count(&self) -> usize {
        self.part_ends.len().max(1)
    }

    /// Part `index` of the plan, or all of it where it is not cut.
    pub fn part(&self, tiff: &GeoTiff, index: usize) -> Cow<'_, Self> {
        let Some(&end) = self.part_ends.get(index) else { return Cow::Borrowed(self) };
        let first = index.checked_sub(1).map_or(0, |before| self.part_ends[before]);
        let mut part = Self { data: self.data.part(first..end), is_part: true, ..self.clone_without_blocks() };
        part.mask = part.mask_under(tiff.header());
        part.list_blocks(tiff.header());
        Cow::Owned(part)
    }

    fn clone_without_blocks(&self) -> Self {
        Self { blocks: Vec::new(), part_ends: Vec::new(), ..self.clone() }
    }

    /// Cuts the plan into parts where it would hold more than a render may.
    pub(super) fn cut(&mut self, tiff: &GeoTiff) -> Result<()> {
        let limit = tiff.limits().max_render_bytes;
        if self.cost_bytes <= limit {
            return Ok(());
        }
        self.mask = self.mask_under(tiff.header());
        self.list_blocks(tiff.header());
        self.check_walk(tiff)?;
        self.part_ends = self.ends_of_parts(tiff, limit / SHARE_OF_LIMIT);
        self.thinned = true;
        let costs = (0..self.part_count()).map(|index| cost::of(tiff, &self.part(tiff, index)));
        self.cost_bytes = costs.max().unwrap_or(0);
        if self.cost_bytes > limit {
            return Err(RasterError::TooLarge { what: "source bytes of one render", value: self.cost_bytes, limit });
        }
        Ok(())
    }

    /// Blocks of the internal mask, if there is one, under the data's: a kernel looks all over them.
    fn mask_under(&self, header: &Header) -> Option<Touched> {
        Some(self.data.over(&header.levels[usize::from(self.level)], header.mask(self.level)?))
    }

    /// Ends of parts of which each holds no more than `part_bytes` of blocks, or one place, but for rows that are
    /// looked over together. By what each block holds: of a raster that leaves most of them out, those that it stores
    /// may lie side by side.
    fn ends_of_parts(&self, tiff: &GeoTiff, part_bytes: u64) -> Vec<usize> {
        let header = tiff.header();
        let level = &header.levels[usize::from(self.level)];
        let places = self.data.blocks().count();
        let mut held = vec![0_u64; places];
        for (at, &id) in self.blocks[..places * self.planes(level.planar).len()].iter().enumerate() {
            held[at % places] += cost::held_bytes(tiff, id);
        }
        if let Some(mask) = header.mask(self.level) {
            let bytes_at =
                |place| mask_blocks_under(self.level, level, place, mask).map(|id| cost::held_bytes(tiff, id));
            held.iter_mut().zip(self.data.blocks()).for_each(|(held, place)| *held += bytes_at(place).sum::<u64>());
        }
        let (mut ends, mut sum, mut before) = (Vec::new(), 0, None);
        for ((place, held_bytes), (_, row)) in held.into_iter().enumerate().zip(self.data.blocks()) {
            let together = (self.rows_together > 1).then_some(row / self.rows_together);
            if sum > 0 && sum + held_bytes > part_bytes && (together.is_none() || together != before) {
                ends.push(place);
                sum = 0;
            }
            before = together;
            sum += held_bytes;
        }
        ends.push(places);
        ends
    }

    /// Holds everything that the parts decode against its own limit.
    fn check_walk(&self, tiff: &GeoTiff) -> Result<()> {
        let limit = tiff.limits().max_walk_bytes;
        let value = self.blocks.iter().fold(0u64, |sum, &id| sum.saturating_add(cost::decoded_bytes(tiff, id)));
        if value > limit {
            return Err(RasterError::TooLarge { what: "source bytes walked over by one render", value, limit });
        }
        Ok(())
    }
}

/// Blocks of a level's mask that lie under one block of it.
fn mask_blocks_under(
    index: u16,
    level: &Level,
    place: (u32, u32),
    mask: &Level,
) -> impl Iterator<Item = BlockId> + use<> {
    let ((cols, rows), across) = (touch::under(level, place, mask), mask.blocks_across());
    let id = move |row: u32, col: u32| BlockId { level: index, plane: MASK_PLANE, index: row * across + col };
    rows.flat_map(move |row| cols.clone().map(move |col| id(row, col)))
}
