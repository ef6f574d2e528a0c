//! Brings the bytes of a plan's blocks: from the cache what is there, the rest in few reads.
//!
//! Reads go out in batches, some at once. What comes back is put in its block's buffer and let go, batch by batch, so
//! that a thinned level, whose rows are a small part of what must be read for them, holds no more than that part. Which
//! ranges are worth one request is the source's to know. Nothing is decoded here.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{
    GeoTiff, Result,
    block::BlockId,
    cache::{BlockCache, Kept, SourceKey},
    header::{Header, Level, Storage},
    render::{Plan, plan::MASK_PLANE},
    source::SourceError,
};

/// Bytes of one batch; a single range may be longer.
pub(super) const BATCH_BYTES: u64 = 2 << 20;

/// Batches read at once.
pub(super) const BATCHES_AT_ONCE: usize = 3;

/// One block of a plan, as far as [`fetch`] brought it.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// From the cache.
    Kept(Kept),
    /// As stored in the file, put together.
    Stored(Bytes),
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
        self.pieces.iter().filter(|piece| matches!(piece, Piece::Stored(_))).count()
    }
}

/// Everything a plan needs, if nothing must be read for it.
pub fn at_hand(tiff: &GeoTiff, plan: &Plan, cache: &BlockCache) -> Option<Fetched> {
    let key = SourceKey::of(tiff.source().as_ref());
    let is_sparse = |id: BlockId| grid_of(tiff.header(), id).stored_block_bytes(plane_of(id), id.index) == 0;
    let rows = |id: BlockId| plan.rows_needed(tiff.header(), id);
    if !plan.blocks().iter().all(|&id| cache.holds(&key, id, &rows(id)) || is_sparse(id)) {
        return None;
    }
    let kept = |id: BlockId| cache.get(&key, id, &rows(id)).map(Piece::Kept);
    let piece = |&id: &BlockId| kept(id).or(is_sparse(id).then_some(Piece::Sparse));
    let pieces = plan.blocks().iter().map(piece).collect::<Option<_>>()?;
    Some(Fetched { key, pieces })
}

/// Fetches what a plan needs. Waits on the source only; does not decode.
///
/// # Errors
/// `Broken` when a block lies beyond the file's end, `TooLarge` for a block beyond the limits, or what the source says.
pub async fn fetch(tiff: &GeoTiff, plan: &Plan, cache: &BlockCache) -> Result<Fetched> {
    let key = SourceKey::of(tiff.source().as_ref());
    let mut assembly = Assembly::new(tiff.header(), plan.blocks());
    for (at, &id) in plan.blocks().iter().enumerate() {
        match cache.get(&key, id, &plan.rows_needed(tiff.header(), id)) {
            Some(kept) => assembly.pieces[at] = Piece::Kept(kept),
            None => assembly.want(at, parts_of(tiff, id)?),
        }
    }
    assembly.wanted.sort_by_key(|wanted| wanted.bytes.start);
    let ranges: Vec<Range<u64>> = assembly.wanted.iter().map(|wanted| wanted.bytes.clone()).collect();
    let source = tiff.source();
    let reads = batches(&ranges).into_iter().map(|batch| {
        let ranges = &ranges[batch.clone()];
        async move { source.read(ranges).await.map(|answers| (batch, answers)) }
    });
    let mut reads = stream::iter(reads).buffer_unordered(BATCHES_AT_ONCE);
    while let Some(read) = reads.next().await {
        let (batch, answers) = read?;
        if !assembly.take(batch, answers) {
            let (name, reason) = (source.name().to_owned(), "other lengths than asked for".to_owned());
            return Err(SourceError::BadAnswer { name, reason }.into());
        }
    }
    Ok(Fetched { key, pieces: assembly.finish() })
}

