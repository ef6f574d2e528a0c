//! The operator's command: split into words once, as a shell would split it, and filled in per attempt. No shell runs,
//! so a file name can never be read as anything but a file name.

use super::executor::{SubmitError, Task};

/// A command with places to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
}

/// What an attempt puts into the places.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// `{input}`: absolute path of the raw file.
    pub input: &'a str,
    /// `{output_dir}`: absolute path of an empty folder.
    pub output_dir: &'a str,
    /// `{scene_id}`.
    pub scene_id: &'a str,
    /// `{attempt}`, from 1.
    pub attempt: u32,
}

/// Why a text is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing to run.
    #[error("the command is empty")]
    Empty,
    /// A quote has no end.
    #[error("a quote is never closed")]
    OpenQuote,
    /// Something in braces that no attempt fills in.
    #[error("unknown place {{{name}}}; there are {{input}}, {{output_dir}}, {{scene_id}} and {{attempt}}")]
    UnknownPlace {
        /// What stands in the braces.
        name: String,
    },
    /// Without these two there is nothing to work on or nowhere to write.
    #[error("the command must name {{input}} and {{output_dir}}")]
    PlaceMissing,
}

const PLACES: [&str; 4] = ["input", "output_dir", "scene_id", "attempt"];

impl Template {
    /// Reads a command: words apart by spaces, quotes and backslashes as in a POSIX shell.
    ///
    /// # Errors
    /// See [`TemplateError`].
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let words = words(text)?;
        if words.is_empty() {
            return Err(TemplateError::Empty);
        }
        let template = Self { words };
        for name in template.words.iter().flat_map(|word| places(word)) {
            if !PLACES.contains(&name) {
                return Err(TemplateError::UnknownPlace { name: name.to_owned() });
            }
        }
        if template.names("input") && template.names("output_dir") {
            Ok(template)
        } else {
            Err(TemplateError::PlaceMissing)
        }
    }

    /// A command of ready words, which may have places.
    pub fn of_words(words: Vec<String>) -> Self {
        Self { words }
    }

    /// Whether the program, not only its arguments, is another one for each attempt.
    pub fn has_own_program(&self) -> bool {
        self.words.first().is_some_and(|program| places(program).any(|name| PLACES.contains(&name)))
    }

    fn names(&self, place: &str) -> bool {
        self.words.iter().any(|word| places(word).any(|name| name == place))
    }

    /// Program and arguments of the attempt that `task` is.
    ///
    /// # Errors
    /// When one of its paths is not UTF-8.
    pub fn fill_for(&self, task: &Task) -> Result<Vec<String>, SubmitError> {
        let unnameable = || SubmitError::permanent("a path is not UTF-8");
        let input = task.input.to_str().ok_or_else(unnameable)?;
        let output_dir = task.output_dir.to_str().ok_or_else(unnameable)?;
        Ok(self.fill(Values { input, output_dir, scene_id: &task.scene_id, attempt: task.attempt }))
    }

    /// Program and arguments of one attempt.
    pub fn fill(&self, values: Values<'_>) -> Vec<String> {
        self.words.iter().map(|word| fill_word(word, values)).collect()
    }
}

/// Names in braces. Braces round anything but a lower-case word are left alone: `awk '{ print $1 }'`.
fn places(word: &str) -> impl Iterator<Item = &str> {
    let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    word.split('{').skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name)).filter(is_name)
}

/// One pass from left to right, so that what is filled in is never searched for places again.
fn fill_word(word: &str, values: Values<'_>) -> String {
    let mut filled = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let place = rest[1..].split_once('}').map(|(name, _)| name);
        match place {
            Some("input") => filled.push_str(values.input),
            Some("output_dir") => filled.push_str(values.output_dir),
            Some("scene_id") => filled.push_str(values.scene_id),
            Some("attempt") => filled.push_str(&values.attempt.to_string()),
            _ => {
                filled.push('{');
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[place.map_or(1, str::len) + 2..];
    }
    filled.push_str(rest);
    filled
}

/// The words of a command line, apart by spaces, quotes and backslashes as in a POSIX shell.
///
/// # Errors
/// [`TemplateError::OpenQuote`].
pub fn words(text: &str) -> Result<Vec<String>, TemplateError> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => word.get_or_insert_default().push_str(&quoted(&mut chars, '\'', false)?),
            '"' => word.get_or_insert_default().push_str(&quoted(&mut chars, '"', true)?),
            '\\' => word.get_or_insert_default().extend(chars.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Text up to the closing quote; backslashes count only inside double quotes.
fn quoted(chars: &mut std::str::Chars<'_>, end: char, escapes: bool) -> Result<String, TemplateError> {
    let mut text = String::new();
    while let Some(char) = chars.next() {
        match char {
            char if char == end => return Ok(text),
            '\\' if escapes => match chars.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => text.push(escaped),
                other => text.extend(['\\'].into_iter().chain(other)),
            },
            other => text.push(other),
        }
    }
    Err(TemplateError::OpenQuote)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'_> =
        Values { input: "/nas/a b.tif", output_dir: "/out/{attempt}", scene_id: "a b", attempt: 2 };

    fn filled(text: &str) -> Vec<String> {
        Template::parse(text).unwrap().fill(VALUES)
    }

    #[test]
    fn words_are_split_as_a_shell_would() {
        let words = filled(r#"sh -c 'echo "$1" > x' "q\"w" a\ b {input} {output_dir}"#);
        assert_eq!(words, ["sh", "-c", r#"echo "$1" > x"#, "q\"w", "a b", "/nas/a b.tif", "/out/{attempt}"]);
    }

    #[test]
    fn places_may_stand_inside_words_and_values_are_not_searched_again() {
        let words = filled("m --in={input}:{attempt} --out={output_dir} '{ print $1 }' {scene_id}{");
        assert_eq!(words, ["m", "--in=/nas/a b.tif:2", "--out=/out/{attempt}", "{ print $1 }", "a b{"]);
    }

    #[test]
    fn a_program_with_a_place_in_its_name_is_another_for_each_attempt() {
        let has_own = |text| Template::parse(text).unwrap().has_own_program();
        assert!(has_own("{output_dir}/run {input}") && has_own("run-{scene_id} {input} {output_dir}"));
        assert!(!has_own("run {input} {output_dir}") && !has_own("run{} {input} {output_dir}"));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let error = |text| Template::parse(text).unwrap_err();
        assert_eq!(error("  "), TemplateError::Empty);
        assert_eq!(error("a 'b"), TemplateError::OpenQuote);
        assert_eq!(error("a {input}"), TemplateError::PlaceMissing);
        assert_eq!(error("a {input} {output_dir} {typo}"), TemplateError::UnknownPlace { name: "typo".to_owned() });
    }
}
