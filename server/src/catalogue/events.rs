//! News for browsers: what is told of each change, and the last events of every feed.
//!
//! A mirror keeps its own [`Recent`] events beside the state they led to, and the snapshot keeps both; so after a
//! restart the stream goes on where it stood. Who listens, and from where, is [`super::listen`]'s business.

use std::{collections::VecDeque, sync::Arc};

use aurora_catalog::{Detection, JobView, Scene};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::feature::scene_properties;

/// Events of one feed that are kept for clients that come back.
const RECENT_EVENTS: usize = 10_000;

/// Bytes of events kept, whatever their number.
const RECENT_BYTES: usize = 4 << 20;

/// What an event is about; its name in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Scene,
    Detection,
    Job,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Scene => "scene",
            Self::Detection => "detection",
            Self::Job => "job",
        }
    }
}

/// One event: the news of one change.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Number of the change in its feed.
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
    /// JSON.
    pub(crate) data: String,
}

/// What happened, before it has a place in the stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct News {
    kind: Kind,
    data: Value,
}

impl News {
    pub(super) fn scene(scene: &Scene, change: &str) -> Self {
        let mut properties = scene_properties(scene);
        properties.insert("change".to_owned(), change.into());
        Self { kind: Kind::Scene, data: properties.into() }
    }

    pub(super) fn detections(scene_id: &str, revision: u64, detections: &[Detection]) -> Self {
        let max_confidence = detections.iter().map(|detection| detection.confidence).reduce(f64::max);
        let count = detections.len();
        let data = json!({
            "scene_id": scene_id, "revision": revision, "count": count, "max_confidence": max_confidence,
        });
        Self { kind: Kind::Detection, data }
    }

    pub(super) fn job(job: &JobView) -> Self {
        Self { kind: Kind::Job, data: json!(job) }
    }
}

/// The last events of one feed, in order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Recent {
    /// No event after this change is missing.
    floor: u64,
    events: VecDeque<Arc<Event>>,
    size_bytes: usize,
}

impl Recent {
    /// Adds the news of change `seq`, which is newer than all here; the oldest make room.
    pub(super) fn push(&mut self, seq: u64, News { kind, data }: News) {
        let event = Arc::new(Event { seq, kind, data: data.to_string() });
        self.size_bytes += size_bytes(&event);
        self.events.push_back(event);
        while self.events.len() > RECENT_EVENTS || self.size_bytes > RECENT_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.size_bytes -= size_bytes(&oldest);
            self.floor = oldest.seq;
        }
    }

    /// The events after change `seq`, or `None` when some of them are gone.
    pub(super) fn after(&self, seq: u64) -> Option<impl Iterator<Item = &Arc<Event>>> {
        let first = self.events.partition_point(|event| event.seq <= seq);
        (seq >= self.floor).then(|| self.events.range(first..))
    }
}

fn size_bytes(event: &Event) -> usize {
    event.data.len() + size_of::<Event>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(recent: &mut Recent, seq: u64) {
        recent.push(seq, News { kind: Kind::Job, data: json!({ "number": seq }) });
    }

    fn after(recent: &Recent, seq: u64) -> Option<Vec<u64>> {
        recent.after(seq).map(|events| events.map(|event| event.seq).collect())
    }

    #[test]
    fn what_followed_is_told_exactly() {
        let mut recent = Recent::default();
        [3, 5, 9].into_iter().for_each(|seq| push(&mut recent, seq));
        for (seq, followed) in [(0, &[3, 5, 9][..]), (3, &[5, 9]), (4, &[5, 9]), (9, &[]), (20, &[])] {
            assert_eq!(after(&recent, seq).unwrap(), followed, "{seq}");
        }
    }

    #[test]
    fn it_is_bounded_and_knows_what_it_has_lost() {
        let mut recent = Recent::default();
        let count = RECENT_EVENTS as u64 + 10;
        (1..=count).for_each(|seq| push(&mut recent, seq));
        assert!(recent.events.len() <= RECENT_EVENTS && recent.size_bytes <= RECENT_BYTES);
        let floor = recent.floor;
        assert!(floor >= 10 && after(&recent, floor - 1).is_none());
        assert_eq!(after(&recent, floor).unwrap().len() as u64, count - floor);
    }
}
