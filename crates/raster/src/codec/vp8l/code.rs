//! Bits of a lossless WebP stream, from the lowest of each byte up, and the prefix codes in them.

/// Longest code in bits.
const MAX_BITS: usize = 15;

/// A stream of bits.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next `count` bits, at most 24, as a number; `None` beyond the end.
    pub(super) fn read(&mut self, count: u32) -> Option<u32> {
        let first = self.at / 8;
        let mut window = [0; 4];
        let there = self.bytes.get(first..)?;
        let length = there.len().min(4);
        window[..length].copy_from_slice(&there[..length]);
        self.at += count as usize;
        let number = u32::from_le_bytes(window) >> (self.at - count as usize - first * 8);
        (self.at <= self.bytes.len() * 8).then_some(number & ((1 << count) - 1))
    }

    /// The length or distance, from 1 up, that a symbol and the bits behind it stand for.
    pub(super) fn number(&mut self, symbol: usize) -> Option<usize> {
        if symbol < 4 {
            return Some(symbol + 1);
        }
        let extra = (symbol as u32 - 2) / 2;
        Some(((2 + (symbol & 1)) << extra) + self.read(extra)? as usize + 1)
    }
}

/// A canonical prefix code.
pub(super) struct Code {
    /// Symbols by length, and within a length by number.
    symbols: Vec<u16>,
    /// How many there are of each length; none of length 0.
    counts: [u16; MAX_BITS + 1],
}

impl Code {
    /// The code whose symbols have these lengths in bits, 0 for those that it has not; `None` where some bits would
    /// stand for nothing or for two.
    fn of(lengths: &[u8]) -> Option<Self> {
        let mut symbols: Vec<u16> =
            (0..lengths.len() as u16).filter(|&symbol| lengths[usize::from(symbol)] > 0).collect();
        symbols.sort_by_key(|&symbol| lengths[usize::from(symbol)]);
        let mut counts = [0; MAX_BITS + 1];
        symbols.iter().for_each(|&symbol| counts[usize::from(lengths[usize::from(symbol)])] += 1);
        let share = |length: usize| u32::from(counts[length]) << (MAX_BITS - length);
        let is_complete = (1..=MAX_BITS).map(share).sum::<u32>() == 1 << MAX_BITS;
        (is_complete || symbols.len() == 1).then_some(Self { symbols, counts })
    }

    /// Reads the code of an alphabet of so many symbols.
    fn read(bits: &mut Bits<'_>, alphabet: usize) -> Option<Self> {
        let mut lengths = vec![0; alphabet];
        if bits.read(1)? == 1 {
            let two = bits.read(1)? == 1;
            let first_bits = if bits.read(1)? == 1 { 8 } else { 1 };
            for bits_of_symbol in [Some(first_bits), two.then_some(8)].into_iter().flatten() {
                let symbol = bits.read(bits_of_symbol)? as usize;
                // Of the few distances there may be one too many, which then is none.
                lengths.get_mut(symbol).into_iter().for_each(|length| *length = 1);
            }
            return Self::of(&lengths);
        }
        Self::read_lengths(bits, &mut lengths)?;
        Self::of(&lengths)
    }

    /// Lengths are coded themselves, with symbols that repeat the last one or zeros.
    fn read_lengths(bits: &mut Bits<'_>, lengths: &mut [u8]) -> Option<()> {
        const ORDER: [usize; 19] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
        let mut lengths_of_lengths = [0; ORDER.len()];
        for &symbol in &ORDER[..bits.read(4)? as usize + 4] {
            lengths_of_lengths[symbol] = bits.read(3)? as u8;
        }
        let code = Self::of(&lengths_of_lengths)?;
        let most = match bits.read(1)? {
            0 => lengths.len(),
            _ => {
                let size = 2 + 2 * bits.read(3)?;
                2 + bits.read(size)? as usize
            }
        };
        if most > lengths.len() {
            return None;
        }
        let (mut at, mut last) = (0, 8);
        for _ in 0..most {
            if at == lengths.len() {
                break;
            }
            let (length, times) = match code.symbol(bits)? {
                16 => (last, 3 + bits.read(2)? as usize),
                17 => (0, 3 + bits.read(3)? as usize),
                18 => (0, 11 + bits.read(7)? as usize),
                length => (length as u8, 1),
            };
            lengths.get_mut(at..at + times)?.fill(length);
            at += times;
            last = if length > 0 { length } else { last };
        }
        Some(())
    }

    /// The next symbol of a stream. One that is alone takes no bits.
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<usize> {
        if let [alone] = self.symbols[..] {
            return Some(alone.into());
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for &count in &self.counts[1..] {
            code = code << 1 | bits.read(1)?;
            let count = u32::from(count);
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).map(|&symbol| symbol.into());
            }
            index += count;
            first = (first + count) << 1;
        }
        None
    }
}

/// Five codes: of green, lengths and cached colours; of red; of blue; of alpha; of distances.
pub(super) struct Group(pub(super) [Code; 5]);

impl Group {
    /// Reads a group, of which the first code has symbols for so many cached colours.
    pub(super) fn read(bits: &mut Bits<'_>, cached_colors: usize) -> Option<Self> {
        let mut code = |alphabet| Code::read(bits, alphabet);
        Some(Self([code(256 + 24 + cached_colors)?, code(256)?, code(256)?, code(256)?, code(40)?]))
    }
}
