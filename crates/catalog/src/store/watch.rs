//! Whose turn it is to watch the root, and the lock under which scenes are written.
//!
//! Of several indexers on one database one watches. It begins its turn under a new *term*, and whatever it writes names
//! that term: one whose turn has ended without its knowing can change nothing any more. Locks are taken in one order:
//! this one, then jobs, then the feed.

use aurora_database::{Connection, Spelled};

use super::{Result, note};

const NAME: &str = "watch";

/// Begins a turn: what was written under an earlier term is the last of it.
///
/// # Errors
/// When the database fails.
pub async fn begin(conn: &mut Connection, term: &str) -> Result<()> {
    note::put(conn, NAME, term).await
}

/// Lets nobody else write scenes until the transaction ends, and answers the term in force.
///
/// # Errors
/// When the database fails.
pub async fn lock(conn: &mut Connection) -> Result<Option<String>> {
    const LOCK: Spelled = Spelled {
        sqlite: "SELECT value FROM catalogue WHERE name = $1",
        postgres: "SELECT value FROM catalogue WHERE name = $1 FOR UPDATE",
    };
    Ok(sqlx::query_scalar(LOCK.on(conn)).bind(NAME).fetch_optional(conn).await?)
}
