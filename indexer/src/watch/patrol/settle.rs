//! Files that have settled: read, proven whole and catalogued, or listed as incomplete.

use std::time::Instant;

use super::Patrol;
use crate::{
    error::Result,
    intake::{Content, Examined, examine::examine},
    step::{self, Step},
    watch::{candidate, proof::Proof},
};

impl Patrol {
    /// Reads and catalogues `path` if it still counts as settled.
    pub(super) async fn settle(&mut self, path: &str) -> Result<()> {
        let Some(stamp) = self.tracker.settled(path, Instant::now()) else { return Ok(()) };
        let absolute = self.root.path.join(path);
        let examined = match self.reading.run(move || examine(&absolute)).await? {
            Ok(examined) => examined,
            Err(error) => {
                tracing::warn!(path, %error, "cannot be read; tried again after the settle time");
                self.tracker.postpone(path, Instant::now());
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
                tracing::warn!(path, %error, "cannot be read to its end; tried again after the settle time");
                self.tracker.postpone(path, Instant::now());
                None
            }
        }
    }

    async fn take_file(&mut self, path: &str, file: &Examined) -> Result<()> {
        let moved_from = self.intake.settled(path, file, self.tracker.gone()).await?;
        if let Some(changed_at) = self.tracker.changed_at(path) {
            let lag_s = changed_at.elapsed().as_secs_f64();
            metrics::histogram!("aurora_indexer_changed_to_catalogued_seconds").record(lag_s);
        }
        self.listed.remove(path);
        self.tracker.catalogued(path, file.stamp);
        if let Some(from) = moved_from {
            self.tracker.moved(&from, path);
        }
        Ok(())
    }

    /// Lists what has not become whole for too long.
    pub(super) async fn list_incomplete(&mut self) -> Result<()> {
        for (path, stamp) in self.tracker.given_up(self.pace.incomplete_after, Instant::now()) {
            if self.listed.get(&path) == Some(&Some(stamp)) {
                continue;
            }
            let absolute = self.root.path.join(&path);
            let Ok(Some(file)) = self.reading.run(move || examine(&absolute)).await? else { continue };
            let missing = match file.content {
                Content::Incomplete(missing) => Some(missing),
                _ => self.proofs.known(&path, stamp).flatten(),
            };
            if let (Some(missing), true) = (missing, file.stamp == stamp) {
                self.intake.incomplete(&path, stamp, &missing).await?;
                self.listed.insert(path, Some(stamp));
            }
        }
        Ok(())
    }
}
