//! The indexer's HTTP side: files' bytes ([`front`]), and every other address in one table ([`routes`]), a handler
//! module each.

pub mod catalog;
pub mod events;
pub mod front;
pub mod health;
pub mod items;
pub mod jobs;
pub mod query;
pub mod routes;
pub mod token;
pub mod watch;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use aurora_daemon::{problem::Problem, serve::Connections};
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    database::Database, error::IndexerError, files::Tree, trouble::Trouble, watch::status::WatchStatus,
    work::folder::Folder,
};

/// What a client is told when the database did not answer in time; if it is away, `/health` has the reason.
const DATABASE_AWAY: &str = "the database does not answer, or is busy; if it is away, `/health` says why";

/// What handlers share; cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// Catalogue, feed and queue.
    pub database: Arc<Database>,
    /// `/files/`.
    pub files: Tree,
    /// `/results/`.
    pub results: Tree,
    /// Whether the results folder is the one that it was.
    pub folder: Arc<Folder>,
    /// How the watching goes.
    pub watch: Arc<WatchStatus>,
    /// Why no attempt can begin, if so.
    pub work: Arc<Trouble>,
    /// Jobs that an earlier run left have been recovered.
    pub has_recovered: Arc<AtomicBool>,
    /// The listener's connections.
    pub connections: Connections,
    /// The limit of descriptors.
    pub descriptor_limit: u64,
    /// One permit a client that waits on the feed or the events.
    pub followers: Arc<Semaphore>,
    /// What a change must show, if anything.
    pub token: token::Guard,
    /// Cancelled when the program stops: waiting answers end.
    pub stop: CancellationToken,
    /// When the program started.
    pub started: Instant,
}

/// The one table of statuses: our errors as a client sees them.
pub(crate) fn problem(error: IndexerError) -> Problem {
    use aurora_queue::QueueError;
    match error {
        IndexerError::Queue(QueueError::NoSuchJob { job_id }) => Problem::not_found(format!("job `{job_id}`")),
        error @ IndexerError::Superseded { .. } => Problem::client(StatusCode::CONFLICT, error.to_string()),
        IndexerError::Queue(error @ (QueueError::Illegal { .. } | QueueError::Fenced { .. })) => {
            Problem::client(StatusCode::CONFLICT, error.to_string())
        }
        error if error.passes() => Problem::unavailable(DATABASE_AWAY, error),
        error => Problem::server(StatusCode::INTERNAL_SERVER_ERROR, error),
    }
}
