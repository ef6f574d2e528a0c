//! The tree of an expression, and of which type its values are.

use crate::block::Samples;

/// What an expression says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Number {
        value: f64,
        kind: Kind,
    },
    /// A band, counted from 1.
    Band(u16),
    Unary(Unary, Box<Node>),
    Binary(Binary, Box<Node>, Box<Node>),
    /// `where(condition, yes, no)`.
    Where(Box<[Node; 3]>),
    Function(Function, Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unary {
    Negative,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    /// Python's, of the divisor's sign.
    Modulo,
    /// C's `fmod`, of the dividend's sign.
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Xor,
    Arctan2,
    Hypot,
    CopySign,
    Maximum,
    Minimum,
}

/// A function of one number.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) of: fn(f64) -> f64,
    /// Whether it answers yes or no.
    pub(super) is_truth: bool,
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// numexpr's types, from narrow to wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Truth,
    Int,
    Long,
    Float,
    Double,
}

impl Kind {
    pub(super) fn of_samples(samples: &Samples) -> Self {
        match samples {
            Samples::U8(_) | Samples::I8(_) | Samples::U16(_) | Samples::I16(_) | Samples::I32(_) => Self::Int,
            Samples::U32(_) | Samples::I64(_) => Self::Long,
            Samples::F32(_) => Self::Float,
            Samples::U64(_) | Samples::F64(_) => Self::Double,
        }
    }

    /// The type of what two of these make together.
    fn with(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (Self::Long, Self::Float) => Self::Double,
            (_, wider) => wider,
        }
    }

    /// The type of a real function of this.
    fn real(self) -> Self {
        if self == Self::Float { Self::Float } else { Self::Double }
    }
}

impl Node {
    /// Adds the bands it uses.
    pub(super) fn list_bands(&self, bands: &mut Vec<u16>) {
        match self {
            Self::Number { .. } => {}
            Self::Band(band) => bands.push(*band),
            Self::Unary(_, of) | Self::Function(_, of) => of.list_bands(bands),
            Self::Binary(_, left, right) => [left, right].iter().for_each(|node| node.list_bands(bands)),
            Self::Where(parts) => parts.iter().for_each(|node| node.list_bands(bands)),
        }
    }

    /// The type of its values where bands are of type `own`.
    pub(super) fn kind(&self, own: Kind) -> Kind {
        match self {
            Self::Number { kind, .. } => *kind,
            Self::Band(_) => own,
            Self::Unary(Unary::Not, of) => of.kind(own),
            Self::Unary(Unary::Negative, of) => of.kind(own).max(Kind::Int),
            Self::Function(function, _) if function.is_truth => Kind::Truth,
            Self::Function(_, of) => of.kind(own).real(),
            Self::Where(parts) => parts[1].kind(own).with(parts[2].kind(own)),
            Self::Binary(operator, left, right) => operator.kind(left.kind(own).with(right.kind(own))),
        }
    }
}

impl Binary {
    /// The type of its result when both operands together are of type `both`.
    fn kind(self, both: Kind) -> Kind {
        match self {
            Self::Equal | Self::NotEqual | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => {
                Kind::Truth
            }
            Self::And | Self::Or | Self::Xor | Self::Maximum | Self::Minimum => both,
            Self::Divide | Self::Remainder | Self::Arctan2 | Self::Hypot | Self::CopySign => both.real(),
            Self::Add | Self::Subtract | Self::Multiply | Self::FloorDivide | Self::Modulo | Self::Power => {
                both.max(Kind::Int)
            }
        }
    }

    /// The result for two numbers. Truths are 0 and 1.
    pub(super) fn of(self, left: f64, right: f64) -> f64 {
        let truth = |truth: bool| f64::from(u8::from(truth));
        let bits = |of: fn(i64, i64) -> i64| of(left as i64, right as i64) as f64;
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::FloorDivide => (left / right).floor(),
            Self::Modulo => modulo(left, right),
            Self::Remainder => left % right,
            Self::Power => left.powf(right),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::Less => truth(left < right),
            Self::LessOrEqual => truth(left <= right),
            Self::Greater => truth(left > right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::And => bits(|a, b| a & b),
            Self::Or => bits(|a, b| a | b),
            Self::Xor => bits(|a, b| a ^ b),
            Self::Arctan2 => left.atan2(right),
            Self::Hypot => left.hypot(right),
            Self::CopySign => left.copysign(right),
            Self::Maximum => left.max(right),
            Self::Minimum => left.min(right),
        }
    }
}

/// What is left of a division whose quotient was rounded down.
fn modulo(left: f64, right: f64) -> f64 {
    let rest = left % right;
    if rest != 0.0 && rest.is_sign_negative() != right.is_sign_negative() { rest + right } else { rest }
}

impl Unary {
    /// The result for a number.
    pub(super) fn of(self, value: f64) -> f64 {
        match self {
            Self::Negative => -value,
            // Of truths the other one, of whole numbers the complement.
            Self::Not if value == 0.0 || value == 1.0 => 1.0 - value,
            Self::Not => -1.0 - value,
        }
    }
}
