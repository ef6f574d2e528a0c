//! One zlib stream in one call, as fast as this machine can.
//!
//! ISA-L where the feature `isal` is on; else zlib-rs at its fastest level. Both write a whole stream with its
//! Adler-32. Nothing here knows what the bytes mean.

/// Bytes that a zlib stream may need beyond its input: stored blocks of 65,535 bytes cost 5 each, header and trailer 6;
/// ISA-L wants room for its header tables besides.
const fn worst_size_bytes(input_bytes: usize) -> usize {
    input_bytes + input_bytes / 1024 + 1024
}

/// Appends the zlib stream of `input` to `output`.
///
/// # Errors
/// What the compressor says.
#[cfg(feature = "isal")]
pub(super) fn append_zlib(input: &[u8], output: &mut Vec<u8>) -> Result<(), String> {
    let room_bytes = worst_size_bytes(input.len());
    // A file of several bands would else hold room for twice as much.
    output.reserve_exact(room_bytes);
    crate::igzip::append(input, output, room_bytes).map_err(|code| format!("{code:?}"))
}

/// Appends the zlib stream of `input` to `output`.
///
/// # Errors
/// What the compressor says.
#[cfg(not(feature = "isal"))]
pub(super) fn append_zlib(input: &[u8], output: &mut Vec<u8>) -> Result<(), String> {
    portable::append_zlib(input, output)
}

#[cfg(any(test, not(feature = "isal")))]
mod portable {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};

    pub(super) fn append_zlib(input: &[u8], output: &mut Vec<u8>) -> Result<(), String> {
        output.reserve(super::worst_size_bytes(input.len()) / 2);
        let mut encoder = ZlibEncoder::new(output, Compression::fast());
        encoder.write_all(input).and_then(|()| encoder.finish().map(drop)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::ZlibDecoder;
    use proptest::prelude::*;

    fn inflate(stream: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        ZlibDecoder::new(stream).read_to_end(&mut bytes).expect("a whole stream with a right checksum");
        bytes
    }

    fn check(input: &[u8]) {
        for append in [super::append_zlib, super::portable::append_zlib] {
            let mut output = b"before".to_vec();
            append(input, &mut output).unwrap();
            assert_eq!(&output[..6], b"before");
            assert_eq!(inflate(&output[6..]), input);
        }
    }

    proptest! {
        #[test]
        fn both_compressors_keep_every_byte(input in prop::collection::vec(any::<u8>(), 0..70_000)) {
            check(&input);
        }
    }

    #[test]
    fn equal_bytes_become_equal_streams_whatever_was_compressed_before() {
        let input: Vec<u8> = (0..60_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
        let stream_after = |before: &[u8]| {
            let mut output = Vec::new();
            super::append_zlib(before, &mut output).unwrap();
            output.clear();
            super::append_zlib(&input, &mut output).unwrap();
            output
        };
        let first = stream_after(&[]);
        assert_eq!(stream_after(&vec![3; 200_000]), first);
        assert_eq!(stream_after(&input[7..]), first);
    }

    #[test]
    fn nothing_and_sameness_compress() {
        check(&[]);
        check(&vec![7; 300_000]);
    }
}
