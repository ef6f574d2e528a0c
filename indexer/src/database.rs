//! The one database: scenes, feed and jobs, so that they change together.
//!
//! A commit that returned is on disk. One connection writes, a few read. Readers of the feed are woken after every commit that appended to it. The tables and their SQL live in
//! `aurora_catalog::store` and `aurora_queue`.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use aurora_catalog::{ChangeBody, store};
use aurora_database::{Address, Backend, Connection, Pools};
use aurora_queue::Job;
use jiff::Timestamp;
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};
use sqlx::{Any, Transaction, migrate::Migration, pool::PoolConnection};
use tokio::sync::watch;

use crate::{
    error::{IndexerError, Result},
    file_system, job_view, random,
    step::{self, Step},
    trouble::Trouble,
};

mod mark;

use mark::Mark;

/// The database's file in the state folder.
const DATABASE_NAME: &str = "indexer.db";

/// How long a start waits for the state folder's lock before the folder is held to be another indexer's.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two tries for it.
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// The open database; cheap to clone through an `Arc`.
pub struct Database {
    pools: Pools,
    epoch: String,
    head: watch::Sender<u64>,
    mark: Mark,
    trouble: Trouble,
    /// Held for life: one indexer a state folder.
    _lock: File,
}

impl Database {
    /// Opens or makes the database in `state_dir` and brings its tables up to date.
    ///
    /// # Errors
    /// When the folder is on a network file system, in use, or not usable, or the database is of a newer version.
    pub async fn open(state_dir: &Path) -> Result<Self> {
        if let Ok(Some(file_system)) = file_system::network_name(state_dir) {
            return Err(IndexerError::NetworkDatabase { path: state_dir.to_owned(), file_system });
        }
        let lock = lock(state_dir).await?;
        let pools = Pools::open(&Address::Sqlite(state_dir.join(DATABASE_NAME))).await?;
        pools.migrate(migrations(pools.backend())).await?;
        let mut conn = pools.write().await?;
        let (epoch, head, mark) = live_on(&mut conn, state_dir).await?;
        drop(conn);
        Ok(Self { pools, epoch, head: watch::Sender::new(head), mark, trouble: Trouble::new("database"), _lock: lock })
    }

    /// Whether `state_dir` has a database already.
    pub fn is_in(state_dir: &Path) -> bool {
        state_dir.join(DATABASE_NAME).exists()
    }

    /// Name of this database's life.
    pub fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Number of the newest change, watched.
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    /// Why it cannot be written just now, if it cannot.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// A connection that only reads.
    ///
    /// # Errors
    /// When there is none within the pool's time.
    pub async fn read(&self) -> Result<PoolConnection<Any>> {
        Ok(self.pools.read().await?)
    }

    /// Begins the one write transaction there can be; keep it short, and never across a job or slow files.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self) -> Result<Write<'_>> {
        let begun = self.pools.begin().await;
        let inner = begun.inspect_err(|error| self.trouble.is(error.to_string()))?;
        Ok(Write { inner, database: self, changes: Vec::new(), now: Timestamp::now() })
    }

    /// One page of the feed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, since: u64, limits: store::changes::PageLimits) -> Result<aurora_catalog::ChangePage> {
        let mut conn = self.read().await?;
        Ok(store::changes::page(&mut conn, &self.epoch, since, limits).await?)
    }

    /// Closes all connections, so that the log is folded into the database.
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

/// The database's epoch and newest change; a new epoch when the database is a restored one.
async fn live_on(conn: &mut Connection, state_dir: &Path) -> Result<(String, u64, Mark)> {
    let (mark_path, database_path) = (state_dir.join("indexer.mark"), state_dir.join(DATABASE_NAME));
    let (mark, told) = Mark::open(&mark_path).map_err(IndexerError::io("open", &mark_path))?;
    let metadata = std::fs::metadata(&database_path).map_err(IndexerError::io("look at", &database_path))?;
    let file = mark::file_id(&metadata);
    let mut epoch = store::epoch::get_or_make(conn, &random::name()).await?;
    let head = store::changes::head(conn).await?;
    let is_behind = told.is_some_and(|told| told.epoch != epoch || told.head > head);
    let is_copy = store::epoch::file(conn).await?.is_some_and(|known| known != file);
    if is_behind || is_copy {
        epoch = random::name();
        store::epoch::renew(conn, &epoch).await?;
        tracing::warn!(epoch, "the database was restored: it begins a new epoch, and everybody reads it anew");
    }
    store::epoch::put_file(conn, &file).await?;
    mark.note(&epoch, head);
    Ok((epoch, head, mark))
}

/// Takes the state folder for this process alone. A killed indexer's lock can outlive it for a moment: a child that it
/// was just starting holds every descriptor until it runs its program or dies too.
async fn lock(state_dir: &Path) -> Result<File> {
    let path: PathBuf = state_dir.join("indexer.lock");
    let file = File::create(&path).map_err(IndexerError::io("create", &path))?;
    let begun = Instant::now();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if begun.elapsed() < LOCK_PATIENCE => tokio::time::sleep(LOCK_LOOK).await,
            Err(Errno::WOULDBLOCK) => return Err(IndexerError::InUse { path: state_dir.to_owned() }),
            Err(errno) => return Err(IndexerError::io("lock", &path)(errno.into())),
        }
    }
}

