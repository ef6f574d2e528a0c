//! A local file as a source.
//!
//! The version is size, modification time and inode at opening; for who keeps what is read of it also the time at which
//! the inode last changed, which no program can set back, as copying tools do with the modification time. A file
//! replaced by rename keeps answering from the open descriptor: that is still the old version, whole and consistent. A
//! file rewritten in place is found out by asking the descriptor again after each read, and the read answers
//! [`SourceError::Changed`].
//!
//! One call that writes much marks the file's times before it copies the first byte: what is read meanwhile may be of
//! before, at the very times that the file keeps. So a file is another version while it has been written to only just,
//! and what was kept of that is asked for no more once it is the version that stays ([`WRITING_TIME`]).
//!
//! Reads are plain `pread` calls inside the future, which is always ready at its first poll: callers poll it where
//! blocking is allowed (a render thread, `spawn_blocking`), as a network mount may take its time.

use std::{
    fs::{File, Metadata},
    io,
    ops::Range,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use rustix::{
    buffer::spare_capacity,
    io::{Errno, pread},
};

use super::{ByteSource, MAX_SHARED_BYTES, SourceError, SourceFuture};

/// Time after a file's modification time in which the call that set it may still be writing: some hundred megabytes are
/// copied to memory in it, or less where the writer has to wait for the processor. What is read so early is kept under
/// a version of its own and read again afterwards; but until then it may be shown, so the time is no longer than that.
const WRITING_TIME: Duration = Duration::from_millis(200);

/// A regular local file, opened at one version.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    name: String,
    version: FileVersion,
    size_bytes: u64,
    telling: Telling,
}

/// What versions of a file are told apart by, beside size, modification time and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// Nothing: it is read once, and nothing of it is kept.
    Least,
    /// Whether it is just being written; and the inode's change time, where that is the file system's own.
    Kept { has_change_time: bool },
}

/// One version of a file.
#[derive(Debug, Clone)]
pub struct FileVersion {
    /// What tells it from all others.
    pub validator: Arc<str>,
    /// When it was written, if that is known.
    pub written_at: Option<SystemTime>,
    /// What the validator of a local file is written from.
    looks: Option<Looks>,
}

/// What tells versions of a local file apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Looks {
    size_bytes: u64,
    inode: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// The same of the inode's last change.
    changed: Option<(i64, i64)>,
    /// It was written to so short a time ago that a write may be under way.
    is_being_written: bool,
    telling: Telling,
}

impl PartialEq for FileVersion {
    fn eq(&self, other: &Self) -> bool {
        self.validator == other.validator
    }
}

impl Eq for FileVersion {}

impl FileSource {
    /// Opens `path`, which must be a regular file, to be read while nothing of it is kept.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, `Unavailable` when it is no regular file or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>, SourceError> {
        Self::open_telling(path.as_ref(), Telling::Least)
    }

    /// The same for who keeps what is read under its version. `has_change_time`: the file system keeps the times of
    /// inodes' changes itself.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_kept(path: impl AsRef<Path>, has_change_time: bool) -> Result<Arc<Self>, SourceError> {
        Self::open_telling(path.as_ref(), Telling::Kept { has_change_time })
    }

    fn open_telling(path: &Path, telling: Telling) -> Result<Arc<Self>, SourceError> {
        let name = path.display().to_string();
        let error = |error| source_error(&name, &error);
        // Opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(error)?.is_file() {
            return Err(SourceError::Unavailable { name, reason: "not a regular file".to_owned() });
        }
        let file = File::open(path).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        let (version, size_bytes) = (FileVersion::of(&metadata, telling), metadata.len());
        Ok(Arc::new(Self { file, name, version, size_bytes, telling }))
    }

    /// The version that the file at `path` has now: what [`Self::open_kept`] would say.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn version_at(path: impl AsRef<Path>, has_change_time: bool) -> Result<FileVersion, SourceError> {
        let name = || path.as_ref().display().to_string();
        let metadata = std::fs::metadata(&path).map_err(|error| source_error(&name(), &error))?;
        if !metadata.is_file() {
            return Err(SourceError::Unavailable { name: name(), reason: "not a regular file".to_owned() });
        }
        Ok(FileVersion::of(&metadata, Telling::Kept { has_change_time }))
    }

    fn read_range(&self, range: &Range<u64>) -> Result<Bytes, SourceError> {
        let length = range.end.checked_sub(range.start).filter(|_| range.end <= self.size_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| SourceError::BadAnswer {
            name: self.name.clone(),
            reason: format!("asked for {range:?} of {} bytes", self.size_bytes),
        })?;
        // Where nothing was written before: to fill a block's buffer with zeros takes a tenth of the time that reading
        // it does.
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            let offset = range.start + bytes.len() as u64;
            match pread(&self.file, spare_capacity(&mut bytes), offset) {
                Ok(0) => return Err(self.changed()),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(source_error(&self.name, &error.into())),
            }
        }
        bytes.truncate(length);
        Ok(bytes.into())
    }

    fn read_all(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, SourceError> {
        let mut answers = Vec::with_capacity(ranges.len());
        while let Some(first) = ranges.get(answers.len()) {
            let run = adjoining(&ranges[answers.len()..]);
            let bytes = self.read_range(&(first.start..run[run.len() - 1].end))?;
            let cut = |range: &Range<u64>| {
                bytes.slice((range.start - first.start) as usize..(range.end - first.start) as usize)
            };
            answers.extend(run.iter().map(cut));
        }
        let metadata = self.file.metadata().map_err(|error| source_error(&self.name, &error))?;
        if FileVersion::of(&metadata, self.telling) == self.version { Ok(answers) } else { Err(self.changed()) }
    }

    fn changed(&self) -> SourceError {
        SourceError::Changed { name: self.name.clone() }
    }
}

