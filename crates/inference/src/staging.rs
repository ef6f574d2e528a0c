//! A folder of our own beside the results, from which they are published by rename.
//!
//! Readers of the output folder see a result whole or not at all. The folder is locked while its run lives, so a later
//! run knows what a killed one left behind and removes it. `run` calls it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

/// A staging folder; dropped, it is removed with what was not published.
pub(crate) struct Staging {
    path: PathBuf,
    target: PathBuf,
    _lock: File,
}

impl Staging {
    /// Makes `DIR/.NAME.tmp`, after removing what a killed run left under that name.
    ///
    /// # Errors
    /// [`Error::Busy`] if another run is at work there, [`Error::Output`] if the folder cannot be made.
    pub(crate) fn create(target: &Path, name: &str) -> Result<Self> {
        fs::create_dir_all(target).map_err(Error::output("make the output folder"))?;
        let path = target.join(format!(".{name}.tmp"));
        fs::create_dir_all(&path).map_err(Error::output("make the staging folder"))?;
        let lock = File::open(&path).map_err(Error::output("open the staging folder"))?;
        lock.try_lock().map_err(|_| Error::Busy { path: path.clone() })?;
        for entry in fs::read_dir(&path).map_err(Error::output("read the staging folder"))? {
            let stale = entry.map_err(Error::output("read the staging folder"))?.path();
            fs::remove_file(stale).map_err(Error::output("clear the staging folder"))?;
        }
        Ok(Self { path, target: target.to_owned(), _lock: lock })
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves files to the output folder in the order given, from the names that they have here to those that they get
    /// there, each on disk before it gets its name.
    ///
    /// # Errors
    /// [`Error::Output`] if the disk will not take them.
    pub(crate) fn publish(&self, names: &[(&str, &str)]) -> Result<()> {
        for (staged, _) in names {
            let file = File::open(self.path.join(staged)).map_err(Error::output("open a result"))?;
            file.sync_all().map_err(Error::output("write a result to disk"))?;
        }
        for (staged, name) in names {
            fs::rename(self.path.join(staged), self.target.join(name)).map_err(Error::output("publish a result"))?;
        }
        let folder = File::open(&self.target).map_err(Error::output("open the output folder"))?;
        folder.sync_all().map_err(Error::output("write the output folder to disk"))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "staging folder not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let stale = folder.path().join(".scene.tmp");
        fs::create_dir(&stale).unwrap();
        fs::write(stale.join("half.tif"), b"half").unwrap();
        let staging = Staging::create(folder.path(), "scene").unwrap();
        assert_eq!(fs::read_dir(staging.path()).unwrap().count(), 0);
        drop(staging);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_living_run_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Staging::create(folder.path(), "scene").unwrap();
        fs::write(first.path().join("staged"), b"whole").unwrap();
        assert!(matches!(Staging::create(folder.path(), "scene"), Err(Error::Busy { .. })));
        first.publish(&[("staged", "result")]).unwrap();
        assert_eq!(fs::read(folder.path().join("result")).unwrap(), b"whole");
    }
}
