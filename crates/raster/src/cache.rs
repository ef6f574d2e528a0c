//! Decoded blocks kept for the next tile, within a number of bytes.
//!
//! A block is found by the version of the file it came from, so nothing is ever invalidated: a file that changes has
//! another version, and the old blocks age out. Blocks of 16-bit samples are kept packed, which leaves room for more of
//! them. The cache neither reads nor decodes; [`crate::render`] does both.

use std::{
    fmt,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use moka::sync::Cache;

mod packed;

use packed::Packed;

use crate::{
    block::{Block, BlockId, Samples, SharedBlock},
    source::ByteSource,
};

/// What an entry costs beside its samples: key, block header and moka's own node, measured at about 300 bytes.
const ENTRY_OVERHEAD_BYTES: usize = 320;

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

    /// The block as renders read it, with those of `rows` at least.
    pub(crate) fn block(self, rows: Range<u32>) -> SharedBlock {
        match self {
            Self::Plain(block) => block,
            Self::Packed(packed) => packed.unpack(rows).into(),
        }
    }

    fn weight_bytes(&self) -> u32 {
        let samples_bytes = match self {
            Self::Plain(block) => block.samples.as_ref().map_or(0, Samples::capacity_bytes),
            Self::Packed(packed) => packed.size_bytes(),
        };
        u32::try_from(samples_bytes + ENTRY_OVERHEAD_BYTES).unwrap_or(u32::MAX)
    }
}

/// Decoded blocks, weighed by the bytes their buffers hold. Share it by `Arc`; all methods take `&self`.
pub struct BlockCache {
    blocks: Cache<(SourceKey, BlockId), Kept>,
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
}

impl BlockCache {
    /// A cache of at most `capacity_bytes`; 0 keeps nothing.
    pub fn new(capacity_bytes: u64) -> Self {
        let blocks =
            Cache::builder().max_capacity(capacity_bytes).weigher(|_, kept: &Kept| kept.weight_bytes()).build();
        Self { blocks, hits: AtomicU64::new(0), misses: AtomicU64::new(0) }
    }

    /// The block, if it is held. Counts a hit or a miss.
    pub(crate) fn get(&self, source: &SourceKey, id: BlockId) -> Option<Kept> {
        let found = self.blocks.get(&(source.clone(), id));
        let counter = if found.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Relaxed);
        found
    }

    /// Whether the block is held; counts nothing.
    pub fn holds(&self, source: &SourceKey, id: BlockId) -> bool {
        self.blocks.contains_key(&(source.clone(), id))
    }

    /// Keeps a block and hands it back shared. What no longer fits is let go before this returns: left to itself moka
    /// lets some sixty entries wait beyond the bound, which is more memory than some caches have.
    pub fn insert(&self, source: &SourceKey, id: BlockId, block: Block) -> SharedBlock {
        let shared = Arc::new(block);
        self.blocks.insert((source.clone(), id), Kept::of(&shared));
        self.blocks.run_pending_tasks();
        shared
    }

    /// Counters and size, after pending evictions are done.
    pub fn counts(&self) -> CacheCounts {
        self.blocks.run_pending_tasks();
        CacheCounts {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            blocks: self.blocks.entry_count(),
            size_bytes: self.blocks.weighted_size(),
        }
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCache").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
