//! Takes the raster out of a delivery archive (`.tgz`, `.tar.gz`, `.tar`), as COSMO-SkyMed products arrive.
//!
//! It reads the archive twice as a stream, so that nothing but the chosen member is ever written, and that only into
//! the staging folder, under a name of ours. Each time it reads to the end, behind the chosen member too: only there
//! gzip tells whether the bytes before are what was packed. It does not open rasters (`input`). `run` calls it.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _},
    path::{Path, PathBuf},
};

use tar::{Archive, Entry, EntryType};

use crate::{
    error::{Error, Result},
    gzip,
};

/// Members looked at; a delivery holds a dozen.
const MAX_MEMBERS: u64 = 10_000;
/// Bytes unpacked for each pixel that an input may have: 8 for the widest sample, twice for what lies beside it.
const MAX_BYTES_PER_PIXEL: u64 = 16;
/// Place and text of a tar header's magic.
const TAR_MAGIC_OFFSET: usize = 257;
const TAR_MAGIC: &[u8] = b"ustar";

/// The raster of `path`: the file itself, or if it is an archive, its best member, unpacked into `staging`.
///
/// # Errors
/// [`Error::Broken`] if the archive is damaged, [`Error::NoRaster`] if it holds no raster, [`Error::TooLarge`] if
/// unpacking it would not end, [`Error::Output`] if the disk will not take the member.
pub(crate) fn raster_of(path: &Path, staging: &Path, max_pixels: u64) -> Result<PathBuf> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    // Not a regular file: `input` says so.
    if !path.metadata().map_err(unreadable)?.is_file() || !is_archive(path).map_err(unreadable)? {
        return Ok(path.to_owned());
    }
    let limit_bytes = max_pixels.saturating_mul(MAX_BYTES_PER_PIXEL);
    let mut best: Option<Member> = None;
    let mut count = 0;
    each_member(path, limit_bytes, &mut |index, entry| {
        count = index + 1;
        let candidate = Member::of(index, entry);
        best = best.take().into_iter().chain(candidate).min_by_key(Member::order);
        Ok(())
    })?;
    let Some(best) = best else {
        return Err(Error::NoRaster { reason: format!("an archive of {count} members, none of them a raster") });
    };
    let target = staging.join(format!("delivery.{}", best.extension));
    each_member(path, limit_bytes, &mut |index, entry| {
        if index != best.index {
            return Ok(());
        }
        let mut file = File::create(&target).map_err(Error::output("unpack the delivery"))?;
        copy(path, entry, &mut file)
    })?;
    Ok(target)
}

/// Whether a file is a tar archive, or a compressed one by its name.
fn is_archive(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take((TAR_MAGIC_OFFSET + TAR_MAGIC.len()) as u64).read_to_end(&mut head)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_named = name.ends_with(".tgz") || name.ends_with(".tar.gz");
    Ok((head.starts_with(&gzip::MAGIC) && is_named) || head.get(TAR_MAGIC_OFFSET..) == Some(TAR_MAGIC))
}

/// A member that may be the raster.
struct Member {
    index: u64,
    rank: usize,
    size_bytes: u64,
    extension: &'static str,
}

impl Member {
    /// `None` for folders, links and what is no raster by its name.
    fn of<R: Read>(index: u64, entry: &Entry<'_, R>) -> Option<Self> {
        /// Extensions in the order of preference: the mosaic as delivered, else the product it was made from.
        const EXTENSIONS: [&str; 6] = ["tif", "tiff", "h5", "jp2", "img", "nc"];
        if entry.header().entry_type() != EntryType::Regular {
            return None;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).to_uppercase();
        let name = name.rsplit('/').next().unwrap_or_default();
        let is_quick_look = name.contains(".QLK.") || name.starts_with('.');
        let known = EXTENSIONS
            .iter()
            .position(|extension| name.strip_suffix(&extension.to_uppercase()).is_some_and(|stem| stem.ends_with('.')));
        let extension = known.filter(|_| !is_quick_look)?;
        let rank = if name.contains(".MBI.") { 0 } else { 1 + extension };
        Some(Self { index, rank, size_bytes: entry.size(), extension: EXTENSIONS[extension] })
    }

    /// Less is better: by kind, the largest first.
    fn order(&self) -> (usize, std::cmp::Reverse<u64>, u64) {
        (self.rank, std::cmp::Reverse(self.size_bytes), self.index)
    }
}

