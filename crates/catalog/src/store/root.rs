//! Which folder the watched root was when it was last believed, as the watcher writes it.

use aurora_database::Connection;

use super::Result;

/// The root's identity; `None` before the first sweep that was believed.
///
/// # Errors
/// When the database fails.
pub async fn get(conn: &mut Connection) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM catalogue WHERE name = 'root'").fetch_optional(conn).await?)
}

/// Notes the root's identity.
///
/// # Errors
/// When the database fails.
pub async fn put(conn: &mut Connection, identity: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO catalogue (name, value) VALUES ('root', $1)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(identity)
    .execute(conn)
    .await?;
    Ok(())
}
