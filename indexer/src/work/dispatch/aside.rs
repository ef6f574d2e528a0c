//! Jobs that do not fit where the results lie wait aside, each with its reason, while others that fit go on. They are
//! looked at again after a short while, since somebody may have made room.

use std::time::{Duration, Instant};

use aurora_queue::{Job, lease, list};
use jiff::Timestamp;

use super::Dispatcher;
use crate::{error::Result, work::room};

/// How long a job is put aside.
pub(super) const ASIDE: Duration = Duration::from_secs(15);

/// Jobs looked at together.
const PAGE: u32 = 100;

/// So many jobs are looked at between two looks at the leases of what runs.
const PAGES: usize = 3;

impl Dispatcher {
    /// Whether a job is due for which there is room; those before it for which there is none are put aside.
    pub(super) async fn has_next(&mut self) -> Result<bool> {
        for _ in 0..PAGES {
            let (due, waits) = {
                let (mut conn, now) = (self.database.read().await?, self.database.now());
                let due = lease::due(&mut conn, PAGE, now).await?;
                (due, lease::next_due(&mut conn).await?.is_some())
            };
            if due.is_empty() {
                self.hold.idle(waits || !self.active.is_empty());
                return Ok(false);
            }
            let (results, root) = (self.terms.results.clone(), self.terms.root.clone());
            let inputs: Vec<_> = due.iter().map(|job| root.join(&job.input)).collect();
            let lacking = match self.on_results(move || room::lacking(&results, &inputs)).await {
                Ok(lacking) => lacking,
                Err(error) => {
                    self.hold.begin(format!("no room for an attempt: {error}"), Instant::now());
                    self.tell_trouble();
                    return Ok(false);
                }
            };
            let one_fits = lacking.len() < due.len();
            self.put_aside(&due, &lacking, ASIDE).await?;
            if one_fits {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts the jobs aside that there is a reason for, in order.
    pub(super) async fn put_aside(&mut self, jobs: &[Job], reasons: &[String], length: Duration) -> Result<()> {
        if reasons.is_empty() {
            return Ok(());
        }
        let mut write = self.database.begin().await?;
        let until = write.now().checked_add(length).unwrap_or(Timestamp::MAX);
        for (job, reason) in jobs.iter().zip(reasons) {
            // Numbers of bytes alone are no news.
            let is_news = !job.reason.as_ref().is_some_and(|known| known.starts_with(room::NO_ROOM));
            let aside = lease::put_aside(write.conn(), &job.job_id, reason, until).await?;
            if let Some(aside) = aside.filter(|_| is_news) {
                tracing::warn!(job = %job.job_id, scene = %job.subject, reason, "put aside");
                write.job_noted(&aside);
            }
        }
        write.commit().await?;
        self.read_aside().await
    }

    /// Reads which jobs are put aside.
    pub(super) async fn read_aside(&mut self) -> Result<()> {
        let mut conn = self.database.read().await?;
        self.aside = list::put_aside(&mut conn, room::NO_ROOM).await?.map(|(count, first)| {
            let reason = first.reason.unwrap_or_default();
            format!("scenes that wait for more room than there is: {count}, first {}: {reason}", first.subject)
        });
        Ok(())
    }
}
