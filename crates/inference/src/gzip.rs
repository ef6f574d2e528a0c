//! A gzip file to its very end: every member's checksum and length (RFC 1952, section 2.3.1) hold, or reading fails.
//!
//! Padding behind the last member, which tapes leave, is passed over as gzip(1) does. `delivery` calls it.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// First bytes of a member.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The unpacked bytes of all members in a row.
pub(crate) struct Members<R> {
    /// `None` after the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(crate) fn of(packed: R) -> Self {
        Self { member: Some(GzDecoder::new(packed)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            // It has ended as it says it does. What does not begin like another is padding.
            let has_next = member.get_mut().fill_buf()?.first() == Some(&MAGIC[0]);
            self.member = self.member.take().filter(|_| has_next).map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Members::of(bytes).read_to_end(&mut text).map(|_| text)
    }

    #[test]
    fn members_in_a_row_and_padding_are_read_as_gzip_does() {
        let both = [packed(b"one"), packed(b" two"), vec![0; 512]].concat();
        assert_eq!(unpacked(&both).unwrap(), b"one two");
    }

    #[test]
    fn no_byte_of_the_checksum_or_the_length_may_differ() {
        let whole = packed(b"a delivery");
        for at in whole.len() - 8..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(unpacked(&damaged).is_err(), "byte {at} of {}", whole.len());
            assert!(unpacked(&whole[..at]).is_err(), "cut at {at}");
        }
    }
}
