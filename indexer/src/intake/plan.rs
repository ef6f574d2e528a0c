//! What a settled file is to the catalogue: the same as before, another content, or a known one at a new path. Reads
//! only; [`register`](super::register) carries it out.

use std::collections::HashSet;

use aurora_catalog::{
    name,
    store::{Entry, scenes},
};
use aurora_database::Connection;

use super::{Content, Examined};
use crate::{error::Result, paths, watch::candidate};

/// What is to be done about a settled file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plan {
    /// The catalogued content with another time on it.
    Touch(Entry),
    /// A known scene whose file lies at another path now, under a name that gives it the same id.
    Move(Entry),
    /// A revision of a scene to be catalogued.
    Register(Box<Registration>),
}

/// A revision to be catalogued.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Registration {
    pub(super) scene_id: String,
    pub(super) revision: u64,
    /// What the catalogue has under this id: what was made of it is over.
    pub(super) old: Option<Entry>,
    /// The scene that the file was until it was renamed; it is withdrawn.
    pub(super) renamed: Option<Entry>,
    /// A scene of the same content with a result that may be taken along.
    pub(super) donor: Option<Entry>,
}

/// Plans for the file at `path`. `gone` are catalogued files that are not at their paths just now: one of them may have
/// been moved here.
pub(super) async fn plan(conn: &mut Connection, path: &str, file: &Examined, gone: &HashSet<String>) -> Result<Plan> {
    let here = scenes::by_path(conn, path).await?;
    if let Some(entry) = here.as_ref().filter(|entry| !entry.withdrawn) {
        return Ok(if is_of(entry, file) {
            Plan::Touch(entry.clone())
        } else {
            Plan::Register(Box::new(Registration::over(entry.clone(), None)))
        });
    }
    let mut alike = Vec::new();
    for form in file.identity.forms() {
        alike.extend(scenes::by_identity(conn, form).await?);
    }
    alike.retain(|entry| is_of(entry, file) && (entry.withdrawn || gone.contains(&entry.scene.path)));
    let donor = alike.iter().find(|entry| entry.scene.light.is_some()).cloned();
    if let Some(entry) = here {
        return Ok(Plan::Register(Box::new(Registration::over(entry, donor))));
    }
    let plain = name::scene_id(paths::file_name(path), None);
    if let Some(same_id) = alike.iter().find(|entry| is_form_of(&entry.scene.scene_id, &plain)) {
        return Ok(match same_id.withdrawn {
            false => Plan::Move(same_id.clone()),
            true => Plan::Register(Box::new(Registration::over(same_id.clone(), donor))),
        });
    }
    if let Some(other) = scenes::by_id(conn, &plain).await?.filter(|entry| takes_place(path, file, entry, gone)) {
        return Ok(Plan::Register(Box::new(Registration::over(other, None))));
    }
    let renamed = alike.iter().find(|entry| !entry.withdrawn).cloned();
    let scene_id = free_id(conn, path).await?;
    Ok(Plan::Register(Box::new(Registration { scene_id, revision: 1, old: None, renamed, donor })))
}

impl Registration {
    fn over(old: Entry, donor: Option<Entry>) -> Self {
        let (scene_id, revision) = (old.scene.scene_id.clone(), old.scene.revision + 1);
        Self { scene_id, revision, old: Some(old), renamed: None, donor }
    }
}

/// Whether the entry is of the file's content.
fn is_of(entry: &Entry, file: &Examined) -> bool {
    file.identity.is_of(&entry.identity, entry.stamp.mtime_ns == file.stamp.mtime_ns)
}

/// Whether the file at `path` is the scene from now on: a raster that can be shown instead of the delivery that it was
/// unpacked from, and either of the two where the other is gone.
fn takes_place(path: &str, file: &Examined, entry: &Entry, gone: &HashSet<String>) -> bool {
    let is_gone = entry.withdrawn || gone.contains(&entry.scene.path);
    let is_unpacked = candidate::is_delivery(&entry.scene.path) && matches!(file.content, Content::Raster(_));
    is_counterpart(path, &entry.scene.path) && (is_gone || is_unpacked)
}

/// Whether one of the two is a delivery and the other the raster that it is about.
fn is_counterpart(path: &str, other: &str) -> bool {
    candidate::is_delivery(path) != candidate::is_delivery(other)
        && candidate::scene_place(path) == candidate::scene_place(other)
}

/// The scene of the delivery that the raster at `path` is unpacked from.
pub(super) async fn delivery_of(conn: &mut Connection, path: &str) -> Result<Option<Entry>> {
    let entry = scenes::by_id(conn, &name::scene_id(paths::file_name(path), None)).await?;
    Ok(entry.filter(|entry| candidate::is_delivery(&entry.scene.path) && is_counterpart(path, &entry.scene.path)))
}

/// Whether a file with the plain id may be the scene `scene_id`: the id itself, or with a path's hash behind it.
fn is_form_of(scene_id: &str, plain: &str) -> bool {
    let hash = scene_id.strip_prefix(plain);
    hash.is_some_and(|rest| rest.is_empty() || rest.strip_prefix('~').is_some_and(|hash| hash.len() == 8))
}

/// The name's own id, or the one with the path's hash when another file has it. Should that be taken too, by a scene
/// that was moved away from this path, the hash is taken anew.
pub(super) async fn free_id(conn: &mut Connection, path: &str) -> Result<String> {
    let file_name = paths::file_name(path);
    let mut id = name::scene_id(file_name, None);
    let mut hash = blake3::hash(path.as_bytes());
    while scenes::by_id(conn, &id).await?.is_some() {
        let bytes = hash.as_bytes();
        id = name::scene_id(file_name, Some(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])));
        hash = blake3::hash(bytes);
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::{is_counterpart, is_form_of};

    #[test]
    fn a_delivery_and_its_raster_lie_beside_each_other() {
        assert!(is_counterpart("x/a.MBI.tif", "x/a.tgz") && is_counterpart("x/a.tgz", "x/a.tif"));
        assert!(!is_counterpart("x/a.h5", "x/a.tgz") && !is_counterpart("a.MBI.tif", "x/a.tgz"));
    }

    #[test]
    fn ids_of_one_name_differ_only_by_a_paths_hash() {
        assert!(is_form_of("a", "a") && is_form_of("a~0123abcd", "a"));
        assert!(!is_form_of("ab", "a") && !is_form_of("a~1", "a") && !is_form_of("b", "a"));
    }
}
