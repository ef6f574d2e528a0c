//! Which colours single-band values take, and TiTiler's JSON for it.

use serde::Deserialize;
use serde_json::Value;

use super::{Classes, Colormap, Palette};

/// Colours for values.
#[derive(Debug, Clone, PartialEq)]
pub enum Coloring {
    /// By the 8-bit value after the rescale.
    Map(Colormap),
    /// By the value, or what the rescale makes of it.
    Classes(Classes),
    /// By the value, whatever the rescale and the formula.
    Palette(Palette),
}

impl Coloring {
    /// Reads TiTiler's `colormap`: `{"value": colour, …}`, or `[[[from, to], colour], …]` for intervals that do not
    /// hold their end. A colour is `[r, g, b]`, `[r, g, b, a]` or `#rgb`, `#rgba`, `#rrggbb`, `#rrggbbaa`. An object of
    /// all the values 0 to 255 is a map, everything else classes.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn from_json(text: &str) -> Result<Self, String> {
        match serde_json::from_str(text).map_err(|error| error.to_string())? {
            Value::Object(entries) => Self::of_values(entries),
            Value::Array(entries) => Self::of_intervals(entries),
            _ => Err("is neither an object nor a list".to_owned()),
        }
    }

    fn of_values(entries: serde_json::Map<String, Value>) -> Result<Self, String> {
        let entry = |(key, color): (String, Value)| {
            let value = key.trim().parse::<f64>().ok().filter(|value| value.is_finite());
            Ok((value.ok_or_else(|| format!("`{key}` is not a number"))?, parse_color(&color)?))
        };
        let entries: Vec<(f64, [u8; 4])> = entries.into_iter().map(entry).collect::<Result<_, String>>()?;
        let mut table = [None; 256];
        for &(value, color) in &entries {
            if let Some(slot) = (value.fract() == 0.0).then(|| table.get_mut(value as usize)).flatten() {
                *slot = (value >= 0.0).then_some(color);
            }
        }
        if entries.len() == 256 && table.iter().all(Option::is_some) {
            return Ok(Self::Map(Colormap::from_entries(&table.map(Option::unwrap_or_default))));
        }
        Classes::of_values(entries).map(Self::Classes)
    }

    fn of_intervals(entries: Vec<Value>) -> Result<Self, String> {
        let entry = |entry: Value| {
            let (ends, color) = <([f64; 2], Value)>::deserialize(&entry)
                .map_err(|_| format!("`{entry}` is not an interval and a colour"))?;
            Ok((ends, parse_color(&color)?))
        };
        Classes::of_intervals(entries.into_iter().map(entry).collect::<Result<_, String>>()?).map(Self::Classes)
    }
}

fn parse_color(color: &Value) -> Result<[u8; 4], String> {
    let channels: Option<Vec<u8>> = match color {
        Value::String(text) => hexadecimal(text),
        Value::Array(_) => Vec::<u8>::deserialize(color).ok(),
        _ => None,
    };
    match channels.as_deref() {
        Some(&[r, g, b]) => Ok([r, g, b, u8::MAX]),
        Some(&[r, g, b, a]) => Ok([r, g, b, a]),
        _ => Err(format!("`{color}` is not a colour")),
    }
}

/// Channels of `#rgb` and its longer kin.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix('#').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let channel = |digits: &str| u8::from_str_radix(digits, 16).ok();
    match digits.len() {
        3 | 4 => (0..digits.len()).map(|at| channel(&digits[at..=at]).map(|nibble| nibble * 17)).collect(),
        6 | 8 => (0..digits.len()).step_by(2).map(|at| channel(&digits[at..at + 2])).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Coloring, parse_color};

    #[test]
    fn colours_are_read_in_all_spellings() {
        let spellings = [json!("#f00"), json!("#f00f"), json!("#FF0000"), json!("#ff0000ff"), json!([255, 0, 0])];
        assert!(spellings.iter().all(|color| parse_color(color) == Ok([255, 0, 0, 255])));
        for bad in [json!("f00"), json!("#12345"), json!("#é00"), json!([1, 2]), json!([256, 0, 0]), json!(7)] {
            assert!(parse_color(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_full_object_is_a_map_and_a_part_of_one_classes() {
        let full: serde_json::Map<_, _> = (0..256).map(|value| (value.to_string(), json!([value, 0, 0]))).collect();
        let Ok(Coloring::Map(map)) = Coloring::from_json(&json!(full).to_string()) else { panic!("256 values") };
        assert_eq!(map.entries()[9], [9, 0, 0, 255]);
        assert!(matches!(Coloring::from_json(r##"{"1": "#fff", "-3": "#000000"}"##), Ok(Coloring::Classes(_))));
        assert!(matches!(Coloring::from_json("[[[0, 10], [1, 2, 3]]]"), Ok(Coloring::Classes(_))));
        for bad in ["", "7", "{\"x\": \"#fff\"}", "[[0, 1, [1, 2, 3]]]", "[[[0], [1, 2, 3]]]", "{}"] {
            assert!(Coloring::from_json(bad).is_err(), "{bad}");
        }
    }
}
