//! News for browsers: the last events in a ring, and a broadcast to those who listen.
//!
//! An event's id is the position in every indexer's feed, `{epoch}:{seq}` joined by `,` in the order of the settings.
//! A client that comes back with the id it saw last gets exactly what followed, also after a restart of the server as
//! long as the snapshot had come that far; when that cannot be told any more it gets one `reset`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aurora_catalog::{Detection, JobView, Scene};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::feature::scene_properties;

/// Events kept for clients that come back.
const RING_EVENTS: usize = 10_000;

/// Bytes of events kept, whatever their number.
const RING_BYTES: usize = 4 << 20;

/// Events a client may be behind before it is dropped; it comes back and resumes.
const CLIENT_EVENTS: usize = 256;

/// One event as it is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) data: String,
    mirror: usize,
    seq: u64,
}

/// What happened, before it has a place in the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct News {
    kind: &'static str,
    data: Value,
}

impl News {
    pub(super) fn scene(scene: &Scene, change: &str) -> Self {
        let mut properties = scene_properties(scene);
        properties.insert("change".to_owned(), change.into());
        Self { kind: "scene", data: properties.into() }
    }

    pub(super) fn detections(scene_id: &str, revision: u64, detections: &[Detection]) -> Self {
        let max_confidence = detections.iter().map(|detection| detection.confidence).reduce(f64::max);
        let count = detections.len();
        let data = json!({
            "scene_id": scene_id, "revision": revision, "count": count, "max_confidence": max_confidence,
        });
        Self { kind: "detection", data }
    }

    pub(super) fn job(job: &JobView) -> Self {
        Self { kind: "job", data: json!(job) }
    }
}

type Position = (String, u64);

struct Ring {
    /// Where the stream stands in every feed.
    positions: Vec<Position>,
    /// From where on the ring is complete, for every feed.
    floors: Vec<u64>,
    events: VecDeque<Arc<Event>>,
    size_bytes: usize,
}

/// The stream.
pub(crate) struct Events {
    ring: Mutex<Ring>,
    sender: broadcast::Sender<Arc<Event>>,
}

/// What a client that connects is given.
pub(crate) struct Resumed {
    /// The id of the present moment.
    pub(crate) id: String,
    /// What it missed, or `None` when that is not known and it must start anew.
    pub(crate) missed: Option<Vec<Arc<Event>>>,
    /// What comes.
    pub(crate) live: broadcast::Receiver<Arc<Event>>,
}

impl Events {
    /// A stream that stands at `positions`, one a feed.
    pub(super) fn new(positions: Vec<Position>) -> Self {
        let floors = positions.iter().map(|(_, seq)| *seq).collect();
        let ring = Ring { positions, floors, events: VecDeque::new(), size_bytes: 0 };
        Self { ring: Mutex::new(ring), sender: broadcast::channel(CLIENT_EVENTS).0 }
    }

    /// Moves the stream to change `seq` of a feed, with what was news in it.
    pub(super) fn push(&self, mirror: usize, seq: u64, news: Option<News>) {
        let mut ring = self.lock();
        ring.positions[mirror].1 = seq;
        if let Some(News { kind, data }) = news {
            let event = Arc::new(Event { id: ring.id(), kind, data: data.to_string(), mirror, seq });
            ring.keep(Arc::clone(&event));
            // Nobody may be listening.
            let _ = self.sender.send(event);
        }
    }

    /// Moves the stream to a new place in a feed, over changes it does not tell of: clients must start anew.
    pub(super) fn reset(&self, mirror: usize, position: Position) {
        let mut ring = self.lock();
        ring.positions[mirror] = position;
        ring.events.clear();
        ring.size_bytes = 0;
        ring.floors = ring.positions.iter().map(|(_, seq)| *seq).collect();
        let event = Event { id: ring.id(), kind: "reset", data: "{}".to_owned(), mirror, seq: 0 };
        let _ = self.sender.send(Arc::new(event));
    }

    /// Takes in a client that last saw the event of that id, if any.
    pub(crate) fn resume(&self, last_id: Option<&str>) -> Resumed {
        let ring = self.lock();
        let missed = match last_id {
            None => Some(Vec::new()),
            Some(id) => ring.since(id),
        };
        // Subscribed under the ring's lock, so that nothing falls between what was missed and what comes.
        Resumed { id: ring.id(), missed, live: self.sender.subscribe() }
    }

