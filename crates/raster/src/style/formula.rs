//! Colour formulas, in the small language of rio-color: `gamma rg 1.2, sigmoidal rgb 10 0.35, saturation 1.4`.
//!
//! An operation is a name, for all but saturation the channels (letters `rgb` or digits from 1), and its numbers. Every
//! one works on 8-bit channels and cuts its result to 8 bits, as TiTiler does. Source of the formulas: rio-color
//! (Mapbox), operations `gamma`, `sigmoidal` (after Farid, Fundamentals of Image Processing) and `saturation`.

use super::lab::saturated;

/// Operations of one formula.
const MAX_OPERATIONS: usize = 16;

/// Stands for a threshold of 0, at which the sigmoid would divide by it.
const LEAST_BIAS: f64 = 1e-8;

/// What is done to the channels, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct ColorFormula {
    operations: Vec<Operation>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operation {
    Gamma { channels: [bool; 3], gamma: f64 },
    Sigmoidal { channels: [bool; 3], contrast: f64, bias: f64 },
    Saturation { factor: f64 },
}

impl ColorFormula {
    /// Reads a formula.
    ///
    /// # Errors
    /// What cannot be understood, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let words: Vec<&str> = lower.split([',', ' ', '\t']).filter(|word| !word.is_empty()).collect();
        let begins = |word: &&str| matches!(*word, "gamma" | "sigmoidal" | "saturation");
        if !words.first().is_some_and(begins) {
            return Err("does not begin with gamma, sigmoidal or saturation".to_owned());
        }
        let starts: Vec<usize> = (0..words.len()).filter(|&at| begins(&words[at])).collect();
        if starts.len() > MAX_OPERATIONS {
            return Err(format!("has more than {MAX_OPERATIONS} operations"));
        }
        let ends = starts.iter().skip(1).copied().chain([words.len()]);
        let operations =
            starts.iter().zip(ends).map(|(&start, end)| Operation::parse(words[start], &words[start + 1..end]));
        Ok(Self { operations: operations.collect::<Result<_, _>>()? })
    }

    /// Whether it works on colours rather than on channels.
    pub(super) fn needs_rgb(&self) -> bool {
        self.operations.iter().any(|operation| matches!(operation, Operation::Saturation { .. }))
    }

    /// Changes the channels: red, green and blue, or the only one, which counts as red. Saturation needs all three.
    pub(super) fn apply(&self, channels: &mut [Vec<u8>]) {
        for operation in &self.operations {
            match operation {
                Operation::Gamma { channels: which, gamma } => {
                    by_table(channels, which, |share| share.powf(1.0 / gamma));
                }
                Operation::Sigmoidal { channels: which, contrast, bias } => {
                    by_table(channels, which, |share| sigmoidal(share, *contrast, *bias));
                }
                Operation::Saturation { factor } => {
                    if let [red, green, blue, ..] = channels {
                        let pixels = red.iter_mut().zip(green).zip(blue);
                        pixels.for_each(|((r, g), b)| [*r, *g, *b] = saturated([*r, *g, *b], *factor));
                    }
                }
            }
        }
    }
}

impl Operation {
    fn parse(name: &str, words: &[&str]) -> Result<Self, String> {
        let number = |at: usize, what: &str| {
            let number = words.get(at).and_then(|word| word.parse::<f64>().ok()).filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{name} lacks its {what}"))
        };
        let operation = match name {
            "gamma" => Self::Gamma { channels: channels(name, words)?, gamma: number(1, "gamma")? },
            "sigmoidal" => Self::Sigmoidal {
                channels: channels(name, words)?,
                contrast: number(1, "contrast")?,
                bias: number(2, "bias")?,
            },
            _ => Self::Saturation { factor: number(0, "factor")? },
        };
        let (expected, fault) = match &operation {
            Self::Gamma { gamma, .. } => (2, (*gamma <= 0.0).then_some("must have a gamma above 0")),
            Self::Sigmoidal { bias, .. } => {
                (3, (!(0.0..=1.0).contains(bias)).then_some("must have a bias from 0 to 1"))
            }
            Self::Saturation { factor } => (1, (*factor < 0.0).then_some("must have a factor of 0 or more")),
        };
        match fault {
            Some(fault) => Err(format!("{name} {fault}")),
            None if words.len() > expected => Err(format!("{name} is followed by too many words")),
            None => Ok(operation),
        }
    }
}

