//! The dispatcher's leases: what an earlier life held, renewing at the heartbeat, and what was taken away.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use aurora_queue::{Job, QueueError, State, attempt, lease, list};
use tokio_util::sync::CancellationToken;

use super::{Active, Dispatcher, FAILURE_PAUSE, aside::ASIDE};
use crate::{error::Result, job_view, work::attempt::task};

/// Length of a lease; three heartbeats.
pub(super) const LEASE: Duration = Duration::from_secs(60);

/// Time between renewals.
const HEARTBEAT: Duration = Duration::from_secs(20);

impl Dispatcher {
    /// What an earlier life of the indexer held is due again, or goes on where the executor went on with it.
    pub(super) async fn recover(&mut self, stop: &CancellationToken) {
        while let Err(error) = self.recover_once().await {
            tracing::error!(%error, "earlier jobs cannot be recovered yet");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(FAILURE_PAUSE) => {}
            }
        }
        self.has_recovered.store(true, Relaxed);
    }

    async fn recover_once(&mut self) -> Result<()> {
        if self.executor.outlives() {
            return self.adopt().await;
        }
        let mut write = self.database.begin().await?;
        let now = write.now();
        for job in lease::recover(write.conn(), self.database.worker(), &self.terms.policy, now).await? {
            tracing::warn!(job = %job.job_id, scene = %job.subject, state = %job.state, "recovered after a sudden end");
            write.job_moved(&job);
        }
        write.commit().await
    }

    /// Takes over what goes on. A job that was only leased may have been submitted or not: the executor will know.
    async fn adopt(&mut self) -> Result<()> {
        let mut write = self.database.begin().await?;
        let now = write.now();
        let mut adopted = Vec::new();
        for mut job in lease::held_by(write.conn(), self.database.worker()).await? {
            lease::renew(write.conn(), &job.job_id, job.fence, LEASE, now).await?;
            if job.state == State::Leased {
                job = attempt::advance(write.conn(), &job.job_id, job.fence, State::Submitted, now).await?;
                write.job_moved(&job);
            }
            adopted.push(job);
        }
        write.commit().await?;
        for job in adopted {
            tracing::info!(job = %job.job_id, scene = %job.subject, state = %job.state, "adopted");
            let task = task(&self.terms.root, &self.terms.results, &job);
            let key = task.key.clone();
            self.executor.adopt(task);
            self.active.insert(key, Active { job, finishing: false, lost: false });
        }
        Ok(())
    }

    /// Renews all leases at the heartbeat, and gives up those that nobody renewed.
    pub(super) async fn keep_leases(&mut self) -> Result<()> {
        if Instant::now() < self.next_heartbeat {
            return Ok(());
        }
        let mut write = self.database.begin().await?;
        let now = write.now();
        for held in self.active.values().filter(|held| !held.lost) {
            match lease::renew(write.conn(), &held.job.job_id, held.job.fence, LEASE, now).await {
                Ok(()) | Err(QueueError::Fenced { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for job in self.unknown(lease::held_by(write.conn(), self.database.worker()).await?) {
            tracing::warn!(job = %job.job_id, "was leased without our knowing; it is given back");
            let released = attempt::release(write.conn(), &job.job_id, job.fence, now).await?;
            write.job_moved(&released);
        }
        for job in lease::expire(write.conn(), &self.terms.policy, now).await? {
            write.job_moved(&job);
        }
        let max_delay = self.terms.policy.max_delay.max(ASIDE);
        for job in lease::rein_in(write.conn(), max_delay, LEASE, now).await? {
            write.job_noted(&job);
        }
        job_view::gauge(&list::counts(write.conn()).await?);
        write.commit().await?;
        self.read_aside().await?;
        self.next_heartbeat = Instant::now() + HEARTBEAT;
        Ok(())
    }

    /// Of `leased` jobs those that nobody works on: the database went away before it could answer that they are ours.
    fn unknown(&self, leased: Vec<Job>) -> Vec<Job> {
        let is_known = |job: &Job| self.active.values().any(|held| held.job.job_id == job.job_id);
        leased.into_iter().filter(|job| job.state == State::Leased && !is_known(job)).collect()
    }

    /// Stops attempts whose job was cancelled or taken away.
    pub(super) async fn drop_lost(&mut self) -> Result<()> {
        let mut conn = self.database.read().await?;
        for (key, held) in self.active.iter_mut().filter(|(_, held)| !held.lost && !held.finishing) {
            match attempt::held(&mut conn, &held.job.job_id, held.job.fence).await {
                Ok(_) => {}
                Err(QueueError::Fenced { .. }) => {
                    held.lost = true;
                    self.executor.cancel(key).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
