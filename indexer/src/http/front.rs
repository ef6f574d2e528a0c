//! What stands before the table of addresses: bytes of files, which are asked for far more often than anything else.
//!
//! `GET` and `HEAD` below the two folders are answered here, without the price of routing, extracting and layers, which
//! is about that of the answer itself. Every other request is the table's ([`super::routes`]).

use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc};

use aurora_daemon::{problem::Problem, serve::Answers};
use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::{
    files::{
        Tree,
        answer::{Asked, answer},
    },
    work::folder::Folder,
};

/// The root's files.
pub(super) const FILES: &str = "/files/";

/// What was published.
pub(super) const RESULTS: &str = "/results/";

/// Seconds after which to ask again for a result whose folder is away: about as long as until it is looked at again.
const AWAY_RETRY_S: u32 = 5;

/// What a page of another origin may read of an answer beside what every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static("accept-ranges, content-range, etag");

/// Headers with which a page of another origin may ask for parts of a file and for a version of it.
pub(super) const ASKED_WITH: [HeaderName; 4] =
    [header::RANGE, header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE];

/// Files first, then the table.
pub struct Front {
    /// Below `/files/`.
    pub files: Tree,
    /// Below `/results/`.
    pub results: Tree,
    /// Whether what lies below `/results/` is what was published.
    pub folder: Arc<Folder>,
    /// Everything else.
    pub table: Router,
}

impl Answers for Front {
    async fn answer(&self, request: Request<Body>, peer: SocketAddr) -> Response {
        match self.asked(&request) {
            Some((tree, path)) => {
                let of_results = request.uri().path().starts_with(RESULTS);
                let (method, headers) = (request.method().clone(), request.into_parts().0.headers);
                let is_away = || of_results && self.folder.away().is_some();
                of_tree(tree, Asked { path, method, headers }, is_away).await
            }
            None => self.table.answer(request, peer).await,
        }
    }
}

impl Front {
    /// The folder that is asked for something, and what. The path is taken as it came: a decoded one could hide a
    /// slash.
    fn asked(&self, request: &Request<Body>) -> Option<(&Tree, String)> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let trees = [(FILES, &self.files), (RESULTS, &self.results)];
        let path = request.uri().path();
        trees.into_iter().find_map(|(prefix, tree)| Some((tree, path.strip_prefix(prefix)?.to_owned())))
    }
}

/// What `tree` has; what an `is_away` one lacks, it may have again.
async fn of_tree(tree: &Tree, asked: Asked, is_away: impl Fn() -> bool) -> Response {
    let mut response = AssertUnwindSafe(answer(tree, asked)).catch_unwind().await.unwrap_or_else(|_| panicked());
    if response.status() == StatusCode::NOT_FOUND && is_away() {
        let problem = Problem::client(StatusCode::SERVICE_UNAVAILABLE, "the results folder is away");
        response = problem.retry_after(AWAY_RETRY_S).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response
}

/// The answer where a handler panicked.
pub(super) fn panicked() -> Response {
    Problem::server(StatusCode::INTERNAL_SERVER_ERROR, "a handler panicked").into_response()
}
