//! Whether the results folder has room for an attempt: asked before it begins, so that a full disk costs waiting and no
//! attempts. Blocking.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How a reason begins that tells of too little room.
pub const NO_ROOM: &str = "no room for its result: ";

/// Why the first of `inputs` cannot be begun, up to the first that can: the file system of `results` has less room left
/// than the raw file takes, whose optimised copy is about as large. An input that cannot be looked at is the attempt's to
/// complain about.
///
/// # Errors
/// When the folder cannot be asked about.
pub fn lacking(results: &Path, inputs: &[PathBuf]) -> io::Result<Vec<String>> {
    let volume = rustix::fs::statvfs(results)?;
    let free_bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
    let needed_bytes = inputs.iter().map(|input| fs::metadata(input).map_or(0, |input| input.len()));
    let too_large = needed_bytes.take_while(|needed_bytes| *needed_bytes > free_bytes);
    let said = |needed_bytes| {
        format!("{NO_ROOM}{free_bytes} bytes are left where the results lie, and {needed_bytes} are needed")
    };
    Ok(too_large.map(said).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_larger_than_the_disk_have_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let input = |name: &str, size_bytes: u64| {
            let path = dir.path().join(name);
            // Sparse: it takes no room itself.
            fs::File::create(&path).unwrap().set_len(size_bytes).unwrap();
            path
        };
        let (small, large, none) = (input("small", 1), input("large", 1 << 43), dir.path().join("none"));
        let lacking = |inputs: &[&PathBuf]| {
            let inputs: Vec<PathBuf> = inputs.iter().map(|&input| input.clone()).collect();
            lacking(dir.path(), &inputs).unwrap()
        };
        assert!(lacking(&[&small, &large]).is_empty() && lacking(&[&none]).is_empty());
        let said = lacking(&[&large, &large, &small, &large]);
        assert!(said.len() == 2 && said[0].ends_with("and 8796093022208 are needed"), "{said:?}");
    }
}
