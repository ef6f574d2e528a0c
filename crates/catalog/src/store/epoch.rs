//! The database's name of its own life: made with the database, and anew when the database went back in time.

use aurora_database::{Connection, Spelled};

use super::{Result, note};

/// What stands before a former epoch's name.
const FORMER: &str = "epoch before: ";

/// The database's epoch; `fresh` becomes it when the database has none yet.
///
/// # Errors
/// When the database fails.
pub async fn get_or_make(conn: &mut Connection, fresh: &str) -> Result<String> {
    sqlx::query("INSERT INTO catalogue (name, value) VALUES ('epoch', $1) ON CONFLICT DO NOTHING")
        .bind(fresh)
        .execute(&mut *conn)
        .await?;
    let epoch = sqlx::query_scalar("SELECT value FROM catalogue WHERE name = 'epoch'").fetch_one(conn).await?;
    Ok(epoch)
}

/// The database's epoch; `None` before it has one.
///
/// # Errors
/// When the database fails.
pub async fn get(conn: &mut Connection) -> Result<Option<String>> {
    note::get(conn, "epoch").await
}

/// Gives the database another epoch: it is not what its followers knew.
///
/// # Errors
/// When the database fails.
pub async fn renew(conn: &mut Connection, fresh: &str) -> Result<()> {
    let former = get_or_make(conn, fresh).await?;
    note::put(conn, &format!("{FORMER}{former}"), "").await?;
    note::put(conn, "epoch", fresh).await
}

/// Whether the database has lived under this epoch before its present one.
///
/// # Errors
/// When the database fails.
pub async fn was(conn: &mut Connection, epoch: &str) -> Result<bool> {
    Ok(note::get(conn, &format!("{FORMER}{epoch}")).await?.is_some())
}

/// Which database it was when it was last opened, in the caller's words; `None` before the first time.
///
/// # Errors
/// When the database fails.
pub async fn file(conn: &mut Connection) -> Result<Option<String>> {
    note::get(conn, "file").await
}

/// Notes which database it is.
///
/// # Errors
/// When the database fails.
pub async fn put_file(conn: &mut Connection, file: &str) -> Result<()> {
    note::put(conn, "file", file).await
}

/// Lets nobody else append to the feed, renew the epoch or ask for this lock until the transaction ends.
///
/// # Errors
/// When the database fails.
pub async fn lock(conn: &mut Connection) -> Result<()> {
    const LOCK: Spelled = Spelled { sqlite: "SELECT head FROM feed", postgres: "SELECT head FROM feed FOR UPDATE" };
    sqlx::query(LOCK.on(conn)).fetch_one(conn).await?;
    Ok(())
}
