//! The one database: scenes, feed and jobs, so that they change together.
//!
//! A commit that returned is on disk. Readers of the feed are woken after every commit that appended to it. SQLite is a
//! file of this indexer's own; a PostgreSQL database may be shared with other indexers, whose commits
//! [`Database::follow`] hears of. The tables and their SQL live in `aurora_catalog::store` and `aurora_queue`.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use aurora_catalog::store;
use aurora_daemon::file_system;
use aurora_database::{Address, Backend, Connection, OpenError, Pools, failure};
use jiff::{SignedDuration, Timestamp};
use sqlx::migrate::Migration;
use tokio::sync::watch;

use crate::{
    error::{IndexerError, Result},
    trouble::Trouble,
};

mod follow;
mod life;
mod lock;
mod mark;
mod turn;
mod worker;
mod write;

pub use turn::Turn;
pub use write::Write;

use lock::Lock;
use mark::Mark;

/// The database's file in the state folder, unless another is named.
const DATABASE_NAME: &str = "indexer.db";

/// How long a start waits for a server that is away: it may be starting too.
const SERVER_PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two tries for it.
const SERVER_LOOK: Duration = Duration::from_millis(500);

/// The open database; cheap to clone through an `Arc`.
pub struct Database {
    pools: Pools,
    feed: watch::Sender<Feed>,
    mark: Mark,
    trouble: Trouble,
    /// The name under which this indexer holds its leases.
    worker: String,
    /// How far the database's clock is ahead of ours, in milliseconds: one clock for all who share it.
    ahead_ms: AtomicI64,
    /// Held for life: one indexer a database file, or a state folder.
    _lock: Lock,
}

/// How far the feed has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Name of the database's life.
    pub epoch: Arc<str>,
    /// Number of the newest change.
    pub head: u64,
}

impl Feed {
    /// Whether there is something to read for who has seen `since` of `epoch`.
    pub fn has_news(&self, epoch: &str, since: u64) -> bool {
        self.head > since || *self.epoch != *epoch
    }
}

impl Database {
    /// Where the database is, unless told otherwise.
    pub fn default_address(state_dir: &Path) -> Address {
        Address::Sqlite(state_dir.join(DATABASE_NAME))
    }

    /// Whether an indexer with this state folder has used the database at `address` before.
    pub fn was_used(state_dir: &Path, address: &Address) -> bool {
        match address {
            Address::Sqlite(path) => path.exists(),
            Address::Postgres(_) => mark::path(state_dir, address).exists(),
        }
    }

    /// Opens or makes the database at `address` and brings its tables up to date.
    ///
    /// # Errors
    /// When its folder is on a network file system, in use, or not usable, the server cannot be reached, or the
    /// database is of a newer version.
    pub async fn open(state_dir: &Path, address: &Address) -> Result<Self> {
        if let Address::Sqlite(path) = address {
            let folder = path.parent().unwrap_or(path);
            if let Ok(Some(file_system)) = file_system::network_name(folder) {
                return Err(IndexerError::NetworkDatabase { path: folder.to_owned(), file_system });
            }
        }
        let lock = Lock::take(&mark::beside(state_dir, address, "lock")).await?;
        let (mark, told) = Mark::open(&mark::path(state_dir, address))?;
        let worker = worker::name(state_dir, address)?;
        let pools = opened(address).await?;
        pools.migrate(migrations(pools.backend())).await?;
        let file = match address {
            Address::Sqlite(path) => Some(path.as_path()),
            Address::Postgres(_) => None,
        };
        let feed = life::enter(&pools, file, told).await?;
        mark.note(&feed.epoch, feed.head);
        let (feed, ahead_ms) = (watch::Sender::new(feed), AtomicI64::new(0));
        let trouble = Trouble::new("database");
        Ok(Self { pools, feed, mark, trouble, worker, ahead_ms, _lock: lock })
    }

    /// How far the feed has come, watched.
    pub fn feed(&self) -> watch::Receiver<Feed> {
        self.feed.subscribe()
    }

    /// Name of this database's life.
    pub fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.feed.borrow().epoch)
    }

    /// Whether `epoch` names this database's present life or an earlier one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_lived_as(&self, epoch: &str) -> Result<bool> {
        let mut conn = self.read().await?;
        Ok(*self.epoch() == *epoch || store::epoch::was(&mut conn, epoch).await?)
    }

    /// The name under which this indexer holds its leases.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Who this indexer is to a database that others may share; `None` where it is the only one.
    pub fn name_among_others(&self) -> Option<&str> {
        (self.pools.backend() == Backend::Postgres).then_some(&self.worker)
    }

    /// The database's time, as last heard of.
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        let ours = Timestamp::now();
        ours.checked_add(ahead).unwrap_or(ours)
    }

    fn is_told(&self, now: Timestamp) {
        let ahead = now.duration_since(Timestamp::now()).as_millis();
        self.ahead_ms.store(i64::try_from(ahead).unwrap_or(0), Ordering::Relaxed);
    }

    /// Why it cannot be asked or written just now, if it cannot.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// When there is none within the pool's time.
    pub async fn read(&self) -> Result<Connection> {
        Ok(self.pools.read().await?)
    }

    /// One page of the feed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, since: u64, limits: store::changes::PageLimits) -> Result<aurora_catalog::ChangePage> {
        let epoch = self.epoch();
        let mut conn = self.read().await?;
        Ok(store::changes::page(&mut conn, &epoch, since, limits).await?)
    }

    /// The feed has come to `head` of `epoch`; followers wake.
    fn told(&self, epoch: &Arc<str>, head: u64) {
        self.feed.send_if_modified(|feed| {
            let is_news = feed.epoch == *epoch && feed.head < head;
            if is_news {
                feed.head = head;
                self.mark.note(epoch, head);
            }
            is_news
        });
    }

    /// Closes all connections; SQLite then folds its log into the database.
    pub async fn close(&self) {
        self.pools.close().await;
    }
}

/// All tables: the catalogue's and the queue's.
fn migrations(backend: Backend) -> Vec<Migration> {
    let mut migrations = store::migrations::all(backend);
    migrations.extend(aurora_queue::migrations::all(backend));
    migrations
}

/// A server that is away is waited for.
async fn opened(address: &Address) -> Result<Pools> {
    let begun = Instant::now();
    loop {
        match Pools::open(address).await {
            Err(OpenError::Unusable { source, .. })
                if failure::passes(&source)
                    && matches!(address, Address::Postgres(_))
                    && begun.elapsed() < SERVER_PATIENCE =>
            {
                tracing::warn!(%address, error = %source, "the database is away; it is waited for");
                tokio::time::sleep(SERVER_LOOK).await;
            }
            opened => return Ok(opened?),
        }
    }
}

#[cfg(test)]
mod tests;
