//! Which folder the watched root was when it was last believed, as the watcher writes it.
//!
//! One folder looks different from each host that mounts it, so each indexer remembers it under its own name.

use aurora_database::Connection;

use super::{Result, note};

/// The root's identity as `indexer` saw it; `None` before its first sweep that was believed.
///
/// # Errors
/// When the database fails.
pub async fn get(conn: &mut Connection, indexer: Option<&str>) -> Result<Option<String>> {
    note::get(conn, &name(indexer)).await
}

/// Notes the root's identity.
///
/// # Errors
/// When the database fails.
pub async fn put(conn: &mut Connection, indexer: Option<&str>, identity: &str) -> Result<()> {
    note::put(conn, &name(indexer), identity).await
}

/// A database with one indexer needs no name for it.
fn name(indexer: Option<&str>) -> String {
    indexer.map_or_else(|| "root".to_owned(), |indexer| format!("root of {indexer}"))
}
