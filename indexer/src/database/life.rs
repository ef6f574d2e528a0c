//! The database's epoch: a new one begins when the database went back in time.
//!
//! It shows by the mark beside it, which is ahead of the database or of a life that the database knows nothing of, or
//! by being another database than it says it is: another file, or, on a server, tables that were made anew.

use std::path::Path;

use aurora_catalog::store::{changes, epoch};
use aurora_database::{Connection, Pools};

use super::{
    Feed,
    mark::{self, Told},
};
use crate::{
    error::{IndexerError, Result},
    random,
};

/// The epoch and the newest change of the database, of which `told` was known before.
pub(super) async fn enter(pools: &Pools, file: Option<&Path>, told: Option<Told>) -> Result<Feed> {
    let mut write = pools.begin().await?;
    epoch::lock(&mut write).await?;
    let which = identity(&mut write, file).await?;
    let mut name = epoch::get_or_make(&mut write, &random::name()).await?;
    let head = changes::head(&mut write).await?;
    let is_behind = match told {
        Some(told) if told.epoch == name => told.head > head,
        Some(told) => !epoch::was(&mut write, &told.epoch).await?,
        None => false,
    };
    let is_copy = epoch::file(&mut write).await?.is_some_and(|known| known != which);
    if is_behind || is_copy {
        name = random::name();
        epoch::renew(&mut write, &name).await?;
        tracing::warn!(epoch = name, "the database was restored: it begins a new epoch, and everybody reads it anew");
    }
    epoch::put_file(&mut write, &which).await?;
    write.commit().await?;
    Ok(Feed { epoch: name.into(), head })
}

/// Which database it is: the file, or the server's cluster, its timeline, and the tables as they were made.
pub(super) async fn identity(conn: &mut Connection, file: Option<&Path>) -> Result<String> {
    if let Some(path) = file {
        let metadata = std::fs::metadata(path).map_err(IndexerError::io("look at", path))?;
        return Ok(mark::file_id(&metadata));
    }
    let asked = sqlx::query_scalar(
        "SELECT concat_ws(':', system_identifier, timeline_id, 'change'::regclass::oid)
         FROM pg_control_system(), pg_control_checkpoint()",
    );
    Ok(asked.fetch_one(conn).await?)
}
