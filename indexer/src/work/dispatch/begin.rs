//! How the dispatcher begins attempts: jobs taken while more may run, a folder where there is room, and what follows
//! when the executor does not accept one.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_queue::{Job, State, lease};
use tokio::sync::oneshot;

use super::{Active, Dispatcher, advance, finish::End, leases::LEASE};
use crate::{
    error::Result,
    step::{self, Step},
    work::{
        attempt::{AttemptDir, task},
        executor::{Refusal, SubmitError},
        room,
    },
};

/// A start that takes so long tells of a mount or a cluster that hangs: what runs is seen to before the next one.
const SLOW_START: Duration = Duration::from_secs(1);

/// Time in which an attempt's folder must be made: leases are not renewed meanwhile.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

impl Dispatcher {
    /// Takes jobs while more may run, keeping the leases meanwhile. Leaves off after a slow start, and says whether it
    /// did: the next round goes on.
    pub(super) async fn fill(&mut self) -> Result<bool> {
        while self.active.len() < self.terms.concurrency && self.may_begin() {
            self.keep_leases().await?;
            if !self.has_next().await? {
                return Ok(false);
            }
            let mut write = self.database.begin().await?;
            let now = write.now();
            let taken = lease::take(write.conn(), self.database.worker(), LEASE, now).await?;
            let Some(job) = taken else { return Ok(false) };
            write.job_moved(&job);
            write.commit().await?;
            let begun = Instant::now();
            self.submit(job).await?;
            if begun.elapsed() >= SLOW_START {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_begin(&self) -> bool {
        let is_held = self.hold.is_on(Instant::now()) || self.terms.folder.away().is_some();
        !is_held && self.executor.trouble().is_none()
    }

    async fn submit(&mut self, job: Job) -> Result<()> {
        if let Err(error) = self.make_room(&job).await {
            return self.hold_up(&job, format!("an attempt cannot begin: {error}")).await;
        }
        step::reached(Step::FolderMade);
        let task = task(&self.terms.root, &self.terms.results, &job);
        let key = task.key.clone();
        if let Err(error) = self.executor.submit(task).await {
            return self.not_accepted(&job, &error).await;
        }
        step::reached(Step::Accepted);
        self.hold.accepted();
        let submitted = advance(&self.database, &job, State::Submitted).await;
        let lost = submitted.as_ref().is_err_and(|error| !error.is_of_database());
        self.active.insert(key.clone(), Active { job: submitted.unwrap_or(job), finishing: false, lost });
        if lost {
            self.executor.cancel(&key).await;
        }
        Ok(())
    }

    /// Makes the attempt's folder, where its file is there and there is room for its result.
    async fn make_room(&mut self, job: &Job) -> io::Result<()> {
        let dir = AttemptDir::of(&self.terms.results, job);
        let (folder, input) = (Arc::clone(&self.terms.folder), self.terms.root.join(&job.input));
        let making = move || {
            folder.check().map_err(io::Error::other)?;
            match room::lacking(folder.path(), &[input])?.pop() {
                None => dir.make(),
                Some(reason) => Err(io::Error::other(reason)),
            }
        };
        self.on_results(making).await
    }

    /// Does `work` on the results folder or the root, which may hang: then what hangs is waited for before more is
    /// begun.
    pub(super) async fn on_results<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let hangs = || io::Error::new(io::ErrorKind::TimedOut, "the folder of results, or the root, does not answer");
        if self.making.as_ref().is_some_and(|making| !making.is_finished()) {
            // Another thread would only hang beside it.
            return Err(hangs());
        }
        let (tell, told) = oneshot::channel();
        // Nobody waits any more when the send fails.
        let making = tokio::task::spawn_blocking(move || drop(tell.send(work())));
        match tokio::time::timeout(ROOM_PATIENCE, told).await {
            Ok(done) => done.map_err(io::Error::other)?,
            Err(_) => {
                self.making = Some(making);
                Err(hangs())
            }
        }
    }

    async fn not_accepted(&mut self, job: &Job, error: &SubmitError) -> Result<()> {
        let reason = format!("not accepted: {error}");
        match error.kind {
            Refusal::Permanent => self.end(job, End::Refused, &reason).await,
            Refusal::Away => self.hold_up(job, reason).await,
        }
    }

    /// Nothing can be begun just now: the job waits again, and that was no attempt of its.
    pub(super) async fn hold_up(&mut self, job: &Job, reason: String) -> Result<()> {
        self.hold.begin(reason.clone(), Instant::now());
        self.tell_trouble();
        self.end(job, End::Released, &reason).await
    }
}

#[cfg(test)]
mod tests;
