//! The browser a map runs in: its connections and its cache, shared by all maps on the screen.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use http::header;

use super::cache::{Cache, Look};
use crate::{
    client::{Ask, Client, Failure, Outcome, judge_tile},
    measure::{Count, Meter},
    serve,
};

/// Group of tiles in reports.
pub const TILES: &str = "tile";

/// One user's browser.
pub struct Browser {
    client: Client,
    cache: Mutex<Cache>,
    /// How often a 503 with `Retry-After` is repeated.
    retries: u32,
}

impl Browser {
    /// A browser with nothing in its cache.
    pub fn new(client: Client, retries: u32) -> Self {
        Self { client, cache: Mutex::default(), retries }
    }

    /// Gets a tile from the cache or the server.
    pub async fn tile(&self, url: &str, meter: &Meter) -> Outcome {
        let look = self.with_cache(|cache| cache.look(url, Instant::now()));
        if look == Look::Fresh {
            meter.count(|tally| tally.add(Count::CacheHits, 1));
            return Outcome::Image;
        }
        let Ok(mut ask) = Ask::get(url) else { return Outcome::Failed(Failure::Connect) };
        ask = ask.with(header::ACCEPT, "image/*");
        if let Look::Stale(name, value) = look {
            ask.headers.insert(name, value);
        }
        let judge = |answer: &_| match judge_tile(answer) {
            Outcome::Failed(failure) => Err(failure),
            _ => Ok(()),
        };
        let answer = match serve::ask(&self.client, &ask, TILES, self.retries, meter, judge).await {
            Ok(answer) => answer,
            Err(failure) => return Outcome::Failed(failure),
        };
        let (outcome, now) = (judge_tile(&answer), Instant::now());
        match outcome {
            Outcome::NotModified => self.with_cache(|cache| cache.refresh(url, &answer.headers, now)),
            _ => self.with_cache(|cache| cache.keep(url, &answer.headers, answer.body_bytes, now)),
        }
        let count = match outcome {
            Outcome::NotModified => Count::NotModified,
            Outcome::Outside => Count::Outside,
            _ => Count::Images,
        };
        meter.count(|tally| tally.add(count, 1));
        outcome
    }

    fn with_cache<T>(&self, with: impl FnOnce(&mut Cache) -> T) -> T {
        with(&mut self.cache.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
