//! The most memory that a plan takes from its first read to its last pixel.
//!
//! Counted are the blocks, once decoded or as stored, whichever is more, since decoding lets go of the one as it makes
//! the other, and nothing of those that the file leaves out; what decoding one block needs beside it; reads on their
//! way into blocks that are put together of parts; the plan's lists; and the pixels painted, which of a raster of
//! hundreds of bands are more than all of it. A block that is in the cache counts all the same: it may be evicted and
//! read again.

use crate::{
    GeoTiff,
    block::BlockId,
    codec::{LERC_ROOM_BYTES, WEBP_TABLE_ROOM_BYTES, fax_room_bytes, jpeg_padding_bytes},
    header::{Compression, Encoding, Header, Level, Storage},
    render::{
        Plan,
        cell::Cell,
        fetch::{BATCH_BYTES, BATCHES_AT_ONCE, grid_of, plane_of},
        plan::{MASK_PLANE, block_bytes, pixels_per_block},
    },
    source::MAX_SHARED_BYTES,
};

/// What a block costs beside its samples, in the plan, in flight and in the cache's books.
pub(super) const BYTES_PER_BLOCK: u64 = 512;

/// Bytes of a plan, see above.
pub(super) fn of(tiff: &GeoTiff, plan: &Plan) -> u64 {
    let header = tiff.header();
    let cells: usize = plan.cells.iter().map(|cell| size_of::<Cell>() + cell.held_bytes()).sum();
    let mut sum = (cells as u64).saturating_add(painted_bytes(header, plan));
    let (mut largest, mut whole_bytes, mut parts_bytes, mut longest_part) = (0, 0_u64, 0_u64, 0);
    for &id in plan.blocks() {
        let grid = grid_of(header, id);
        let stored = grid.stored_block_bytes(plane_of(id), id.index);
        let decoded = decoded_bytes(tiff, id);
        sum = sum.saturating_add(held_bytes(tiff, id));
        // Decoding lets go of a block as stored before the block is packed for the cache.
        let beside = decoded.saturating_mul(copies(header, grid)).saturating_add(stored.max(decoded) + tables(grid));
        largest = largest.max(beside);
        if matches!(grid.storage, Storage::Blocks(_)) {
            whole_bytes = whole_bytes.saturating_add(stored);
        } else {
            for part in grid.block_parts(plane_of(id), id.index) {
                let length = part.end - part.start;
                parts_bytes = parts_bytes.saturating_add(length);
                longest_part = longest_part.max(length);
            }
        }
    }
    let on_their_way = parts_bytes.min(BATCHES_AT_ONCE as u64 * (BATCH_BYTES + longest_part));
    // The last of blocks that share a buffer keeps all of it.
    let shared = MAX_SHARED_BYTES.min(whole_bytes);
    sum.saturating_add(largest).saturating_add(on_their_way).saturating_add(shared)
}

/// Bytes of a block from its read to the end of the plan.
pub(super) fn held_bytes(tiff: &GeoTiff, id: BlockId) -> u64 {
    let stored = grid_of(tiff.header(), id).stored_block_bytes(plane_of(id), id.index);
    stored.max(decoded_bytes(tiff, id)) + BYTES_PER_BLOCK
}

/// Values of every band and the mask.
fn painted_bytes(header: &Header, plan: &Plan) -> u64 {
    let pixels = u64::from(plan.width_px) * u64::from(plan.height_px);
    pixels.saturating_mul(plan.bands.len() as u64 * u64::from(header.sample_type.size_bytes()) + 1)
}

/// Copies of a block that its decoding holds beside the result: what a picture codec unpacks and its own buffers,
/// LZMA's dictionary as far as the block fills it, or numbers before they are widened.
fn copies(header: &Header, grid: &Level) -> u64 {
    let is_picture = matches!(grid.compression, Compression::Jpeg | Compression::WebP | Compression::Lerc(_));
    let dictionary = u64::from(grid.compression == Compression::Lzma);
    dictionary + numbers_before(header, is_picture)
}

/// What decoding a block may take that does not go with its samples: tables, padding, and lists of a line.
fn tables(grid: &Level) -> u64 {
    match grid.compression {
        Compression::WebP => WEBP_TABLE_ROOM_BYTES,
        Compression::Lerc(_) => LERC_ROOM_BYTES,
        Compression::Jpeg => jpeg_padding_bytes(grid.block_width_px, grid.block_height_px),
        Compression::Group3 | Compression::Group4 => fax_room_bytes(grid.block_width_px),
        _ => 0,
    }
}

fn numbers_before(header: &Header, is_picture: bool) -> u64 {
    match header.encoding {
        _ if is_picture => 4,
        Encoding::Plain => 0,
        Encoding::Packed(_) | Encoding::Half => 1,
        Encoding::Complex(_) => 2,
        Encoding::Cmyk(inks) => u64::from(inks).div_ceil(u64::from(header.bands)),
    }
}

/// Bytes of a block once it is decoded; none of one that the file leaves out.
pub(super) fn decoded_bytes(tiff: &GeoTiff, id: BlockId) -> u64 {
    let grid = grid_of(tiff.header(), id);
    if grid.stored_block_bytes(plane_of(id), id.index) == 0 {
        return 0;
    }
    if id.plane == MASK_PLANE { pixels_per_block(grid) } else { block_bytes(tiff.header(), grid) }
}
