//! Bodies with an end that is noticed: the answer's, with which its request is over.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};

use super::ledger::UnderWay;

/// The body of an answer; its request is under way until the last byte has been handed to the connection.
///
/// The ledger learns here how long a client has taken nothing: HTTP/2 has a window for each answer beside what the socket
/// takes. A body of one piece is seen only until its first byte has gone; the rest of it waits in the connection.
pub(super) struct Answer {
    body: Body,
    under_way: Option<UnderWay>,
    /// It has something to give, as far as is known.
    offers: bool,
}

impl Answer {
    pub(super) fn new(body: Body, under_way: UnderWay) -> Self {
        under_way.entry().offer();
        Self { body, under_way: Some(under_way), offers: true }
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
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.looked(matches!(polled, Poll::Ready(Some(Ok(_)))));
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.under_way = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.looked(false);
    }
}
