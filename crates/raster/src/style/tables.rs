//! Published colour tables, compiled in as text. Sources and licences stand in `data/README.md`.

use std::{collections::BTreeMap, sync::LazyLock};

const TABLES: &str = include_str!("../../data/colormaps.txt");

/// Ends the name of a colormap that runs the other way.
const REVERSED: &str = "_r";

/// Colours as text by name; read when they are asked for.
static BY_NAME: LazyLock<BTreeMap<&'static str, &'static str>> =
    LazyLock::new(|| lines().filter_map(|line| Some((line.split(' ').next()?, line.rsplit(' ').next()?))).collect());

/// Every table there is.
fn lines() -> impl Iterator<Item = &'static str> {
    TABLES.lines().filter(|line| !line.starts_with('#'))
}

/// The colours of that name. Tables whose reverse is exactly that are stored one way only.
pub(super) fn named(name: &str) -> Option<[[u8; 4]; 256]> {
    if let Some(text) = BY_NAME.get(name) {
        return parse(text);
    }
    let mut entries = parse(BY_NAME.get(name.strip_suffix(REVERSED).filter(|base| is_reversible(base))?)?)?;
    entries.reverse();
    Some(entries)
}

/// Names in order, those that run the other way included.
pub(super) fn names() -> Vec<String> {
    let stored = BY_NAME.keys().map(|name| (*name).to_owned());
    let turned = |name: &&&str| is_reversible(name) && !BY_NAME.contains_key(format!("{name}{REVERSED}").as_str());
    let reversed = BY_NAME.keys().filter(turned).map(|name| format!("{name}{REVERSED}"));
    let mut names: Vec<String> = stored.chain(reversed).collect();
    names.sort_unstable();
    names
}

/// Tables that are published one way only.
fn is_reversible(name: &str) -> bool {
    !(name.ends_with(REVERSED) || ["cfastie", "rplumbo", "schwarzwald"].contains(&name))
}

fn parse(colors: &str) -> Option<[[u8; 4]; 256]> {
    let mut entries = [[255; 4]; 256];
    for (index, entry) in entries.iter_mut().enumerate() {
        for (channel, value) in entry[..3].iter_mut().enumerate() {
            let at = (index * 3 + channel) * 2;
            *value = u8::from_str_radix(colors.get(at..at + 2)?, 16).ok()?;
        }
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_is_a_table() {
        let whole =
            |line: &&str| line.split(' ').count() == 3 && super::parse(line.rsplit(' ').next().unwrap()).is_some();
        assert_eq!((super::lines().filter(whole).count(), super::lines().count()), (159, 159));
    }
}
