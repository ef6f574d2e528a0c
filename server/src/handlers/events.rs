//! `/events`: news as server-sent events.
//!
//! A client that comes back names the event it saw last and gets exactly what followed, or one `reset` when that is
//! not known any more. One that cannot keep up is dropped; it comes back and resumes.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName},
    response::sse::{self, KeepAlive, Sse},
};
use futures_util::{Stream, StreamExt, future, stream};
use tokio_stream::wrappers::BroadcastStream;

use crate::{
    app::App,
    catalogue::{Event, Resumed},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A comment this often tells both ends, and every proxy between, that the line is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Pause after which a browser comes back.
const RETRY: Duration = Duration::from_secs(2);

/// The stream; it ends when the client goes, falls behind, or the server stops.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let last_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let Resumed { id, missed, live } = app.catalogue.events().resume(last_id);
    let first = match missed {
        // An id without data: the client can resume from here even if nothing happens until then.
        Some(missed) if missed.is_empty() => vec![sse::Event::default().id(id).retry(RETRY)],
        Some(missed) => missed.iter().map(|event| sent(event)).collect(),
        None => vec![sse::Event::default().event("reset").id(id).data("{}").retry(RETRY)],
    };
    let live = BroadcastStream::new(live).take_while(|event| future::ready(event.is_ok()));
    let live = live.filter_map(|event| future::ready(event.ok().map(|event| sent(&event))));
    let stop = app.stop.clone();
    let stream = stream::iter(first).chain(live).map(Ok).take_until(stop.cancelled_owned());
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn sent(event: &Event) -> sse::Event {
    sse::Event::default().event(event.kind).id(&event.id).data(&event.data)
}
