//! A thread for file work that may hang: what waits for it gives up after a time, and nothing else stalls.
//!
//! A stopped network mount hangs every call for minutes. Work for it runs on a lane, one piece at a time; while a
//! piece hangs, further ones are refused at once. The watcher has one lane to look and one to read.

use std::{sync::mpsc, time::Duration};

use tokio::sync::oneshot;

use crate::error::{IndexerError, Result};

type Work = Box<dyn FnOnce() + Send>;

/// One thread and its work. Dropping it ends the thread once its work ends.
pub(crate) struct Lane {
    work: mpsc::SyncSender<Work>,
    patience: Duration,
}

impl Lane {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start(name: &str, patience: Duration) -> std::io::Result<Self> {
        let (work, queue) = mpsc::sync_channel::<Work>(1);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            for piece in queue {
                piece();
            }
        })?;
        Ok(Self { work, patience })
    }

    /// Runs `piece` on the thread.
    ///
    /// # Errors
    /// [`IndexerError::Hangs`] when the answer does not come in time, or an earlier piece still hangs.
    pub(crate) async fn run<T: Send + 'static>(&self, piece: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let hangs = || IndexerError::Hangs { waited_s: self.patience.as_secs() };
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move || {
            // Nobody waits any more when the send fails.
            let _ = answer.send(piece());
        });
        self.work.try_send(work).map_err(|_| hangs())?;
        match tokio::time::timeout(self.patience, answered).await {
            Ok(Ok(value)) => Ok(value),
            _ => Err(hangs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hanging_piece_costs_its_caller_only_the_patience() {
        let lane = Lane::start("test", Duration::from_millis(50)).unwrap();
        let (release, hang) = mpsc::channel::<()>();
        assert!(lane.run(move || hang.recv()).await.is_err());
        assert!(lane.run(|| ()).await.is_err(), "queued behind the hanging piece");
        assert!(lane.run(|| ()).await.is_err(), "refused at once");
        drop(release);
        let mut tries = 0;
        while lane.run(|| 5).await.is_err() {
            tries += 1;
            assert!(tries < 1000, "the lane never recovered");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
