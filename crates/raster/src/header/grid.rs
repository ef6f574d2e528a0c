//! One resolution of a raster as a grid of blocks, and where each block lies in the file.
//!
//! Facts that were checked when they were read, by `level`; nothing is read here.

use std::{ops::Range, sync::Arc};

use ::bytes::Bytes;

use super::{Compression, Planar, Predictor, StoredRows, rows};
use crate::{Limits, RasterError, Result};

/// One resolution of the raster: the full one, an overview, or a mask of either.
#[derive(Debug, Clone)]
pub struct Level {
    /// Width in pixels.
    pub width_px: u32,
    /// Height in pixels.
    pub height_px: u32,
    /// Block width in pixels (the level's width for strips).
    pub block_width_px: u32,
    /// Block height in pixels (rows per strip for strips).
    pub block_height_px: u32,
    /// Tiles keep full size at the edge; strips end with the image.
    pub tiled: bool,
    /// Compression of its blocks.
    pub compression: Compression,
    /// Predictor of its blocks.
    pub predictor: Predictor,
    /// Layout of bands.
    pub planar: Planar,
    /// Whether the bits of every stored byte are turned round (fill order 2).
    pub reversed_bits: bool,
    /// Tables that the level's JPEG pictures leave out, as a stream of their own; else empty.
    pub jpeg_tables: Bytes,
    /// Whether pictures in its blocks are YCbCr, to be served as RGB: an overview may be stored otherwise than what it
    /// is of.
    pub ycbcr: bool,
    /// Where its blocks lie.
    pub storage: Storage,
}

/// Where a file keeps the blocks of a level.
#[derive(Debug, Clone)]
pub enum Storage {
    /// Each by itself: byte offset and length, row-major, plane after plane; length 0 is a sparse block.
    Blocks(Vec<(u64, u64)>),
    /// Cut out of uncompressed rows, which the level's thinned versions share.
    Rows(Arc<StoredRows>),
}

impl Level {
    /// Blocks across.
    pub fn blocks_across(&self) -> u32 {
        self.width_px.div_ceil(self.block_width_px)
    }

    /// Blocks down.
    pub fn blocks_down(&self) -> u32 {
        self.height_px.div_ceil(self.block_height_px)
    }

    /// Blocks of one plane: of all bands when contiguous, of one band when separate.
    pub fn blocks_in_plane(&self) -> usize {
        self.blocks_across() as usize * self.blocks_down() as usize
    }

    /// Rows that block `index` of a plane is stored with: the last strip ends with the image, tiles never do.
    pub fn block_rows(&self, index: u32) -> u32 {
        let first_row = u64::from(index / self.blocks_across()) * u64::from(self.block_height_px);
        let left = u64::from(self.height_px).saturating_sub(first_row);
        if self.tiled {
            self.block_height_px
        } else {
            self.block_height_px.min(u32::try_from(left).unwrap_or(u32::MAX))
        }
    }

    /// Where the bytes of block `index` of `plane` lie, to be put together by [`Level::place`]: nothing when it is
    /// sparse or there is no such block, one range in most files, one a row where blocks are cut out of rows.
    pub fn block_parts(&self, plane: u16, index: u32) -> Vec<Range<u64>> {
        let in_plane = self.blocks_in_plane();
        if index as usize >= in_plane {
            return Vec::new();
        }
        match &self.storage {
            Storage::Blocks(blocks) => match blocks.get(usize::from(plane) * in_plane + index as usize) {
                Some(&(offset, length)) if length > 0 => {
                    std::iter::once(offset..offset.saturating_add(length)).collect()
                }
                _ => Vec::new(),
            },
            Storage::Rows(rows) => rows::parts(self, rows, plane, index),
        }
    }

    /// Bytes of block `index` as it is stored and put together, before it is decoded.
    pub fn stored_block_bytes(&self, plane: u16, index: u32) -> u64 {
        match &self.storage {
            Storage::Blocks(_) => self.block_parts(plane, index).first().map_or(0, |range| range.end - range.start),
            Storage::Rows(rows) => rows::block_bytes(self, rows, index),
        }
    }

    /// Refuses a block of which more is stored than the limits allow, whatever the file claims.
    pub(crate) fn check_stored(&self, plane: u16, index: u32, limits: &Limits) -> Result<()> {
        let (value, limit) = (self.stored_block_bytes(plane, index), limits.max_compressed_bytes);
        let what = "compressed bytes of a block";
        if value > limit { Err(RasterError::TooLarge { what, value, limit }) } else { Ok(()) }
    }

    /// Most places of the grid of blocks at which the file stores a block of any plane.
    pub(crate) fn most_stored_places(&self) -> u64 {
        let places = self.blocks_in_plane();
        let stored = match &self.storage {
            Storage::Blocks(blocks) => blocks.iter().filter(|&&(_, length)| length > 0).count(),
            Storage::Rows(_) => places,
        };
        stored.min(places) as u64
    }

    /// Puts the bytes of one of [`Level::block_parts`] in their place in the stored block.
    pub fn place(&self, index: u32, part: usize, bytes: &[u8], block: &mut [u8]) {
        match &self.storage {
            Storage::Blocks(_) => block.copy_from_slice(bytes),
            Storage::Rows(rows) => rows::place(self, rows, index, part, bytes, block),
        }
    }

    /// Width and height in pixels of what the file stores together: a tile, or a strip, of which blocks may be cut.
    pub fn stored_block_px(&self) -> (u32, u32) {
        match &self.storage {
            Storage::Blocks(_) => (self.block_width_px, self.block_height_px),
            Storage::Rows(rows) => (self.width_px, rows.rows_per_strip().min(self.height_px)),
        }
    }

    /// Bytes that a pixel takes in a stored row of one plane; 0 where blocks are not cut out of rows.
    pub(crate) fn stored_pixel_bytes(&self) -> f64 {
        if let Storage::Rows(rows) = &self.storage { rows.pixel_bits() as f64 / 8.0 } else { 0.0 }
    }

    /// Planes that `bands` bands are stored in.
    pub(crate) fn planes(&self, bands: u16) -> u16 {
        if self.planar == Planar::Separate { bands } else { 1 }
    }

    /// Pixels of the file that one of its pixels stands for: more than 1 of a thinned level.
    pub(crate) fn stands_for_px(&self) -> f64 {
        let Storage::Rows(rows) = &self.storage else { return 1.0 };
        let (width_px, height_px) = rows.size_px();
        f64::from(width_px) / f64::from(self.width_px) * f64::from(height_px) / f64::from(self.height_px)
    }

    /// Whether it is no level of the file but every n-th pixel of one.
    pub fn is_thinned(&self) -> bool {
        matches!(&self.storage, Storage::Rows(rows) if rows.size_px() != (self.width_px, self.height_px))
    }

    /// First byte after its last block.
    pub(super) fn end_byte(&self, planes: u16) -> u64 {
        match &self.storage {
            Storage::Blocks(blocks) => {
                let stored = blocks.iter().filter(|&&(_, length)| length > 0);
                stored.map(|&(offset, length)| offset.saturating_add(length)).max().unwrap_or(0)
            }
            Storage::Rows(rows) => rows.end_byte(planes),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.jpeg_tables.len()
            + match &self.storage {
                Storage::Blocks(blocks) => blocks.capacity() * size_of::<(u64, u64)>(),
                Storage::Rows(_) if self.is_thinned() => 0,
                Storage::Rows(rows) => rows.memory_bytes(),
            }
    }
}