impl ByteSource for FileSource {
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

    fn read<'a>(&'a self, ranges: &'a [Range<u64>]) -> SourceFuture<'a, Vec<Bytes>> {
        Box::pin(async move { self.read_all(ranges) })
    }
}

/// The ranges at the front that follow each other without a gap, as far as one read goes; at least the first.
fn adjoining(ranges: &[Range<u64>]) -> &[Range<u64>] {
    let mut count = 1;
    while count < ranges.len()
        && ranges[count].start == ranges[count - 1].end
        && ranges[count].end.saturating_sub(ranges[0].start) <= MAX_SHARED_BYTES
        && ranges[count].end >= ranges[count].start
    {
        count += 1;
    }
    &ranges[..count]
}

impl Looks {
    fn of(metadata: &Metadata, telling: Telling) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        let changed =
            (telling == Telling::Kept { has_change_time: true }).then(|| (metadata.ctime(), metadata.ctime_nsec()));
        let is_being_written = telling != Telling::Least && metadata.modified().is_ok_and(is_being_written);
        Self { size_bytes: metadata.len(), inode: metadata.ino(), modified, changed, is_being_written, telling }
    }
}

impl FileVersion {
    fn of(metadata: &Metadata, telling: Telling) -> Self {
        let looks = Looks::of(metadata, telling);
        let Looks { size_bytes, inode, modified: (seconds, nanoseconds), changed, is_being_written, .. } = looks;
        let mut validator = format!("{size_bytes:x}-{seconds:x}.{nanoseconds:09}-{inode:x}");
        if let Some((seconds, nanoseconds)) = changed {
            validator.push_str(&format!("-{seconds:x}.{nanoseconds:09}"));
        }
        if is_being_written {
            validator.push_str("-w");
        }
        Self { validator: validator.into(), written_at: metadata.modified().ok(), looks: Some(looks) }
    }

    /// The version that a source reads.
    pub fn of_source(source: &dyn ByteSource) -> Self {
        Self { validator: source.version().into(), written_at: source.written_at(), looks: None }
    }

    /// Whether the file at `path` is a local one of this version still. Blocks on the file system.
    pub fn is_at(&self, path: impl AsRef<Path>) -> bool {
        let Some(looks) = self.looks else { return false };
        let found = std::fs::metadata(path).ok().filter(Metadata::is_file);
        found.is_some_and(|metadata| Looks::of(&metadata, looks.telling) == looks)
    }
}

/// Whether a file of that modification time may have a write under way: it was a moment ago, or will be in one, as the
/// clock of a file server may be ahead of ours.
pub fn is_being_written(modified: SystemTime) -> bool {
    modified.elapsed().unwrap_or_else(|ahead| ahead.duration()) < WRITING_TIME
}

