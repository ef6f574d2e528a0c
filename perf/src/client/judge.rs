//! What an answer means to a map.

use std::time::Duration;

use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use super::{Answer, Failure};

/// How asking for a tile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// An image.
    Image,
    /// The image in the browser's cache is still good: 304.
    NotModified,
    /// No data there: 204 or 404.
    Outside,
    /// Anything else.
    Failed(Failure),
}

/// Judges an answer to a request for a tile, by status and signature.
pub fn judge_tile(answer: &Answer) -> Outcome {
    match answer.status {
        200 if is_image(&answer.body) => Outcome::Image,
        200 => Outcome::Failed(Failure::NotAnImage),
        304 => Outcome::NotModified,
        204 | 404 => Outcome::Outside,
        status => Outcome::Failed(Failure::of_status(status)),
    }
}

/// The pause an overloaded server asks for, in whole seconds; `None` when it asks for none (or for a date).
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

impl Failure {
    /// Of a status that is no success.
    pub fn of_status(status: u16) -> Self {
        match status {
            429 | 503 => Self::Overloaded,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// PNG, JPEG or WebP by signature.
fn is_image(body: &[u8]) -> bool {
    let webp = body.starts_with(b"RIFF") && body.get(8..12) == Some(b"WEBP".as_slice());
    webp || body.starts_with(b"\x89PNG\r\n\x1a\n") || body.starts_with(b"\xFF\xD8\xFF")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Timing;

    #[test]
    fn answers_are_judged_by_status_and_signature() {
        let judge = |status, body: &'static [u8]| {
            judge_tile(&Answer {
                status,
                headers: HeaderMap::new(),
                body: body.into(),
                body_bytes: body.len() as u64,
                timing: Timing::default(),
            })
        };
        let png = b"\x89PNG\r\n\x1a\n rest";
        assert_eq!(judge(200, png), Outcome::Image);
        assert_eq!(judge(200, b"RIFF\0\0\0\0WEBPVP8 "), Outcome::Image);
        assert_eq!(judge(200, b"<html>"), Outcome::Failed(Failure::NotAnImage));
        assert_eq!(judge(304, b""), Outcome::NotModified);
        assert_eq!(judge(404, b""), Outcome::Outside);
        assert_eq!(judge(503, png), Outcome::Failed(Failure::Overloaded));
        assert_eq!(judge(429, b""), Outcome::Failed(Failure::Overloaded));
        assert_eq!(judge(400, b""), Outcome::Failed(Failure::ClientError));
        assert_eq!(judge(302, b""), Outcome::Failed(Failure::ServerError));
    }

    #[test]
    fn only_seconds_are_waited_for() {
        let after = |text: &str| retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]));
        assert_eq!(after("2"), Some(Duration::from_secs(2)));
        assert_eq!(after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }
}
