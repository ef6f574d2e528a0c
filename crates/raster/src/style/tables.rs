//! Published colour tables, compiled in as text. Sources and licences stand in `data/README.md`.

const TABLES: &str = include_str!("../../data/colormaps.txt");

/// Every table: its name and its colours. A line that is no table is skipped; a test counts them.
pub(super) fn published() -> impl Iterator<Item = (&'static str, [[u8; 4]; 256])> {
    TABLES.lines().filter(|line| !line.starts_with('#')).filter_map(parse)
}

fn parse(line: &'static str) -> Option<(&'static str, [[u8; 4]; 256])> {
    let mut words = line.split_ascii_whitespace();
    let (name, _source, colors) = (words.next()?, words.next()?, words.next()?);
    let mut entries = [[255; 4]; 256];
    for (index, entry) in entries.iter_mut().enumerate() {
        for (channel, value) in entry[..3].iter_mut().enumerate() {
            let at = (index * 3 + channel) * 2;
            *value = u8::from_str_radix(colors.get(at..at + 2)?, 16).ok()?;
        }
    }
    Some((name, entries))
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_line_is_a_table() {
        let lines = super::TABLES.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!((super::published().count(), lines), (16, 16));
    }
}
