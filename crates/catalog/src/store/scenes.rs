//! Scenes as last catalogued, with what their files looked like then.

use aurora_database::{Connection, Row};
use jiff::Timestamp;
use sqlx::Row as _;

use super::{Result, StoreError};
use crate::Scene;

/// What a file looks like from outside: as long as this stays, nobody wrote to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Length in bytes.
    pub size_bytes: u64,
    /// Modification time in nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Time of the inode's last change, likewise: whoever writes, or puts another file in its place, moves it, whatever
    /// modification time is set afterwards. `None` where the file system does not tell, or nobody asked.
    pub ctime_ns: Option<i64>,
}

impl Stamp {
    /// Whether the two show no change, as far as both tell.
    pub fn agrees(&self, other: &Self) -> bool {
        let same_change = self.ctime_ns.zip(other.ctime_ns).is_none_or(|(one, other)| one == other);
        (self.size_bytes, self.mtime_ns) == (other.size_bytes, other.mtime_ns) && same_change
    }
}

/// A catalogued scene and its file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The scene at its present revision.
    pub scene: Scene,
    /// Whether its file left.
    pub withdrawn: bool,
    /// The file when it was last catalogued.
    pub stamp: Stamp,
    /// Fingerprint of the file's content.
    pub identity: String,
    /// When this entry last changed.
    pub updated_at: Timestamp,
}

/// The scene of this id, withdrawn ones included.
///
/// # Errors
/// When the database fails.
pub async fn by_id(conn: &mut Connection, scene_id: &str) -> Result<Option<Entry>> {
    let row = sqlx::query("SELECT * FROM scene WHERE scene_id = $1").bind(scene_id).fetch_optional(conn).await?;
    row.as_ref().map(decode).transpose()
}

/// The scene whose file lies at `path` below the root, withdrawn ones included.
///
/// # Errors
/// When the database fails.
pub async fn by_path(conn: &mut Connection, path: &str) -> Result<Option<Entry>> {
    let row = sqlx::query("SELECT * FROM scene WHERE path = $1").bind(path).fetch_optional(conn).await?;
    row.as_ref().map(decode).transpose()
}

/// Scenes that are there, by id, after `after`.
///
/// # Errors
/// When the database fails.
pub async fn page(conn: &mut Connection, after: &str, limit: u32) -> Result<Vec<Entry>> {
    let rows = sqlx::query("SELECT * FROM scene WHERE scene_id > $1 AND withdrawn = 0 ORDER BY scene_id LIMIT $2")
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    rows.iter().map(decode).collect()
}

/// Scenes whose file has, or had, this content: those that are there first, then the last changed.
///
/// # Errors
/// When the database fails.
pub async fn by_identity(conn: &mut Connection, identity: &str) -> Result<Vec<Entry>> {
    let rows = sqlx::query("SELECT * FROM scene WHERE identity = $1 ORDER BY withdrawn, updated_at_ms DESC, scene_id")
        .bind(identity)
        .fetch_all(conn)
        .await?;
    rows.iter().map(decode).collect()
}

/// The file of a scene that is there: what the watcher starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// Path below the root.
    pub path: String,
    /// The file when it was last catalogued.
    pub stamp: Stamp,
    /// Whether a sweep that was believed has seen it; see [`vouch`].
    pub vouched: bool,
    /// Whether it is a raster that can be shown as it is.
    pub shown: bool,
}

/// The file of every scene that is there.
///
/// # Errors
/// When the database fails.
pub async fn files(conn: &mut Connection) -> Result<Vec<KnownFile>> {
    // Members of `body` stand in the order of `Scene`'s, and no text has bare quotes in it.
    let rows = sqlx::query(
        r#"SELECT path, size_bytes, mtime_ns, ctime_ns, vouched,
                  CAST(CASE WHEN body LIKE '%"raw":null,"light":%' THEN 0 ELSE 1 END AS BIGINT) AS shown
           FROM scene WHERE withdrawn = 0"#,
    )
    .fetch_all(conn)
    .await?;
    rows.iter().map(known_file).collect()
}

/// The root was just seen as it should be: every scene that is there may witness later that it still is.
///
/// # Errors
/// When the database fails.
pub async fn vouch(conn: &mut Connection) -> Result<()> {
    sqlx::query("UPDATE scene SET vouched = 1 WHERE vouched = 0 AND withdrawn = 0").execute(conn).await?;
    Ok(())
}

/// Writes an entry, new or changed.
///
/// # Errors
/// When the database fails, also when another scene holds the path.
pub async fn put(conn: &mut Connection, entry: &Entry) -> Result<()> {
    let scene = &entry.scene;
    let body = serde_json::to_string(scene)
        .map_err(|source| StoreError::Unwritable { what: format!("scene `{}`", scene.scene_id), source })?;
    sqlx::query(
        "INSERT INTO scene (scene_id, path, revision, withdrawn, size_bytes, mtime_ns, identity, updated_at_ms, body,
             ctime_ns)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (scene_id) DO UPDATE SET path = excluded.path, revision = excluded.revision,
             withdrawn = excluded.withdrawn, size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,
             identity = excluded.identity, updated_at_ms = excluded.updated_at_ms, body = excluded.body,
             ctime_ns = excluded.ctime_ns,
             vouched = CASE WHEN excluded.withdrawn = 0 THEN scene.vouched ELSE 0 END",
    )
    .bind(&scene.scene_id)
    .bind(&scene.path)
    .bind(i64::try_from(scene.revision).unwrap_or(i64::MAX))
    .bind(i64::from(entry.withdrawn))
    .bind(i64::try_from(entry.stamp.size_bytes).unwrap_or(i64::MAX))
    .bind(entry.stamp.mtime_ns)
    .bind(&entry.identity)
    .bind(entry.updated_at.as_millisecond())
    .bind(body)
    .bind(entry.stamp.ctime_ns)
    .execute(conn)
    .await?;
    Ok(())
}

fn known_file(row: &Row) -> Result<KnownFile> {
    let (vouched, shown) = (is_true(row, "vouched")?, is_true(row, "shown")?);
    Ok(KnownFile { path: row.try_get("path")?, stamp: stamp(row)?, vouched, shown })
}

fn is_true(row: &Row, column: &str) -> Result<bool> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

fn stamp(row: &Row) -> Result<Stamp> {
    let size_bytes: i64 = row.try_get("size_bytes")?;
    let (mtime_ns, ctime_ns) = (row.try_get("mtime_ns")?, row.try_get("ctime_ns")?);
    Ok(Stamp { size_bytes: size_bytes.unsigned_abs(), mtime_ns, ctime_ns })
}

fn decode(row: &Row) -> Result<Entry> {
    let scene_id: &str = row.try_get("scene_id")?;
    let scene = serde_json::from_str(row.try_get("body")?)
        .map_err(|source| StoreError::Unreadable { what: format!("scene `{scene_id}`"), source })?;
    Ok(Entry {
        scene,
        withdrawn: is_true(row, "withdrawn")?,
        stamp: stamp(row)?,
        identity: row.try_get("identity")?,
        updated_at: Timestamp::from_millisecond(row.try_get("updated_at_ms")?).unwrap_or(Timestamp::UNIX_EPOCH),
    })
}
