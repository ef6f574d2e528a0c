//! Follows one indexer's change feed by long polling, for as long as the server runs.
//!
//! Another epoch than the one known means the indexer's database is another: everything is read anew, and replaces
//! what was known only once it is complete. An indexer that is away is asked again with growing, jittered pauses; what
//! is known goes on being served.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::{Duration, Instant},
};

use aurora_catalog::ChangePage;
use aurora_daemon::token::Token;
use jiff::Timestamp;
use reqwest::{Client, Response, Url};
use tokio_util::sync::CancellationToken;

use super::{Catalogue, Mirror};
use crate::source;

/// Seconds the indexer may hold a request until there is news.
const WAIT_S: u64 = 25;

/// Changes asked for at a time.
const PAGE_CHANGES: u64 = 1000;

/// Largest page read.
const MAX_PAGE_BYTES: usize = 64 << 20;

/// Time for the answer beyond [`WAIT_S`].
const ANSWER_TIMEOUT: Duration = Duration::from_secs(WAIT_S + 15);

/// First and longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(15));

/// Shortest time between two empty answers, against an indexer that does not hold requests.
const MIN_POLL: Duration = Duration::from_millis(500);

/// Why the feed could not be read.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("status {0}")]
    Status(reqwest::StatusCode),
    #[error("a page of more than {MAX_PAGE_BYTES} bytes")]
    TooLarge,
    #[error("not a page of changes: {0}")]
    Page(#[from] serde_json::Error),
    #[error("the feed stands still at change {0} below its head")]
    Stuck(u64),
}

/// Follows mirror `index` of `catalogue` until `stop`; shows its indexer `token`.
pub(crate) async fn follow(
    catalogue: Arc<Catalogue>,
    index: usize,
    token: Option<Token>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    // A feed that has nothing to tell is silent for as long as it was asked to wait.
    let client = source::client(ANSWER_TIMEOUT, ANSWER_TIMEOUT, token.as_ref())?;
    let mut follower = Follower { catalogue, index, client, next_epoch: None };
    let mut failures = 0;
    while !stop.is_cancelled() {
        let pause = match stop.run_until_cancelled(follower.step()).await {
            None => break,
            Some(Ok(pause)) => {
                failures = 0;
                pause
            }
            Some(Err(error)) => {
                failures += 1;
                follower.failed(&error, failures);
                pause_after(failures)
            }
        };
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    Ok(())
}

struct Follower {
    catalogue: Arc<Catalogue>,
    index: usize,
    client: Client,
    /// A new epoch, while it is read beside the old one.
    next_epoch: Option<Mirror>,
}

impl Follower {
    /// One request and its answer; returns how long to wait before the next.
    async fn step(&mut self) -> Result<Duration, FeedError> {
        let begun = Instant::now();
        let page = self.ask().await?;
        self.answered(&page);
        let (epoch, next) = self.position();
        if page.epoch != epoch {
            tracing::info!(epoch = page.epoch, "the indexer's catalogue is a new one: reading all of it");
            self.next_epoch = Some(self.catalogue.mirrors()[self.index].of_epoch(&page.epoch));
            return Ok(Duration::ZERO);
        }
        if page.next < page.head && page.next <= next {
            return Err(FeedError::Stuck(next));
        }
        let idle = page.changes.is_empty();
        self.apply(page);
        Ok(if idle { MIN_POLL.saturating_sub(begun.elapsed()) } else { Duration::ZERO })
    }

    fn position(&self) -> (String, u64) {
        match &self.next_epoch {
            Some(mirror) => mirror.position(),
            None => self.catalogue.mirrors()[self.index].position(),
        }
    }

    /// Applies a page to the mirror in use, or to the new one, which then takes its place when it is complete.
    fn apply(&mut self, page: ChangePage) {
        let Some(mut fresh) = self.next_epoch.take() else {
            return self.catalogue.apply(self.index, page);
        };
        let complete = page.next >= page.head;
        page.changes.into_iter().for_each(|change| fresh.apply(change));
        fresh.advance(page.next);
        if !complete {
            self.next_epoch = Some(fresh);
            return;
        }
        self.catalogue.replace(self.index, fresh);
    }

    async fn ask(&self) -> Result<ChangePage, FeedError> {
        let (epoch, since) = self.position();
        let mut url = feed_url(self.catalogue.mirrors()[self.index].indexer());
        url.query_pairs_mut().append_pair("since", &since.to_string());
        if !epoch.is_empty() {
            url.query_pairs_mut().append_pair("epoch", &epoch);
        }
        let wait_s = if self.is_level() { WAIT_S } else { 0 };
        url.query_pairs_mut().append_pair("wait", &wait_s.to_string()).append_pair("limit", &PAGE_CHANGES.to_string());
        let response = self.client.get(url).send().await?;
        if !response.status().is_success() {
            return Err(FeedError::Status(response.status()));
        }
        Ok(serde_json::from_slice(&bounded_body(response).await?)?)
    }

    /// Whether the next answer may be held back until there is news: not the first one, which readiness waits for, and
    /// not while a new epoch is read.
    fn is_level(&self) -> bool {
        self.next_epoch.is_none() && self.catalogue.with_mirror(self.index, |mirror| mirror.link.connected)
    }

    fn answered(&self, page: &ChangePage) {
        let was_connected = self.catalogue.with_mirror(self.index, |mirror| {
            mirror.link.last_answer_at = Some(Timestamp::now());
            mirror.link.error = None;
            mirror.link.head = page.head;
            std::mem::replace(&mut mirror.link.connected, true)
        });
        if !was_connected {
            tracing::info!(epoch = page.epoch, head = page.head, "following an indexer");
        }
    }

    fn failed(&self, error: &FeedError, failures: u32) {
        self.catalogue.with_mirror(self.index, |mirror| {
            mirror.link.connected = false;
            mirror.link.error = Some(error.to_string());
        });
        // Said when it begins and now and then while it lasts, not at every try.
        if failures.is_power_of_two() {
            let indexer = self.catalogue.mirrors()[self.index].indexer().clone();
            tracing::warn!(%indexer, %error, failures, "the indexer's feed cannot be read");
        }
    }
}

fn feed_url(indexer: &Url) -> Url {
    source::below(indexer, "catalog/changes")
}

async fn bounded_body(mut response: Response) -> Result<Vec<u8>, FeedError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_PAGE_BYTES {
            return Err(FeedError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Doubles with every failure; anywhere in its upper half, so that many servers do not come back as one.
fn pause_after(failures: u32) -> Duration {
    let (first, longest) = PAUSES;
    let pause = first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(longest);
    // Every `RandomState` is seeded anew: enough chance for this.
    let half = u32::try_from(RandomState::new().hash_one(failures) >> 33).unwrap_or(0);
    pause.mul_f64(0.5 + f64::from(half) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        assert!(pause_after(1) <= PAUSES.0);
        assert!((PAUSES.1 / 2..=PAUSES.1).contains(&pause_after(u32::MAX)));
    }

    #[test]
    fn the_feed_lies_below_the_indexers_address() {
        for (indexer, feed) in [
            ("http://nas:8081", "http://nas:8081/catalog/changes"),
            ("http://host/indexer/", "http://host/indexer/catalog/changes"),
        ] {
            assert_eq!(feed_url(&indexer.parse().unwrap()).as_str(), feed);
        }
    }
}