    /// Clients listening now.
    pub(crate) fn listeners(&self) -> usize {
        self.sender.receiver_count()
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn id(&self) -> String {
        let parts: Vec<String> = self.positions.iter().map(|(epoch, seq)| format!("{epoch}:{seq}")).collect();
        parts.join(",")
    }

    fn keep(&mut self, event: Arc<Event>) {
        self.size_bytes += event.size_bytes();
        self.events.push_back(event);
        while self.events.len() > RING_EVENTS || self.size_bytes > RING_BYTES {
            let Some(oldest) = self.events.pop_front() else { return };
            self.size_bytes -= oldest.size_bytes();
            self.floors[oldest.mirror] = oldest.seq;
        }
    }

    /// Events after the one of that id, or `None` when some of them may be gone.
    fn since(&self, id: &str) -> Option<Vec<Arc<Event>>> {
        let seen: Vec<u64> = id.split(',').zip(self.positions.iter().zip(&self.floors)).map_while(in_reach).collect();
        let complete = seen.len() == self.positions.len() && id.split(',').count().max(1) == seen.len().max(1);
        complete.then(|| self.events.iter().filter(|event| event.seq > seen[event.mirror]).cloned().collect())
    }
}

/// The sequence number of one part of an id, if the ring still has everything after it.
fn in_reach((part, ((epoch, position), floor)): (&str, (&Position, &u64))) -> Option<u64> {
    let (seen_epoch, seq) = part.rsplit_once(':')?;
    let seq: u64 = seq.parse().ok()?;
    (seen_epoch == epoch && (*floor..=*position).contains(&seq)).then_some(seq)
}

impl Event {
    fn size_bytes(&self) -> usize {
        self.id.len() + self.data.len() + size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Events {
        Events::new(vec![("e".to_owned(), 5), ("f".to_owned(), 0)])
    }

    fn news(number: u64) -> Option<News> {
        Some(News { kind: "job", data: json!({ "number": number }) })
    }

    fn data(events: &[Arc<Event>]) -> Vec<&str> {
        events.iter().map(|event| event.data.as_str()).collect()
    }

    #[test]
    fn a_client_resumes_after_what_it_saw_of_every_feed() {
        let events = stream();
        events.push(0, 6, news(1));
        events.push(1, 1, news(2));
        events.push(0, 7, None);
        events.push(0, 8, news(3));
        let missed = |id: &str| events.resume(Some(id)).missed.map(|missed| data(&missed).join(" "));
        assert_eq!(missed("e:5,f:0").unwrap(), r#"{"number":1} {"number":2} {"number":3}"#);
        assert_eq!(missed("e:6,f:0").unwrap(), r#"{"number":2} {"number":3}"#);
        assert_eq!(missed("e:6,f:1").unwrap(), r#"{"number":3}"#);
        assert_eq!(missed("e:8,f:1").unwrap(), "");
        for gone in ["e:4,f:0", "x:6,f:1", "e:9,f:1", "e:6", "e:6,f:1,g:0", "", "nonsense"] {
            assert_eq!(missed(gone), None, "{gone}");
        }
    }

    #[tokio::test]
    async fn nothing_falls_between_missed_and_live() {
        let events = stream();
        events.push(0, 6, news(1));
        let mut resumed = events.resume(Some("e:5,f:0"));
        events.push(0, 7, news(2));
        assert_eq!(data(&resumed.missed.unwrap()), [r#"{"number":1}"#]);
        let live = resumed.live.recv().await.unwrap();
        assert_eq!((live.id.as_str(), live.data.as_str()), ("e:7,f:0", r#"{"number":2}"#));
    }

    #[test]
    fn the_ring_is_bounded_and_says_so() {
        let events = stream();
        let count = RING_EVENTS as u64 + 10;
        (6..6 + count).for_each(|seq| events.push(0, seq, news(seq)));
        let ring = events.lock();
        assert!(ring.events.len() <= RING_EVENTS && ring.size_bytes <= RING_BYTES);
        let floor = ring.floors[0];
        drop(ring);
        assert!(events.resume(Some(&format!("e:{},f:0", floor - 1))).missed.is_none());
        assert!(events.resume(Some(&format!("e:{floor},f:0"))).missed.is_some());
    }

    #[test]
    fn after_a_reset_old_ids_start_anew() {
        let events = stream();
        events.push(0, 6, news(1));
        events.reset(0, ("new".to_owned(), 40));
        assert!(events.resume(Some("e:6,f:0")).missed.is_none());
        assert_eq!(events.resume(Some("new:40,f:0")).missed.map(|missed| missed.len()), Some(0));
    }
}