/// Which channels the second word names.
fn channels(name: &str, words: &[&str]) -> Result<[bool; 3], String> {
    let named = words.first().filter(|word| !word.is_empty()).ok_or_else(|| format!("{name} names no channels"))?;
    let mut channels = [false; 3];
    for letter in named.chars() {
        let channel = match letter {
            'r' | '1' => 0,
            'g' | '2' => 1,
            'b' | '3' => 2,
            other => return Err(format!("{name} names a channel `{other}`, which is none of r, g and b")),
        };
        channels[channel] = true;
    }
    Ok(channels)
}

/// Replaces each value by what its share of 255 becomes.
fn by_table(channels: &mut [Vec<u8>], which: &[bool; 3], share: impl Fn(f64) -> f64) {
    let mut table = [0; 256];
    for (value, entry) in table.iter_mut().enumerate() {
        // The cast cuts, and takes what is no number for 0.
        *entry = (share(value as f64 / 255.0) * 255.0) as u8;
    }
    let chosen = channels.iter_mut().zip(which).filter(|(_, chosen)| **chosen);
    chosen.for_each(|(channel, _)| channel.iter_mut().for_each(|value| *value = table[usize::from(*value)]));
}

/// A sigmoid through (0, 0) and (1, 1), steepest at `bias`; its inverse for a negative contrast.
fn sigmoidal(share: f64, contrast: f64, bias: f64) -> f64 {
    let bias = if bias == 0.0 { LEAST_BIAS } else { bias };
    let logistic = |exponent: f64| 1.0 / (1.0 + exponent.exp());
    if contrast == 0.0 {
        return share;
    }
    let foot = logistic(contrast * bias);
    if contrast > 0.0 {
        return (logistic(contrast * (bias - share)) - foot) / (logistic(contrast * (bias - 1.0)) - foot);
    }
    let level = share * logistic(contrast * bias - contrast) - share * foot + foot;
    (contrast * bias - (1.0 / level - 1.0).ln()) / contrast
}

#[cfg(test)]
mod tests {
    use super::ColorFormula;

    fn formed(text: &str, pixel: [u8; 3]) -> [u8; 3] {
        let mut channels = pixel.map(|value| vec![value]);
        ColorFormula::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).apply(&mut channels);
        [channels[0][0], channels[1][0], channels[2][0]]
    }

    /// What color-operations 0.4.0 makes of these pixels, operation by operation at 8 bits.
    #[test]
    fn colours_agree_with_rio_color() {
        for (text, pixel, expected) in include!("formula/expected.in") {
            assert_eq!(formed(text, pixel), expected, "{text} of {pixel:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for bad in [
            "",
            "brighten rgb 2",
            "gamma",
            "gamma rgb",
            "gamma rgb x",
            "gamma rgb 0",
            "gamma rgbk 1",
            "gamma 4 1",
            "sigmoidal rgb 3",
            "sigmoidal rgb 3 1.5",
            "saturation",
            "gamma rgb 1 2",
            "gamma rgb inf",
        ] {
            assert!(ColorFormula::parse(bad).is_err(), "{bad}");
        }
        assert!(ColorFormula::parse(&"gamma r 1 ".repeat(17)).is_err());
    }

    #[test]
    fn one_channel_counts_as_red() {
        let mut channels = [vec![100]];
        ColorFormula::parse("gamma rgb 2 gamma b 9").unwrap().apply(&mut channels);
        assert_eq!(channels[0], [159]);
    }
}
