//! Whether an attempt can begin: its scene's file is at its place, and the results folder has room. Asked before, so
//! that a full disk, or a root or something mounted below it that is away, costs waiting and no attempts. Blocking.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How a reason begins that tells of too little room.
pub const NO_ROOM: &str = "no room for its result: ";

/// How a reason begins that tells of a file that cannot be looked at.
pub const NO_FILE: &str = "its file is not there: ";

/// Why the file at `input` cannot be looked at, if it cannot. Whether it has left is the watcher's to say, which then
/// cancels its job.
pub fn absent(input: &Path) -> Option<String> {
    fs::metadata(input).err().map(|error| no_file(&error))
}

/// The reason for a file that `error` hides.
pub fn no_file(error: &io::Error) -> String {
    format!("{NO_FILE}{error}")
}

/// Why the first of `inputs` cannot be begun, up to the first that can: it is not there, or the file system of
/// `results` has less room left than the raw file takes, whose optimised copy is about as large.
///
/// # Errors
/// When the folder cannot be asked about.
pub fn lacking(results: &Path, inputs: &[PathBuf]) -> io::Result<Vec<String>> {
    let volume = rustix::fs::statvfs(results)?;
    let free_bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
    let obstacle = |input: &PathBuf| match fs::metadata(input).map(|input| input.len()) {
        Err(error) => Some(no_file(&error)),
        Ok(needed_bytes) if needed_bytes > free_bytes => {
            Some(format!("{NO_ROOM}{free_bytes} bytes are left where the results lie, and {needed_bytes} are needed"))
        }
        Ok(_) => None,
    };
    Ok(inputs.iter().map_while(obstacle).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_are_gone_or_larger_than_the_disk_are_in_the_way() {
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
        assert!(lacking(&[&small, &large, &none]).is_empty());
        let said = lacking(&[&none, &large, &small, &none]);
        assert!(said.len() == 2 && said[0].starts_with(NO_FILE) && said[1].starts_with(NO_ROOM), "{said:?}");
        assert_eq!((absent(&small), absent(&none).as_ref()), (None, Some(&said[0])));
        let said = lacking(&[&large, &large, &small, &large]);
        assert!(said.len() == 2 && said[0].ends_with("and 8796093022208 are needed"), "{said:?}");
    }
}
