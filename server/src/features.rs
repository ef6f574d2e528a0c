//! Lists of GeoJSON features: written one by one, so that only one at a time stands in memory as a tree, and accounted
//! for until the client has taken the last byte. The handlers of scenes, detections and STAC items answer with them.
//!
//! Lists have a part of `--memory` of their own: a client that takes its time over one makes others wait for lists, not
//! for tiles. Two pages can be under way at once, and the rest is for those that are kept ([`crate::listed`]). A page
//! ends early where it would take more than its share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Extension,
    body::{Body, Bytes},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{budget::held, failure::Failure};

/// The unit of the account: a semaphore counts up to 2³² of them.
const UNIT_BYTES: u64 = 1024;

/// Parts that a page may take, and all that are kept, of [`PARTS`].
const PAGE_PARTS: u64 = 3;
const KEPT_PARTS: u64 = 2;
const PARTS: u64 = 2 * PAGE_PARTS + KEPT_PARTS;

/// What lists may hold together.
pub(crate) struct Lists {
    units: Arc<Semaphore>,
    page_units: u32,
    kept_bytes: u64,
    patience: Duration,
    shed: AtomicU64,
}

/// What a list has taken of the room; its body holds it, and its response's extensions for who encodes the body anew.
#[derive(Debug, Clone)]
pub(crate) struct Taken(Arc<OwnedSemaphorePermit>);

/// A list that is being written.
pub(crate) struct Features {
    text: String,
    count: usize,
    most_bytes: usize,
    units: OwnedSemaphorePermit,
}

impl Lists {
    /// Lists of `lists_bytes` in all; nobody waits for longer than `patience`.
    pub(crate) fn new(lists_bytes: u64, patience: Duration) -> Self {
        let most_units = u32::MAX / PARTS as u32;
        let part_units =
            u32::try_from(lists_bytes / PARTS / UNIT_BYTES).map_or(most_units, |units| units.clamp(1, most_units));
        let of_parts = |parts: u64| part_units * parts as u32;
        Self {
            units: Arc::new(Semaphore::new(of_parts(PARTS) as usize)),
            page_units: of_parts(PAGE_PARTS),
            kept_bytes: u64::from(of_parts(KEPT_PARTS)) * UNIT_BYTES,
            patience,
            shed: AtomicU64::new(0),
        }
    }

    /// Requests sent away since the start.
    pub(crate) fn shed(&self) -> u64 {
        self.shed.load(Relaxed)
    }

    /// What may be kept of answers that went out, in bytes.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// `bytes`, accounted for until the last who holds them has let go: by what was taken for the list they are of,
    /// else if there is room now. Nobody waits here, behind those who have yet to begin.
    pub(crate) fn account(&self, bytes: &Bytes, taken: Option<Taken>) -> Option<Bytes> {
        let units = units_of(bytes.len());
        let mut permit = match taken.and_then(|taken| Arc::into_inner(taken.0)) {
            Some(permit) => permit,
            None => Arc::clone(&self.units).try_acquire_many_owned(units).ok()?,
        };
        drop(permit.split(permit.num_permits().saturating_sub(units as usize)));
        Some(held(bytes.clone(), permit))
    }

    async fn acquire(&self, units: u32) -> Result<OwnedSemaphorePermit, Failure> {
        let units = timeout(self.patience, Arc::clone(&self.units).acquire_many_owned(units)).await;
        units.ok().and_then(Result::ok).ok_or_else(|| {
            self.shed.fetch_add(1, Relaxed);
            metrics::counter!("aurora_shed_total").increment(1);
            Failure::Overloaded
        })
    }

    /// A new list, once there is room for a page.
    ///
    /// # Errors
    /// `Overloaded` when there is none for too long.
    pub(crate) async fn begin(&self) -> Result<Features, Failure> {
        let units = self.acquire(self.page_units).await?;
        let most_bytes = self.page_units as usize * UNIT_BYTES as usize;
        let mut text = String::with_capacity(most_bytes);
        text.push_str(r#"{"type":"FeatureCollection","features":["#);
        Ok(Features { text, count: 0, most_bytes, units })
    }
}

impl Features {
    /// Adds a feature unless the page is full, and says whether it did. The first one always finds room.
    pub(crate) fn push(&mut self, feature: &Value) -> bool {
        let feature = feature.to_string();
        if self.count > 0 {
            if self.text.len() + feature.len() >= self.most_bytes {
                return false;
            }
            self.text.push(',');
        }
        self.count += 1;
        self.text.push_str(&feature);
        true
    }

    /// Features so far.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The answer; `rest` are the collection's other members, an object with one at least.
    pub(crate) fn answer(mut self, rest: &Value) -> Response {
        self.text.push_str("],");
        self.text.push_str(&rest.to_string()[1..]);
        self.text.shrink_to_fit();
        let spare = self.units.num_permits().saturating_sub(units_of(self.text.len()) as usize);
        drop(self.units.split(spare));
        let taken = Taken(Arc::new(self.units));
        let body = Body::from(held(self.text.into(), taken.clone()));
        let head = [(CONTENT_TYPE, "application/geo+json"), (CACHE_CONTROL, "no-cache")];
        (head, Extension(taken), body).into_response()
    }
}

fn units_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES as usize)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;

    async fn read(answer: Response) -> Value {
        serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 20).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_list_is_accounted_for_until_it_is_taken() {
        let lists = Lists::new(24 * UNIT_BYTES, Duration::from_millis(5));
        let kept = lists.account(&vec![0; 5000].into(), None).unwrap();
        assert!(lists.account(&vec![0; 25_000].into(), None).is_none());
        let (mut first, second) = (lists.begin().await.unwrap(), lists.begin().await.unwrap());
        assert!(lists.begin().await.is_err(), "two pages are under way");
        assert_eq!(lists.shed(), 1);
        assert!(first.push(&json!({ "id": 1 })) && first.push(&json!({ "id": 2 })));
        let answer = first.answer(&json!({ "numberMatched": 7 }));
        assert_eq!(lists.units.available_permits(), 24 - 5 - 9 - 1, "a short one takes what it is");
        // What it becomes when it is encoded takes the place of what it was.
        let mut long = lists.begin().await.unwrap();
        assert!(long.push(&json!("x".repeat(4000))));
        let (mut head, body) = long.answer(&json!({ "a": 1 })).into_parts();
        drop(body);
        let encoded = lists.account(&vec![0; 1500].into(), head.extensions.remove()).unwrap();
        assert_eq!(lists.units.available_permits(), 24 - 5 - 9 - 1 - 2);
        drop(encoded);
        let told = json!({ "type": "FeatureCollection", "features": [{ "id": 1 }, { "id": 2 }], "numberMatched": 7 });
        assert_eq!(read(answer).await, told);
        assert_eq!(lists.units.available_permits(), 24 - 5 - 9);
        assert_eq!(read(second.answer(&json!({ "numberMatched": 0 }))).await["features"], json!([]));
        drop(kept);
        assert_eq!(lists.units.available_permits(), 24);
    }

    #[tokio::test]
    async fn a_page_ends_where_it_is_full_and_has_one_feature_at_least() {
        let lists = Lists::new(8 * UNIT_BYTES, Duration::from_millis(5));
        let (mut features, huge) = (lists.begin().await.unwrap(), json!("x".repeat(5000)));
        assert!(features.push(&huge) && !features.push(&json!(1)));
        assert_eq!(features.count(), 1);
        assert_eq!(read(features.answer(&json!({ "a": 1 }))).await["features"], json!([huge]));
    }
}
