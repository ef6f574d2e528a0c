//! One sweep of the whole root, folder by folder, in slices: a slow file system is walked for as long as it takes, while
//! one that answers nothing at all is found out within a slice. Blocking; runs on a lane (`lane.rs`).
//!
//! A full walk reads every folder and looks at every candidate. A pruned one, for file systems where each look is a
//! journey over a network, reads only folders whose modification time has changed since the last walk: whatever
//! appears, leaves or is renamed changes it. What is overwritten in place does not, so full and pruned walks alternate.
//! `sweeps` decides which it is to be.

use std::{
    collections::HashMap,
    fs::{self, DirEntry, Metadata},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
    vec,
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{
    candidate,
    scan::{self, Sweep},
    trust::RootId,
};
use crate::paths::Root;

/// Folders deeper than this are not looked into.
const MAX_DEPTH: usize = 64;

/// A folder that had changed so shortly before it was read may have changed again within one tick of its clock.
const MIN_AGE: Duration = Duration::from_secs(10);

/// What walks have found in each folder.
#[derive(Debug, Default)]
pub struct Memory {
    root: RootId,
    folders: HashMap<PathBuf, Folder>,
}

/// One folder as it was when it was read.
#[derive(Debug, Default)]
struct Folder {
    /// Its modification time; `None` when that proves nothing.
    changed: Option<SystemTime>,
    /// Paths of its candidates below the root.
    files: Vec<String>,
    folders: Vec<PathBuf>,
    unnamed: u64,
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk {
    root: Root,
    max_files: usize,
    before: Option<Memory>,
    memory: Option<Memory>,
    sweep: Sweep,
    /// Folders to come, and how deep they lie.
    waiting: Vec<(PathBuf, usize)>,
    reading: Option<Reading>,
    busy: Duration,
}

/// The folder that is being read.
#[derive(Debug)]
struct Reading {
    path: PathBuf,
    depth: usize,
    entries: vec::IntoIter<DirEntry>,
    found: Folder,
}

impl Walk {
    /// Begins a walk that looks at everything; `remembers` what it finds for a pruned one.
    ///
    /// # Errors
    /// When the root itself cannot be read.
    pub fn full(root: Root, max_files: usize, remembers: bool) -> io::Result<Self> {
        let id = RootId::of(&fs::metadata(&root.path)?);
        fs::read_dir(&root.path)?;
        let memory = remembers.then(|| Memory { root: id.clone(), folders: HashMap::new() });
        let sweep = Sweep { root: id, read_only: is_read_only(&root.path), ..Sweep::default() };
        let waiting = vec![(root.path.clone(), 0)];
        Ok(Self { root, max_files, before: None, memory, sweep, waiting, reading: None, busy: Duration::ZERO })
    }

    /// Begins a walk that leaves out folders that are as `before` knows them; a full one where the root is another.
    ///
    /// # Errors
    /// When the root itself cannot be read.
    pub fn pruned(root: Root, max_files: usize, before: Memory) -> io::Result<Self> {
        let walk = Self::full(root, max_files, true)?;
        let before = Some(before).filter(|before| before.root == walk.sweep.root);
        Ok(Self { before, ..walk })
    }

    /// Goes on for about `slice`; answers whether the walk is over.
    pub fn go_on(&mut self, slice: Duration) -> bool {
        let begun = Instant::now();
        let is_over = loop {
            if !self.step() || self.sweep.overfull {
                break true;
            }
            if begun.elapsed() >= slice {
                break false;
            }
        };
        self.busy += begun.elapsed();
        is_over
    }

    /// What a walk that is over has seen, and what the next may leave out.
    pub fn end(mut self) -> (Sweep, Option<Memory>) {
        scan::leave_out_unpacked(&mut self.sweep);
        (self.sweep, self.memory)
    }

    /// Whether it looks at everything.
    pub fn is_full(&self) -> bool {
        self.before.is_none()
    }

    /// Time spent walking.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// One entry, or the next folder; false when there is none.
    fn step(&mut self) -> bool {
        if let Some(mut reading) = self.reading.take() {
            match reading.entries.next() {
                Some(entry) => {
                    self.visit(&entry, &mut reading.found);
                    self.reading = Some(reading);
                }
                None => self.leave(reading),
            }
            return true;
        }
        let Some((path, depth)) = self.waiting.pop() else { return false };
        self.enter(path, depth);
        true
    }

    fn enter(&mut self, path: PathBuf, depth: usize) {
        let changed = self.memory.as_ref().and_then(|_| fs::metadata(&path).ok()).and_then(|metadata| sure(&metadata));
        if let Some(same) = self.known(&path, changed) {
            return self.take_over(path, depth, same);
        }
        match fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<DirEntry>>>) {
            Ok(entries) => {
                self.sweep.folders_read += 1;
                let found = Folder { changed, ..Folder::default() };
                self.reading = Some(Reading { path, depth, entries: entries.into_iter(), found });
            }
            Err(_) => self.sweep.unreadable.push(self.root.relative(&path).unwrap_or_default()),
        }
    }

    /// The folder as it was, when it has not changed since.
    fn known(&mut self, path: &Path, changed: Option<SystemTime>) -> Option<Folder> {
        let before = self.before.as_mut()?;
        let is_same = changed.is_some() && before.folders.get(path)?.changed == changed;
        is_same.then(|| before.folders.remove(path)).flatten()
    }

    fn take_over(&mut self, path: PathBuf, depth: usize, found: Folder) {
        self.sweep.assumed.extend(found.files.iter().cloned());
        self.remember(path, depth, found);
    }

    fn leave(&mut self, reading: Reading) {
        let Reading { path, depth, found, .. } = reading;
        self.remember(path, depth, found);
    }

    fn remember(&mut self, path: PathBuf, depth: usize, found: Folder) {
        self.sweep.unnamed += found.unnamed;
        if depth < MAX_DEPTH {
            self.waiting.extend(found.folders.iter().map(|folder| (folder.clone(), depth + 1)));
        }
        self.sweep.overfull |= self.sweep.files.len() + self.sweep.assumed.len() > self.max_files;
        if let Some(memory) = &mut self.memory {
            memory.folders.insert(path, found);
        }
    }

    /// Notes a candidate, or a folder to look into.
    fn visit(&mut self, entry: &DirEntry, found: &mut Folder) {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            found.unnamed += 1;
            return;
        };
        let Ok(kind) = entry.file_type() else { return };
        if kind.is_dir() {
            let path = entry.path();
            if candidate::is_looked_into(name) && !self.root.excludes(&path) {
                found.folders.push(path);
            }
        } else if candidate::is_candidate(name) {
            self.sweep.files_looked_at += 1;
            let path = entry.path();
            let Some(relative) = self.root.relative(&path) else { return };
            match if kind.is_symlink() { scan::linked(&self.root, &path) } else { entry.metadata() } {
                Ok(metadata) if metadata.is_file() => {
                    if self.memory.is_some() {
                        found.files.push(relative.clone());
                    }
                    self.sweep.files.insert(relative, scan::stamp(&metadata));
                }
                // It may still be there, and must be looked for again.
                Err(error) if !kind.is_symlink() && error.kind() != io::ErrorKind::NotFound => {
                    found.changed = None;
                    self.sweep.unreadable.push(relative);
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// One that does not say is taken for writable.
fn is_read_only(path: &Path) -> bool {
    statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// When the folder last changed, if that was long enough ago to tell of all that happened in it.
fn sure(metadata: &Metadata) -> Option<SystemTime> {
    let changed = metadata.modified().ok()?;
    (SystemTime::now().duration_since(changed).ok()? >= MIN_AGE).then_some(changed)
}

#[cfg(test)]
mod tests;
