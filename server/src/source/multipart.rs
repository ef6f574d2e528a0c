//! Bodies of several ranges: `multipart/byteranges` (RFC 9110, section 14.6), read as they arrive.
//!
//! Each part says which bytes it holds, so that the boundary is only looked at, never searched for. It keeps no more
//! than the head of one part.

use std::ops::Range;

use super::ranges::{Scatter, ScatterError};

/// Longest head of a part, with the boundary before it.
const MAX_HEAD_BYTES: usize = 2048;

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MultipartError {
    #[error("a part without a head that says which bytes it holds")]
    Head,
    #[error("a part of a file of {0} bytes")]
    OtherSize(u64),
    #[error(transparent)]
    Scatter(#[from] ScatterError),
}

/// A body being read.
pub(super) struct Multipart {
    boundary: Vec<u8>,
    size_bytes: u64,
    head: Vec<u8>,
    /// What is left of the part being read; empty between parts.
    part: Range<u64>,
}

impl Multipart {
    /// For a `Content-Type` of several ranges of a file of `size_bytes`; `None` for any other type.
    pub(super) fn new(content_type: &str, size_bytes: u64) -> Option<Self> {
        let (media_type, parameters) = content_type.split_once(';')?;
        if !media_type.trim().eq_ignore_ascii_case("multipart/byteranges") {
            return None;
        }
        let boundary = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
        })?;
        Some(Self { boundary: format!("--{boundary}").into_bytes(), size_bytes, head: Vec::new(), part: 0..0 })
    }

    /// Takes the next bytes of the body.
    pub(super) fn put(&mut self, mut bytes: &[u8], scatter: &mut Scatter) -> Result<(), MultipartError> {
        while !bytes.is_empty() {
            if self.part.is_empty() {
                bytes = self.put_head(bytes)?;
                continue;
            }
            let left = usize::try_from(self.part.end - self.part.start).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(left.min(bytes.len()));
            scatter.put(self.part.start, now)?;
            self.part.start += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Collects a head up to its empty line, and returns what follows it.
    fn put_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], MultipartError> {
        let known = self.head.len();
        let room = MAX_HEAD_BYTES - known;
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let end = self.head.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
        let Some(end) = end else {
            // After the last part nothing follows but the closing boundary.
            return if self.head.len() < MAX_HEAD_BYTES { Ok(&[]) } else { Err(MultipartError::Head) };
        };
        self.part = self.part_of(&self.head[..end])?;
        self.head.clear();
        Ok(&bytes[end - known..])
    }

    fn part_of(&self, head: &[u8]) -> Result<Range<u64>, MultipartError> {
        let text = std::str::from_utf8(head).ok().filter(|_| contains(head, &self.boundary));
        let range = text.and_then(|text| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let mut values = lines.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-range"));
            content_range(values.next()?.1.trim())
        });
        match range {
            Some((_, size)) if size != self.size_bytes => Err(MultipartError::OtherSize(size)),
            Some((range, _)) => Ok(range),
            None => Err(MultipartError::Head),
        }
    }
}

fn contains(head: &[u8], boundary: &[u8]) -> bool {
    head.windows(boundary.len()).any(|part| part == boundary)
}

/// `bytes first-last/size` as a half-open range and the size.
pub(super) fn content_range(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    Some((first..last.checked_add(1).filter(|&end| end > first)?, size.parse().ok()?))
}

/// `bytes */size` as the size.
pub(super) fn unsatisfied_range(text: &str) -> Option<u64> {
    text.strip_prefix("bytes */")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::ranges::{spans, stretches};

    const TYPE: &str = "multipart/byteranges; boundary=\"x y\"";
    const BODY: &[u8] = b"\r\n--x y\r\nContent-Type: image/tiff\r\ncontent-range: bytes 2-3/10\r\n\r\ncd\r\n--x y\r\n\
        Content-Range: bytes 6-8/10\r\n\r\nghi\r\n--x y--\r\n";

    fn read(body: &[u8], portion: usize) -> Result<Vec<(usize, bytes::Bytes)>, MultipartError> {
        let ranges = [7..9, 2..4];
        let mut scatter = Scatter::new(stretches(spans(&ranges), 0));
        let mut multipart = Multipart::new(TYPE, 10).expect("several ranges");
        for part in body.chunks(portion) {
            multipart.put(part, &mut scatter)?;
        }
        Ok(scatter.finish(&ranges)?)
    }

    #[test]
    fn parts_are_put_in_place_however_the_body_is_cut() {
        for portion in 1..BODY.len() {
            let answers = read(BODY, portion).expect("a good body");
            assert_eq!(answers, [(1, "cd".into()), (0, "hi".into())]);
        }
    }

    #[test]
    fn other_bodies_are_told() {
        let other = String::from_utf8(BODY.to_vec()).expect("text");
        assert_eq!(read(other.replace("8/10", "8/11").as_bytes(), 9), Err(MultipartError::OtherSize(11)));
        assert_eq!(read(other.replace("bytes 6", "lines 6").as_bytes(), 9), Err(MultipartError::Head));
        assert_eq!(read(other.replace("x y", "z").as_bytes(), 9), Err(MultipartError::Head));
        assert!(matches!(read(&BODY[..60], 9), Err(MultipartError::Scatter(ScatterError::Short { .. }))));
        assert_eq!(read(&[b'a'; 5000], 9), Err(MultipartError::Head));
        assert!(Multipart::new("image/tiff", 10).is_none() && Multipart::new("text/plain; boundary=x", 10).is_none());
    }
}
