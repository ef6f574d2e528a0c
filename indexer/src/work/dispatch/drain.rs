//! The dispatcher's orderly end: attempts are stopped and their jobs given back.

use std::time::Duration;

use super::{Dispatcher, finish::End};
use crate::work::executor::Status;

/// Time that a stop waits for attempts to end and for results to be published.
const DRAIN: Duration = Duration::from_secs(20);

/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

impl Dispatcher {
    /// Gives every job back that cannot go on without us; results that are being published are waited for.
    pub(super) async fn drain(&mut self) {
        let deadline = tokio::time::Instant::now() + DRAIN;
        if self.executor.outlives() {
            // They go on, and are adopted at the next start.
            self.active.retain(|_, held| held.finishing || held.lost);
        }
        for (key, held) in &self.active {
            if !held.finishing {
                self.executor.cancel(key).await;
            }
        }
        while !self.active.is_empty() && tokio::time::Instant::now() < deadline {
            self.release_ended().await;
            tokio::select! {
                Some(finished) = self.finishing.join_next(), if !self.finishing.is_empty() => self.finished(finished).await,
                () = self.executor.moved() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn release_ended(&mut self) {
        let asked = self.active.iter().filter(|(_, held)| !held.finishing);
        let keys: Vec<String> = asked.map(|(key, _)| key.clone()).collect();
        let statuses = self.executor.poll(&keys).await;
        for (key, status) in keys.into_iter().zip(statuses) {
            if !matches!(status, Status::Ended(_) | Status::Unknown) {
                continue;
            }
            if let Some(job) = self.active.get(&key).filter(|held| !held.lost).map(|held| held.job.clone())
                && let Err(error) = self.end(&job, End::Released, "the indexer stops").await
            {
                tracing::error!(job = %job.job_id, %error, "cannot be given back; it is recovered at the next start");
            }
            self.let_go(&key).await;
        }
    }
}
