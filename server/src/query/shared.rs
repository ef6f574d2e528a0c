//! Queries read once for all requests that spell them alike: a map asks for all its tiles with one query.
//!
//! What cannot be read in full is not kept, and neither is what is unusually long. Callers: every handler of a raster,
//! and [`crate::target`].

use std::{ops::Deref, sync::Arc};

use aurora_daemon::problem::Problem;
use axum::{
    extract::{FromRequestParts, Query},
    http::{StatusCode, Uri, request::Parts},
};
use moka::sync::Cache;

use super::{RasterQuery, Refused, address};
use crate::{app::App, failure::Failure, tiles::Key};

/// Bytes of the spellings kept in all; what was read of them is a few times that.
const KEPT_BYTES: u64 = 256 << 10;

/// Longest spelling that is kept.
const LONGEST_KEPT_BYTES: usize = 4 << 10;

/// What is counted for each beside its spelling: a query with nothing in it.
const ENTRY_BYTES: usize = size_of::<Read>();

/// A query that was read, shared by all who spell it so.
#[derive(Debug, Clone)]
pub(crate) struct SharedQuery(Arc<Read>);

#[derive(Debug)]
struct Read {
    query: RasterQuery,
    canonical: String,
    url: Option<String>,
}

/// The queries at hand, by their spelling.
pub(crate) struct Queries(Cache<String, SharedQuery>);

impl Queries {
    pub(crate) fn new() -> Self {
        let weigh = |text: &String, _: &SharedQuery| u32::try_from(text.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(KEPT_BYTES).weigher(weigh).build())
    }

    /// The query of `uri`.
    fn read(&self, uri: &Uri) -> Result<SharedQuery, Problem> {
        let text = uri.query().unwrap_or_default();
        if let Some(known) = self.0.get(text) {
            return Ok(known);
        }
        let (read, refused) = SharedQuery::read(uri)?;
        let is_whole = refused.is_empty();
        if let Some(refused) = refused.into_iter().find(|refused| address::has(uri.path(), &refused.parameter)) {
            return Err(refused.problem);
        }
        if is_whole && text.len() <= LONGEST_KEPT_BYTES {
            self.0.insert(text.to_owned(), read.clone());
        }
        Ok(read)
    }
}

impl SharedQuery {
    fn read(uri: &Uri) -> Result<(Self, Vec<Refused>), Problem> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| Problem::client(StatusCode::BAD_REQUEST, error.body_text()))?;
        let (query, refused) = RasterQuery::parse(&pairs);
        let url = pairs.into_iter().rfind(|(name, url)| name == "url" && !url.is_empty()).map(|(_, url)| url);
        Ok((Self::of(query, url), refused))
    }

    fn of(query: RasterQuery, url: Option<String>) -> Self {
        // Some hundred bytes, which every request's key would be made of anew.
        let canonical = Key::of(&[&query.canonical()]).to_string();
        Self(Arc::new(Read { query, canonical, url }))
    }

    /// One that says something else besides.
    pub(crate) fn with(&self, change: impl FnOnce(&mut RasterQuery)) -> Self {
        let mut query = self.0.query.clone();
        change(&mut query);
        Self::of(query, self.0.url.clone())
    }

    /// Everything that changes a picture's bytes, the same text for each meaning: part of cache keys and ETags.
    pub(crate) fn canonical(&self) -> &str {
        &self.0.canonical
    }

    /// The raster it names (`url`).
    pub(crate) fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }
}

impl Deref for SharedQuery {
    type Target = RasterQuery;

    fn deref(&self) -> &RasterQuery {
        &self.0.query
    }
}

impl FromRequestParts<Arc<App>> for SharedQuery {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        Ok(app.queries.read(&parts.uri)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(query: &str) -> Uri {
        format!("/cog/tiles/a/1/2/3?{query}").parse().unwrap()
    }

    #[test]
    fn one_spelling_is_read_once() {
        let queries = Queries::new();
        let read = |query| queries.read(&uri(query)).unwrap();
        let (first, again) = (read("url=%2Fa.tif&bidx=2"), read("url=%2Fa.tif&bidx=2"));
        assert!(Arc::ptr_eq(&first.0, &again.0));
        assert_eq!((first.url(), first.bands.as_deref()), (Some("/a.tif"), Some(&[2][..])));
        let other = read("bidx=2&url=%2Fb.tif");
        assert_eq!((other.url(), other.canonical()), (Some("/b.tif"), first.canonical()));
        assert_eq!(read("").url(), None);
        assert_eq!(read("url=/a.tif&url=/b.tif&url=").url(), Some("/b.tif"));
    }

    #[test]
    fn what_an_address_does_not_have_is_not_looked_at_there() {
        let queries = Queries::new();
        let read = |path: &str| queries.read(&format!("{path}?p=101&bidx=2&max_size=-1").parse().unwrap());
        assert_eq!(read("/cog/tiles/a/1/2/3").unwrap().bands.as_deref(), Some(&[2][..]));
        assert!(read("/cog/info").is_ok() && read("/cog/statistics").is_err() && read("/cog/preview").is_err());
        assert!(read("/cog/info").is_ok());
    }

    #[test]
    fn what_cannot_be_read_and_what_is_long_is_not_kept() {
        let queries = Queries::new();
        assert!(queries.read(&uri("bidx=0")).is_err() && queries.read(&uri("bidx=0")).is_err());
        for number in 0..1000 {
            queries.read(&uri(&format!("a={number}"))).unwrap();
        }
        queries.read(&uri(&format!("a={}", "x".repeat(LONGEST_KEPT_BYTES)))).unwrap();
        queries.0.run_pending_tasks();
        assert!((100..1000).contains(&queries.0.entry_count()), "{}", queries.0.entry_count());
        assert!(queries.0.weighted_size() <= KEPT_BYTES);
    }
}