/// A write transaction: dropped, it leaves nothing; committed, it wakes the feed's readers.
pub struct Write<'d> {
    inner: Transaction<'static, Any>,
    database: &'d Database,
    /// What the feed tells of it, appended with the commit.
    changes: Vec<ChangeBody>,
    now: Timestamp,
}

impl Write<'_> {
    /// For the functions of the catalogue and the queue.
    pub fn conn(&mut self) -> &mut Connection {
        &mut self.inner
    }

    /// Name of the database's life.
    pub fn epoch(&self) -> &str {
        self.database.epoch()
    }

    /// The transaction's time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Appends a change to the feed.
    pub fn change(&mut self, body: ChangeBody) {
        self.changes.push(body);
    }

    /// Appends that a job moved.
    pub fn job_moved(&mut self, job: &Job) {
        tracing::debug!(job = %job.job_id, scene = %job.subject, state = %job.state, attempt = job.attempt, "job moved");
        metrics::counter!("aurora_indexer_job_moves_total", "to" => job.state.name()).increment(1);
        self.change(ChangeBody::Job { job: job_view::of(job) });
    }

    /// Makes everything durable at once.
    ///
    /// # Errors
    /// When it could not be made durable; then nothing of it happened.
    pub async fn commit(mut self) -> Result<()> {
        let head = match self.changes.as_slice() {
            [] => None,
            changes => Some(store::changes::append(&mut self.inner, changes, self.now).await?),
        };
        step::reached(Step::Written);
        let committed = self.inner.commit().await;
        committed.inspect_err(|error| self.database.trouble.is(error.to_string()))?;
        self.database.trouble.over();
        step::reached(Step::Committed);
        if let Some(head) = head {
            self.database.mark.note(&self.database.epoch, head);
            self.database.head.send_replace(head);
            step::reached(Step::Told);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_indexer_is_refused_and_the_epoch_stays() {
        let dir = tempfile::tempdir().unwrap();
        let first = Database::open(dir.path()).await.unwrap();
        let epoch = first.epoch().to_owned();
        assert!(matches!(Database::open(dir.path()).await, Err(IndexerError::InUse { .. })));
        first.close().await;
        drop(first);
        assert_eq!(Database::open(dir.path()).await.unwrap().epoch(), epoch);
    }

    #[tokio::test]
    async fn a_lock_that_outlives_its_indexer_for_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let left = lock(dir.path()).await.unwrap();
        let next = Database::open(dir.path());
        let leave = async {
            tokio::time::sleep(5 * LOCK_LOOK).await;
            drop(left);
        };
        let (opened, ()) = tokio::join!(next, leave);
        assert!(opened.is_ok());
    }

    async fn told(dir: &Path, scene_id: &str) -> String {
        let database = Database::open(dir).await.unwrap();
        let mut write = database.begin().await.unwrap();
        write.change(ChangeBody::Withdrawn { scene_id: scene_id.to_owned(), revision: 1 });
        write.commit().await.unwrap();
        database.close().await;
        database.epoch().to_owned()
    }

    #[tokio::test]
    async fn a_restored_database_begins_a_new_epoch_and_keeps_it() {
        let (dir, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (file, backup) = (dir.path().join(DATABASE_NAME), kept.path().join("backup"));
        let first = told(dir.path(), "a").await;
        std::fs::copy(&file, &backup).unwrap();
        assert_eq!(told(dir.path(), "b").await, first);

        // Written over the file in place: only the mark tells.
        std::fs::copy(&backup, &file).unwrap();
        let second = told(dir.path(), "c").await;
        assert_ne!(second, first);
        assert_eq!(told(dir.path(), "d").await, second);

        // With the mark restored too, the file is another one.
        std::fs::copy(&file, &backup).unwrap();
        std::fs::remove_file(&file).unwrap();
        std::fs::copy(&backup, &file).unwrap();
        let third = told(dir.path(), "e").await;
        assert_ne!(third, second);
        assert_eq!(told(dir.path(), "f").await, third);
    }

    #[tokio::test]
    async fn a_dropped_transaction_leaves_nothing_and_wakes_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path()).await.unwrap();
        let head = database.head();
        let withdrawn = ChangeBody::Withdrawn { scene_id: "a".to_owned(), revision: 1 };
        let mut write = database.begin().await.unwrap();
        write.change(withdrawn.clone());
        drop(write);
        assert!(!head.has_changed().unwrap());
        let mut write = database.begin().await.unwrap();
        write.change(withdrawn.clone());
        write.commit().await.unwrap();
        assert!(head.has_changed().unwrap());
        let page = database.changes(0, store::changes::PageLimits::default()).await.unwrap();
        assert_eq!((page.changes.len(), page.head), (1, *head.borrow()));
    }
}