/// Where an archive's bytes come from.
type Source = io::Take<Box<dyn Read>>;

/// Calls `visit` with each member in turn, then reads what lies behind the last.
fn each_member(
    path: &Path,
    limit_bytes: u64,
    visit: &mut dyn FnMut(u64, &mut Entry<'_, Source>) -> Result<()>,
) -> Result<()> {
    let damaged = |error| unusable(path, error);
    let mut archive = Archive::new(source(path).map_err(damaged)?.take(limit_bytes.saturating_add(1)));
    for (index, entry) in archive.entries().map_err(damaged)?.enumerate() {
        let mut entry = entry.map_err(damaged)?;
        for (what, actual, limit) in [
            ("number of members in the archive", index as u64 + 1, MAX_MEMBERS),
            ("unpacked bytes of the archive", entry.raw_file_position().saturating_add(entry.size()), limit_bytes),
        ] {
            if actual > limit {
                return Err(too_large(what, actual, limit));
            }
        }
        visit(index as u64, &mut entry)?;
    }
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(damaged)?;
    match rest.limit() {
        0 => Err(too_large("unpacked bytes of the archive", limit_bytes.saturating_add(1), limit_bytes)),
        _ => Ok(()),
    }
}

/// What keeps an archive from being read: the system, which may do better next time, or the archive itself.
fn unusable(path: &Path, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(_) => Error::Unreadable { path: path.to_owned(), source: error },
        None => Error::Broken { reason: format!("the archive is damaged: {error}") },
    }
}

fn too_large(what: &'static str, actual: u64, limit: u64) -> Error {
    Error::TooLarge { what, actual, limit }
}

fn source(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut magic = [0; 2];
    file.read_exact(&mut magic)?;
    file.rewind()?;
    Ok(if magic == gzip::MAGIC { Box::new(gzip::Members::of(file)) } else { Box::new(file) })
}

/// Copies a whole member; a fault of the archive and one of the disk are told apart.
fn copy(path: &Path, entry: &mut Entry<'_, Source>, target: &mut File) -> Result<()> {
    use io::Write as _;
    let wanted_bytes = entry.size();
    let mut buffer = vec![0; 1 << 20];
    let mut copied_bytes = 0;
    loop {
        let count = entry.read(&mut buffer).map_err(|error| unusable(path, error))?;
        if count == 0 {
            break;
        }
        target.write_all(&buffer[..count]).map_err(Error::output("unpack the delivery"))?;
        copied_bytes += count as u64;
    }
    if copied_bytes == wanted_bytes {
        Ok(())
    } else {
        Err(Error::Broken {
            reason: format!("the archive ends after {copied_bytes} of {wanted_bytes} bytes of a member"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(path: &Path, members: &[(&str, usize)]) {
        let mut builder = tar::Builder::new(File::create(path).unwrap());
        for (name, size) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(*size as u64);
            header.set_cksum();
            builder.append_data(&mut header, name, &*vec![b'x'; *size]).unwrap();
        }
        builder.finish().unwrap();
    }

    fn chosen(members: &[(&str, usize)]) -> Result<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        archive(&path, members);
        let raster = raster_of(&path, folder.path(), 1_000)?;
        Ok(raster.metadata().unwrap().len())
    }

    #[test]
    fn the_mosaic_is_chosen_not_its_quick_look() {
        let members = [("d/A.QLK.tif", 900), ("d/A.h5", 800), ("d/A.MBI.tif", 700), ("d/A.attribs.xml", 10)];
        assert_eq!(chosen(&members).unwrap(), 700);
        assert_eq!(chosen(&members[..2]).unwrap(), 800);
        assert!(matches!(chosen(&members[3..]), Err(Error::NoRaster { .. })));
    }

    #[test]
    fn an_archive_that_would_not_end_is_refused() {
        let members = [("a.tif", 17_000)];
        assert!(matches!(chosen(&members), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_cut_archive_is_broken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tar");
        archive(&path, &[("a.tif", 5_000)]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..3_000]).unwrap();
        assert!(matches!(raster_of(&path, folder.path(), 1_000), Err(Error::Broken { .. })));
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        std::fs::write(&path, b"II*\0").unwrap();
        assert_eq!(raster_of(&path, folder.path(), 1_000).unwrap(), path);
    }
}
