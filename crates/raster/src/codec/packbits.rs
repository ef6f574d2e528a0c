//! PackBits: runs of bytes (TIFF 6.0, section 9).

/// Decodes into `out` and returns how many bytes it got before the input ended or `out` was full.
pub(super) fn decode(mut input: &[u8], out: &mut [u8]) -> usize {
    let mut written = 0;
    while let ([header, rest @ ..], true) = (input, written < out.len()) {
        let room = out.len() - written;
        match *header {
            literal @ 0..=127 => {
                let length = (usize::from(literal) + 1).min(rest.len());
                let copied = length.min(room);
                out[written..written + copied].copy_from_slice(&rest[..copied]);
                written += copied;
                input = &rest[length..];
            }
            128 => input = rest,
            run => {
                let [value, rest @ ..] = rest else { break };
                let length = (257 - usize::from(run)).min(room);
                out[written..written + length].fill(*value);
                written += length;
                input = rest;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_example_of_the_specification_unpacks() {
        let packed = [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7, 0xaa];
        let mut out = [0; 24];
        assert_eq!(decode(&packed, &mut out), 24);
        let start = [0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0x22];
        assert_eq!(out[..14], start);
        assert_eq!(out[14..], [0xaa; 10]);
    }

    #[test]
    fn neither_end_is_overrun() {
        let mut out = [0; 3];
        assert_eq!(decode(&[0x81, 7], &mut out), 3);
        assert_eq!(decode(&[0x05, 1, 2], &mut out), 2);
        assert_eq!(decode(&[0x81], &mut out), 0);
        assert_eq!(decode(&[128, 128], &mut out), 0);
    }
}
