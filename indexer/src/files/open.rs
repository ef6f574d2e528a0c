//! Opening what lies below a folder, and nothing else, whatever the path or links say. Blocking.
//!
//! The kernel resolves the path beneath the folder (`openat2` with `RESOLVE_BENEATH`); kernels or sandboxes without it
//! get a walk that follows no link at all. Only regular files and folders are opened; a pipe would wait for ever.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
    io::Errno,
};

use crate::paths;

/// Not to be had: not there, outside, special, or not permitted. One answer for all, so that nothing is told of what
/// lies outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFound;

/// What was found.
#[derive(Debug)]
pub enum Found {
    /// A regular file.
    File(File),
    /// A folder.
    Folder(File),
}

/// A path of an address, percent-decoded and checked part by part. Hidden names are never served.
///
/// # Errors
/// For parts that could leave the folder, empty ones, hidden ones, and bytes that no name has.
pub fn decoded(path: &str) -> Result<PathBuf, NotFound> {
    let mut decoded = PathBuf::new();
    for part in path.split('/') {
        let name = paths::percent_decoded(part).ok_or(NotFound)?;
        if name.is_empty() || name.starts_with(b".") || name.contains(&b'/') || name.contains(&0) {
            return Err(NotFound);
        }
        decoded.push(OsString::from_vec(name));
    }
    Ok(decoded)
}

/// Opens `relative` beneath `folder`; an empty path is the folder itself.
///
/// # Errors
/// [`NotFound`].
pub fn open(folder: &Path, relative: &Path, excluded: &[PathBuf]) -> Result<Found, NotFound> {
    let base =
        openat(CWD, folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(|_| NotFound)?;
    let relative = if relative.as_os_str().is_empty() { Path::new(".") } else { relative };
    let file = File::from(beneath(&base, relative).map_err(|_| NotFound)?);
    if leads_into(&file, excluded).unwrap_or(true) {
        return Err(NotFound);
    }
    let kind = file.metadata().map_err(|_| NotFound)?.file_type();
    if kind.is_file() {
        Ok(Found::File(file))
    } else if kind.is_dir() {
        Ok(Found::Folder(file))
    } else {
        Err(NotFound)
    }
}

/// `NONBLOCK` lets the opening of a pipe return at once; regular files ignore it.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

fn beneath(base: &OwnedFd, relative: &Path) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(base, relative, FLAGS, Mode::empty(), resolve) {
        Err(Errno::NOSYS | Errno::PERM) => walk(base, relative),
        opened => opened,
    }
}

/// Part by part without following links.
fn walk(base: &OwnedFd, relative: &Path) -> rustix::io::Result<OwnedFd> {
    let mut parts: Vec<&OsStr> = relative.iter().filter(|part| *part != ".").collect();
    let last = parts.pop().unwrap_or_else(|| OsStr::from_bytes(b"."));
    let mut folder = rustix::io::dup(base)?;
    for part in parts {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        folder = openat(folder.as_fd(), part, flags, Mode::empty())?;
    }
    openat(folder.as_fd(), last, FLAGS | OFlags::NOFOLLOW, Mode::empty())
}

/// Whether an open file lies in one of `excluded`, however it was reached.
fn leads_into(file: &File, excluded: &[PathBuf]) -> io::Result<bool> {
    if excluded.is_empty() {
        return Ok(false);
    }
    let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    Ok(excluded.iter().any(|own| real.starts_with(own)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_that_could_leave_are_refused() {
        for path in ["..", "a/../b", "a//b", "", "%2e%2e", "a%2Fb", "a%00", "%", ".hidden", "a/%2Egit/x", "/a"] {
            assert_eq!(decoded(path), Err(NotFound), "{path}");
        }
        assert_eq!(decoded("a%20b/%C3%BC.tif"), Ok(PathBuf::from("a b/ü.tif")));
    }

    fn is_file(folder: &Path, path: &str, excluded: &[PathBuf]) -> bool {
        matches!(open(folder, Path::new(path), excluded), Ok(Found::File(_)))
    }

    #[test]
    fn only_what_lies_beneath_is_opened() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = dir.path().canonicalize().unwrap();
        fs::create_dir_all(folder.join("sub/own")).unwrap();
        fs::write(folder.join("sub/a.tif"), "a").unwrap();
        fs::write(folder.join("sub/own/db"), "secret").unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        symlink(outside.path().join("secret"), folder.join("out")).unwrap();
        symlink("../../../../../../../../etc/passwd", folder.join("up")).unwrap();
        symlink("sub/a.tif", folder.join("in")).unwrap();
        symlink("sub/own", folder.join("alias")).unwrap();
        symlink("/proc/self/root", folder.join("magic")).unwrap();
        rustix::fs::mknodat(CWD, folder.join("pipe"), rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
        let excluded = [folder.join("sub/own")];
        assert!(is_file(&folder, "sub/a.tif", &excluded));
        assert!(is_file(&folder, "in", &excluded));
        assert!(matches!(open(&folder, Path::new(""), &excluded), Ok(Found::Folder(_))));
        for path in ["out", "up", "magic/etc/passwd", "pipe", "sub/own/db", "alias/db", "none", "../x"] {
            assert!(!is_file(&folder, path, &excluded), "{path}");
        }
    }

    #[test]
    fn the_walk_follows_no_link() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/a"), "a").unwrap();
        symlink("sub", dir.path().join("link")).unwrap();
        symlink("sub/a", dir.path().join("file")).unwrap();
        let base = openat(CWD, dir.path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        assert!(walk(&base, Path::new("sub/a")).is_ok());
        assert!(walk(&base, Path::new(".")).is_ok());
        for path in ["link/a", "file", "../x"] {
            let refused = walk(&base, Path::new(path));
            assert!(refused.is_err() || path == "../x", "{path}");
        }
    }
}
