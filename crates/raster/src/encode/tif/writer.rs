//! A TIFF being written: strips and directories one after the other. Source: Adobe, TIFF 6.0. It knows no pictures.

use crate::{RasterError, Result, encode::deflate::append_zlib};

/// What a tag holds.
pub(super) enum Value {
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Doubles(Vec<f64>),
    Text(String),
}

/// A file being written: the strips so far.
#[derive(Debug)]
pub(super) struct Writer {
    file: Vec<u8>,
    /// Room for one strip: the file must not be moved for each.
    strip: Vec<u8>,
    /// Where the offset of the next directory is to be written.
    link_at: usize,
}

impl Writer {
    /// An empty file: the signature.
    pub(super) fn new() -> Self {
        Self { file: b"II\x2a\0\0\0\0\0".to_vec(), strip: Vec::new(), link_at: 4 }
    }

    /// The whole file.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.file.shrink_to_fit();
        self.file
    }

    /// Appends a strip; gives its offset and size.
    pub(super) fn strip(&mut self, bytes: &[u8]) -> Result<(u32, u32)> {
        let failed = |reason: String| RasterError::Encode { format: "tif", reason };
        let start = self.file.len();
        self.strip.clear();
        append_zlib(bytes, &mut self.strip).map_err(failed)?;
        self.file.extend_from_slice(&self.strip);
        let offset = u32::try_from(start).map_err(|error| failed(error.to_string()))?;
        let size = u32::try_from(self.file.len() - start).map_err(|error| failed(error.to_string()))?;
        Ok((offset, size))
    }

    /// Appends a directory, whose tags are in ascending order, and links it to the one before.
    pub(super) fn directory(&mut self, tags: &[(u16, Value)]) {
        self.align();
        let start = self.file.len() as u32;
        self.file[self.link_at..][..4].copy_from_slice(&start.to_le_bytes());
        self.file.extend_from_slice(&(tags.len() as u16).to_le_bytes());
        let mut beyond = Vec::new();
        let beyond_at = self.file.len() + tags.len() * 12 + 4;
        for (tag, value) in tags {
            let (kind, count, mut bytes) = value.spelt();
            if bytes.len() > 4 {
                let at = (beyond_at + beyond.len()) as u32;
                bytes.resize(bytes.len().next_multiple_of(2), 0);
                beyond.append(&mut bytes);
                bytes = at.to_le_bytes().to_vec();
            }
            bytes.resize(4, 0);
            self.file.extend_from_slice(&tag.to_le_bytes());
            self.file.extend_from_slice(&kind.to_le_bytes());
            self.file.extend_from_slice(&count.to_le_bytes());
            self.file.extend_from_slice(&bytes);
        }
        self.link_at = self.file.len();
        self.file.extend_from_slice(&[0; 4]);
        self.file.append(&mut beyond);
    }

    /// Directories begin on even offsets.
    fn align(&mut self) {
        self.file.resize(self.file.len().next_multiple_of(2), 0);
    }
}

impl Value {
    /// TIFF's number of the type, how many there are, and their bytes.
    fn spelt(&self) -> (u16, u32, Vec<u8>) {
        match self {
            Self::Shorts(values) => {
                (3, values.len() as u32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Self::Longs(values) => {
                (4, values.len() as u32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Self::Doubles(values) => {
                (12, values.len() as u32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Self::Text(text) => (2, text.len() as u32 + 1, text.bytes().chain([0]).collect()),
        }
    }
}
