//! Reads the text of an expression: a recursive descent in Python's order of precedence.

use super::node::{Binary, Function, Kind, Node, Unary};

/// Deepest nesting.
const MAX_DEPTH: usize = 48;

/// Most operations and operands of one band.
const MAX_NODES: usize = 512;

/// Functions of one number, by numexpr's names.
const FUNCTIONS: [Function; 30] = [
    real("abs", f64::abs),
    real("arccos", f64::acos),
    real("arccosh", f64::acosh),
    real("arcsin", f64::asin),
    real("arcsinh", f64::asinh),
    real("arctan", f64::atan),
    real("arctanh", f64::atanh),
    real("ceil", f64::ceil),
    real("cos", f64::cos),
    real("cosh", f64::cosh),
    real("exp", f64::exp),
    real("expm1", f64::exp_m1),
    real("floor", f64::floor),
    real("log", f64::ln),
    real("log10", f64::log10),
    real("log1p", f64::ln_1p),
    real("log2", f64::log2),
    real("ones_like", |_| 1.0),
    real("round", f64::round_ties_even),
    real("sign", |x| if x == 0.0 { x } else { x.signum() }),
    real("sin", f64::sin),
    real("sinh", f64::sinh),
    real("sqrt", f64::sqrt),
    real("tan", f64::tan),
    real("tanh", f64::tanh),
    real("trunc", f64::trunc),
    truth("isfinite", |x| if x.is_finite() { 1.0 } else { 0.0 }),
    truth("isinf", |x| if x.is_infinite() { 1.0 } else { 0.0 }),
    truth("isnan", |x| if x.is_nan() { 1.0 } else { 0.0 }),
    truth("signbit", |x| if x.is_sign_negative() { 1.0 } else { 0.0 }),
];

/// Functions of two numbers.
const PAIRED: [(&str, Binary); 6] = [
    ("arctan2", Binary::Arctan2),
    ("fmod", Binary::Remainder),
    ("hypot", Binary::Hypot),
    ("copysign", Binary::CopySign),
    ("maximum", Binary::Maximum),
    ("minimum", Binary::Minimum),
];

/// Operators between two operands, from loosest to tightest; longer ones first within a level.
const LEVELS: [&[(&str, Binary)]; 6] = [
    &[
        ("==", Binary::Equal),
        ("!=", Binary::NotEqual),
        ("<=", Binary::LessOrEqual),
        (">=", Binary::GreaterOrEqual),
        ("<", Binary::Less),
        (">", Binary::Greater),
    ],
    &[("|", Binary::Or)],
    &[("^", Binary::Xor)],
    &[("&", Binary::And)],
    &[("+", Binary::Add), ("-", Binary::Subtract)],
    &[("//", Binary::FloorDivide), ("*", Binary::Multiply), ("/", Binary::Divide), ("%", Binary::Modulo)],
];

const fn real(name: &'static str, of: fn(f64) -> f64) -> Function {
    Function { name, of, is_truth: false }
}

const fn truth(name: &'static str, of: fn(f64) -> f64) -> Function {
    Function { name, of, is_truth: true }
}

/// Reads one band's expression, in lower case.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut parser = Parser { rest: text, depth: 0, nodes: 0 };
    let node = parser.level(0)?;
    parser.skip_space();
    if parser.rest.is_empty() { Ok(node) } else { Err(parser.unexpected()) }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    nodes: usize,
}

