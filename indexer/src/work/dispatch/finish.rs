//! The end of a successful attempt: its outputs verified and published.

use aurora_queue::Job;

use super::Terms;
use crate::{
    error::IndexerError,
    step::{self, Step},
    work::{
        attempt::AttemptDir,
        collect,
        publish::{Publication, Publisher},
    },
};

/// How verifying and publishing ended.
pub(super) enum Finish {
    Done,
    Bad(String),
    Failed(IndexerError),
}

/// Verifies and publishes what an attempt left.
pub(super) async fn finish(publisher: Publisher, terms: Terms, job: Job) -> Finish {
    // On a task of its own, so that even a panic ends as a failed attempt.
    let finishing = tokio::spawn(async move { try_finish(&publisher, &terms, &job).await });
    finishing.await.unwrap_or_else(|error| Finish::Bad(format!("publishing failed: {error}")))
}

async fn try_finish(publisher: &Publisher, terms: &Terms, job: &Job) -> Finish {
    let out = AttemptDir::of(&terms.results, job).out();
    let (scene_id, revision, limit) = (job.subject.clone(), job.revision + 1, terms.max_detections);
    let verifying = tokio::task::spawn_blocking(move || collect::verify(&out, &scene_id, revision, limit));
    let outputs = match verifying.await {
        Ok(Ok(outputs)) => outputs,
        Ok(Err(reason)) => return Finish::Bad(reason),
        Err(error) => return Finish::Bad(format!("verifying failed: {error}")),
    };
    step::reached(Step::Verified);
    match publisher.publish(job, outputs).await {
        Ok(Publication::Done | Publication::Superseded) => Finish::Done,
        Err(error) => Finish::Failed(error),
    }
}
