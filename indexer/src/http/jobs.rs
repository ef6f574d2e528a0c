//! `/jobs`: the queue, read by anybody, changed by those who may.

use std::{sync::Arc, time::Duration};

use aurora_catalog::{
    JobView,
    store::{Entry, scenes},
};
use aurora_daemon::problem::Problem;
use aurora_queue::{Job, list, person};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use super::{
    Shared, problem,
    query::{Part, Typed},
    token::Permitted,
};
use crate::{
    error::IndexerError,
    job_view,
    work::{keeper, publish},
};

/// Jobs in a page, unless asked otherwise, and at most.
const MAX_PAGE: u32 = 1_000;

/// How long a look at a result may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which jobs.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// Only those in this state.
    state: Option<String>,
    limit: Option<u32>,
    /// The last job of the page before.
    after: Option<String>,
}

/// A page of jobs.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The last moved first.
    jobs: Vec<JobView>,
}

/// Jobs, the last moved first.
///
/// # Errors
/// 400 for a state that there is not, 404 when `after` names no job.
pub async fn list(State(shared): State<Shared>, Typed(asked): Typed<Asked>) -> Result<Json<Page>, Problem> {
    let state =
        asked.state.map(|state| state.parse()).transpose().map_err(|error| Problem::parameter("state", error))?;
    let limit = asked.limit.unwrap_or(100).clamp(1, MAX_PAGE);
    let mut conn = shared.database.read().await.map_err(problem)?;
    let filter = list::Filter { state, after: asked.after, limit };
    let jobs = list::page(&mut conn, &filter).await.map_err(|error| problem(error.into()))?;
    Ok(Json(Page { jobs: jobs.iter().map(job_view::of).collect() }))
}

/// One job.
///
/// # Errors
/// 404.
pub async fn one(State(shared): State<Shared>, Part(job_id): Part) -> Result<Json<JobView>, Problem> {
    let mut conn = shared.database.read().await.map_err(problem)?;
    let job = list::get(&mut conn, &job_id).await.map_err(|error| problem(error.into()))?;
    Ok(Json(job_view::of(&job)))
}

/// Queues a failed, cancelled or waiting-for-retry job anew; where a published one's result is gone, a job that makes
/// it again.
///
/// # Errors
/// 401 without the token, 403 to other sites' pages, 404, 409 when it stands where nothing is to be retried, or its
/// scene has moved on.
pub async fn retry(_: Permitted, State(shared): State<Shared>, Part(job_id): Part) -> Result<Json<JobView>, Problem> {
    if let Some(job) = made_again(&shared, &job_id).await.map_err(problem)? {
        return Ok(Json(job_view::of(&job)));
    }
    let mut write = shared.database.begin_with_scenes().await.map_err(problem)?;
    let now = write.now();
    let job = list::get(write.conn(), &job_id).await.map_err(|error| problem(error.into()))?;
    let scene = scenes::by_id(write.conn(), &job.subject).await.map_err(|error| problem(error.into()))?;
    // First whether it may be retried at all: publishing too moves its scene on. Nothing is written until it is told.
    let retried = person::retry(write.conn(), &job_id, now).await.map_err(|error| problem(error.into()))?;
    if !scene.is_some_and(|entry| publish::is_for(&job, &entry)) {
        return Err(problem(IndexerError::Superseded { job_id }));
    }
    told(write, retried).await
}

/// The job that makes again what the published job `job_id` made, where that is what its scene shows and is gone,
/// though its folder is there.
async fn made_again(shared: &Shared, job_id: &str) -> Result<Option<Job>, IndexerError> {
    let mut conn = shared.database.read().await?;
    let job = list::get(&mut conn, job_id).await?;
    let entry = scenes::by_id(&mut conn, &job.subject).await?;
    drop(conn);
    let is_shown = |entry: &Entry| !entry.withdrawn && entry.scene.revision == job.revision + 1;
    let Some(entry) = entry.filter(|entry| job.state == aurora_queue::State::Published && is_shown(entry)) else {
        return Ok(None);
    };
    if shared.folder.look().await.is_err() {
        return Ok(None);
    }
    let (folder, scene) = (Arc::clone(&shared.folder), entry.scene.clone());
    let looking = tokio::task::spawn_blocking(move || publish::is_gone(folder.path(), &scene));
    let is_gone = tokio::time::timeout(PATIENCE, looking).await.is_ok_and(Result::unwrap_or_default);
    if is_gone { keeper::make_again(&shared.database, &entry).await } else { Ok(None) }
}

/// Cancels a job that is not published yet.
///
/// # Errors
/// 401 without the token, 403 to other sites' pages, 404, 409 when it is over.
pub async fn cancel(_: Permitted, State(shared): State<Shared>, Part(job_id): Part) -> Result<Json<JobView>, Problem> {
    let mut write = shared.database.begin().await.map_err(problem)?;
    let now = write.now();
    let cancelled = person::cancel(write.conn(), &job_id, person::UNWANTED, now).await;
    let job = cancelled.map_err(|error| problem(error.into()))?;
    told(write, job).await
}

async fn told(mut write: crate::database::Write<'_>, job: Job) -> Result<Json<JobView>, Problem> {
    write.job_moved(&job);
    write.commit().await.map_err(problem)?;
    Ok(Json(job_view::of(&job)))
}
