//! Whether the results folder has room for an attempt: asked before it begins, so that a full disk costs waiting and no
//! attempts. Blocking.

use std::{fs, io, path::Path};

/// Fails when the file system of `results` has less room left than the raw file at `input` takes: its optimised copy is
/// about as large. An input that cannot be looked at is the attempt's to complain about.
///
/// # Errors
/// [`io::ErrorKind::StorageFull`] with what is there and what is needed, or that the folder cannot be asked about.
pub fn check(results: &Path, input: &Path) -> io::Result<()> {
    let volume = rustix::fs::statvfs(results)?;
    let free_bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
    let needed_bytes = fs::metadata(input).map_or(0, |input| input.len());
    if free_bytes >= needed_bytes {
        return Ok(());
    }
    let said = format!("{free_bytes} bytes are left where the results lie, and {needed_bytes} are needed");
    Err(io::Error::new(io::ErrorKind::StorageFull, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_larger_than_the_disk_has_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("input");
        let file = fs::File::create(&input).unwrap();
        assert!(check(dir.path(), &input).is_ok());
        // Sparse: it takes no room itself.
        file.set_len(1 << 43).unwrap();
        assert_eq!(check(dir.path(), &input).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(check(dir.path(), &dir.path().join("none")).is_ok());
    }
}
