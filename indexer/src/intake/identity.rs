//! Fingerprints of a file's content: one of all its bytes where it is not too long for that, and one of its size, head,
//! tail and samples between.
//!
//! They tell a file that was only touched, moved or copied from one that was written anew. Two different radar rasters
//! differ nearly everywhere, which samples find; an edit between the samples they do not. So of a file that is too
//! long to be read whole before it is catalogued, samples count only while its modification time stays what it was: a
//! run too many does less harm than a result of what is no more.

use std::{fs::File, io, os::unix::fs::FileExt};

/// Bytes of each sample.
const SAMPLE_BYTES: u64 = 16 << 10;

/// Samples, spread evenly; the first is the head and the last the tail. Shorter files are read whole.
const SAMPLES: u64 = 64;

/// Bytes read at a time of a file that is read whole.
const PIECE_BYTES: u64 = 1 << 20;

/// The fingerprints of one content, in 32 hex digits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    sampled: String,
    whole: Option<String>,
}

impl Identity {
    /// The one to be written down.
    pub fn kept(&self) -> &str {
        self.whole.as_ref().unwrap_or(&self.sampled)
    }

    /// All that may have been written down of this content, by an earlier version or under another limit too.
    pub fn forms(&self) -> impl Iterator<Item = &str> {
        let whole = self.whole.as_deref().filter(|whole| *whole != self.sampled);
        std::iter::once(self.sampled.as_str()).chain(whole)
    }

    /// Whether what was written down is of the same content; `same_mtime`: its file had the modification time that this
    /// one has.
    pub fn is_of(&self, written: &str, same_mtime: bool) -> bool {
        self.whole.as_deref() == Some(written) || same_mtime && self.sampled == written
    }
}

/// The fingerprints of a file of `size_bytes`, which is read whole up to `whole_bytes`. Blocks for as long as reading
/// takes.
///
/// # Errors
/// When reading fails or the file is shorter than `size_bytes` by now.
pub fn of(file: &File, size_bytes: u64, whole_bytes: u64) -> io::Result<Identity> {
    let sampled = of_pieces(file, size_bytes, samples(size_bytes))?;
    let whole = if size_bytes <= SAMPLES * SAMPLE_BYTES {
        Some(sampled.clone())
    } else if size_bytes <= whole_bytes {
        Some(of_pieces(file, size_bytes, pieces(size_bytes, PIECE_BYTES))?)
    } else {
        None
    };
    Ok(Identity { sampled, whole })
}

fn of_pieces(file: &File, size_bytes: u64, pieces: impl IntoIterator<Item = (u64, usize)>) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&size_bytes.to_le_bytes());
    let mut buffer = Vec::new();
    for (offset, length) in pieces {
        buffer.resize(length, 0);
        file.read_exact_at(&mut buffer, offset)?;
        hasher.update(&buffer);
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

/// Offset and length of each sample.
fn samples(size_bytes: u64) -> Vec<(u64, usize)> {
    if size_bytes <= SAMPLES * SAMPLE_BYTES {
        return pieces(size_bytes, SAMPLE_BYTES).collect();
    }
    let last_start = size_bytes - SAMPLE_BYTES;
    let start = |number: u64| u128::from(last_start) * u128::from(number) / u128::from(SAMPLES - 1);
    (0..SAMPLES).map(|number| (start(number) as u64, SAMPLE_BYTES as usize)).collect()
}

/// Offset and length of each piece of `piece_bytes`, the last of what is left.
fn pieces(size_bytes: u64, piece_bytes: u64) -> impl Iterator<Item = (u64, usize)> {
    let starts = (0..size_bytes).step_by(piece_bytes as usize);
    starts.map(move |start| (start, (size_bytes - start).min(piece_bytes) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: usize = 3 << 20;

    fn identity(bytes: &[u8], whole_bytes: u64) -> Identity {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        of(file.as_file(), bytes.len() as u64, whole_bytes).unwrap()
    }

    #[test]
    fn short_files_are_read_whole() {
        let mut bytes = vec![1; 100_000];
        let before = identity(&bytes, 0);
        assert_eq!(identity(&bytes, 0), before);
        assert!(before.is_of(before.kept(), false) && before.forms().count() == 1);
        bytes[50_000] = 2;
        assert_ne!(identity(&bytes, 0), before);
        assert_ne!(identity(&[], 0), identity(&[0], 0));
    }

    #[test]
    fn an_edit_between_the_samples_shows_in_the_whole_and_in_the_time() {
        let (before, mut edited) = (vec![1; LONG], vec![1; LONG]);
        edited[20_000..40_000].fill(2);
        let (was, is) = (identity(&before, 0), identity(&edited, 0));
        assert_eq!(was, is, "the samples lie elsewhere");
        assert!(is.is_of(was.kept(), true) && !is.is_of(was.kept(), false));
        let (was, is) = (identity(&before, LONG as u64), identity(&edited, LONG as u64));
        assert!(!is.is_of(was.kept(), true) && !is.is_of(was.kept(), false));
        assert!(was.is_of(was.kept(), false));
    }

    #[test]
    fn what_was_written_down_of_samples_is_still_known() {
        let bytes = vec![1; LONG];
        let (old, new) = (identity(&bytes, 0), identity(&bytes, LONG as u64));
        assert_ne!(old.kept(), new.kept());
        assert!(new.forms().any(|form| form == old.kept()));
        assert!(new.is_of(old.kept(), true) && !new.is_of(old.kept(), false));
    }

    #[test]
    fn long_files_are_sampled_from_head_to_tail() {
        for size in [SAMPLES * SAMPLE_BYTES + 1, 10_000_000_019, 1 << 45] {
            let samples = samples(size);
            assert_eq!(samples.len() as u64, SAMPLES);
            assert_eq!(samples[0].0, 0);
            assert_eq!(samples[63].0 + samples[63].1 as u64, size);
            assert!(samples.is_sorted());
        }
        assert_eq!(pieces(5, 2).collect::<Vec<_>>(), [(0, 2), (2, 2), (4, 1)]);
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(of(file.as_file(), 10, 0).is_err());
    }
}
