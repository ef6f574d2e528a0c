//! Bytes of a file as a response body, in portions, one ahead of the client at most.
//!
//! What is in memory is read at once; what has to come from a disk or a network is waited for on a thread. Between two
//! portions nothing is held but the name and the version of the file. A file that changes on the way ends the
//! connection: a length was promised, and bytes of two versions must not mix.

use std::{collections::VecDeque, io, ops::Range};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::{Tree, answer::PATIENCE, tree::OpenFile, validator::Version};

/// Bytes read and sent at once.
pub const PORTION_BYTES: u64 = 64 << 10;

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Ready bytes: heads of parts.
    Ready(Bytes),
    /// Bytes of the file.
    OfFile(Range<u64>),
}

impl Piece {
    /// Its length in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Ready(bytes) => bytes.len() as u64,
            Self::OfFile(range) => range.end - range.start,
        }
    }
}

/// What a body is read from.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) tree: Tree,
    pub(super) path: String,
    pub(super) version: Version,
}

impl Source {
    async fn portion(&self, range: Range<u64>) -> io::Result<Bytes> {
        if let Some(file) = self.tree.kept(&self.path, &self.version)
            && let Some(bytes) = read_now(&file, &range)?
        {
            file.still()?;
            return Ok(bytes);
        }
        let leave = self.tree.shelf().leave().await.ok_or(io::ErrorKind::TimedOut)?;
        let source = self.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let file = source.tree.reopen(&source.path, &source.version)?;
            let bytes = read(&file, &range);
            drop(leave);
            bytes
        });
        let hangs = |_| io::Error::from(io::ErrorKind::TimedOut);
        tokio::time::timeout(PATIENCE, reading).await.map_err(hangs)?.map_err(io::Error::from)?
    }
}

/// A body of `pieces` in order.
pub(super) fn of(source: Source, pieces: Vec<Piece>) -> Body {
    let rest = VecDeque::from(pieces);
    Body::from_stream(stream::try_unfold((source, rest), |(source, mut rest)| async move {
        let Some(piece) = next(&mut rest) else { return Ok(None) };
        let bytes = match piece {
            Piece::Ready(bytes) => bytes,
            Piece::OfFile(range) => source.portion(range).await?,
        };
        Ok::<_, io::Error>(Some((bytes, (source, rest))))
    }))
}

/// The next portion; what is left of a long range goes back to the front.
fn next(rest: &mut VecDeque<Piece>) -> Option<Piece> {
    let piece = rest.pop_front()?;
    if let Piece::OfFile(range) = &piece
        && range.end - range.start > PORTION_BYTES
    {
        let middle = range.start + PORTION_BYTES;
        rest.push_front(Piece::OfFile(middle..range.end));
        return Some(Piece::OfFile(range.start..middle));
    }
    Some(piece)
}

/// Reads a range of at most a portion. Blocking.
///
/// # Errors
/// When the file changed, or cannot be read.
pub(super) fn read(file: &OpenFile, range: &Range<u64>) -> io::Result<Bytes> {
    let mut buffer = buffer(range)?;
    file.read_at(&mut buffer, range.start)?;
    Ok(buffer.into())
}

/// The same without ever waiting, `None` when that would be needed; whether the file changed is for the caller to see.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn read_now(file: &OpenFile, range: &Range<u64>) -> io::Result<Option<Bytes>> {
    let mut buffer = buffer(range)?;
    Ok(file.read_now(&mut buffer, range.start)?.then(|| buffer.into()))
}

fn buffer(range: &Range<u64>) -> io::Result<Vec<u8>> {
    Ok(vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ranges_are_cut_into_portions_without_gap() {
        let mut rest =
            VecDeque::from([Piece::Ready(Bytes::from_static(b"x")), Piece::OfFile(5..PORTION_BYTES * 2 + 6)]);
        let mut portions = Vec::new();
        while let Some(piece) = next(&mut rest) {
            portions.push(piece);
        }
        let (one, two) = (5 + PORTION_BYTES, 5 + 2 * PORTION_BYTES);
        assert_eq!(portions[1..], [Piece::OfFile(5..one), Piece::OfFile(one..two), Piece::OfFile(two..two + 1)]);
    }
}
