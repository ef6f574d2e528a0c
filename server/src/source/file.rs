//! Local files: named, looked at and read without blocking an async thread, and without a descriptor for each.
//!
//! Looks and reads run on tokio's blocking threads within the share of their folder's origin: a mount that hangs holds
//! only that many of them. Only another look at a file that was found on a local disk is done where it is asked for:
//! there it costs less than a thread's turn; and while it is the very file it was a moment ago, its links are not
//! followed again. Files are kept open for the next read, a bounded number of them; one that was closed meanwhile is
//! opened again, and is another version if it was replaced.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use aurora_daemon::file_system;
use aurora_raster::source::{ByteSource, FileSource, FileVersion, SourceError, SourceFuture};
use bytes::Bytes;
use futures_util::FutureExt;
use moka::sync::Cache;
use tokio::{task::spawn_blocking, time::timeout};

use super::{AllowList, Origins, Refusal};
use crate::shelf::Shelf;

/// Time after which a file that nobody reads is closed, so that one that was deleted does not keep its place on disk.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Names that were looked at, kept for the time that their folder hangs; each is a few hundred bytes.
const KNOWN_NAMES: u64 = 4096;

/// How long a name that still leads to the same file is taken to lead there on allowed ways: whoever moves a folder out
/// of the allowed ones and links to it from there is noticed after this time.
const WAYS_KNOWN_FOR: Duration = Duration::from_secs(1);

/// An allowed file, with all links resolved, and the version it had at the look that found it.
#[derive(Debug, Clone)]
pub(crate) struct LocalFile {
    pub(crate) path: Arc<Path>,
    /// The allowed folder it lies in.
    pub(crate) folder: Arc<str>,
    /// Whether looking at it again waits for no other host.
    pub(crate) is_at_hand: bool,
    /// Whether its file system keeps the times of inodes' changes itself.
    has_change_time: bool,
    /// Taken by the first who asks; who comes back because the file has changed looks again.
    seen: Arc<Mutex<Option<FileVersion>>>,
}

impl LocalFile {
    /// The file at `path`, in which no link is left. Blocks on the file system.
    ///
    /// # Errors
    /// As [`FileSource::version_at`].
    pub(super) fn find(folder: Arc<str>, path: &Path) -> Result<Self, SourceError> {
        let network = file_system::network_name(path);
        let (is_at_hand, has_change_time) =
            (matches!(network, Ok(None)), file_system::has_change_times(network.ok().flatten()));
        let seen = Arc::new(Mutex::new(Some(FileSource::version_at(path, has_change_time)?)));
        Ok(Self { path: path.into(), folder, is_at_hand, has_change_time, seen })
    }

    fn take_seen(&self) -> Option<FileVersion> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn seen(&self) -> Option<FileVersion> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same with its version still to be taken.
    fn afresh(&self) -> Self {
        Self { seen: Arc::new(Mutex::new(self.seen())), ..self.clone() }
    }
}

/// A name that led to an allowed file, and when its way there was last followed.
#[derive(Clone)]
struct Known {
    file: LocalFile,
    followed_at: Instant,
}

impl Known {
    /// The file, if `name` leads to the same one still and its way was followed lately. Blocks on the file system.
    fn still(&self, name: &Path) -> Option<LocalFile> {
        let is_recent = self.followed_at.elapsed() < WAYS_KNOWN_FOR;
        let is_same = || self.file.seen().is_some_and(|seen| seen.is_at(name));
        (is_recent && is_same()).then(|| self.file.afresh())
    }
}

impl PartialEq for LocalFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

/// All local files.
pub(crate) struct LocalFiles {
    allow: Arc<AllowList>,
    origins: Arc<Origins>,
    open: Cache<PathBuf, Shelf<FileSource>>,
    known: Cache<PathBuf, Known>,
    patience: Duration,
}

impl LocalFiles {
    /// Keeps at most `open` files open; a look or a read that takes longer than `patience` counts as hanging.
    pub(crate) fn new(allow: Arc<AllowList>, origins: Arc<Origins>, open: usize, patience: Duration) -> Self {
        let open = Cache::builder()
            .max_capacity(open as u64)
            .time_to_idle(IDLE_TIMEOUT)
            .eviction_listener(|_, file: Shelf<FileSource>, _| file.clear())
            .build();
        Self { allow, origins, open, known: Cache::new(KNOWN_NAMES), patience }
    }

    /// The allowed file that `text` names, as it is now; as it was last while its folder hangs or cannot tell.
    pub(crate) async fn locate(&self, text: &str) -> Result<Result<LocalFile, Refusal>, SourceError> {
        let Some((path, folder)) = self.allow.by_spelling(text) else { return Ok(Err(Refusal::Forbidden)) };
        let found = match self.known.get(&path).filter(|known| known.file.is_at_hand) {
            Some(known) => match known.still(&path) {
                Some(file) => return Ok(Ok(file)),
                None => self.allow.find(&path),
            },
            None => {
                let (allow, sought) = (Arc::clone(&self.allow), path.clone());
                self.off_thread(&folder, text, move || allow.find(&sought)).await
            }
        };
        self.settle(path, found)
    }

