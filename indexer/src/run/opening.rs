//! What is waited for before the indexer is ready: the folders and the database, any of which may not answer. A stop
//! ends the waiting.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::places::Places;
use crate::{
    database::Database,
    error::{IndexerError, Result},
    settings::Settings,
    work::folder::Folder,
};

/// What has been opened.
pub(super) struct Opened {
    pub(super) places: Places,
    pub(super) database: Arc<Database>,
    pub(super) folder: Arc<Folder>,
}

/// Opens all that `settings` name; `None` when `stop` came first.
///
/// # Errors
/// What cannot be used, or has not answered for too long.
pub(super) async fn opened(settings: &Settings, stop: &CancellationToken) -> Result<Option<Opened>> {
    let opened = stop.run_until_cancelled(open(settings.clone())).await.transpose()?;
    if opened.is_none() {
        tracing::info!("stopped before it was ready");
    }
    Ok(opened)
}

async fn open(settings: Settings) -> Result<Opened> {
    // On a thread of its own: folders that hang must not hold up a stop.
    let making = tokio::task::spawn_blocking(move || Places::make(&settings));
    let places = making.await.map_err(|error| IndexerError::io("find", "the folders")(error.into()))??;
    let database = Arc::new(Database::open(&places.state, &places.database).await?);
    let folder = Folder::claim(&places.results, &places.state, &database, &places.database).await?;
    Ok(Opened { places, database, folder })
}
