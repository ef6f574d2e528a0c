//! One sweep of the whole root, folder by folder, in slices: a slow file system is walked for as long as it takes,
//! while one that answers nothing at all is found out within a slice. Blocking; runs on a lane (`lane.rs`).
//!
//! A full walk reads every folder and looks at every candidate. A pruned one, for file systems where each look is a
//! journey over a network, reads only folders whose modification time has changed since the last walk: whatever
//! appears, leaves or is renamed changes it. What is overwritten in place does not, so full and pruned walks alternate.
//! `sweeps` decides which it is to be.

use std::{
    collections::HashMap,
    fs::{self, DirEntry, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
    vec,
};

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::{
    candidate, link,
    scan::{self, Sweep},
    trust::RootId,
    unseen::{Unseen, Why},
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
    unseen: Unseen,
}

/// A walk under way.
#[derive(Debug)]
pub struct Walk {
    root: Root,
    max_files: usize,
    before: Option<Memory>,
    memory: Option<Memory>,
    sweep: Sweep,
    /// Folders to come.
    waiting: Vec<Waiting>,
    reading: Option<Reading>,
    busy: Duration,
}

/// A folder to come.
#[derive(Debug)]
struct Waiting {
    path: PathBuf,
    depth: usize,
    /// Number of the device that the folder above it is on.
    above: u64,
}

/// The folder that is being read.
#[derive(Debug)]
struct Reading {
    path: PathBuf,
    depth: usize,
    device: u64,
    entries: vec::IntoIter<DirEntry>,
    found: Folder,
}

impl Walk {
    /// Begins a walk that looks at everything; `remembers` what it finds for a pruned one.
    ///
    /// # Errors
    /// When the root itself cannot be read.
    pub fn full(root: Root, max_files: usize, remembers: bool) -> io::Result<Self> {
        let metadata = fs::metadata(&root.path)?;
        let id = RootId::of(&metadata);
        fs::read_dir(&root.path)?;
        let memory = remembers.then(|| Memory { root: id.clone(), folders: HashMap::new() });
        let sweep = Sweep { root: id, read_only: is_read_only(&root.path), ..Sweep::default() };
        let waiting = vec![Waiting { path: root.path.clone(), depth: 0, above: metadata.dev() }];
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
    pub fn end(self) -> (Sweep, Option<Memory>) {
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
        let Some(next) = self.waiting.pop() else { return false };
        let relative = self.root.relative(&next.path).unwrap_or_default();
        if self.enter(next, &relative).is_err() {
            self.sweep.unreadable.push(relative);
        }
        true
    }

    fn enter(&mut self, next: Waiting, relative: &str) -> io::Result<()> {
        let Waiting { path, depth, above } = next;
        let metadata = fs::metadata(&path)?;
        let device = metadata.dev();
        if device != above {
            self.sweep.mounts.insert(relative.to_owned(), RootId::of(&metadata));
        }
        let changed = self.memory.as_ref().and_then(|_| sure(&metadata));
        if let Some(same) = self.known(&path, changed) {
            self.sweep.assumed.extend(same.files.iter().cloned());
            self.remember(path, depth, device, same);
            return Ok(());
        }
        let entries = fs::read_dir(&path)?.collect::<io::Result<Vec<DirEntry>>>()?.into_iter();
        self.sweep.folders_read += 1;
        let found = Folder { changed, ..Folder::default() };
        self.reading = Some(Reading { path, depth, device, entries, found });
        Ok(())
    }

    /// The folder as it was, when it has not changed since.
    fn known(&mut self, path: &Path, changed: Option<SystemTime>) -> Option<Folder> {
        let before = self.before.as_mut()?;
        let is_same = changed.is_some() && before.folders.get(path)?.changed == changed;
        is_same.then(|| before.folders.remove(path)).flatten()
    }

    fn leave(&mut self, reading: Reading) {
        let Reading { path, depth, device, found, .. } = reading;
        self.remember(path, depth, device, found);
    }

    fn remember(&mut self, path: PathBuf, depth: usize, device: u64, found: Folder) {
        self.sweep.unseen.add(&found.unseen);
        if depth < MAX_DEPTH {
            let next = |folder: &PathBuf| Waiting { path: folder.clone(), depth: depth + 1, above: device };
            self.waiting.extend(found.folders.iter().map(next));
        } else {
            let too_deep = found.folders.iter();
            too_deep.for_each(|folder| self.sweep.unseen.note(Why::Depth, below(&self.root, folder)));
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
            return found.unseen.note(Why::Name, below(&self.root, &entry.path()));
        };
        let Ok(kind) = entry.file_type() else { return };
        if kind.is_dir() {
            let path = entry.path();
            if candidate::is_looked_into(name) && !self.root.excludes(&path) {
                found.folders.push(path);
            }
        } else if candidate::is_candidate(name) {
            self.look_at(entry, kind.is_symlink(), found);
        } else if kind.is_symlink()
            && candidate::is_looked_into(name)
            && link::leads_elsewhere(&self.root, &entry.path())
        {
            found.unseen.note(Why::Link, below(&self.root, &entry.path()));
        }
    }

    fn look_at(&mut self, entry: &DirEntry, is_link: bool, found: &mut Folder) {
        self.sweep.files_looked_at += 1;
        let path = entry.path();
        let Some(relative) = self.root.relative(&path) else { return };
        match if is_link { link::followed(&self.root, &path) } else { entry.metadata() } {
            Ok(metadata) if metadata.is_file() => {
                if self.memory.is_some() {
                    found.files.push(relative.clone());
                }
                self.sweep.files.insert(relative, scan::stamp(&self.root, &metadata));
            }
            Err(error) if is_link => {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    found.unseen.note(Why::Link, below(&self.root, &path));
                }
            }
            // It may still be there, and must be looked for again.
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                found.changed = None;
                self.sweep.unreadable.push(relative);
            }
            Ok(_) | Err(_) => {}
        }
    }
}

/// A path below the root, to be told to people.
fn below(root: &Root, path: &Path) -> String {
    path.strip_prefix(&root.path).unwrap_or(path).display().to_string()
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
