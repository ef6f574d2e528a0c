//! What no report may show: credentials in addresses, and whatever a name says is a secret.
//!
//! Called by [`super::Document`] for every text it writes, in words and in JSON, and by [`super::Circumstances`] for
//! the command line, where it is still known which word belongs to which flag. Masking twice changes nothing.

use aurora_daemon::secret::{MASK, is_secret};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Schemes of `Authorization`, after which the secret follows.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// A text as it may be shown: of every word the credentials of its addresses and the values of its parameters, flags,
/// variables and headers with secret names are masked.
pub fn masked(text: &str) -> String {
    let (mut shown, mut before) = (String::with_capacity(text.len()), "");
    for word in words(text) {
        if word.starts_with(char::is_whitespace) {
            shown.push_str(word);
            continue;
        }
        shown.push_str(&masked_after(before, word));
        before = word;
    }
    shown
}

/// A value as it may be shown beside its name.
pub(super) fn masked_value(name: &str, value: &str) -> String {
    if is_secret(name) && !value.is_empty() { MASK.to_owned() } else { masked_argument(value) }
}

/// The words of a command, the program without its folder; those that a shell would read otherwise in quotes.
pub(super) fn masked_command(words: impl IntoIterator<Item = String>) -> String {
    let (mut shown, mut before) = (Vec::new(), String::new());
    for (index, word) in words.into_iter().enumerate() {
        let text = match index {
            0 => word.rsplit('/').next().unwrap_or(&word).to_owned(),
            _ => masked_after(&before, &word),
        };
        let is_plain = !text.contains([' ', '"', '{', '<', '>', '&', '|', '*', '?', '(', ';']) || text == MASK;
        shown.push(if is_plain { text } else { format!("'{text}'") });
        before = word;
    }
    shown.join(" ")
}

/// Every text in a document.
pub(super) fn masked_json(document: &Value) -> Value {
    match document {
        Value::String(text) => Value::String(masked(text)),
        Value::Array(items) => items.iter().map(masked_json).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.clone(), masked_json(member)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// A word that follows another, which may be the flag it belongs to.
fn masked_after(before: &str, word: &str) -> String {
    let is_flag = before.starts_with('-') && !before.contains('=');
    let name =
        before.trim_end_matches(':').trim_start_matches(['{', '[', '(', ',', '"', '\'']).trim_end_matches(['"', '\'']);
    // A file or an address, `/run/token:`, and a field of a template, `{env:TOKEN}:`, are spoken of and not given a
    // value.
    let asks_for_it = is_flag || (before.ends_with(':') && is_name(name));
    if asks_for_it && is_secret(name) && !word.starts_with("--") {
        return MASK.to_owned();
    }
    if SCHEMES.contains(&before.to_ascii_lowercase().as_str()) {
        return MASK.to_owned();
    }
    match quoted(word) {
        Some((quote, inner)) => format!("{quote}{}{quote}", masked_argument(inner)),
        None => masked_argument(word),
    }
}

/// One argument of a command, or a text of several words.
fn masked_argument(text: &str) -> String {
    if let Some((name, value)) = header(text).filter(|(name, value)| is_secret(name) && !value.is_empty()) {
        return format!("{name}:{}{MASK}", &value[..value.len() - value.trim_start().len()]);
    }
    if let Some((name, value)) = text.split_once('=').filter(|(name, _)| name.starts_with("--")) {
        return format!("{name}={}", masked_value(name, value));
    }
    // A word that only its inner quotes hold together is still one.
    if words(text).count() > 1 { masked(text) } else { masked_address(&without_credentials(text)) }
}

/// `Name: value`, no address.
fn header(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once(':')?;
    (is_name(name) && !value.starts_with("//")).then_some((name, value))
}

/// Of a header, a flag or a member.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// `user:password@` of every address.
fn without_credentials(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| "/?#\"'<>\\".contains(c) || c.is_whitespace()).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => {
                shown.push_str(MASK);
                &after[at..]
            }
            None => after,
        };
    }
    shown + rest
}

/// Parameters with secret names, also those of addresses that stand encoded in a parameter.
fn masked_address(text: &str) -> String {
    let piece = |piece: &str| {
        let plain = percent_decode_str(piece).decode_utf8_lossy();
        let shown = masked_parameters(&without_credentials(&plain));
        if shown == plain { piece.to_owned() } else { shown }
    };
    text.split('&').map(piece).collect::<Vec<_>>().join("&")
}

fn masked_parameters(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, value)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        rest = value;
        let is_of_name = |c: char| c.is_alphanumeric() || "_-.[]".contains(c);
        let name_at =
            before.rfind(|c| !is_of_name(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        if is_secret(&before[name_at..]) && !value.is_empty() {
            shown.push_str(MASK);
            rest = &value[value_end(value)..];
        }
    }
    shown + rest
}

