//! A result that goes with its file: what was made of some content is made of it still when the file lies elsewhere.
//!
//! The result's files are linked (or copied, where the file system has no links) into the folder of the scene and
//! revision that they are to be shown as, and verified like those of an attempt. Nothing is told here; a folder that
//! nobody tells of is replaced by the next result of that revision. The intake calls it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aurora_catalog::{Asset, Scene};

use super::{
    collect::{self, Outputs},
    publish::{self, result_dir, sync_above},
};
use crate::step::{self, Step};

/// Carries results from one scene's revision to another's.
#[derive(Debug, Clone)]
pub struct Carrier {
    /// The results folder.
    pub results: PathBuf,
    /// Detections taken of one scene.
    pub max_detections: usize,
}

impl Carrier {
    /// Puts what `from` shows into the place of `scene_id` at `revision`; `None` when it is not there any more, or not
    /// what a result must be.
    pub async fn carry(&self, from: &Scene, scene_id: &str, revision: u64) -> Option<Outputs> {
        let source = self.folder_of(from.light.as_ref()?)?;
        let (carrier, scene_id) = (self.clone(), scene_id.to_owned());
        let carrying = tokio::task::spawn_blocking(move || carrier.link(&source, &scene_id, revision));
        match carrying.await {
            Ok(Ok(outputs)) => Some(outputs),
            Ok(Err(reason)) => {
                tracing::info!(from = from.scene_id, %reason, "its earlier result cannot be used again");
                None
            }
            Err(error) => {
                tracing::error!(%error, "carrying a result failed");
                None
            }
        }
    }

    /// The folder in `/results/{scene}/{revision}/{name}`.
    fn folder_of(&self, light: &Asset) -> Option<PathBuf> {
        Some(publish::path_of(&self.results, light)?.parent()?.to_owned())
    }

    fn link(&self, source: &Path, scene_id: &str, revision: u64) -> Result<Outputs, String> {
        let target = result_dir(&self.results, scene_id, revision);
        link_files(source, &target).map_err(|error| format!("{}: {error}", source.display()))?;
        step::reached(Step::Linked);
        let verified = collect::verify(&target, scene_id, revision, self.max_detections);
        if verified.is_err() {
            let _ = fs::remove_dir_all(&target);
        }
        verified
    }
}

fn link_files(source: &Path, target: &Path) -> io::Result<()> {
    let entries = fs::read_dir(source)?.collect::<io::Result<Vec<_>>>()?;
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    fs::create_dir_all(target)?;
    for entry in entries {
        if entry.file_type()?.is_file() {
            let to = target.join(entry.file_name());
            if fs::hard_link(entry.path(), &to).is_err() {
                fs::copy(entry.path(), &to)?;
                fs::File::open(&to)?.sync_all()?;
            }
        }
    }
    fs::File::open(target)?.sync_all()?;
    sync_above(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_linked_in_place_of_what_a_crash_left() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("a/2"), dir.path().join("b/1"));
        for folder in [&source, &target] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(source.join("x"), "x").unwrap();
        fs::write(target.join("left"), "left").unwrap();
        link_files(&source, &target).unwrap();
        assert_eq!(fs::read_to_string(target.join("x")).unwrap(), "x");
        assert!(!target.join("left").exists());
        assert!(link_files(&dir.path().join("none"), &target).is_err());
        assert!(target.join("x").exists(), "a source that is gone costs nothing");
    }
}
