//! Whether a delivery's archive is whole. A gzip stream tells where it ends only to who reads it to its end, which
//! takes as long as the archive is long: `watch/proof.rs` has it done beside everything else. It unpacks nothing to
//! disk and judges no members; ingest does.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

/// First bytes of gzip (RFC 1952, section 2.3.1).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// More than any delivery unpacks to: what is longer is left to ingest to judge.
const MAX_UNPACKED_BYTES: u64 = 64 << 30;

/// What the archive at `path` lacks; `None` when it is whole, damaged, or no gzip stream. Blocking, for long.
///
/// # Errors
/// When it cannot be read.
pub fn missing(path: &Path) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let size_bytes = file.metadata()?.len();
    let mut head = Vec::new();
    Read::by_ref(&mut file).take(MAGIC.len() as u64).read_to_end(&mut head)?;
    if head != MAGIC {
        return Ok(None);
    }
    let whole = head.chain(BufReader::with_capacity(PIECE_BYTES, file));
    match unpacked(MultiGzDecoder::new(whole)) {
        Ok(()) => Ok(None),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Ok(Some(format!("its gzip stream does not end within the {size_bytes} bytes that are there")))
        }
        Err(error) if error.raw_os_error().is_some() => Err(error),
        // Damaged: ingest says how.
        Err(_) => Ok(None),
    }
}

/// Reads to the end, or as far as there is any use in it.
fn unpacked(mut stream: impl Read) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut unpacked_bytes = 0;
    while unpacked_bytes < MAX_UNPACKED_BYTES {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => unpacked_bytes += count as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(length: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let noise: Vec<u8> = (0..length as u64).map(|index| ((index * index * 2_654_435_761) >> 13) as u8).collect();
        encoder.write_all(&noise).unwrap();
        encoder.finish().unwrap()
    }

    fn of(bytes: &[u8]) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        missing(file.path()).unwrap()
    }

    #[test]
    fn an_archive_that_is_cut_anywhere_is_not_whole() {
        let whole = packed(50_000);
        assert_eq!(of(&whole), None);
        for cut in (2..64).chain((64..whole.len()).step_by(997)).chain(whole.len() - 9..whole.len()) {
            let said = of(&whole[..cut]).unwrap_or_else(|| panic!("cut at {cut} of {}", whole.len()));
            assert!(said.contains(&format!("the {cut} bytes")), "{said}");
        }
    }

    #[test]
    fn several_streams_in_a_row_are_one_archive() {
        let both = [packed(5_000), packed(700)].concat();
        assert_eq!(of(&both), None);
        assert!(of(&both[..both.len() - 3]).is_some());
    }

    #[test]
    fn what_is_damaged_or_no_gzip_is_not_waited_for() {
        let mut damaged = packed(50_000);
        let last = damaged.len() - 6;
        damaged[last] ^= 0xff;
        for bytes in [&damaged, &b"packed".to_vec(), &Vec::new(), &[packed(100), vec![0; 512]].concat()] {
            assert_eq!(of(bytes), None);
        }
    }
}
