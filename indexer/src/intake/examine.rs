//! What a settled file is: its fingerprint, its header's facts, whether it is whole. Blocking; runs on a
//! lane (`lane.rs`).

use std::{fs::File, io, os::unix::fs::FileExt};

use aurora_catalog::store::Stamp;
use aurora_raster::{
    Limits, RasterError,
    facts::{self, Facts, SoFar},
};

use super::identity::{self, Identity};
use crate::{
    paths::Root,
    watch::{candidate, scan},
};

/// Bytes at the start of a file that tell what it is and where it ends.
const HEAD_BYTES: usize = 64;

/// How files begin that say where the rest of them lies, and bytes that each says it in: TIFF of either byte order
/// (TIFF 6.0, section 2), BigTIFF, and the shortest superblock of HDF5.
const BEGINNINGS: [(&[u8], usize); 5] =
    [(b"II*\0", 8), (b"MM\0*", 8), (b"II+\0", 16), (b"MM\0+", 16), (b"\x89HDF\r\n\x1a\n", 48)];

/// What is said of a delivery, which no reader of rasters could make anything of.
const NOT_UNPACKED: &str = "a delivery, shown once ingest has taken the raster out of it";

/// Fewer bytes than this tell nothing of a file.
const LEAST_BEGINNING_BYTES: usize = 2;

/// A file as it was when it was read.
#[derive(Debug, Clone)]
pub struct Examined {
    /// Size and time while it was read; it did not change meanwhile.
    pub stamp: Stamp,
    /// Fingerprints of its content.
    pub identity: Identity,
    /// What it holds.
    pub content: Content,
}

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// A raster that our reader can show.
    Raster(Box<Facts>),
    /// Something that only ingest may be able to use, and why.
    NotShown(String),
    /// A TIFF that is still missing bytes, and which.
    Incomplete(String),
}

/// Reads the file at `path` below `root`, all of it up to `whole_bytes`; `None` when it changed while being read.
///
/// # Errors
/// When it cannot be read.
pub fn examine(root: &Root, path: &str, whole_bytes: u64) -> io::Result<Option<Examined>> {
    let is_delivery = candidate::is_delivery(path);
    let path = root.path.join(path);
    let file = File::open(&path)?;
    let stamp = scan::stamp(root, &file.metadata()?);
    let content = match missing_directory(&file, stamp.size_bytes)? {
        Some(missing) => Content::Incomplete(missing),
        None => match content(facts::read_so_far(&path, &Limits::default())) {
            Content::NotShown(_) if is_delivery => Content::NotShown(NOT_UNPACKED.to_owned()),
            other => other,
        },
    };
    let identity = identity::of(&file, stamp.size_bytes, whole_bytes)?;
    let is_same = |metadata| scan::stamp(root, &metadata) == stamp;
    let unchanged = is_same(file.metadata()?) && is_same(std::fs::metadata(path)?);
    Ok(unchanged.then_some(Examined { stamp, identity, content }))
}

fn content(found: Result<SoFar, RasterError>) -> Content {
    match found {
        Ok(SoFar::CutOff(missing)) => Content::Incomplete(missing),
        Ok(SoFar::Facts(facts)) if !facts.is_whole() => Content::Incomplete(format!(
            "{} of {} bytes are there; {} are missing",
            facts.size_bytes,
            facts.end_byte,
            facts.end_byte - facts.size_bytes
        )),
        Ok(SoFar::Facts(facts)) if facts.bounds_wgs84.is_none() => {
            let note = facts.georef_note.clone();
            Content::NotShown(note.unwrap_or_else(|| "no georeferencing".to_owned()))
        }
        Ok(SoFar::Facts(facts)) => Content::Raster(facts),
        Err(error) => Content::NotShown(error.to_string()),
    }
}

/// Writers put a TIFF's first directory where they like, often last: while it lies beyond the end of the file, the
/// file is not whole. HDF5 says where its end is. Byte order and offset as in TIFF 6.0, section 2, and BigTIFF.
fn missing_directory(file: &File, size_bytes: u64) -> io::Result<Option<String>> {
    if size_bytes == 0 {
        return Ok(Some("the file is empty".to_owned()));
    }
    let mut head = [0; HEAD_BYTES];
    let length = size_bytes.min(HEAD_BYTES as u64) as usize;
    file.read_exact_at(&mut head[..length], 0)?;
    if let Some(bytes) = cut_beginning(&head[..length]) {
        return Ok(Some(format!("its first {bytes} bytes say where the rest lies; only {size_bytes} are there")));
    }
    if let Some(end) = hdf5_end(&head[..length]).filter(|end| *end > size_bytes) {
        let missing = end - size_bytes;
        return Ok(Some(format!("{size_bytes} of {end} bytes are there; {missing} are missing")));
    }
    let offset = directory_offset(&head[..length]).filter(|offset| *offset >= size_bytes);
    Ok(offset.map(|offset| format!("its directory is to lie at byte {offset}; only {size_bytes} bytes are there")))
}

/// How many bytes the beginning of such a file has, where it is cut within them.
fn cut_beginning(head: &[u8]) -> Option<usize> {
    let is_cut = |(signature, bytes): &&(&[u8], usize)| {
        let common = head.len().min(signature.len());
        common >= LEAST_BEGINNING_BYTES && head[..common] == signature[..common] && head.len() < *bytes
    };
    BEGINNINGS.iter().find(is_cut).map(|(_, bytes)| *bytes)
}

