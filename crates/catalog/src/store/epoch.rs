//! The database's name of its own life: made with the database, and anew when the database went back in time.

use aurora_database::Connection;

use super::Result;

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

/// Gives the database another epoch: it is not what its followers knew.
///
/// # Errors
/// When the database fails.
pub async fn renew(conn: &mut Connection, fresh: &str) -> Result<()> {
    sqlx::query("UPDATE catalogue SET value = $1 WHERE name = 'epoch'").bind(fresh).execute(conn).await?;
    Ok(())
}

/// Which file the database was when it was last opened, in the caller's words; `None` before the first time.
///
/// # Errors
/// When the database fails.
pub async fn file(conn: &mut Connection) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM catalogue WHERE name = 'file'").fetch_optional(conn).await?)
}

/// Notes which file the database is.
///
/// # Errors
/// When the database fails.
pub async fn put_file(conn: &mut Connection, file: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO catalogue (name, value) VALUES ('file', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(file)
    .execute(conn)
    .await?;
    Ok(())
}