fn source_error(name: &str, error: &io::Error) -> SourceError {
    let name = name.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound { name },
        _ => SourceError::Unavailable { name, reason: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use futures_util::FutureExt;

    use super::*;

    fn read(source: &FileSource, range: Range<u64>) -> Result<Bytes, SourceError> {
        let answer = source.read(std::slice::from_ref(&range)).now_or_never().expect("ready at once");
        answer.map(|mut parts| parts.remove(0))
    }

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("temporary file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn reads_exactly_the_ranges_asked() {
        let file = file_of(b"0123456789");
        let source = FileSource::open(file.path()).expect("opens");
        assert_eq!(source.size_bytes(), 10);
        assert_eq!(read(&source, 2..5).expect("read"), "234");
        assert!(matches!(read(&source, 8..11), Err(SourceError::BadAnswer { .. })));
    }

    #[test]
    fn ranges_that_adjoin_are_one_read_and_the_others_hold_their_own_bytes_only() {
        let file = file_of(b"0123456789");
        let source = FileSource::open(file.path()).expect("opens");
        let ranges = [0..2, 2..5, 7..8, 6..7, 7..10];
        let answers = source.read(&ranges).now_or_never().expect("ready at once").expect("read");
        assert_eq!(answers, ["01", "234", "7", "6", "789"]);
        assert_eq!(answers[1].as_ptr() as usize - answers[0].as_ptr() as usize, 2);
        assert_eq!(answers[4].as_ptr() as usize - answers[3].as_ptr() as usize, 1);
        assert_eq!(adjoining(&[0..MAX_SHARED_BYTES, MAX_SHARED_BYTES..MAX_SHARED_BYTES + 1]).len(), 1);
    }

    #[test]
    fn a_file_rewritten_or_cut_in_place_is_another_version() {
        let mut file = file_of(b"0123456789");
        let source = FileSource::open(file.path()).expect("opens");
        file.write_all(b"more").expect("written");
        assert!(matches!(read(&source, 0..4), Err(SourceError::Changed { .. })));
        let source = FileSource::open(file.path()).expect("opens");
        file.as_file().set_len(3).expect("cut");
        assert!(matches!(read(&source, 0..4), Err(SourceError::Changed { .. })));
    }

    #[test]
    fn a_file_rewritten_in_place_under_its_old_time_is_another_version_for_who_keeps_it() {
        let mut file = file_of(b"0123456789");
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        file.as_file().set_modified(then).expect("set");
        let kept = FileSource::open_kept(file.path(), true).expect("opens");
        let seen = FileSource::version_at(file.path(), true).expect("looked at");
        assert_eq!(&*seen.validator, kept.version());
        assert!(seen.is_at(file.path()) && read(&kept, 0..4).is_ok());
        // The change time has the grain of the kernel's clock.
        std::thread::sleep(Duration::from_millis(20));
        file.as_file_mut().rewind().expect("rewound");
        file.write_all(b"9876543210").expect("written");
        file.as_file().set_modified(then).expect("set");
        assert!(matches!(read(&kept, 0..4), Err(SourceError::Changed { .. })));
        assert!(!seen.is_at(file.path()));
        assert_ne!(FileSource::version_at(file.path(), true).expect("looked at"), seen);
        // Where change times are whatever a program says, they say nothing.
        let bare = FileSource::version_at(file.path(), false).expect("looked at");
        file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640)).expect("set");
        assert!(bare.is_at(file.path()));
    }

    #[test]
    fn what_was_read_while_a_write_may_be_under_way_is_of_no_version_that_stays() {
        let file = file_of(b"0123456789");
        let written_at = |time: SystemTime| file.as_file().set_modified(time).expect("set");
        // By a clock that is a little ahead, which leaves more time to look at it.
        let modified = SystemTime::now() + WRITING_TIME * 3 / 4;
        written_at(modified);
        let early = FileSource::open_kept(file.path(), false).expect("opens");
        let (at_once, once) = (early.version().to_owned(), FileSource::open(file.path()).expect("opens"));
        while is_being_written(modified) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let stays = FileSource::version_at(file.path(), false).expect("looked at");
        assert_ne!(*stays.validator, *at_once);
        assert!(matches!(read(&early, 0..4), Err(SourceError::Changed { .. })));
        assert!(read(&once, 0..4).is_ok(), "who keeps nothing need not care");
        assert!(stays.is_at(file.path()));
        written_at(SystemTime::now() - WRITING_TIME * 2);
        let later = FileSource::open_kept(file.path(), false).expect("opens");
        assert!(!later.version().ends_with("-w") && at_once.ends_with("-w"));
    }

    #[test]
    fn a_file_replaced_by_rename_stays_the_old_version() {
        let folder = tempfile::tempdir().expect("folder");
        let (path, new) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&path, "old").expect("written");
        std::fs::write(&new, "new!").expect("written");
        let old = FileSource::open(&path).expect("opens");
        std::fs::rename(&new, &path).expect("renamed");
        assert_eq!(read(&old, 0..3).expect("read"), "old");
        assert_ne!(FileSource::open(&path).expect("opens").version(), old.version());
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(matches!(FileSource::open(folder.path()), Err(SourceError::Unavailable { .. })));
        assert!(matches!(FileSource::open(folder.path().join("none")), Err(SourceError::NotFound { .. })));
    }
}
