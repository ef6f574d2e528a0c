//! `GET /events`: the feed as server-sent events. Each event's id is `{epoch}:{seq}`, its name the kind of change, its
//! data the change; `Last-Event-ID` resumes after it with nothing lost or doubled.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use aurora_catalog::{Change, ChangeBody, store::changes::PageLimits};
use aurora_daemon::problem::Problem;
use axum::{
    extract::State,
    response::{
        IntoResponse, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use http::HeaderMap;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Shared;
use crate::database::Feed;

/// Changes read ahead of a client.
const AHEAD: u32 = 100;

/// Time between comments that keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Pause after the database failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// Streams changes from now on, or from after `Last-Event-ID`. A client of another epoch gets `reset` first and then
/// everything.
///
/// # Errors
/// 503 when too many clients listen.
pub async fn stream(State(shared): State<Shared>, headers: HeaderMap) -> Result<impl IntoResponse, Problem> {
    let permit = shared.followers.clone().try_acquire_owned().map_err(|_| Problem::overloaded(5))?;
    let feed = shared.database.feed();
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let mut ready = VecDeque::new();
    let Feed { epoch, head: newest } = feed.borrow().clone();
    let since = match last.map(|last| resume(last, &epoch)) {
        None => newest,
        Some(Some(seq)) if seq <= newest => seq,
        // Of another epoch, or of a future that this database does not know.
        Some(_) => {
            ready.push_back(reset());
            0
        }
    };
    let events = events(Reader { shared, feed, epoch, since, ready, _permit: permit });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// The client is to forget what it knows; everything follows.
fn reset() -> Event {
    Event::default().event("reset").data("{}")
}

/// The number in an event id of this epoch.
fn resume(id: &str, epoch: &str) -> Option<u64> {
    let (theirs, seq) = id.rsplit_once(':')?;
    (theirs == epoch).then(|| seq.parse().ok()).flatten()
}

struct Reader {
    shared: Shared,
    feed: watch::Receiver<Feed>,
    epoch: Arc<str>,
    since: u64,
    ready: VecDeque<Event>,
    _permit: OwnedSemaphorePermit,
}

fn events(reader: Reader) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(reader, |mut reader| async move {
        while reader.ready.is_empty() {
            tokio::select! {
                () = reader.shared.stop.cancelled() => return None,
                waited = reader.feed.wait_for(|feed| feed.has_news(&reader.epoch, reader.since)) => { waited.ok()?; }
            }
            reader.read_on().await;
        }
        reader.ready.pop_front().map(|event| (Ok(event), reader))
    })
}

impl Reader {
    async fn read_on(&mut self) {
        let epoch = self.shared.database.epoch();
        if epoch != self.epoch {
            (self.epoch, self.since) = (epoch, 0);
            self.ready.push_back(reset());
        }
        let limits = PageLimits { changes: AHEAD, ..PageLimits::default() };
        match self.shared.database.changes(self.since, limits).await {
            Ok(page) => {
                self.since = page.next;
                self.ready.extend(page.changes.iter().filter_map(|change| event(&page.epoch, change)));
            }
            Err(error) => {
                tracing::warn!(%error, "the feed cannot be read for an event stream");
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

fn event(epoch: &str, change: &Change) -> Option<Event> {
    let name = match change.body {
        ChangeBody::Scene { .. } => "scene",
        ChangeBody::Withdrawn { .. } => "withdrawn",
        ChangeBody::Detections { .. } => "detections",
        ChangeBody::Job { .. } => "job",
    };
    let event = Event::default().id(format!("{epoch}:{}", change.seq)).event(name).json_data(change);
    event.inspect_err(|error| tracing::error!(seq = change.seq, %error, "a change cannot be written")).ok()
}

#[cfg(test)]
mod tests {
    use super::resume;

    #[test]
    fn only_ids_of_this_epoch_resume() {
        assert_eq!(resume("abc:7", "abc"), Some(7));
        assert_eq!(resume("abd:7", "abc"), None);
        assert_eq!(resume("abc:", "abc"), None);
        assert_eq!(resume("7", "abc"), None);
    }
}
