//! Brings the bytes of a plan's blocks: from the cache what is there, the rest in few reads.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    GeoTiff, RasterError, Result,
    block::{BlockId, SharedBlock},
    cache::{BlockCache, SourceKey},
    header::{Header, Level},
    render::{Plan, plan::MASK_PLANE},
};

/// Unwanted bytes read rather than asked around: about what a round trip's worth of latency costs on a fast link.
const MAX_GAP_BYTES: u64 = 32 << 10;

/// Largest merged read, so that no allocation is larger than a few blocks.
const MAX_MERGED_BYTES: u64 = 8 << 20;

/// One block of a plan, as far as [`fetch`] brought it.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// From the cache.
    Decoded(SharedBlock),
    /// As stored in the file.
    Compressed(Bytes),
    /// The file stores none there.
    Sparse,
}

/// Everything a plan needs to be painted, in the order of [`Plan::blocks`].
#[derive(Debug, Clone)]
pub struct Fetched {
    pub(super) key: SourceKey,
    pub(super) pieces: Vec<Piece>,
}

impl Fetched {
    /// Blocks that must still be decoded.
    pub fn missing_blocks(&self) -> usize {
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Compressed(_))).count()
    }
}

/// Fetches what a plan needs. Waits on the source only; does not decode.
///
/// # Errors
/// `Broken` when a block lies beyond the file's end, `TooLarge` for a block beyond the limits, or what the source says.
pub async fn fetch(tiff: &GeoTiff, plan: &Plan, cache: &BlockCache) -> Result<Fetched> {
    let key = SourceKey::of(tiff.source().as_ref());
    let mut pieces = Vec::with_capacity(plan.blocks().len());
    let mut wanted: Vec<(usize, Range<u64>)> = Vec::new();
    for (at, &id) in plan.blocks().iter().enumerate() {
        pieces.push(match cache.get(&key, id) {
            Some(block) => Piece::Decoded(block),
            None => {
                wanted.extend(range(tiff, id)?.map(|range| (at, range)));
                Piece::Sparse
            }
        });
    }
    wanted.sort_by_key(|(_, range)| range.start);
    let reads = merged(&wanted);
    if !reads.is_empty() {
        let answers = tiff.source().read(&reads).await?;
        for (at, range) in wanted {
            pieces[at] = Piece::Compressed(cut(&reads, &answers, &range)?);
        }
    }
    Ok(Fetched { key, pieces })
}

/// The level whose grid a block belongs to: the image's or its mask's.
pub(super) fn grid_of(header: &Header, id: BlockId) -> &Level {
    let level = usize::from(id.level);
    let mask = || header.masks.get(level).and_then(Option::as_ref);
    if id.plane == MASK_PLANE { mask().unwrap_or(&header.levels[level]) } else { &header.levels[level] }
}

/// Where a block's bytes lie, or `None` when it is sparse.
fn range(tiff: &GeoTiff, id: BlockId) -> Result<Option<Range<u64>>> {
    let grid = grid_of(tiff.header(), id);
    let plane = if id.plane == MASK_PLANE { 0 } else { usize::from(id.plane) };
    let per_plane = grid.blocks_across() as usize * grid.blocks_down() as usize;
    let broken =
        |what: &str| RasterError::Broken { reason: format!("block {} of level {} {what}", id.index, id.level) };
    let entry = grid.blocks.get(plane * per_plane + id.index as usize);
    let &(offset, length) = entry.ok_or_else(|| broken("is not listed"))?;
    let limit = tiff.limits().max_compressed_bytes;
    if length > limit {
        return Err(RasterError::TooLarge { what: "stored bytes of one block", value: length, limit });
    }
    let end = offset.checked_add(length).filter(|&end| end <= tiff.source().size_bytes());
    let end = end.ok_or_else(|| broken("lies beyond the end of the file"))?;
    Ok((length > 0).then_some(offset..end))
}

/// Reads that hold all the ranges, which are sorted by their start.
fn merged(wanted: &[(usize, Range<u64>)]) -> Vec<Range<u64>> {
    let mut reads: Vec<Range<u64>> = Vec::new();
    for (_, range) in wanted {
        match reads.last_mut() {
            Some(last) if range.end <= last.end => {}
            Some(last) if range.start <= last.end + MAX_GAP_BYTES && range.end - last.start <= MAX_MERGED_BYTES => {
                last.end = range.end;
            }
            _ => reads.push(range.clone()),
        }
    }
    reads
}

/// The bytes of `range` out of the read that holds it.
fn cut(reads: &[Range<u64>], answers: &[Bytes], range: &Range<u64>) -> Result<Bytes> {
    let holds = |read: &Range<u64>| read.start <= range.start && range.end <= read.end;
    let last = reads.partition_point(|read| read.start <= range.start);
    let found = reads[..last].iter().zip(answers).rev().find(|(read, _)| holds(read));
    let bytes = found.and_then(|(read, bytes)| {
        let first = usize::try_from(range.start - read.start).ok()?;
        let length = usize::try_from(range.end - range.start).ok()?;
        (first + length <= bytes.len()).then(|| bytes.slice(first..first + length))
    });
    bytes.ok_or_else(|| RasterError::Broken { reason: "the source answered with fewer bytes than asked for".into() })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{MAX_GAP_BYTES, MAX_MERGED_BYTES, cut, merged};

    #[test]
    fn near_ranges_become_one_read_and_far_ones_stay_apart() {
        let far = 300 + MAX_GAP_BYTES;
        let wanted = [(0, 0..100), (1, 200..300), (2, far..far + 1), (3, 2 * far + 2..2 * far + 3)];
        assert_eq!(merged(&wanted), [0..far + 1, 2 * far + 2..2 * far + 3]);
        assert_eq!(merged(&[(0, 0..10), (1, 2..5)]).first(), Some(&(0..10)));
        assert_eq!(merged(&[(0, 0..MAX_MERGED_BYTES), (1, MAX_MERGED_BYTES..MAX_MERGED_BYTES + 1)]).len(), 2);
    }

    #[test]
    fn ranges_are_cut_out_of_the_read_that_holds_them() {
        let answers = [Bytes::from_static(b"abcdef"), Bytes::from_static(b"xyz")];
        let reads = [10..16, 50..53];
        assert_eq!(cut(&reads, &answers, &(12..14)).unwrap(), "cd");
        assert_eq!(cut(&reads, &answers, &(51..53)).unwrap(), "yz");
        assert!(cut(&reads, &answers, &(15..17)).is_err());
        assert!(cut(&reads, &[Bytes::from_static(b"ab")], &(12..14)).is_err());
    }
}
