//! Numbers out of a TIFF's bytes in the file's own order. Knows no tags.

/// Byte order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// An unsigned number of 1, 2, 4 or 8 bytes, whatever `bytes` holds.
    pub(super) fn unsigned(self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        match self {
            Self::Big => bytes.iter().fold(0, add),
            Self::Little => bytes.iter().rev().fold(0, add),
        }
    }
}

/// Type of a tag's values (TIFF 6.0, section 2, and the BigTIFF additions).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldType {
    /// Unsigned, of this many bytes.
    Unsigned(u8),
    /// Two's complement, of this many bytes.
    Signed(u8),
    Ascii,
    Float,
    Double,
    /// Two 32-bit numbers.
    Rational,
}

impl FieldType {
    pub(super) fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            1 | 7 => Self::Unsigned(1),
            2 => Self::Ascii,
            3 => Self::Unsigned(2),
            4 | 13 => Self::Unsigned(4),
            5 | 10 => Self::Rational,
            6 => Self::Signed(1),
            8 => Self::Signed(2),
            9 => Self::Signed(4),
            11 => Self::Float,
            12 => Self::Double,
            16 | 18 => Self::Unsigned(8),
            17 => Self::Signed(8),
            _ => return None,
        })
    }

    pub(super) fn size_bytes(self) -> u8 {
        match self {
            Self::Unsigned(size) | Self::Signed(size) => size,
            Self::Ascii => 1,
            Self::Float => 4,
            Self::Double | Self::Rational => 8,
        }
    }

    /// One value as an unsigned number; `None` for what is not one.
    pub(super) fn unsigned(self, order: ByteOrder, bytes: &[u8]) -> Option<u64> {
        match self {
            Self::Unsigned(_) => Some(order.unsigned(bytes)),
            Self::Signed(size) => Some(order.unsigned(bytes)).filter(|value| value >> (u32::from(size) * 8 - 1) == 0),
            _ => None,
        }
    }

    /// One value as a real number.
    #[expect(
        clippy::cast_precision_loss,
        reason = "integers beyond 2^53 stand in no tag that is read as a real number"
    )]
    pub(super) fn real(self, order: ByteOrder, bytes: &[u8]) -> Option<f64> {
        let raw = order.unsigned(bytes);
        match self {
            Self::Double => Some(f64::from_bits(raw)),
            Self::Float => u32::try_from(raw).ok().map(|bits| f64::from(f32::from_bits(bits))),
            _ => self.unsigned(order, bytes).map(|value| value as f64),
        }
    }
}
