//! Finding all directories of a file: the chain from its first one, and the sub-directories they name.
//!
//! Every round follows as many directories as the bytes at hand allow and then reads what is missing at once. A COG
//! keeps all of them at its front, each before its own tables. Where the first one's tables are longer than the first
//! round, one more brings them together with everything that is likely to follow.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Unread, broken,
    bytes::ByteOrder,
    directory::{Dialect, Directory, tag},
    window::Window,
};
use crate::{Limits, RasterError, Result};

/// Bytes read first: enough for the directories and block tables of most COGs, small enough for a slow line.
pub(super) const FIRST_READ_BYTES: u64 = 32 << 10;

/// Bytes read at a directory that lies elsewhere, at least: its tags' values usually follow it.
const DIRECTORY_READ_BYTES: u64 = 16 << 10;

/// Room for the tables of overviews and masks for each byte of the first image's: a mask as large as that, and both
/// again at a quarter, a sixteenth and so on, which makes five thirds; and a little for the other tags.
const FOLLOWING_TABLES: f64 = 1.75;

/// Reads the file's first bytes and says how it counts and where its first directory lies.
pub(super) async fn open(window: &mut Window<'_>) -> Result<(Dialect, u64)> {
    let size_bytes = window.size_bytes();
    if size_bytes < 8 {
        return Err(not_a_raster(format!("{size_bytes} bytes")));
    }
    let head = 0..size_bytes.min(FIRST_READ_BYTES);
    window.load(std::slice::from_ref(&head)).await?;
    let bytes = window.get(&head).unwrap_or_default();
    let order = match bytes.get(..2) {
        Some(b"II") => ByteOrder::Little,
        Some(b"MM") => ByteOrder::Big,
        _ => return Err(not_a_raster(format!("it begins with {:02x?}", &bytes[..bytes.len().min(4)]))),
    };
    let number = |range: std::ops::Range<usize>| bytes.get(range).map(|bytes| order.unsigned(bytes));
    match (number(2..4), number(4..8), number(8..16)) {
        (Some(42), Some(first), _) => Ok((Dialect { order, big: false }, first)),
        (Some(43), Some(_), Some(first)) if number(4..6) == Some(8) => Ok((Dialect { order, big: true }, first)),
        (Some(version), ..) => Err(not_a_raster(format!("version {version} of the TIFF signature"))),
        _ => Err(not_a_raster("it ends in its signature".to_owned())),
    }
}

/// All directories, the first one first and sub-directories after their parents' chain. Where something must be read
/// for them, `also` says what is worth reading with it.
pub(super) async fn directories(
    window: &mut Window<'_>,
    dialect: Dialect,
    first: u64,
    limits: &Limits,
    also: impl Fn(&[Directory], &Window<'_>) -> Vec<std::ops::Range<u64>>,
) -> Result<Vec<Directory>, Unread> {
    let mut walk =
        Walk { dialect, limits, seen: BTreeSet::new(), queue: VecDeque::new(), found: Vec::new(), parents: 0 };
    walk.follow(first)?;
    loop {
        let mut missing = walk.advance(window)?;
        if missing.is_empty() {
            break;
        }
        missing.extend(also(&walk.found, window));
        missing.sort_by_key(|range| (range.start, range.end));
        missing.dedup();
        window.load(&missing).await?;
    }
    if walk.found.is_empty() {
        return Err(broken("it has no directory".to_owned()).into());
    }
    Ok(walk.found)
}

struct Walk<'a> {
    dialect: Dialect,
    limits: &'a Limits,
    /// Offsets followed, so that a chain that bites its tail ends.
    seen: BTreeSet<u64>,
    queue: VecDeque<u64>,
    found: Vec<Directory>,
    /// How many of `found` have had their sub-directories followed.
    parents: usize,
}

