//! Writes lossless WebPs (RFC 9649) of one colour that have as many groups of prefix codes as wanted.

/// Bits from the lowest of each byte up.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().expect("a byte") |= ((value >> bit & 1) as u8) << (self.count % 8);
            self.count += 1;
        }
    }

    /// A code of one symbol, 0, which takes no bits.
    fn put_lone_code(&mut self) {
        self.put(0b0001, 4);
    }

    /// A code in which the first 256 of so many symbols have 8 bits each.
    fn put_byte_code(&mut self, alphabet: u32) {
        // Twelve lengths of length codes, of which 0 (third) and 8 (twelfth) have one bit.
        self.put(0, 1);
        self.put(12 - 4, 4);
        (0..12).for_each(|at| self.put(u32::from(at == 2 || at == 11), 3));
        self.put(0, 1);
        (0..alphabet).for_each(|symbol| self.put(u32::from(symbol < 256), 1));
    }

    /// A symbol of such a code: its bits from the highest down.
    fn put_byte(&mut self, value: u8) {
        self.put(value.reverse_bits().into(), 8);
    }
}

/// A file of `side_px` pixels square whose squares of 4 × 4 pixels are coded by `groups` groups in turn.
pub(crate) fn of_groups(side_px: u32, groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0x2f, 8);
    bits.put(side_px - 1, 14);
    bits.put(side_px - 1, 14);
    // No alpha, version 0; no transform, no colour cache; an entropy image, of squares of 2^(2 + 0) pixels.
    bits.put(0, 4);
    bits.put(0b100, 3);
    bits.put(0, 3);
    // The entropy image: no colour cache; codes of green, red, blue, alpha and distances.
    bits.put(0, 1);
    bits.put_byte_code(256 + 24);
    bits.put_byte_code(256);
    (0..3).for_each(|_| bits.put_lone_code());
    for square in 0..side_px.div_ceil(4).pow(2) {
        let [low, high, ..] = (square % groups).to_le_bytes();
        bits.put_byte(low);
        bits.put_byte(high);
    }
    (0..groups * 5).for_each(|_| bits.put_lone_code());
    // The pixels take no bits.
    bits.put(0, (8 - bits.count as u32 % 8) % 8);
    if bits.bytes.len() % 2 == 1 {
        bits.put(0, 8);
    }
    let chunk = |name: &[u8; 4], data: &[u8]| [&name[..], &(data.len() as u32).to_le_bytes(), data].concat();
    chunk(b"RIFF", &[&b"WEBP"[..], &chunk(b"VP8L", &bits.bytes)].concat())
}
