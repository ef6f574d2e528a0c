//! The steps of a file's walk from the root to the feed, each named once and told in the log when it is behind it.
//!
//! A sudden end may come after any of them, and nothing may be lost, doubled or half published by it. They are told at
//! level `trace` under the target [`TARGET`], which nobody listens to but the test that kills an indexer at each of
//! them (`tests/faults.rs`): a step that is named here is one for which that is proved. The intake, the dispatcher, the
//! publisher and the database call it.

/// Target of the log under which steps are told.
pub const TARGET: &str = "aurora_indexer::step";

/// One step of a file's walk, or of every transaction on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A file's size and time stayed put, and it was read; nothing is written yet.
    Settled,
    /// The result of the same content was linked into its new place; nothing tells of it yet.
    Linked,
    /// The folder of an attempt was made; the executor does not know of it yet.
    FolderMade,
    /// The executor accepted the attempt; the job is not submitted yet.
    Accepted,
    /// The command ended well; its job is still running.
    Ended,
    /// The outputs of an attempt were verified.
    Verified,
    /// The outputs are durable, in the attempt's folder.
    Synced,
    /// The place of the result is free: what an earlier end left there is gone.
    PlaceFreed,
    /// The result was renamed into its place; the name is not durable yet.
    Renamed,
    /// The result is durable in its place; nothing tells of it yet.
    Placed,
    /// What is left of the attempt was removed.
    Cleared,
    /// A transaction is written, and not committed.
    Written,
    /// A transaction is committed; nobody was told.
    Committed,
    /// Those who wait for the feed were woken.
    Told,
}

impl Step {
    /// Every step.
    pub const ALL: [Self; 14] = [
        Self::Settled,
        Self::Linked,
        Self::FolderMade,
        Self::Accepted,
        Self::Ended,
        Self::Verified,
        Self::Synced,
        Self::PlaceFreed,
        Self::Renamed,
        Self::Placed,
        Self::Cleared,
        Self::Written,
        Self::Committed,
        Self::Told,
    ];
}

/// A step is behind us.
pub(crate) fn reached(step: Step) {
    tracing::trace!(target: TARGET, ?step);
}
