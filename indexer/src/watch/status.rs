//! How the watching goes, for `/health` and `/metrics`, and for whoever is about to use a file below the root.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;

use super::unseen::Unseen;

/// Last known figures of the watcher.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Whether this indexer is the one that watches; others on the same database may take over.
    pub watching: bool,
    /// Why the root is degraded, if it is.
    pub degraded: Option<String>,
    /// Since when.
    pub degraded_since: Option<Timestamp>,
    /// Seconds spent degraded since the start.
    pub degraded_seconds: f64,
    /// Until when they are counted.
    #[serde(skip)]
    counted_until: Option<Timestamp>,
    /// Whether events are in use besides scans.
    pub events: bool,
    /// Why they are not, when that needs saying.
    pub events_note: Option<String>,
    /// End of the last complete scan.
    pub scanned_at: Option<Timestamp>,
    /// How long it took.
    pub scan_seconds: f64,
    /// Catalogued files.
    pub files: usize,
    /// Files that settle or wait to become whole.
    pub pending: usize,
    /// Catalogued files that are not at their paths just now.
    pub gone: usize,
    /// What lies below the root and is left alone.
    pub unseen: Unseen,
}

/// Shared between the watcher, the dispatcher and the HTTP side.
#[derive(Debug, Default)]
pub struct WatchStatus {
    figures: Mutex<Figures>,
    given_away: Notify,
}

impl WatchStatus {
    /// The figures as they are.
    pub fn figures(&self) -> Figures {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the root is degraded, if it is.
    pub fn doubt(&self) -> Option<String> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).degraded.clone()
    }

    /// Changes the figures.
    pub fn update(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// This indexer's turn to watch begins or ends. After its end it knows nothing of the root any more, good or bad.
    pub fn turn(&self, begins: bool) {
        metrics::gauge!("aurora_indexer_watching").set(f64::from(u8::from(begins)));
        if !begins {
            metrics::gauge!("aurora_indexer_watch_degraded").set(0.0);
            self.count_degraded_time();
        }
        self.update(|figures| {
            figures.watching = begins;
            figures.gone = 0;
            if !begins {
                (figures.degraded, figures.degraded_since, figures.counted_until) = (None, None, None);
            }
        });
    }

    /// Somebody says that the files that are gone will not come back.
    pub fn give_away(&self) {
        self.given_away.notify_one();
    }

    /// Waits until somebody says so.
    pub(super) async fn given_away(&self) {
        self.given_away.notified().await;
    }

    /// The root is as it should be, or not: logged when that changes.
    pub fn judge(&self, verdict: Result<(), String>) {
        metrics::gauge!("aurora_indexer_watch_degraded").set(f64::from(u8::from(verdict.is_err())));
        self.count_degraded_time();
        self.update(|figures| match verdict {
            Ok(()) => {
                if figures.degraded.take().is_some() {
                    tracing::info!("the root is well again");
                }
                figures.degraded_since = None;
            }
            Err(reason) => {
                if figures.degraded.as_ref() != Some(&reason) {
                    tracing::error!(%reason, "the root is degraded");
                }
                figures.degraded_since.get_or_insert_with(Timestamp::now);
                figures.degraded = Some(reason);
            }
        });
    }

    /// Counts the seconds spent degraded, for `/metrics`.
    fn count_degraded_time(&self) {
        self.update(|figures| {
            let now = Timestamp::now();
            let since = figures.counted_until.or(figures.degraded_since).filter(|_| figures.degraded.is_some());
            if let Some(since) = since {
                figures.degraded_seconds += now.duration_since(since).as_secs_f64().max(0.0);
            }
            figures.counted_until = figures.degraded.as_ref().map(|_| now);
            metrics::gauge!("aurora_indexer_watch_degraded_seconds").set(figures.degraded_seconds);
        });
    }
}
