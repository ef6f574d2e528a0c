//! Watching in turns: while this indexer is the one that watches, a [`Patrol`] runs, made anew for each turn from what
//! the catalogue knows then.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    database::{Database, Turn},
    error::Result,
    watch::{patrol::Patrol, status::WatchStatus},
};

/// Pause after a turn that could not begin.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Watches whenever it is this indexer's turn, by what `patrol` makes, until `stop`.
pub(super) async fn watch(
    database: &Database,
    status: &WatchStatus,
    patrol: impl AsyncFn(Arc<Turn>) -> Result<Patrol>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let turn = tokio::select! {
            turn = database.turn() => Arc::new(turn),
            () = stop.cancelled() => return,
        };
        let patrol = match patrol(Arc::clone(&turn)).await {
            Ok(patrol) => patrol,
            Err(error) => {
                tracing::error!(%error, "watching cannot begin; it is tried again");
                tokio::time::sleep(FAILURE_PAUSE).await;
                continue;
            }
        };
        tracing::info!("this indexer watches the root");
        status.turn(true);
        tokio::select! {
            () = patrol.run(stop.clone()) => {}
            () = turn.ended() => tracing::warn!("this indexer's turn to watch has ended"),
        }
        status.turn(false);
    }
}
