//! Those who listen to the news: where each of them stands in every feed, and what is to be said next.
//!
//! An event's id is the listener's place in all feeds, `{epoch}:{seq}` joined by `,` in the order of the settings. One
//! who comes back with such an id gets exactly what followed: from the events at hand, also after a restart of the
//! server, and also when that restart lost the last moments of the snapshot, because the feed tells them again and what
//! the listener has seen already is left out. Only when that cannot be known is there one `reset`.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Catalogue, Mirror, events::Event};

/// Events said at a time.
const BATCH_EVENTS: usize = 64;

/// Epoch and number of the last change seen of one feed; the epoch is empty while nothing is known of that feed.
type Place = (String, u64);

/// What is said to a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// Nothing new, but from here it can resume.
    Here { id: String },
    /// An event.
    Event { id: String, event: Arc<Event> },
    /// What followed is not known: ask for everything again.
    Reset { id: String },
}

/// One listener.
pub(crate) struct Listener {
    catalogue: Arc<Catalogue>,
    moved: watch::Receiver<()>,
    places: Vec<Place>,
    /// Said before anything else.
    greeting: Option<Message>,
}

impl Listener {
    /// One who last saw the event of that id, or begins now.
    pub(super) fn new(catalogue: Arc<Catalogue>, moved: watch::Receiver<()>, last_id: Option<&str>) -> Self {
        let now: Vec<Place> = catalogue.mirrors().iter().map(Mirror::position).collect();
        let (places, greeting) = match last_id.map(|id| parse(id, now.len())) {
            None => {
                let id = id(&now);
                (now, Message::Here { id })
            }
            Some(Some(places)) => {
                let id = id(&places);
                (places, Message::Here { id })
            }
            Some(None) => {
                let id = id(&now);
                (now, Message::Reset { id })
            }
        };
        Self { catalogue, moved, places, greeting: Some(greeting) }
    }

    /// What is to be said next; waits until there is something.
    pub(crate) async fn next(&mut self) -> Vec<Message> {
        loop {
            // Marked before looking, so that what happens while looking wakes the next wait.
            self.moved.mark_unchanged();
            let mut messages = self.look();
            if let Some(greeting) = self.greeting.take() {
                messages.insert(0, greeting);
            }
            if !messages.is_empty() {
                return messages;
            }
            if self.moved.changed().await.is_err() {
                // The catalogue is gone, and the server with it.
                std::future::pending::<()>().await;
            }
        }
    }

    /// What followed since the last look, at most a batch of it.
    fn look(&mut self) -> Vec<Message> {
        let catalogue = Arc::clone(&self.catalogue);
        let mirrors = catalogue.mirrors();
        let mut messages = Vec::new();
        for (index, mirror) in mirrors.iter().enumerate() {
            if !mirror.is_known() {
                // Nothing is known of this feed yet; where the listener stood may still turn out to be a place in it.
                continue;
            }
            let (epoch, seq) = &self.places[index];
            let Some(events) = mirror.since(epoch, *seq) else {
                self.places = mirrors.iter().map(Mirror::position).collect();
                return vec![Message::Reset { id: id(&self.places) }];
            };
            let events: Vec<_> = events.take(BATCH_EVENTS - messages.len()).cloned().collect();
            for event in events {
                self.places[index].1 = event.seq;
                messages.push(Message::Event { id: id(&self.places), event });
            }
            if messages.len() == BATCH_EVENTS {
                break;
            }
            self.places[index].1 = self.places[index].1.max(mirror.position().1);
        }
        messages
    }
}

fn id(places: &[Place]) -> String {
    let parts: Vec<String> = places.iter().map(|(epoch, seq)| format!("{epoch}:{seq}")).collect();
    parts.join(",")
}

/// The places in `count` feeds that an id names.
fn parse(id: &str, count: usize) -> Option<Vec<Place>> {
    let place = |part: &str| {
        let (epoch, seq) = part.rsplit_once(':')?;
        Some((epoch.to_owned(), seq.parse().ok()?))
    };
    let places: Vec<Place> = id.split(',').map(place).collect::<Option<_>>()?;
    (places.len() == count).then_some(places)
}