    /// Whether `text` leads to that version still, if another look at it waits for nobody and its way was followed
    /// lately.
    pub(crate) fn leads_to(&self, text: &str, version: &FileVersion) -> bool {
        let is_near = |known: &Known| known.file.is_at_hand && known.followed_at.elapsed() < WAYS_KNOWN_FOR;
        // A text with dots is no name that is known.
        self.known.get(Path::new(text)).is_some_and(|known| is_near(&known)) && version.is_at(text)
    }

    /// Remembers what a path was found to lead to; where that cannot be told, what is known goes on.
    fn settle(
        &self,
        path: PathBuf,
        found: Result<Result<LocalFile, Refusal>, SourceError>,
    ) -> Result<Result<LocalFile, Refusal>, SourceError> {
        match &found {
            Ok(Ok(file)) => self.known.insert(path, Known { file: file.afresh(), followed_at: Instant::now() }),
            Ok(Err(_)) => self.known.invalidate(&path),
            Err(_) => return self.known.get(&path).map_or(found, |known| Ok(Ok(known.file.afresh()))),
        }
        found
    }

    /// The file's version now, or at the look that found it.
    pub(crate) async fn version(&self, file: &LocalFile) -> Result<FileVersion, SourceError> {
        if let Some(version) = file.take_seen() {
            return Ok(version);
        }
        let (path, name) = (Arc::clone(&file.path), file.path.display().to_string());
        let has_change_time = file.has_change_time;
        self.off_thread(&file.folder, &name, move || FileSource::version_at(&path, has_change_time)).await
    }

    /// Opens it.
    pub(crate) async fn open(self: &Arc<Self>, file: &LocalFile) -> Result<Arc<LocalSource>, SourceError> {
        let (files, found, name) = (Arc::clone(self), file.clone(), file.path.display().to_string());
        let opened = self.off_thread(&file.folder, &name, move || files.open_now(&found)).await?;
        let version = FileVersion::of_source(opened.as_ref());
        let size_bytes = opened.size_bytes();
        Ok(Arc::new(LocalSource { files: Arc::clone(self), file: file.clone(), name, version, size_bytes }))
    }

    fn open_now(&self, file: &LocalFile) -> Result<Arc<FileSource>, SourceError> {
        let opened = FileSource::open_kept(&file.path, file.has_change_time)?;
        self.open.insert(file.path.to_path_buf(), Shelf::of(&opened));
        // What no longer fits is closed before anybody opens another.
        self.open.run_pending_tasks();
        Ok(opened)
    }

    /// Runs `work` where blocking is allowed, within the share of `folder`. A thread that hangs keeps its place.
    async fn off_thread<T: Send + 'static>(
        &self,
        folder: &Arc<str>,
        name: &str,
        work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let visit = self.origins.named(folder).enter().await?;
        let told = move || (work(), visit);
        match timeout(self.patience, spawn_blocking(told)).await {
            Ok(Ok((result, visit))) => {
                // A file that cannot be read says nothing of the others.
                visit.succeeded();
                result
            }
            Ok(Err(error)) => Err(unavailable(name, &error)),
            Err(_) => {
                self.origins.named(folder).failed();
                Err(unavailable(name, &"its folder does not answer"))
            }
        }
    }
}

fn unavailable(name: &str, reason: &dyn std::fmt::Display) -> SourceError {
    SourceError::Unavailable { name: name.to_owned(), reason: reason.to_string() }
}

/// A local file at one version.
pub(crate) struct LocalSource {
    files: Arc<LocalFiles>,
    file: LocalFile,
    name: String,
    version: FileVersion,
    size_bytes: u64,
}

impl LocalSource {
    /// The open file, if it is still this version.
    fn opened(files: &LocalFiles, file: &LocalFile, version: &str) -> Result<Arc<FileSource>, SourceError> {
        let open = files.open.get(&*file.path).and_then(|shelf| shelf.get());
        if let Some(open) = open.filter(|open| open.version() == version) {
            return Ok(open);
        }
        let opened = files.open_now(file)?;
        let changed = || SourceError::Changed { name: file.path.display().to_string() };
        if opened.version() == version { Ok(opened) } else { Err(changed()) }
    }
}

impl ByteSource for LocalSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn version(&self) -> &str {
        &self.version.validator
    }

    fn written_at(&self) -> Option<SystemTime> {
        self.version.written_at
    }

    fn is_at_hand(&self) -> bool {
        self.file.is_at_hand
    }

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        let (files, found, version) = (Arc::clone(&self.files), self.file.clone(), Arc::clone(&self.version.validator));
        let (wanted, name) = (ranges.to_vec(), self.name.clone());
        let work = move || {
            let file = Self::opened(&files, &found, &version)?;
            let read = file.read(&wanted).now_or_never();
            read.unwrap_or_else(|| Err(unavailable(&name, &"a local read did not finish at once")))
        };
        Box::pin(async move { self.files.off_thread(&self.file.folder, &self.name, work).await })
    }
}

#[cfg(test)]
mod tests;
