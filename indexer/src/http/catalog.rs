//! `GET /catalog/changes`: the feed, a page at a time, waiting for news when there are none.

use std::{sync::Arc, time::Duration};

use aurora_catalog::{ChangePage, store::changes::PageLimits};
use aurora_daemon::problem::Problem;
use axum::{Json, extract::State};
use serde::Deserialize;

use super::{Shared, problem, query::Typed};

/// The longest that a client may wait.
const MAX_WAIT_S: u64 = 60;

/// Changes in a page, unless asked otherwise, and at most.
const MAX_PAGE: u32 = 5_000;

/// Behind the epoch in an answer to a follower that is ahead of the database.
const REWOUND: &str = "-rewound";

/// What a follower says.
#[derive(Debug, Deserialize)]
pub struct Asked {
    /// The number it has seen last.
    #[serde(default)]
    since: u64,
    /// The epoch it knows; another one makes it start anew.
    epoch: Option<String>,
    /// Seconds to wait when there is nothing new.
    #[serde(default)]
    wait: u64,
    /// Changes it wants at most.
    limit: Option<u32>,
}

/// The changes after `since`; at once when there are any, else as soon as there are, else empty after `wait` seconds.
/// A follower of another epoch gets this one's from the start. So does one that has seen more than there is: the
/// database went back in time without noticing. It is answered under an epoch of its own, and thus starts anew.
///
/// # Errors
/// 503 when too many wait.
pub async fn changes(State(shared): State<Shared>, Typed(asked): Typed<Asked>) -> Result<Json<ChangePage>, Problem> {
    let mut feed = shared.database.feed();
    let (epoch, head) = {
        let feed = feed.borrow();
        (Arc::clone(&feed.epoch), feed.head)
    };
    let is_other_epoch = asked.epoch.as_deref().is_some_and(|theirs| *theirs != *epoch);
    let since = if is_other_epoch { 0 } else { asked.since };
    let limits = PageLimits { changes: asked.limit.unwrap_or(1000).clamp(1, MAX_PAGE), ..PageLimits::default() };
    if asked.epoch.is_some() && !is_other_epoch && asked.since > head {
        let mut page = shared.database.changes(0, limits).await.map_err(problem)?;
        page.epoch.push_str(REWOUND);
        return Ok(Json(page));
    }
    if asked.wait > 0 && !is_other_epoch && head <= since {
        let _permit = shared.followers.try_acquire().map_err(|_| Problem::overloaded(5))?;
        let wait = Duration::from_secs(asked.wait.min(MAX_WAIT_S));
        tokio::select! {
            _ = tokio::time::timeout(wait, feed.wait_for(|feed| feed.has_news(&epoch, since))) => {}
            () = shared.stop.cancelled() => {}
        }
    }
    let since = if epoch == shared.database.epoch() { since } else { 0 };
    Ok(Json(shared.database.changes(since, limits).await.map_err(problem)?))
}
