//! Whether what a sweep did not see has really left. Pure: it weighs counts, the tracker brings them.
//!
//! Files of the catalogue that an earlier sweep has vouched for are *witnesses*. One file less, or a few, is an
//! operator's business. Most of them less at once, or a root that is another folder than before, is a mount that went
//! away or was swapped: then nothing has left until the files return or somebody says that they will not. Files that
//! landed since the last sweep that was believed witness nothing: they may lie in the folder below the mount.

use std::{
    fmt,
    fs::Metadata,
    os::unix::fs::MetadataExt,
    time::{Duration, UNIX_EPOCH},
};

/// So many files may leave together, whatever their share, as long as one stays.
const FEW: usize = 3;

/// More than this share of the witnesses never leaves at once.
const MAX_SHARE_GONE: f64 = 0.5;

/// Why nothing that seems gone is believed to be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt(pub String);

/// Which folder the root is: another one means that something was mounted, unmounted or swapped.
///
/// Inode numbers are used again, so the time of birth belongs to it where the file system tells one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RootId(String);

impl RootId {
    /// The identity of the folder that `metadata` is of.
    pub fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let born_ns = born.as_ref().map(Duration::as_nanos).unwrap_or_default();
        Self(format!("{:x}:{:x}:{born_ns:x}", metadata.dev(), metadata.ino()))
    }

    /// One that was written down.
    pub fn written(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a sweep says of the witnesses in the root, or in something that is mounted below it. Those in folders that
/// could not be read are in neither number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evidence {
    /// Witnesses at their places.
    pub present: usize,
    /// Witnesses not at their places.
    pub missing: usize,
    /// Whether it is the folder that it was when it was last believed.
    pub same_root: bool,
}

/// Whether the missing may have left.
///
/// # Errors
/// [`Doubt`] when it is likelier that the root is not what it was.
pub fn judge(evidence: Evidence) -> Result<(), Doubt> {
    let Evidence { present, missing, same_root } = evidence;
    let all = present + missing;
    let is_most = missing as f64 > all as f64 * MAX_SHARE_GONE;
    if missing == 0 {
        return Ok(());
    }
    if !same_root && is_most {
        return Err(Doubt(format!("another folder is mounted: {missing} of {all} known files are not in it")));
    }
    if present == 0 && missing > 1 {
        return Err(Doubt(format!("all {all} known files are gone at once")));
    }
    if is_most && missing > FEW {
        return Err(Doubt(format!("{missing} of {all} known files are gone at once")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_belief() {
        for (present, missing, same_root, believed) in [
            (0, 0, true, true),
            (0, 0, false, true),
            (9, 1, true, true),
            (1, 1, true, true),
            (1, 3, true, true),
            (500, 500, true, true),
            (0, 1, true, true),
            (0, 2, true, false),
            (1, 4, true, false),
            (499, 501, true, false),
            (1, 1, false, true),
            (0, 1, false, false),
            (1, 2, false, false),
            (999, 1, false, true),
        ] {
            let evidence = Evidence { present, missing, same_root };
            assert_eq!(judge(evidence).is_ok(), believed, "{evidence:?}");
        }
    }

    #[test]
    fn another_folder_at_the_same_path_is_another_root() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root");
        let made = || {
            std::fs::create_dir(&path).unwrap();
            RootId::of(&std::fs::metadata(&path).unwrap())
        };
        let first = made();
        assert_eq!(RootId::of(&std::fs::metadata(&path).unwrap()), first);
        assert_eq!(RootId::written(first.to_string()), first);
        std::fs::rename(&path, dir.path().join("aside")).unwrap();
        assert_ne!(made(), first);
    }
}
