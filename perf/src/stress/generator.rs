//! Text with generated fields: `{uuid}`, `{int:1:100}`, `{choice:a|b|c}` and others. Braces that name no field stay as
//! they are, so that JSON needs no escapes.

use std::fmt::Write;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Error;

/// Words that generated sentences are made of.
const WORDS: [&str; 16] = [
    "dark", "spot", "near", "the", "coast", "looks", "like", "a", "slick", "no", "ship", "in", "sight", "low", "wind",
    "area",
];

/// Where one user's fields come from. Equal seeds generate equally.
pub struct Generator {
    user: usize,
    iteration: u64,
    rng: ChaCha8Rng,
}

/// A text in pieces.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Literal(String),
    Uuid,
    User,
    Iteration,
    /// Milliseconds of the Unix epoch.
    Time,
    Int(i64, i64),
    Float(f64, f64),
    Choice(Vec<String>),
    /// So many words.
    Text(usize),
    /// So many hexadecimal digits.
    Hex(usize),
}

impl Generator {
    /// The fields of user number `user`.
    pub fn new(user: usize, seed: u64) -> Self {
        Self { user, iteration: 0, rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The next request is another iteration.
    pub(super) fn advance(&mut self) {
        self.iteration += 1;
    }
}

/// Names of fields.
const FIELDS: [&str; 10] = ["uuid", "user", "iteration", "time", "int", "float", "choice", "text", "hex", "env"];

/// The field that a text in braces is meant to be, by all likelihood: one whose name is as good as the same. Short
/// words are a letter away from many (`tile` from `time`), so without arguments none of them is meant.
fn meant(text: &str) -> Option<&'static str> {
    let (name, has_arguments) = text.split_once(':').map_or((text, false), |(name, _)| (name, true));
    let is_telling = |field: &&str| has_arguments || *field == "uuid" || field.len() > 4 || *field == name;
    FIELDS.into_iter().filter(is_telling).find(|field| is_nearly(field, &name.to_ascii_lowercase()))
}

/// Whether two words differ by one letter at most: another, one more, one fewer, or two that changed places.
fn is_nearly(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    let same = short.bytes().zip(long.bytes()).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short.as_bytes()[same..], &long.as_bytes()[same..]);
    match (short.len(), long.len()) {
        (0, 0 | 1) => true,
        (s, l) if s == l => {
            let is_swapped = s > 1 && short[0] == long[1] && short[1] == long[0] && short[2..] == long[2..];
            is_swapped || short[1..] == long[1..]
        }
        (s, l) if s + 1 == l => *short == long[1..],
        _ => false,
    }
}

impl Pattern {
    /// Reads a text. `{env:NAME}` is filled in at once, so that client processes and reports never see the name.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            literal.push_str(&rest[..start]);
            rest = &rest[start..];
            match rest.find('}').map(|end| (Piece::parse(&rest[1..end]), end)) {
                Some((Some(piece), end)) => {
                    match piece? {
                        Piece::Literal(text) => literal.push_str(&text),
                        field => {
                            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                            pieces.push(field);
                        }
                    }
                    rest = &rest[end + 1..];
                }
                Some((None, end)) if meant(&rest[1..end]).is_some() => {
                    let (what, field) = (&rest[..=end], meant(&rest[1..end]).unwrap_or_default());
                    let reason = format!("no field; is {{{field}}} meant, and has it all that it needs?");
                    return Err(Error::Plan { what: format!("field {what}"), reason });
                }
                _ => {
                    literal.push('{');
                    rest = &rest[1..];
                }
            }
        }
        literal.push_str(rest);
        pieces.push(Piece::Literal(literal));
        Ok(Self(pieces))
    }

    /// The text with its fields generated.
    pub(super) fn fill(&self, generator: &mut Generator) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            piece.fill(generator, &mut text);
        }
        text
    }
}

