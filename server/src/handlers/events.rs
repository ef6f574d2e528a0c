//! `/events`: news as server-sent events.
//!
//! A client that comes back names the event it saw last and gets exactly what followed, or one `reset` when that is
//! not known any more. A slow one is told at its own pace, from the events kept.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, header::CACHE_CONTROL},
    response::{
        IntoResponse,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt, stream};

use crate::{app::App, catalogue::Message};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A comment this often tells both ends, and every proxy between, that the line is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Pause after which a browser comes back.
const RETRY: Duration = Duration::from_secs(2);

/// Tells nginx to pass events on as they come.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// The stream; it ends when the client goes or the server stops.
pub(crate) async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> impl IntoResponse {
    let last_id = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let listener = app.catalogue.listen(last_id);
    let told = stream::unfold(listener, async |mut listener| {
        let messages = listener.next().await;
        Some((stream::iter(messages), listener))
    });
    let stream = told.flatten().map(|message| Ok::<_, Infallible>(sent(message)));
    let stream = stream.take_until(app.stop.clone().cancelled_owned());
    ([UNBUFFERED, (CACHE_CONTROL, "no-cache")], Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn sent(message: Message) -> sse::Event {
    let event = sse::Event::default();
    match message {
        // An id without data: the client can resume from here even if nothing happens until then.
        Message::Here { id } => event.id(id).retry(RETRY),
        Message::Event { id, event: news } => event.event(news.kind.name()).id(id).data(&news.data),
        Message::Reset { id } => event.event("reset").id(id).data("{}").retry(RETRY),
    }
}
