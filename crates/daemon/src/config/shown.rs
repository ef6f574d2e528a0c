//! The settings in force as they may be printed: a TOML document without passwords and keys. Caller: `--print-config`.

use std::ffi::{OsStr, OsString};

use clap::{ArgAction, ArgMatches, Command};
use toml::{Table, Value};

use crate::secret::{MASK, is_secret};

/// Flags that are no settings.
const ABOUT_SETTINGS: [&str; 2] = ["config", "print-config"];

/// The settings in force, as a TOML document that `--config` reads again; passwords in URLs and values of headers are
/// left out of it.
///
/// # Errors
/// What clap says of a setting of a subcommand that nobody named.
pub(super) fn effective(command: &Command, matches: &ArgMatches) -> Result<String, clap::Error> {
    let mut table = Table::new();
    for arg in command.get_arguments() {
        let (Some(long), Ok(Some(values))) = (arg.get_long(), matches.try_get_raw(arg.get_id().as_str())) else {
            continue;
        };
        if ABOUT_SETTINGS.contains(&long) {
            continue;
        }
        let text = |value: &OsStr| match value.to_string_lossy() {
            value if long.ends_with("header") => without_value(&value),
            value => shown(&value),
        };
        let mut texts: Vec<Value> = values.map(|value| Value::String(text(value))).collect();
        let several = matches!(arg.get_action(), ArgAction::Append);
        let value = if several { Value::Array(texts) } else { texts.pop().unwrap_or(Value::Boolean(true)) };
        table.insert(long.to_owned(), value);
    }
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        let text = match matches.subcommand() {
            Some((name, inner)) if name == subcommand.get_name() => effective(subcommand, inner)?,
            None => untouched(subcommand)?,
            Some(_) => continue,
        };
        let settings: Table = text.parse().unwrap_or_default();
        if !settings.is_empty() {
            table.insert(subcommand.get_name().to_owned(), Value::Table(settings));
        }
    }
    Ok(table.to_string())
}

/// The settings in force of a subcommand that nobody named.
fn untouched(subcommand: &Command) -> Result<String, clap::Error> {
    let matches = subcommand.clone().no_binary_name(true).try_get_matches_from(std::iter::empty::<OsString>())?;
    effective(subcommand, &matches)
}

/// A header without its value, which may well be a key.
fn without_value(header: &str) -> String {
    header.split_once(':').map_or_else(|| header.to_owned(), |(name, _)| format!("{name}: {MASK}"))
}

/// `text` as it may be printed: without the password, if it is a URL that has one, before its host or as a parameter.
fn shown(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    let place = match place.rsplit_once('@') {
        Some((who, host)) => match who.split_once(':') {
            Some((user, _)) => format!("{user}:{MASK}@{host}"),
            None => place.to_owned(),
        },
        None => place.to_owned(),
    };
    let shown_pair = |pair: &str| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}={MASK}"),
        _ => pair.to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(shown_pair).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{place}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        for (text, expected) in [
            ("postgres://u:p@ss@h:5/d?sslmode=require", "postgres://u:***@h:5/d?sslmode=require"),
            ("postgres://u@h/d?x=1&password=s", "postgres://u@h/d?x=1&password=***"),
            ("stats=http://a/?x=1&API_KEY=s", "stats=http://a/?x=1&API_KEY=***"),
            ("http://a:8081", "http://a:8081"),
            ("5s", "5s"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
