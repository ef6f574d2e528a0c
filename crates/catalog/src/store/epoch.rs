//! The database's name of its own life: made once, with the database.

use sqlx::SqliteConnection;

use super::Result;

/// The database's epoch; `fresh` becomes it when the database has none yet.
///
/// # Errors
/// When the database fails.
pub async fn get_or_make(conn: &mut SqliteConnection, fresh: &str) -> Result<String> {
    sqlx::query("INSERT INTO catalogue (name, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING")
        .bind(fresh)
        .execute(&mut *conn)
        .await?;
    let epoch = sqlx::query_scalar("SELECT value FROM catalogue WHERE name = 'epoch'").fetch_one(conn).await?;
    Ok(epoch)
}
