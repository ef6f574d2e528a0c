//! A fingerprint of a file's content that does not read all of it: size, head, tail and samples between.
//!
//! It tells a file that was only touched or copied over itself from one that was written anew. Two different radar
//! rasters differ nearly everywhere, so samples suffice; an edit of a few bytes between samples goes unnoticed
//! unless size changes too.

use std::{fs::File, io, os::unix::fs::FileExt};

/// Bytes of each sample.
const SAMPLE_BYTES: u64 = 16 << 10;

/// Samples, spread evenly; the first is the head and the last the tail. Shorter files are read whole.
const SAMPLES: u64 = 64;

/// The fingerprint of a file of `size_bytes`, in 32 hex digits. Blocks for as long as reading takes.
///
/// # Errors
/// When reading fails or the file is shorter than `size_bytes` by now.
pub fn of(file: &File, size_bytes: u64) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&size_bytes.to_le_bytes());
    let mut sample = [0; SAMPLE_BYTES as usize];
    for (offset, length) in samples(size_bytes) {
        let part = &mut sample[..length];
        file.read_exact_at(part, offset)?;
        hasher.update(part);
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

/// Offset and length of each sample.
fn samples(size_bytes: u64) -> Vec<(u64, usize)> {
    let last_start = size_bytes.saturating_sub(SAMPLE_BYTES);
    let starts: Vec<u64> = if size_bytes <= SAMPLES * SAMPLE_BYTES {
        (0..size_bytes).step_by(SAMPLE_BYTES as usize).collect()
    } else {
        let start = |number: u64| u128::from(last_start) * u128::from(number) / u128::from(SAMPLES - 1);
        (0..SAMPLES).map(|number| start(number) as u64).collect()
    };
    starts.into_iter().map(|start| (start, (size_bytes - start).min(SAMPLE_BYTES) as usize)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        of(file.as_file(), bytes.len() as u64).unwrap()
    }

    #[test]
    fn short_files_are_read_whole() {
        let mut bytes = vec![1; 100_000];
        let before = identity(&bytes);
        assert_eq!(identity(&bytes), before);
        bytes[50_000] = 2;
        assert_ne!(identity(&bytes), before);
        assert_ne!(identity(&[]), identity(&[0]));
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
    }

    #[test]
    fn a_file_that_shrank_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(of(file.as_file(), 10).is_err());
    }
}
