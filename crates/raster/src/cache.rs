//! Decoded blocks kept for the next tile, within a number of bytes.
//!
//! A block is found by the version of the file it came from, so nothing is ever invalidated: a file that changes has
//! another version, and the old blocks age out. Blocks of 16-bit samples are kept packed, which leaves room for more of
//! them. How many bytes they may take can change at any time. The cache neither reads nor decodes; [`crate::render`]
//! does both.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use quick_cache::{
    DefaultHashBuilder, Equivalent, Lifecycle, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

mod packed;

use packed::Packed;

use crate::{
    block::{Block, BlockId, Samples, SharedBlock},
    source::ByteSource,
    spare,
};

/// What an entry costs beside its samples: key, block header and the cache's own node.
const ENTRY_OVERHEAD_BYTES: usize = 320;

/// About as many blocks as a cache holds.
const USUAL_BLOCKS: usize = 4096;

/// Share of a cache that may be empty when it counts as full, as its reciprocal: some blocks are too large for what is
/// left.
const FULL_BUT_FOR: u64 = 8;

/// Names one version of one file for the keys of its blocks. Make it once a render, clone it freely.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SourceKey(Arc<str>);

impl SourceKey {
    /// The key of a source's version.
    pub fn of(source: &dyn ByteSource) -> Self {
        // A line feed cannot stand in a validator, so two pairs of name and version never make one text.
        Self(format!("{}\n{}", source.version(), source.name()).into())
    }
}

/// A block as it is kept.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// As renders read it.
    Plain(SharedBlock),
    /// To be unpacked, which burns CPU.
    Packed(Arc<Packed>),
}

impl Kept {
    fn of(block: &SharedBlock) -> Self {
        Packed::of(block).map_or_else(|| Self::Plain(Arc::clone(block)), |packed| Self::Packed(packed.into()))
    }

    /// Whether it has all of `rows`, as far as the block itself does.
    fn has(&self, rows: &Range<u32>) -> bool {
        let (held, height_px) = match self {
            Self::Plain(block) => (block.rows.end, block.height_px),
            Self::Packed(packed) => (packed.rows_px, packed.height_px),
        };
        rows.end.min(height_px) <= held
    }

    /// The block as renders read it, with those of `rows` at least.
    pub(crate) fn block(self, rows: Range<u32>) -> SharedBlock {
        match self {
            Self::Plain(block) => block,
            Self::Packed(packed) => packed.unpack(rows).into(),
        }
    }

    /// Leaves its buffer, if no render holds it, to the next block that this thread decodes: a full cache asks the
    /// system for no pages then.
    fn give_buffer(self) {
        if let Self::Plain(block) = self {
            Arc::into_inner(block).into_iter().for_each(spare::give_block);
        }
    }

    fn weight_bytes(&self) -> u64 {
        let samples_bytes = match self {
            Self::Plain(block) => allocated_bytes(block.samples.as_ref().map_or(0, Samples::capacity_bytes)),
            Self::Packed(packed) => packed.buffers_bytes().into_iter().map(allocated_bytes).sum(),
        };
        (samples_bytes + ENTRY_OVERHEAD_BYTES) as u64
    }
}

/// What a buffer of `bytes` takes of memory: allocators have few sizes. These are jemalloc's, four to a doubling up to
/// 32 KiB and whole pages beyond.
pub fn allocated_bytes(bytes: usize) -> usize {
    const SIZES_A_DOUBLING: usize = 4;
    const PAGES_BEYOND_BYTES: usize = 32 << 10;
    const PAGE_BYTES: usize = 4 << 10;
    if bytes > PAGES_BEYOND_BYTES {
        return bytes.next_multiple_of(PAGE_BYTES);
    }
    let doubling = bytes.next_power_of_two() / 2;
    bytes.next_multiple_of((doubling / SIZES_A_DOUBLING).max(1))
}

/// What a block that comes pushes out; if it is more than two, the others are let go.
type Gone = <DefaultLifecycle<Key, Kept> as Lifecycle<Key, Kept>>::RequestState;

/// Weighs blocks.
#[derive(Debug, Clone, Copy)]
struct ByBytes;

impl Weighter<Key, Kept> for ByBytes {
    fn weight(&self, _: &Key, kept: &Kept) -> u64 {
        kept.weight_bytes()
    }
}

/// Names a kept block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(SourceKey, BlockId);

/// A key that is only looked for.
#[derive(Hash)]
struct Wanted<'a>(&'a SourceKey, BlockId);

