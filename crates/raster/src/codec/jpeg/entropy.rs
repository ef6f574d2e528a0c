//! Entropy-coded data of a JPEG: bits and the symbols they stand for. It knows no blocks; the caller is a scan of
//! [`super`].

use super::{Fault, Result};

/// Bits that a code is looked up by at once.
const LOOKUP_BITS: u32 = 9;

/// A Huffman code: short codes by a table, long ones by their first code and place (T.81, annex F.2.2.3).
pub(super) struct Huffman {
    /// Length and symbol by the next [`LOOKUP_BITS`] bits; length 0 for longer codes.
    short: [(u8, u8); 1 << LOOKUP_BITS],
    /// By length: one more than the last code of it, left-aligned to 16 bits, and what to add to a code for its place.
    long: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    pub(super) fn new(counts: &[u8], symbols: &[u8]) -> Result<Self> {
        let mut code = 0_u32;
        let mut table = Self { short: [(0, 0); 1 << LOOKUP_BITS], long: [(0, 0); 17], symbols: symbols.to_vec() };
        let mut place = 0_usize;
        for (length, &count) in (1_u32..).zip(counts) {
            let end = code + u32::from(count);
            if end > 1 << length {
                return Err(Fault::Bad("a Huffman table with too many codes"));
            }
            table.long[length as usize] = (end << (16 - length), place as i32 - code as i32);
            for (code, &symbol) in (code..end).zip(&symbols[place..]) {
                if length <= LOOKUP_BITS {
                    let first = (code << (LOOKUP_BITS - length)) as usize;
                    table.short[first..first + (1 << (LOOKUP_BITS - length))].fill((length as u8, symbol));
                }
            }
            place += usize::from(count);
            code = end << 1;
        }
        Ok(table)
    }

    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8> {
        let next = bits.peek_16();
        let (length, symbol) = self.short[(next >> (16 - LOOKUP_BITS)) as usize];
        if length > 0 {
            bits.skip(length.into());
            return Ok(symbol);
        }
        let found = (LOOKUP_BITS + 1..=16).find(|&length| next < self.long[length as usize].0);
        let length = found.ok_or(Fault::Bad("a code that no table has"))?;
        bits.skip(length);
        let place = (next >> (16 - length)) as i32 + self.long[length as usize].1;
        usize::try_from(place)
            .ok()
            .and_then(|place| self.symbols.get(place))
            .copied()
            .ok_or(Fault::Bad("a code that no table has"))
    }
}

/// Bits of entropy-coded data, which ends at a marker; zeros follow its end, as libjpeg supplies them.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    pending: u64,
    count: u32,
    /// Zeros made up so far, in bytes.
    made_up: usize,
}

/// Made-up bytes after which a stream is held to be cut short rather than one that left out its last zeros.
const MOST_MADE_UP_BYTES: usize = 64;

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, pending: 0, count: 0, made_up: 0 }
    }

    fn fill(&mut self) {
        while self.count <= 48 {
            let byte = match (self.bytes.get(self.at), self.bytes.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    0xff
                }
                (Some(0xff), _) | (None, _) => {
                    self.made_up += 1;
                    0
                }
                (Some(&byte), _) => {
                    self.at += 1;
                    byte
                }
            };
            self.pending = self.pending << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn peek_16(&mut self) -> u32 {
        if self.count < 16 {
            self.fill();
        }
        (self.pending >> (self.count - 16)) as u32 & 0xffff
    }

    fn skip(&mut self, count: u32) {
        self.count -= count;
    }

    /// A number of `length` bits, of which the lower half is negative (T.81, figure F.12).
    pub(super) fn number(&mut self, length: u8) -> i32 {
        if length == 0 {
            return 0;
        }
        let length = u32::from(length.min(16));
        let bits = (self.peek_16() >> (16 - length)) as i32;
        self.skip(length);
        if bits < 1 << (length - 1) { bits - (1 << length) + 1 } else { bits }
    }

    /// Whether more zeros were made up than any writer leaves out.
    pub(super) fn is_cut_short(&self) -> bool {
        self.made_up > MOST_MADE_UP_BYTES
    }

    /// What follows the data read so far.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at.min(self.bytes.len())..]
    }

    /// Goes on after a restart marker.
    pub(super) fn restart(&mut self) -> Result<()> {
        let (pending, count) = (0, 0);
        match self.bytes.get(self.at..self.at + 2) {
            Some([0xff, 0xd0..=0xd7]) => {
                *self = Self { at: self.at + 2, pending, count, made_up: 0, ..*self };
                Ok(())
            }
            _ => Err(Fault::Bad("a restart marker is missing")),
        }
    }
}
