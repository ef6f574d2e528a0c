//! A folder that is served, and the descriptors it may take.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    open::{self, Found, NotFound},
    validator::Version,
};

/// A folder that is served.
#[derive(Clone)]
pub struct Tree {
    folder: PathBuf,
    excluded: Arc<[PathBuf]>,
    descriptors: Arc<Semaphore>,
}

/// A file opened for one answer, at one version.
pub struct OpenFile {
    pub(super) file: File,
    pub(super) version: Version,
    /// Given back with the file.
    _permit: OwnedSemaphorePermit,
}

/// What lies at an address.
pub enum Opened {
    /// A file.
    File(Arc<OpenFile>),
    /// A folder.
    Folder(File),
}

impl Tree {
    /// Serves `folder` (links resolved) without `excluded`; trees that share `descriptors` share their number.
    pub fn new(folder: PathBuf, excluded: Vec<PathBuf>, descriptors: Arc<Semaphore>) -> Self {
        let excluded = excluded.into_iter().filter(|own| own.starts_with(&folder) && *own != folder).collect();
        Self { folder, excluded, descriptors }
    }

    /// Whether a path with all links resolved may be told of.
    pub(super) fn contains(&self, real: &Path) -> bool {
        real.starts_with(&self.folder) && !self.excluded.iter().any(|own| real.starts_with(own))
    }

    /// A descriptor, if one is free just now.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.descriptors).try_acquire_owned().ok()
    }

    /// Waits for a descriptor, to be handed to [`Tree::open`].
    pub async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.descriptors).acquire_owned().await.ok()
    }

    /// Opens what lies at `path`, a part of an address. Blocking.
    ///
    /// # Errors
    /// [`NotFound`] for everything that is not to be had.
    pub fn open(&self, path: &str, permit: OwnedSemaphorePermit) -> Result<Opened, NotFound> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let relative = if path.is_empty() { PathBuf::new() } else { open::decoded(path)? };
        match open::open(&self.folder, &relative, &self.excluded)? {
            Found::Folder(folder) => Ok(Opened::Folder(folder)),
            Found::File(file) => {
                let version = Version::of(&file.metadata().map_err(|_| NotFound)?);
                Ok(Opened::File(Arc::new(OpenFile { file, version, _permit: permit })))
            }
        }
    }
}

impl OpenFile {
    /// Reads into all of `buffer` from `offset`, and makes sure that the file still is the version it was.
    ///
    /// # Errors
    /// When the file changed, or cannot be read.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt;
        self.file.read_exact_at(buffer, offset)?;
        if Version::of(&self.file.metadata()?) == self.version {
            Ok(())
        } else {
            Err(io::Error::other("the file changed while it was sent"))
        }
    }
}
