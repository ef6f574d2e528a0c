//! The parameters of an algorithm: `algorithm_params`, a JSON object.

use serde_json::{Map, Value, json};

/// A parameter: its name, what it is, its usual value and its bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Number {
        usual: f64,
        min: f64,
        max: f64,
    },
    Whole {
        usual: i64,
        min: i64,
        max: i64,
    },
    /// A number that may be left out.
    Optional {
        min: f64,
        max: f64,
    },
    /// One of these, the first unless asked otherwise.
    Choice(&'static [&'static str]),
}

/// The parameters given, checked.
pub(super) struct Given<'a> {
    known: &'static [Parameter],
    given: &'a Map<String, Value>,
}

impl<'a> Given<'a> {
    /// # Errors
    /// Which parameter is unknown or out of its bounds.
    pub(super) fn new(known: &'static [Parameter], given: &'a Map<String, Value>) -> Result<Self, String> {
        for (name, value) in given {
            let parameter = known.iter().find(|parameter| parameter.name == name);
            let names = || known.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
            let parameter = parameter.ok_or_else(|| format!("`{name}` is none of its parameters ({})", names()))?;
            if !parameter.kind.allows(value) {
                return Err(format!("`{name}` must be {}", parameter.kind));
            }
        }
        Ok(Self { known, given })
    }

    fn kind(&self, name: &str) -> Option<Kind> {
        self.known.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.kind)
    }

    /// A number, or a whole number as one.
    pub(super) fn number(&self, name: &str) -> f64 {
        self.optional(name).unwrap_or(match self.kind(name) {
            Some(Kind::Number { usual, .. }) => usual,
            Some(Kind::Whole { usual, .. }) => usual as f64,
            _ => 0.0,
        })
    }

    pub(super) fn whole(&self, name: &str) -> u32 {
        self.number(name).max(0.0) as u32
    }

    pub(super) fn optional(&self, name: &str) -> Option<f64> {
        self.given.get(name).and_then(Value::as_f64)
    }

    pub(super) fn choice(&self, name: &str) -> &str {
        let usual = || match self.kind(name) {
            Some(Kind::Choice(names)) => names[0],
            _ => "",
        };
        self.given.get(name).and_then(Value::as_str).unwrap_or_else(usual)
    }
}

impl Kind {
    fn allows(self, value: &Value) -> bool {
        let within = |min: f64, max: f64| value.as_f64().is_some_and(|number| (min..=max).contains(&number));
        match self {
            Self::Number { min, max, .. } => within(min, max),
            Self::Whole { min, max, .. } => {
                within(min as f64, max as f64) && value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            Self::Optional { min, max } => value.is_null() || within(min, max),
            Self::Choice(names) => value.as_str().is_some_and(|name| names.contains(&name)),
        }
    }

    /// As JSON schema.
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Number { usual, min, max } => {
                json!({ "type": "number", "default": usual, "minimum": min, "maximum": max })
            }
            Self::Whole { usual, min, max } => {
                json!({ "type": "integer", "default": usual, "minimum": min, "maximum": max })
            }
            Self::Optional { min, max } => {
                json!({ "type": ["number", "null"], "default": null, "minimum": min, "maximum": max })
            }
            Self::Choice(names) => json!({ "type": "string", "default": names[0], "enum": names }),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number { min, max, .. } | Self::Optional { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Whole { min, max, .. } => write!(f, "a whole number from {min} to {max}"),
            Self::Choice(names) => write!(f, "one of {}", names.join(", ")),
        }
    }
}