impl Walk<'_> {
    /// Goes as far as the window allows and returns what it needs next.
    fn advance(&mut self, window: &Window<'_>) -> Result<Vec<std::ops::Range<u64>>, Unread> {
        let mut missing = Vec::new();
        let mut waiting = VecDeque::new();
        loop {
            while let Some(offset) = self.queue.pop_front() {
                match Directory::parse(window, self.dialect, offset, self.limits)? {
                    Some(directory) => {
                        self.follow(directory.next)?;
                        self.found.push(directory);
                    }
                    None => {
                        missing.push(self.span(offset, window));
                        waiting.push_back(offset);
                    }
                }
            }
            missing.extend(self.follow_children(window)?);
            if self.queue.is_empty() {
                self.queue = waiting;
                missing.sort_by_key(|range| range.start);
                missing.dedup();
                return Ok(missing);
            }
        }
    }

    /// Queues the sub-directories of directories found since the last call; returns lists that must be read first.
    fn follow_children(&mut self, window: &Window<'_>) -> Result<Vec<std::ops::Range<u64>>> {
        while let Some(directory) = self.found.get(self.parents) {
            let outlying: Vec<_> = directory.outlying(window, |tag| tag == tag::SUB_IFDS).collect();
            if !outlying.is_empty() {
                return Ok(outlying);
            }
            let children = directory
                .numbers(window, tag::SUB_IFDS)?
                .map(|numbers| numbers.take(self.limits.max_directories + 1).collect());
            self.parents += 1;
            let children: Vec<u64> = children.unwrap_or(Ok(Vec::new()))?;
            children.into_iter().try_for_each(|offset| self.follow(offset))?;
        }
        Ok(Vec::new())
    }

    fn follow(&mut self, offset: u64) -> Result<()> {
        if offset == 0 || !self.seen.insert(offset) {
            return Ok(());
        }
        if self.seen.len() > self.limits.max_directories {
            let limit = self.limits.max_directories as u64;
            return Err(RasterError::TooLarge { what: "directories", value: limit + 1, limit });
        }
        self.queue.push_back(offset);
        Ok(())
    }

    /// What to read for the directory at `offset`: the longest it may be, at least, and what is likely to follow it.
    fn span(&self, offset: u64, window: &Window<'_>) -> std::ops::Range<u64> {
        let least = self.dialect.directory_bytes(self.limits.max_entries).max(DIRECTORY_READ_BYTES);
        let length = least.saturating_add(self.following_bytes(offset, least, window));
        offset..offset.saturating_add(length).min(window.size_bytes())
    }

    /// Bytes of tables that are likely to follow a directory: it is the next one of a COG when it lies right behind the
    /// tables of the one that names it. No more is staked on it than may be read.
    fn following_bytes(&self, offset: u64, least: u64, window: &Window<'_>) -> u64 {
        let Some(before) = self.found.iter().find(|directory| directory.next == offset) else { return 0 };
        if !(before.end_byte..before.end_byte.saturating_add(DIRECTORY_READ_BYTES)).contains(&offset) {
            return 0;
        }
        let tables_bytes = before.values_bytes();
        following_bytes(tables_bytes).min(window.budget_bytes().saturating_sub(least.saturating_add(tables_bytes)))
    }
}

/// Bytes of tables that are likely to follow those of a first image.
fn following_bytes(tables_bytes: u64) -> u64 {
    (tables_bytes as f64 * FOLLOWING_TABLES) as u64
}

/// Bytes that the header is likely to take, by the tables that its first directory names.
pub(super) async fn likely_bytes(window: &mut Window<'_>, limits: &Limits) -> Result<u64> {
    let (dialect, first) = open(window).await?;
    let directory = Directory::parse(window, dialect, first, limits)?;
    let tables_bytes = directory.map_or(0, |directory| directory.values_bytes());
    let known_bytes = FIRST_READ_BYTES + DIRECTORY_READ_BYTES;
    Ok(known_bytes.saturating_add(tables_bytes).saturating_add(following_bytes(tables_bytes)))
}

fn not_a_raster(reason: String) -> RasterError {
    RasterError::NotARaster { reason }
}
