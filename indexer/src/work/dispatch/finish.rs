//! The end of an attempt: outputs of a successful one verified and published, any other back to the queue with the
//! reason.

use std::{sync::Arc, time::Instant};

use aurora_queue::{Job, QueueError, State, attempt};
use tokio::task::JoinError;

use super::{Dispatcher, Terms, advance, aside::ASIDE};
use crate::{
    error::{IndexerError, Result},
    step::{self, Step},
    work::{
        attempt::AttemptDir,
        collect,
        executor::Outcome,
        publish::{Publication, Publisher},
        room,
    },
};

/// Ways to end an attempt without a result.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Refused,
    Failed,
    Lost,
    Released,
}

/// How verifying and publishing ended.
pub(super) enum Finish {
    Done,
    Bad(String),
    Failed(IndexerError),
}

impl Dispatcher {
    /// An attempt ended: on to verifying, or back to the queue with the reason.
    pub(super) async fn over(&mut self, key: &str, outcome: Outcome) -> Result<()> {
        let Some(held) = self.active.get_mut(key) else { return Ok(()) };
        if held.lost {
            self.let_go(key).await;
            return Ok(());
        }
        let job = held.job.clone();
        let outcome = self.unless_away(outcome).await;
        if matches!(outcome, Outcome::Failed(_) | Outcome::Refused(_))
            && let Some(reason) = self.lacks_file(&job).await
        {
            return self.set_back(key, &job, reason).await;
        }
        match &outcome {
            Outcome::Unready(_) => {}
            Outcome::Lost(_) => self.hold.ease(),
            _ => self.hold.ended(),
        }
        let Some(held) = self.active.get_mut(key) else { return Ok(()) };
        let (end, reason) = match outcome {
            Outcome::Success => {
                step::reached(Step::Ended);
                // An adopted one may have come so far before.
                if job.state != State::Collecting {
                    held.job = advance(&self.database, &job, State::Collecting).await?;
                }
                held.finishing = true;
                let finish = finish(self.publisher.clone(), self.terms.clone(), job);
                let key = key.to_owned();
                self.finishing.spawn(async move { (key, finish.await) });
                return Ok(());
            }
            Outcome::Unready(reason) => {
                self.hold.begin_by_attempt(reason.clone(), Instant::now());
                (End::Released, reason)
            }
            Outcome::Refused(reason) => (End::Refused, reason),
            Outcome::Failed(reason) => (End::Failed, reason),
            Outcome::Lost(reason) => (End::Lost, reason),
        };
        self.end(&job, end, &reason).await?;
        if matches!(end, End::Released) {
            // It may be this scene alone that the command is not ready for: the next try is another's.
            self.put_aside(std::slice::from_ref(&job), &[reason], self.hold.pause() * 2).await?;
        }
        self.let_go(key).await;
        Ok(())
    }

    /// A command whose results folder has gone away under it is not at fault.
    async fn unless_away(&self, outcome: Outcome) -> Outcome {
        if !matches!(outcome, Outcome::Failed(_) | Outcome::Refused(_)) {
            return outcome;
        }
        match self.terms.folder.look().await {
            Ok(()) => outcome,
            Err(reason) => Outcome::Unready(reason),
        }
    }

    /// Why the attempt's input cannot be looked at, if it cannot: a root that has gone away is not the command's fault
    /// either.
    async fn lacks_file(&mut self, job: &Job) -> Option<String> {
        let input = self.terms.root.join(&job.input);
        let looked = self.on_results(move || Ok(room::absent(&input))).await;
        looked.unwrap_or_else(|error| Some(room::no_file(&error)))
    }

    /// The attempt is none: its job waits for its file. One whose file has left is cancelled by the watcher.
    async fn set_back(&mut self, key: &str, job: &Job, reason: String) -> Result<()> {
        self.hold.ended();
        self.end(job, End::Released, &reason).await?;
        self.put_aside(std::slice::from_ref(job), &[reason], ASIDE).await?;
        self.let_go(key).await;
        Ok(())
    }

