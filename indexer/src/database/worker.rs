//! The name under which an indexer holds its leases, the same after every start.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use aurora_database::Address;

use crate::{
    error::{IndexerError, Result},
    random,
};

/// A database file has one indexer.
const ONLY: &str = "indexer";

/// Where a name that is one of several is kept, in the state folder.
const FILE: &str = "indexer.name";

/// The name for the database at `address`; of an indexer among others it is made once, from the host's name and chance.
pub(super) fn name(state_dir: &Path, address: &Address) -> Result<String> {
    if matches!(address, Address::Sqlite(_)) {
        return Ok(ONLY.to_owned());
    }
    let path = state_dir.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
        Ok(_) => make(&path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(&path),
        Err(error) => Err(IndexerError::io("read", path)(error)),
    }
}

fn make(path: &Path) -> Result<String> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { ONLY } else { host.trim() };
    let name = format!("{host}-{}", &random::name()[..8]);
    let written = File::create(path).and_then(|mut file| {
        writeln!(file, "{name}")?;
        file.sync_all()
    });
    written.map_err(IndexerError::io("write", path))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_among_others_is_kept() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let shared = "postgres://h/aurora".parse().unwrap();
        let first = name(one.path(), &shared).unwrap();
        assert_eq!(name(one.path(), &shared).unwrap(), first);
        assert_ne!(name(other.path(), &shared).unwrap(), first);
        assert_eq!(name(one.path(), &"sqlite:///a.db".parse().unwrap()).unwrap(), ONLY);
    }
}
