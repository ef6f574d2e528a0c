//! Where bytes come from: ranges of one version of one file, wherever it lies.
//!
//! A source is opened at one *version* (validator) and must refuse to mix versions: when the file has changed under
//! it, a read answers [`SourceError::Changed`] and the caller opens it anew. It does not cache and knows no TIFF.
//! [`FileSource`] reads local files; the server adds HTTP.

use std::{future::Future, ops::Range, pin::Pin, sync::Arc, time::SystemTime};

use bytes::Bytes;

mod file;
pub use file::{FileSource, FileVersion, is_being_written};

/// Longest buffer that adjoining ranges share.
pub const MAX_SHARED_BYTES: u64 = 1 << 20;

/// A future that a source hands out.
pub type SourceFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, SourceError>> + Send + 'a>>;

/// One version of one file, readable by range.
pub trait ByteSource: Send + Sync {
    /// A name for logs and cache keys: the path or URL.
    fn name(&self) -> &str;

    /// Length of this version in bytes.
    fn size_bytes(&self) -> u64;

    /// The validator of this version: an ETag, or a file's size and times. Two equal pairs of name and version are the
    /// same bytes.
    fn version(&self) -> &str;

    /// When this version was written, if that is known. It tells nothing apart: a coarse clock gives two versions one
    /// time.
    fn written_at(&self) -> Option<SystemTime> {
        None
    }

    /// Whether reading waits for no other host: there is little to gain from reading for many renders at once.
    fn is_at_hand(&self) -> bool {
        false
    }

    /// Exactly the bytes of each range, in the order asked. Ranges are within the size and not empty; sources may
    /// merge neighbours and read in parallel. An answer keeps nothing alive that was not asked for: it has a buffer of
    /// its own, or shares one with ranges that overlap it or adjoin it, up to [`MAX_SHARED_BYTES`].
    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>>;
}

/// Why bytes could not be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// There is no such file (any more).
    #[error("{name} not found")]
    NotFound {
        /// The source's name.
        name: String,
    },
    /// The file is another version than the one opened.
    #[error("{name} changed while it was read")]
    Changed {
        /// The source's name.
        name: String,
    },
    /// The source may not be read: it sends elsewhere, or wants credentials.
    #[error("{name} may not be read: {reason}")]
    Forbidden {
        /// The source's name.
        name: String,
        /// What it answered instead.
        reason: String,
    },
    /// The source gives whole files only.
    #[error("{name} does not answer ranges")]
    NoRanges {
        /// The source's name.
        name: String,
    },
    /// The source answered, but not with the bytes asked for.
    #[error("{name} answered wrongly: {reason}")]
    BadAnswer {
        /// The source's name.
        name: String,
        /// What was wrong with the answer.
        reason: String,
    },
    /// The source did not answer in time, or not at all.
    #[error("{name} cannot be reached: {reason}")]
    Unavailable {
        /// The source's name.
        name: String,
        /// Why.
        reason: String,
    },
}

/// A shared source.
pub type SharedSource = Arc<dyn ByteSource>;
