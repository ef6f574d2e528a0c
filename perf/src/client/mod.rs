//! Requests as a browser makes them, and the classes in which they fail.
//!
//! A client belongs to one user: it keeps at most [`CONNECTIONS`] connections, as browsers do to one host over
//! HTTP/1.1. It does not retry and keeps no cache; [`crate::user`] decides what to ask for.

mod scenes;

use std::{
    fmt,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::Error;

pub use scenes::{Scene, TileTemplate, list_scenes, open_scene};

/// Connections of one browser to one host.
pub const CONNECTIONS: usize = 6;

/// One user's HTTP client.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
}

/// How asking for a tile ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An image.
    Image,
    /// No data there: 204 or 404.
    Outside,
    /// Anything else.
    Failed(Failure),
}

/// Classes of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// No connection.
    Connect,
    /// No whole answer in time.
    Timeout,
    /// The connection broke while answering.
    Broken,
    /// A status of 400 to 499 other than 404.
    Refused,
    /// 503: the server says it is overloaded.
    Overloaded,
    /// Any other status.
    ServerError,
    /// Status 200, but not an image.
    NotAnImage,
}

/// One answered or failed request.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// How it ended.
    pub outcome: Outcome,
    /// From sending to the last byte.
    pub duration: Duration,
    /// Size of the body.
    pub body_bytes: u64,
}

impl Client {
    /// A client whose requests end after `timeout`.
    ///
    /// # Errors
    /// [`Error::Client`] when the TLS or resolver set-up fails.
    pub fn new(timeout: Duration) -> Result<Self, Error> {
        // Fails when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .http1_only()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(CONNECTIONS)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(timeout)
            .user_agent(concat!("aurora-perf/", env!("CARGO_PKG_VERSION")))
            .build();
        http.map(|http| Self { http }).map_err(|error| Error::Client { reason: error.to_string() })
    }

    /// Asks for one tile.
    pub async fn fetch_tile(&self, url: &str) -> Fetch {
        let started = Instant::now();
        let (outcome, body_bytes) = match self.get(url).await {
            Ok((status, body)) => (judge(status, &body), body.len() as u64),
            Err(error) => (Outcome::Failed(classify(&error)), 0),
        };
        Fetch { outcome, duration: started.elapsed(), body_bytes }
    }

    async fn get(&self, url: &str) -> reqwest::Result<(u16, Vec<u8>)> {
        let response = self.http.get(url).header("accept", "image/*").send().await?;
        let status = response.status().as_u16();
        Ok((status, response.bytes().await?.to_vec()))
    }

    /// Asks for JSON that must be there.
    async fn fetch_json(&self, url: &str) -> Result<serde_json::Value, Error> {
        let unanswered = |error: reqwest::Error| Error::Unanswered { url: url.to_owned(), reason: chain(&error) };
        let response = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status);
        response.map_err(unanswered)?.json().await.map_err(unanswered)
    }
}

fn judge(status: u16, body: &[u8]) -> Outcome {
    match status {
        200 if is_image(body) => Outcome::Image,
        200 => Outcome::Failed(Failure::NotAnImage),
        204 | 404 => Outcome::Outside,
        503 => Outcome::Failed(Failure::Overloaded),
        400..=499 => Outcome::Failed(Failure::Refused),
        _ => Outcome::Failed(Failure::ServerError),
    }
}

/// PNG, JPEG or WebP by signature.
fn is_image(body: &[u8]) -> bool {
    let webp = body.starts_with(b"RIFF") && body.get(8..12) == Some(b"WEBP".as_slice());
    webp || body.starts_with(b"\x89PNG\r\n\x1a\n") || body.starts_with(b"\xFF\xD8\xFF")
}

fn classify(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        Failure::Connect
    } else {
        Failure::Broken
    }
}

/// An error with its causes: reqwest keeps the telling one innermost.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Refused => "4xx",
            Self::Overloaded => "503",
            Self::ServerError => "5xx",
            Self::NotAnImage => "not an image",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_judged_by_status_and_signature() {
        let png = b"\x89PNG\r\n\x1a\n rest";
        assert_eq!(judge(200, png), Outcome::Image);
        assert_eq!(judge(200, b"RIFF\0\0\0\0WEBPVP8 "), Outcome::Image);
        assert_eq!(judge(200, b"<html>"), Outcome::Failed(Failure::NotAnImage));
        assert_eq!(judge(404, b""), Outcome::Outside);
        assert_eq!(judge(503, png), Outcome::Failed(Failure::Overloaded));
        assert_eq!(judge(429, b""), Outcome::Failed(Failure::Refused));
        assert_eq!(judge(302, b""), Outcome::Failed(Failure::ServerError));
    }
}