/// The level whose grid a block belongs to: the image's or its mask's.
pub(super) fn grid_of(header: &Header, id: BlockId) -> &Level {
    let level = &header.levels[usize::from(id.level)];
    if id.plane == MASK_PLANE { header.mask(id.level).unwrap_or(level) } else { level }
}

/// Where a block's bytes lie.
fn parts_of(tiff: &GeoTiff, id: BlockId) -> Result<Vec<Range<u64>>> {
    if id.plane == MASK_PLANE { tiff.mask_parts(id.level, id.index) } else { tiff.block_parts(id) }
}

/// Groups of ranges, sorted by their start, to be read in one go each.
fn batches(ranges: &[Range<u64>]) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (index, range) in ranges.iter().enumerate() {
        let length = range.end - range.start;
        match batches.last_mut() {
            Some(batch) if bytes + length <= BATCH_BYTES => {
                batch.end = index + 1;
                bytes += length;
            }
            _ => {
                batches.push(index..index + 1);
                bytes = length;
            }
        }
    }
    batches
}

/// One range to read, and the block and part of it that it is.
struct Wanted {
    at: usize,
    part: usize,
    bytes: Range<u64>,
}

/// Blocks being put together.
struct Assembly<'a> {
    header: &'a Header,
    ids: &'a [BlockId],
    pieces: Vec<Piece>,
    /// Buffers of those blocks that come in parts, begun when the first one is wanted.
    parted: Vec<Option<Vec<u8>>>,
    wanted: Vec<Wanted>,
}

impl<'a> Assembly<'a> {
    fn new(header: &'a Header, ids: &'a [BlockId]) -> Self {
        let parted = ids.iter().map(|_| None).collect();
        Self { header, ids, pieces: vec![Piece::Sparse; ids.len()], parted, wanted: Vec::new() }
    }

    fn want(&mut self, at: usize, parts: Vec<Range<u64>>) {
        let (id, grid) = (self.ids[at], grid_of(self.header, self.ids[at]));
        if matches!(grid.storage, Storage::Rows(_)) {
            self.parted[at] = Some(vec![0; grid.stored_block_bytes(plane_of(id), id.index) as usize]);
        }
        let parts = parts.into_iter().enumerate();
        self.wanted.extend(parts.map(|(part, bytes)| Wanted { at, part, bytes }));
    }

    /// Puts answers in their places; `false` when one is not of the length asked for.
    fn take(&mut self, batch: Range<usize>, answers: Vec<Bytes>) -> bool {
        let wanted = &self.wanted[batch];
        let fits = |(wanted, answer): (&Wanted, &Bytes)| answer.len() as u64 == wanted.bytes.end - wanted.bytes.start;
        if answers.len() != wanted.len() || !wanted.iter().zip(&answers).all(fits) {
            return false;
        }
        for (&Wanted { at, part, .. }, answer) in wanted.iter().zip(answers) {
            match &mut self.parted[at] {
                Some(block) => grid_of(self.header, self.ids[at]).place(self.ids[at].index, part, &answer, block),
                None => self.pieces[at] = Piece::Stored(answer),
            }
        }
        true
    }

    fn finish(mut self) -> Vec<Piece> {
        for (piece, parted) in self.pieces.iter_mut().zip(self.parted) {
            if let Some(block) = parted {
                *piece = Piece::Stored(block.into());
            }
        }
        self.pieces
    }
}

/// The plane of a block's grid.
pub(super) fn plane_of(id: BlockId) -> u16 {
    if id.plane == MASK_PLANE { 0 } else { id.plane }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_BYTES, batches};

    #[test]
    fn batches_are_short_but_for_single_long_ranges() {
        let half = BATCH_BYTES / 2;
        assert_eq!(batches(&[0..half, half..2 * half, 2 * half..2 * half + 1]), [0..2, 2..3]);
        assert_eq!(batches(&[0..3 * half, 3 * half..3 * half + 1]), [0..1, 1..2]);
        assert!(batches(&[]).is_empty());
    }
}
