//! The parts of a file read so far for its header, and the reading of more, within the limits.
//!
//! All reads of one round go out together, so that the number of rounds, not of ranges, is what a remote file costs.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    Limits, RasterError, Result,
    source::{ByteSource, SourceError},
};

/// Bytes of a file by offset.
pub(super) struct Window<'a> {
    source: &'a dyn ByteSource,
    size_bytes: u64,
    budget_bytes: u64,
    limit_bytes: u64,
    parts: Vec<(u64, Bytes)>,
}

impl<'a> Window<'a> {
    pub(super) fn new(source: &'a dyn ByteSource, limits: &Limits) -> Self {
        let limit_bytes = limits.max_header_bytes;
        Self { source, size_bytes: source.size_bytes(), budget_bytes: limit_bytes, limit_bytes, parts: Vec::new() }
    }

    /// Length of the file.
    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes of `range` if one part holds them all.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<&[u8]> {
        self.parts.iter().find_map(|(start, bytes)| {
            let from = usize::try_from(range.start.checked_sub(*start)?).ok()?;
            let to = usize::try_from(range.end.checked_sub(*start)?).ok()?;
            bytes.get(from..to)
        })
    }

    /// Bytes that may still be read.
    pub(super) fn budget_bytes(&self) -> u64 {
        self.budget_bytes
    }

    /// Reads `ranges`, which lie within the file, in one round.
    pub(super) async fn load(&mut self, ranges: &[Range<u64>]) -> Result<()> {
        if ranges.is_empty() {
            return Ok(());
        }
        let wanted = ranges.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        self.budget_bytes = self.budget_bytes.checked_sub(wanted).ok_or(RasterError::TooLarge {
            what: "header bytes",
            value: wanted.saturating_add(self.limit_bytes - self.budget_bytes),
            limit: self.limit_bytes,
        })?;
        let answers = self.source.read(ranges).await?;
        // A part that is too short would be found missing, and asked for, again and again.
        let is_whole = |(range, bytes): (&Range<u64>, &Bytes)| bytes.len() as u64 == range.end - range.start;
        if answers.len() != ranges.len() || !ranges.iter().zip(&answers).all(is_whole) {
            let name = self.source.name().to_owned();
            return Err(SourceError::BadAnswer { name, reason: "other lengths than asked for".to_owned() }.into());
        }
        self.parts.extend(ranges.iter().map(|range| range.start).zip(answers));
        Ok(())
    }
}