    pub(super) async fn finished(&mut self, finished: Result<(String, Finish), JoinError>) {
        let Ok((key, finish)) = finished else {
            tracing::error!("verifying ended in a panic; its lease runs out");
            return;
        };
        let Some(job) = self.active.get(&key).map(|held| held.job.clone()) else { return };
        let noted = match finish {
            Finish::Done => Ok(()),
            // Not the attempt's fault: it is made again when the disk is well.
            Finish::Failed(error) if error.is_of_results() => {
                self.hold_up(&job, format!("publishing failed: {error}")).await
            }
            Finish::Failed(error) => self.end(&job, End::Failed, &format!("publishing failed: {error}")).await,
            Finish::Bad(reason) => self.end(&job, End::Failed, &reason).await,
        };
        if let Err(error) = noted {
            tracing::error!(job = %job.job_id, %error, "its failure cannot be noted");
            if error.is_of_database()
                && let Some(held) = self.active.get_mut(&key)
            {
                // It ended as it did: the executor says so again in the next round.
                held.finishing = false;
                return;
            }
        }
        self.let_go(&key).await;
    }

    pub(super) async fn end(&self, job: &Job, end: End, reason: &str) -> Result<()> {
        let (id, scene, attempt) = (&job.job_id, &job.subject, job.attempt);
        match end {
            End::Refused | End::Failed => tracing::warn!(job = %id, %scene, attempt, reason, "attempt failed"),
            End::Lost => tracing::warn!(job = %id, %scene, attempt, reason, "attempt lost"),
            End::Released => tracing::info!(job = %id, %scene, attempt, reason, "given back"),
        }
        let mut write = self.database.begin().await?;
        let (now, policy) = (write.now(), &self.terms.policy);
        let ended = match end {
            End::Refused => attempt::refuse(write.conn(), &job.job_id, job.fence, reason, now).await,
            End::Failed => attempt::fail(write.conn(), &job.job_id, job.fence, reason, policy, now).await,
            End::Lost => attempt::lose(write.conn(), &job.job_id, job.fence, reason, policy, now).await,
            End::Released => attempt::release(write.conn(), &job.job_id, job.fence, now).await,
        };
        match ended {
            Ok(job) => write.job_moved(&job),
            // Cancelled in the meantime: that stands.
            Err(QueueError::Fenced { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        write.commit().await
    }

    /// Forgets an attempt and removes its outputs; its log stays until the janitor finds its job
    /// published.
    pub(super) async fn let_go(&mut self, key: &str) {
        self.executor.forget(key);
        let Some(held) = self.active.remove(key) else { return };
        let dir = AttemptDir::of(&self.terms.results, &held.job);
        let _ = tokio::task::spawn_blocking(move || dir.clear()).await;
        step::reached(Step::Cleared);
    }
}

/// Verifies and publishes what an attempt left.
async fn finish(publisher: Publisher, terms: Terms, job: Job) -> Finish {
    // On a task of its own, so that even a panic ends as a failed attempt.
    let finishing = tokio::spawn(async move { try_finish(&publisher, &terms, &job).await });
    finishing.await.unwrap_or_else(|error| Finish::Bad(format!("publishing failed: {error}")))
}

async fn try_finish(publisher: &Publisher, terms: &Terms, job: &Job) -> Finish {
    let out = AttemptDir::of(&terms.results, job).out();
    let (scene_id, revision, limit) = (job.subject.clone(), job.revision + 1, terms.max_detections);
    let folder = Arc::clone(&terms.folder);
    let verifying = tokio::task::spawn_blocking(move || {
        // Nothing is wrong with outputs that have gone away with their folder.
        folder.check().map(|()| collect::verify(&out, &scene_id, revision, limit))
    });
    let verified = match verifying.await {
        Ok(Ok(verified)) => verified,
        Ok(Err(error)) => return Finish::Failed(error),
        Err(error) => return Finish::Bad(format!("verifying failed: {error}")),
    };
    let outputs = match verified {
        Ok(outputs) => outputs,
        Err(reason) => return Finish::Bad(reason),
    };
    step::reached(Step::Verified);
    match publisher.publish(job, outputs).await {
        Ok(Publication::Done | Publication::Superseded) => Finish::Done,
        Err(error) => Finish::Failed(error),
    }
}