impl Equivalent<Key> for Wanted<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        (self.0, self.1) == (&key.0, key.1)
    }
}

/// Decoded blocks, weighed by the bytes their buffers hold. Share it by `Arc`; all methods take `&self`.
pub struct BlockCache {
    blocks: Cache<Key, Kept, ByBytes>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How a cache has done since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    /// Look-ups that found their block.
    pub hits: u64,
    /// Look-ups that did not.
    pub misses: u64,
    /// Blocks held now.
    pub blocks: u64,
    /// Bytes held now, as weighed.
    pub size_bytes: u64,
    /// Bytes that may be held now.
    pub capacity_bytes: u64,
}

impl BlockCache {
    /// A cache of at most `capacity_bytes`; 0 keeps nothing.
    pub fn new(capacity_bytes: u64) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(capacity_bytes)
            .estimated_items_capacity(USUAL_BLOCKS)
            // It remembers blocks that have gone by fewer with each move of the bound, and in the end none: better none
            // from the start than a server that changes with the days. Walks and random tiles decode as many blocks
            // either way.
            .ghost_allocation(0.0)
            // Shards would each have their share of the bytes, and a large block would fit into none.
            .shards(1)
            .build()
            .expect("capacity and number of items are all that must be given");
        let blocks = Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { blocks, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// Keeps as many bytes from now on; what no longer fits is let go before this returns.
    pub fn set_capacity_bytes(&self, capacity_bytes: u64) {
        self.blocks.set_capacity(capacity_bytes);
    }

    /// The block, if it is held with those of `rows` at least. Counts a hit or a miss.
    pub(crate) fn get(&self, source: &SourceKey, id: BlockId, rows: &Range<u32>) -> Option<Kept> {
        let found = self.blocks.get(&Wanted(source, id)).filter(|kept| kept.has(rows));
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Relaxed);
        found
    }

    /// Whether the block is held with those of `rows` at least; counts nothing.
    pub fn holds(&self, source: &SourceKey, id: BlockId, rows: &Range<u32>) -> bool {
        self.blocks.peek(&Wanted(source, id)).is_some_and(|kept| kept.has(rows))
    }

    /// Whether what comes now pushes out something else, so that more of a block than is needed now may never be.
    pub(crate) fn is_full(&self) -> bool {
        let capacity_bytes = self.blocks.capacity();
        self.blocks.weight() >= capacity_bytes - capacity_bytes / FULL_BUT_FOR
    }

    /// Keeps a block and hands it back shared. What no longer fits is let go before this returns.
    pub fn insert(&self, source: &SourceKey, id: BlockId, block: Block) -> SharedBlock {
        let (shared, mut gone) = (Arc::new(block), Gone::default());
        self.blocks.insert_with_lifecycle(Key(source.clone(), id), Kept::of(&shared), &mut gone);
        gone.into_iter().flatten().for_each(|(_, kept)| kept.give_buffer());
        shared
    }

    /// Counters and size.
    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            blocks: self.blocks.len() as u64,
            size_bytes: self.blocks.weight(),
            capacity_bytes: self.blocks.capacity(),
        }
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCache").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_out_leaves_its_buffer_unless_a_render_holds_it() {
        let block = |samples: Vec<u8>| {
            let (width_px, height_px) = (samples.len() as u32, 1);
            Block { width_px, height_px, rows: 0..1, samples_per_pixel: 1, samples: Some(Samples::U8(samples)) }
        };
        let (cache, source) = (BlockCache::new(150_000), SourceKey("a scene".into()));
        let mut index = 0;
        let mut insert = |samples: Vec<u8>| {
            index += 1;
            cache.insert(&source, BlockId { level: 0, plane: 0, index }, block(samples))
        };
        let first = vec![1; 100_000];
        let address = first.as_ptr();
        drop(insert(first));
        let held = insert(vec![2; 100_000]);
        assert_eq!(cache.counts().blocks, 1, "there is room for one");
        let spared = spare::take::<u8>(100_000);
        assert_eq!(spared.as_ptr(), address, "the first one's");
        drop(insert(vec![3; 100_000]));
        let (spared, Some(Samples::U8(held))) = (spare::take::<u8>(100_000), &held.samples) else { panic!("bytes") };
        assert!(spared.as_ptr() != held.as_ptr() && held.iter().all(|&byte| byte == 2), "a render still reads it");
    }
}