/// Where a parameter's value ends: at the next parameter, or at the quote that closes it.
fn value_end(value: &str) -> usize {
    let opening = value.chars().next().filter(|c| *c == '"' || *c == '\'');
    match opening.and_then(|quote| value[1..].find(quote)) {
        Some(closing) => closing + 2,
        None => value.find(|c: char| c == '&' || c == '"' || c == '\'' || c.is_whitespace()).unwrap_or(value.len()),
    }
}

fn quoted(word: &str) -> Option<(char, &str)> {
    let quote = word.chars().next().filter(|c| *c == '"' || *c == '\'')?;
    Some((quote, word.get(1..)?.strip_suffix(quote)?))
}

/// Words and the spaces between them, in order; a stretch in quotes belongs to its word, an apostrophe alone is none.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let is_space = rest.chars().next()?.is_whitespace();
        let end = if is_space { rest.find(|c: char| !c.is_whitespace()) } else { word_end(rest) };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(word)
    })
}

fn word_end(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let next = text[at..].find(|c: char| c.is_whitespace() || c == '"' || c == '\'')? + at;
        let mark = text[next..].chars().next()?;
        if mark.is_whitespace() {
            return Some(next);
        }
        at = text[next + 1..].find(mark).map_or(next + 1, |closing| next + 1 + closing + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_every_address_are_masked() {
        assert_eq!(masked("http://me:word@host/x"), "http://***@host/x");
        assert_eq!(masked("a=http://u:p@h/ b=postgres://u:p%40q@db/x?y"), "a=http://***@h/ b=postgres://***@db/x?y");
        assert_eq!(masked("http://h/x?url=http://u:p@other/y"), "http://h/x?url=http://***@other/y");
        assert_eq!(masked("http://host/a@b"), "http://host/a@b");
        assert_eq!(masked("http://u:password@h:1/: connection refused"), "http://***@h:1/: connection refused");
        assert_eq!(masked("http://h/{z}/{x}/{y}@2x.png?rescale=0,1"), "http://h/{z}/{x}/{y}@2x.png?rescale=0,1");
    }

    #[test]
    fn parameters_with_secret_names_are_masked_wherever_they_stand() {
        let masked_url = masked("http://h/t?access_token=S3CRET&z={z}&api_key=S3CRET");
        assert_eq!(masked_url, "http://h/t?access_token=***&z={z}&api_key=***");
        assert_eq!(masked("http://h/?sig=S3CRET==&sigma=2"), "http://h/?sig=***&sigma=2");
        for text in [
            "/t?url=https%3A%2F%2Fu%3AS3CRET%40b.example%2Fx%3Fa%3D1%26X-Amz-Signature%3DS3CRET&z=1",
            "probe=http://h/stats?a=1&key=S3CRET",
            "API_KEY=S3CRET aurora-server --token S3CRET --indexer http://u:S3CRET@h --password='S3CRET S3CRET'",
            "serve --auth-token \"S3CRET S3CRET\" --header 'X-API-Key: S3CRET'",
            "Authorization: Bearer S3CRET",
            "{\"api_key\": \"S3CRET\"}",
            "GET with Bearer S3CRET failed",
            "http://h/x: token: S3CRET",
        ] {
            let shown = masked(text);
            assert!(!shown.contains("S3CRET") && shown.contains(MASK), "{shown}");
            assert_eq!(masked(&shown), shown, "masking twice changes nothing");
        }
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for text in [
            "4 scenes' tiles (hot set: 256, 98.0 %), the users' own",
            "--token-file /run/token --threshold 'served_share>=0.99'",
            "12s:50 30s:200\n  two  spaces",
            "http://h/a%20b?x=%3Cy%3E",
            "\"open\" ' don't",
            "field {env:SECRET_TOKEN}: no such variable in the environment",
            "/run/token: No such file or directory (os error 2)",
            "/etc/passwd: no access lines",
            "tokens.json: no figures",
            "",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn commands_are_masked_argument_by_argument() {
        let shown = |words: &[&str]| masked_command(words.iter().map(|word| (*word).to_owned()));
        let command = shown(&[
            "/bin/aurora-perf",
            "stress",
            "--header",
            "X-API-Key:S3CRET",
            "--header=Accept:text/html",
            "--probe-header=Cookie: S3CRET",
            "--token",
            "S3CRET",
            "--start",
            "serve --token S3CRET",
            "--server",
            "http://a",
        ]);
        assert!(!command.contains("S3CRET") && command.contains("text/html"), "{command}");
        assert!(command.starts_with("aurora-perf stress") && command.ends_with("--server http://a"), "{command}");
        assert_eq!(masked(&command), command, "masking twice changes nothing");
        assert_eq!(masked_value("API_KEY", "abc"), "***");
        assert_eq!(masked_value("AURORA_TOKEN_FILE", "/run/token"), "/run/token");
    }

    #[test]
    fn documents_are_masked_to_their_leaves() {
        let json = serde_json::json!({"a": [{"url": "http://u:p@h/"}], "n": 1, "s": "x"});
        assert_eq!(masked_json(&json), serde_json::json!({"a": [{"url": "http://***@h/"}], "n": 1, "s": "x"}));
    }
}
