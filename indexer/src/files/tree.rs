//! A folder that is served.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::HeaderValue;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::{
    open::{self, Found, NotFound},
    shelf::Shelf,
    validator::Version,
};
use aurora_daemon::file_system;

/// A folder that is served; cheap to clone.
#[derive(Clone)]
pub struct Tree {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    /// What the keys of its files on the shelf begin with.
    key_prefix: String,
    excluded: Vec<PathBuf>,
    shelf: Arc<Shelf>,
    sent_bytes: metrics::Counter,
}

/// An open file at one version.
pub struct OpenFile {
    file: File,
    /// Where it lay when it was opened.
    path: PathBuf,
    /// Whether looking at it cannot hang, as it can on a network.
    is_local: bool,
    /// Whether its file system keeps the times of inodes' changes itself.
    has_change_time: bool,
    pub(super) version: Version,
    etag: HeaderValue,
    pub(super) last_modified: Option<HeaderValue>,
}

/// What lies at an address.
pub enum Opened {
    /// A file.
    File(Arc<OpenFile>),
    /// A folder.
    Folder(File),
}

impl Tree {
    /// Serves `folder` (links resolved) without `excluded`; trees that share a shelf share its descriptors.
    pub fn new(folder: PathBuf, excluded: Vec<PathBuf>, shelf: Arc<Shelf>) -> Self {
        let excluded = excluded.into_iter().filter(|own| own.starts_with(&folder) && *own != folder).collect();
        let key_prefix = format!("{}\0", folder.display());
        let sent_bytes = metrics::counter!("aurora_indexer_file_bytes_total");
        Self { inner: Arc::new(Inner { folder, key_prefix, excluded, shelf, sent_bytes }) }
    }

    /// The shelf of its open files.
    pub fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    /// Counts bytes that are sent of its files.
    pub(super) fn count_sent(&self, bytes: u64) {
        self.inner.sent_bytes.increment(bytes);
    }

    /// Whether a path with all links resolved may be told of.
    pub(super) fn contains(&self, real: &Path) -> bool {
        real.starts_with(&self.inner.folder) && !self.inner.excluded.iter().any(|own| real.starts_with(own))
    }

    /// The file at `path` (a part of an address) if it is open already and looking at it cannot block. Whether it still
    /// is what lies there, [`Tree::is_still_there`] tells.
    pub(super) fn at_hand(&self, path: &str) -> Option<Arc<OpenFile>> {
        self.inner.shelf.find(&self.key(path)).filter(|file| file.is_local)
    }

    /// Whether `file` still is what lies at `path`, as it was when it was opened; if so, whatever was read of it before
    /// was so too.
    pub(super) fn is_still_there(&self, path: &str, file: &Arc<OpenFile>) -> bool {
        let is_current = file.is_current();
        if !is_current {
            self.inner.shelf.drop_stale(&self.key(path), file);
        }
        is_current
    }

    /// What lies at `path`, a part of an address. Blocking.
    ///
    /// # Errors
    /// [`NotFound`] for everything that is not to be had.
    pub(super) fn open(&self, path: &str) -> Result<Opened, NotFound> {
        let key = self.key(path);
        if let Some(file) = self.inner.shelf.find(&key)
            && self.is_still_there(path, &file)
        {
            return Ok(Opened::File(file));
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let relative = if path.is_empty() { PathBuf::new() } else { open::decoded(path)? };
        match open::open(&self.inner.folder, &relative, &self.inner.excluded)? {
            Found::Folder(folder) => Ok(Opened::Folder(folder)),
            Found::File(file) => {
                let file = OpenFile::new(file, self.inner.folder.join(relative)).map_err(|_| NotFound)?;
                let file = Arc::new(file);
                self.inner.shelf.keep(key, Arc::clone(&file));
                Ok(Opened::File(file))
            }
        }
    }

    /// The file at `path` at `version`, from the shelf or opened anew. Blocking.
    ///
    /// # Errors
    /// When another version or nothing lies there.
    pub(super) fn reopen(&self, path: &str, version: &Version) -> io::Result<Arc<OpenFile>> {
        if let Some(file) = self.kept(path, version) {
            return Ok(file);
        }
        match self.open(path) {
            Ok(Opened::File(file)) if file.version == *version => Ok(file),
            _ => Err(changed()),
        }
    }

    /// The file at `path` at `version`, if it is open.
    pub(super) fn kept(&self, path: &str, version: &Version) -> Option<Arc<OpenFile>> {
        self.inner.shelf.find(&self.key(path)).filter(|file| file.version == *version)
    }

    /// Trees share a shelf, so their folder belongs to the key. No path of an address has a NUL in it.
    fn key(&self, path: &str) -> String {
        [self.inner.key_prefix.as_str(), path].concat()
    }
}

impl OpenFile {
    fn new(file: File, path: PathBuf) -> io::Result<Self> {
        let network = file_system::network_name_of(&file);
        let is_local = matches!(network, Ok(None));
        let has_change_time = file_system::has_change_times(network.ok().flatten());
        let version = Version::of(&file.metadata()?, has_change_time);
        let etag = HeaderValue::try_from(version.etag(false)).map_err(io::Error::other)?;
        Ok(Self { file, path, is_local, has_change_time, version, etag, last_modified: version.last_modified() })
    }

    /// The entity tag of what is read from now on.
    pub(super) fn etag(&self) -> HeaderValue {
        let marked = || HeaderValue::try_from(self.version.etag(true)).ok();
        self.version.is_being_written().then(marked).flatten().unwrap_or_else(|| self.etag.clone())
    }

    /// Whether it still is what lies at its path.
    fn is_current(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|metadata| self.is_version(&metadata))
    }

    fn is_version(&self, metadata: &fs::Metadata) -> bool {
        Version::of(metadata, self.has_change_time) == self.version
    }

    /// Reads into all of `buffer` from `offset`, and makes sure that the file still is the version it was. Blocking.
    ///
    /// # Errors
    /// When the file changed, or cannot be read.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)?;
        self.still()
    }

    /// The same without ever waiting for a disk, and without making sure of anything: `false` when the bytes are not in
    /// memory, or nobody can tell.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read_now(&self, buffer: &mut [u8], offset: u64) -> io::Result<bool> {
        if !self.is_local {
            return Ok(false);
        }
        let wanted = buffer.len();
        match preadv2(&self.file, &mut [io::IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read == wanted),
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::NOSYS | Errno::INVAL) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes sure that it still is the version it was.
    ///
    /// # Errors
    /// When it is not, or cannot be looked at.
    pub(super) fn still(&self) -> io::Result<()> {
        if self.is_version(&self.file.metadata()?) { Ok(()) } else { Err(changed()) }
    }
}

fn changed() -> io::Error {
    io::Error::other("the file changed while it was sent")
}