impl<'a> Parser<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn unexpected(&self) -> String {
        let near: String = self.rest.chars().take(12).collect();
        if near.is_empty() { "ends too early".to_owned() } else { format!("cannot be understood at `{near}`") }
    }

    fn eat(&mut self, symbol: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(symbol);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > MAX_NODES { Err(format!("has more than {MAX_NODES} parts")) } else { Ok(()) }
    }

    /// Runs `inner` one level deeper.
    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Result<Node, String>) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("is nested deeper than {MAX_DEPTH} levels"));
        }
        let node = inner(self);
        self.depth -= 1;
        node
    }

    /// An operator of the level, if one comes next. `**` is none of these, though it begins like one.
    fn operator(&mut self, level: usize) -> Option<Binary> {
        self.skip_space();
        let is_power = self.rest.starts_with("**");
        let found = LEVELS[level].iter().find(|(symbol, _)| !is_power && self.rest.starts_with(symbol))?;
        self.rest = &self.rest[found.0.len()..];
        Some(found.1)
    }

    fn level(&mut self, level: usize) -> Result<Node, String> {
        if level == LEVELS.len() {
            return self.deeper(Self::unary);
        }
        let mut left = self.level(level + 1)?;
        let mut is_compared = false;
        while let Some(operator) = self.operator(level) {
            if level == 0 && std::mem::replace(&mut is_compared, true) {
                return Err("compares three at once; join two comparisons by `&`".to_owned());
            }
            self.count()?;
            let right = self.level(level + 1)?;
            left = Node::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, String> {
        self.count()?;
        let operator = if self.eat("-") {
            Some(Unary::Negative)
        } else if self.eat("~") {
            Some(Unary::Not)
        } else if self.eat("+") {
            None
        } else {
            return self.power();
        };
        let of = self.deeper(Self::unary)?;
        Ok(match operator {
            Some(operator) => Node::Unary(operator, Box::new(of)),
            None => of,
        })
    }

    /// `a ** b`, which binds tighter than a sign before it and looser than one after, and from the right.
    fn power(&mut self) -> Result<Node, String> {
        let base = self.operand()?;
        if !self.eat("**") {
            return Ok(base);
        }
        let exponent = self.deeper(Self::unary)?;
        Ok(Node::Binary(Binary::Power, Box::new(base), Box::new(exponent)))
    }

    fn operand(&mut self) -> Result<Node, String> {
        if self.eat("(") {
            let inner = self.deeper(|parser| parser.level(0))?;
            self.expect(")")?;
            return Ok(inner);
        }
        match self.rest.chars().next() {
            Some(first) if first.is_ascii_digit() || first == '.' => self.number(),
            Some(first) if first.is_ascii_alphabetic() || first == '_' => self.name(),
            _ => Err(self.unexpected()),
        }
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !belongs(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn number(&mut self) -> Result<Node, String> {
        let start = self.rest;
        self.take(|letter| letter.is_ascii_digit() || letter == '.');
        if let Some(exponent) = self.rest.strip_prefix('e') {
            self.rest = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            self.take(|letter| letter.is_ascii_digit());
        }
        let text = &start[..start.len() - self.rest.len()];
        let value: f64 = text.parse().map_err(|_| format!("holds `{text}`, which is not a number"))?;
        let kind = match text.parse::<i64>() {
            Ok(whole) if i32::try_from(whole).is_ok() => Kind::Int,
            Ok(_) => Kind::Long,
            Err(_) => Kind::Double,
        };
        Ok(Node::Number { value, kind })
    }

    /// A band, or a function with its arguments.
    fn name(&mut self) -> Result<Node, String> {
        let name = self.take(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if let Some(band) = name.strip_prefix('b').and_then(|digits| digits.parse().ok()).filter(|&band| band > 0) {
            return Ok(Node::Band(band));
        }
        self.expect("(").map_err(|_| format!("holds `{name}`, neither a band such as `b1` nor a function"))?;
        if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
            let [of] = self.arguments(name)?;
            return Ok(Node::Function(*function, Box::new(of)));
        }
        if let Some(&(_, operator)) = PAIRED.iter().find(|(known, _)| *known == name) {
            let [left, right] = self.arguments(name)?;
            return Ok(Node::Binary(operator, Box::new(left), Box::new(right)));
        }
        if name == "where" {
            return Ok(Node::Where(Box::new(self.arguments(name)?)));
        }
        Err(format!("uses `{name}`, which is no function known here"))
    }

    fn arguments<const N: usize>(&mut self, name: &str) -> Result<[Node; N], String> {
        let mut arguments = Vec::with_capacity(N);
        loop {
            arguments.push(self.deeper(|parser| parser.level(0))?);
            if arguments.len() > N || !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        let count = arguments.len();
        arguments.try_into().map_err(|_| format!("gives `{name}` {count} arguments instead of {N}"))
    }
}
