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

    /// As HTML's `lang` wants it.
    pub fn code(self) -> &'static str {
        self.say("en", "pt-BR")
    }
}
