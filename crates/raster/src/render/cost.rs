//! The most memory that a plan takes from its first read to its last pixel, the view's own buffers aside.
//!
//! Counted are the blocks, once decoded or as stored, whichever is more, since decoding lets go of the one as it makes the
//! other; what decoding one block needs beside it; reads on their way into blocks that are put together of parts; and the
//! plan's lists. A block that is in the cache counts all the same: it may be evicted and read again.

use crate::{
    GeoTiff,
    block::BlockId,
    header::Storage,
    render::{
        Plan,
        cell::Cell,
        fetch::{BATCH_BYTES, BATCHES_AT_ONCE, grid_of, plane_of},
        plan::{MASK_PLANE, block_bytes, pixels_per_block},
    },
    source::MAX_SHARED_BYTES,
};

/// What a block costs beside its samples, in the plan, in flight and in the cache's books.
const BYTES_PER_BLOCK: u64 = 512;

/// Copies of a block that its decoding may hold beside the result: what a picture codec unpacks, and the same in the
/// samples' order.
const DECODING_COPIES: u64 = 2;

/// Bytes of a plan, see above.
pub(super) fn of(tiff: &GeoTiff, plan: &Plan) -> u64 {
    let header = tiff.header();
    let mut sum: u64 = (plan.cells.len() * size_of::<Cell>()) as u64;
    let (mut largest, mut parts_bytes, mut longest_part) = (0, 0_u64, 0);
    for &id in plan.blocks() {
        let grid = grid_of(header, id);
        let stored = grid.stored_block_bytes(plane_of(id), id.index);
        let decoded = decoded_bytes(tiff, id);
        sum = sum.saturating_add(stored.max(decoded) + BYTES_PER_BLOCK);
        largest = largest.max(decoded.saturating_mul(DECODING_COPIES).saturating_add(stored));
        if matches!(grid.storage, Storage::Rows(_)) {
            for part in grid.block_parts(plane_of(id), id.index) {
                let length = part.end - part.start;
                parts_bytes = parts_bytes.saturating_add(length);
                longest_part = longest_part.max(length);
            }
        }
    }
    let on_their_way = parts_bytes.min(BATCHES_AT_ONCE as u64 * (BATCH_BYTES + longest_part));
    // The last of blocks that share a buffer keeps all of it.
    let shared = if sum == 0 { 0 } else { MAX_SHARED_BYTES.min(sum) };
    sum.saturating_add(largest).saturating_add(on_their_way).saturating_add(shared)
}

fn decoded_bytes(tiff: &GeoTiff, id: BlockId) -> u64 {
    let grid = grid_of(tiff.header(), id);
    if id.plane == MASK_PLANE { pixels_per_block(grid) } else { block_bytes(tiff.header(), grid) }
}
