//! Bytes of a file as a response body: read in portions on blocking threads, one portion ahead of the client at most.
//!
//! A file that changes on the way ends the connection: a length was promised, and bytes of two versions must not mix.

use std::{collections::VecDeque, io, ops::Range, sync::Arc};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::tree::OpenFile;

/// Bytes read and sent at once.
pub const PORTION_BYTES: u64 = 256 << 10;

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

/// A body of `pieces` in order.
pub fn of(file: Arc<OpenFile>, pieces: Vec<Piece>) -> Body {
    let rest = VecDeque::from(pieces);
    Body::from_stream(stream::try_unfold((file, rest), |(file, mut rest)| async move {
        let Some(piece) = next(&mut rest) else { return Ok(None) };
        let bytes = match piece {
            Piece::Ready(bytes) => bytes,
            Piece::OfFile(range) => {
                let file = Arc::clone(&file);
                let reading = tokio::task::spawn_blocking(move || read(&file, &range));
                reading.await.map_err(io::Error::from)??
            }
        };
        Ok::<_, io::Error>(Some((bytes, (file, rest))))
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
pub fn read(file: &OpenFile, range: &Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut buffer = vec![0; length];
    file.read_at(&mut buffer, range.start)?;
    Ok(buffer.into())
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
