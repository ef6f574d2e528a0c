//! Bodies with an end that is noticed: the answer's, with which its request is over.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use http_body::{Body as _, Frame, SizeHint};

use super::{dues::due, entry::UnderWay};

/// Bytes handed at once to an HTTP/2 connection, which keeps what the client's window does not take.
const MULTIPLEXED_BYTES: usize = 64 << 10;

/// The body of an answer; its request is under way until the last byte has been handed to the connection.
///
/// The ledger learns here how long a client has taken nothing: HTTP/2 has a window for each answer beside what the
/// socket takes. It is therefore handed over piece by piece there; what waits of the last piece in the connection is
/// not seen.
pub(super) struct Answer {
    body: Body,
    /// What is left of the body's present piece.
    rest: Bytes,
    piece_bytes: usize,
    /// Time in which a client must have taken a large piece.
    time: Duration,
    under_way: Option<UnderWay>,
    /// It has something to give, as far as is known.
    offers: bool,
}

impl Answer {
    pub(super) fn new(body: Body, under_way: UnderWay, time: Duration) -> Self {
        under_way.entry().offer();
        let piece_bytes = if under_way.entry().is_multiplexed() { MULTIPLEXED_BYTES } else { usize::MAX };
        Self { body, rest: Bytes::new(), piece_bytes, time, under_way: Some(under_way), offers: true }
    }

    /// The next piece that the connection is to get.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.rest = match &self.under_way {
                            Some(under_way) => due(data, under_way.entry(), self.time),
                            None => data,
                        };
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = self.rest.split_to(self.piece_bytes.min(self.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// What the look at the body that the client's room allowed came to.
    fn looked(&mut self, has_more: bool) {
        let Some(under_way) = &self.under_way else { return };
        under_way.entry().took();
        match (self.offers, has_more) {
            (false, true) => under_way.entry().offer(),
            (true, false) => under_way.entry().withdraw(),
            _ => {}
        }
        self.offers = has_more;
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = self.poll_piece(cx);
        self.looked(matches!(polled, Poll::Ready(Some(Ok(_)))));
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.under_way = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest_bytes) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest_bytes);
        }
        hint.set_lower(hint.lower() + rest_bytes);
        hint
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.looked(false);
    }
}
