//! Jobs that do not fit where the results lie, or whose files are not at their places, wait aside, each with its
//! reason, while others go on. They are looked at again after a short while, since somebody may have made room, or the
//! files may be back. Where no file is there and the root is in doubt, all wait for the root.

use std::time::{Duration, Instant};

use aurora_queue::{Job, lease, list};
use jiff::Timestamp;

use super::Dispatcher;
use crate::{error::Result, work::room};

/// How long a job is put aside.
pub(super) const ASIDE: Duration = Duration::from_secs(15);

/// How a reason begins that tells of the root.
const HELD_BY_ROOT: &str = "attempts wait for the root: ";

/// Jobs looked at together.
const PAGE: u32 = 100;

/// So many jobs are looked at between two looks at the leases of what runs.
const PAGES: usize = 3;

/// Which jobs are put aside, in words.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// Those that there is no room for.
    pub(super) no_room: Option<String>,
    /// Those whose files are not there.
    pub(super) no_file: Option<String>,
}

impl Aside {
    pub(super) fn is_any(&self) -> bool {
        self.no_room.is_some() || self.no_file.is_some()
    }

    /// What an operator is to know of it. A file that is not there is trouble only where the root is in `doubt`: else
    /// it has left, and its job is cancelled in a moment.
    pub(super) fn told(&self, doubt: Option<&str>) -> Option<String> {
        let no_file = || Some(format!("{}; {HELD_BY_ROOT}{}", self.no_file.as_ref()?, doubt?));
        self.no_room.clone().or_else(no_file)
    }
}

impl Dispatcher {
    /// Whether a job is due that can begin; those before it that cannot are put aside.
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
                    self.hold.begin(format!("an attempt cannot begin: {error}"), Instant::now());
                    self.tell_trouble();
                    return Ok(false);
                }
            };
            let one_fits = lacking.len() < due.len();
            if !one_fits && let Some(reason) = self.held_by_root(&lacking) {
                self.hold.begin(reason, Instant::now());
                self.tell_trouble();
                return Ok(false);
            }
            self.put_aside(&due, &lacking, ASIDE).await?;
            if one_fits {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Why all that is due waits for the root, if it does: `lacking` are the reasons of a whole page. Another indexer
    /// may have its root where this one has none: nothing is put aside for it then.
    fn held_by_root(&self, lacking: &[String]) -> Option<String> {
        let figures = self.terms.watch.figures();
        // Files in parts of the root that are not in doubt may come after a page that is full.
        let is_all = lacking.len() < PAGE as usize || !figures.watching;
        if !is_all || !lacking.iter().all(|reason| reason.starts_with(room::NO_FILE)) {
            return None;
        }
        let unwatched = || (!figures.watching).then(|| "no file of any scene that waits is there".to_owned());
        let doubt = figures.degraded.or_else(unwatched)?;
        Some(format!("{HELD_BY_ROOT}{doubt}"))
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
            let begins_alike = |known: &String| {
                [room::NO_ROOM, room::NO_FILE].iter().any(|why| known.starts_with(why) && reason.starts_with(why))
            };
            let is_news = !job.reason.as_ref().is_some_and(begins_alike);
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
        let said = |what: &str, (count, first): (u64, Job)| {
            let reason = first.reason.unwrap_or_default();
            format!("scenes that wait for {what}: {count}, first {}: {reason}", first.subject)
        };
        let no_room = list::put_aside(&mut conn, room::NO_ROOM).await?;
        let no_file = list::put_aside(&mut conn, room::NO_FILE).await?;
        self.aside = Aside {
            no_room: no_room.map(|jobs| said("more room than there is", jobs)),
            no_file: no_file.map(|jobs| said("their files", jobs)),
        };
        Ok(())
    }
}
