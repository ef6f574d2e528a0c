//! What is served: a router, or something that answers the most frequent requests itself and asks a router for the
//! rest.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    response::Response,
};
use tower::Service;

/// Answers requests.
pub trait Answers: Send + Sync + 'static {
    /// The answer to a request of the client at `peer`.
    fn answer(&self, request: Request<Body>, peer: SocketAddr) -> impl Future<Output = Response> + Send;
}

impl Answers for Router {
    async fn answer(&self, mut request: Request<Body>, peer: SocketAddr) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        let Ok(response) = self.clone().call(request).await;
        response
    }
}
