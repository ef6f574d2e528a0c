//! Transactions that write: of jobs alone, or of scenes too.

use std::sync::Arc;

use aurora_catalog::{ChangeBody, store};
use aurora_database::{Backend, Connection, Transaction};
use aurora_queue::Job;
use jiff::Timestamp;

use super::{Database, Turn};
use crate::{
    error::{IndexerError, Result},
    job_view,
    step::{self, Step},
};

/// A write transaction: dropped, it leaves nothing; committed, it wakes the feed's readers.
pub struct Write<'d> {
    inner: Transaction,
    database: &'d Database,
    epoch: Arc<str>,
    /// What the feed tells of it, appended with the commit.
    changes: Vec<ChangeBody>,
    now: Timestamp,
}

impl Database {
    /// Begins a transaction that writes jobs; keep it short, and never across a job or slow files.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self) -> Result<Write<'_>> {
        let begun = self.pools.begin().await;
        let mut inner = begun.inspect_err(|error| self.trouble.is(error.to_string()))?;
        let now = clock(&mut inner, self.pools.backend()).await?;
        self.is_told(now);
        Ok(Write { inner, database: self, epoch: self.epoch(), changes: Vec::new(), now })
    }

    /// Begins a transaction that may write scenes too. There is one at a time, on whichever host.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_with_scenes(&self) -> Result<Write<'_>> {
        let mut write = self.begin().await?;
        store::watch::lock(write.conn()).await?;
        Ok(write)
    }

    /// The same for who watches the root.
    ///
    /// # Errors
    /// When the database fails, or another indexer watches by now.
    pub async fn begin_watching(&self, turn: &Turn) -> Result<Write<'_>> {
        let mut write = self.begin().await?;
        let term = store::watch::lock(write.conn()).await?;
        if turn.is_over(term.as_deref()) {
            return Err(IndexerError::TurnOver);
        }
        Ok(write)
    }
}

/// The time by which leases run: the database's own where several hosts share it.
async fn clock(conn: &mut Connection, backend: Backend) -> Result<Timestamp> {
    if backend == Backend::Sqlite {
        return Ok(Timestamp::now());
    }
    let asked = sqlx::query_scalar("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT");
    let millis: i64 = asked.fetch_one(conn).await?;
    Ok(Timestamp::from_millisecond(millis).unwrap_or_else(|_| Timestamp::now()))
}

impl Write<'_> {
    /// For the functions of the catalogue and the queue.
    pub fn conn(&mut self) -> &mut Connection {
        &mut self.inner
    }

    /// Name of the database's life.
    pub fn epoch(&self) -> &str {
        &self.epoch
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
        self.job_noted(job);
    }

    /// Appends what is said of a job that stays where it stands.
    pub fn job_noted(&mut self, job: &Job) {
        self.change(ChangeBody::Job { job: job_view::of(job) });
    }

    /// Makes everything durable at once.
    ///
    /// # Errors
    /// When it could not be made durable; then nothing of it happened, unless the database went away before it could
    /// answer.
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
            self.database.told(&self.epoch, head);
            step::reached(Step::Told);
        }
        Ok(())
    }
}
