//! What a whole sweep saw: what is new or has left, and whether the root is as it should be.

use std::time::Instant;

use super::Patrol;
use crate::{
    error::Result,
    watch::{events::Hints, scan::Sweep, sweeps::Swept},
};

impl Patrol {
    pub(super) async fn swept(&mut self, swept: Swept) -> Result<()> {
        let (is_full, files_looked_at) = (swept.is_full, swept.sweep.files_looked_at);
        tracing::debug!(is_full, files_looked_at, took_s = swept.took.as_secs_f64(), "swept");
        self.status.update(|figures| {
            figures.scan_seconds = swept.took.as_secs_f64();
            figures.scanned_at = Some(jiff::Timestamp::now());
            figures.unnamed = swept.sweep.unnamed;
        });
        self.watch_anew(&swept.sweep);
        self.take_in(&swept.sweep).await
    }

    /// Events come from the folder that was watched, not from another that is mounted in its place.
    fn watch_anew(&mut self, sweep: &Sweep) {
        let watched = self.watched.replace(sweep.root.clone());
        if watched.is_some_and(|watched| watched != sweep.root) && self.hints.is_some() {
            self.hints =
                Hints::start(&self.root).inspect_err(|error| tracing::warn!(%error, "no events any more")).ok();
        }
    }

    async fn take_in(&mut self, sweep: &Sweep) -> Result<()> {
        let swept = match self.tracker.swept(sweep, Instant::now()) {
            Ok(swept) => swept,
            Err(doubt) => {
                self.status.judge(Err(doubt.0));
                return Ok(());
            }
        };
        self.unsaved |= swept.news;
        if self.unsaved {
            self.intake.vouch(&sweep.root.to_string()).await?;
            self.unsaved = false;
        }
        for path in swept.left {
            self.intake.left(&path).await?;
            self.tracker.forget(&path);
        }
        self.unlist_gone(sweep).await?;
        self.status.judge(match sweep.unreadable.first() {
            Some(unread) => Err(format!("`{unread}` cannot be read ({} such in all)", sweep.unreadable.len())),
            None => Ok(()),
        });
        Ok(())
    }

    /// What was listed as incomplete and is there no more is listed no more.
    async fn unlist_gone(&mut self, sweep: &Sweep) -> Result<()> {
        let gone: Vec<String> = self.listed.keys().filter(|path| sweep.lacks(path)).cloned().collect();
        for path in gone {
            self.intake.unlist(&path).await?;
            self.listed.remove(&path);
        }
        Ok(())
    }
}
