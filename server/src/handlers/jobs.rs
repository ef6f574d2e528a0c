//! `/jobs` and `/jobs/{id}`: inference as the indexers tell of it, read-only.

use std::{cmp::Reverse, sync::Arc};

use aurora_catalog::{JobState, JobView};
use aurora_daemon::problem::Problem;
use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::parameters::{Begun, Pairs, Parts};
use crate::{app::App, failure::Failure};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

/// Jobs, the last moved first; `state` and `scene` narrow them.
pub(crate) async fn list(Begun(catalogue): Begun, pairs: Pairs) -> Result<Json<Value>, Failure> {
    let limit = pairs.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let (state, scene) = (state(&pairs)?, pairs.get::<String>("scene")?);
    let wanted = |job: &&Arc<JobView>| {
        state.is_none_or(|state| job.state == state) && scene.as_ref().is_none_or(|id| job.scene_id == *id)
    };
    let mut jobs: Vec<Arc<JobView>> = {
        let mirrors = catalogue.mirrors();
        mirrors.iter().flat_map(|mirror| mirror.jobs().values()).filter(wanted).cloned().collect()
    };
    jobs.sort_unstable_by(|a, b| (Reverse(a.updated_at), &a.job_id).cmp(&(Reverse(b.updated_at), &b.job_id)));
    let matched = jobs.len();
    jobs.truncate(limit);
    Ok(Json(json!({ "jobs": jobs, "numberMatched": matched, "numberReturned": jobs.len() })))
}

fn state(pairs: &Pairs) -> Result<Option<JobState>, Problem> {
    let name: Option<String> = pairs.get("state")?;
    let unknown = |_| Problem::parameter("state", "is not one that jobs have");
    name.map(|name| serde_json::from_value(Value::String(name)).map_err(unknown)).transpose()
}

/// One job.
pub(crate) async fn one(State(app): State<Arc<App>>, Parts(id): Parts<String>) -> Result<Json<Arc<JobView>>, Failure> {
    Ok(Json(app.catalogue.job(&id).ok_or_else(|| app.catalogue.absent(format!("job {id}")))?))
}
