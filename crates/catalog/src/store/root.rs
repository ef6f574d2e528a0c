//! Which folder the watched root was when it was last believed, and what was mounted below it, as the watcher writes
//! them.
//!
//! One folder looks different from each host that mounts it, so each indexer remembers it under its own name.

use std::collections::BTreeMap;

use aurora_database::Connection;

use super::{Result, StoreError, note};

/// The root's identity as `indexer` saw it; `None` before its first sweep that was believed.
///
/// # Errors
/// When the database fails.
pub async fn get(conn: &mut Connection, indexer: Option<&str>) -> Result<Option<String>> {
    note::get(conn, &name("root", indexer)).await
}

/// Notes the root's identity.
///
/// # Errors
/// When the database fails.
pub async fn put(conn: &mut Connection, indexer: Option<&str>, identity: &str) -> Result<()> {
    note::put(conn, &name("root", indexer), identity).await
}

/// Identities of what `indexer` saw mounted below the root, by path; none before it was first noted.
///
/// # Errors
/// When the database fails.
pub async fn mounts(conn: &mut Connection, indexer: Option<&str>) -> Result<BTreeMap<String, String>> {
    let what = name("mounts", indexer);
    let written = note::get(conn, &what).await?.unwrap_or_else(|| "{}".to_owned());
    serde_json::from_str(&written).map_err(|source| StoreError::Unreadable { what, source })
}

/// Notes what is mounted below the root.
///
/// # Errors
/// When the database fails.
pub async fn put_mounts(conn: &mut Connection, indexer: Option<&str>, mounts: &BTreeMap<String, String>) -> Result<()> {
    let what = name("mounts", indexer);
    let written = serde_json::to_string(mounts);
    let written = written.map_err(|source| StoreError::Unwritable { what: what.clone(), source })?;
    note::put(conn, &what, &written).await
}

/// A database with one indexer needs no name for it.
fn name(what: &str, indexer: Option<&str>) -> String {
    indexer.map_or_else(|| what.to_owned(), |indexer| format!("{what} of {indexer}"))
}
