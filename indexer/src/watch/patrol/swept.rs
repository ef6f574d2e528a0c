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
            swept.sweep.unseen.tell(&figures.unseen);
            figures.unseen = swept.sweep.unseen.clone();
        });
        self.watch_anew(&swept.sweep);
        self.take_in(swept.sweep).await
    }

    /// Events come from the folder that was watched, not from another that is mounted in its place.
    fn watch_anew(&mut self, sweep: &Sweep) {
        let watched = self.watched.replace(sweep.root.clone());
        if watched.is_some_and(|watched| watched != sweep.root) && self.hints.is_some() {
            self.hints =
                Hints::start(&self.root).inspect_err(|error| tracing::warn!(%error, "no events any more")).ok();
        }
    }

    async fn take_in(&mut self, mut sweep: Sweep) -> Result<()> {
        let away = self.tracker.shield(&mut sweep);
        self.tracker.leave_out_unpacked(&mut sweep);
        let swept = match self.tracker.swept(&sweep, Instant::now()) {
            Ok(swept) => swept,
            Err(doubt) => {
                self.status.judge(Err(format!("{}; nothing is withdrawn", doubt.0)));
                return Ok(());
            }
        };
        self.unsaved |= swept.news;
        if self.unsaved {
            self.intake.vouch(&self.tracker.believed()).await?;
            self.unsaved = false;
        }
        for path in swept.left {
            self.intake.left(&path).await?;
            self.tracker.forget(&path);
        }
        self.unlist_gone(&sweep).await?;
        self.status.judge(match (away.first(), sweep.unreadable.first()) {
            (Some(doubt), _) => Err(format!("{}; nothing there is withdrawn ({} such in all)", doubt.0, away.len())),
            (None, Some(unread)) => {
                let all = sweep.unreadable.len();
                Err(format!("`{unread}` cannot be read; nothing there is withdrawn ({all} such in all)"))
            }
            (None, None) => Ok(()),
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