impl Piece {
    /// Nothing when the text names no field.
    fn parse(text: &str) -> Option<Result<Self, Error>> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let wrong = |reason: &str| Err(Error::Plan { what: format!("field {{{text}}}"), reason: reason.to_owned() });
        Some(match name {
            "uuid" => Ok(Self::Uuid),
            "user" => Ok(Self::User),
            "iteration" => Ok(Self::Iteration),
            "time" => Ok(Self::Time),
            "int" => match range::<i64>(argument).filter(|(low, high)| low <= high) {
                Some((low, high)) => Ok(Self::Int(low, high)),
                None => wrong("needs LOW:HIGH"),
            },
            "float" => match range::<f64>(argument).filter(|(low, high)| low < high && (high - low).is_finite()) {
                Some((low, high)) => Ok(Self::Float(low, high)),
                None => wrong("needs LOW:HIGH"),
            },
            "choice" if !argument.is_empty() => Ok(Self::Choice(argument.split('|').map(str::to_owned).collect())),
            "text" => match argument.parse() {
                Ok(words @ 1..=10_000) => Ok(Self::Text(words)),
                _ => wrong("needs a number of words, 1 to 10000"),
            },
            "hex" => match argument.parse() {
                Ok(digits @ 1..=10_000) => Ok(Self::Hex(digits)),
                _ => wrong("needs a number of digits, 1 to 10000"),
            },
            "env" => match std::env::var(argument) {
                Ok(value) => Ok(Self::Literal(value)),
                Err(_) => wrong("no such variable in the environment"),
            },
            _ => return None,
        })
    }

    fn fill(&self, generator: &mut Generator, text: &mut String) {
        let rng = &mut generator.rng;
        // Writing into a text cannot fail.
        let _ = match self {
            Self::Literal(literal) => text.write_str(literal),
            Self::Uuid => write!(text, "{}", uuid(rng)),
            Self::User => write!(text, "{}", generator.user),
            Self::Iteration => write!(text, "{}", generator.iteration),
            Self::Time => write!(text, "{}", jiff::Timestamp::now().as_millisecond()),
            Self::Int(low, high) => write!(text, "{}", rng.random_range(*low..=*high)),
            Self::Float(low, high) => write!(text, "{:.6}", rng.random_range(*low..*high)),
            Self::Choice(choices) => text.write_str(&choices[rng.random_range(0..choices.len())]),
            Self::Text(words) => {
                let words: Vec<&str> = (0..*words).map(|_| WORDS[rng.random_range(0..WORDS.len())]).collect();
                text.write_str(&words.join(" "))
            }
            Self::Hex(digits) => (0..*digits).try_for_each(|_| write!(text, "{:x}", rng.random_range(0..16_u8))),
        };
    }
}

fn range<T: std::str::FromStr>(text: &str) -> Option<(T, T)> {
    let (low, high) = text.split_once(':')?;
    Some((low.parse().ok()?, high.parse().ok()?))
}

/// A random UUID (RFC 9562, version 4).
fn uuid(rng: &mut ChaCha8Rng) -> String {
    let mut bits = (u128::from(rng.next_u64()) << 64) | u128::from(rng.next_u64());
    bits = (bits & !(0xF << 76)) | (4 << 76);
    bits = (bits & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str, seed: u64) -> String {
        Pattern::parse(text).unwrap().fill(&mut Generator::new(7, seed))
    }

    #[test]
    fn fields_are_generated_and_json_stays() {
        let text = fill(r#"{"user": {user}, "n": {int:3:3}, "of": "{choice:x}", "a": {"b": {}}, "t": "{text:2}"}"#, 1);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((json["user"].as_u64(), json["n"].as_u64(), json["of"].as_str()), (Some(7), Some(3), Some("x")));
        assert!(json["t"].as_str().unwrap().contains(' ') && json["a"]["b"].is_object());
        let uuid = fill("{uuid}", 1);
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
        assert_eq!(uuid, fill("{uuid}", 1));
        assert_ne!(uuid, fill("{uuid}", 2));
    }

    #[test]
    fn braces_that_mean_no_field_stay() {
        for text in ["{id}", "{}", "{ user { id } }", r#"{"uuid": 1}"#, "{viewer}", "{z}/{x}/{y}", "{name:a}"] {
            assert_eq!(fill(text, 1), text);
        }
    }

    #[test]
    fn wrong_fields_are_named() {
        let misspelt = ["{uuidd}", "{UUID}", "{itn:1:2}", "{iteratio}", "{choice}"];
        let wrong = ["{int:9:1}", "{text:x}", "{env:AURORA_NO_SUCH_VARIABLE}", "{float:1:1}"];
        for wrong in misspelt.into_iter().chain(wrong) {
            assert!(Pattern::parse(wrong).unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }
}
