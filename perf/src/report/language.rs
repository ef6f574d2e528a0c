//! The languages of reports. Each text stands in both, side by side, where it is used.

/// Language of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Brazilian Portuguese.
    Pt,
}

impl Language {
    /// The text of this language.
    pub fn say(self, english: &'static str, portuguese: &'static str) -> &'static str {
        match self {
            Self::En => english,
            Self::Pt => portuguese,
        }
    }

    /// So many cores.
    pub fn cores(self, cores: f64) -> String {
        format!("{cores} {}", if cores == 1.0 { self.say("core", "núcleo") } else { self.say("cores", "núcleos") })
    }

    /// A text with its numbers as the language writes them: in Portuguese with a comma before the decimals. What else
    /// has points in it, such as addresses and versions, stays as it is.
    pub fn decimals(self, text: &str) -> String {
        match self {
            Self::En => text.to_owned(),
            Self::Pt => text.split(' ').map(with_comma).collect::<Vec<_>>().join(" "),
        }
    }

    /// As HTML's `lang` wants it.
    pub fn code(self) -> &'static str {
        self.say("en", "pt-BR")
    }
}

/// A word with a comma for its point, if it is a decimal number or two with a dash between.
fn with_comma(word: &str) -> String {
    let number = word.trim_matches(['(', ')', ',', ';', ':', '%']);
    let is_whole = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit() || c == '\u{202f}');
    let is_number = |part: &str| match part.trim_start_matches('-').split_once('.') {
        Some((whole, decimals)) => is_whole(whole) && is_whole(decimals),
        None => is_whole(part),
    };
    if number.split('–').all(is_number) { word.replace('.', ",") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_a_comma_in_portuguese_and_names_keep_their_points() {
        let pt = |text: &str| Language::Pt.decimals(text);
        assert_eq!(pt("1.5"), "1,5");
        assert_eq!(pt("-0.25 % (12.5), 0.9–1.1"), "-0,25 % (12,5), 0,9–1,1");
        for same in ["http://10.0.0.1:80/a.png", "0.1.0", "p99.9", "a 1.5x", "–", "", "fim. 3"] {
            assert_eq!(pt(same), same);
        }
        assert_eq!(Language::En.decimals("1.5"), "1.5");
    }

    #[test]
    fn one_core_is_one() {
        assert_eq!([1.0, 1.5].map(|cores| Language::En.cores(cores)), ["1 core", "1.5 cores"]);
        assert_eq!(Language::Pt.cores(1.0), "1 núcleo");
    }
}