/// Length of an HDF5 file by its superblock (HDF5 File Format Specification 3.0, section II.A), for addresses of 8
/// bytes.
fn hdf5_end(head: &[u8]) -> Option<u64> {
    let rest = head.strip_prefix(b"\x89HDF\r\n\x1a\n")?;
    let (address_bytes_at, end_at) = match rest.first()? {
        0 => (13, 40),
        1 => (13, 44),
        2 | 3 => (9, 28),
        _ => return None,
    };
    let end = head.get(end_at..end_at + 8).filter(|_| head.get(address_bytes_at) == Some(&8))?;
    Some(end.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// Where a TIFF's first directory lies; `None` when these are not the first bytes of a TIFF.
fn directory_offset(head: &[u8]) -> Option<u64> {
    let little = match head.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let bytes = head.get(range)?.iter();
        let push = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        Some(if little { bytes.rev().fold(0, push) } else { bytes.fold(0, push) })
    };
    match number(2..4)? {
        42 => number(4..8),
        43 => number(8..16),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(bytes: &[u8]) -> Content {
        let dir = tempfile::tempdir().unwrap();
        let root = Root { path: dir.path().to_owned(), excluded: Vec::new(), tells_ctime: true };
        std::fs::write(dir.path().join("a"), bytes).unwrap();
        examine(&root, "a", 0).unwrap().unwrap().content
    }

    #[test]
    fn a_directory_beyond_the_end_is_still_to_come() {
        for head in [&b"II*\0\x40\0\0\0"[..], b"MM\0*\0\0\0\x40", b"II+\0\x08\0\0\0\x40\0\0\0\0\0\0\0", b""] {
            assert!(matches!(examined(head), Content::Incomplete(_)), "{head:?}");
        }
    }

    #[test]
    fn what_is_cut_in_its_beginning_is_still_to_come() {
        for head in [&b"II"[..], b"MM\0", b"II*\0\x08\0\0", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0", b"\x89HDF\r\n\x1a\n\0"]
        {
            assert!(matches!(examined(head), Content::Incomplete(_)), "{head:?}");
        }
    }

    #[test]
    fn of_a_delivery_is_said_that_it_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root { path: dir.path().to_owned(), excluded: Vec::new(), tells_ctime: true };
        for (name, note) in [("a.tgz", NOT_UNPACKED), ("a.h5", NOT_UNPACKED), ("a.tif", "not a TIFF")] {
            std::fs::write(dir.path().join(name), b"\x1f\x8b\x08\0\0\0\0\0\0\0\0\0").unwrap();
            let content = examine(&root, name, 0).unwrap().unwrap().content;
            assert!(matches!(&content, Content::NotShown(why) if why.starts_with(note)), "{name}: {content:?}");
        }
    }

    /// A TIFF of one pixel in its last byte whose tags' values lie between its directory and that.
    fn whole() -> Vec<u8> {
        let (short, long, double) = (3_u16, 4_u16, 12_u16);
        let tags = [
            (256_u16, short, 1_u32, 1_u32),
            (257, short, 1, 1),
            (258, short, 1, 8),
            (262, short, 1, 1),
            (273, long, 1, 182),
            (277, short, 1, 1),
            (278, short, 1, 1),
            (279, long, 1, 1),
            (33550, double, 3, 134),
            (33922, double, 3, 158),
        ];
        let mut bytes = b"II*\0\x08\0\0\0\x0a\0".to_vec();
        for (tag, field, count, value) in tags {
            bytes.extend([tag.to_le_bytes(), field.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend([0; 4]);
        bytes.extend([1.0_f64; 6].iter().flat_map(|number| number.to_le_bytes()));
        bytes.push(7);
        bytes
    }

    #[test]
    fn what_is_cut_anywhere_is_still_to_come() {
        let whole = whole();
        for length in 2..whole.len() {
            let found = examined(&whole[..length]);
            assert!(matches!(found, Content::Incomplete(_)), "{length} of {}: {found:?}", whole.len());
        }
        let found = examined(&whole);
        assert!(matches!(&found, Content::NotShown(_)), "it lies nowhere: {found:?}");
    }

    #[test]
    fn what_contradicts_itself_is_not_waited_for() {
        let mut bytes = whole();
        // A picture without columns.
        bytes[18..20].copy_from_slice(&[0, 0]);
        assert!(matches!(examined(&bytes), Content::NotShown(_)));
    }

    #[test]
    fn hdf5_says_where_it_ends() {
        for (version, address_bytes_at, end_at) in [(0, 13, 40), (1, 13, 44), (2, 9, 28)] {
            let mut bytes = vec![0; 100];
            bytes[..8].copy_from_slice(b"\x89HDF\r\n\x1a\n");
            (bytes[8], bytes[address_bytes_at], bytes[end_at]) = (version, 8, 101);
            assert!(matches!(examined(&bytes), Content::Incomplete(missing) if missing.contains("100 of 101")));
            bytes[end_at] = 100;
            assert!(matches!(examined(&bytes), Content::NotShown(_)));
        }
    }

    #[test]
    fn what_is_no_tiff_is_not_waited_for() {
        for bytes in [&b"not a raster"[..], b"I", b"\x89PNG\r\n\x1a\n"] {
            assert!(matches!(examined(bytes), Content::NotShown(_)), "{bytes:?}");
        }
    }
}
