//! One transaction a file: scene, job and changes together, or nothing.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use aurora_catalog::store::{
    Stamp, root,
    scenes::{self, KnownFile},
};
use aurora_queue::{NewJob, enqueue, list};

use super::{
    Examined,
    plan::{Plan, Registration, delivery_of, free_id, plan},
    writes::{cancel_incomplete, carry_out, incomplete_id, new_job, withdraw},
};
use crate::{
    database::{Database, Turn},
    error::Result,
    work::{carry::Carrier, collect::Outputs},
};

/// The root as it was when it was believed.
#[derive(Debug, Clone, Default)]
pub struct Believed {
    /// Its identity; `None` before it was first believed.
    pub root: Option<String>,
    /// Identities of what was mounted below it, by path.
    pub mounts: BTreeMap<String, String>,
}

/// Writes what the watcher found into the catalogue and the queue.
#[derive(Clone)]
pub struct Intake {
    database: Arc<Database>,
    turn: Arc<Turn>,
    carrier: Carrier,
}

impl Intake {
    /// An intake into `database` for as long as `turn` goes on; `carrier` takes results along with files that move.
    pub fn new(database: Arc<Database>, turn: Arc<Turn>, carrier: Carrier) -> Self {
        Self { database, turn, carrier }
    }

    /// Catalogues the file at `path` and queues its job, unless its content has a result already. `gone` are catalogued
    /// files that are not at their paths just now; answers which of them turned out to have been moved here.
    ///
    /// # Errors
    /// When the database fails; then nothing changed.
    pub async fn settled(&self, path: &str, file: &Examined, gone: &HashSet<String>) -> Result<Option<String>> {
        let mut conn = self.database.read().await?;
        let planned = plan(&mut conn, path, file, gone).await?;
        drop(conn);
        let carried = self.carry(&planned).await;
        let mut write = self.database.begin_watching(&self.turn).await?;
        // Only what is still planned inside the transaction is told; a carried folder of other plans is left untold.
        let plan = plan(write.conn(), path, file, gone).await?;
        let carried = carried.filter(|_| plan == planned);
        let done = carry_out(&mut write, plan, path, file, carried).await?;
        cancel_incomplete(&mut write, path, None).await?;
        write.commit().await?;
        done.tell(path);
        metrics::counter!("aurora_indexer_settled_total").increment(1);
        Ok(done.moved_from())
    }

    /// Brings the result of the same content into its new place, where there is one.
    async fn carry(&self, plan: &Plan) -> Option<Outputs> {
        let Plan::Register(registration) = plan else { return None };
        let Registration { scene_id, revision, donor, .. } = &**registration;
        self.carrier.carry(&donor.as_ref()?.scene, scene_id, *revision).await
    }

    /// Lists the file at `path` as incomplete.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn incomplete(&self, path: &str, stamp: Stamp, missing: &str) -> Result<()> {
        let mut write = self.database.begin_watching(&self.turn).await?;
        let entry = match scenes::by_path(write.conn(), path).await? {
            None => delivery_of(write.conn(), path).await?,
            known => known,
        };
        let (scene_id, revision) = match entry {
            Some(entry) => (entry.scene.scene_id, entry.scene.revision + 1),
            None => (free_id(write.conn(), path).await?, 1),
        };
        let new = NewJob { job_id: incomplete_id(path, stamp), ..new_job(&scene_id, revision, path, &write) };
        cancel_incomplete(&mut write, path, Some(&new.job_id)).await?;
        let now = write.now();
        // Listed before a restart: it stands as it stood.
        let before = list::find(write.conn(), &new.job_id).await?;
        let job = enqueue::incomplete(write.conn(), new, missing, now).await?;
        let is_news = before.as_ref() != Some(&job);
        if is_news {
            write.job_moved(&job);
        }
        write.commit().await?;
        if is_news {
            tracing::warn!(path, missing, "incomplete");
        }
        Ok(())
    }

    /// The file at `path` left: its scene is withdrawn, its jobs are cancelled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn left(&self, path: &str) -> Result<()> {
        let mut write = self.database.begin_watching(&self.turn).await?;
        cancel_incomplete(&mut write, path, None).await?;
        let entry = scenes::by_path(write.conn(), path).await?;
        let is_listed = entry.as_ref().is_some_and(|entry| !entry.withdrawn);
        if let Some(entry) = entry.filter(|_| is_listed) {
            withdraw(&mut write, entry, "its file left").await?;
        }
        write.commit().await?;
        if is_listed {
            tracing::info!(path, "withdrawn");
        }
        Ok(())
    }

    /// The file that was listed as incomplete at `path` is there no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unlist(&self, path: &str) -> Result<()> {
        let mut write = self.database.begin_watching(&self.turn).await?;
        cancel_incomplete(&mut write, path, None).await?;
        write.commit().await
    }

    /// Paths that are listed as incomplete.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn listed_incomplete(&self) -> Result<HashSet<String>> {
        let mut conn = self.database.read().await?;
        Ok(list::incomplete_inputs(&mut conn).await?.into_iter().collect())
    }

    /// Every catalogued file.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn known(&self) -> Result<Vec<KnownFile>> {
        let mut conn = self.database.read().await?;
        Ok(scenes::files(&mut conn).await?)
    }

    /// The root when it was last believed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn believed(&self) -> Result<Believed> {
        let (mut conn, own) = (self.database.read().await?, self.database.name_among_others());
        Ok(Believed { root: root::get(&mut conn, own).await?, mounts: root::mounts(&mut conn, own).await? })
    }

    /// The root was seen as it should be, as this: remembered across restarts. `root` is given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn vouch(&self, seen: &Believed) -> Result<()> {
        let mut write = self.database.begin_watching(&self.turn).await?;
        let own = self.database.name_among_others();
        scenes::vouch(write.conn()).await?;
        if let Some(root) = &seen.root {
            root::put(write.conn(), own, root).await?;
        }
        root::put_mounts(write.conn(), own, &seen.mounts).await?;
        write.commit().await
    }
}
