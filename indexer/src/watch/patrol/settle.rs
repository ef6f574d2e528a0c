//! Files that have settled: read, proven whole and catalogued, or listed as incomplete.

use std::{io, time::Instant};

use super::Patrol;
use crate::{
    error::Result,
    intake::{Content, Examined, examine::examine},
    step::{self, Step},
    watch::{candidate, proof::Proof},
};

impl Patrol {
    /// Reads and catalogues what still counts as settled; rasters first, whose deliveries are of no use then.
    pub(super) async fn settle_all(&mut self, paths: Vec<String>) -> Result<()> {
        let (deliveries, rasters): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| candidate::is_delivery(path));
        for path in rasters {
            self.settle(&path).await?;
        }
        let is_there = |path: &str| !self.tracker.gone().contains(path);
        let unpacked = self.tracker.unpacked(deliveries.clone(), is_there);
        for path in deliveries {
            if unpacked.contains(&path) {
                self.tracker.left_out(&path);
            } else {
                self.settle(&path).await?;
            }
        }
        Ok(())
    }

    /// Reads and catalogues `path` if it still counts as settled.
    async fn settle(&mut self, path: &str) -> Result<()> {
        let Some(stamp) = self.tracker.settled(path, Instant::now()) else { return Ok(()) };
        let examined = match self.examined(path).await? {
            Ok(examined) => examined,
            Err(error) => {
                self.postpone(path, &error);
                return Ok(());
            }
        };
        let Some(file) = examined.filter(|file| file.stamp == stamp) else { return Ok(()) };
        let Some(file) = self.proven(path, file).await else { return Ok(()) };
        step::reached(Step::Settled);
        if matches!(file.content, Content::Incomplete(_)) {
            self.tracker.incomplete(path, stamp);
            return Ok(());
        }
        self.take_file(path, &file).await
    }

    async fn examined(&self, path: &str) -> Result<io::Result<Option<Examined>>> {
        let (root, path, whole_bytes) = (self.root.clone(), path.to_owned(), self.pace.compare_whole_bytes);
        self.reading.run(move || examine(&root, &path, whole_bytes)).await
    }

    /// `file` with what an archive lacks; `None` while that is not known.
    async fn proven(&mut self, path: &str, file: Examined) -> Option<Examined> {
        if !candidate::is_archive(path) || matches!(file.content, Content::Incomplete(_)) {
            return Some(file);
        }
        match self.proofs.ask(path, self.root.path.join(path), file.stamp).await {
            Proof::UnderWay => {
                self.tracker.wait_on(path, Instant::now());
                None
            }
            Proof::Ended(Ok(None)) => Some(file),
            Proof::Ended(Ok(Some(missing))) => Some(Examined { content: Content::Incomplete(missing), ..file }),
            Proof::Ended(Err(error)) => {
                self.postpone(path, &error);
                None
            }
        }
    }

    /// It cannot be read, and is tried again after the settle time: told once. One that is not there is a sweep's
    /// business.
    fn postpone(&mut self, path: &str, error: &io::Error) {
        if error.kind() == io::ErrorKind::NotFound {
            self.tracker.wait_on(path, Instant::now());
        } else if self.tracker.postpone(path, Instant::now()) {
            tracing::warn!(path, %error, "cannot be read; it is tried again and again");
        }
    }

    async fn take_file(&mut self, path: &str, file: &Examined) -> Result<()> {
        let moved_from = self.intake.settled(path, file, self.tracker.gone()).await?;
        if let Some(changed_at) = self.tracker.changed_at(path) {
            let lag_s = changed_at.elapsed().as_secs_f64();
            metrics::histogram!("aurora_indexer_changed_to_catalogued_seconds").record(lag_s);
        }
        self.listed.remove(path);
        self.tracker.catalogued(path, file.stamp, matches!(file.content, Content::Raster(_)));
        if let Some(from) = moved_from {
            self.tracker.moved(&from, path);
        }
        Ok(())
    }

    /// Lists what has not become whole, or could not be read, for too long.
    pub(super) async fn list_incomplete(&mut self) -> Result<()> {
        for (path, stamp) in self.tracker.given_up(self.pace.incomplete_after, Instant::now()) {
            if self.listed.get(&path) == Some(&Some(stamp)) {
                continue;
            }
            let missing = match self.examined(&path).await? {
                Ok(Some(file)) if file.stamp == stamp => match file.content {
                    Content::Incomplete(missing) => Some(missing),
                    _ => self.proofs.known(&path, stamp).flatten(),
                },
                Ok(_) => None,
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => Some(format!("it cannot be read: {error}")),
            };
            if let Some(missing) = missing {
                self.intake.incomplete(&path, stamp, &missing).await?;
                self.listed.insert(path, Some(stamp));
            }
        }
        Ok(())
    }
}
