//! Whose turn it is to watch the root: of several indexers on one database one watches, and another takes over when it
//! is gone.
//!
//! On PostgreSQL a turn is a lock of the server's on a connection of its own: it ends with the connection, whatever
//! ends that. What is written during a turn names its term (`aurora_catalog::store::watch`), so that an indexer which
//! has not noticed its end yet changes nothing any more.

use std::time::Duration;

use aurora_catalog::store;
use aurora_database::{Backend, Connection};
use tokio::sync::Mutex;

use super::Database;
use crate::{error::Result, random};

/// The lock's number; locks belong to one database, so this needs to be no other of our own.
const WATCH_LOCK: i64 = 0x4155_524F_5241;

/// Time between two tries for a turn, and between two looks whether it goes on.
const LOOK: Duration = Duration::from_secs(1);

/// What ends the turn of an indexer that has not looked for so long, whatever keeps it: its host hangs, or its network
/// is cut. Servers before PostgreSQL 14 do not know how, and wait until the network tells them.
const END_UNLESS_ASKED: &str = "SELECT set_config('idle_session_timeout', '20s', false)
    WHERE current_setting('server_version_num')::INT >= 140000";

/// How long the server may take to say that it goes on.
const PATIENCE: Duration = Duration::from_secs(5);

/// A turn of watching.
pub struct Turn(Option<Held>);

struct Held {
    term: String,
    conn: Mutex<Connection>,
}

impl Turn {
    /// The turn of the only indexer there is.
    pub fn for_ever() -> Self {
        Self(None)
    }

    /// Whether it is another's turn while `term` is in force.
    pub(super) fn is_over(&self, term: Option<&str>) -> bool {
        self.0.as_ref().is_some_and(|held| Some(held.term.as_str()) != term)
    }

    /// Waits until the turn ends.
    pub async fn ended(&self) {
        let Some(held) = &self.0 else { return std::future::pending().await };
        loop {
            tokio::time::sleep(LOOK).await;
            let mut conn = held.conn.lock().await;
            let asked = sqlx::query("SELECT 1").execute(&mut *conn);
            if !matches!(tokio::time::timeout(PATIENCE, asked).await, Ok(Ok(_))) {
                return;
            }
        }
    }
}

impl Database {
    /// Waits until it is this indexer's turn to watch.
    pub async fn turn(&self) -> Turn {
        if self.pools.backend() == Backend::Sqlite {
            return Turn::for_ever();
        }
        loop {
            match self.try_turn().await {
                Ok(Some(turn)) => return turn,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "whose turn it is to watch cannot be asked; tried again"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn try_turn(&self) -> Result<Option<Turn>> {
        let mut conn = self.pools.write().await?;
        let asked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(WATCH_LOCK);
        if !asked.fetch_one(&mut conn).await? {
            return Ok(None);
        }
        // From here on the connection is the turn: whatever fails ends both.
        let mut conn = conn.detached();
        sqlx::query(END_UNLESS_ASKED).execute(&mut conn).await?;
        let term = random::name();
        let mut write = self.begin_with_scenes().await?;
        store::watch::begin(write.conn(), &term).await?;
        write.commit().await?;
        Ok(Some(Turn(Some(Held { term, conn: Mutex::new(conn) }))))
    }
}
