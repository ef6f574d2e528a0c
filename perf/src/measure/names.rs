//! What is counted and what is timed, and how reports and thresholds call it.

use serde::{Deserialize, Serialize};

/// Something counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Requests that ended, answered or not.
    HttpReqs,
    /// Those that failed.
    HttpReqFailed,
    /// Bytes of bodies received.
    DataReceived,
    /// Bytes of bodies sent.
    DataSent,
    /// Rounds of a virtual user.
    Iterations,
    /// Rounds that an open model had to leave out because nobody was free in time.
    DroppedIterations,
    /// Connections opened.
    Connections,
    /// Connections that were dead when used again, and replaced.
    Reconnects,
    /// Tiles that came as images.
    Images,
    /// Tiles that hold no data: 204 or 404.
    Outside,
    /// Tiles that were still good in the browser's cache after asking: 304.
    NotModified,
    /// Tiles taken from the browser's cache without asking.
    CacheHits,
    /// Requests given up because the map had moved on.
    Cancelled,
    /// Changes of view that needed new tiles.
    Views,
    /// Views that lack a tile for a failure.
    IncompleteViews,
    /// Views left before all their tiles were there.
    AbandonedViews,
    /// Things asked for and got at the first try.
    ServedFirstTry,
    /// Things got after one or two repetitions that a 503 with `Retry-After` asked for.
    ServedAfterRetries,
    /// Things not got.
    NotServed,
    /// Repetitions after 503 with `Retry-After`.
    Retries,
}

/// Something timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// From sending to the last byte (or to the failure), of all requests: k6's.
    HttpReqDuration,
    /// The same of those that did not fail: k6's `{expected_response:true}`.
    ExpectedDuration,
    /// The same counted from when the request should have been sent; open model of tiles and requests only.
    CorrectedDuration,
    /// Waiting for a free connection of the browser.
    HttpReqBlocked,
    /// Opening a connection.
    HttpReqConnecting,
    /// From sending to the first byte of the answer.
    HttpReqWaiting,
    /// From the first try to the answer, pauses between tries included.
    ServedDuration,
    /// A whole round of a virtual user without its pause.
    IterationDuration,
    /// From a change of view to its first new tile.
    TileFirst,
    /// From a change of view to its last new tile. A view left before counts with the time it was waited for.
    ViewportComplete,
    /// The time that a view left before was waited for.
    ViewportLeft,
    /// From a change of view to its last new tile, corrected for the views that a slow one kept the user from.
    ViewportCorrected,
}

impl Count {
    /// Name in reports and thresholds.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpReqs => "http_reqs",
            Self::HttpReqFailed => "http_reqs_failed",
            Self::DataReceived => "data_received",
            Self::DataSent => "data_sent",
            Self::Iterations => "iterations",
            Self::DroppedIterations => "dropped_iterations",
            Self::Connections => "connections",
            Self::Reconnects => "reconnects",
            Self::Images => "images",
            Self::Outside => "outside",
            Self::NotModified => "not_modified",
            Self::CacheHits => "cache_hits",
            Self::Cancelled => "cancelled",
            Self::Views => "views",
            Self::IncompleteViews => "incomplete_views",
            Self::AbandonedViews => "abandoned_views",
            Self::ServedFirstTry => "served_first_try",
            Self::ServedAfterRetries => "served_after_retries",
            Self::NotServed => "not_served",
            Self::Retries => "retries",
        }
    }
}

impl Trend {
    /// Name in reports and thresholds.
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpReqDuration => "http_req_duration",
            Self::ExpectedDuration => "http_req_duration{expected_response:true}",
            Self::CorrectedDuration => "http_req_duration_corrected",
            Self::HttpReqBlocked => "http_req_blocked",
            Self::HttpReqConnecting => "http_req_connecting",
            Self::HttpReqWaiting => "http_req_waiting",
            Self::ServedDuration => "served_duration",
            Self::IterationDuration => "iteration_duration",
            Self::TileFirst => "tile_first",
            Self::ViewportComplete => "viewport_complete",
            Self::ViewportLeft => "viewport_left",
            Self::ViewportCorrected => "viewport_complete_corrected",
        }
    }
}
