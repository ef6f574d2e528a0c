//! What must be known of the database itself: texts by name.

use aurora_database::Connection;

use super::Result;

pub(super) async fn get(conn: &mut Connection, name: &str) -> Result<Option<String>> {
    Ok(sqlx::query_scalar("SELECT value FROM catalogue WHERE name = $1").bind(name).fetch_optional(conn).await?)
}

pub(super) async fn put(conn: &mut Connection, name: &str, value: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO catalogue (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(conn)
    .await?;
    Ok(())
}
